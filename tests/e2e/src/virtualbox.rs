//! VirtualBox's own importer and disk library.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::made::made;
use crate::tool::text;
use crate::{Tool, is_root};

/// VirtualBox in the tree that `cargo xtask virtualbox` makes.
///
/// Each command runs in name spaces of its own, on a tree that it cannot write to: with the command end its service
/// and every mount.
#[derive(Clone, Debug)]
pub struct VirtualBox {
    unshare: Tool,
    root: PathBuf,
}

impl VirtualBox {
    /// Finds VirtualBox in the target directory these tests were built in.
    ///
    /// # Panics
    /// If it is missing or cannot be run and `DISKWRIGHT_REQUIRE_ORACLES=1` is set.
    pub fn find() -> Option<Self> {
        let directory = made("virtualbox", "VirtualBox", "cargo xtask virtualbox")?;
        let unshare = Tool::find("unshare")?;
        is_root().then(|| Self { unshare, root: directory.join("root") })
    }

    /// `VBoxManage` with `arguments`. It sees `room` at [`ROOM`], and keeps its settings in there.
    ///
    /// # Errors
    /// With all it wrote, if it fails.
    pub fn manage<Argument: AsRef<OsStr>>(&self, room: &Path, arguments: &[Argument]) -> Result<String> {
        self.run(room, "VBoxManage", arguments)
    }

    /// `vbox-img` with `arguments`, likewise.
    ///
    /// # Errors
    /// With all it wrote, if it fails.
    pub fn image<Argument: AsRef<OsStr>>(&self, room: &Path, arguments: &[Argument]) -> Result<String> {
        self.run(room, "vbox-img", arguments)
    }

    /// Imports the appliance at `ova`, as VirtualBox sees it, as a new machine.
    ///
    /// VirtualBox reads a disk on to its end by a thread that is sometimes late, and then hashes too little: of a small
    /// appliance that is in order, its own among them, it says now and then that a digest does not match. It is asked
    /// again then; whether the digests are right is for `sha256sum` to say.
    ///
    /// # Errors
    /// With all it wrote, if it refuses the appliance or the machine has not one disk.
    pub fn import(&self, room: &Path, ova: &str) -> Result<Imported> {
        let mut tries = 1;
        loop {
            match self.import_once(room, ova) {
                Err(error) if tries < MOST_TRIES && error.to_string().contains("Digest mismatch") => {
                    tries += 1
                }
                done => return done,
            }
        }
    }

    fn import_once(&self, room: &Path, ova: &str) -> Result<Imported> {
        let machines = inside(MACHINES);
        let mut imported =
            Imported { settings: room.join(SETTINGS), machines: room.join(MACHINES), disk: String::new() };
        self.manage(room, &["import", ova, "--vsys", "0", "--vmname", IMPORTED, "--basefolder", &machines])?;
        imported.disk = self.disk_of(room, IMPORTED)?;
        Ok(imported)
    }

    /// What `VBoxManage showvminfo --machinereadable` says of a machine: names and values, without quotes.
    ///
    /// # Errors
    /// With all it wrote, if it does not know the machine.
    pub fn machine(&self, room: &Path, name: &str) -> Result<BTreeMap<String, String>> {
        let said = self.manage(room, &["showvminfo", name, "--machinereadable"])?;
        let pairs = said.lines().filter_map(|line| line.split_once('='));
        let bare = |text: &str| text.trim_matches('"').to_owned();
        Ok(pairs.map(|(name, value)| (bare(name), bare(value))).collect())
    }

    /// The only disk of a machine, as VirtualBox sees it.
    ///
    /// # Errors
    /// If there is none, or more than one.
    pub fn disk_of(&self, room: &Path, name: &str) -> Result<String> {
        let machine = self.machine(room, name)?;
        let disks: Vec<&String> =
            machine.values().filter(|value| value.starts_with(ROOM) && is_disk(value)).collect();
        match disks.as_slice() {
            [disk] => Ok((*disk).clone()),
            _ => bail!("not one disk: {machine:#?}"),
        }
    }

    fn run<Argument: AsRef<OsStr>>(
        &self,
        room: &Path,
        program: &str,
        arguments: &[Argument],
    ) -> Result<String> {
        let mut command = self.command(room);
        command.arg(format!("/usr/lib/virtualbox/{program}")).args(arguments);
        let output = command.output().with_context(|| format!("{command:?}"))?;
        let said = text(&output);
        if !output.status.success() {
            let arguments: Vec<_> = arguments.iter().map(AsRef::as_ref).collect();
            bail!("{program} {arguments:?}: {}\n{said}", output.status);
        }
        Ok(said)
    }

    fn command(&self, room: &Path) -> Command {
        let mut command = self.unshare.command();
        command.args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", ENTER, "sh"]);
        command.arg(&self.root).arg(room);
        command.env("HOME", ROOM).env("VBOX_USER_HOME", format!("{ROOM}/{SETTINGS}"));
        command
    }
}

/// A machine that was imported as [`IMPORTED`]; its files go when dropped.
#[derive(Debug)]
pub struct Imported {
    /// Its disk, as VirtualBox sees it.
    pub disk: String,
    settings: PathBuf,
    machines: PathBuf,
}

impl Drop for Imported {
    fn drop(&mut self) {
        for directory in [&self.settings, &self.machines] {
            // An import that was refused may have made neither.
            if directory.exists()
                && let Err(error) = std::fs::remove_dir_all(directory)
            {
                eprintln!("{}: {error}", directory.display());
            }
        }
    }
}

fn is_disk(path: &str) -> bool {
    [".vmdk", ".vdi"].iter().any(|suffix| path.ends_with(suffix))
}

/// The name of an imported machine.
pub const IMPORTED: &str = "imported";

/// Where VirtualBox sees the directory that a command works in.
pub const ROOM: &str = "/mnt";

/// How VirtualBox names the file `name` of the directory that a command works in.
pub fn inside(name: &str) -> String {
    format!("{ROOM}/{name}")
}

/// The directory of VirtualBox's settings in the directory that a command works in.
pub const SETTINGS: &str = "virtualbox-settings";

/// With SHA-512 on a busy machine, two imports of five go wrong.
const MOST_TRIES: u32 = 16;

/// The directory of imported machines, there.
const MACHINES: &str = "virtualbox-machines";

/// Mounts what a program needs and enters the tree: `sh -c ENTER sh ROOT ROOM PROGRAM ARGUMENT …`.
const ENTER: &str = r#"
set -e
root=$1 room=$2
shift 2
mount --bind "$root" "$root"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount -t tmpfs tmpfs "$root/tmp"
mount --bind "$room" "$root/mnt"
mount -o remount,bind,ro "$root"
exec chroot "$root" "$@"
"#;
