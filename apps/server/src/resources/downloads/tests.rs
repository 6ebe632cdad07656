use axum::body::Body;
use axum::http::{HeaderName, Method, Request, StatusCode, header};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tower::ServiceExt;

use crate::trial::{Answer, Trial, request};

/// A server with a finished image of `guest`, and its document.
async fn finished(format: &str, compress: bool) -> (Trial, Value) {
    let trial = Trial::new().await;
    trial.server.start().await.unwrap();
    let scan = trial.scan("guest").await;
    let uri = trial.generate("guest", &scan, format, compress).await;
    let image = trial.finished("guest", &uri).await;
    assert_eq!(image["status"]["complete"], true, "{image}");
    (trial, image)
}

fn text<'a>(image: &'a Value, field: &str) -> &'a str {
    image[field].as_str().unwrap()
}

/// As nobody.
async fn open(trial: &Trial, method: Method, uri: &str, headers: &[(HeaderName, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(format!("/api/{uri}"));
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    trial.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn the_owner_downloads_as_often_as_it_likes_what_was_recorded() {
    for format in ["virtualbox", "vmware", "qcow2", "raw"] {
        let (trial, image) = finished(format, true).await;
        let uri = format!("{}/downloads", text(&image, "uri"));
        for uri in [&uri, &format!("{uri}/{}", text(&image, "fileName")), &format!("{uri}/anything")] {
            let asked = request("guest", Method::GET, uri).header(header::ACCEPT, "application/xml");
            let answer = trial.send(asked.body(Body::empty()).unwrap()).await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
            let digest: String =
                Sha256::digest(&answer.body).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(digest, text(&image, "sha256sum"), "{format}");
            assert_eq!(answer.header(header::ETAG), format!("\"{digest}\""));
            assert_eq!(answer.header(header::CONTENT_LENGTH), answer.body.len().to_string());
            assert_eq!(image["fileSize"], answer.body.len());
            assert_eq!(answer.header(header::CONTENT_TYPE), "application/octet-stream");
            assert_eq!(answer.header(header::ACCEPT_RANGES), "bytes");
            let name = text(&image, "fileName");
            let disposition = format!("attachment; filename=\"{name}\"");
            assert_eq!(answer.header(header::CONTENT_DISPOSITION), disposition);
        }
        for login in ["other", "scanner"] {
            let answer = trial.ask(login, Method::GET, &uri, Body::empty()).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN);
        }
        assert_eq!(open(&trial, Method::GET, &uri, &[]).await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_key_lets_one_download_through_and_then_there_is_another() {
    let (trial, image) = finished("raw", true).await;
    let uri = text(&image, "downloadUri");
    assert!(uri.ends_with(&format!(
        "/downloads/{}?downloadId={}",
        text(&image, "fileName"),
        text(&image, "downloadKey")
    )));
    // Looking at it uses nothing up.
    for _ in 0..2 {
        assert_eq!(text(&trial.json("guest", text(&image, "uri")).await, "downloadUri"), uri);
        let answer = open(&trial, Method::HEAD, uri, &[]).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header(header::CONTENT_LENGTH), image["fileSize"].to_string());
        assert!(answer.body.is_empty());
        let answer =
            open(&trial, Method::GET, uri, &[(header::IF_NONE_MATCH, answer.header(header::ETAG))]).await;
        assert_eq!(answer.status, StatusCode::NOT_MODIFIED);
        let answer = open(&trial, Method::GET, uri, &[(header::RANGE, "bytes=999999999999-")]).await;
        assert_eq!(answer.status, StatusCode::RANGE_NOT_SATISFIABLE);
    }
    let answer = open(&trial, Method::GET, uri, &[]).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(image["fileSize"], answer.body.len());
    let answer = open(&trial, Method::GET, uri, &[]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.text().contains("<messageId>download.key</messageId>"), "{}", answer.text());
    // A login counts before a key that was used.
    assert_eq!(trial.get(uri).await.status, StatusCode::OK);
    let list = trial.json("guest", "users/guest/images").await;
    let next = list["images"]["image"][0]["downloadUri"].as_str().unwrap();
    assert_ne!(next, uri);
    // A part of a download is one.
    assert_eq!(
        open(&trial, Method::GET, next, &[(header::RANGE, "bytes=0-9")]).await.status,
        StatusCode::PARTIAL_CONTENT
    );
    assert_eq!(open(&trial, Method::GET, next, &[]).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_wrong_key_and_an_unknown_image_look_the_same() {
    let (trial, image) = finished("raw", true).await;
    let uri = text(&image, "downloadUri");
    let message = |answer: &Answer| {
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.text());
        let text = answer.text();
        text[text.find("<message>").unwrap()..text.find("</localizedErrorMsg>").unwrap()].to_owned()
    };
    let wrong = message(&open(&trial, Method::GET, &uri[..uri.len() - 1], &[]).await);
    for (from, to) in [
        ("/images/1/", "/images/7/"),
        ("/scans/1/", "/scans/7/"),
        ("users/guest/", "users/other/"),
        ("users/guest/", "users/nobody/"),
        ("downloadId=", "downloadId=0"),
    ] {
        assert_eq!(message(&open(&trial, Method::GET, &uri.replace(from, to), &[]).await), wrong, "{to}");
    }
    // All that did not use it up.
    assert_eq!(open(&trial, Method::GET, uri, &[]).await.status, StatusCode::OK);
}

/// `DISKWRIGHT_REDEMPTIONS` says how many rounds there are, where more than usual are wanted.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_thousand_at_the_same_time_one_redeems_the_key() {
    const RACERS: usize = 1000;
    let rounds = std::env::var("DISKWRIGHT_REDEMPTIONS").map_or(20, |rounds| rounds.parse().unwrap());
    let (trial, image) = finished("raw", true).await;
    let router = trial.server.router();
    for round in 0..rounds {
        let uri = format!("/api/{}", text(&trial.json("guest", text(&image, "uri")).await, "downloadUri"));
        let start = std::sync::Arc::new(tokio::sync::Barrier::new(RACERS));
        let mut racers = tokio::task::JoinSet::new();
        for _ in 0..RACERS {
            let (router, start) = (router.clone(), start.clone());
            let request = Request::get(&uri).header(header::RANGE, "bytes=0-0").body(Body::empty()).unwrap();
            racers.spawn(async move {
                start.wait().await;
                router.oneshot(request).await.unwrap().status()
            });
        }
        let statuses = racers.join_all().await;
        let won = statuses.iter().filter(|status| **status == StatusCode::PARTIAL_CONTENT).count();
        let lost = statuses.iter().filter(|status| **status == StatusCode::FORBIDDEN).count();
        assert_eq!((won, lost), (1, RACERS - 1), "round {round}");
    }
}

#[tokio::test]
async fn ranges_are_the_bytes_that_they_say() {
    let (trial, image) = finished("qcow2", true).await;
    let uri = format!("{}/downloads", text(&image, "uri"));
    let whole = trial.get(&uri).await;
    let (length, tag) = (whole.body.len(), whole.header(header::ETAG).to_owned());
    let modified = whole.header(header::LAST_MODIFIED).to_owned();
    let ask = async |headers: &[(HeaderName, &str)]| {
        let mut asked = request("guest", Method::GET, &uri);
        for (name, value) in headers {
            asked = asked.header(name, *value);
        }
        trial.send(asked.body(Body::empty()).unwrap()).await
    };
    let last = length - 1;
    for (range, first, end) in [
        ("bytes=0-0".to_owned(), 0, 1),
        ("bytes=1-65536".to_owned(), 1, 65_537.min(length)),
        (format!("bytes={last}-"), last, length),
        ("bytes=-100".to_owned(), length - 100, length),
        (format!("bytes=10-{}", length * 2), 10, length),
    ] {
        for condition in [None, Some(&tag), Some(&modified)] {
            let mut headers = vec![(header::RANGE, range.as_str())];
            headers.extend(condition.map(|condition| (header::IF_RANGE, condition.as_str())));
            let answer = ask(&headers).await;
            assert_eq!(answer.status, StatusCode::PARTIAL_CONTENT, "{range}");
            assert_eq!(answer.body, whole.body[first..end], "{range}");
            assert_eq!(answer.header(header::CONTENT_LENGTH), (end - first).to_string());
            assert_eq!(answer.header(header::CONTENT_RANGE), format!("bytes {first}-{}/{length}", end - 1));
        }
    }
    for headers in [
        vec![(header::RANGE, "bytes=0-0"), (header::IF_RANGE, "\"other\"")],
        vec![(header::RANGE, "bytes=0-0,5-6")],
        vec![(header::RANGE, "bytes=6-5")],
    ] {
        let answer = ask(&headers).await;
        assert_eq!(answer.status, StatusCode::OK, "{headers:?}");
        assert_eq!(answer.body, whole.body);
    }
    let head = request("guest", Method::HEAD, &uri).header(header::RANGE, "bytes=0-0");
    let head = trial.send(head.body(Body::empty()).unwrap()).await;
    assert_eq!((head.status, head.header(header::CONTENT_LENGTH)), (StatusCode::OK, &*length.to_string()));
    let answer = ask(&[(header::RANGE, &format!("bytes={length}-"))]).await;
    assert_eq!(answer.status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(answer.header(header::CONTENT_RANGE), format!("bytes */{length}"));
    assert!(answer.text().contains("<statusCode>416</statusCode>"), "{}", answer.text());
    assert_eq!(ask(&[(header::IF_NONE_MATCH, &tag)]).await.status, StatusCode::NOT_MODIFIED);
    assert_eq!(ask(&[(header::IF_NONE_MATCH, "\"other\"")]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_was_not_compressed_is_no_download() {
    let (trial, image) = finished("raw", false).await;
    let answer = trial.get(&format!("{}/downloads", text(&image, "uri"))).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert!(answer.text().contains("<parameter>compress</parameter>"), "{}", answer.text());
}
