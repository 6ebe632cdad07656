//! Every check and test of the workspace, one after the other.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::workspace::Workspace;
use crate::{arrows, command, made, oracles};

/// Whether images are booted, which takes minutes, and an appliance of more than 8 GiB is written.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Boots {
    Run,
    LeaveOut,
}

/// Runs everything, whatever fails on the way, and ends with a line of counts.
pub(crate) fn run_all(workspace: &Workspace, boots: Boots) -> Result<bool> {
    let mut course = Course::default();
    course.step("setup", || oracles::install(workspace).map(|()| Counts::one_passed()));
    course.step("python", || made::PYTHON.make(workspace).map(|_| Counts::one_passed()));
    course.step("openapi", || made::OPENAPI.make(workspace).map(|_| Counts::one_passed()));
    course.step("clients", || made::CLIENTS.make(workspace).map(|_| Counts::one_passed()));
    course.step("tree", || made::TREE.make(workspace).map(|_| Counts::one_passed()));
    course.step("tree with LVM", || made::LVM_TREE.make(workspace).map(|_| Counts::one_passed()));
    course.step("tree for boots", || made::BOOT_TREE.make(workspace).map(|_| Counts::one_passed()));
    course.step("virtualbox", || made::VIRTUALBOX.make(workspace).map(|_| Counts::one_passed()));
    course.step("fmt", || plain(&mut workspace.cargo(&["fmt", "--all", "--check"])));
    course.step("clippy", || {
        let arguments = ["clippy", "--locked", "--workspace", "--all-targets", "--", "--deny", "warnings"];
        plain(&mut workspace.cargo(&arguments))
    });
    course.step("doc", || {
        let mut doc = workspace.cargo(&["doc", "--locked", "--workspace", "--no-deps", "--quiet"]);
        plain(doc.env("RUSTDOCFLAGS", "--deny warnings"))
    });
    course.step("features", || features(workspace));
    course.step("arrows", || arrows::check(workspace).map(|()| Counts::one_passed()));
    course.step("deny", || deny(workspace, &["bans", "licenses", "sources"]));
    course.step("advisories", || advisories(workspace));
    course.step("readme", || readme(workspace));
    course.step("tests", || {
        tests(
            workspace,
            &["test", "--locked", "--workspace", "--exclude", "diskwright-e2e", "--no-fail-fast"],
        )
    });
    // Each scenario once, none of them timed: it is the digests that are checked.
    course.step("benches", || {
        let benches = ["bench", "--locked", "--package", "diskwright-benches", "--benches", "--", "--test"];
        plain(&mut workspace.cargo(&benches))
    });
    course.step("room", || make_room(workspace).map(|()| Counts::one_passed()));
    course.step("end to end", || {
        let mut arguments =
            vec!["test", "--locked", "--release", "--package", "diskwright-e2e", "--no-fail-fast"];
        if boots == Boots::LeaveOut {
            arguments.extend(["--", "--skip", "boots_to_login", "--skip", "eight_gib"]);
        }
        tests(workspace, &arguments)
    });
    course.summarise();
    Ok(course.counts.failed == 0)
}

/// The steps that were run, and what came of them.
#[derive(Default)]
struct Course {
    counts: Counts,
    lines: Vec<String>,
}

impl Course {
    fn step(&mut self, name: &str, run: impl FnOnce() -> Result<Counts>) {
        println!("\n== {name}");
        let start = Instant::now();
        let counts = run().unwrap_or_else(|error| {
            println!("{name}: {error:#}");
            Counts { passed: 0, failed: 1 }
        });
        self.lines.push(line(name, counts, start.elapsed()));
        self.counts = self.counts.plus(counts);
    }

    fn summarise(&self) {
        println!("\n{}", self.lines.join("\n"));
        println!("{} passed, {} failed", self.counts.passed, self.counts.failed);
    }
}

/// Checks and tests; a step that is not made of tests counts as one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Counts {
    passed: u64,
    failed: u64,
}

impl Counts {
    fn one_passed() -> Self {
        Self { passed: 1, failed: 0 }
    }

    fn plus(self, other: Self) -> Self {
        Self { passed: self.passed + other.passed, failed: self.failed + other.failed }
    }

    /// What a line of the test harness counts: `test result: ok. 3 passed; 0 failed; 0 ignored; …`. An ignored test failed: it shows
    /// nothing.
    fn of_line(line: &str) -> Option<Self> {
        let counts = line.strip_prefix("test result: ")?.split_once(". ")?.1;
        let count = |word: &str| {
            let found = counts.split("; ").find_map(|part| part.strip_suffix(word));
            found?.trim().parse::<u64>().ok()
        };
        Some(Self { passed: count("passed")?, failed: count("failed")? + count("ignored")? })
    }
}

fn line(name: &str, counts: Counts, time: Duration) -> String {
    let verdict = if counts.failed == 0 { "ok" } else { "FAILED" };
    format!(
        "{name:<12} {:>7.1} s  {:>5} passed {:>5} failed  {verdict}",
        time.as_secs_f64(),
        counts.passed,
        counts.failed
    )
}

/// Runs a command that counts as one.
fn plain(command: &mut Command) -> Result<Counts> {
    command::run(command).map(|()| Counts::one_passed())
}

/// Runs tests, none of which may leave an oracle out, and counts them.
fn tests(workspace: &Workspace, arguments: &[&str]) -> Result<Counts> {
    let mut cargo = workspace.cargo(arguments);
    cargo
        .env("DISKWRIGHT_REQUIRE_ORACLES", "1")
        .env("RUST_LIB_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut child = cargo.spawn().with_context(|| format!("{cargo:?}"))?;
    let output = child.stdout.take().context("the tests have no output")?;
    let mut counts = Counts::default();
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        writeln!(std::io::stdout(), "{line}")?;
        counts = counts.plus(Counts::of_line(&line).unwrap_or_default());
    }
    let status = child.wait()?;
    if !status.success() && counts.failed == 0 {
        bail!("{cargo:?}: {status}");
    }
    if counts.passed == 0 {
        bail!("{cargo:?} ran no test");
    }
    Ok(counts)
}

/// An embedder may leave out any format: the facade compiles with none, and with each alone.
fn features(workspace: &Workspace) -> Result<Counts> {
    let packages = workspace.metadata.get("packages").and_then(Value::as_array).context("no packages")?;
    let facade = packages.iter().find(|package| package.get("name").is_some_and(|name| name == "diskwright"));
    let features = facade.and_then(|facade| facade.get("features")?.as_object()).context("no features")?;
    let alone = features.keys().map(String::as_str).filter(|feature| *feature != "default");
    for feature in std::iter::once("").chain(alone) {
        let arguments = ["check", "--locked", "--package", "diskwright", "--lib", "--no-default-features"];
        command::run(workspace.cargo(&arguments).args(["--features", feature]))?;
    }
    Ok(Counts::one_passed())
}

/// Where the disk is too small for the images of the end-to-end tests, what was built for the tests before them goes: they need
/// none of it.
///
/// # Errors
/// Where it is too small even then: the tests would fail in many ways, of which none tells why.
fn make_room(workspace: &Workspace) -> Result<()> {
    let mut free = free(workspace)?;
    println!("{} MiB free", free >> 20);
    if free < END_TO_END {
        command::run(&mut workspace.cargo(&["clean", "--profile", "dev"]))?;
        free = self::free(workspace)?;
        println!("{} MiB free", free >> 20);
    }
    ensure_room(free)
}

fn ensure_room(free: u64) -> Result<()> {
    let (free, least) = (free >> 20, LEAST >> 20);
    ensure!(free >= least, "the end-to-end tests need {least} MiB on the disk, and {free} are free");
    Ok(())
}

/// Bytes that may be written where cargo builds.
fn free(workspace: &Workspace) -> Result<u64> {
    let said = command::output(
        Command::new("df").args(["--output=avail", "--block-size=1"]).arg(&workspace.target),
    )?;
    let free = said.lines().last().context("df says nothing")?;
    free.trim().parse().with_context(|| format!("df: {said}"))
}

/// Runs the README's first command as it stands there.
fn readme(workspace: &Workspace) -> Result<Counts> {
    let text = std::fs::read_to_string(workspace.root.join("README.md")).context("README.md")?;
    let first = text
        .lines()
        .find(|line| line.starts_with("cargo run "))
        .context("the README has no first command")?;
    plain(Command::new("sh").args(["-c", first]).current_dir(&workspace.root))
}

fn deny(workspace: &Workspace, checks: &[&str]) -> Result<Counts> {
    let mut deny = Command::new(oracles::deny(workspace)?);
    deny.current_dir(&workspace.root).args(["--all-features", "--locked", "check", "--hide-inclusion-graph"]);
    plain(deny.args(checks))
}

/// Checks the advisory database, which lies on GitHub; where that cannot be reached this is said and not counted.
fn advisories(workspace: &Workspace) -> Result<Counts> {
    let mut fetch = Command::new(oracles::deny(workspace)?);
    fetch.current_dir(&workspace.root).args(["--locked", "fetch", "db"]);
    if let Err(error) = command::output(&mut fetch) {
        let reason = format!("{error:#}");
        println!(
            "not checked: the advisory database cannot be fetched\n{}",
            reason.lines().last().unwrap_or("")
        );
        return Ok(Counts::default());
    }
    deny(workspace, &["advisories"])
}

/// Bytes that the end-to-end tests have on the disk at their peak, with what is built for them, and as much again in reserve: the
/// largest by itself is an appliance of 9 GiB.
const END_TO_END: u64 = 32 << 30;
/// Their peak as it was measured, 12.4 GB.
const LEAST: u64 = 12 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_is_too_small_is_told_with_what_is_needed() {
        assert!(ensure_room(LEAST).is_ok());
        let error = ensure_room(LEAST - 1).unwrap_err().to_string();
        assert_eq!(error, "the end-to-end tests need 12288 MiB on the disk, and 12287 are free");
    }

    #[test]
    fn counts_are_read_from_the_harness() {
        let line =
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s";
        assert_eq!(Counts::of_line(line), Some(Counts { passed: 3, failed: 1 }));
        let line =
            "test result: FAILED. 12 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1s";
        assert_eq!(Counts::of_line(line), Some(Counts { passed: 12, failed: 2 }));
        assert_eq!(Counts::of_line("test fails_well ... ok"), None);
    }

    #[test]
    fn step_that_cannot_run_counts_as_failed() {
        let mut course = Course::default();
        course.step("first", || Ok(Counts { passed: 4, failed: 0 }));
        course.step("second", || bail!("no such tool"));
        assert_eq!(course.counts, Counts { passed: 4, failed: 1 });
        assert!(course.lines[1].ends_with("FAILED"));
    }
}
