use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Block, Params, PasswordHasher, Version};
use axum::http::{HeaderValue, StatusCode, header};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use crate::failure::Failure;

/// Hashes and verifies passwords with Argon2id, few at once: each takes 19 MiB and a processor.
#[derive(Clone, Debug)]
pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
    /// For those who have a turn or wait for one.
    places: Arc<Semaphore>,
    /// Of each turn, kept for the next: new memory costs up to two thirds of Argon2's own time, but not always, and that could be
    /// taken for a difference between logins.
    memories: Arc<Mutex<Vec<Vec<Block>>>>,
    verified: Arc<AtomicU64>,
}

/// What verifying a password tells.
pub(super) struct Verdict {
    pub(super) matches: bool,
    /// The right password's hash by today's parameters, where it was hashed by others.
    pub(super) better: Option<String>,
}

impl Passwords {
    pub(crate) fn new() -> Self {
        // Guesses leave a processor to those who are known already.
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let turns = (processors / 2).clamp(1, TURNS);
        Self {
            turns: Arc::new(Semaphore::new(turns)),
            places: Arc::new(Semaphore::new(PLACES)),
            memories: Arc::default(),
            verified: Arc::default(),
        }
    }

    /// The hash to be stored, as a PHC string.
    pub(crate) fn hash(password: &str) -> Result<String, argon2::password_hash::Error> {
        Ok(Argon2::default().hash_password(password.as_bytes())?.to_string())
    }

    /// Whether `hash` is that of `password`; without a hash the same work is done in vain.
    ///
    /// Fails with 503 when too many wait.
    pub(super) async fn verify(&self, password: String, hash: Option<String>) -> Result<Verdict, Failure> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| busy())?;
        let turn = self.turns.clone().acquire_owned().await.map_err(Failure::internal)?;
        let passwords = self.clone();
        let verdict = tokio::task::spawn_blocking(move || {
            let _held = (place, turn);
            passwords.verified.fetch_add(1, Ordering::Relaxed);
            passwords.with_memory(|memory| verdict(&password, hash.as_deref(), memory))
        });
        verdict.await.map_err(Failure::internal)
    }

    fn with_memory<T>(&self, work: impl FnOnce(&mut Vec<Block>) -> T) -> T {
        let memories = || self.memories.lock().unwrap_or_else(PoisonError::into_inner);
        let mut memory = memories().pop().unwrap_or_default();
        let done = work(&mut memory);
        memories().push(memory);
        done
    }

    /// How many passwords were verified, in vain or not.
    #[cfg(test)]
    pub(crate) fn verified(&self) -> u64 {
        self.verified.load(Ordering::Relaxed)
    }
}

fn verdict(password: &str, hash: Option<&str>, memory: &mut Vec<Block>) -> Verdict {
    let is_known = hash.is_some();
    let Ok(hash) = PasswordHash::new(hash.unwrap_or(NOBODY)) else {
        tracing::error!("a stored hash is none");
        return Verdict { matches: false, better: None };
    };
    let matches = is_of(password, &hash, memory) && is_known;
    let better = if matches && !is_current(&hash) { Passwords::hash(password).ok() } else { None };
    Verdict { matches, better }
}

/// Whether `hash` is that of `password`; `memory` grows to what Argon2 needs, whatever is in it.
fn is_of(password: &str, hash: &PasswordHash, memory: &mut Vec<Block>) -> bool {
    let (Some(salt), Some(expected), Some(version)) = (&hash.salt, &hash.hash, hash.version) else {
        return false;
    };
    let (Ok(algorithm), Ok(version), Ok(params)) =
        (Algorithm::try_from(hash.algorithm.as_str()), Version::try_from(version), Params::try_from(hash))
    else {
        return false;
    };
    if memory.len() < params.block_count() {
        memory.resize(params.block_count(), Block::default());
    }
    let mut output = vec![0; expected.len()];
    let argon2 = Argon2::new(algorithm, version, params);
    let made = argon2.hash_password_into_with_memory(password.as_bytes(), salt, &mut output, memory);
    made.is_ok() && bool::from(output.ct_eq(expected.as_bytes()))
}

/// Whether a hash made today would have the same parameters.
fn is_current(hash: &PasswordHash) -> bool {
    let today = Params::default();
    let same = |params: Params| {
        (params.m_cost(), params.t_cost(), params.p_cost())
            == (today.m_cost(), today.t_cost(), today.p_cost())
    };
    hash.algorithm.as_str() == "argon2id" && Params::try_from(hash).is_ok_and(same)
}

fn busy() -> Failure {
    let message = "too many logins are being verified";
    Failure::new(StatusCode::SERVICE_UNAVAILABLE, "server.busy", message)
        .with_header(header::RETRY_AFTER, HeaderValue::from_static("1"))
}

/// The hash of a password that nobody has.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$\
                      AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// At most, on whatever machine.
const TURNS: usize = 4;
/// A second's work or two.
const PLACES: usize = 64;

#[cfg(test)]
mod tests {
    use argon2::{Algorithm, Version};

    use super::*;

    #[test]
    fn nobody_s_hash_costs_what_a_new_one_does() {
        let nobody = PasswordHash::new(NOBODY).unwrap();
        assert!(is_current(&nobody));
        let new = Passwords::hash("secret").unwrap();
        let new = PasswordHash::new(&new).unwrap();
        assert_eq!(nobody.params.to_string(), new.params.to_string());
        assert_eq!(nobody.version, new.version);
        let lengths = |hash: &PasswordHash| {
            (hash.salt.as_ref().unwrap().len(), hash.hash.as_ref().unwrap().as_bytes().len())
        };
        assert_eq!(lengths(&nobody), lengths(&new));
    }

    #[test]
    fn a_right_password_of_a_weak_hash_gets_a_better_one() {
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(64, 1, 1, None).unwrap());
        let weak = weak.hash_password(b"secret").unwrap().to_string();
        let mut memory = Vec::new();
        assert!(!verdict("wrong", Some(&weak), &mut memory).matches);
        let of_weak = verdict("secret", Some(&weak), &mut memory);
        assert!(of_weak.matches);
        let better = of_weak.better.unwrap();
        let of_better = verdict("secret", Some(&better), &mut memory);
        assert!(of_better.matches && of_better.better.is_none());
        // In memory that is too large, and full.
        assert!(verdict("secret", Some(&weak), &mut memory).matches);
        assert!(!verdict("wrong", Some(&better), &mut memory).matches);
    }

    #[test]
    fn hashes_that_are_none_match_nothing() {
        let good = Passwords::hash("secret").unwrap();
        let without_output = good.rsplit_once('$').unwrap().0.to_owned();
        let other_algorithm = good.replace("argon2id", "scrypt");
        for hash in ["", "secret", &without_output, &other_algorithm, &good.replace("v=19", "v=1")] {
            assert!(!verdict("secret", Some(hash), &mut Vec::new()).matches, "{hash}");
        }
    }

    #[tokio::test]
    async fn who_finds_no_place_is_told_to_come_again() {
        let passwords = Passwords::new();
        let all = u32::try_from(PLACES).unwrap();
        let places = passwords.places.clone().acquire_many_owned(all).await.unwrap();
        let failure = passwords.verify("secret".to_owned(), None).await.err().unwrap();
        assert_eq!((failure.status, failure.id), (StatusCode::SERVICE_UNAVAILABLE, "server.busy"));
        assert_eq!(passwords.verified(), 0);
        drop(places);
        assert!(!passwords.verify("secret".to_owned(), None).await.unwrap().matches);
        assert_eq!(passwords.verified(), 1);
    }
}
