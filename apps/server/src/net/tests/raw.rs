//! Requests that are none, or none that this server answers: each is refused with a document.

use std::time::{Duration, Instant};

use super::{Listening, STATUS};

/// Name, what is sent, the status.
struct Case(&'static str, Vec<u8>, u16);

#[tokio::test]
async fn what_is_no_request_is_refused_with_a_document() {
    let server = Listening::new().await;
    let cases = [lines(), heads(), framings(), bodies(), paths(), protocols()].concat_cases();
    assert!(cases.len() >= 80, "{} cases", cases.len());
    for Case(name, bytes, status) in &cases {
        let since = Instant::now();
        let answer = server.say(name, bytes).await;
        let took = since.elapsed();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{name}: {answer:?}");
        assert!(answer.contains("content-type: application/xml\r\n"), "{name}: {answer:?}");
        assert!(answer.contains(&format!("<statusCode>{status}</statusCode>")), "{name}: {answer:?}");
        assert!(answer.contains("uforgeError"), "{name}: {answer:?}");
        assert_eq!(answer.matches("HTTP/1.1 4").count(), 1, "{name}: {answer:?}");
        // A busy machine is not what is tested here: the answer must not wait for a time-out.
        assert!(took < Duration::from_secs(5), "{name}: {took:?}");
    }
    assert!(nothing_is_stored(&server).await);
    assert!(server.say("status", &closing(STATUS)).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_refusal_is_in_the_syntax_that_was_asked_for() {
    let server = Listening::new().await;
    for request in [
        "GET /api/status HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nContent-Length: x\r\n\r\n",
        "GET /api/nothing HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nConnection: close\r\n\r\n",
        "GET /nothing HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nConnection: close\r\n\r\n",
    ] {
        let answer = server.say(request, request.as_bytes()).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("content-type: application/json"), "{answer:?}");
        let document: serde_json::Value = serde_json::from_str(body).unwrap();
        let uri = request.split(' ').nth(1).unwrap();
        assert_eq!(document["uforgeError"]["requestUri"], uri);
    }
}

#[tokio::test]
async fn requests_before_the_one_that_is_none_are_answered_first() {
    let server = Listening::new().await;
    let sent = format!("{STATUS}{STATUS}GET /api/status HTTP/1.1\r\nHost : x\r\n\r\n{STATUS}");
    let answer = server.say("three", sent.as_bytes()).await;
    let statuses: Vec<&str> =
        answer.match_indices("HTTP/1.1 ").map(|(at, _)| &answer[at + 9..at + 12]).collect();
    assert_eq!(statuses, ["200", "200", "400"], "{answer}");
}

#[tokio::test]
async fn a_request_in_any_pieces_is_a_request() {
    let server = Listening::new().await;
    let whole =
        String::from_utf8(closing("\r\nGET /api/status HTTP/1.1\r\nHost: localhost\r\n\r\n")).unwrap();
    for at in 1..whole.len() {
        use tokio::io::AsyncWriteExt;
        let mut stream = server.connect().await;
        stream.set_nodelay(true).unwrap();
        for piece in [&whole[..at], &whole[at..]] {
            stream.write_all(piece.as_bytes()).await.unwrap();
            tokio::task::yield_now().await;
        }
        let answer = super::rest(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{at}: {answer}");
    }
}

async fn nothing_is_stored(server: &Listening) -> bool {
    let figures = server.trial.server.store().figures().await.unwrap();
    figures.scans.is_empty() && figures.images.is_empty()
}

trait Cases {
    fn concat_cases(self) -> Vec<Case>;
}

impl<const N: usize> Cases for [Vec<Case>; N] {
    fn concat_cases(self) -> Vec<Case> {
        self.into_iter().flatten().collect()
    }
}

/// With a field that ends the connection after the answer.
fn closing(request: &str) -> Vec<u8> {
    request.replacen("Host:", "Connection: close\r\nHost:", 1).into_bytes()
}

fn case(name: &'static str, request: &str, status: u16) -> Case {
    Case(name, request.as_bytes().to_vec(), status)
}

/// A request for the status with one more line in its head.
fn field(name: &'static str, line: &str, status: u16) -> Case {
    case(name, &format!("GET /api/status HTTP/1.1\r\nHost: localhost\r\n{line}\r\n\r\n"), status)
}

fn lines() -> Vec<Case> {
    let line = |name, line: &str, status| case(name, &format!("{line}\r\nHost: localhost\r\n\r\n"), status);
    vec![
        line("no version", "GET /api/status", 400),
        line("method alone", "GET", 400),
        line("no method", "/api/status HTTP/1.1", 400),
        line("leading space", " GET /api/status HTTP/1.1", 400),
        line("two spaces", "GET  /api/status HTTP/1.1", 400),
        line("tab for a space", "GET\t/api/status\tHTTP/1.1", 400),
        line("something after the version", "GET /api/status HTTP/1.1 x", 400),
        line("space in the target", "GET /api/ status HTTP/1.1", 400),
        line("method with a slash", "GE/T /api/status HTTP/1.1", 400),
        line("method with a control character", "G\x01T /api/status HTTP/1.1", 400),
        line("relative target", "GET api/status HTTP/1.1", 400),
        line("empty authority", "GET http:///api/status HTTP/1.1", 400),
        line("another scheme", "GET ftp://localhost/api/status HTTP/1.1", 400),
        line("another host in the target", "GET http://elsewhere/api/status HTTP/1.1", 400),
        line("user in the target", "GET http://a@localhost/api/status HTTP/1.1", 400),
        line("target with a fragment", "GET /api/status#x HTTP/1.1", 400),
        line("target of another alphabet", "GET /api/stätus HTTP/1.1", 400),
        line("target with a quote and a brace", "GET /api/\"{x} HTTP/1.1", 400),
        line("asterisk with GET", "GET * HTTP/1.1", 400),
        line("tunnel", "CONNECT localhost:443 HTTP/1.1", 405),
        line("NUL in the target", "GET /api/sta\0tus HTTP/1.1", 400),
        line("endless target", &format!("GET /{} HTTP/1.1", "a".repeat(9000)), 414),
        line("far too endless target", &format!("GET /{} HTTP/1.1", "a".repeat(100_000)), 414),
    ]
}

fn heads() -> Vec<Case> {
    let many: String = (0..101).map(|n| format!("X-{n}: y\r\n")).collect();
    vec![
        case("no Host", "GET /api/status HTTP/1.1\r\n\r\n", 400),
        case("empty Host", "GET /api/status HTTP/1.1\r\nHost: \r\n\r\n", 400),
        field("two Hosts", "Host: localhost", 400),
        case("Host with a path", "GET /api/status HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        case("Host with a space", "GET /api/status HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        field("space before the colon", "Accept : application/xml", 400),
        field("no colon", "Accept", 400),
        field("no name", ": x", 400),
        field("name with a space", "X y: z", 400),
        field("name of another alphabet", "Näme: z", 400),
        field("folded line", "X: y\r\n z", 400),
        field("folded with a tab", "X: y\r\n\tz", 400),
        case("folded first line", "GET /api/status HTTP/1.1\r\n Host: localhost\r\n\r\n", 400),
        field("NUL in a value", "X: a\0b", 400),
        field("bell in a value", "X: a\x07b", 400),
        field("DEL in a value", "X: a\x7fb", 400),
        field("carriage return in a value", "X: a\rb", 400),
        field("line feed alone", "X: a\nY: b", 400),
        case("line feeds only", "GET /api/status HTTP/1.1\nHost: localhost\n\n", 400),
        case("line feed first", "\nGET /api/status HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        field("two Authorizations", "Authorization: Basic YTph\r\nAuthorization: Basic Yjpi", 400),
        field("two Content-Types", "Content-Type: text/xml\r\nContent-Type: text/json", 400),
        field("unknown expectation", "Expect: 200-maybe", 417),
        field("long value", &format!("X: {}", "y".repeat(40_000)), 431),
        field("long name", &format!("{}: y", "X".repeat(40_000)), 431),
        field("too many fields", many.trim_end(), 431),
        field("many long fields", &format!("X: {}\r\n", "y".repeat(800)).repeat(60), 431),
    ]
}

fn framings() -> Vec<Case> {
    let body = |name, fields: &str, body: &str| {
        case(name, &format!("POST /api/status HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n\r\n{body}"), 400)
    };
    vec![
        body("length and chunks", "Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
        body("chunks and length", "Transfer-Encoding: chunked\r\nContent-Length: 5", "0\r\n\r\n"),
        body("two lengths", "Content-Length: 1\r\nContent-Length: 2", "x"),
        body("one length twice", "Content-Length: 1\r\nContent-Length: 1", "x"),
        body("list of lengths", "Content-Length: 1, 1", "x"),
        body("negative length", "Content-Length: -1", ""),
        body("length with a sign", "Content-Length: +1", "x"),
        body("hexadecimal length", "Content-Length: 0x1", "x"),
        body("empty length", "Content-Length: ", ""),
        body("length of a word", "Content-Length: one", ""),
        body("length beyond all numbers", "Content-Length: 99999999999999999999", ""),
        body("length near the end of u64", "Content-Length: 18446744073709551615", ""),
        body("unknown coding", "Transfer-Encoding: gzip", ""),
        body("chunked twice", "Transfer-Encoding: chunked, chunked", "0\r\n\r\n"),
        body("two codings", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
        body("coding and chunked", "Transfer-Encoding: gzip, chunked", "0\r\n\r\n"),
        body("chunked with a vertical tab", "Transfer-Encoding: \x0bchunked", "0\r\n\r\n"),
        body("chunked in quotes", "Transfer-Encoding: \"chunked\"", "0\r\n\r\n"),
        body("identity", "Transfer-Encoding: identity", ""),
        case(
            "chunks of HTTP/1.0",
            "POST /api/status HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        case(
            "length of HTTP/1.0 twice",
            "POST / HTTP/1.0\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
            400,
        ),
    ]
}

/// Broken bodies of requests that are refused for another reason, too, if not for this.
fn bodies() -> Vec<Case> {
    let chunked = |name, chunks: &str| {
        let head = "POST /api/status HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
        case(name, &format!("{head}{chunks}"), 405)
    };
    vec![
        chunked("chunk of no size", "\r\n"),
        chunked("chunk of a word", "hello\r\n"),
        chunked("chunk longer than it says", "1\r\nhello\r\n0\r\n\r\n"),
        chunked("chunk without its line end", "5\r\nhello0\r\n\r\n"),
        chunked("chunk with a line feed", "5\nhello\r\n0\r\n\r\n"),
        chunked("chunk beyond all numbers", "FFFFFFFFFFFFFFFFF\r\n"),
        chunked("chunk with a NUL in its extension", "5;\0\r\nhello\r\n0\r\n\r\n"),
        chunked("chunk with an endless extension", &format!("5;{}\r\nhello", "x".repeat(10_000))),
    ]
}

fn paths() -> Vec<Case> {
    let path = |name, path: &str, status| {
        Case(name, closing(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")), status)
    };
    vec![
        path("percent at the end", "/api/status%", 400),
        path("percent with one digit", "/api/%4/x", 400),
        path("percent without digits", "/api/%zz", 400),
        path("encoded NUL", "/api/users/a%00b", 400),
        path("encoded line feed", "/api/users/a%0Ab", 400),
        path("encoded DEL", "/api/users/a%7fb", 400),
        path("unknown path", "/nothing", 404),
        path("unknown path of the API", "/api/nothing", 404),
        path("up and away", "/../../etc/passwd", 404),
        path("encoded up and away", "/api/%2e%2e/%2e%2e/etc/passwd", 404),
        path("encoded slashes", "/api%2fstatus", 404),
        path("overlong UTF-8", "/api/users/%c0%af", 400),
        Case("unknown method", closing("BREW /api/status HTTP/1.1\r\nHost: localhost\r\n\r\n"), 405),
        Case("method in small letters", closing("get /api/status HTTP/1.1\r\nHost: localhost\r\n\r\n"), 405),
        Case(
            "method of another route",
            closing("DELETE /api/status HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            405,
        ),
        Case("trace", closing("TRACE /api/status HTTP/1.1\r\nHost: localhost\r\n\r\n"), 405),
        Case("all options", closing("OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n"), 404),
    ]
}

fn protocols() -> Vec<Case> {
    let hello = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
    vec![
        case("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        case("HTTP/3", "GET /api/status HTTP/3.0\r\nHost: localhost\r\n\r\n", 400),
        case("HTTP/1.2", "GET /api/status HTTP/1.2\r\nHost: localhost\r\n\r\n", 400),
        case("HTTP in small letters", "GET /api/status http/1.1\r\nHost: localhost\r\n\r\n", 400),
        Case("TLS", hello.to_vec(), 400),
        Case("zeros", vec![0; 64], 400),
        Case("a long line of one letter", vec![b'A'; 70_000], 414),
        case("an answer", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 400),
        case("mail", "EHLO example.com\r\nMAIL FROM:<a@example.com>\r\n", 400),
        case(
            "a proxy's greeting",
            "PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            400,
        ),
    ]
}
