//! The official clients of the scan-image API.

use std::ffi::OsStr;

use anyhow::Result;

use crate::Tool;
use crate::made::made;

/// The Python in which the official SDK and hammr run, as `cargo xtask clients` makes it.
#[derive(Clone, Debug)]
pub struct Clients {
    python: Tool,
}

impl Clients {
    /// Finds it in the target directory these tests were built in.
    ///
    /// # Panics
    /// If it is missing and `DISKWRIGHT_REQUIRE_ORACLES=1` is set.
    pub fn find() -> Option<Self> {
        let directory = made("clients", "official clients", "cargo xtask clients")?;
        Some(Self { python: Tool::at(directory.join("bin/python")) })
    }

    /// Runs a program in it, which finds hammr beside its interpreter, and returns what it printed.
    ///
    /// # Errors
    /// With all it printed, if it fails.
    pub fn run(&self, program: &str, arguments: &[&OsStr]) -> Result<String> {
        // The clients are of a time before many a warning.
        let leading = ["-W", "ignore", "-c", program].map(OsStr::new);
        self.python.run(&[&leading, arguments].concat())
    }
}
