use axum::body::Body;
use axum::http::{HeaderName, Method, StatusCode, header};
use bytes::Bytes;
use futures_util::stream;

use crate::resources::bench::{Bench, message_id, tree};
use crate::trial::{Answer, Trial, request};
use crate::upload::Parts;
use crate::{Server, Settings};

impl Bench {
    /// Announces an upload of `total` bytes in parts.
    async fn announce(&self, overlay: &str, total: usize) -> Answer {
        let request = request("guest", Method::POST, overlay).header("Upload-Length", total);
        self.trial.send(request.header("Tus-Resumable", "1.0.0").body(Body::empty()).unwrap()).await
    }

    async fn part(&self, overlay: &str, offset: usize, body: impl Into<Body>) -> Answer {
        let request = request("guest", Method::PATCH, overlay)
            .header("Tus-Resumable", "1.0.0")
            .header("Content-Type", "application/offset+octet-stream")
            .header("Upload-Offset", offset);
        self.trial.send(request.body(body.into()).unwrap()).await
    }

    /// How much is here, as HEAD tells.
    async fn offset(&self, overlay: &str) -> usize {
        let answer = self.trial.ask("guest", Method::HEAD, overlay, Body::empty()).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.headers["tus-resumable"], "1.0.0");
        answer.headers["upload-offset"].to_str().unwrap().parse().unwrap()
    }
}

#[tokio::test]
async fn an_upload_in_parts_goes_on_where_it_was_cut_off() {
    let bench = Bench::new().await;
    let scan = bench.scan().await;
    let overlay = format!("{scan}/overlay");
    let tree = tree();
    let crc = format!("{:08x}", crc32fast::hash(&tree));
    let begun = bench.announce(&format!("{overlay}?crc={crc}&overlayName=web.tar"), tree.len()).await;
    assert_eq!(begun.status, StatusCode::CREATED, "{}", begun.text());
    assert_eq!(begun.headers["location"].to_str().unwrap(), overlay);
    assert_eq!(bench.bytes_used().await, tree.len() as u64);
    assert_eq!(bench.offset(&overlay).await, 0);
    // The first part is cut off after 1000 bytes of it, which count.
    let frames =
        vec![Ok(Bytes::copy_from_slice(&tree[..1000])), Err(std::io::Error::other("the client is gone"))];
    let cut = bench.part(&overlay, 0, Body::from_stream(stream::iter(frames))).await;
    assert_eq!(cut.status, StatusCode::BAD_REQUEST, "{}", cut.text());
    assert_eq!(bench.offset(&overlay).await, 1000);
    let status = bench.json(&format!("{scan}/status")).await;
    assert_eq!((&status["bytesLoaded"], &status["bytesTotal"]), (&1000.into(), &tree.len().into()));
    let wrong = bench.part(&overlay, 999, tree[999..].to_vec()).await;
    assert_eq!(wrong.status, StatusCode::CONFLICT);
    let second = bench.part(&overlay, 1000, tree[1000..4000].to_vec()).await;
    assert_eq!(second.status, StatusCode::NO_CONTENT, "{}", second.text());
    assert_eq!(second.headers["upload-offset"], "4000");
    let last = bench.part(&overlay, 4000, tree[4000..].to_vec()).await;
    assert_eq!(last.status, StatusCode::NO_CONTENT, "{}", last.text());
    assert_eq!(bench.wait(&scan).await["complete"], true);
    assert_eq!(bench.trial.get(&overlay).await.body, tree);
}

#[tokio::test]
async fn an_upload_in_parts_survives_a_restart_and_a_whole_one_does_not() {
    let bench = Bench::idle(Trial::new().await).await;
    let tree = tree();
    let [parts, whole] = [bench.scan().await, bench.scan().await];
    let overlay = format!("{parts}/overlay");
    bench.announce(&overlay, tree.len()).await;
    bench.part(&overlay, 0, tree[..5000].to_vec()).await;
    // What is behind the noted offset is not durable, as after a power cut.
    let file = bench.uploads().pop().unwrap();
    std::fs::write(&file, [&tree[..5000], b"not durable"].concat()).unwrap();
    // Of the whole one the process dies in the middle.
    let begun = stream::iter([Ok::<_, std::io::Error>(Bytes::copy_from_slice(&tree[..5000]))]);
    let body = Body::from_stream(futures_util::StreamExt::chain(begun, stream::pending()));
    let dying = format!("{whole}/overlay");
    let receiving = async {
        while bench.json(&format!("{whole}/status")).await["message"] != "Receiving the tree" {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        answer = bench.post(&dying, body) => panic!("{}", answer.text()),
        () = async {
            receiving.await;
            bench.trial.server.close().await;
        } => {}
    }
    std::fs::write(bench.trial.server.folder().uploads().join("orphan"), "of an earlier life").unwrap();

    let settings = Settings::new(bench.trial.room.path().join("data"));
    let server = Server::open(diskwright::builtin_registry().unwrap(), settings).await.unwrap();
    let bench = Bench { trial: Trial { server, room: bench.trial.room }, instance: bench.instance };
    bench.trial.server.start().await.unwrap();
    assert_eq!(bench.uploads(), [file]);
    assert_eq!(bench.bytes_used().await, tree.len() as u64);
    assert_eq!(bench.json(&format!("{whole}/status")).await["message"], "Waiting for the tree");
    assert_eq!(bench.offset(&overlay).await, 5000);
    let last = bench.part(&overlay, 5000, tree[5000..].to_vec()).await;
    assert_eq!(last.status, StatusCode::NO_CONTENT, "{}", last.text());
    assert_eq!(bench.wait(&parts).await["complete"], true);
}

#[tokio::test]
async fn what_is_wrong_with_parts_is_refused() {
    let bench = Bench::new().await;
    let scan = bench.scan().await;
    let overlay = format!("{scan}/overlay");
    let tree = tree();
    assert_eq!(bench.part(&overlay, 0, tree.clone()).await.status, StatusCode::CONFLICT);
    assert_eq!(bench.announce(&overlay, 0).await.status, StatusCode::BAD_REQUEST);
    let other =
        request("guest", Method::POST, &overlay).header("Upload-Length", 5).header("Tus-Resumable", "0.2.2");
    let other = bench.trial.send(other.body(Body::empty()).unwrap()).await;
    assert_eq!(other.status, StatusCode::PRECONDITION_FAILED);
    for length in ["-1", "x", "99999999999999999999", ""] {
        let wrong = request("guest", Method::POST, &overlay).header("Upload-Length", length);
        let wrong = bench.trial.send(wrong.body(Body::empty()).unwrap()).await;
        assert_eq!(wrong.status, StatusCode::BAD_REQUEST, "{length}");
    }
    let with_body = request("guest", Method::POST, &overlay).header("Upload-Length", 5);
    assert_eq!(
        bench.trial.send(with_body.body(Body::from("12345")).unwrap()).await.status,
        StatusCode::BAD_REQUEST
    );
    bench.check_clean().await;

    assert_eq!(bench.announce(&overlay, 1000).await.status, StatusCode::CREATED);
    assert_eq!(bench.announce(&overlay, 1000).await.status, StatusCode::CONFLICT);
    let long = bench.part(&overlay, 0, tree[..1001].to_vec()).await;
    assert_eq!(long.status, StatusCode::PAYLOAD_TOO_LARGE);
    let plain = request("guest", Method::PATCH, &overlay).header("Upload-Offset", 0);
    let plain = bench.trial.send(plain.body(Body::from("x")).unwrap()).await;
    assert_eq!(plain.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(bench.offset(&overlay).await, 0);
}

#[tokio::test]
async fn parts_with_a_wrong_checksum_are_not_stored() {
    let bench = Bench::new().await;
    let scan = bench.scan().await;
    let overlay = format!("{scan}/overlay");
    let tree = tree();
    let md5 = "0".repeat(32);
    bench.announce(&format!("{overlay}?crc={md5}"), tree.len()).await;
    let answer = bench.part(&overlay, 0, tree).await;
    assert_eq!((answer.status, message_id(&answer).as_str()), (StatusCode::BAD_REQUEST, "upload.checksum"));
    bench.check_clean().await;
}

#[tokio::test]
async fn a_cancelled_or_deleted_scan_takes_no_more_parts() {
    let bench = Bench::new().await;
    let tree = tree();
    for cancels in [true, false] {
        let scan = bench.scan().await;
        let overlay = format!("{scan}/overlay");
        bench.announce(&overlay, tree.len()).await;
        bench.part(&overlay, 0, tree[..1000].to_vec()).await;
        let what = if cancels { format!("{scan}/status") } else { scan.clone() };
        bench.trial.ask("guest", Method::DELETE, &what, Body::empty()).await;
        bench.check_clean().await;
        let late = bench.part(&overlay, 1000, tree[1000..].to_vec()).await;
        assert!(late.status.is_client_error(), "{}", late.status);
        bench.check_clean().await;
    }
}

#[tokio::test]
async fn a_part_that_was_overtaken_cuts_nothing_off() {
    let bench = Bench::new().await;
    let scan = bench.scan().await;
    let overlay = format!("{scan}/overlay");
    let tree = tree();
    bench.announce(&overlay, tree.len()).await;
    let (server, user) = (&bench.trial.server, bench.trial.user("guest").await);
    let read = server.store().scan(user, 1, 1).await.unwrap().unwrap();
    // The same part twice, as by a client that did not wait: one of them is read and then overtaken by the other.
    let late = Parts::of(&read, user).unwrap();
    assert_eq!(bench.part(&overlay, 0, tree.clone()).await.status, StatusCode::NO_CONTENT);
    assert_eq!(bench.wait(&scan).await["complete"], true);
    let request = request("guest", Method::PATCH, &overlay)
        .header("Content-Type", "application/offset+octet-stream")
        .header("Upload-Offset", 0);
    let failure = late.append(server, request.body(Body::from("x")).unwrap()).await.unwrap_err();
    assert_eq!(failure.status, StatusCode::CONFLICT);
    assert_eq!(bench.trial.get(&overlay).await.body, tree);
}

#[tokio::test]
async fn a_tree_is_sent_whole_in_parts_or_not_again() {
    let bench = Bench::new().await;
    let scan = bench.scan().await;
    let overlay = format!("{scan}/overlay");
    let tree = tree();
    bench.post(&overlay, tree.clone()).await;
    bench.wait(&scan).await;
    let ask = async |method: Method, headers: &[(HeaderName, &str)]| {
        let mut asked = request("guest", method, &overlay);
        for (name, value) in headers {
            asked = asked.header(name, *value);
        }
        bench.trial.send(asked.body(Body::empty()).unwrap()).await
    };
    let length = tree.len();
    for headers in [&[] as &[(HeaderName, &str)], &[(header::RANGE, "bytes=0-9")]] {
        let head = ask(Method::HEAD, headers).await;
        assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
        assert_eq!(head.header(header::CONTENT_LENGTH), length.to_string());
        assert_eq!(head.header(header::ACCEPT_RANGES), "bytes");
    }
    let whole = ask(Method::GET, &[]).await;
    assert_eq!((whole.status, &whole.body), (StatusCode::OK, &tree));
    let tag = whole.header(header::ETAG).to_owned();
    assert_eq!(tag.len(), 66, "{tag} is no strong tag of a SHA-256");
    for (condition, status, body) in [
        (tag.as_str(), StatusCode::PARTIAL_CONTENT, &tree[100..201]),
        ("\"another\"", StatusCode::OK, tree.as_slice()),
    ] {
        let part = ask(Method::GET, &[(header::RANGE, "bytes=100-200"), (header::IF_RANGE, condition)]).await;
        assert_eq!((part.status, part.body.as_slice()), (status, body), "{condition}");
        assert_eq!(part.header(header::CONTENT_LENGTH), body.len().to_string());
    }
    let part = ask(Method::GET, &[(header::RANGE, "bytes=-5")]).await;
    assert_eq!(part.header(header::CONTENT_RANGE), format!("bytes {}-{}/{length}", length - 5, length - 1));
    let beyond = ask(Method::GET, &[(header::RANGE, &format!("bytes={length}-"))]).await;
    assert_eq!(beyond.status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(beyond.header(header::CONTENT_RANGE), format!("bytes */{length}"));
    assert_eq!(ask(Method::GET, &[(header::IF_NONE_MATCH, &tag)]).await.status, StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn an_upload_that_does_not_go_on_is_told_that_it_came_too_late() {
    let bench = Bench::new().await;
    let overlay = format!("{}/overlay", bench.scan().await);
    let stalled = |start: Vec<u8>| {
        let late = Err(std::io::Error::from(std::io::ErrorKind::TimedOut));
        Body::from_stream(stream::iter([Ok(Bytes::from(start)), late]))
    };
    let answer = bench.post(&overlay, stalled(tree()[..5000].to_vec())).await;
    assert_eq!(
        (answer.status, message_id(&answer).as_str()),
        (StatusCode::REQUEST_TIMEOUT, "request.timeout")
    );
    let file = b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"t.tar\"\r\n\r\n";
    let form = request("guest", Method::POST, &overlay)
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=b")
        .body(stalled([file.as_slice(), &tree()[..5000]].concat()));
    let answer = bench.trial.send(form.unwrap()).await;
    assert_eq!(
        (answer.status, message_id(&answer).as_str()),
        (StatusCode::REQUEST_TIMEOUT, "request.timeout")
    );
    bench.check_clean().await;
}

#[tokio::test]
async fn an_account_that_goes_while_its_tree_comes_takes_the_upload_along() {
    let bench = Bench::new().await;
    let overlay = format!("{}/overlay", bench.scan().await);
    let (server, user) = (bench.trial.server.clone(), bench.trial.user("guest").await);
    // Of unknown length, and longer than what is reserved at first.
    let rest = stream::once(async move {
        server.store().remove_account(user, |image| server.folder().image_name(image)).await.unwrap();
        Ok(Bytes::from(vec![0; 17 << 20]))
    });
    let start = stream::iter([Ok::<_, std::io::Error>(Bytes::from(tree()))]);
    let answer = bench.post(&overlay, Body::from_stream(futures_util::StreamExt::chain(start, rest))).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", answer.text());
    assert!(bench.uploads().is_empty());
}
