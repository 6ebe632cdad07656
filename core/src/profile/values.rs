use serde::Serialize;

use crate::names::named_values;

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
    /// What becomes of the identifiers that the tree names.
    IdentityPolicy, "identity" {
        /// File systems get the UUIDs and labels by which the tree knows them.
        Keep = "keep",
        /// New ones are made and written into the tree.
        New = "new",
        /// As `new`, and what else makes two machines one is reset: machine id, SSH host keys, random seeds, leases.
        Clone = "clone",
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
        /// A physical volume of a volume group.
        Lvm = "lvm",
    }
}

named_values! {
    /// What becomes of volume groups.
    LvmPolicy, "lvm" {
        /// They are laid out: those that the profile lists, else those on which the tree has its root.
        Keep = "keep",
        /// Every logical volume becomes a partition.
        Flatten = "flatten",
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

impl IdentityPolicy {
    /// Whether file systems keep the identifiers that the tree names.
    pub const fn keeps_identifiers(self) -> bool {
        matches!(self, Self::Keep)
    }
}

impl FileSystemKind {
    /// Whether it is of the ext family, which alone can hold a whole Linux tree.
    pub const fn is_ext(self) -> bool {
        matches!(self, Self::Ext4 | Self::Ext3 | Self::Ext2)
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
