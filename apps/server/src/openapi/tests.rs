use std::collections::HashSet;

use serde_json::Value;

use super::documents::{Payload, answer};
use super::openapi;
use crate::routes;
use crate::trial::Trial;

fn description() -> Value {
    serde_json::from_str(&openapi().to_json().unwrap()).unwrap()
}

#[test]
fn every_route_is_described_with_what_it_answers() {
    let description = description();
    let roots: HashSet<&str> = diskwright_request::shapes().iter().filter_map(|shape| shape.root).collect();
    for route in routes::table() {
        let method = route.method.as_str().to_ascii_lowercase();
        let operation = &description["paths"][route.path][&method];
        let name = format!("{method} {}", route.path);
        assert_eq!(operation["summary"], route.about, "{name}");
        assert!(["get", "post", "put", "patch", "delete"].contains(&method.as_str()), "{name}");
        if route.is_only_refused() {
            assert!(operation["responses"]["501"].is_object(), "{name}");
            continue;
        }
        let (status, payload) = answer(&route.method, route.path);
        let content = &operation["responses"][status]["content"];
        match payload {
            Payload::Nothing => assert_ne!(method, "get", "{name}: nothing is known of its document"),
            Payload::Document(root) => {
                assert!(roots.contains(root), "{name}: {root}");
                assert!(content["application/json"]["schema"]["properties"][root].is_object(), "{name}");
                assert!(content["application/xml"].is_object(), "{name}");
            }
            Payload::Bytes | Payload::Upload => {
                assert!(content["application/octet-stream"].is_object(), "{name}")
            }
        }
        let in_path = super::parameters(route.path).map(|name| ("path", name));
        let in_query = route.parameters.iter().flat_map(|parameter| parameter.names());
        let names: Vec<(&str, &str)> = in_path.chain(in_query.map(|name| ("query", name))).collect();
        let described = operation["parameters"].as_array().cloned().unwrap_or_default();
        let described =
            described.iter().map(|one| (one["in"].as_str().unwrap(), one["name"].as_str().unwrap()));
        assert_eq!(described.collect::<Vec<_>>(), names, "{name}");
        assert!(operation["responses"]["default"].is_object(), "{name}");
    }
}

#[test]
fn operations_have_names_of_their_own() {
    let table = routes::table();
    let names: HashSet<String> = table.iter().map(super::operation_id).collect();
    assert_eq!(names.len(), table.len());
}

#[test]
fn what_is_referred_to_is_there() {
    let description = description();
    let mut open = vec![&description];
    let mut count = 0;
    while let Some(value) = open.pop() {
        match value {
            Value::Array(values) => open.extend(values),
            Value::Object(fields) => {
                if let Some(Value::String(target)) = fields.get("$ref") {
                    let pointer = target.strip_prefix('#').unwrap();
                    assert!(description.pointer(pointer).is_some(), "{target}");
                    count += 1;
                }
                open.extend(fields.values());
            }
            _ => {}
        }
    }
    assert!(count > 50, "{count} references");
}

#[tokio::test]
async fn the_description_is_served() {
    let trial = Trial::new().await;
    let request = axum::http::Request::get("/openapi.json").body(axum::body::Body::empty()).unwrap();
    let answer = trial.send(request).await;
    let tag = answer.header(axum::http::header::ETAG);
    let again = axum::http::Request::get("/openapi.json").header(axum::http::header::IF_NONE_MATCH, tag);
    let again = trial.send(again.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(again.status, axum::http::StatusCode::NOT_MODIFIED);
    let served: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(served, description());
    assert_eq!(served["openapi"], "3.1.0");
}
