use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};

use crate::trial::Trial;

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
