#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Error, ErrorKind, Result};

/// The unit in which a disk counts: 512 bytes unless said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SectorSize {
    /// 512 bytes: what virtual machines have.
    #[default]
    Bytes512,
    /// 4096 bytes: "4Kn" disks.
    Bytes4096,
}

/// The number of a sector, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lba(pub u64);

impl SectorSize {
    /// The sector size of so many bytes.
    ///
    /// # Errors
    /// `ErrorKind::Unsupported` for anything but 512 and 4096.
    pub fn from_bytes(bytes: u64) -> Result<Self> {
        match bytes {
            512 => Ok(Self::Bytes512),
            4096 => Ok(Self::Bytes4096),
            _ => {
                let text = format!("sectors have 512 or 4096 bytes, not {bytes}");
                Err(Error::new(ErrorKind::Unsupported, text))
            }
        }
    }

    /// Bytes of a sector.
    pub const fn bytes(self) -> u64 {
        match self {
            Self::Bytes512 => 512,
            Self::Bytes4096 => 4096,
        }
    }

    /// Whether `offset` (or a size) is a whole number of sectors.
    pub const fn divides(self, offset: u64) -> bool {
        self.sectors(offset).saturating_mul(self.bytes()) == offset
    }

    /// The sector that holds byte `offset`.
    pub const fn lba(self, offset: u64) -> Lba {
        Lba(self.sectors(offset))
    }

    /// Whole sectors in `size` bytes.
    pub(crate) const fn sectors(self, size: u64) -> u64 {
        match self {
            Self::Bytes512 => size / 512,
            Self::Bytes4096 => size / 4096,
        }
    }

    /// Bytes of a sector, as a length in memory.
    pub(crate) const fn len(self) -> usize {
        match self {
            Self::Bytes512 => 512,
            Self::Bytes4096 => 4096,
        }
    }
}

impl Serialize for SectorSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.bytes())
    }
}

impl<'de> Deserialize<'de> for SectorSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_bytes(u64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
