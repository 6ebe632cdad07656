//! The Debian 12 machine that `cargo xtask tree` makes.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::made::{made, target};
use crate::variant::Image;
use crate::{Attachment, Emulator, Firmware, MachineModel};

/// The machine: `root` is it unpacked, `root.tar` the same tree as an archive.
#[derive(Clone, Debug)]
pub struct DebianTree {
    directory: PathBuf,
}

impl DebianTree {
    /// Finds the machine in the target directory these tests were built in.
    ///
    /// # Panics
    /// If it is missing and `DISKWRIGHT_REQUIRE_ORACLES=1` is set.
    pub fn find() -> Option<Self> {
        let directory = made("debian-12-tree", "Debian tree", "cargo xtask tree")?;
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

/// How the tests order its disk.
pub const SETTINGS: [&str; 8] =
    ["--disk-size", "4G", "--firmware", "both", "--kernel-parameter", "console=ttyS0", "--name", "machine"];

/// Boots the disk in `image`, and sees the machine that was scanned ask for a login on its serial console.
///
/// # Errors
/// With the console's text, if it does not get there, complains on the way or is another machine.
pub fn assert_boots(
    emulator: &Emulator,
    image: &Image,
    machine: (MachineModel, Attachment),
    firmware: Firmware,
) -> Result<()> {
    let console = emulator.boot_until(image, machine, firmware, "login:", BOOT_DEADLINE)?;
    for complaint in ["recovering journal", "Failed to mount", "Failed to activate swap", "[FAILED]"] {
        ensure!(!console.contains(complaint), "{complaint}:\n{console}");
    }
    ensure!(console.contains("debian-twelve login:"), "another machine booted:\n{console}");
    Ok(())
}

/// A directory on the target directory's disk that one test program at a time may use; empty at first, removed when
/// dropped.
#[derive(Debug)]
pub struct Workshop {
    path: PathBuf,
    _lock: File,
}

impl Workshop {
    /// Waits for the directory `name`; those that test programs left, because they kept them to their end or were killed, go.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn enter(name: &str) -> Result<Self> {
        let all = target()?.join("e2e");
        std::fs::create_dir_all(&all)?;
        let path = all.join(name);
        let lock = File::create(path.with_extension("lock"))?;
        lock.lock()?;
        for left in std::fs::read_dir(&all)? {
            let left = left?.path();
            let is_lock = left.extension().is_some_and(|extension| extension == "lock");
            if is_lock && left != path.with_extension("lock") && File::open(&left)?.try_lock().is_ok() {
                remove(&left.with_extension(""))?;
            }
        }
        remove(&path)?;
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

/// Removes a directory that may not be there.
fn remove(directory: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

const BOOT_DEADLINE: Duration = Duration::from_secs(420);
