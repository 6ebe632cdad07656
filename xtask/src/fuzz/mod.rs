//! libFuzzer on the targets of `fuzz/`, one process at a time, each for so many minutes of processor time.
//!
//! ```text
//! target directory/fuzz/build/         the instrumented program
//!                      /corpus/TARGET/ what was found to reach more, kept from run to run
//!                      /findings/TARGET/ inputs that fail a target
//!                      /TARGET.log     what libFuzzer said last
//!                      /TARGET.json    what the runs came to since the last `--fresh`
//!                      /fuzz.md        the table of all of them
//! ```

mod corpus;
mod fuzzer;
mod options;
mod record;

use std::process::Command;

use anyhow::{Context, Result, bail};

use self::fuzzer::Fuzzer;
use self::options::Options;
use self::record::Record;
use crate::command;
use crate::workspace::Workspace;

/// A target, as the crate of them lists it.
pub(crate) struct Target {
    name: String,
    max_len: String,
}

/// Runs the targets that `words` name, or all; `false` when one of them fails.
pub(crate) fn run(workspace: &Workspace, words: &[&str]) -> Result<bool> {
    let options = Options::parse(words)?;
    let all = targets(workspace)?;
    if let Some(unknown) = options.targets.iter().find(|name| all.iter().all(|target| target.name != **name))
    {
        let known: Vec<&str> = all.iter().map(|target| target.name.as_str()).collect();
        bail!("there is no target {unknown}, but {}", known.join(", "));
    }
    let fuzzer = Fuzzer::build(workspace)?;
    let mut is_good = true;
    for target in all.iter().filter(|target| options.wants(&target.name)) {
        // The others are still worth their time.
        if let Err(error) = look(&fuzzer, target, &options) {
            println!("{}: {error:#}", target.name);
            is_good = false;
        }
        is_good &= tell(&fuzzer, &all)?;
    }
    println!("written to {}", fuzzer.folder.join("fuzz.md").display());
    Ok(is_good)
}

/// Fuzzes one target as long as is asked for.
fn look(fuzzer: &Fuzzer<'_>, target: &Target, options: &Options) -> Result<()> {
    let mut record = if options.fresh { Record::default() } else { fuzzer.record(target)? };
    fuzzer.run(target, &mut record, options.minutes)?;
    println!("{}", record.row(&target.name));
    if options.minimise {
        corpus::minimise(fuzzer, target)?;
    }
    Ok(())
}

/// Writes the table of what is known of all targets; `false` when one of them fails.
fn tell(fuzzer: &Fuzzer<'_>, all: &[Target]) -> Result<bool> {
    let mut rows = Vec::new();
    let mut findings = 0;
    for target in all {
        let record = fuzzer.record(target)?;
        findings += record.findings;
        rows.push(record.row(&target.name));
    }
    let text = format!("{}\n{}\n", record::HEADER, rows.join("\n"));
    let path = fuzzer.folder.join("fuzz.md");
    std::fs::write(&path, &text).with_context(|| path.display().to_string())?;
    Ok(findings == 0)
}

/// What `diskwright-fuzz list` says: a line each of name, longest input and what it looks at.
fn targets(workspace: &Workspace) -> Result<Vec<Target>> {
    let list = command::output(&mut ordinary(workspace, &["list"]))?;
    let target = |line: &str| {
        let mut fields = line.split('\t').map(str::to_owned);
        Some(Target { name: fields.next()?, max_len: fields.next()? })
    };
    list.lines().map(|line| target(line).with_context(|| format!("an odd line: {line}"))).collect()
}

/// A command to the program without libFuzzer.
fn ordinary(workspace: &Workspace, words: &[&str]) -> Command {
    let mut cargo = workspace.cargo(&["run", "--quiet", "--locked", "--package", "diskwright-fuzz"]);
    cargo.args(["--bin", "diskwright-fuzz", "--"]).args(words);
    cargo
}
