//! Foreign tools that tests ask whether the output is right.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]

use std::path::PathBuf;

/// The path of a tool, searched in PATH and the system directories; `None` when it is missing, which fails the test
/// when `DISKWRIGHT_REQUIRE_ORACLES=1` is set.
pub fn tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    places.extend(["/sbin", "/usr/sbin"].map(PathBuf::from));
    let found = places.into_iter().map(|place| place.join(name)).find(|tool| tool.is_file());
    if found.is_none() {
        missing(&format!("{name} is not installed"));
    }
    found
}

/// Reports that a test cannot ask its oracle; fails it when it must.
pub fn missing(what: &str) {
    let required = std::env::var_os("DISKWRIGHT_REQUIRE_ORACLES").is_some_and(|value| value == "1");
    assert!(!required, "{what}");
    println!("skipped: {what}");
}
