//! Every route, asked by everybody: who may use it is what the table says, and a route without a rule fails.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Method, StatusCode, header};
use serde_json::Value;

use crate::accounts::{Entitlement, role};
use crate::routes::{self, Access, Route};
use crate::store::fixture::Furniture;
use crate::trial::{Answer, Trial, request};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    /// Without credentials.
    Nobody,
    /// The owner's login with a wrong password.
    Wrong,
    /// Somebody else, who is allowed everything, for what is the owner's.
    Other,
    /// Somebody without any role, for what is his own.
    Low,
    /// Somebody whose account is disabled, for what is his own.
    Disabled,
    /// The owner.
    Right,
}

/// What must come of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Unauthenticated,
    Denied,
    /// Whatever the handler says.
    Through,
}

const CALLERS: [Caller; 6] =
    [Caller::Nobody, Caller::Wrong, Caller::Other, Caller::Low, Caller::Disabled, Caller::Right];

/// The rule of a route, from its access alone.
fn rule(route: &Route, caller: Caller) -> Outcome {
    let is_owned = route.path.contains("{uid}");
    match (route.access, caller) {
        (Access::Open, _) | (_, Caller::Right) => Outcome::Through,
        (_, Caller::Nobody | Caller::Wrong | Caller::Disabled) => Outcome::Unauthenticated,
        (Access::Entitled(_), Caller::Low) => Outcome::Denied,
        (_, Caller::Low) => Outcome::Through,
        (_, Caller::Other) if is_owned => Outcome::Denied,
        (_, Caller::Other) => Outcome::Through,
    }
}

/// What came, in the rule's terms.
fn outcome(answer: &Answer) -> Outcome {
    match answer.status {
        StatusCode::UNAUTHORIZED => Outcome::Unauthenticated,
        StatusCode::FORBIDDEN
            if error(answer)["localizedErrorMsg"]["messageId"] == "authorization.denied" =>
        {
            Outcome::Denied
        }
        _ => Outcome::Through,
    }
}

#[tokio::test]
async fn every_route_lets_through_whom_its_rule_names_and_nobody_else() {
    let house = House::new().await;
    for route in routes::table() {
        for caller in CALLERS {
            let answer = house.ask(&route, caller, "").await;
            let found = outcome(&answer);
            let text = answer.text();
            assert_eq!(found, rule(&route, caller), "{} {}: {caller:?}: {text}", route.method, route.path);
        }
    }
}

#[tokio::test]
async fn a_wrong_download_key_opens_nothing() {
    let house = House::new().await;
    for route in routes::table().iter().filter(|route| route.access == Access::DownloadKey) {
        for key in ["?downloadId=", "?downloadId=0", "?x=1&downloadId=00000000000000000000000000000000"] {
            let answer = house.ask(route, Caller::Nobody, key).await;
            assert!(answer.status.is_client_error(), "{} {key}: {}", route.path, answer.status);
        }
    }
}

#[test]
fn every_rule_fits_its_path() {
    for route in routes::table() {
        let misfit = misfit(&route.method, route.path, route.access);
        assert_eq!(misfit, None, "{} {}", route.method, route.path);
        assert!(!route.about.is_empty(), "{} {}: nothing about it", route.method, route.path);
    }
}

#[test]
fn rules_that_do_not_fit_are_found() {
    let [get, delete] = [Method::GET, Method::DELETE];
    let owned = "/users/{uid}/scans";
    assert!(misfit(&get, owned, Access::Open).is_some());
    assert!(misfit(&get, "/scans/{uid}", Access::Account).is_some());
    assert!(misfit(&get, "/users/guest/scans", Access::Account).is_some());
    assert!(misfit(&get, "/users", Access::Account).is_some());
    assert!(misfit(&delete, owned, Access::DownloadKey).is_some());
    assert!(misfit(&get, "/downloads/{itid}", Access::DownloadKey).is_some());
    assert!(misfit(&delete, "/status", Access::Open).is_some());
    assert!(misfit(&get, owned, Access::Entitled(&[])).is_some());
    assert_eq!(misfit(&get, owned, Access::Entitled(&[Entitlement::MigrationAccess])), None);
}

/// Why nothing of this access may stand at this path.
fn misfit(method: &Method, path: &str, access: Access) -> Option<&'static str> {
    let is_owned = path.starts_with("/users/{uid}");
    if !is_owned && (path.starts_with("/users") || path.contains("{uid}")) {
        return Some("what is somebody's begins with him");
    }
    match access {
        Access::Open if is_owned => Some("what is somebody's is open to all"),
        Access::Open if *method != Method::GET => Some("anybody may change something"),
        Access::DownloadKey if *method != Method::GET => Some("who has a key may change something"),
        Access::DownloadKey if !is_owned => Some("a key to what is nobody's"),
        Access::Entitled(any) if right(any).is_none() => Some("no role is entitled"),
        _ => None,
    }
}

#[tokio::test]
async fn the_router_has_the_table_s_routes_and_no_other_methods() {
    let house = House::new().await;
    let table = routes::table();
    let known: HashSet<(Method, &str)> =
        table.iter().map(|route| (route.method.clone(), route.path)).collect();
    assert_eq!(known.len(), table.len(), "a route stands twice in the table");
    for route in &table {
        // A GET answers HEAD, too.
        for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            let is_known = known.contains(&(method.clone(), route.path));
            let uri = house.path(route, "root", house.furniture("root").await);
            let answer = house.trial.send(signed_in("root", method.clone(), &uri)).await;
            let is_refused = answer.status == StatusCode::METHOD_NOT_ALLOWED;
            assert_eq!(is_refused, !is_known, "{method} {}: {}", route.path, answer.status);
        }
    }
}

#[tokio::test]
async fn what_is_somebody_else_s_looks_like_what_is_not_there() {
    let house = House::new().await;
    const NOTHING: i64 = 999_999_999;
    for route in routes::table() {
        let owned: Vec<&str> = parameters(route.path).filter(|name| OWNED.contains(name)).collect();
        // The first of a path may be the caller's own, those from some place on are not.
        for from in 0..owned.len() {
            let own = house.furniture("other").await;
            let foreign = house.furniture("guest").await;
            let nothing = Furniture { instance: NOTHING, scan: NOTHING, image: NOTHING };
            let mut answers = Vec::new();
            for end in [foreign, nothing] {
                let uri = fill(route.path, |name| match owned.iter().position(|one| *one == name) {
                    Some(at) => Some(number(name, if at < from { own } else { end }).to_string()),
                    None => (name == "uid").then(|| "other".to_owned()),
                });
                let answer = house.trial.send(signed_in("other", route.method.clone(), &uri)).await;
                let mut error = error(&answer);
                for moving in ["requestUri", "timestamp"] {
                    error[moving] = Value::Null;
                }
                answers.push((answer.status, error));
            }
            assert!(!answers[0].0.is_success(), "{} {}: {answers:?}", route.method, route.path);
            assert_eq!(answers[0], answers[1], "{} {}", route.method, route.path);
        }
    }
}

/// A server with an account for every caller.
struct House {
    trial: Trial,
    next_address: AtomicU32,
}

impl House {
    async fn new() -> Self {
        let trial = Trial::with(|settings| {
            settings.quota.scans = 100_000;
            settings.quota.images = 100_000;
        });
        let trial = trial.await;
        trial.add("rival", &["user", "administrator"]).await;
        trial.add("low", &[]).await;
        let gone = trial.add("gone", &["user", "administrator"]).await;
        trial.server.store().set_active(gone, false).await.unwrap();
        Self { trial, next_address: AtomicU32::new(0x0a00_0000) }
    }

    async fn furniture(&self, login: &str) -> Furniture {
        self.trial.server.store().furnish(self.trial.user(login).await).await
    }

    /// Sends what `caller` asks, for things that are there; `query` with its question mark.
    async fn ask(&self, route: &Route, caller: Caller, query: &str) -> Answer {
        let owner = match route.access {
            Access::Entitled(any) => right(any).unwrap_or("root"),
            _ => "guest",
        };
        let (login, whose) = match caller {
            Caller::Nobody | Caller::Wrong | Caller::Right => (owner, owner),
            Caller::Other => ("rival", owner),
            Caller::Low => ("low", "low"),
            Caller::Disabled => ("gone", "gone"),
        };
        // New for each: handlers may remove them.
        let uri = self.path(route, whose, self.furniture(whose).await) + query;
        let mut request = signed_in(login, route.method.clone(), &uri);
        match caller {
            Caller::Nobody => {
                request.headers_mut().remove(header::AUTHORIZATION);
            }
            Caller::Wrong => {
                let wrong = format!("Basic {login}:wrong").parse().unwrap();
                request.headers_mut().insert(header::AUTHORIZATION, wrong);
            }
            _ => {}
        }
        // Each from another address: tries from one are few.
        let address = SocketAddr::from((self.next_address.fetch_add(1, Ordering::Relaxed).to_be_bytes(), 1));
        request.extensions_mut().insert(ConnectInfo(address));
        self.trial.send(request).await
    }

    fn path(&self, route: &Route, login: &str, furniture: Furniture) -> String {
        fill(route.path, |name| match name {
            "uid" => Some(login.to_owned()),
            name => OWNED.contains(&name).then(|| number(name, furniture).to_string()),
        })
    }
}

/// The account that is entitled to one of `any`.
fn right(any: &[Entitlement]) -> Option<&'static str> {
    let entitled =
        |name| role(name).is_some_and(|role| role.entitlements.iter().any(|one| any.contains(one)));
    [("guest", "user"), ("root", "administrator")].into_iter().find(|(_, role)| entitled(role)).map(|of| of.0)
}

/// A request with the login for a password, for JSON, without a body.
fn signed_in(login: &str, method: Method, uri: &str) -> axum::http::Request<Body> {
    request(login, method, uri).header(header::ACCEPT, "application/json").body(Body::empty()).unwrap()
}

/// `uforgeError` of the answer, if it is one.
fn error(answer: &Answer) -> Value {
    let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    document.get("uforgeError").cloned().unwrap_or_else(|| Value::Object(serde_json::Map::new()))
}

/// The names between braces.
fn parameters(path: &'static str) -> impl Iterator<Item = &'static str> {
    path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

/// `path` with its parameters replaced, without the slash at its beginning; those without a value are 1 or, if they are no
/// numbers, `name`.
fn fill(path: &'static str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut filled = path.trim_start_matches('/').to_owned();
    for name in parameters(path) {
        let otherwise = if name.ends_with("id") { "1" } else { "name" };
        let value = value(name).unwrap_or_else(|| otherwise.to_owned());
        filled = filled.replace(&format!("{{{name}}}"), &value);
    }
    filled
}

fn number(name: &str, furniture: Furniture) -> i64 {
    match name {
        "siid" => furniture.instance,
        "sid" => furniture.scan,
        _ => furniture.image,
    }
}

/// Parameters that name what a user has.
const OWNED: [&str; 4] = ["siid", "sid", "sitid", "itid"];
