use crate::partition::SectorSize;
use crate::{Error, ErrorKind, Result, Seed, Timestamp};

/// The machine that an image is for, as far as formats describe it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Machine {
    /// Stem of file names and the name that the product shows: `[A-Za-z0-9._-]{1,64}`.
    pub name: String,
    /// Memory in bytes.
    pub memory: u64,
    /// Virtual processors.
    pub cpus: u32,
    /// Network adapters, at least one; the guest counts them in the order in which the machine has them.
    pub adapters: u32,
    /// What the machine must boot with.
    pub firmware: Firmware,
    /// The guest.
    pub operating_system: OperatingSystem,
    /// The logical sector in which the disks' partition tables count.
    pub sector_size: SectorSize,
    /// Where identifiers come from.
    pub seed: Seed,
    /// The build's time, for fields that hold one.
    pub timestamp: Timestamp,
}

/// The firmware that a machine boots with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Firmware {
    /// A PC BIOS.
    Bios,
    /// UEFI.
    Uefi,
}

/// What the tree says of its operating system.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct OperatingSystem {
    /// `ID` of os-release (`debian`), empty when unknown.
    pub id: String,
    /// `VERSION_ID` of os-release (`12`), empty when unknown.
    pub version: String,
    /// Machine architecture as `uname -m` names it (`x86_64`), empty when unknown.
    pub architecture: String,
}

impl Machine {
    /// A machine with one processor, one network adapter, 1 GiB of memory, BIOS and sectors of 512 bytes, whose system is unknown.
    pub fn new(name: impl Into<String>, seed: Seed, timestamp: Timestamp) -> Self {
        Self {
            name: name.into(),
            memory: 1 << 30,
            cpus: 1,
            adapters: 1,
            firmware: Firmware::Bios,
            operating_system: OperatingSystem::default(),
            sector_size: SectorSize::default(),
            seed,
            timestamp,
        }
    }

    /// Stem of the file name of disk `number` (from 1): the machine's name, for those after the first with the number.
    pub fn disk_name(&self, number: u32) -> String {
        match number {
            1 => self.name.clone(),
            _ => format!("{}-disk{number}", self.name),
        }
    }

    /// Refuses disks that count in other sectors than those of 512 bytes, for formats whose disks have no others: what
    /// boots from them would look for the partition table in the wrong places.
    ///
    /// # Errors
    /// `ErrorKind::Unsupported`, with `sector_size` as the field, naming `format`.
    pub fn require_sectors_of_512(&self, format: &str) -> Result<()> {
        if self.sector_size == SectorSize::Bytes512 {
            return Ok(());
        }
        let text =
            format!("disks of {format} have sectors of 512 bytes, not of {}", self.sector_size.bytes());
        Err(Error::new(ErrorKind::Unsupported, text).with_field("sector_size"))
    }
}
