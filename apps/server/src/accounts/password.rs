use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;

use crate::failure::Failure;

/// Hashes and verifies passwords with Argon2id, few at once: each takes 19 MiB.
#[derive(Clone, Debug)]
pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
}

impl Passwords {
    pub(crate) fn new() -> Self {
        Self { turns: Arc::new(Semaphore::new(TURNS)) }
    }

    /// The hash to be stored, as a PHC string.
    pub(crate) fn hash(password: &str) -> Result<String, argon2::password_hash::Error> {
        Ok(Argon2::default().hash_password(password.as_bytes())?.to_string())
    }

    /// Whether `hash` is that of `password`; without a hash the same work is done in vain.
    pub(crate) async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, Failure> {
        let turn = self.turns.clone().acquire_owned().await.map_err(Failure::internal)?;
        let verified = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let is_known = hash.is_some();
            let hash = hash.unwrap_or_else(|| NOBODY.to_owned());
            let matches = PasswordHash::new(&hash)
                .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok());
            matches && is_known
        });
        verified.await.map_err(Failure::internal)
    }
}

/// The hash of a password that nobody has.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$\
                      AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const TURNS: usize = 4;
