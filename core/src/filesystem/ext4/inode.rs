//! Inodes as they stand in the table.

use super::contents::INLINE_TARGET;
use super::encode::{bytes_of, high32, low16, low32, put, put16, put32};
use super::geometry::INODE_SIZE;
use super::numbering::{JOURNAL, LOST_FOUND, RESIZE};
use super::resize;
use super::volume::Volume;
use super::xattr::Attributes;
use crate::Timestamp;
use crate::scan::DeviceNumber;
use crate::tree::Object;

/// One inode of the table.
pub(super) type InodeBytes = [u8; INODE_SIZE as usize];

/// The fields of an inode that are not the same in all.
#[derive(Default)]
struct Fields {
    mode: u16,
    uid: u32,
    gid: u32,
    size: u64,
    time: Timestamp,
    links: u32,
    /// Blocks it takes, with those of pointers and attributes.
    blocks: u64,
    flags: u32,
    block: Option<[u8; 60]>,
    xattr_block: u64,
}

impl Volume {
    /// The inode of a number; zeros when it is not in use.
    pub(super) fn inode(&self, number: u32) -> InodeBytes {
        let mut bytes = [0; INODE_SIZE as usize];
        let Some(mut fields) = self.special(number).or_else(|| self.of_tree(number, &mut bytes)) else {
            return bytes;
        };
        if let Some(mapping) = self.mapping(number) {
            let arrangement = &self.arrangement;
            let (area, space) = (arrangement.areas.pointers.start, &arrangement.geometry.space);
            fields.block = Some(arrangement.pointers.root(number, mapping, area, space));
            fields.blocks += mapping.ranges.blocks() + arrangement.pointers.blocks_of(number);
            fields.flags |= if self.options.features.has_extents() { EXTENTS_FLAG } else { 0 };
        }
        self.put_fields(&fields, &mut bytes);
        if let Some(crc) = self.checksum.of_inode(number, &[&bytes]) {
            put16(&mut bytes, 0x7c, low16(u64::from(crc)));
            put16(&mut bytes, 0x82, low16(u64::from(crc >> 16)));
        }
        bytes
    }

    /// i_block of the journal, which the superblock repeats, and its size.
    pub(super) fn journal_backup(&self) -> ([u8; 60], u64) {
        let bytes = self.inode(JOURNAL);
        let mut block = [0; 60];
        block.copy_from_slice(&bytes[0x28..0x64]);
        (block, self.special(JOURNAL).map_or(0, |fields| fields.size))
    }

    /// Inodes that no tree has.
    fn special(&self, number: u32) -> Option<Fields> {
        let own = Fields { time: self.options.created, links: 1, ..Fields::default() };
        match number {
            RESIZE => {
                let geometry = &self.arrangement.geometry;
                if geometry.reserved_descriptor_blocks == 0 {
                    return None;
                }
                let dind = self.arrangement.block_at(self.arrangement.areas.resize.start);
                let mut block = [0; 60];
                put32(&mut block, 13 * 4, low32(dind));
                let (size, blocks) = (resize::INODE_LEN, resize::inode_blocks(geometry));
                Some(Fields { mode: 0o100_600, size, blocks, block: Some(block), ..own })
            }
            JOURNAL => {
                let area = &self.arrangement.areas.journal;
                let size = bytes_of(area.end - area.start);
                (size > 0).then_some(Fields { mode: 0o100_600, size, ..own })
            }
            LOST_FOUND if !self.contents.numbering.has_lost_found() => {
                let (_, blocks) = self.contents.directories.made_lost_found();
                Some(Fields { mode: 0o040_700, size: bytes_of(u64::from(blocks)), links: 2, ..own })
            }
            _ => None,
        }
    }

    /// Inodes of the tree; attributes that fit go into `bytes` at once.
    fn of_tree(&self, number: u32, bytes: &mut InodeBytes) -> Option<Fields> {
        let contents = &self.contents;
        let rank = contents.numbering.rank_of_number(number)?;
        let inode = contents.view.tree().inode(contents.numbering.inode(rank));
        let mut fields = Fields {
            uid: inode.uid,
            gid: inode.gid,
            time: inode.mtime,
            links: contents.link_count(rank, inode.links),
            flags: inode.flags,
            ..Fields::default()
        };
        let kind = match inode.object {
            Object::Directory => {
                let at = contents.directory(rank);
                fields.size = bytes_of(u64::from(contents.directories.blocks_of(at)));
                fields.links = self.directory_links(at);
                fields.flags |= if contents.directories.is_indexed(at) { INDEX_FLAG } else { 0 };
                0o040_000
            }
            Object::File { size, .. } => {
                fields.size = size;
                0o100_000
            }
            Object::Symlink(target) => {
                fields.size = target.len() as u64;
                fields.block = inline_target(target);
                0o120_000
            }
            Object::CharDevice(number) => {
                fields.block = Some(device(number));
                0o020_000
            }
            Object::BlockDevice(number) => {
                fields.block = Some(device(number));
                0o060_000
            }
            Object::Fifo => 0o010_000,
            Object::Socket => 0o140_000,
        };
        fields.mode = kind | inode.mode;
        // The survey has refused sets that ext4 cannot hold.
        if let Ok(attributes) = Attributes::new(inode.xattrs) {
            attributes.put_into_inode(&mut bytes[0xa0..]);
        }
        if let Some(block) = contents.xattr_block(rank) {
            let area = &self.arrangement.areas.xattrs;
            fields.xattr_block = self.arrangement.block_at(area.start + u64::from(block));
            fields.blocks += 1;
        }
        Some(fields)
    }

    /// Names of a directory: its own, its `.` and its subdirectories' `..`; 1 when there are too many to count.
    fn directory_links(&self, at: usize) -> u32 {
        let links = 2 + self.contents.directories.get(at).subdirectories;
        if links > self.options.features.max_links() { 1 } else { links }
    }

    fn put_fields(&self, fields: &Fields, to: &mut InodeBytes) {
        let sectors = fields.blocks * 8;
        put16(to, 0x00, fields.mode);
        put16(to, 0x02, low16(u64::from(fields.uid)));
        put32(to, 0x04, low32(fields.size));
        put16(to, 0x18, low16(u64::from(fields.gid)));
        put16(to, 0x1a, low16(u64::from(fields.links)));
        put32(to, 0x1c, low32(sectors));
        put32(to, 0x20, fields.flags);
        put(to, 0x28, &fields.block.unwrap_or([0; 60]));
        put32(to, 0x68, low32(fields.xattr_block));
        put32(to, 0x6c, high32(fields.size));
        put16(to, 0x74, low16(sectors >> 32));
        put16(to, 0x76, low16(fields.xattr_block >> 32));
        put16(to, 0x78, low16(u64::from(fields.uid >> 16)));
        put16(to, 0x7a, low16(u64::from(fields.gid >> 16)));
        put16(to, 0x80, EXTRA_SIZE);
        let (time, extra) = time(fields.time);
        for at in [0x08, 0x0c, 0x10] {
            put32(to, at, time);
        }
        for at in [0x84, 0x88, 0x8c] {
            put32(to, at, extra);
        }
        let (created, extra) = self::time(self.options.created);
        put32(to, 0x90, created);
        put32(to, 0x94, extra);
    }
}

/// Seconds, and nanoseconds with the two bits of seconds above 32.
fn time(time: Timestamp) -> (u32, u32) {
    let low = low32(time.seconds.cast_unsigned());
    let epoch = (time.seconds - i64::from(low.cast_signed())) >> 32 & 3;
    (low, time.nanos << 2 | epoch as u32)
}

/// A target short enough for i_block.
fn inline_target(target: &[u8]) -> Option<[u8; 60]> {
    (target.len() < INLINE_TARGET).then(|| {
        let mut block = [0; 60];
        put(&mut block, 0, target);
        block
    })
}

/// A device number: 8:8 bits in the first word, 12:20 in the second.
fn device(number: DeviceNumber) -> [u8; 60] {
    let DeviceNumber { major, minor } = number;
    let mut block = [0; 60];
    if major < 256 && minor < 256 {
        put32(&mut block, 0, major << 8 | minor);
    } else {
        put32(&mut block, 4, minor & 0xff | major << 8 | (minor & !0xff) << 12);
    }
    block
}

const EXTENTS_FLAG: u32 = 0x8_0000;
const INDEX_FLAG: u32 = 0x1000;
/// Bytes of fields after the first 128.
const EXTRA_SIZE: u16 = 32;

#[cfg(test)]
mod tests {
    use super::super::options::Ext4Features;
    use super::super::tests::volume;
    use super::*;

    #[test]
    fn times_keep_their_epoch() {
        let at = |seconds, nanos| time(Timestamp { seconds, nanos });
        assert_eq!(at(-1, 999_999_999), (0xffff_ffff, 999_999_999 << 2));
        assert_eq!(at(-(1 << 31), 0), (0x8000_0000, 0));
        assert_eq!(at(1 << 31, 1), (0x8000_0000, 4 | 1));
        assert_eq!(at(1 << 32, 0), (0, 1));
        assert_eq!(at((1 << 34) - (1 << 31) - 1, 0), (0x7fff_ffff, 3));
    }

    #[test]
    fn device_numbers_beyond_8_bits_use_the_second_word() {
        let words = |major, minor| {
            let block = device(DeviceNumber { major, minor });
            let word = |at: usize| u32::from_le_bytes(block[at..at + 4].try_into().unwrap());
            (word(0), word(4))
        };
        assert_eq!(words(8, 1), (0x801, 0));
        assert_eq!(words(259, 70_000), (0, 0x1111_0370));
        // The last that fit, and the first of each that do not.
        assert_eq!(words(255, 255), (0xffff, 0));
        assert_eq!(words(256, 1), (0, 0x1_0001));
        assert_eq!(words(1, 256), (0, 0x10_0100));
    }

    #[test]
    fn sectors_beyond_32_bits_stand_in_the_high_half() {
        let volume = volume(Ext4Features::Modern, 16_384, Vec::new());
        let mut bytes = [0; INODE_SIZE as usize];
        // 10 TiB and a block: 5 times 2^32 sectors of 512 bytes, and 8 more.
        volume.put_fields(&Fields { blocks: (5 << 29) + 1, ..Fields::default() }, &mut bytes);
        assert_eq!((&bytes[0x1c..0x20], &bytes[0x74..0x76]), (&[8, 0, 0, 0][..], &[5, 0][..]));
    }
}
