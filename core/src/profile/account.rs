use serde::{Deserialize, Serialize};

use super::Secret;
use crate::names::named_values;
use crate::{Result, Seed};

named_values! {
    /// Whether a user may become root by `sudo`.
    SudoRight, "sudo right" {
        /// Not by this profile; what the tree grants stays.
        None = "none",
        /// With the user's own password.
        Password = "password",
        /// Without a password.
        NoPassword = "no-password",
    }
}

/// What a profile asks of the root account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootAccount {
    /// A new password: 1 to 512 bytes. Default: the tree's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// The hash of a new password, as `/etc/shadow` has it, in place of `password`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_hash: Option<Secret>,
    /// Whether no password lets anybody in. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disable_password_login: Option<bool>,
    /// Public keys that let in by SSH, as OpenSSH writes them; they come to those of the tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorized_keys: Option<Vec<String>>,
}

/// A user that a profile asks for: made, or changed where the tree has one of that name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserAccount {
    /// Name: `[A-Za-z_][A-Za-z0-9_.-]{0,31}`, not `root`.
    #[serde(default)]
    pub name: String,
    /// Number. Default: the one after the highest in use, within the bounds of the tree's `login.defs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Full name. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_name: Option<String>,
    /// Name of the primary group. Default: one of the user's own, or as the tree's `login.defs` has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary_group: Option<String>,
    /// Names of other groups, which the tree must have; they come to those that it has the user in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<String>>,
    /// Absolute path of the shell, which the tree must have. Default: that of the tree's `useradd`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shell: Option<String>,
    /// Absolute path of the home directory. Default: the name below `/home`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<String>,
    /// Password: 1 to 512 bytes. Default: none lets in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// The hash of the password, as `/etc/shadow` has it, in place of `password`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_hash: Option<Secret>,
    /// Whether no password lets anybody in. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disable_password_login: Option<bool>,
    /// Public keys that let in by SSH, as OpenSSH writes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorized_keys: Option<Vec<String>>,
    /// Whether the user may become root: `none`, `password` or `no-password`. Default: `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sudo: Option<SudoRight>,
}

/// The four fields that decide who gets in, which root and users have alike.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Access<'a> {
    pub(crate) password: Option<&'a Secret>,
    pub(crate) password_hash: Option<&'a Secret>,
    pub(crate) disable_password_login: bool,
    pub(crate) authorized_keys: &'a [String],
}

/// What [`RootAccount`] and [`UserAccount`] do alike with those fields.
macro_rules! account {
    ($account:ty, $name:expr) => {
        impl $account {
            pub(crate) fn access(&self) -> Access<'_> {
                Access {
                    password: self.password.as_ref(),
                    password_hash: self.password_hash.as_ref(),
                    disable_password_login: self.disable_password_login == Some(true),
                    authorized_keys: self.authorized_keys.as_deref().unwrap_or_default(),
                }
            }

            /// The same with the password's hash in the place of the password.
            ///
            /// # Errors
            /// As [`Secret::hashed`].
            pub(crate) fn with_hash(mut self, seed: &Seed) -> Result<Self> {
                if let Some(plain) = self.password.take() {
                    let name: fn(&Self) -> &str = $name;
                    self.password_hash = Some(plain.hashed(seed, name(&self))?);
                }
                Ok(self)
            }

            /// The same with words in the place of secrets.
            pub(super) fn without_secrets(&self) -> Self {
                let hidden = |secret: &Option<Secret>| secret.as_ref().map(|_| Secret::hidden());
                Self {
                    password: hidden(&self.password),
                    password_hash: hidden(&self.password_hash),
                    ..self.clone()
                }
            }
        }
    };
}

account!(RootAccount, |_| "root");
account!(UserAccount, |user| &user.name);
