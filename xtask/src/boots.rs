//! The boot matrix at full length.

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;
use crate::{made, oracles};

/// Makes the trees, boots every machine whose disk earlier runs did not boot as foretold, and writes `docs/boots.md`; `false` when
/// one came out otherwise.
///
/// # Errors
/// For unknown options, and where tools or trees cannot be had.
pub(crate) fn run(workspace: &Workspace, options: &[&str]) -> Result<bool> {
    let is_fresh = match options {
        [] => false,
        ["--fresh"] => true,
        _ => bail!("unknown options of boots: {}", options.join(" ")),
    };
    oracles::install_judges()?;
    for tree in &made::BOOT_TREES {
        tree.make(workspace)?;
    }
    let place = workspace.target.join("boots");
    std::fs::create_dir_all(&place)?;
    let record = place.join("outcomes.jsonl");
    if is_fresh && record.exists() {
        std::fs::remove_file(&record)?;
    }
    let page = workspace.root.join("docs/boots.md");
    let mut cargo = workspace.cargo(&["run", "--locked", "--release", "--package", "diskwright-e2e"]);
    cargo.args(["--bin", "boot-matrix", "--"]).args([record, page]).env("DISKWRIGHT_REQUIRE_ORACLES", "1");
    Ok(cargo.status().with_context(|| format!("{cargo:?}"))?.success())
}
