//! The Debian 12 machine that `cargo xtask tree` makes.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::skip;

/// The machine: `root` is it unpacked, `root.tar` the same tree as an archive.
#[derive(Clone, Debug)]
pub struct DebianTree {
    directory: PathBuf,
}

impl DebianTree {
    /// Finds the machine in the target directory these tests were built in.
    ///
    /// # Panics
    /// If it is missing and `DISKWRIGHT_REQUIRE_ORACLES` is set.
    pub fn find() -> Option<Self> {
        let directory = target().ok()?.join("debian-12-tree");
        if !directory.join("recipe.sh").is_file() {
            skip("the Debian tree is not there: cargo xtask tree");
            return None;
        }
        Some(Self { directory })
    }

    /// The unpacked machine.
    pub fn root(&self) -> PathBuf {
        self.directory.join("root")
    }

    /// The archive of it.
    pub fn archive(&self) -> PathBuf {
        self.directory.join("root.tar")
    }
}

/// A directory on the target directory's disk that one test program at a time may use; empty at first, removed when
/// dropped.
#[derive(Debug)]
pub struct Workshop {
    path: PathBuf,
    _lock: File,
}

impl Workshop {
    /// Waits for the directory `name`.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn enter(name: &str) -> Result<Self> {
        let path = target()?.join("e2e").join(name);
        std::fs::create_dir_all(&path)?;
        let lock = File::create(path.with_extension("lock"))?;
        lock.lock()?;
        std::fs::remove_dir_all(&path)?;
        std::fs::create_dir(&path)?;
        Ok(Self { path, _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            eprintln!("{}: {error}", self.path.display());
        }
    }
}

/// The target directory: tests lie in `TARGET/PROFILE/deps`.
fn target() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    Ok(program.ancestors().nth(3).context("the tests lie in no target directory")?.to_path_buf())
}
