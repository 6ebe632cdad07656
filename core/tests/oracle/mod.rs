//! Foreign tools that judge what we write.

use std::path::{Path, PathBuf};

/// Where a tool stands: in PATH, /sbin or /usr/sbin. A missing one skips the test, or fails it where
/// `DISKWRIGHT_REQUIRE_ORACLES=1` is set.
#[allow(unreachable_pub, reason = "tests are crates of their own")]
pub fn tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/sbin", "/usr/sbin"].map(PathBuf::from);
    let found =
        std::env::split_paths(&path).chain(system).map(|folder| folder.join(name)).find(|tool| is_file(tool));
    if found.is_none() {
        let required = std::env::var_os("DISKWRIGHT_REQUIRE_ORACLES").is_some_and(|value| value == "1");
        assert!(!required, "{name} is not installed");
        println!("skipped: {name} is not installed");
    }
    found
}

fn is_file(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file())
}
