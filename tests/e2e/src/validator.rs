//! The validator of OpenAPI documents.

use std::path::Path;

use anyhow::Result;

use crate::Tool;
use crate::made::made;

/// The Python in which `openapi-spec-validator` runs, as `cargo xtask setup` makes it.
#[derive(Clone, Debug)]
pub struct Validator {
    python: Tool,
}

impl Validator {
    /// Finds it in the target directory these tests were built in.
    ///
    /// # Panics
    /// If it is missing and `DISKWRIGHT_REQUIRE_ORACLES=1` is set.
    pub fn find() -> Option<Self> {
        let directory = made("openapi-python", "OpenAPI validator", "cargo xtask setup")?;
        Some(Self { python: Tool::at(directory.join("bin/python")) })
    }

    /// Fails, with everything that is wrong, where `document` is no description of its version of OpenAPI.
    ///
    /// # Errors
    /// That, or what keeps the validator from running.
    pub fn check(&self, document: &Path) -> Result<()> {
        let script = ["-W", "ignore", "-m", "openapi_spec_validator", "--errors", "all"].map(Path::new);
        self.python.run(&[script.as_slice(), &[document]].concat()).map(drop)
    }
}
