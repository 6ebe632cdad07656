//! The browser does what the tests of the web page need of it.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use anyhow::Result;
use diskwright_e2e::browser::Browser;
use diskwright_e2e::debian::Workshop;
use serde_json::json;

#[test]
fn form_is_filled_and_what_it_asks_for_is_shown_and_downloaded() -> Result<()> {
    let Some(browser) = Browser::find() else { return Ok(()) };
    let workshop = Workshop::enter("browser-page")?;
    let session = browser.start(workshop.path())?;
    session.go_to(&serve()?)?;
    assert_eq!(session.find("h1")?.text()?, "A page");
    let name = session.find("input[name=login]")?;
    name.type_text("nobody")?;
    name.type_text("gu\u{eb}st")?;
    session.find("button")?.click()?;
    session.wait_until("the answer", "document.querySelector('output').value != ''", PATIENCE)?;
    assert_eq!(session.find("output")?.text()?, "for gu\u{eb}st: 42");
    assert_eq!(session.script("return [1, document.title];")?, json!([1, "Page"]));
    session.find("a")?.click()?;
    assert_eq!(std::fs::read(session.downloaded("machine.bin", PATIENCE)?)?, CONTENT);
    Ok(())
}

#[test]
fn what_is_not_there_is_an_error_that_shows_the_page() -> Result<()> {
    let Some(browser) = Browser::find() else { return Ok(()) };
    let workshop = Workshop::enter("browser-errors")?;
    let session = browser.start(workshop.path())?;
    session.go_to(&serve()?)?;
    let error =
        session.wait_until("a second title", "document.querySelector('h2')", Duration::ZERO).unwrap_err();
    assert!(
        error.to_string().contains("a second title") && error.to_string().contains("A page"),
        "{error:#}"
    );
    let error = session.script("return nothing.at.all;").unwrap_err();
    assert!(error.to_string().contains("nothing is not defined"), "{error:#}");
    let error = session.find("#hidden")?.click().unwrap_err();
    assert!(error.to_string().contains("not interactable"), "{error:#}");
    Ok(())
}

/// Serves a page on a port of its own until the test ends, and returns its address.
fn serve() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            // A browser opens connections that it then does not use.
            std::thread::spawn(move || answer(connection));
        }
    });
    Ok(format!("http://{address}/"))
}

fn answer(mut connection: TcpStream) -> Result<()> {
    let mut lines = BufReader::new(connection.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let (kind, content) = match request.split(' ').nth(1) {
        Some("/") => ("text/html; charset=utf-8", PAGE),
        Some("/answer") => ("text/plain", b"42".as_slice()),
        Some("/file") => {
            ("application/octet-stream\r\nContent-Disposition: attachment; filename=\"machine.bin\"", CONTENT)
        }
        _ => ("text/plain", b"".as_slice()),
    };
    let length = content.len();
    write!(connection, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n")?;
    write!(connection, "Content-Type: {kind}\r\n\r\n")?;
    Ok(connection.write_all(content)?)
}

const PAGE: &[u8] = br#"<!DOCTYPE html><title>Page</title><h1>A page</h1>
<form><input name="login"><button>Ask</button></form><output></output>
<a href="/file">Download</a><button id="hidden" style="display: none">No</button>
<script>
document.querySelector("form").onsubmit = async (event) => {
  event.preventDefault();
  const answer = await (await fetch("/answer")).text();
  document.querySelector("output").value = `for ${event.target.login.value}: ${answer}`;
};
</script>"#;
const CONTENT: &[u8] = b"\0the bytes of an image\xff";
const PATIENCE: Duration = Duration::from_secs(60);
