use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::size::quoted;
use crate::{Error, ErrorKind, Result};

/// Declares an enum whose values have one text form for JSON, flags and messages.
macro_rules! named_values {
    (
        $(#[$about:meta])* $name:ident, $noun:literal {
            $($(#[$value_about:meta])* $value:ident = $text:literal,)+
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$value_about])* $value,)+
        }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$value,)+];

            /// The text form.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$value => $text,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                match Self::ALL.iter().find(|value| value.name() == text) {
                    Some(value) => Ok(*value),
                    None => Err(unknown($noun, text, Self::ALL.iter().map(|value| value.name()))),
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

named_values! {
    /// The firmware under which the disk shall boot.
    Firmware, "firmware" {
        /// Whatever the tree or the donor has loaders for.
        Auto = "auto",
        /// BIOS is demanded; missing parts are an error.
        Bios = "bios",
        /// UEFI is demanded; missing parts are an error.
        Uefi = "uefi",
        /// Both are demanded; missing parts are an error.
        Both = "both",
    }
}

named_values! {
    /// What happens if the disk would boot under no firmware.
    BootPolicy, "boot policy" {
        /// The tree is refused.
        Required = "required",
        /// The disk is built, with a warning.
        Optional = "optional",
        /// Only data is laid out, without an EFI system partition and BIOS boot partition.
        None = "none",
    }
}

named_values! {
    /// The kind of partition table.
    PartitionTable, "partition table" {
        /// GUID partition table.
        Gpt = "gpt",
        /// Master boot record; the fourth and later of more than four partitions are logical ones.
        Mbr = "mbr",
    }
}

named_values! {
    /// What becomes of the identifiers that the tree names.
    IdentityPolicy, "identity" {
        /// File systems get the UUIDs and labels by which the tree knows them.
        Keep = "keep",
        /// New ones are made and written into the tree.
        New = "new",
    }
}

named_values! {
    /// What a partition is for.
    PartitionRole, "partition role" {
        /// A part of the tree, by mount point.
        Data = "data",
        /// Swap space.
        Swap = "swap",
        /// The EFI system partition.
        Esp = "esp",
        /// Where GRUB's core image stands on a GPT disk that boots under BIOS.
        BiosBoot = "bios-boot",
    }
}

named_values! {
    /// A flag of a partition table entry.
    PartitionFlag, "partition flag" {
        /// MBR: the active partition (status 0x80).
        Active = "active",
        /// GPT attribute bit 0: needed by the platform.
        Required = "required",
        /// GPT attribute bit 2: legacy BIOS bootable.
        LegacyBoot = "legacy-boot",
        /// GPT attribute bit 59: the system grows the file system at its first mount.
        GrowFileSystem = "grow-file-system",
        /// GPT attribute bit 60: mounted read-only.
        ReadOnly = "read-only",
        /// GPT attribute bit 63: not mounted automatically.
        NoAuto = "no-auto",
    }
}

named_values! {
    /// A file system that can be written.
    FileSystemKind, "file system" {
        /// ext4.
        Ext4 = "ext4",
        /// ext3: ext2 with a journal.
        Ext3 = "ext3",
        /// ext2.
        Ext2 = "ext2",
        /// FAT32.
        Fat32 = "fat32",
        /// Swap space, version 1.
        Swap = "swap",
    }
}

impl FileSystemKind {
    /// Whether it is of the ext family, which alone can hold a whole Linux tree.
    pub const fn is_ext(self) -> bool {
        matches!(self, Self::Ext4 | Self::Ext3 | Self::Ext2)
    }
}

/// Bytes of a logical sector: 512 or 4096.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SectorSize {
    /// 512 bytes.
    #[default]
    B512,
    /// 4096 bytes ("4K native"); UEFI only.
    B4096,
}

impl SectorSize {
    /// Bytes.
    pub const fn bytes(self) -> u64 {
        match self {
            Self::B512 => 512,
            Self::B4096 => 4096,
        }
    }

    /// The sector size of that many bytes, if it is one.
    pub const fn from_bytes(bytes: u64) -> Option<Self> {
        match bytes {
            512 => Some(Self::B512),
            4096 => Some(Self::B4096),
            _ => None,
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
        let bytes = u64::deserialize(deserializer)?;
        let refuse =
            || serde::de::Error::custom(format!("the sector size {bytes} is not supported: 512 or 4096"));
        Self::from_bytes(bytes).ok_or_else(refuse)
    }
}

/// Which firmwares something is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct FirmwareParts {
    /// BIOS.
    pub bios: bool,
    /// UEFI.
    pub uefi: bool,
}

/// A value that is not of the list, refused by its name.
fn unknown(noun: &str, text: &str, known: impl Iterator<Item = &'static str>) -> Error {
    let known: Vec<&str> = known.collect();
    let message = format!("the {noun} {} is not supported: {}", quoted(text), known.join(", "));
    Error::new(ErrorKind::Unsupported, message)
}
