//! A server of its own for each test, with accounts, asked without a socket.

use std::sync::LazyLock;

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http_body_util::BodyExt;
use tempfile::TempDir;
use tower::ServiceExt;

use crate::accounts::Passwords;
use crate::store::NewAccount;
use crate::{Server, Settings};

/// A server in a directory that goes with it, and its accounts: `guest` (role `user`), `other` (role `user`),
/// `scanner` (role `scanner`), `root` (role `administrator`); each has its login for a password.
pub(crate) struct Trial {
    pub(crate) server: Server,
    pub(crate) room: TempDir,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header as text, empty if absent.
    pub(crate) fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Trial {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A server with settings that `change` makes.
    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let room = tempfile::tempdir().unwrap();
        let mut settings = Settings::new(room.path().join("data"));
        change(&mut settings);
        let server = Server::open(diskwright::builtin_registry().unwrap(), settings).await.unwrap();
        let trial = Self { server, room };
        for (login, role) in ACCOUNTS {
            trial.add(login, &[role]).await;
        }
        trial
    }

    /// Adds an account with its login for a password; its number.
    pub(crate) async fn add(&self, login: &str, roles: &[&str]) -> i64 {
        let known = HASHES.iter().find(|(known, _)| *known == login).map(|(_, hash)| hash.clone());
        let password_hash = known.unwrap_or_else(|| Passwords::hash(login).unwrap());
        let roles = roles.iter().map(|role| (*role).to_owned()).collect();
        let new = NewAccount { login: login.to_owned(), password_hash, roles, ..NewAccount::default() };
        self.server.store().add_account(&new).await.unwrap().unwrap()
    }

    /// The number of the account `login`.
    pub(crate) async fn user(&self, login: &str) -> i64 {
        self.server.store().account(login).await.unwrap().unwrap().id
    }

    /// Sends `request` below `/api` as it is.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.server.router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Asks as `login`, for XML; `uri` is relative to the base, without leading slash, as the API's own are.
    pub(crate) async fn ask(&self, login: &str, method: Method, uri: &str, body: impl Into<Body>) -> Answer {
        self.send(request(login, method, uri).body(body.into()).unwrap()).await
    }

    /// GET as `guest`.
    pub(crate) async fn get(&self, uri: &str) -> Answer {
        self.ask("guest", Method::GET, uri, Body::empty()).await
    }
}

const ACCOUNTS: [(&str, &str); 4] =
    [("guest", "user"), ("other", "user"), ("scanner", "scanner"), ("root", "administrator")];

/// Made once for all tests of the process: each costs an Argon2.
static HASHES: LazyLock<Vec<(&str, String)>> =
    LazyLock::new(|| ACCOUNTS.map(|(login, _)| (login, Passwords::hash(login).unwrap())).to_vec());

/// A request as `login`, to be completed.
pub(crate) fn request(login: &str, method: Method, uri: &str) -> axum::http::request::Builder {
    let basic = BASE64_STANDARD.encode(format!("{login}:{login}"));
    Request::builder()
        .method(method)
        .uri(format!("/api/{uri}"))
        .header(header::AUTHORIZATION, format!("Basic {basic}"))
}
