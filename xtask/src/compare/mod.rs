//! Tree to finished image, by us and by others, side by side.
//!
//! Every side syncs its output inside the measured time and starts with a warm cache; runs alternate, ratios are made pair
//! by pair, and the median counts. A peer's raw disk between its two steps is not synced.

mod bench;
mod jobs;
mod measure;
mod options;
mod pairs;
mod plot;
mod row;
pub(crate) mod shares;
mod table;
mod tools;
mod trees;

use std::process::Command;

use anyhow::Result;
use serde_json::json;

use self::bench::Bench;
pub(crate) use self::bench::Programs;
use self::jobs::{JOBS, PAIRS};
pub(crate) use self::measure::{Spread, Stage};
pub(crate) use self::options::Options;
use self::row::Row;
use self::tools::Tools;
pub(crate) use self::trees::Tree;
use crate::workspace::Workspace;
use crate::{command, oracles};

/// Compares on both trees in three rounds, or as `words` say: `--tree TREE`, `--runs N`, `--only JOB`; `false` when a target is
/// missed.
pub(crate) fn run(workspace: &Workspace, words: &[&str]) -> Result<bool> {
    let options = Options::parse(words, 3)?;
    let known: Vec<&str> = JOBS.iter().map(|job| job.key).chain(PAIRS.iter().map(|pair| pair.key)).collect();
    options.check(&known)?;
    oracles::install_for_comparison()?;
    let trees = Tree::all(&options.trees, workspace)?;
    let programs = Programs::build(workspace)?;
    let tools = Tools::find(workspace);
    let results = workspace.target.join("compare");
    std::fs::create_dir_all(&results)?;

    let mut text = conditions(&programs, &tools, options.runs)?;
    let mut trees_told = Vec::new();
    let mut misses = Vec::new();
    for tree in &trees {
        println!("\n== {}", tree.name);
        let bench = Bench::prepare(workspace, &programs, &tools, tree, options.runs)?;
        let (mut rows, mut pairs) = (Vec::new(), Vec::new());
        for job in JOBS.iter().filter(|job| options.wants(job.key)) {
            println!("{} …", job.name);
            rows.push(bench.compare(job)?);
        }
        for pair in PAIRS.iter().filter(|pair| options.wants(pair.key)) {
            println!("{} …", pair.name);
            pairs.push(bench.compare_pair(pair)?);
        }
        misses.extend(rows.iter().flat_map(Row::misses).map(|miss| format!("{}: {miss}", tree.name)));
        let missed = pairs.iter().filter(|pair| !pair.is_reached());
        misses.extend(missed.map(|row| format!("{}: {} together", tree.name, row.pair.name)));
        text += &format!("### The tree {}\n\n{}", tree.name, table::markdown(&rows, &pairs));
        if !rows.is_empty() {
            let svg = plot::plot(&format!("Image of the tree {}", tree.name), &rows);
            std::fs::write(results.join(format!("{}.svg", tree.name)), svg)?;
        }
        trees_told.push(json!({"tree": tree.name, "results": table::to_json(&rows, &pairs)}));
    }
    text += &commands(&options);
    println!("\n{text}");
    for miss in &misses {
        println!("missed: {miss}");
    }
    std::fs::write(results.join("compare.md"), &text)?;
    let json = json!({"threads": programs.threads, "tools": tools.versions(), "trees": trees_told, "misses": misses});
    std::fs::write(results.join("compare.json"), format!("{json:#}\n"))?;
    println!("written to {}", results.display());
    Ok(misses.is_empty())
}

/// The machine, the date and the versions of all.
fn conditions(programs: &Programs, tools: &Tools, runs: usize) -> Result<String> {
    let field = |file: &str, name: &str| {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned();
        line.trim_matches([' ', '\t', ':']).to_owned()
    };
    let said = |program: &str, arguments: &[&str]| -> Result<String> {
        Ok(command::output(Command::new(program).args(arguments))?.trim().to_owned())
    };
    Ok(format!(
        "{}: {} processors ({}), {} of memory, Linux {}; {runs} alternating runs, medians with the least and the most; warm \
         cache, outputs synced.\n\n{}.\n\n",
        said("date", &["+%F"])?,
        programs.threads,
        field("/proc/cpuinfo", "model name"),
        field("/proc/meminfo", "MemTotal:"),
        said("uname", &["-r"])?,
        tools.versions().join("; "),
    ))
}

/// What was run, as it was run.
fn commands(options: &Options) -> String {
    let mut text = "What was run, in a shell in an empty directory:\n\n".to_owned();
    for job in JOBS.iter().filter(|job| options.wants(job.key)) {
        text += &format!("- {}: `{}`", job.name, job.script());
        for peer in job.peers {
            text += &format!("; {}: `{}`", peer.name, peer.script);
        }
        text += "\n";
    }
    text
}
