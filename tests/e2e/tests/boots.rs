//! The boot matrix: the committed list has every pair of values, and what `check` foretells is what comes of the boots.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use diskwright_e2e::boots::{
    Bench, Case, Cell, INTRODUCTION, LIST, Release, SHORT, cells, covering, failures, pairs, possible_pairs,
};

#[test]
fn committed_list_is_what_is_computed() {
    let computed: String = covering().iter().map(|cell| format!("{cell}\n")).collect();
    assert!(LIST == computed, "tests/e2e/boots.txt should be\n{computed}");
}

#[test]
fn a_cell_is_read_as_it_is_written_and_no_part_of_it_is_one() -> Result<()> {
    for line in LIST.lines() {
        assert_eq!(line.parse::<Cell>()?.to_string(), line);
        for end in 0..line.len() {
            ensure!(line[..end].parse::<Cell>().is_err(), "{:?}", &line[..end]);
        }
    }
    Ok(())
}

#[test]
fn every_pair_of_values_that_can_stand_together_is_in_the_list() -> Result<()> {
    let mut left = possible_pairs();
    let cells = cells()?;
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
    let short: Vec<Case> = cells()?.into_iter().take(SHORT).collect();
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

/// A test for each cell of the short lane, for they run side by side.
macro_rules! short_lane {
    ($($test:ident: $number:literal,)+) => {
        $(
            #[test]
            fn $test() -> Result<()> {
                boots_as_foretold($number)
            }
        )+

        const NUMBERS: &[usize] = &[$($number),+];
    };
}

short_lane! {
    cell_1_boots_to_login_as_foretold: 1,
    cell_2_boots_to_login_as_foretold: 2,
    cell_3_boots_to_login_as_foretold: 3,
    cell_4_boots_to_login_as_foretold: 4,
    cell_5_boots_to_login_as_foretold: 5,
    cell_6_boots_to_login_as_foretold: 6,
}

#[test]
fn every_cell_of_the_short_lane_has_a_test() {
    assert!(NUMBERS.iter().copied().eq(1..=SHORT), "{NUMBERS:?}");
}

fn boots_as_foretold(number: usize) -> Result<()> {
    let case = cells()?.into_iter().nth(number - 1).context("no such cell")?;
    let Some(bench) = Bench::find(&format!("boots-{number}"))? else { return Ok(()) };
    let Some(prepared) = bench.prepare(&case)? else { return Ok(()) };
    let outcome = bench.run(&case, prepared)?;
    ensure!(outcome.is_as_foretold(&case), "{}: {outcome:?}", case.name());
    Ok(())
}

/// The page is of the committed list, and all in it came out as foretold.
#[test]
fn committed_page_is_of_the_list_and_every_machine_in_it_came_out_as_foretold() -> Result<()> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/boots.md"))?;
    let (cells, failures) = (cells()?, failures()?);
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
