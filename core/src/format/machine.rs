use crate::{Seed, Timestamp};

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
    /// What the machine must boot with.
    pub firmware: Firmware,
    /// The guest.
    pub operating_system: OperatingSystem,
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
    /// A machine with one processor, 1 GiB of memory and BIOS, whose system is unknown.
    pub fn new(name: impl Into<String>, seed: Seed, timestamp: Timestamp) -> Self {
        Self {
            name: name.into(),
            memory: 1 << 30,
            cpus: 1,
            firmware: Firmware::Bios,
            operating_system: OperatingSystem::default(),
            seed,
            timestamp,
        }
    }
}
