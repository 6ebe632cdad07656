//! Foreign programs.

use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};
use diskwright_oracle::skip;

/// A foreign program that is installed.
#[derive(Clone, Debug)]
pub struct Tool {
    path: PathBuf,
}

impl Tool {
    /// Finds the program `name`, also where root's programs lie.
    ///
    /// # Panics
    /// If it is missing and `DISKWRIGHT_REQUIRE_ORACLES=1` is set.
    pub fn find(name: &str) -> Option<Self> {
        diskwright_oracle::tool(name).map(Self::at)
    }

    /// The program at `path`.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// A command that runs the program in the C locale.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.env("LC_ALL", "C").stdin(Stdio::null());
        command
    }

    /// Runs the program to its end and returns what it wrote, standard output first.
    ///
    /// # Errors
    /// With all its output, if its exit code is not zero.
    pub fn run<Argument: AsRef<OsStr>>(&self, arguments: &[Argument]) -> Result<String> {
        let mut command = self.command();
        let output = command.args(arguments).output().with_context(|| format!("{command:?}"))?;
        let text = text(&output);
        if !output.status.success() {
            bail!("{command:?}: {}\n{text}", output.status);
        }
        Ok(text)
    }
}

/// Whether this process may mount; says so where it may not.
///
/// # Panics
/// If it may not and `DISKWRIGHT_REQUIRE_ORACLES=1` is set.
pub fn is_root() -> bool {
    let is_root = Path::new("/proc/self").metadata().is_ok_and(|own| own.uid() == 0);
    if !is_root {
        skip("only root can mount");
    }
    is_root
}

/// What a program wrote, standard output first.
pub fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
