use std::sync::{Arc, Mutex, PoisonError};

/// The pieces that were made last, by their number.
#[derive(Debug)]
pub(super) struct Recent {
    /// Last used first.
    pieces: Mutex<Vec<(u64, Arc<[u8]>)>>,
    most: usize,
}

impl Recent {
    /// Keeps at most so many.
    pub(super) fn new(most: usize) -> Self {
        Self { pieces: Mutex::new(Vec::new()), most }
    }

    /// The piece of a number, made if it is not kept.
    pub(super) fn get<E>(
        &self,
        number: u64,
        make: impl FnOnce() -> Result<Vec<u8>, E>,
    ) -> Result<Arc<[u8]>, E> {
        let lock = || self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let mut pieces = lock();
            if let Some(at) = pieces.iter().position(|(known, _)| *known == number) {
                let piece = pieces.remove(at);
                let found = Arc::clone(&piece.1);
                pieces.insert(0, piece);
                return Ok(found);
            }
        }
        let made: Arc<[u8]> = make()?.into();
        let mut pieces = lock();
        pieces.truncate(self.most.saturating_sub(1));
        pieces.insert(0, (number, Arc::clone(&made)));
        Ok(made)
    }
}
