use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::bench::INSTANCE;
use crate::trial::{Trial, request};

#[tokio::test]
async fn status_is_open_to_all_and_names_the_version_that_clients_demand() {
    let trial = Trial::new().await;
    for uri in ["/api/status", "/ufws/status", "/api//status/"] {
        let answer = trial.send(Request::get(uri).body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::OK, "{uri}");
        // A parameter after the type makes the official client return bytes instead of an object.
        assert_eq!(answer.header(header::CONTENT_TYPE), "application/xml");
        assert!(answer.text().contains("<alive>true</alive>"), "{}", answer.text());
        assert!(answer.text().contains("<version>3.8.13</version>"), "{}", answer.text());
    }
}

#[tokio::test]
async fn what_the_client_has_is_not_sent_again() {
    let trial = Trial::new().await;
    let first = trial.get("status").await;
    let again = Request::get("/api/status").header(header::IF_NONE_MATCH, first.header(header::ETAG));
    let answer = trial.send(again.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::NOT_MODIFIED);
    assert_eq!(answer.header(header::ETAG), first.header(header::ETAG));
    assert!(answer.body.is_empty());
}

#[tokio::test]
async fn unknown_paths_and_methods_are_told_in_the_syntax_wanted() {
    let trial = Trial::new().await;
    let answer = trial.ask("guest", Method::GET, "nothing", Body::empty()).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(answer.text().contains("<requestUri>/api/nothing</requestUri>"), "{}", answer.text());
    let request = Request::post("/api/status").header(header::ACCEPT, "application/json");
    let answer = trial.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    let error: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(error["uforgeError"]["statusCode"], 405);
}

#[tokio::test]
async fn a_method_that_a_path_does_not_have_is_refused_with_those_that_it_has() {
    let trial = Trial::new().await;
    let scan = "/api/users/guest/scannedinstances/1/scans/1";
    for (method, uri, allowed) in [
        (Method::POST, "/", "GET,HEAD"),
        (Method::PUT, "/page.js", "GET,HEAD"),
        (Method::DELETE, "/openapi.json", "GET,HEAD"),
        (Method::POST, "/health/live", "GET,HEAD"),
        (Method::POST, "/api/status", "GET,HEAD"),
        (Method::OPTIONS, "/ufws/status", "GET,HEAD"),
        (Method::PATCH, scan, "DELETE,GET,HEAD,PUT"),
        (Method::DELETE, &format!("{scan}/overlay"), "GET,HEAD,PATCH,POST"),
    ] {
        let answer =
            trial.send(Request::builder().method(method).uri(uri).body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{uri}");
        let mut methods: Vec<&str> = answer.header(header::ALLOW).split(',').collect();
        methods.sort_unstable();
        assert_eq!(methods.join(","), allowed, "{uri}");
        assert!(answer.text().contains("<messageId>request.method</messageId>"), "{uri}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_page_of_another_site_changes_nothing() {
    let trial = Trial::new().await;
    let create = async |site: Option<&str>| {
        let mut asked = request("guest", Method::POST, "users/guest/scannedinstances");
        if let Some(site) = site {
            asked = asked.header("Sec-Fetch-Site", site);
        }
        trial.send(asked.body(Body::from(INSTANCE)).unwrap()).await.status
    };
    for site in ["cross-site", "same-site", "something new"] {
        assert_eq!(create(Some(site)).await, StatusCode::FORBIDDEN, "{site}");
    }
    for site in [None, Some("same-origin"), Some("none")] {
        assert!(create(site).await.is_success(), "{site:?}");
    }
    // A link to something that is only read leads there.
    let read = request("guest", Method::GET, "users/guest").header("Sec-Fetch-Site", "cross-site");
    assert_eq!(trial.send(read.body(Body::empty()).unwrap()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn every_change_of_the_database_is_measured_once() {
    let trial = Trial::new().await;
    let count = async || {
        let asked = Request::get("/metrics").body(Body::empty()).unwrap();
        let answer = trial.server.administration().oneshot(asked).await.unwrap();
        let text = answer.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8(text.to_vec()).unwrap();
        let count =
            text.lines().find_map(|line| line.strip_prefix("diskwright_database_wait_seconds_count "));
        count.unwrap_or_else(|| panic!("{text}")).parse::<u64>().unwrap()
    };
    let before = count().await;
    let created = trial.ask("guest", Method::POST, "users/guest/scannedinstances", INSTANCE).await;
    assert_eq!(created.status, StatusCode::CREATED);
    assert_eq!(trial.get("users/guest/scannedinstances").await.status, StatusCode::OK);
    assert_eq!(count().await, before + 1);
}
