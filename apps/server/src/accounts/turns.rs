use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OwnedMutexGuard;

use super::remembered::Code;

/// Lets requests that come together with one password have it verified once: the others wait, and find it remembered.
///
/// Without it a client that begins with many requests at once would be slowed down for guessing.
#[derive(Clone, Debug, Default)]
pub(super) struct Turns {
    taken: Arc<Mutex<HashMap<Code, Weak<tokio::sync::Mutex<()>>>>>,
}

impl Turns {
    /// Waits until nobody else verifies `code`, and keeps others from it as long as what it gives is kept.
    pub(super) async fn take(&self, code: Code) -> OwnedMutexGuard<()> {
        let turn = {
            let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
            taken.retain(|_, turn| turn.strong_count() > 0);
            let turn = taken.get(&code).and_then(Weak::upgrade).unwrap_or_default();
            taken.insert(code, Arc::downgrade(&turn));
            turn
        };
        turn.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_code_has_one_turn_at_a_time_and_none_is_kept() {
        let turns = Turns::default();
        let first = turns.take([1; 32]).await;
        let _other = turns.take([2; 32]).await;
        let mut second = Box::pin(turns.take([1; 32]));
        assert!(futures_util::poll!(&mut second).is_pending());
        drop(first);
        drop(second.await);
        drop(turns.take([3; 32]).await);
        turns.take([4; 32]).await;
        assert_eq!(turns.taken.lock().unwrap().len(), 2, "that of 2, and the last");
    }
}
