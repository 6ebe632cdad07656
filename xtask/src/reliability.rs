//! The tests of reliability at full length, and a table of what they measured.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::workspace::Workspace;
use crate::{command, oracles};

/// Tests that are run, with the options of their harness.
struct Group {
    name: &'static str,
    package: &'static str,
    tests: &'static [&'static str],
}

const GROUPS: &[Group] = &[
    Group {
        name: "Odd trees, file systems and archives",
        package: "diskwright-core",
        tests: &["odd_trees", "ext4", "fat32", "tar_hostile", "tar_differential"],
    },
    Group {
        name: "Faults, power cuts, repetition, leaks",
        package: "diskwright-e2e",
        tests: &["reliability"],
    },
    Group { name: "Random trees", package: "diskwright-e2e", tests: &["property"] },
];

/// Runs all groups and writes `reliability/reliability.md` in the target directory; `false` when a test fails or a goal is
/// missed.
pub(crate) fn run(workspace: &Workspace) -> Result<bool> {
    oracles::install_judges()?;
    let (mut figures, mut counts, mut is_good) = (Vec::new(), String::new(), true);
    for group in GROUPS {
        println!("\n== {}", group.name);
        let mut told = Told::default();
        let succeeded = run_group(workspace, group, &mut told)?;
        is_good &= succeeded && told.figures.iter().all(Figure::is_reached);
        writeln!(counts, "| {} | {} | {} |", group.name, told.passed, told.failed)?;
        figures.append(&mut told.figures);
    }
    let text = format!(
        "{}\n\n{}\n| tests | passed | failed |\n|---|---:|---:|\n{counts}",
        conditions()?,
        table(&figures)
    );
    println!("\n{text}");
    let place = workspace.target.join("reliability");
    std::fs::create_dir_all(&place)?;
    std::fs::write(place.join("reliability.md"), text)?;
    println!("written to {}", place.display());
    Ok(is_good)
}

fn run_group(workspace: &Workspace, group: &Group, told: &mut Told) -> Result<bool> {
    // Unlike a release, this build notices when a number overflows.
    let mut cargo = workspace.cargo(&["test", "--locked", "--package", group.package]);
    cargo.args(group.tests.iter().flat_map(|test| ["--test", test]));
    // Without capturing, what passes is read, too.
    cargo.args(["--no-fail-fast", "--", "--nocapture"]);
    cargo.env("DISKWRIGHT_RELIABILITY", "full").env("DISKWRIGHT_REQUIRE_ORACLES", "1");
    cargo.env("DISKWRIGHT_PROPERTY_TREES", "1000").env("RUST_BACKTRACE", "0");
    let mut child =
        cargo.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().with_context(|| format!("{cargo:?}"))?;
    let output = child.stdout.take().context("the tests have no output")?;
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        writeln!(std::io::stdout(), "{line}")?;
        told.read(&line);
    }
    Ok(child.wait()?.success())
}

/// What tests said on standard output.
#[derive(Default)]
struct Told {
    figures: Vec<Figure>,
    passed: u64,
    failed: u64,
}

impl Told {
    fn read(&mut self, line: &str) {
        // The harness may have begun the line with the test's name.
        if let Some(figure) = line.split_once("figure {").and_then(|(_, rest)| Figure::read(rest)) {
            self.figures.push(figure);
        }
        if line.starts_with("test result: ") {
            self.passed += count(line, " passed");
            self.failed += count(line, " failed");
        }
    }
}

/// The number before `word` in a line of the harness.
fn count(line: &str, word: &str) -> u64 {
    let before = line.split_once(word).map_or("", |(before, _)| before);
    before.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

struct Figure(Value);

impl Figure {
    /// A figure as `diskwright_oracle::figure` writes it, without its first brace.
    fn read(rest: &str) -> Option<Self> {
        serde_json::from_str(&format!("{{{rest}")).ok().map(Self)
    }

    fn text(&self, field: &str) -> &str {
        self.0.get(field).and_then(Value::as_str).unwrap_or("?")
    }

    fn is_reached(&self) -> bool {
        self.0.get("reached").and_then(Value::as_bool).unwrap_or(false)
    }
}

fn table(figures: &[Figure]) -> String {
    let mut text = "| figure | how measured | goal | found | reached |\n|---|---|---|---|---|\n".to_owned();
    for figure in figures {
        let cells = ["figure", "how", "goal", "found"].map(|field| figure.text(field).replace('|', "\\|"));
        let reached = if figure.is_reached() { "yes" } else { "**no**" };
        text += &format!("| {} | {reached} |\n", cells.join(" | "));
    }
    text
}

/// The date, the machine and the programs that judged.
fn conditions() -> Result<String> {
    let said = |program: &str, arguments: &[&str]| -> Result<String> {
        Ok(command::output(Command::new(program).args(arguments))?.trim().to_owned())
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let first = |text: String| text.lines().next().unwrap_or_default().to_owned();
    Ok(format!(
        "{}, {threads} processors, Linux {}; {}, {}, {}.",
        said("date", &["+%F"])?,
        said("uname", &["-r"])?,
        first(said("tar", &["--version"])?),
        first(said("bsdtar", &["--version"])?),
        first(said("python3", &["--version"])?),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_and_counts_are_read_wherever_they_stand() {
        let mut told = Told::default();
        let figure = r#"figure {"figure":"F","how":"h|h","found":"3","goal":"2","reached":false}"#;
        told.read(&format!("test one ... {figure}"));
        told.read("test result: FAILED. 12 passed; 2 failed; 0 ignored; finished in 1s");
        told.read("figure {nothing");
        assert_eq!((told.passed, told.failed, told.figures.len()), (12, 2, 1));
        assert!(table(&told.figures).ends_with("| F | h\\|h | 2 | 3 | **no** |\n"));
    }
}
