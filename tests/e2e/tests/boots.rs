//! The boot matrix: the committed list has every pair of values, and what `check` foretells is what comes of the boots.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use diskwright_e2e::boots::{
    Bench, Case, Cell, INTRODUCTION, Record, Release, SHORT, covering, failures, from_list, page, pairs,
    possible_pairs, prediction, result,
};

/// The committed list.
const LIST: &str = include_str!("../boots.txt");

#[test]
fn committed_list_is_what_is_computed() {
    let computed: String = covering().iter().map(|cell| format!("{cell}\n")).collect();
    assert!(LIST == computed, "tests/e2e/boots.txt should be\n{computed}");
}

#[test]
fn every_pair_of_values_that_can_stand_together_is_in_the_list() -> Result<()> {
    let mut left = possible_pairs();
    let cells = from_list(LIST)?;
    ensure!(cells.len() >= 37, "{}", cells.len());
    for case in cells {
        ensure!(case.cell.can_be(), "{} cannot be", case.cell);
        for pair in pairs(&case.cell) {
            left.remove(&pair);
        }
    }
    ensure!(left.is_empty(), "{left:?}");
    Ok(())
}

#[test]
fn short_lane_is_of_one_release_and_has_every_value_of_the_other_factors_but_one_container() -> Result<()> {
    let short: Vec<Case> = from_list(LIST)?.into_iter().take(SHORT).collect();
    assert!(short.iter().all(|case| case.cell.release == Release::Bookworm));
    let names: Vec<_> = short.iter().map(|case| case.cell.names()).collect();
    for (factor, count) in Cell::COUNTS.iter().enumerate().skip(1) {
        let values: BTreeSet<&str> = names.iter().map(|names| names[factor]).collect();
        assert_eq!(values.len(), (*count).min(SHORT), "factor {factor}: {values:?}");
    }
    Ok(())
}

#[test]
fn at_least_twelve_machines_must_not_boot_and_their_names_differ() -> Result<()> {
    let mut names: Vec<String> = failures()?.iter().map(Case::name).collect();
    ensure!(names.len() >= 12, "{}", names.len());
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), failures()?.len());
    Ok(())
}

#[test]
fn cell_1_boots_to_login_as_foretold() -> Result<()> {
    boots_as_foretold(1)
}

#[test]
fn cell_2_boots_to_login_as_foretold() -> Result<()> {
    boots_as_foretold(2)
}

#[test]
fn cell_3_boots_to_login_as_foretold() -> Result<()> {
    boots_as_foretold(3)
}

#[test]
fn cell_4_boots_to_login_as_foretold() -> Result<()> {
    boots_as_foretold(4)
}

#[test]
fn cell_5_boots_to_login_as_foretold() -> Result<()> {
    boots_as_foretold(5)
}

#[test]
fn cell_6_boots_to_login_as_foretold() -> Result<()> {
    boots_as_foretold(6)
}

fn boots_as_foretold(number: usize) -> Result<()> {
    let case = from_list(LIST)?.into_iter().nth(number - 1).context("no such cell")?;
    let Some(bench) = Bench::find(&format!("boots-{number}"))? else { return Ok(()) };
    let Some(prepared) = bench.prepare(&case)? else { return Ok(()) };
    let outcome = bench.run(&case, prepared)?;
    ensure!(outcome.is_as_foretold(&case), "{}: {outcome:?}", case.name());
    Ok(())
}

/// Runs the machines that the record does not have, or of which another disk was booted then, and writes the page of all.
#[test]
#[ignore = "it takes two hours: cargo xtask boots"]
fn every_machine_comes_out_as_foretold() -> Result<()> {
    let (cells, failures) = (from_list(LIST)?, failures()?);
    let path = record_path()?;
    let Some(bench) = Bench::find("boots")? else { return Ok(()) };
    let mut wrong = Vec::new();
    // A run that is stopped leaves some of both tables.
    let (short, others) = cells.split_at(SHORT.min(cells.len()));
    for case in short.iter().chain(&failures).chain(others) {
        let said = match run_unless_recorded(&bench, case, &path) {
            Ok(said) => said,
            Err(error) => Some(format!("{error:#}")),
        };
        println!("{}: {}", case.name(), said.as_deref().unwrap_or("as foretold"));
        wrong.extend(said.map(|_| case.name()));
        fs::write(page_path(), page(&cells, &failures, &read(&path)?, &conditions()?))?;
    }
    ensure!(wrong.is_empty(), "{wrong:#?}");
    Ok(())
}

/// What went otherwise than foretold, if anything did.
fn run_unless_recorded(bench: &Bench, case: &Case, path: &Path) -> Result<Option<String>> {
    let Some(prepared) = bench.prepare(case)? else { return Ok(Some("not run".to_owned())) };
    let record = read(path)?;
    let before = record.of(case).filter(|outcome| outcome.foretold == prepared.foretold);
    if before.is_some_and(|outcome| outcome.is_as_foretold(case)) {
        return Ok(None);
    }
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    writeln!(file, "{}", prediction(case, &prepared.foretold))?;
    let outcome = bench.run(case, prepared)?;
    writeln!(file, "{}", result(case, &outcome))?;
    Ok((!outcome.is_as_foretold(case)).then(|| format!("NOT AS FORETOLD: {outcome:?}")))
}

fn read(path: &Path) -> Result<Record> {
    let text = if path.exists() { fs::read_to_string(path)? } else { String::new() };
    Record::read(&text)
}

/// The page is of the committed list, and all in it came out as foretold.
#[test]
fn committed_page_is_of_the_list_and_every_machine_in_it_came_out_as_foretold() -> Result<()> {
    let text = fs::read_to_string(page_path())?;
    let (cells, failures) = (from_list(LIST)?, failures()?);
    for case in cells.iter().chain(&failures) {
        let values = format!("| {} |", case.cell.names().join(" | "));
        ensure!(text.contains(&values), "docs/boots.md lacks {}", case.name());
    }
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| #"));
    let all = cells.len() + failures.len();
    assert_eq!(rows.count(), all);
    ensure!(text.starts_with(INTRODUCTION), "docs/boots.md begins otherwise than a page that is written now");
    let run = format!("\nRun: {all} of {all} machines; {all} as foretold.\n");
    ensure!(text.contains(&run) && !text.contains("not run"), "docs/boots.md is of a part of the machines");
    ensure!(!text.contains("**no**"), "docs/boots.md has a machine that came out otherwise than foretold");
    Ok(())
}

/// Outcomes so far, a line each; `cargo xtask boots --fresh` removes them.
fn record_path() -> Result<PathBuf> {
    let path =
        std::env::var_os("DISKWRIGHT_BOOTS_RECORD").context("DISKWRIGHT_BOOTS_RECORD names no file")?;
    Ok(path.into())
}

fn page_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/boots.md")
}

/// The programs that judged.
fn conditions() -> Result<String> {
    let said = |program: &str, arguments: &[&str]| -> Result<String> {
        let output = Command::new(program).args(arguments).output().with_context(|| program.to_owned())?;
        Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().trim().to_owned())
    };
    let qemu = said("qemu-system-x86_64", &["--version"])?;
    let ovmf = said("dpkg-query", &["--show", "--showformat=${Version}", "ovmf"])?;
    Ok(format!("{}; {qemu}; OVMF {ovmf}.", said("date", &["+%F"])?))
}
