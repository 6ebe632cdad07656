//! Every machine of the matrix, one after the other.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::bench::Bench;
use super::case::{Case, cells, failures};
use super::page::{Record, page, prediction, result};
use super::pairs::SHORT;

/// Runs the machines that `record` does not have, or of which another disk was booted then, and writes the page of all to
/// `page_path` after each; `false` when one was not run or came out otherwise than foretold.
///
/// `record` is a file of what was foretold and what came of it, a line each, to which this run appends.
///
/// # Errors
/// If QEMU is missing, or if a file cannot be read or written. What fails with one machine is said and the others are run.
///
/// # Panics
/// If QEMU or a tree is missing and `DISKWRIGHT_REQUIRE_ORACLES=1` is set.
pub fn run_all(record: &Path, page_path: &Path) -> Result<bool> {
    let (cells, failures, conditions) = (cells()?, failures()?, conditions()?);
    let bench = Bench::find("boots")?.context("the boots need QEMU and OVMF")?;
    let mut is_good = true;
    // A run that is stopped leaves some of both tables.
    let (short, others) = cells.split_at(SHORT.min(cells.len()));
    for case in short.iter().chain(&failures).chain(others) {
        let wrong =
            run_unless_recorded(&bench, case, record).unwrap_or_else(|error| Some(format!("{error:#}")));
        println!("{}: {}", case.name(), wrong.as_deref().unwrap_or("as foretold"));
        is_good &= wrong.is_none();
        fs::write(page_path, page(&cells, &failures, &read(record)?, &conditions))?;
    }
    Ok(is_good)
}

/// What went otherwise than foretold, if anything did.
fn run_unless_recorded(bench: &Bench, case: &Case, record: &Path) -> Result<Option<String>> {
    let Some(prepared) = bench.prepare(case)? else { return Ok(Some("not run".to_owned())) };
    let known = read(record)?;
    let before = known.of(case).filter(|outcome| outcome.foretold == prepared.foretold);
    if before.is_some_and(|outcome| outcome.is_as_foretold(case)) {
        return Ok(None);
    }
    let mut file = OpenOptions::new().create(true).append(true).open(record)?;
    // Each in one write, so that a run that is stopped leaves no half line.
    file.write_all(format!("{}\n", prediction(case, &prepared.foretold)).as_bytes())?;
    let outcome = bench.run(case, prepared)?;
    file.write_all(format!("{}\n", result(case, &outcome)).as_bytes())?;
    Ok((!outcome.is_as_foretold(case)).then(|| format!("NOT AS FORETOLD: {outcome:?}")))
}

fn read(record: &Path) -> Result<Record> {
    let text = if record.exists() { fs::read_to_string(record)? } else { String::new() };
    Record::read(&text).with_context(|| record.display().to_string())
}

/// The date, and the programs that judged.
fn conditions() -> Result<String> {
    let said = |program: &str, arguments: &[&str]| -> Result<String> {
        let output = Command::new(program).args(arguments).output().with_context(|| program.to_owned())?;
        Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().trim().to_owned())
    };
    let qemu = said("qemu-system-x86_64", &["--version"])?;
    let ovmf = said("dpkg-query", &["--show", "--showformat=${Version}", "ovmf"])?;
    Ok(format!("{}; {qemu}; OVMF {ovmf}.", said("date", &["+%F"])?))
}
