use std::fmt;

use serde::{Deserialize, Serialize};
use sha_crypt::{PasswordHasher, ShaCrypt};

use crate::{Error, ErrorKind, Result, Seed};

/// A password, or the hash of one.
///
/// It is never shown: `Debug` prints stars, and a report has no secrets. Only a profile's own JSON form has it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Takes a text that is to stay secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What stands in the place of a secret where settings are shown.
    pub(super) fn hidden() -> Self {
        Self("(secret)".to_owned())
    }

    /// The hash of this password as `/etc/shadow` has it: SHA-512 crypt with 5000 rounds, which every libcrypt since
    /// 2007 reads. The salt is derived from `seed` and `label`, so that the same order gives the same bytes.
    ///
    /// # Errors
    /// `ErrorKind::Internal` when the hash cannot be made.
    ///
    /// # Reference
    /// U. Drepper, "Unix crypt using SHA-256 and SHA-512", 0.6.
    pub fn hashed(&self, seed: &Seed, label: &str) -> Result<Self> {
        let salt = seed.uuid(&format!("password of {label}")).into_bytes();
        let salt = salt.get(..SALT).unwrap_or_default();
        match ShaCrypt::SHA512.hash_password_with_salt(self.0.as_bytes(), salt) {
            Ok(hash) => Ok(Self(hash.as_str().to_owned())),
            Err(_) => Err(Error::new(ErrorKind::Internal, "the password cannot be hashed")),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl std::str::FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        Ok(Self::new(text))
    }
}

/// Bytes: 16 characters, the most that the scheme takes.
const SALT: usize = 12;
