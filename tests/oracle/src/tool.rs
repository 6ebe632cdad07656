use std::path::{Path, PathBuf};

use diskwright_conformance::tool::{self, skip};

/// Where a program stands: in PATH, /sbin or /usr/sbin; `None` where it is missing.
///
/// # Panics
/// If it is missing and `DISKWRIGHT_REQUIRE_ORACLES=1` is set.
pub fn tool(name: &str) -> Option<PathBuf> {
    let found = tool::find(name).ok();
    if found.is_none() {
        skip(&format!("{name} is not installed"));
    }
    found
}

/// What `tool` prints to standard output, run in the C locale.
///
/// # Panics
/// If it does not succeed, with all that it printed.
pub fn run(tool: &Path, arguments: &[&str]) -> String {
    match tool::run(tool, arguments) {
        Ok(out) => String::from_utf8_lossy(&out).into_owned(),
        Err(error) => panic!("{error:?}"),
    }
}

/// A path as an argument.
///
/// # Panics
/// If it is not UTF-8: tests name their files themselves.
pub fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
