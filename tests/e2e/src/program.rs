//! The programs under test.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

/// A program of this workspace, built when first asked for, as these tests were.
#[derive(Debug)]
pub(crate) struct Program {
    package: &'static str,
    name: &'static str,
    built: OnceLock<Result<PathBuf, String>>,
}

impl Program {
    pub(crate) const fn new(package: &'static str, name: &'static str) -> Self {
        Self { package, name, built: OnceLock::new() }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> Result<&Path> {
        let built = self.built.get_or_init(|| self.build().map_err(|error| format!("{error:#}")));
        let path = built.as_deref();
        path.map_err(|error| anyhow!("the program under test cannot be built: {error}"))
    }

    fn build(&self) -> Result<PathBuf> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "--quiet", "--package", self.package, "--bin", self.name]);
        build.arg("--message-format=json");
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        let built = build.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null()).output()?;
        if !built.status.success() {
            bail!("{build:?}: {}\n{}", built.status, String::from_utf8_lossy(&built.stderr));
        }
        let messages = String::from_utf8(built.stdout)?;
        let executable = messages.lines().find_map(|line| {
            let message: Value = serde_json::from_str(line).ok()?;
            message.get("executable")?.as_str().map(PathBuf::from)
        });
        executable.context("cargo named no executable")
    }
}
