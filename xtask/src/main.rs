//! Developer tasks: `cargo xtask setup`, `tree`, `virtualbox`, `clients`, `arrows`, `boots`, `compare`, `shares`, `curve`, `fuzz`,
//! `mutants`, `reliability`, `test`.
//!
//! Nothing here depends on the rest of the workspace, so that a task starts within seconds on a fresh clone.

use std::process::ExitCode;

use anyhow::{Result, bail};

mod apt;
mod arrows;
mod boots;
mod check;
mod command;
mod compare;
mod curve;
mod fuzz;
mod made;
mod mutants;
mod oracles;
mod reliability;
mod svg;
mod workspace;

const USAGE: &str = "\
Usage: cargo xtask TASK

  setup            install the foreign tools that the tests need
  tree [--boots]   make the Debian 12 machines that the end-to-end tests scan, or the three of the boot matrix
  virtualbox       make the tree in which VirtualBox imports and converts what we write
  clients          make the Python in which the official clients of the scan-image API run
  boots [--fresh]  boot every machine of the boot matrix whose disk was not booted as foretold before, or all, and write a table
  arrows           check which crate may depend on which
  compare [--tree debian|small-files|DIRECTORY]… [--runs N] [--only JOB]…
                   time tree to finished image, ours beside others and the limit, and write tables and plots
  shares [--tree TREE]… [--runs N] [--only JOB]…
                   who has the processor in ours of compare: codec, kernel, hashes, the rest; needs perf
  curve [--tree TREE]… [--runs N] [--only CODEC]…
                   time every level of every codec on the Debian tree, and write a table and a plot
  fuzz [TARGET]… [--minutes N] [--fresh] [--minimise]
                   let libFuzzer look for inputs that fail a target, until each has had N minutes of processor time
                   (default 20, earlier runs included unless --fresh), and write a table; --minimise makes the
                   committed corpus anew; needs a C++ compiler
  mutants [PART OF A NAME]… [--fresh | --table]
                   try cargo-mutants' changes to checksums, path policy, layouts and tables by the tests, those that
                   were killed in earlier runs not again unless --fresh, and write a table; --table only writes it
  reliability      run the tests of reliability at full length, and write a table of what they measured
  test [--quick]   install and make what the tests need, then run every check and test; --quick leaves out the boots and
                   the appliance of more than 8 GiB";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the task that `arguments` name and says whether it found everything in order.
fn run(arguments: &[&str]) -> Result<bool> {
    let workspace = workspace::Workspace::load()?;
    match arguments {
        ["setup"] => {
            oracles::install(&workspace)?;
            made::PYTHON.make(&workspace)?;
            made::OPENAPI.make(&workspace)?;
        }
        ["tree"] => {
            for tree in [made::TREE, made::LVM_TREE, made::BOOT_TREE] {
                println!("{}", tree.make(&workspace)?.display());
            }
        }
        ["tree", "--boots"] => {
            for tree in &made::BOOT_TREES {
                println!("{}", tree.make(&workspace)?.display());
            }
        }
        ["boots", options @ ..] => return boots::run(&workspace, options),
        ["virtualbox"] => println!("{}", made::VIRTUALBOX.make(&workspace)?.display()),
        ["clients"] => println!("{}", made::CLIENTS.make(&workspace)?.display()),
        ["arrows"] => arrows::check(&workspace)?,
        ["compare", options @ ..] => return compare::run(&workspace, options),
        ["shares", options @ ..] => compare::shares::run(&workspace, options)?,
        ["curve", options @ ..] => curve::run(&workspace, options)?,
        ["fuzz", options @ ..] => return fuzz::run(&workspace, options),
        ["mutants", options @ ..] => return mutants::run(&workspace, options),
        ["reliability"] => return reliability::run(&workspace),
        ["test"] => return check::run_all(&workspace, check::Boots::Run),
        ["test", "--quick"] => return check::run_all(&workspace, check::Boots::LeaveOut),
        ["help" | "--help" | "-h"] => println!("{USAGE}"),
        _ => bail!("unknown task\n{USAGE}"),
    }
    Ok(true)
}
