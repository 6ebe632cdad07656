//! What `cargo xtask` makes in the target directory for the tests.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::skip;

/// The directory `name`, if its recipe was run to the end; else `what` is said to be missing, and the `task` that makes it.
///
/// # Panics
/// If it is missing and `DISKWRIGHT_REQUIRE_ORACLES=1` is set.
pub(crate) fn made(name: &str, what: &str, task: &str) -> Option<PathBuf> {
    let directory = target().ok()?.join(name);
    if !directory.join("recipe.sh").is_file() {
        skip(&format!("no {what}: {task}"));
        return None;
    }
    Some(directory)
}

/// The target directory: tests lie in `TARGET/PROFILE/deps`.
pub(crate) fn target() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    Ok(program.ancestors().nth(3).context("the tests lie in no target directory")?.to_path_buf())
}
