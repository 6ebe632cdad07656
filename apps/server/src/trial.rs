//! A server of its own for each test, with accounts, asked without a socket.

use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http_body_util::BodyExt;
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

use crate::accounts::Passwords;
use crate::store::{InstanceAdded, NewAccount, NewInstance, NewScan, ScanState};
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

    /// A scan of a small machine that boots, read by the server, which is at work; its URI.
    pub(crate) async fn scan(&self, login: &str) -> String {
        let tree = self.room.path().join("machine");
        if !tree.exists() {
            write_machine(&tree);
        }
        self.scan_of(login, &tree).await
    }

    /// A scan of `tree`, read by the server, which is at work; its URI.
    pub(crate) async fn scan_of(&self, login: &str, tree: &Path) -> String {
        let (store, user) = (self.server.store(), self.user(login).await);
        let new = NewInstance { name: "Web server 1".to_owned(), ..NewInstance::default() };
        let (InstanceAdded::New(instance) | InstanceAdded::Known(instance)) =
            store.add_instance(user, &new).await.unwrap()
        else {
            panic!("no instance");
        };
        let new = NewScan {
            name: None,
            state: ScanState::Queued,
            message: String::new(),
            error: None,
            machine_report: None,
            report_name: None,
            report: None,
            tree_path: Some(tree.to_str().unwrap().to_owned()),
        };
        let scan = store.add_scan(user, instance, &new, &self.server.settings().quota).await.unwrap();
        self.server.wake();
        self.until(async || {
            let scan = store.scan(user, instance, scan).await.unwrap().unwrap();
            assert!(scan.state != ScanState::Failed, "{:?}", scan.error);
            (scan.state == ScanState::Complete).then_some(())
        })
        .await;
        format!("users/{login}/scannedinstances/{instance}/scans/{scan}")
    }

    /// Asks for an image in `format` of the scan at `scan`; its URI.
    pub(crate) async fn generate(&self, login: &str, scan: &str, format: &str, compress: bool) -> String {
        let request = format!(
            "<image><compress>{compress}</compress><targetFormat><name>{format}</name></targetFormat></image>"
        );
        let answer = self.ask(login, Method::POST, &format!("{scan}/images"), request).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        answer.header(header::LOCATION).to_owned()
    }

    /// What JSON the resource at `uri` has for `login`, without its root.
    pub(crate) async fn json(&self, login: &str, uri: &str) -> Value {
        let asked = request(login, Method::GET, uri).header(header::ACCEPT, "application/json");
        let answer = self.send(asked.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let Value::Object(root) = serde_json::from_slice(&answer.body).unwrap() else { panic!("no object") };
        root.into_values().next().unwrap()
    }

    /// Waits until the image at `uri` is over; its document.
    pub(crate) async fn finished(&self, login: &str, uri: &str) -> Value {
        self.until(async || {
            let image = self.json(login, uri).await;
            let is = |flag: &str| image["status"][flag] == true;
            (is("complete") || is("error") || is("cancelled")).then_some(image)
        })
        .await
    }

    /// Asks until there is something, at most a minute.
    pub(crate) async fn until<T>(&self, ask: impl AsyncFn() -> Option<T>) -> T {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(found) = ask().await {
                return found;
            }
            assert!(Instant::now() < deadline, "it does not come");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
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

/// A tree that boots as far as a generation looks: a kernel, a loader at the removable path.
pub(crate) fn write_machine(tree: &Path) {
    for (path, content) in [
        ("boot/vmlinuz-6.1", "kernel"),
        ("boot/initrd.img-6.1", "initial RAM disk"),
        ("boot/efi/EFI/BOOT/BOOTX64.EFI", "loader"),
        ("etc/fstab", "UUID=2f0d7a64-8c1e-4b5f-9a37-6e51c2d8b0f3 / ext4 defaults 0 1\n"),
        ("etc/hostname", "web\n"),
    ] {
        let path = tree.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
}
