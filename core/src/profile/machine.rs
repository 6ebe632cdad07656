use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::size::quoted;
use crate::{Error, ErrorKind, Result};

/// What a capture tool saw of the scanned machine: the JSON document `diskwright-machine/1`.
///
/// Every field may be absent. Unknown fields are no error: [`MachineReport::notes`] names them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MachineReport {
    /// The document's format: `diskwright-machine/1` if it is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Bytes of memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Number of CPUs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus: Option<u32>,
    /// Firmware under which it ran: `bios` or `uefi`. Which firmware the new machine offers if the disk boots under
    /// both; never a demand, for the loaders may stand outside the scan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware: Option<String>,
    /// The operating system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<MachineOs>,
    /// The running kernel's command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cmdline: Option<String>,
    /// Disks, in the machine's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disks: Vec<MachineDisk>,
    /// Logical volumes, as captured; which ones are laid out again the tree's own configuration says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lvm: Option<Value>,
    /// Network interfaces, in the machine's order; they are not made again, and [`MachineReport::notes`] says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nics: Vec<MachineNic>,
    /// What the capture could not take as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture: Option<MachineCapture>,
    /// Fields that this version does not know.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// What a capture of a running machine could not take as it was. Paths are escaped where they are not printable.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MachineCapture {
    /// Files that changed each time that they were read: each is in the scan as it was read last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
    /// What was gone before it was read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vanished: Vec<String>,
    /// Mount points, sockets and what else was left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// How many more there are than are listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unlisted: u64,
    /// Fields that this version does not know.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The operating system of a scanned machine, as `os-release` names it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MachineOs {
    /// `debian`, `rhel` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Architecture: `x86_64` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arch: Option<String>,
    /// Fields that this version does not know.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// A disk of a scanned machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MachineDisk {
    /// `sda`, `nvme0n1` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Bytes of a logical sector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sector_size: Option<u64>,
    /// Partition table: `gpt`, or `dos` or `mbr`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// Disk GUID or signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Partitions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partitions: Vec<MachinePartition>,
    /// Fields that this version does not know.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// A partition of a scanned machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MachinePartition {
    /// Number, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u32>,
    /// First byte on the disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<u64>,
    /// Bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Type GUID or type byte.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Unique GUID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What stands in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fs: Option<MachineFileSystem>,
    /// Where it was mounted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mount: Option<String>,
    /// Fields that this version does not know.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// A file system of a scanned machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MachineFileSystem {
    /// `ext4`, `swap`, `vfat` …
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// UUID or volume id, as `blkid` writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<String>,
    /// Label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Feature names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<Value>,
    /// Fields that this version does not know.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// A network interface of a scanned machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MachineNic {
    /// `eth0` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Hardware address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// Fields that this version does not know.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

impl MachineReport {
    /// The format that [`MachineReport::format`] states.
    pub const FORMAT: &str = "diskwright-machine/1";
    /// The directory of an archive that is no part of the tree, at its root.
    pub const DIRECTORY: &[u8] = b".diskwright";
    /// The member of an archive that is its machine report.
    pub const PATH: &[u8] = b".diskwright/machine.json";

    /// Reads the JSON form, at most 4 MiB of it.
    ///
    /// # Errors
    /// `ErrorKind::InvalidProfile` when it is no such document, `ErrorKind::Unsupported` when it states another
    /// format, `ErrorKind::LimitExceeded` when it is longer.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        if json.len() > MAX_DOCUMENT {
            return Err(Error::new(ErrorKind::LimitExceeded, "the machine report is longer than 4 MiB"));
        }
        let report: Self = serde_json::from_slice(json).map_err(|error| {
            Error::new(ErrorKind::InvalidProfile, format!("the machine report cannot be read: {error}"))
        })?;
        match report.format.as_deref() {
            None | Some(Self::FORMAT) => Ok(report),
            Some(other) => {
                let message = format!(
                    "machine report of the unknown format {}: {} is known",
                    quoted(other),
                    Self::FORMAT
                );
                Err(Error::new(ErrorKind::Unsupported, message).with_field("format"))
            }
        }
    }

    /// One sentence for every field that was ignored.
    pub fn notes(&self) -> Vec<String> {
        let mut unknown = Vec::new();
        let mut note = |place: String, other: &BTreeMap<String, Value>| {
            unknown.extend(other.keys().map(|key| format!("{place}{key}")));
        };
        note(String::new(), &self.other);
        if let Some(os) = &self.os {
            note("os.".into(), &os.other);
        }
        for (d, disk) in self.disks.iter().enumerate() {
            note(format!("disks[{d}]."), &disk.other);
            for (p, partition) in disk.partitions.iter().enumerate() {
                note(format!("disks[{d}].partitions[{p}]."), &partition.other);
                if let Some(fs) = &partition.fs {
                    note(format!("disks[{d}].partitions[{p}].fs."), &fs.other);
                }
            }
        }
        for (n, nic) in self.nics.iter().enumerate() {
            note(format!("nics[{n}]."), &nic.other);
        }
        if let Some(capture) = &self.capture {
            note("capture.".into(), &capture.other);
        }
        let mut notes: Vec<String> = unknown
            .iter()
            .map(|field| format!("machine report: the field {} is not known", quoted(field)))
            .collect();
        if !self.nics.is_empty() {
            notes.push(format!(
                "machine report: the {} network adapters in nics are not made again: machines have those that the profile \
                 lists, else one, with addresses of their own",
                self.nics.len()
            ));
        }
        if let Some(changed) = self.capture.as_ref().map(|capture| &capture.changed)
            && let Some(first) = changed.first()
        {
            notes.push(format!(
                "machine report: {} files changed whenever they were captured, {} among them",
                changed.len(),
                quoted(first)
            ));
        }
        notes
    }

    /// The disk that held the root file system: the one that says so, or the only one.
    pub fn root_disk(&self) -> Option<&MachineDisk> {
        let holds_root =
            |disk: &&MachineDisk| disk.partitions.iter().any(|p| p.mount.as_deref() == Some("/"));
        match self.disks.as_slice() {
            [only] => Some(only),
            disks => disks.iter().find(holds_root),
        }
    }

    /// All partitions of all disks.
    pub(super) fn partitions(&self) -> impl Iterator<Item = &MachinePartition> {
        self.disks.iter().flat_map(|disk| &disk.partitions)
    }
}

const MAX_DOCUMENT: usize = 4 << 20;
