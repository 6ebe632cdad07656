//! What a report says of an image, read without the code that writes reports.

use std::path::Path;

use diskwright_core::{Error, ErrorKind, Result};
use serde::Deserialize;

use crate::expect::EntryLine;

/// The parts of a `diskwright-report/1` document that an image is checked against.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct ImageReport {
    schema: String,
    /// Text of the seed, from which every new identifier is derived.
    pub seed: String,
    /// Time of the build, seconds since the epoch.
    pub timestamp: i64,
    /// The machine.
    pub machine: MachineRecord,
    /// The disks with their partitions.
    pub disks: Vec<DiskRecord>,
    /// The files made.
    pub outputs: Vec<OutputRecord>,
    /// What was changed in the guest.
    pub edits: Vec<EditRecord>,
    /// The entries that are not as they were scanned.
    #[serde(default)]
    pub changed: Option<Vec<EntryLine>>,
}

/// The machine of an image.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "docs/report.schema.json says it of each")]
pub struct MachineRecord {
    pub name: String,
    #[serde(default)]
    pub memory: u64,
    #[serde(default)]
    pub cpus: u32,
    #[serde(default)]
    pub firmware: String,
}

/// A disk.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "docs/report.schema.json says it of each")]
pub struct DiskRecord {
    pub size: u64,
    pub sector_size: u64,
    pub table: String,
    pub id: String,
    pub partitions: Vec<PartitionRecord>,
    #[serde(default)]
    pub volume_groups: Vec<VolumeGroupRecord>,
    #[serde(default)]
    pub bios_boot: Option<BiosBootRecord>,
}

/// What a BIOS starts.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "docs/report.schema.json says it of each")]
pub struct BiosBootRecord {
    pub boot_code_sha256: String,
    pub core_start: u64,
    pub core_size: u64,
    pub core_sha256: String,
}

/// A partition.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "docs/report.schema.json says it of each")]
pub struct PartitionRecord {
    pub number: u32,
    pub start: u64,
    pub size: u64,
    pub role: String,
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub active: bool,
    #[serde(default)]
    pub file_system: Option<FileSystemRecord>,
    #[serde(default)]
    pub physical_volume: Option<PhysicalVolumeRecord>,
}

/// A partition in its volume group.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "docs/report.schema.json says it of each")]
pub struct PhysicalVolumeRecord {
    pub uuid: String,
    pub volume_group: String,
}

/// A volume group.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "docs/report.schema.json says it of each")]
pub struct VolumeGroupRecord {
    pub name: String,
    pub uuid: String,
    pub extent_size: u64,
    pub volumes: Vec<LogicalVolumeRecord>,
}

/// A logical volume.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "docs/report.schema.json says it of each")]
pub struct LogicalVolumeRecord {
    pub name: String,
    pub uuid: String,
    pub size: u64,
    pub segments: Vec<SegmentRecord>,
    #[serde(default)]
    pub file_system: Option<FileSystemRecord>,
}

/// A range of a disk that is a part of a logical volume.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "docs/report.schema.json says it of each")]
pub struct SegmentRecord {
    #[serde(default)]
    pub disk: Option<usize>,
    pub partition: u32,
    pub start: u64,
    pub size: u64,
}

impl DiskRecord {
    /// All file systems, of partitions and of logical volumes.
    pub(crate) fn file_systems(&self) -> impl Iterator<Item = &FileSystemRecord> {
        let volumes = self.volume_groups.iter().flat_map(|group| &group.volumes);
        let logical = volumes.filter_map(|volume| volume.file_system.as_ref());
        self.partitions.iter().filter_map(|partition| partition.file_system.as_ref()).chain(logical)
    }
}

impl PartitionRecord {
    /// Whether it is a physical volume of the group.
    pub(crate) fn is_of(&self, group: &str) -> bool {
        self.physical_volume.as_ref().is_some_and(|physical| physical.volume_group == group)
    }
}

/// A file system or swap area.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "docs/report.schema.json says it of each")]
pub struct FileSystemRecord {
    #[serde(rename = "type")]
    pub kind: String,
    pub uuid: String,
    pub label: String,
    #[serde(default)]
    pub mount_point: Option<String>,
    #[serde(default)]
    pub hash_seed: Option<String>,
    #[serde(default)]
    pub taken_from: Option<String>,
    #[serde(default)]
    pub files: Option<Vec<FatFileRecord>>,
}

/// A file or directory of an EFI system partition.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "docs/report.schema.json says it of each")]
pub struct FatFileRecord {
    pub path: String,
    pub mtime: i64,
    #[serde(default)]
    pub mtime_nanos: u32,
    #[serde(default)]
    pub size: Option<u64>,
    #[serde(default)]
    pub sha256: Option<String>,
    #[serde(default)]
    pub copy_of: Option<String>,
}

/// A file that was made.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "docs/report.schema.json says it of each")]
pub struct OutputRecord {
    pub path: String,
    pub role: String,
    pub format: String,
    pub length: u64,
    #[serde(default)]
    pub tree_digest: Option<String>,
    #[serde(default)]
    pub sha256: Option<String>,
}

/// A change of the guest.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "docs/report.schema.json says it of each")]
pub struct EditRecord {
    pub path: String,
    pub action: String,
}

impl ImageReport {
    /// A report from its JSON.
    ///
    /// # Errors
    /// `ErrorKind::Source` when it is no `diskwright-report/1` document, or not one that says all that is needed here.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        let report: Self = serde_json::from_slice(json)
            .map_err(|error| Error::new(ErrorKind::Source, "this is no report").with_source(error))?;
        if report.schema != SCHEMA {
            let text = format!("the report is of the schema {:?}, not {SCHEMA:?}", report.schema);
            return Err(Error::new(ErrorKind::Source, text).with_field("schema"));
        }
        let has_none = |output: &&OutputRecord| output.tree_digest.is_none() && output.sha256.is_none();
        if let Some(output) = report.outputs.iter().find(has_none) {
            let text = format!("the report has no digest of {}", output.path);
            return Err(Error::new(ErrorKind::Source, text).with_field("outputs"));
        }
        if report.changed.is_none() && !report.edits.is_empty() {
            let text = "the report does not say what edited entries hold: it is of an earlier version";
            return Err(Error::new(ErrorKind::Unsupported, text).with_field("changed"));
        }
        Ok(report)
    }

    /// The report in a file.
    ///
    /// # Errors
    /// As [`ImageReport::from_json`]; `ErrorKind::Source` when the file cannot be read or has more than 1 GiB.
    pub fn read(path: &Path) -> Result<Self> {
        let name = path.as_os_str().as_encoded_bytes();
        let failed = |error| {
            Error::new(ErrorKind::Source, "cannot read the report").with_path(name).with_source(error)
        };
        let size = std::fs::metadata(path).map_err(failed)?.len();
        if size > MAX_SIZE {
            let text = format!("a report of {size} bytes: at most {MAX_SIZE} are read");
            return Err(Error::new(ErrorKind::LimitExceeded, text).with_path(name));
        }
        let json = std::fs::read(path).map_err(failed)?;
        Self::from_json(&json).map_err(|error| error.with_path(name))
    }
}

const SCHEMA: &str = "diskwright-report/1";
const MAX_SIZE: u64 = 1 << 30;
