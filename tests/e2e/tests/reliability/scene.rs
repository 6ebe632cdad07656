//! A tree to be scanned, and what a run of the program leaves of it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use diskwright_e2e::{diskwright, text};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::build::populate;
use crate::chance::Chance;

/// A tree and an archive of it that has to be spooled.
pub(crate) struct Scene {
    place: tempfile::TempDir,
}

/// Name and digest of every file; of a report without what differs from run to run.
pub(crate) type Standing = BTreeMap<String, [u8; 32]>;

impl Scene {
    /// A place with a tree that has `len` bytes of noise in it.
    pub(crate) fn new(len: usize) -> Result<Self> {
        let place = tempfile::tempdir()?;
        let tree = place.path().join("tree");
        std::fs::create_dir(&tree)?;
        populate(&tree)?;
        std::fs::write(tree.join("noise"), Chance::new(1).bytes(len))?;
        // Not in the order of an image.
        let mut tar = Command::new("tar");
        tar.arg("-C").arg(&tree).arg("-czf").arg(place.path().join("tree.tar.gz"));
        ensure!(
            tar.args(["./noise", "./link", "./large", "./etc", "./second"]).status()?.success(),
            "tar failed"
        );
        Ok(Self { place })
    }

    pub(crate) fn tree(&self) -> PathBuf {
        self.place.path().join("tree")
    }

    pub(crate) fn archive(&self) -> PathBuf {
        self.place.path().join("tree.tar.gz")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// What stands beside the tree and its archive.
    pub(crate) fn beside(&self) -> Result<BTreeSet<OsString>> {
        let mut found = names(self.place.path())?;
        ensure!(found.remove("tree".as_ref() as &std::ffi::OsStr), "the tree is gone");
        ensure!(found.remove("tree.tar.gz".as_ref() as &std::ffi::OsStr), "the archive is gone");
        Ok(found)
    }
}

/// `diskwright generate` of a small disk that need not boot, the same for every run.
pub(crate) fn generate(scan: &Path, formats: &[&str], output: &Path) -> Result<Command> {
    let mut command = diskwright()?;
    command.args(["generate", "--seed", "reliability", "--timestamp", "1", "--name", "machine"]);
    command.args(["--boot", "none", "--disk-size", "64M", "--progress", "none"]);
    command.args(formats.iter().flat_map(|format| ["--format", format]));
    command.arg("--scan").arg(scan).arg("--output").arg(output);
    Ok(command)
}

/// Runs a command to its end, which must be good; how long that took.
pub(crate) fn succeed(command: &mut Command) -> Result<Duration> {
    let began = Instant::now();
    let output = command.output().with_context(|| format!("{command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}\n{}", output.status, text(&output));
    Ok(began.elapsed())
}

/// Names in a directory; none of one that is not there.
pub(crate) fn names(directory: &Path) -> Result<BTreeSet<OsString>> {
    match directory.read_dir() {
        Ok(entries) => entries.map(|entry| Ok(entry?.file_name())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(error.into()),
    }
}

/// What has its final name in a directory of outputs, and the work directories beside it.
pub(crate) fn standing(directory: &Path) -> Result<(Standing, BTreeSet<OsString>)> {
    let (mut standing, mut work) = (Standing::new(), BTreeSet::new());
    for name in names(directory)? {
        if name.as_encoded_bytes().starts_with(b".diskwright-") {
            work.insert(name);
            continue;
        }
        let mut bytes = std::fs::read(directory.join(&name))?;
        if name == "report.json" {
            let mut report: Value = serde_json::from_slice(&bytes).context("report.json is not whole")?;
            report.as_object_mut().context("report.json")?.remove("run");
            bytes = serde_json::to_vec(&report)?;
        }
        standing.insert(name.to_string_lossy().into_owned(), Sha256::digest(&bytes).into());
    }
    Ok((standing, work))
}
