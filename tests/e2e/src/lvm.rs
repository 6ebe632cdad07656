//! LVM's own programs on volume groups in disk images.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tempfile::TempDir;

use crate::disk::{Partition, extract};
use crate::made::made;
use crate::{Tool, is_root};

/// The Debian 12 machine with its root on a logical volume, unpacked.
///
/// # Panics
/// If it is missing and `DISKWRIGHT_REQUIRE_ORACLES=1` is set.
pub fn debian_lvm_tree() -> Option<PathBuf> {
    Some(made("debian-12-lvm-tree", "Debian tree with LVM", "cargo xtask tree")?.join("root"))
}

/// LVM's programs, which see the partitions of one image and nothing else of the machine.
#[derive(Debug)]
pub struct Lvm {
    lvm: Tool,
    losetup: Tool,
    devices: Vec<String>,
    /// In the place of the machine's own configuration.
    system: TempDir,
}

impl Lvm {
    /// Shows `partitions` of `image`, read-only, to LVM. Nothing where a program is missing or this process is not root.
    ///
    /// # Errors
    /// If the kernel has no loop device for them.
    ///
    /// # Panics
    /// As [`Tool::find`].
    pub fn of(image: &Path, partitions: &[Partition]) -> Result<Option<Self>> {
        let (Some(lvm), Some(losetup), true) = (Tool::find("lvm"), Tool::find("losetup"), is_root()) else {
            return Ok(None);
        };
        let mut shown = Self { lvm, losetup, devices: Vec::new(), system: tempfile::tempdir()? };
        for partition in partitions {
            let numbers = ["--offset".to_owned(), partition.start.to_string(), "--sizelimit".to_owned()];
            let mut arguments: Vec<String> = ["--find", "--show", "--read-only"].map(str::to_owned).to_vec();
            arguments.extend(numbers.into_iter().chain([partition.size.to_string()]));
            arguments.push(image.to_str().context("a path")?.to_owned());
            shown.devices.push(shown.losetup.run(&arguments)?.trim().to_owned());
        }
        let accepted: Vec<String> = shown.devices.iter().map(|device| format!("\"a|^{device}$|\"")).collect();
        let configuration = format!(
            "devices {{ use_devicesfile=0 filter=[ {}, \"r|.*|\" ] }}\nbackup {{ backup=0 archive=0 }}\n\
             global {{ event_activation=0 }}\n",
            accepted.join(", ")
        );
        std::fs::write(shown.system.path().join("lvm.conf"), configuration)?;
        Ok(Some(shown))
    }

    /// The devices, in the partitions' order.
    pub fn devices(&self) -> &[String] {
        &self.devices
    }

    /// What a command of LVM prints to standard output.
    ///
    /// # Errors
    /// With all it wrote, if it fails or says anything on standard error, which no sound group gives rise to.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        let mut command = self.lvm.command();
        command.env("LVM_SYSTEM_DIR", self.system.path()).env("LVM_SUPPRESS_FD_WARNINGS", "1");
        let output = command.args(arguments).output()?;
        let (out, errors) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if !output.status.success() || !errors.is_empty() {
            bail!("{command:?}: {}\n{out}{errors}", output.status);
        }
        Ok(out.into_owned())
    }
}

impl Drop for Lvm {
    fn drop(&mut self) {
        for device in &self.devices {
            if let Err(error) = self.losetup.run(&["--detach", device]) {
                eprintln!("{error:#}");
            }
        }
    }
}

/// Copies a logical volume out of a disk into a new file, as the report says where it is.
///
/// # Errors
/// If the report has no such volume, or a file cannot be read or written.
pub fn extract_volume(image: &Path, report: &Value, group: &str, volume: &str, to: &Path) -> Result<()> {
    let named = |list: Option<&Value>, name: &str| -> Result<Value> {
        let items = list.and_then(Value::as_array).context("the report has no such list")?;
        let found = items.iter().find(|item| item.get("name").and_then(Value::as_str) == Some(name));
        found.cloned().with_context(|| format!("the report has no {name}"))
    };
    let group = named(report.pointer("/disks/0/volume_groups"), group)?;
    let volume = named(group.get("volumes"), volume)?;
    let segments = volume.get("segments").and_then(Value::as_array).context("no segments")?;
    let whole = File::create(to)?;
    let (mut end, part) = (0, to.with_extension("part"));
    for segment in segments {
        let number = |field: &str| segment.get(field).and_then(Value::as_u64).context("no number");
        let (start, size) = (number("start")?, number("size")?);
        extract(image, &Partition { start, size, kind: String::new() }, &part)?;
        append(&part, &whole, end)?;
        end += size;
    }
    whole.set_len(end)?;
    Ok(std::fs::remove_file(&part)?)
}

/// Copies what a file holds to `at` of another; holes stay holes.
fn append(from: &Path, to: &File, at: u64) -> Result<()> {
    use std::os::unix::fs::FileExt;
    let from = File::open(from)?;
    let end = from.metadata()?.len();
    let mut buffer = vec![0; 1 << 20];
    let mut position = 0;
    while let Some((data, hole)) = crate::disk::next_data(&from, position, end)? {
        position = data;
        while position < hole {
            let wanted = usize::try_from(hole - position)?.min(buffer.len());
            from.read_exact_at(&mut buffer[..wanted], position)?;
            to.write_all_at(&buffer[..wanted], at + position)?;
            position += u64::try_from(wanted)?;
        }
    }
    Ok(())
}
