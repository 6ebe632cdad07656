//! Who asks, and what they may do.

mod credentials;
mod entitlement;
mod password;

pub(crate) use entitlement::{Entitlement, ROLES, Role, role};
pub(crate) use password::Passwords;

use axum::http::request::Parts;

use crate::failure::Failure;
use crate::store::Store;
use credentials::Credentials;

/// A caller whose credentials were verified.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// The account's number.
    pub(crate) user: i64,
    /// The account's login name.
    pub(crate) login: String,
    entitlements: Vec<Entitlement>,
}

impl Identity {
    /// Whether `uid`, from a path, names this account: its login or, if it is no login, its number.
    pub(crate) fn is(&self, uid: &str) -> bool {
        self.login == uid || self.user.to_string() == uid
    }

    /// Whether one of its roles carries `entitlement`.
    pub(crate) fn is_entitled(&self, entitlement: Entitlement) -> bool {
        self.entitlements.contains(&entitlement)
    }
}

/// Verifies credentials.
#[derive(Clone, Debug)]
pub(crate) struct Accounts {
    store: Store,
    passwords: Passwords,
}

impl Accounts {
    /// The accounts of `store`.
    pub(crate) fn new(store: Store) -> Self {
        Self { store, passwords: Passwords::new() }
    }

    /// Who sends this request.
    ///
    /// Fails with 401, in the same way whatever of the credentials is wrong.
    pub(crate) async fn authenticate(&self, parts: &Parts) -> Result<Identity, Failure> {
        let credentials = Credentials::of(parts).ok_or_else(Failure::unauthenticated)?;
        let account = self.store.account(&credentials.login).await?;
        let hash = account.as_ref().map(|account| account.password_hash.clone());
        let matches = self.passwords.verify(credentials.password, hash).await?;
        let account = account.filter(|account| matches && account.active);
        let account = account.ok_or_else(Failure::unauthenticated)?;
        let roles = account.roles.iter().filter_map(|name| role(name));
        let entitlements = roles.flat_map(|role| role.entitlements.iter().copied()).collect();
        Ok(Identity { user: account.id, login: account.login, entitlements })
    }
}
