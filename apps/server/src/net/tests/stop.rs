//! The end.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{Listening, STATUS, one_answer, rest};

#[tokio::test]
async fn what_is_asked_before_the_stop_is_answered() {
    let server = Listening::new().await;
    let fresh = &mut server.connect().await;
    let idle = &mut server.connect().await;
    idle.write_all(STATUS.as_bytes()).await.unwrap();
    one_answer(idle).await;
    let busy = &mut server.connect().await;
    busy.write_all(b"POST /slurp HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        .await
        .unwrap();
    assert!(one_answer(busy).await.starts_with("HTTP/1.1 100 "));
    server.stop.cancel();
    // Who asks nothing is not waited for.
    assert_eq!(rest(fresh).await, "");
    assert_eq!(rest(idle).await, "");
    busy.write_all(b"ok").await.unwrap();
    let answer = rest(busy).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    tokio::time::timeout(super::PATIENCE, server.running).await.expect("the server ends").unwrap();
    assert!(server.trial.server.is_stopping());
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn what_takes_too_long_is_cut() {
    let server =
        Listening::with(|settings| settings.connection_limits.shutdown = Duration::from_millis(50)).await;
    let busy = &mut server.connect().await;
    busy.write_all(b"GET /flood HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    busy.readable().await.unwrap();
    server.stop.cancel();
    tokio::time::timeout(super::PATIENCE, server.running).await.expect("the server ends").unwrap();
}
