use uuid::{Uuid, uuid};

/// What a partition is for, as its table says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PartitionKind {
    /// EFI system partition: FAT with boot loaders.
    EfiSystem,
    /// Room for GRUB's core image; GPT only.
    BiosBoot,
    /// A Linux file system.
    LinuxFilesystem,
    /// The root file system of machines of one architecture; a plain Linux file system in an MBR.
    LinuxRoot(RootArchitecture),
    /// `/boot` by the Boot Loader Specification (XBOOTLDR).
    LinuxBoot,
    /// `/home`; a plain Linux file system in an MBR.
    LinuxHome,
    /// Swap.
    LinuxSwap,
    /// LVM physical volume.
    LinuxLvm,
    /// Member of a Linux software RAID.
    LinuxRaid,
    /// A Windows or otherwise plain file system (FAT32 with LBA in an MBR).
    BasicData,
    /// The container of the logical partitions; MBR only.
    Extended,
    /// Any other GPT partition type.
    GptType(Uuid),
    /// Any other MBR partition type.
    MbrType(u8),
}

/// Architectures that have a root partition type of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RootArchitecture {
    /// 32-bit x86.
    X86,
    /// 64-bit x86.
    X86_64,
    /// 64-bit ARM.
    Arm64,
    /// 64-bit RISC-V.
    Riscv64,
}

impl PartitionKind {
    /// The kind that a GPT type GUID names.
    pub fn from_gpt_type(guid: Uuid) -> Self {
        let known = GPT_TYPES.iter().find(|(_, known)| *known == guid);
        known.map_or(Self::GptType(guid), |(kind, _)| *kind)
    }

    /// The kind that an MBR type names.
    pub fn from_mbr_type(code: u8) -> Self {
        match code {
            0x05 | 0x0f | 0x85 => Self::Extended,
            0x0c => Self::BasicData,
            0x82 => Self::LinuxSwap,
            0x83 => Self::LinuxFilesystem,
            0x8e => Self::LinuxLvm,
            0xea => Self::LinuxBoot,
            0xef => Self::EfiSystem,
            0xfd => Self::LinuxRaid,
            _ => Self::MbrType(code),
        }
    }

    /// The type GUID in a GPT; `None` for what only an MBR has.
    ///
    /// # Reference
    /// UEFI specification 2.10 §5.3.3; Discoverable Partitions Specification.
    pub fn gpt_type(self) -> Option<Uuid> {
        match self {
            Self::GptType(guid) => Some(guid).filter(|guid| !guid.is_nil()),
            _ => GPT_TYPES.iter().find(|(kind, _)| *kind == self).map(|(_, guid)| *guid),
        }
    }

    /// The type byte in an MBR; `None` for what only a GPT has. An extended partition's depends on its place.
    pub fn mbr_type(self) -> Option<u8> {
        match self {
            Self::EfiSystem => Some(0xef),
            Self::LinuxFilesystem | Self::LinuxRoot(_) | Self::LinuxHome => Some(0x83),
            Self::LinuxBoot => Some(0xea),
            Self::LinuxSwap => Some(0x82),
            Self::LinuxLvm => Some(0x8e),
            Self::LinuxRaid => Some(0xfd),
            Self::BasicData => Some(0x0c),
            Self::Extended => Some(0x05),
            // Nothing, extended (which has a kind of its own) and GPT protective.
            Self::MbrType(0x00 | 0x05 | 0x0f | 0x85 | 0xee) => None,
            Self::MbrType(code) => Some(code),
            Self::BiosBoot | Self::GptType(_) => None,
        }
    }
}

const GPT_TYPES: [(PartitionKind, Uuid); 13] = [
    (PartitionKind::EfiSystem, uuid!("C12A7328-F81F-11D2-BA4B-00A0C93EC93B")),
    (PartitionKind::BiosBoot, uuid!("21686148-6449-6E6F-744E-656564454649")),
    (PartitionKind::LinuxFilesystem, uuid!("0FC63DAF-8483-4772-8E79-3D69D8477DE4")),
    (PartitionKind::LinuxRoot(RootArchitecture::X86), uuid!("44479540-F297-41B2-9AF7-D131D5F0458A")),
    (PartitionKind::LinuxRoot(RootArchitecture::X86_64), uuid!("4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709")),
    (PartitionKind::LinuxRoot(RootArchitecture::Arm64), uuid!("B921B045-1DF0-41C3-AF44-4C6F280D3FAE")),
    (PartitionKind::LinuxRoot(RootArchitecture::Riscv64), uuid!("72EC70A6-CF74-40E6-BD49-4BDA08E8F224")),
    (PartitionKind::LinuxBoot, uuid!("BC13C2FF-59E6-4262-A352-B275FD6F7172")),
    (PartitionKind::LinuxHome, uuid!("933AC7E1-2EB4-4F13-B844-0E14E2AEF915")),
    (PartitionKind::LinuxSwap, uuid!("0657FD6D-A4AB-43C4-84E5-0933C84B4F4F")),
    (PartitionKind::LinuxLvm, uuid!("E6D6D379-F507-44C2-A23C-238F2A3DF928")),
    (PartitionKind::LinuxRaid, uuid!("A19D880F-05FC-4D3B-A006-743F0F84911E")),
    (PartitionKind::BasicData, uuid!("EBD0A0A2-B9E5-4433-87C0-68B6B72699C7")),
];
