//! The boot matrix at full length: `boot-matrix RECORD PAGE`, as `cargo xtask boots` starts it.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};
use diskwright_e2e::boots;

fn main() -> Result<ExitCode> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [record, page] = &arguments[..] else { bail!("usage: boot-matrix RECORD PAGE") };
    let is_good = boots::run_all(Path::new(record), Path::new(page))?;
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
