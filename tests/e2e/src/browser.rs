//! A real browser, without a screen, driven as its own vendor drives it: WebDriver, JSON over HTTP.
//!
//! ```text
//! Browser::find ─ start ─> Session ─┬─ go_to, script, wait_until
//!                                   ├─ find ─> Element ─ click, type_text, text
//!                                   └─ downloaded
//! ```
//!
//! # Reference
//! W3C, WebDriver, sections "Sessions", "Navigation", "Element interaction", "Document", and chromedriver's
//! capabilities.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};

use crate::{Tool, http};

/// Chromium and its driver, both installed.
#[derive(Clone, Debug)]
pub struct Browser {
    driver: Tool,
}

impl Browser {
    /// Finds both.
    ///
    /// # Panics
    /// If one is missing and `DISKWRIGHT_REQUIRE_ORACLES=1` is set.
    pub fn find() -> Option<Self> {
        Tool::find("chromium")?;
        Some(Self { driver: Tool::find("chromedriver")? })
    }

    /// Starts a browser that has nothing of another's, and keeps what it writes in the directory `room`.
    ///
    /// # Errors
    /// With what the driver says, if it does not start.
    pub fn start(&self, room: &Path) -> Result<Session> {
        let (home, downloads) = (room.join("browser"), room.join("browser-downloads"));
        fs::create_dir_all(&home)?;
        fs::create_dir_all(&downloads)?;
        let log = room.join("browser.log");
        let mut command = self.driver.command();
        command.arg("--port=0").env("HOME", &home).env("TMPDIR", &home);
        // The browser's processes are of the driver's group, and end with it.
        command.process_group(0).stdout(Stdio::piped()).stderr(File::create(&log)?);
        let mut driver = command.spawn().with_context(|| format!("{command:?}"))?;
        let output = driver.stdout.take().context("a driver without output")?;
        let mut session = Session { driver, port: 0, path: String::new(), downloads, _output: None };
        let (port, output) = port_of(output).with_context(|| fs::read_to_string(&log).unwrap_or_default())?;
        (session.port, session._output) = (port, Some(output));
        let capabilities = capabilities(&home, &session.downloads);
        let opened = session.ask("POST", "/session", &capabilities)?;
        let id = opened.get("sessionId").and_then(Value::as_str).context("a session without id")?;
        session.path = format!("/session/{id}");
        Ok(session)
    }
}

/// A browser that runs; it ends when dropped.
#[derive(Debug)]
pub struct Session {
    driver: Child,
    port: u16,
    /// `/session/ID`, or nothing before there is one.
    path: String,
    downloads: PathBuf,
    /// Held open: the driver writes to it.
    _output: Option<BufReader<ChildStdout>>,
}

impl Session {
    /// Opens `url` and waits until the page is loaded.
    ///
    /// # Errors
    /// With what the driver says.
    pub fn go_to(&self, url: &str) -> Result<()> {
        self.post("url", &json!({ "url": url })).map(drop)
    }

    /// The first element that the CSS selector matches, as soon as there is one.
    ///
    /// # Errors
    /// If there is none by the deadline.
    pub fn find(&self, selector: &str) -> Result<Element<'_>> {
        let wanted = json!({ "using": "css selector", "value": selector });
        self.poll(&format!("an element {selector}"), DEADLINE, || {
            let all = self.post("elements", &wanted)?;
            let id = all.get(0).and_then(|first| first.get(ELEMENT)).and_then(Value::as_str);
            Ok(id.map(|id| Element { session: self, path: format!("element/{id}") }))
        })
    }

    /// What the body of a function, in JavaScript, returns.
    ///
    /// # Errors
    /// With what the page throws.
    pub fn script(&self, body: &str) -> Result<Value> {
        self.post("execute/sync", &json!({ "script": body, "args": [] }))
    }

    /// Waits until `expression`, in JavaScript, holds; `what` names it.
    ///
    /// # Errors
    /// With the page's text, if it does not by the deadline.
    pub fn wait_until(&self, what: &str, expression: &str, deadline: Duration) -> Result<()> {
        let body = format!("return Boolean({expression});");
        self.poll(what, deadline, || Ok((self.script(&body)? == Value::Bool(true)).then_some(())))
    }

    /// Makes the window so large, in pixels.
    ///
    /// # Errors
    /// With what the driver says.
    pub fn resize(&self, width: u32, height: u32) -> Result<()> {
        self.post("window/rect", &json!({ "width": width, "height": height })).map(drop)
    }

    /// The file `name` that the page made the browser download, once it is complete.
    ///
    /// # Errors
    /// If it is not there by the deadline.
    pub fn downloaded(&self, name: &str, deadline: Duration) -> Result<PathBuf> {
        // Until it is complete it has another name.
        let path = self.downloads.join(name);
        self.poll(&format!("a download {name}"), deadline, || Ok(path.is_file().then(|| path.clone())))
    }

    fn poll<T>(&self, what: &str, deadline: Duration, look: impl Fn() -> Result<Option<T>>) -> Result<T> {
        let end = Instant::now() + deadline;
        loop {
            if let Some(found) = look()? {
                return Ok(found);
            }
            if Instant::now() >= end {
                let shown = self.script("return document.location + '\\n' + document.body.innerText;")?;
                bail!("not within {deadline:?}: {what}\n{}", shown.as_str().unwrap_or(""));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn post(&self, command: &str, body: &Value) -> Result<Value> {
        self.ask("POST", &format!("{}/{command}", self.path), body)
    }

    /// Sends one command to the driver and returns its value.
    fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let context = || format!("{method} {path} {body}");
        let (status, answer) = http::ask(
            &format!("127.0.0.1:{}", self.port),
            (method, path),
            "Content-Type: application/json\r\n",
            &body,
            DEADLINE * 2,
        )
        .with_context(context)?;
        let mut answer: Value = serde_json::from_slice(&answer).with_context(context)?;
        let value = answer.get_mut("value").map(Value::take).with_context(context)?;
        let said = |field: &str| value.get(field).and_then(Value::as_str).unwrap_or("");
        ensure!(status.contains(" 200 "), "{}: {}: {}", context(), said("error"), said("message"));
        Ok(value)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.path.is_empty()
            && let Err(error) = self.ask("DELETE", &self.path, &Value::Null)
        {
            eprintln!("the browser does not close: {error:#}");
        }
        // They may have ended by themselves.
        let _ = kill_process_group(Pid::from_child(&self.driver), Signal::KILL);
        let _ = self.driver.wait();
    }
}

/// An element of a page.
#[derive(Debug)]
pub struct Element<'a> {
    session: &'a Session,
    path: String,
}

impl Element<'_> {
    /// Clicks in its middle, where it must be seen.
    ///
    /// # Errors
    /// If it is hidden or covered, or gone.
    pub fn click(&self) -> Result<()> {
        self.post("click", &json!({})).map(drop)
    }

    /// Types into it, in place of what it held.
    ///
    /// # Errors
    /// If it takes no text, or is gone.
    pub fn type_text(&self, text: &str) -> Result<()> {
        self.post("clear", &json!({}))?;
        self.post("value", &json!({ "text": text })).map(drop)
    }

    /// The text that is seen of it.
    ///
    /// # Errors
    /// If it is gone.
    pub fn text(&self) -> Result<String> {
        let path = format!("{}/{}/text", self.session.path, self.path);
        let text = self.session.ask("GET", &path, &Value::Null)?;
        Ok(text.as_str().context("a text that is none")?.to_owned())
    }

    fn post(&self, command: &str, body: &Value) -> Result<Value> {
        self.session.post(&format!("{}/{command}", self.path), body)
    }
}

/// The port that the driver says it took.
fn port_of(output: ChildStdout) -> Result<(u16, BufReader<ChildStdout>)> {
    let mut output = BufReader::new(output);
    let mut line = String::new();
    while output.read_line(&mut line)? > 0 {
        if let Some((_, port)) = line.trim_end().trim_end_matches('.').split_once("successfully on port ") {
            return Ok((port.parse()?, output));
        }
        line.clear();
    }
    bail!("the driver names no port")
}

fn capabilities(home: &Path, downloads: &Path) -> Value {
    // No sandbox, for it refuses root; no /dev/shm, for in containers it is small.
    let profile = format!("--user-data-dir={}", home.join("profile").display());
    let arguments = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", &profile];
    let preferences = json!({
        "download.default_directory": downloads,
        "download.prompt_for_download": false,
    });
    json!({ "capabilities": { "alwaysMatch": {
        "browserName": "chrome",
        "goog:chromeOptions": { "args": arguments, "prefs": preferences },
    } } })
}

/// The key of an element's id, fixed by the standard.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// How long a page may take for what needs no work of the server.
const DEADLINE: Duration = Duration::from_secs(60);
