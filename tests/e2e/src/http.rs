//! The least of HTTP/1.1 that drivers and servers are asked by.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// One request on a connection of its own to `address` (host and port), with `fields` (each line ended by CR and LF) beside
/// those that frame it; the status line and the body of the answer.
///
/// # Errors
/// If the connection fails or is silent for `patience`, or if what comes is no answer with a length.
pub fn ask(
    address: &str,
    (method, target): (&str, &str),
    fields: &str,
    body: &str,
    patience: Duration,
) -> Result<(String, Vec<u8>)> {
    let mut connection =
        TcpStream::connect(address).with_context(|| format!("no connection to {address}"))?;
    connection.set_read_timeout(Some(patience))?;
    // In one piece, so that it waits for no acknowledgement.
    let request = format!(
        "{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{fields}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    connection.write_all(request.as_bytes())?;
    read_answer(connection)
}

/// Whoever answers need not end by closing the connection: the length ends it.
fn read_answer(connection: TcpStream) -> Result<(String, Vec<u8>)> {
    let mut answer = BufReader::new(connection);
    let mut status = String::new();
    answer.read_line(&mut status)?;
    let mut length: Option<u64> = None;
    loop {
        let mut field = String::new();
        answer.read_line(&mut field)?;
        match field.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = Some(value.trim().parse()?);
            }
            Some(_) => {}
            None => break,
        }
    }
    let has_body = !status.contains(" 204 ");
    let length = if has_body { length.context("an answer without length")? } else { 0 };
    let mut body = Vec::new();
    answer.take(length).read_to_end(&mut body)?;
    ensure!(body.len() as u64 == length, "{} bytes of {length}", body.len());
    Ok((status.trim_end().to_owned(), body))
}
