use axum::body::Body;
use axum::http::{Method, StatusCode};
use bytes::Bytes;
use futures_util::stream;

use crate::resources::bench::{Bench, message_id, tree};
use crate::trial::{Answer, Trial, request};
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
