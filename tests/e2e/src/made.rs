//! What `cargo xtask` makes in the target directory for the tests.

use std::path::{Path, PathBuf};

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

/// The target directory: programs lie in `TARGET/PROFILE`, tests in its `deps`.
pub(crate) fn target() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let profile = program.ancestors().skip(1).find(|folder| !folder.ends_with("deps"));
    Ok(profile.and_then(Path::parent).context("this program lies in no target directory")?.to_path_buf())
}
