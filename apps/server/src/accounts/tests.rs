use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Method, Request, StatusCode, header};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use super::*;
use crate::trial::{Answer, Trial};

/// GET of `uri` with this value of `Authorization`.
async fn with_header(trial: &Trial, uri: &str, value: &str) -> Answer {
    let request = Request::get(format!("/api/{uri}")).header(header::AUTHORIZATION, value.as_bytes());
    trial.send(request.body(Body::empty()).unwrap()).await
}

async fn status(trial: &Trial, login: &str, password: &str) -> StatusCode {
    let encoded = BASE64_STANDARD.encode(format!("{login}:{password}"));
    with_header(trial, &format!("users/{login}"), &format!("Basic {encoded}")).await.status
}

/// How many Argon2 a request as `login` with `password` costs, and its answer.
async fn cost(trial: &Trial, login: &str, password: &str) -> (StatusCode, u64) {
    let verified = || trial.server.accounts().passwords().verified();
    let before = verified();
    let status = status(trial, login, password).await;
    (status, verified() - before)
}

#[tokio::test]
async fn a_password_is_taken_encoded_and_as_it_is() {
    let trial = Trial::new().await;
    let encoded = BASE64_STANDARD.encode("guest:guest");
    for value in [format!("Basic {encoded}"), "Basic guest:guest".to_owned(), "basic Guest:guest".to_owned()]
    {
        assert_eq!(with_header(&trial, "users/guest", &value).await.status, StatusCode::OK, "{value}");
    }
    for value in ["Basic guest:Guest", "Basic guest:", "Bearer guest:guest", "Basic", "guest:guest"] {
        let answer = with_header(&trial, "users/guest", value).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{value}");
        assert!(answer.header(header::WWW_AUTHENTICATE).starts_with("Basic "), "{value}");
        assert!(answer.text().contains("uforgeError"), "{value}");
    }
}

#[tokio::test]
async fn wrong_password_unknown_and_disabled_account_are_told_in_the_same_words_for_the_same_work() {
    let trial = Trial::new().await;
    let other = trial.user("other").await;
    trial.server.store().set_active(other, false).await.unwrap();
    let wanted = (StatusCode::UNAUTHORIZED, 1);
    assert_eq!(cost(&trial, "guest", "wrong").await, wanted);
    assert_eq!(cost(&trial, "nobody", "wrong").await, wanted);
    assert_eq!(cost(&trial, "other", "other").await, wanted);
    let body = |text: String| text.split_once("<timestamp>").unwrap().0.to_owned();
    let answers = ["Basic guest:wrong", "Basic nobody:wrong", "Basic other:other"];
    let mut bodies = Vec::new();
    for value in answers {
        bodies.push(body(with_header(&trial, "users/guest", value).await.text()));
    }
    assert!(bodies.iter().all(|one| *one == bodies[0]), "{bodies:?}");
}

#[tokio::test]
async fn a_right_password_costs_one_argon2_and_is_then_remembered() {
    let trial = Trial::new().await;
    assert_eq!(cost(&trial, "guest", "guest").await, (StatusCode::OK, 1));
    assert_eq!(cost(&trial, "guest", "guest").await, (StatusCode::OK, 0));
    assert_eq!(cost(&trial, "GUEST", "guest").await, (StatusCode::OK, 0));
    // A wrong one is never remembered.
    assert_eq!(cost(&trial, "guest", "wrong").await, (StatusCode::UNAUTHORIZED, 1));
    assert_eq!(cost(&trial, "guest", "wrong").await, (StatusCode::UNAUTHORIZED, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_that_come_together_with_one_right_password_cost_one_argon2_and_are_no_guesses() {
    let trial = std::sync::Arc::new(Trial::new().await);
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..4 * throttle::WRONG {
        let trial = std::sync::Arc::clone(&trial);
        clients.spawn(async move { status(&trial, "guest", "guest").await });
    }
    assert!(clients.join_all().await.iter().all(|status| *status == StatusCode::OK));
    assert_eq!(trial.server.accounts().passwords().verified(), 1);
}

#[tokio::test]
async fn what_cannot_be_an_account_costs_nothing() {
    let trial = Trial::new().await;
    for (login, password) in [("-guest", "x"), ("42", "x"), ("guest", "x".repeat(1025).as_str())] {
        assert_eq!(cost(&trial, login, password).await, (StatusCode::UNAUTHORIZED, 0), "{login}");
    }
}

#[tokio::test]
async fn a_changed_password_and_a_disabled_account_count_from_the_next_request_on() {
    let trial = Trial::new().await;
    let store = trial.server.store();
    let guest = trial.user("guest").await;
    assert_eq!(status(&trial, "guest", "guest").await, StatusCode::OK);
    store.set_password(guest, &Passwords::hash("changed").unwrap()).await.unwrap();
    assert_eq!(cost(&trial, "guest", "guest").await, (StatusCode::UNAUTHORIZED, 1));
    assert_eq!(cost(&trial, "guest", "changed").await, (StatusCode::OK, 1));
    store.set_active(guest, false).await.unwrap();
    assert_eq!(status(&trial, "guest", "changed").await, StatusCode::UNAUTHORIZED);
    store.set_active(guest, true).await.unwrap();
    // Verified anew: it is another generation.
    assert_eq!(cost(&trial, "guest", "changed").await, (StatusCode::OK, 1));
    store.remove_account(guest, |image| image.to_string()).await.unwrap();
    assert_eq!(status(&trial, "guest", "changed").await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_role_counts_from_the_next_request_on() {
    let trial = Trial::new().await;
    let guest = trial.user("guest").await;
    trial.server.store().change_roles(guest, &[], &["user".to_owned()]).await.unwrap();
    let answer = with_header(&trial, "users/guest", "Basic guest:guest").await;
    assert!(!answer.text().contains("migration_access"), "{}", answer.text());
}

#[tokio::test]
async fn a_weak_hash_is_replaced_when_its_password_is_right() {
    let trial = Trial::new().await;
    let weak = argon2::Params::new(64, 1, 1, None).map(argon2::Argon2::from).unwrap();
    let weak = argon2::PasswordHasher::hash_password(&weak, b"guest").unwrap().to_string();
    let store = trial.server.store();
    let guest = trial.user("guest").await;
    store.set_password(guest, &weak).await.unwrap();
    let before = store.account("guest").await.unwrap().unwrap();
    assert_eq!(cost(&trial, "guest", "guest").await, (StatusCode::OK, 1));
    let after = store.account("guest").await.unwrap().unwrap();
    assert!(after.password_hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", after.password_hash);
    assert_eq!(after.generation, before.generation);
    assert_eq!(cost(&trial, "guest", "guest").await, (StatusCode::OK, 0));
}

#[tokio::test]
async fn guesses_are_slowed_down_and_disturb_neither_who_is_remembered_nor_others() {
    let trial = Trial::new().await;
    assert_eq!(status(&trial, "guest", "guest").await, StatusCode::OK);
    for _ in 0..throttle::WRONG {
        assert_eq!(cost(&trial, "guest", "wrong").await, (StatusCode::UNAUTHORIZED, 1));
    }
    let answer = with_header(&trial, "users/guest", "Basic guest:wrong").await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    let wait: u64 = answer.header(header::RETRY_AFTER).parse().unwrap();
    assert!((1..=61).contains(&wait), "{wait}");
    assert_eq!(cost(&trial, "guest", "guest").await, (StatusCode::OK, 0));
    assert_eq!(cost(&trial, "other", "other").await, (StatusCode::OK, 1));
    // From elsewhere, where that is known.
    let mut elsewhere = Request::get("/api/users/guest")
        .header(header::AUTHORIZATION, "Basic guest:wrong")
        .body(Body::empty())
        .unwrap();
    let address: SocketAddr = "192.0.2.1:1234".parse().unwrap();
    elsewhere.extensions_mut().insert(ConnectInfo(address));
    assert_eq!(trial.send(elsewhere).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_supervisor_acts_as_an_active_user_and_nobody_else_does() {
    let trial = Trial::new().await;
    let answer = with_header(&trial, "users/guest", "Basic root\\guest:root").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert!(answer.text().contains("<loginName>guest</loginName>"), "{}", answer.text());
    // He is the user now, and not himself.
    assert_eq!(
        with_header(&trial, "users/root", "Basic root\\guest:root").await.status,
        StatusCode::FORBIDDEN
    );
    for (value, status) in [
        ("Basic root\\guest:guest", StatusCode::UNAUTHORIZED),
        ("Basic root\\nobody:root", StatusCode::UNAUTHORIZED),
        ("Basic root\\:root", StatusCode::UNAUTHORIZED),
        ("Basic other\\guest:other", StatusCode::FORBIDDEN),
        ("Basic other\\nobody:other", StatusCode::FORBIDDEN),
    ] {
        assert_eq!(with_header(&trial, "users/guest", value).await.status, status, "{value}");
    }
    let guest = trial.user("guest").await;
    trial.server.store().set_active(guest, false).await.unwrap();
    let answer = with_header(&trial, "users/guest", "Basic root\\guest:root").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

/// `relative` with the key's public half and signature, as the official client makes them.
fn signed(relative: &str, public: &str, secret: &str) -> String {
    let separator = if relative.contains('?') { '&' } else { '?' };
    let text = format!("{relative}{separator}apiKey={public}");
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    let code = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    let code = code.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    format!("{text}&signature={code}")
}

/// Sends `GET` of `/api/` and `relative`, with nothing but it.
async fn bare(trial: &Trial, relative: &str) -> StatusCode {
    trial.send(Request::get(format!("/api/{relative}")).body(Body::empty()).unwrap()).await.status
}

#[tokio::test]
async fn a_signature_of_an_api_key_stands_for_its_account() {
    let trial = Trial::new().await;
    let guest = trial.user("guest").await;
    let public = new_public().unwrap();
    trial.server.store().add_key(guest, "ci", None, &public).await.unwrap();
    let secret = secret(trial.server.folder(), &public);
    for relative in ["users/guest", "users/guest?x=1&y=a%20b", "users/guest//roles", "users/guest/roles/"] {
        assert_eq!(bare(&trial, &signed(relative, &public, &secret)).await, StatusCode::OK, "{relative}");
    }
    assert_eq!(bare(&trial, &signed("users/other", &public, &secret)).await, StatusCode::FORBIDDEN);
    let good = signed("users/guest", &public, &secret);
    let foreign = signed("users/guest/roles", &public, &secret);
    let signature = foreign.split_once("&signature=").unwrap().1;
    for bad in [
        format!("users/guest?apiKey={public}"),
        format!("users/guest?apiKey={public}&signature="),
        format!("users/guest?apiKey={public}&signature={signature}"),
        format!("{good}&max=1"),
        good.replace("users/guest", "users/GUEST"),
        signed("users/guest", &public, "another"),
        // Well signed, by a key that was never made.
        signed("users/guest", &"0".repeat(32), &super::secret(trial.server.folder(), &"0".repeat(32))),
    ] {
        assert_eq!(bare(&trial, &bad).await, StatusCode::UNAUTHORIZED, "{bad}");
    }
    trial.server.store().set_active(guest, false).await.unwrap();
    assert_eq!(bare(&trial, &good).await, StatusCode::UNAUTHORIZED);
    trial.server.store().set_active(guest, true).await.unwrap();
    assert_eq!(bare(&trial, &good).await, StatusCode::OK);
    assert!(trial.server.store().remove_key(guest, &public).await.unwrap());
    assert_eq!(bare(&trial, &good).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn below_the_base_of_old_installations_the_same_is_signed() {
    let trial = Trial::new().await;
    let guest = trial.user("guest").await;
    let public = new_public().unwrap();
    trial.server.store().add_key(guest, "ci", None, &public).await.unwrap();
    let uri = signed("users/guest", &public, &secret(trial.server.folder(), &public));
    let request = Request::builder().method(Method::GET).uri(format!("/ufws/{uri}"));
    assert_eq!(trial.send(request.body(Body::empty()).unwrap()).await.status, StatusCode::OK);
}
