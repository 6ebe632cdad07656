//! The superblock.

use diskwright_core::Result;

use super::checksum::{crc32c, seed_of};
use super::{BLOCK, GROUP_BLOCKS};
use crate::bytes::{array, first_difference, hex, len64, put, u16_le, u32_le};
use crate::disk::{Disk, read};
use crate::finding::Findings;
use crate::report::FileSystemRecord;

/// What a volume says of itself.
#[derive(Clone, Debug)]
pub(super) struct Superblock {
    pub(super) bytes: Vec<u8>,
    pub(super) blocks: u64,
    pub(super) inodes: u64,
    pub(super) inodes_per_group: u64,
    pub(super) groups: u64,
    pub(super) descriptor_len: u64,
    pub(super) reserved_descriptor_blocks: u64,
    pub(super) free_blocks: u64,
    pub(super) free_inodes: u64,
    pub(super) flavour: Flavour,
    pub(super) has_journal: bool,
    pub(super) uuid: [u8; 16],
    /// CRC-32C of the UUID with metadata_csum.
    pub(super) seed: Option<u32>,
    pub(super) hash_seed: [u8; 16],
}

/// The sets of features that are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flavour {
    /// ext4 with metadata_csum and 64bit.
    Modern,
    /// ext4 with uninit_bg.
    Legacy,
    /// ext2 and ext3.
    Classic,
}

impl Flavour {
    /// The flavour of these features: incompatible, read-only compatible.
    fn of(incompat: u32, ro_compat: u32) -> Option<Self> {
        match (incompat, ro_compat) {
            (0x2c2, 0x46b) => Some(Self::Modern),
            (0x242, 0x7b) => Some(Self::Legacy),
            (0x2, 0x3) => Some(Self::Classic),
            _ => None,
        }
    }
}

impl Superblock {
    /// The primary superblock; `None`, with a finding, when nothing behind it can be understood.
    ///
    /// # Errors
    /// `ErrorKind::Source` when the disk cannot be read.
    ///
    /// # Reference
    /// "ext4 Data Structures and Algorithms", Super Block.
    pub(super) fn read(
        disk: &dyn Disk,
        start: u64,
        size: u64,
        record: &FileSystemRecord,
        timestamp: i64,
        findings: &mut Findings,
    ) -> Result<Option<Self>> {
        let at = start.saturating_add(OFFSET);
        let bytes = read(disk, at, LEN)?;
        let mut bad = |field: &str, expected: &str, found: u32| {
            findings.add(
                "ext4-superblock",
                STRUCTURE,
                Some(at),
                format!("{field} {expected}"),
                format!("{field} {found:#x}"),
            );
        };
        if u16_le(&bytes, 0x38) != 0xef53 {
            bad("s_magic", "0xef53", u32::from(u16_le(&bytes, 0x38)));
            return Ok(None);
        }
        let compat = u32_le(&bytes, 0x5c);
        let Some(flavour) = Flavour::of(u32_le(&bytes, 0x60), u32_le(&bytes, 0x64)) else {
            bad("features", "that Diskwright writes", u32_le(&bytes, 0x60));
            return Ok(None);
        };
        if compat & !0x3c != 0 || compat & 0x28 != 0x28 {
            bad("s_feature_compat", "0x28, with 0x4 and 0x10 as it may be", compat);
        }
        let high =
            |at: usize| if flavour == Flavour::Modern { u64::from(u32_le(&bytes, at)) << 32 } else { 0 };
        let blocks = u64::from(u32_le(&bytes, 0x04)) | high(0x150);
        let uuid: [u8; 16] = array(&bytes, 0x68);
        let groups = blocks.div_ceil(GROUP_BLOCKS);
        let superblock = Self {
            blocks,
            inodes: u64::from(u32_le(&bytes, 0x00)),
            inodes_per_group: u64::from(u32_le(&bytes, 0x28)),
            groups,
            descriptor_len: if flavour == Flavour::Modern { 64 } else { 32 },
            reserved_descriptor_blocks: if compat & 0x10 == 0 { 0 } else { u64::from(u16_le(&bytes, 0xce)) },
            free_blocks: u64::from(u32_le(&bytes, 0x0c)) | high(0x158),
            free_inodes: u64::from(u32_le(&bytes, 0x10)),
            flavour,
            has_journal: compat & 0x4 != 0,
            uuid,
            seed: (flavour == Flavour::Modern).then(|| seed_of(&uuid)),
            hash_seed: array(&bytes, 0xec),
            bytes,
        };
        let is_whole = superblock.check_geometry(at, size, findings);
        superblock.check_identity(at, record, findings);
        superblock.check_bytes(at, timestamp, findings);
        Ok(is_whole.then_some(superblock))
    }

    /// Blocks of all group descriptors.
    pub(super) fn descriptor_blocks(&self) -> u64 {
        self.groups.saturating_mul(self.descriptor_len).div_ceil(BLOCK)
    }

    /// Blocks of a group.
    pub(super) fn group_blocks(&self, group: u64) -> u64 {
        self.blocks.saturating_sub(group.saturating_mul(GROUP_BLOCKS)).min(GROUP_BLOCKS)
    }

    /// Blocks that a copy of superblock and descriptors, with their reserve, takes at a group's start.
    pub(super) fn copy_blocks(&self, group: u64) -> u64 {
        let copy =
            1_u64.saturating_add(self.descriptor_blocks()).saturating_add(self.reserved_descriptor_blocks);
        if has_copy(group) { copy } else { 0 }
    }

    fn check_geometry(&self, at: u64, size: u64, findings: &mut Findings) -> bool {
        let f = findings;
        let before = f.count();
        let most = size / BLOCK;
        if self.blocks == 0 || self.blocks > most {
            let found = format!("{} blocks", self.blocks);
            f.add("ext4-superblock", STRUCTURE, Some(at), format!("1 to {most} blocks"), found);
        }
        let each = self.inodes_per_group;
        if each == 0 || !each.is_multiple_of(16) || each > 8 * BLOCK {
            let found = format!("{each} inodes a group");
            f.add("ext4-superblock", STRUCTURE, Some(at), "whole blocks of inodes, at most 32768", found);
        }
        let inodes = each.saturating_mul(self.groups);
        f.equal("ext4-superblock", STRUCTURE, at, ("s_inodes_count", self.inodes, inodes));
        if self.reserved_descriptor_blocks > 1024 {
            let found = self.reserved_descriptor_blocks.to_string();
            f.add(
                "ext4-superblock",
                STRUCTURE,
                Some(at),
                "at most 1024 blocks for descriptors to come",
                found,
            );
        }
        f.count() == before
    }

    fn check_identity(&self, at: u64, record: &FileSystemRecord, findings: &mut Findings) {
        let uuid = uuid::Uuid::from_bytes(self.uuid).hyphenated().to_string();
        findings.equal("ext4-superblock", STRUCTURE, at, ("s_uuid", uuid, record.uuid.to_lowercase()));
        if let Some(wanted) = &record.hash_seed {
            let seed = uuid::Uuid::from_bytes(self.hash_seed).hyphenated().to_string();
            findings.equal("ext4-superblock", STRUCTURE, at, ("s_hash_seed", seed, wanted.to_lowercase()));
        }
        let mut label = record.label.clone().into_bytes();
        label.resize(16, 0);
        let found: [u8; 16] = array(&self.bytes, 0x78);
        if found[..] != label[..] {
            let name = |bytes: &[u8]| {
                format!("s_volume_name {:?}", String::from_utf8_lossy(bytes).trim_end_matches('\0'))
            };
            findings.add("ext4-superblock", STRUCTURE, Some(at), name(&label), name(&found));
        }
    }

    /// Everything that is always the same, or follows from something else.
    fn check_bytes(&self, at: u64, timestamp: i64, findings: &mut Findings) {
        let bytes = &self.bytes;
        let mut expected = vec![0; LEN];
        let to = &mut expected;
        // Checked elsewhere: counts, features, identifiers, the journal's place, the reserve, the checksum.
        let elsewhere = [(0x00, 8), (0x0c, 8), (0x28, 4), (0x5c, 12), (0x68, 32), (0xec, 16)];
        for (field, len) in elsewhere {
            put(to, field, bytes.get(field..field.saturating_add(len)).unwrap_or_default());
        }
        if self.flavour == Flavour::Modern {
            put(to, 0x3fc, &bytes[0x3fc..]);
            put(to, 0x150, &bytes[0x150..0x154]);
            put(to, 0x158, &bytes[0x158..0x15c]);
            put(to, 0xfe, &64_u16.to_le_bytes());
            put(to, 0x175, &[1]);
        }
        // s_r_blocks_count: 5 %, at most 1 GiB.
        put(to, 0x08, &array::<4>(&(self.blocks / 20).min(262_144).to_le_bytes(), 0));
        let words: [(usize, u32); 9] = [
            (0x18, 2),
            (0x1c, 2),
            (0x20, 32_768),
            (0x24, 32_768),
            (0x4c, 1),
            (0x54, 11),
            (0x100, 0x0c),
            (0x160, 1),
            (0xce, u32::from(u16_le(bytes, 0xce))),
        ];
        for (field, word) in words {
            put(to, field, &word.to_le_bytes());
        }
        put(to, 0x36, &[0xff, 0xff, 0x53, 0xef, 1, 0, 1, 0]);
        put(to, 0x58, &256_u16.to_le_bytes());
        put(to, 0x15c, &[32, 0, 32, 0]);
        put(to, 0xfc, &[1]);
        put(to, 0x174, &[if self.flavour == Flavour::Classic { 0 } else { 4 }]);
        let seconds = timestamp.to_le_bytes();
        for (low, high) in [(0x30, 0x274), (0x40, 0x277), (0x108, 0x276)] {
            put(to, low, &seconds[..4]);
            put(to, high, &seconds[4..5]);
        }
        if self.has_journal {
            put(to, 0xe0, &8_u32.to_le_bytes());
            put(to, 0xfd, &[1]);
            // The copy of the journal's inode, which the walk compares.
            put(to, 0x10c, &bytes[0x10c..0x150]);
        }
        if let Some(wrong) = first_difference(bytes, to) {
            let around = wrong..wrong.saturating_add(4).min(LEN);
            let place = at.saturating_add(len64(wrong));
            let shown =
                |of: &[u8]| format!("{} at {wrong:#x}", hex(of.get(around.clone()).unwrap_or_default()));
            findings.add("ext4-superblock", STRUCTURE, Some(place), shown(to), shown(bytes));
        }
        if self.seed.is_some() {
            let crc = crc32c(!0, &bytes[..0x3fc]);
            findings.equal("ext4-checksum", STRUCTURE, at, ("s_checksum", u32_le(bytes, 0x3fc), crc));
        }
    }

    /// What a copy in another group should be.
    pub(super) fn copy(&self, group: u64) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        put(&mut bytes, 0x5a, &array::<2>(&group.to_le_bytes(), 0));
        if self.seed.is_some() {
            let crc = crc32c(!0, &bytes[..0x3fc]);
            put(&mut bytes, 0x3fc, &crc.to_le_bytes());
        }
        bytes
    }
}

/// Groups 0 and 1 and the powers of 3, 5 and 7 (sparse_super).
pub(super) fn has_copy(group: u64) -> bool {
    group <= 1
        || [3_u64, 5, 7].iter().any(|base| {
            let mut power = *base;
            while power < group {
                power = power.saturating_mul(*base);
            }
            power == group
        })
}

/// Where the superblock starts in the volume.
pub(super) const OFFSET: u64 = 1024;
pub(super) const LEN: usize = 1024;
pub(super) const STRUCTURE: &str = "ext4 superblock";
