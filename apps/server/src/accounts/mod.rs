//! Who asks, and what they may do.
//!
//! ```text
//! Authorization: Basic ─> row of the account ─┬─> remembered? ──────────────────────┬─> Identity
//!                                             └─> throttle ─> Argon2 ─> remember ───┤
//! ?apiKey=…&signature=… ─> derived secret ─> HMAC ─> key ─> row of the account ──────┘
//! ```

mod api_key;
mod credentials;
mod entitlement;
mod password;
mod remembered;
mod rules;
mod signature;
mod throttle;
mod turns;

pub(crate) use api_key::{new_public, secret};
pub(crate) use entitlement::{Entitlement, ROLES, Role, role};
pub(crate) use password::Passwords;
pub(crate) use rules::{MAX_PASSWORD, check_password, is_login, is_note};
pub(crate) use signature::SentUri;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use axum::extract::ConnectInfo;
use axum::http::request::Parts;

use crate::failure::Failure;
use crate::folder::Folder;
use crate::store::{Account, Store};
use credentials::{Credentials, Password};
use remembered::{Code, Remembered};
use signature::Signature;
use throttle::{Key, Throttle};
use turns::Turns;

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
    fn of(account: Account) -> Self {
        let roles = account.roles.iter().filter_map(|name| role(name));
        let entitlements = roles.flat_map(|role| role.entitlements.iter().copied()).collect();
        Self { user: account.id, login: account.login, entitlements }
    }

    /// Whether `uid`, from a path, names this account: its login, in whatever case, or its number.
    pub(crate) fn is(&self, uid: &str) -> bool {
        self.login.eq_ignore_ascii_case(uid) || self.user.to_string() == uid
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
    folder: Folder,
    passwords: Passwords,
    remembered: Remembered,
    throttle: Throttle,
    turns: Turns,
}

impl Accounts {
    /// The accounts of `store`, with the API keys that `folder` derives.
    pub(crate) fn new(store: Store, folder: Folder) -> io::Result<Self> {
        Ok(Self {
            store,
            folder,
            passwords: Passwords::new(),
            remembered: Remembered::new()?,
            throttle: Throttle::default(),
            turns: Turns::default(),
        })
    }

    /// Who sends this request.
    ///
    /// Fails with 401, in the same way whatever of the credentials is wrong; with 403 for a supervisor who is none; with 429 or
    /// 503 where too many are tried.
    pub(crate) async fn authenticate(&self, parts: &Parts) -> Result<Identity, Failure> {
        let address = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        match Credentials::of(parts).ok_or_else(Failure::unauthenticated)? {
            Credentials::Password(password) => self.by_password(password, address).await,
            Credentials::Signature(signature) => self.by_signature(&signature).await,
        }
    }

    async fn by_password(&self, password: Password, address: Option<IpAddr>) -> Result<Identity, Failure> {
        let account = self.verified(&password, address).await?;
        let identity = Identity::of(account);
        let Some(supervised) = password.supervised else { return Ok(identity) };
        if !identity.is_entitled(Entitlement::SupervisorAccess) {
            return Err(Failure::forbidden("the account lacks the entitlement supervisor_access"));
        }
        let account = if is_login(&supervised) { self.store.account(&supervised).await? } else { None };
        let account = account.filter(|account| account.active).ok_or_else(Failure::unauthenticated)?;
        tracing::info!(supervisor = %identity.login, supervised = %account.login, "a supervisor acts for a user");
        Ok(Identity::of(account))
    }

    /// The account of a right password.
    async fn verified(&self, password: &Password, address: Option<IpAddr>) -> Result<Account, Failure> {
        let Password { login, password, .. } = password;
        // Such were never given out: no need to hide that by work.
        if !is_login(login) || password.len() > MAX_PASSWORD {
            return Err(Failure::unauthenticated());
        }
        let code = self.remembered.code(login, password);
        let account = self.store.account(login).await?;
        if let Some(account) = self.known(account.as_ref(), &code) {
            return Ok(account);
        }
        let _turn = self.turns.take(code).await;
        // Another request may have verified it meanwhile; or it was changed.
        let account = self.store.account(login).await?;
        if let Some(account) = self.known(account.as_ref(), &code) {
            return Ok(account);
        }
        let key = Key::new(login, address);
        self.throttle.begin(&key, Instant::now())?;
        let hash = account.as_ref().map(|account| account.password_hash.clone());
        let verdict = self.passwords.verify(password.clone(), hash).await;
        // A busy server is not the client's fault.
        let verdict = verdict.inspect_err(|_| self.throttle.forgive(&key))?;
        let account = account.filter(|account| verdict.matches && account.active);
        let account = account.ok_or_else(|| {
            tracing::info!(login, ?address, "a login was refused");
            Failure::unauthenticated()
        })?;
        self.throttle.forgive(&key);
        self.remembered.remember(code, &account, Instant::now());
        if let Some(hash) = verdict.better {
            self.store.improve_hash(account.id, account.generation, &hash).await?;
        }
        Ok(account)
    }

    /// `account`, if `code` was verified for it a moment ago.
    fn known(&self, account: Option<&Account>, code: &Code) -> Option<Account> {
        let account = account.filter(|account| account.active)?;
        self.remembered.knows(code, account, Instant::now()).then(|| account.clone())
    }

    async fn by_signature(&self, signature: &Signature) -> Result<Identity, Failure> {
        // The secret is derived, whether there is such a key or not: who cannot sign learns nothing about keys.
        if !signature.is_by(&secret(&self.folder, &signature.public)) {
            return Err(Failure::unauthenticated());
        }
        let account = self.store.account_of_key(&signature.public).await?;
        let account = account.filter(|account| account.active).ok_or_else(Failure::unauthenticated)?;
        Ok(Identity::of(account))
    }

    #[cfg(test)]
    pub(crate) fn passwords(&self) -> &Passwords {
        &self.passwords
    }
}

#[cfg(test)]
mod tests;
