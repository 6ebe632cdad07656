use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::random::random;
use crate::store::Account;

/// Passwords that were verified a moment ago, so that not every request costs an Argon2.
///
/// A password itself is not kept, only a code of it under a key that dies with the process. It counts for a minute, and only for
/// the account's generation at the time: a change of password or state ends it.
#[derive(Clone)]
pub(super) struct Remembered {
    key: [u8; 32],
    entries: Arc<Mutex<Entries>>,
}

/// The code of a login with a password.
pub(super) type Code = [u8; 32];

impl Remembered {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { key: random()?, entries: Arc::default() })
    }

    /// The code of `login`, in whatever case, with `password`.
    pub(super) fn code(&self, login: &str, password: &str) -> Code {
        // HMAC takes keys of every length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else { return [0; 32] };
        // No login has a colon.
        mac.update(login.to_ascii_lowercase().as_bytes());
        mac.update(b":");
        mac.update(password.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// Whether `code` was verified for `account` as it is.
    pub(super) fn knows(&self, code: &Code, account: &Account, now: Instant) -> bool {
        let mut entries = self.entries();
        let Some(entry) = entries.known.get(code) else { return false };
        let counts = now < entry.until && entry.user == account.id && entry.generation == account.generation;
        if !counts {
            entries.known.remove(code);
        }
        counts
    }

    /// Notes that `code` was verified for `account`; the oldest are forgotten where there are too many.
    pub(super) fn remember(&self, code: Code, account: &Account, now: Instant) {
        let mut entries = self.entries();
        while entries.order.front().is_some_and(|(until, _)| *until <= now) || entries.order.len() >= CAPACITY
        {
            let Some((until, oldest)) = entries.order.pop_front() else { break };
            // It may have been verified again since.
            if entries.known.get(&oldest).is_some_and(|entry| entry.until == until) {
                entries.known.remove(&oldest);
            }
        }
        let until = now + LIFETIME;
        entries.order.push_back((until, code));
        entries.known.insert(code, Entry { user: account.id, generation: account.generation, until });
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Remembered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remembered").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Entries {
    known: HashMap<Code, Entry>,
    /// As they were verified, which is also as they end.
    order: VecDeque<(Instant, Code)>,
}

struct Entry {
    user: i64,
    generation: i64,
    until: Instant,
}

const LIFETIME: Duration = Duration::from_secs(60);
const CAPACITY: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn account(id: i64, generation: i64) -> Account {
        Account { id, generation, ..Account::default() }
    }

    #[test]
    fn a_password_counts_for_a_minute() {
        let remembered = Remembered::new().unwrap();
        let code = remembered.code("guest", "secret");
        let now = Instant::now();
        remembered.remember(code, &account(1, 0), now);
        assert!(remembered.knows(&remembered.code("Guest", "secret"), &account(1, 0), now));
        assert!(remembered.knows(&code, &account(1, 0), now + Duration::from_secs(59)));
        assert!(!remembered.knows(&code, &account(1, 0), now + Duration::from_secs(60)));
        assert!(!remembered.knows(&remembered.code("guest", "Secret"), &account(1, 0), now));
    }

    #[test]
    fn a_password_counts_for_one_generation_of_one_account() {
        let now = Instant::now();
        for changed in [account(1, 1), account(2, 0)] {
            let remembered = Remembered::new().unwrap();
            let code = remembered.code("guest", "secret");
            remembered.remember(code, &account(1, 0), now);
            assert!(!remembered.knows(&code, &changed, now));
            // And is gone, should the old state ever come back.
            assert!(!remembered.knows(&code, &account(1, 0), now));
        }
    }

    #[test]
    fn the_code_of_a_password_is_another_in_every_process() {
        let code = || Remembered::new().unwrap().code("guest", "secret");
        assert_ne!(code(), code());
    }

    #[test]
    fn the_oldest_are_forgotten_when_there_are_too_many() {
        let remembered = Remembered::new().unwrap();
        let now = Instant::now();
        let code = |number: usize| remembered.code("guest", &number.to_string());
        for number in 0..=CAPACITY {
            remembered.remember(code(number), &account(1, 0), now);
        }
        assert!(!remembered.knows(&code(0), &account(1, 0), now));
        assert!(remembered.knows(&code(1), &account(1, 0), now));
        assert!(remembered.knows(&code(CAPACITY), &account(1, 0), now));
        let entries = remembered.entries();
        assert_eq!((entries.known.len(), entries.order.len()), (CAPACITY, CAPACITY));
    }
}
