//! Slow and idle clients.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{Listening, STATUS, one_answer, rest};

#[tokio::test]
async fn a_head_that_does_not_come_in_time_is_refused() {
    let server =
        Listening::with(|settings| settings.connection_limits.head = Duration::from_millis(100)).await;
    let answer = server.say("", b"GET /api/status HTTP/1.1\r\nHost: loc").await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("<requestUri>/api/status</requestUri>"), "{answer}");
    // Byte after byte does not prolong it.
    let mut stream = server.connect().await;
    let mut drip = tokio::time::interval(Duration::from_millis(5));
    let dripping = async {
        loop {
            drip.tick().await;
            if stream.write_all(b"G").await.is_err() {
                return;
            }
        }
    };
    tokio::time::timeout(super::PATIENCE, dripping).await.expect("the connection ends");
}

#[tokio::test]
async fn a_connection_without_a_request_ends_silently() {
    let server = Listening::with(|settings| {
        settings.connection_limits.head = Duration::from_millis(100);
        settings.connection_limits.idle = Duration::from_millis(100);
    })
    .await;
    assert_eq!(rest(&mut server.connect().await).await, "");
    let mut stream = server.connect().await;
    stream.write_all(STATUS.as_bytes()).await.unwrap();
    assert!(one_answer(&mut stream).await.starts_with("HTTP/1.1 200 "));
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn a_further_head_has_its_time_from_its_first_byte() {
    let server =
        Listening::with(|settings| settings.connection_limits.head = Duration::from_millis(300)).await;
    let mut stream = server.connect().await;
    for _ in 0..3 {
        stream.write_all(STATUS.as_bytes()).await.unwrap();
        assert!(one_answer(&mut stream).await.starts_with("HTTP/1.1 200 "));
    }
    stream.write_all(b"GET /api").await.unwrap();
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 408 "));
}

#[tokio::test]
async fn a_body_that_does_not_come_is_cut() {
    let server =
        Listening::with(|settings| settings.connection_limits.stall = Duration::from_millis(100)).await;
    for framing in ["Content-Length: 100\r\n\r\n<a", "Transfer-Encoding: chunked\r\n\r\n5\r\n<a"] {
        let mut stream = server.connect().await;
        let head = "POST /slurp HTTP/1.1\r\nHost: localhost\r\n";
        stream.write_all(format!("{head}{framing}").as_bytes()).await.unwrap();
        let answer = rest(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(answer.contains("uforgeError"), "{answer}");
    }
}

#[tokio::test]
async fn a_body_that_ends_early_is_refused() {
    let server = Listening::new().await;
    for framing in ["Content-Length: 100\r\n\r\n<a", "Transfer-Encoding: chunked\r\n\r\n5\r\n<a"] {
        let mut stream = server.connect().await;
        let head = "POST /slurp HTTP/1.1\r\nHost: localhost\r\n";
        stream.write_all(format!("{head}{framing}").as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let answer = rest(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut() {
    let server =
        Listening::with(|settings| settings.connection_limits.stall = Duration::from_millis(100)).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /flood HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    // The server's side ends while this side reads nothing: writing on finds out.
    let written = async {
        while stream.write_all(b"x").await.is_ok() {
            tokio::task::yield_now().await
        }
    };
    tokio::time::timeout(super::PATIENCE, written).await.expect("the connection ends");
}

#[tokio::test]
async fn the_longest_idle_connection_makes_room() {
    let server = Listening::with(|settings| settings.connection_limits.connections = 3).await;
    let mut idle: Vec<TcpStream> = Vec::new();
    for _ in 0..10 {
        let mut stream = server.connect().await;
        stream.write_all(STATUS.as_bytes()).await.unwrap();
        assert!(one_answer(&mut stream).await.starts_with("HTTP/1.1 200 "));
        idle.push(stream);
    }
    // The first seven are gone, the last three still served.
    let (gone, alive) = idle.split_at_mut(7);
    for stream in gone {
        assert_eq!(rest(stream).await, "");
    }
    for stream in alive {
        stream.write_all(STATUS.as_bytes()).await.unwrap();
        assert!(one_answer(stream).await.starts_with("HTTP/1.1 200 "));
    }
}

#[tokio::test]
async fn connections_at_work_are_not_ended_for_a_new_one() {
    let server = Listening::with(|settings| settings.connection_limits.connections = 2).await;
    let mut working = Vec::new();
    for _ in 0..2 {
        let mut stream = server.connect().await;
        let head =
            "POST /slurp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        // The handler waits for the body.
        assert!(one_answer(&mut stream).await.starts_with("HTTP/1.1 100 "));
        working.push(stream);
    }
    let answer = rest(&mut server.connect().await).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("uforgeError"), "{answer}");
    for stream in &mut working {
        stream.write_all(b"x").await.unwrap();
        assert!(one_answer(stream).await.starts_with("HTTP/1.1 200 "));
    }
}

#[tokio::test]
async fn an_answer_has_the_name_of_its_request() {
    let server = Listening::new().await;
    let close = "Connection: close\r\n\r\n";
    let named = format!("GET /api/status HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: mine-1\r\n{close}");
    assert!(server.say("", named.as_bytes()).await.contains("x-request-id: mine-1\r\n"));
    let bad = format!("GET /api/status HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: a b\r\n{close}");
    let answer = server.say("", bad.as_bytes()).await;
    assert!(answer.contains("x-request-id: ") && !answer.contains("x-request-id: a b"), "{answer}");
}

#[tokio::test]
async fn a_panic_is_a_failure_of_the_server() {
    let server = Listening::new().await;
    let answer = server.say("", b"GET /panic HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    assert!(answer.contains("uforgeError") && !answer.contains("quite private"), "{answer}");
}

#[tokio::test]
async fn figures_and_health_are_behind_a_door_of_their_own() {
    let server = Listening::new().await;
    server.say("", b"GET /api/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    let ask = async |path: &str| {
        let mut stream = TcpStream::connect(server.admin).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        rest(&mut stream).await
    };
    assert!(ask("/health/live").await.starts_with("HTTP/1.1 200 "));
    assert!(ask("/health/ready").await.starts_with("HTTP/1.1 200 "));
    let figures = ask("/metrics").await;
    let line = "diskwright_requests_total{route=\"/status\",method=\"GET\",status=\"200\"} 1\n";
    assert!(figures.contains(line), "{figures}");
    assert!(figures.contains("diskwright_stored_bytes{what=\"images\"} 0\n"), "{figures}");
    assert!(ask("/api/status").await.starts_with("HTTP/1.1 404 "));
    let answer =
        server.say("", b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
}

#[tokio::test]
async fn a_server_without_room_is_not_ready() {
    let server = Listening::with(|settings| settings.reserve = u64::MAX).await;
    let answer =
        server.say("", b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("nearly full"), "{answer}");
}
