use serde::Serialize;

use crate::format::{Firmware, OperatingSystem, OutputRole};
use crate::guest::Edit;
use crate::profile::Settings;
use crate::readiness::Readiness;
use crate::tree::{EntryRecord, Finding};

/// What a generation made: `report.json`, schema `diskwright-report/1`.
///
/// All but `run` is the same for the same order, seed and timestamp.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// `diskwright-report/1`; later versions only add fields.
    pub schema: &'static str,
    /// Name and version of the engine.
    pub tool: String,
    /// The seed's text: given again, it reproduces the run.
    pub seed: String,
    /// The build's time, seconds since the epoch: given again, it reproduces the run.
    pub timestamp: i64,
    /// The effective profile, each setting with its origin.
    pub profile: Settings,
    /// The machine that the outputs describe or, where they are disks only, that the user makes.
    pub machine: MachineEntry,
    /// The disks with their partitions.
    pub disks: Vec<DiskEntry>,
    /// The files made, this report left out, in the order of their appearance.
    pub outputs: Vec<OutputEntry>,
    /// What was changed in the guest.
    pub edits: Vec<Edit>,
    /// The entries of the guest that edits made or changed, as they are on the disk, in the order of the tree.
    pub changed: Vec<EntryRecord>,
    /// Whether the image boots: for each target, controller and firmware.
    pub readiness: Readiness,
    /// What there is to know about the scan and the decisions taken.
    pub warnings: Vec<Finding>,
    /// How this run went; differs from run to run.
    pub run: RunEntry,
}

/// The machine of an image.
#[derive(Clone, Debug, Serialize)]
pub struct MachineEntry {
    /// Its name.
    pub name: String,
    /// Bytes.
    pub memory: u64,
    /// Virtual processors.
    pub cpus: u32,
    /// Network adapters.
    pub network_adapters: u32,
    /// What a machine for this disk is set to.
    pub firmware: Firmware,
    /// The firmwares that the disk boots under.
    pub boots_under: Vec<Firmware>,
    /// The guest.
    pub operating_system: OperatingSystem,
    /// For a bare disk: how QEMU runs it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub qemu: Vec<String>,
}

/// A disk.
#[derive(Clone, Debug, Serialize)]
pub struct DiskEntry {
    /// Bytes.
    pub size: u64,
    /// Bytes of a logical sector.
    pub sector_size: u64,
    /// `gpt` or `mbr`.
    pub table: String,
    /// GPT disk GUID, or MBR signature as eight hexadecimal digits.
    pub id: String,
    /// In disk order.
    pub partitions: Vec<PartitionEntry>,
    /// What the partitions of role `lvm` make up; a group that has partitions of several disks stands at the first of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volume_groups: Vec<VolumeGroupEntry>,
    /// What a BIOS starts, if it starts anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bios_boot: Option<BiosBootEntry>,
}

/// The parts of a disk that a BIOS starts and that no file system holds.
#[derive(Clone, Debug, Serialize)]
pub struct BiosBootEntry {
    /// SHA-256 of the disk's first 440 bytes.
    pub boot_code_sha256: String,
    /// First byte on the disk of the boot loader's core.
    pub core_start: u64,
    /// Its bytes.
    pub core_size: u64,
    /// SHA-256 of them.
    pub core_sha256: String,
}

/// A partition.
#[derive(Clone, Debug, Serialize)]
pub struct PartitionEntry {
    /// As Linux numbers it, from 1.
    pub number: u32,
    /// First byte on the disk.
    pub start: u64,
    /// Bytes.
    pub size: u64,
    /// What it is for: `data`, `swap`, `esp`, `bios-boot`, `lvm`.
    pub role: String,
    /// `PARTUUID` as blkid prints it.
    pub id: String,
    /// Name of the GPT entry, or what it would be.
    pub name: String,
    /// Whether an MBR marks it as the one to boot from.
    #[serde(skip_serializing_if = "is_false")]
    pub active: bool,
    /// File system, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_system: Option<FileSystemEntry>,
    /// What it is in a volume group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub physical_volume: Option<PhysicalVolumeEntry>,
}

/// A partition in its volume group.
#[derive(Clone, Debug, Serialize)]
pub struct PhysicalVolumeEntry {
    /// As `pvs` prints it.
    pub uuid: String,
    /// Name of the group.
    pub volume_group: String,
}

/// A volume group.
#[derive(Clone, Debug, Serialize)]
pub struct VolumeGroupEntry {
    /// Name.
    pub name: String,
    /// As `vgs` prints it.
    pub uuid: String,
    /// Bytes of an extent.
    pub extent_size: u64,
    /// Its logical volumes.
    pub volumes: Vec<LogicalVolumeEntry>,
}

/// A logical volume.
#[derive(Clone, Debug, Serialize)]
pub struct LogicalVolumeEntry {
    /// Name.
    pub name: String,
    /// As `lvs` prints it.
    pub uuid: String,
    /// Bytes: whole extents.
    pub size: u64,
    /// Where it stands on the disks, in its own order.
    pub segments: Vec<SegmentEntry>,
    /// What stands in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_system: Option<FileSystemEntry>,
}

/// A range of a disk that is a part of a logical volume.
#[derive(Clone, Debug, Serialize)]
pub struct SegmentEntry {
    /// Which disk it is on, from 1, where that is not the one at which the group is listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk: Option<usize>,
    /// Number of the partition that it is in.
    pub partition: u32,
    /// First byte on the disk.
    pub start: u64,
    /// Bytes: whole extents.
    pub size: u64,
}

/// A file system or swap area.
#[derive(Clone, Debug, Serialize)]
pub struct FileSystemEntry {
    /// `ext4`, `vfat`, `swap`.
    #[serde(rename = "type")]
    pub kind: String,
    /// As blkid prints it.
    pub uuid: String,
    /// Label, empty for none.
    pub label: String,
    /// Where the guest mounts it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mount_point: Option<String>,
    /// The UUID from which ext4, ext3 and ext2 hash the names of directories.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash_seed: Option<String>,
    /// The directory of the guest whose content is on this file system in place of the one that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken_from: Option<String>,
    /// All that stands on an EFI system partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<FatFileEntry>>,
}

/// A file or directory of an EFI system partition.
#[derive(Clone, Debug, Serialize)]
pub struct FatFileEntry {
    /// Path in the partition, with a leading slash.
    pub path: String,
    /// Last modification: seconds since the epoch. FAT keeps the nearest that it has.
    pub mtime: i64,
    /// Nanoseconds after that.
    pub mtime_nanos: u32,
    /// Bytes of a file; a directory has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// SHA-256 of content that was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The file of the guest whose content it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copy_of: Option<String>,
}

/// A file that was made.
#[derive(Clone, Debug, Serialize)]
pub struct OutputEntry {
    /// File name.
    pub path: String,
    /// What it is for.
    pub role: OutputRole,
    /// Id of the format.
    pub format: &'static str,
    /// Bytes.
    pub length: u64,
    /// `blake3:` and, hexadecimal, BLAKE3 over the BLAKE3s of its consecutive pieces of 1 MiB; `None` where `sha256` was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tree_digest: Option<String>,
    /// SHA-256, hexadecimal: of packages that are written from front to back, and where it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

impl OutputEntry {
    /// The digest that it has, of either kind; empty in the report of a plan.
    pub fn digest(&self) -> &str {
        self.sha256.as_deref().or(self.tree_digest.as_deref()).unwrap_or_default()
    }
}

/// How a run went.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RunEntry {
    /// Worker threads.
    pub threads: usize,
    /// Seconds by phase, in order.
    pub phases: Vec<PhaseEntry>,
    /// Bytes of the layout that were read.
    pub bytes_read: u64,
    /// Bytes that were written to outputs; holes and the report itself do not count.
    pub bytes_written: u64,
    /// Peak resident memory of the process in bytes; `None` where the system does not tell.
    pub peak_memory: Option<u64>,
}

/// How long a phase took.
#[derive(Clone, Debug, Serialize)]
pub struct PhaseEntry {
    /// Which.
    pub phase: crate::Phase,
    /// Seconds.
    pub seconds: f64,
}

impl Report {
    /// The report's file name.
    pub const FILE_NAME: &'static str = "report.json";

    /// The report as JSON with a final line feed.
    ///
    /// # Errors
    /// `ErrorKind::Internal` when it cannot be written as JSON.
    pub fn to_json(&self) -> crate::Result<Vec<u8>> {
        let mut json = serde_json::to_vec_pretty(self).map_err(|error| {
            crate::Error::new(crate::ErrorKind::Internal, "the report is no JSON").with_source(error)
        })?;
        json.push(b'\n');
        Ok(json)
    }
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
