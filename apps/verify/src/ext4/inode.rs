//! Inodes of the tables.

use diskwright_core::Result;

use super::superblock::Flavour;
use super::{INODE, Volume};
use crate::bytes::{array, first_nonzero, hex, u16_le, u32_le};
use crate::expect::ActualKind;
use crate::finding::Findings;

/// An inode, its fields read.
#[derive(Clone, Debug)]
pub(super) struct Inode {
    pub(super) number: u32,
    pub(super) bytes: Vec<u8>,
    pub(super) format: u16,
    pub(super) mode: u16,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) size: u64,
    pub(super) mtime: (i64, u32),
    pub(super) links: u32,
    /// i_blocks as blocks of the volume.
    pub(super) blocks: u64,
    pub(super) flags: u32,
    pub(super) xattr_block: u64,
}

impl Inode {
    pub(super) fn is_directory(&self) -> bool {
        self.format == 0x4000
    }

    /// Whether it is root's and has no attributes.
    pub(super) fn is_plain(&self) -> bool {
        let area = self.bytes.get(0xa0..).unwrap_or_default();
        (self.uid, self.gid, self.xattr_block) == (0, 0, 0) && first_nonzero(area).is_none()
    }

    /// Whether extents or a block map lead to content.
    pub(super) fn has_blocks(&self) -> bool {
        match self.format {
            0x4000 | 0x8000 => true,
            0xa000 => self.size >= 60,
            _ => false,
        }
    }

    /// The file type in a directory entry.
    pub(super) fn entry_type(&self) -> u8 {
        match self.format {
            0x8000 => 1,
            0x4000 => 2,
            0x2000 => 3,
            0x6000 => 4,
            0x1000 => 5,
            0xc000 => 6,
            0xa000 => 7,
            _ => 0,
        }
    }

    /// What it is; `target` is a link's that stands in a block. `None` for no type that there is.
    pub(super) fn kind(&self, target: Option<Vec<u8>>) -> Option<ActualKind> {
        Some(match self.format {
            0x8000 => ActualKind::File { size: self.size },
            0x4000 => ActualKind::Directory,
            0x2000 => ActualKind::CharDevice(self.device()),
            0x6000 => ActualKind::BlockDevice(self.device()),
            0x1000 => ActualKind::Fifo,
            0xc000 => ActualKind::Socket,
            0xa000 => ActualKind::Symlink(target.unwrap_or_else(|| self.inline_target())),
            _ => return None,
        })
    }

    fn inline_target(&self) -> Vec<u8> {
        let block: [u8; 60] = array(&self.bytes, 0x28);
        let len = usize::try_from(self.size).unwrap_or(60).min(60);
        block.get(..len).unwrap_or_default().to_vec()
    }

    fn has_old_device(&self) -> bool {
        u32_le(&self.bytes, 0x28) != 0
    }

    /// Old form (8:8) in the first word, new form (12:20) in the second.
    fn device(&self) -> (u32, u32) {
        let (old, new) = (u32_le(&self.bytes, 0x28), u32_le(&self.bytes, 0x2c));
        if old != 0 {
            (old >> 8 & 0xff, old & 0xff)
        } else {
            (new >> 8 & 0xfff, new & 0xff | new >> 12 & 0xfff00)
        }
    }

    /// Bytes of i_block that its type uses.
    fn used_of_block(&self) -> usize {
        match self.format {
            0xa000 if self.size < 60 => usize::try_from(self.size).unwrap_or(60),
            // One of the two words, the other is zero; of the old form only 16 bits.
            0x2000 | 0x6000 if self.has_old_device() => 2,
            0x2000 | 0x6000 => 8,
            0x1000 | 0xc000 => 0,
            _ => 60,
        }
    }
}

impl Volume<'_> {
    /// Reads an inode that something names, and checks what is in itself.
    ///
    /// # Reference
    /// "ext4 Data Structures and Algorithms", Index Nodes.
    pub(super) fn inode(&mut self, number: u32, findings: &mut Findings) -> Result<Option<Inode>> {
        let Some(at) = self.inode_offset(number)? else {
            let most = self.superblock.inodes;
            findings.add(
                "ext4-inode",
                "directory entry",
                None,
                format!("an inode from 1 to {most}"),
                format!("inode {number}"),
            );
            return Ok(None);
        };
        let bytes = crate::disk::read(self.disk, at, INODE)?;
        let high16 =
            |low: usize, high: usize| u32::from(u16_le(&bytes, low)) | u32::from(u16_le(&bytes, high)) << 16;
        let mode = u16_le(&bytes, 0);
        let sectors = u64::from(u32_le(&bytes, 0x1c)) | u64::from(u16_le(&bytes, 0x74)) << 32;
        let inode = Inode {
            number,
            format: mode & 0xf000,
            mode: mode & 0xfff,
            uid: high16(0x02, 0x78),
            gid: high16(0x18, 0x7a),
            size: u64::from(u32_le(&bytes, 0x04)) | u64::from(u32_le(&bytes, 0x6c)) << 32,
            mtime: time(u32_le(&bytes, 0x10), u32_le(&bytes, 0x88)),
            links: u32::from(u16_le(&bytes, 0x1a)),
            blocks: sectors / 8,
            flags: u32_le(&bytes, 0x20),
            xattr_block: u64::from(u32_le(&bytes, 0x68)) | u64::from(u16_le(&bytes, 0x76)) << 32,
            bytes,
        };
        self.check_inode(&inode, at, findings);
        if sectors % 8 != 0 {
            findings.add(
                "ext4-inode",
                structure(number),
                Some(at),
                "whole blocks",
                format!("{sectors} sectors"),
            );
        }
        Ok(Some(inode))
    }

    fn check_inode(&self, inode: &Inode, at: u64, findings: &mut Findings) {
        let bytes = &inode.bytes;
        let name = structure(inode.number);
        let part = |from: usize, len: usize| bytes.get(from..from + len).unwrap_or_default();
        let crc = self.superblock.inode_crc(
            inode.number,
            &[part(0, 0x7c), &[0; 2], part(0x7e, 4), &[0; 2], part(0x84, INODE - 0x84)],
        );
        let stored = u32::from(u16_le(bytes, 0x7c)) | u32::from(u16_le(bytes, 0x82)) << 16;
        findings.equal("ext4-checksum", &name, at, ("i_checksum", stored, crc.unwrap_or(0)));
        // i_dtime, i_osd1, i_generation, i_obso_faddr, i_reserved, i_version_hi and i_projid; what a type leaves of i_block.
        let used = inode.used_of_block();
        let zeros =
            [(0x14, 4), (0x24, 4), (0x64, 4), (0x70, 4), (0x7e, 2), (0x98, 8), (0x28 + used, 60 - used)];
        for (from, len) in zeros {
            if first_nonzero(part(from, len)).is_some() {
                findings.add(
                    "ext4-inode",
                    &*name,
                    Some(at),
                    format!("zeros at {from:#x}"),
                    hex(part(from, len)),
                );
            }
        }
        findings.equal("ext4-inode", &name, at, ("i_extra_isize", u16_le(bytes, 0x80), 32));
        let is_special = matches!(inode.number, 7 | 8);
        for (field, low, high) in [("atime", 0x08, 0x8c), ("ctime", 0x0c, 0x84)] {
            let found = time(u32_le(bytes, low), u32_le(bytes, high));
            if found != inode.mtime {
                let shown = |(seconds, nanos)| format!("{field} {seconds}.{nanos:09}");
                findings.add("ext4-inode", &*name, Some(at), shown(inode.mtime), shown(found));
            }
        }
        let created = time(u32_le(bytes, 0x90), u32_le(bytes, 0x94));
        findings.equal("ext4-inode", &name, at, ("crtime", created.0, self.timestamp));
        findings.equal("ext4-inode", &name, at, ("crtime nanoseconds", created.1, 0));
        if is_special {
            findings.equal("ext4-inode", &name, at, ("mtime", inode.mtime.0, self.timestamp));
        }
        let extents =
            u32::from(inode.has_blocks() && self.superblock.flavour != Flavour::Classic && inode.number != 7);
        findings.equal("ext4-inode", &name, at, ("extents flag", inode.flags >> 19 & 1, extents));
        let others = inode.flags & !(EXTENTS | INDEX | KEPT);
        findings.equal("ext4-inode", &name, at, ("other flags", others, 0));
    }
}

/// Seconds and nanoseconds of a time and its extra field, whose two lowest bits are seconds above 2³².
fn time(low: u32, extra: u32) -> (i64, u32) {
    (i64::from(low.cast_signed()).saturating_add(i64::from(extra & 3) << 32), extra >> 2)
}

pub(super) fn structure(number: u32) -> String {
    format!("inode {number}")
}

/// EXT4_EXTENTS_FL.
const EXTENTS: u32 = 0x8_0000;
/// EXT4_INDEX_FL.
pub(super) const INDEX: u32 = 0x1000;
/// Immutable, append only, no dump.
pub(super) const KEPT: u32 = 0x70;
