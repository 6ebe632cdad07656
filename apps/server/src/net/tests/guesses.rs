//! Guesses of passwords, from more than one address.

use axum::http::Method;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;

use super::{Listening, rest};
use crate::trial;

#[tokio::test]
async fn a_strangers_guesses_do_not_keep_the_owner_out() {
    let server = Listening::new().await;
    let mut refused = 0;
    // One more than may be wrong, and some that are on their way already.
    for _ in 0..20 {
        let answer = ask(&server, "127.0.0.2", "Basic guest:wrong").await;
        refused += u32::from(answer.starts_with("HTTP/1.1 429 "));
    }
    assert!(refused > 0, "a stranger may guess for ever");
    let request = trial::request("guest", Method::GET, "").body(()).unwrap();
    let right = request.headers()["authorization"].to_str().unwrap();
    // The very password does not help the stranger now, and is all that the owner needs.
    let stranger = ask(&server, "127.0.0.2", right).await;
    assert!(stranger.starts_with("HTTP/1.1 429 "), "{stranger}");
    let owner = ask(&server, "127.0.0.1", right).await;
    assert!(owner.starts_with("HTTP/1.1 200 "), "{owner}");
}

/// Asks for the account of `guest` from an address of this machine.
async fn ask(server: &Listening, from: &str, authorization: &str) -> String {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    let mut stream = socket.connect(server.address).await.unwrap();
    let request = format!(
        "GET /api/users/guest HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: {authorization}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    rest(&mut stream).await
}
