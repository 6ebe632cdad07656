use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::workspace::Workspace;
use crate::{command, made};

/// What images are made of.
pub(crate) struct Tree {
    pub(crate) name: String,
    pub(crate) root: PathBuf,
    /// The same as an archive.
    pub(crate) tar: PathBuf,
    /// Our options for what boots of it.
    pub(crate) boot: &'static str,
    /// The disk's size, as all take it.
    pub(crate) disk: String,
}

impl Tree {
    /// The trees that `names` name, which are made if need be; both of ours where there is no name.
    pub(crate) fn all(names: &[String], workspace: &Workspace) -> Result<Vec<Self>> {
        let ours = [DEBIAN, SMALL_FILES].map(str::to_owned);
        let names = if names.is_empty() { &ours } else { names };
        names.iter().map(|name| Self::find(name, workspace)).collect()
    }

    fn find(name: &str, workspace: &Workspace) -> Result<Self> {
        let directory = match name {
            DEBIAN => made::TREE.make(workspace)?,
            SMALL_FILES => {
                made::TREE.make(workspace)?;
                made::SMALL_FILES.make(workspace)?
            }
            other => return Self::foreign(Path::new(other), workspace),
        };
        Ok(Self {
            name: name.to_owned(),
            root: directory.join("root"),
            tar: directory.join("root.tar"),
            boot: "--firmware both",
            disk: "4G".to_owned(),
        })
    }

    /// A directory that somebody names: what boots of it, boots.
    fn foreign(directory: &Path, workspace: &Workspace) -> Result<Self> {
        let root = directory.canonicalize().with_context(|| directory.display().to_string())?;
        let name = root.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let archives = workspace.target.join("compare");
        std::fs::create_dir_all(&archives)?;
        let tar = archives.join(format!("{name}.tar"));
        pack(&root, &tar, &[])?;
        let gibibytes = (tar.metadata()?.len() * 3 / 2).div_ceil(1 << 30) + 2;
        Ok(Self { name, root, tar, boot: "--boot optional", disk: format!("{gibibytes}G") })
    }

    /// Packs it with times of whole seconds: those of the archive's headers, without more in extended ones.
    pub(crate) fn pack_for_size(&self, tar: &Path) -> Result<()> {
        pack(&self.root, tar, &["--pax-option=delete=atime,delete=ctime,delete=mtime"])
    }

    /// Reads all of it, so that nobody waits for the disk afterwards; and writes a file below `directory` that is removed
    /// again, for memory that a virtual machine has not used before is slow, to whoever comes first.
    pub(crate) fn warm(&self, directory: &Path) -> Result<()> {
        let script = "find \"$1\" -type f -exec cat {} + | cat >/dev/null; cat \"$2\" >/dev/null; \
                      mkdir -p \"$3\"; head -c 3G /dev/zero >\"$3/warm\"; rm \"$3/warm\"";
        let mut warm = Command::new("sh");
        warm.args(["-euc", script, "sh"]).arg(&self.root).arg(&self.tar).arg(directory);
        command::run(&mut warm)
    }
}

/// Packs a directory into a tar archive, with all that an archive can hold of it.
fn pack(root: &Path, tar: &Path, more: &[&str]) -> Result<()> {
    println!("packing {}", root.display());
    let mut pack = Command::new("tar");
    pack.args([
        "--create",
        "--sort=name",
        "--format=posix",
        "--numeric-owner",
        "--xattrs",
        "--acls",
        "--sparse",
    ]);
    pack.arg("--xattrs-include=*").args(more).arg("--file").arg(tar).arg("--directory").arg(root).arg(".");
    command::run(&mut pack)
}

const DEBIAN: &str = "debian";
const SMALL_FILES: &str = "small-files";
