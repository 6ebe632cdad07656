//! A dynamic image: header, table of blocks, and each block's bitmap.

use diskwright_core::{ReadAt, Result};

use crate::bytes::{be32, be64, each_entry, read, read_up_to, slice};
use crate::report::{Findings, Location};
use crate::rules::vhd as rules;

use super::footer::{Footer, VERSION};
use super::{FOOTER_BYTES, SECTOR, checksum};

/// Checks everything but the footer, which stands at `at`.
pub(super) fn check(source: &dyn ReadAt, footer: &Footer, at: u64, f: &mut Findings) -> Result<()> {
    let start = footer.data_offset;
    if start < FOOTER_BYTES || !start.is_multiple_of(SECTOR) || start >= source.size() {
        f.add(&rules::DATA_OFFSET, Location::Offset(at + 16), format!("the data offset is {start:#x}"));
        return Ok(());
    }
    let Some(bytes) = read(source, start, HEADER)? else {
        f.add(&rules::TRUNCATED, Location::Offset(start), "the file ends within its header");
        return Ok(());
    };
    let Some(blocks) = Blocks::parse(&bytes, start, footer, f) else { return Ok(()) };
    let Some(stored) = blocks.read_table(source, f)? else { return Ok(()) };
    blocks.check_overlaps(&stored, f);
    blocks.check_bitmaps(source, &stored, f)?;
    check_boot(source, &blocks, f)
}

/// What the header says of the blocks.
///
/// # Reference
/// VHD specification 1.0, "Dynamic Disk Header Format".
struct Blocks {
    /// Where the header stands.
    header: u64,
    /// Where the table stands.
    table: u64,
    /// Entries of the table that the disk needs.
    count: u64,
    /// Bytes of a block.
    len: u64,
    /// Bytes of the bitmap before each.
    bitmap: u64,
    /// Bytes of the disk.
    size: u64,
}

/// A stored block: the sector of its bitmap, and the entry that names it.
type Stored = (u32, u32);

impl Blocks {
    /// Reads and checks the header, which stands at `at`; nothing if blocks cannot be looked for.
    fn parse(bytes: &[u8], at: u64, footer: &Footer, f: &mut Findings) -> Option<Self> {
        let place = |field: u64| Location::Offset(at + field);
        if slice(bytes, 0, 8) != b"cxsparse" || be32(bytes, 24) != VERSION {
            let text =
                format!("the header begins with {:02x?}, version {:#x}", slice(bytes, 0, 8), be32(bytes, 24));
            f.add(&rules::HEADER, place(0), text);
            return None;
        }
        let (stored, computed) = (be32(bytes, 36), checksum(bytes, 36));
        if stored != computed {
            let text = format!("the header's checksum is {stored:#010x}, that of its bytes {computed:#010x}");
            f.add(&rules::HEADER_CHECKSUM, place(36), text);
        }
        // The parent's id, time, name and locators.
        if bytes.get(40..768).unwrap_or_default().iter().any(|byte| *byte != 0) {
            f.add(&rules::PARENT, place(40), "the header names a parent");
        }
        let len = be32(bytes, 32);
        if !len.is_power_of_two() || len < 4096 {
            f.add(&rules::BLOCK_SIZE, place(32), format!("a block has {len} bytes"));
            return None;
        }
        let len = u64::from(len);
        let blocks = Self {
            header: at,
            table: be64(bytes, 16),
            count: footer.size.div_ceil(len),
            len,
            bitmap: (len / SECTOR / 8).next_multiple_of(SECTOR),
            size: footer.size,
        };
        let entries = u64::from(be32(bytes, 28));
        if entries < blocks.count {
            let text = format!("the table has {entries} entries for {} blocks", blocks.count);
            f.add(&rules::BLOCK_TABLE, place(28), text);
            return None;
        }
        Some(blocks)
    }

    /// The stored blocks in the order of the file; nothing if there is no table.
    fn read_table(&self, source: &dyn ReadAt, f: &mut Findings) -> Result<Option<Vec<Stored>>> {
        let place = Location::Offset(self.header + 16);
        let Some(end) = self.count.checked_mul(4).and_then(|len| len.checked_add(self.table)) else {
            f.add(&rules::BLOCK_TABLE, place, format!("the table of blocks begins at {:#x}", self.table));
            return Ok(None);
        };
        let header_end = self.header + HEADER_BYTES;
        let is_over_header = self.table < header_end && end > self.header;
        if self.table < FOOTER_BYTES || !self.table.is_multiple_of(SECTOR) || is_over_header {
            f.add(&rules::BLOCK_TABLE, place, format!("the table of blocks begins at {:#x}", self.table));
            return Ok(None);
        }
        if end > source.size().saturating_sub(FOOTER_BYTES) {
            f.add(&rules::TRUNCATED, place, "the file ends within its table of blocks");
            return Ok(None);
        }
        let mut stored = Vec::new();
        let mut index = 0_u32;
        each_entry(source, self.table, end, |at, bytes| {
            let sector = u32::from_be_bytes(bytes);
            let is_sound = sector != ABSENT && self.is_inside(sector, at, end, source.size(), f);
            if is_sound && stored.len() < MAX_STORED {
                stored.push((sector, index));
            }
            index = index.saturating_add(1);
            Ok(())
        })?;
        stored.sort_unstable();
        Ok(Some(stored))
    }

    /// Whether the block at `sector`, which the entry at `at` names, stands where blocks may; the table ends at `end`.
    fn is_inside(&self, sector: u32, at: u64, end: u64, size: u64, f: &mut Findings) -> bool {
        let start = u64::from(sector) * SECTOR;
        let block_end = start + self.bitmap + self.len;
        let is_apart = |from: u64, to: u64| block_end <= from || start >= to;
        let is_inside = start >= FOOTER_BYTES
            && block_end <= size.saturating_sub(FOOTER_BYTES)
            && is_apart(self.header, self.header + HEADER_BYTES)
            && is_apart(self.table, end);
        if !is_inside {
            let text = format!("a block at {start:#x} lies outside of the file or over its tables");
            f.add(&rules::BLOCK_RANGE, Location::Offset(at), text);
        }
        is_inside
    }

    fn place(&self, index: u32) -> Location {
        Location::Offset(self.table + u64::from(index) * 4)
    }

    fn check_overlaps(&self, stored: &[Stored], f: &mut Findings) {
        let sectors = (self.bitmap + self.len) / SECTOR;
        for pair in stored.windows(2) {
            if let [(first, one), (second, other)] = pair
                && u64::from(second - first) < sectors
            {
                let (start, index) = (u64::from(*second) * SECTOR, one.max(other));
                let text = format!("block {index}, at {start:#x}, lies over block {}", one.min(other));
                f.add(&rules::BLOCK_OVERLAP, self.place(*index), text);
            }
        }
    }

    /// Looks for sectors that bitmaps leave out, in blocks that lie over none before them: so no place of the file is
    /// read for every entry that names it.
    fn check_bitmaps(&self, source: &dyn ReadAt, stored: &[Stored], f: &mut Findings) -> Result<()> {
        let mut last_end = 0;
        for (sector, index) in stored {
            let start = u64::from(*sector) * SECTOR;
            let is_apart = start >= last_end;
            last_end = start + self.bitmap + self.len;
            if !is_apart {
                continue;
            }
            let before = u64::from(*index) * self.len;
            // Bits of sectors behind the end of the disk say nothing.
            let sectors = self.size.saturating_sub(before).min(self.len) / SECTOR;
            let bits = usize::try_from(sectors.div_ceil(8)).unwrap_or(usize::MAX);
            let mut done = 0;
            while done < bits {
                let piece = (bits - done).min(BITMAP_PIECE);
                let bitmap = read_up_to(source, start + done as u64, piece)?;
                if let Some(at) = self.first_lost(source, start, done as u64, &bitmap, sectors)? {
                    let text = format!("the bitmap at {start:#x} leaves out a sector that is not zero");
                    f.add(&rules::BITMAP, Location::Offset(at), text);
                    break;
                }
                done += piece;
            }
        }
        Ok(())
    }

    /// Where the first sector stands that holds something and whose bit is not set, among those of a part of the
    /// bitmap.
    fn first_lost(
        &self,
        source: &dyn ReadAt,
        start: u64,
        done: u64,
        bitmap: &[u8],
        sectors: u64,
    ) -> Result<Option<u64>> {
        let mut runs = Runs { bitmap, at: 0 };
        while let Some((first, count)) = runs.next_unset() {
            let first = done * 8 + first;
            let count = count.min(sectors.saturating_sub(first));
            let at = start + self.bitmap + first * SECTOR;
            let data = read_up_to(source, at, usize::try_from(count * SECTOR).unwrap_or(0))?;
            if let Some(byte) = data.iter().position(|byte| *byte != 0) {
                return Ok(Some(at + byte as u64 / SECTOR * SECTOR));
            }
        }
        Ok(None)
    }
}

/// The bits of a part of a bitmap, from the first on.
struct Runs<'a> {
    bitmap: &'a [u8],
    at: u64,
}

impl Runs<'_> {
    /// The next bits in a row that are not set, as many as may be read at once: their first and their number.
    fn next_unset(&mut self) -> Option<(u64, u64)> {
        while self.is_set(self.at)? {
            let is_whole = self.at.is_multiple_of(8) && self.byte(self.at) == Some(0xff);
            self.at += if is_whole { 8 } else { 1 };
        }
        let first = self.at;
        while self.at - first < RUN && self.is_set(self.at) == Some(false) {
            self.at += 1;
        }
        Some((first, self.at - first))
    }

    fn byte(&self, bit: u64) -> Option<u8> {
        self.bitmap.get(usize::try_from(bit / 8).ok()?).copied()
    }

    /// Nothing behind the last bit.
    fn is_set(&self, bit: u64) -> Option<bool> {
        Some(self.byte(bit)? & (0x80 >> (bit % 8)) != 0)
    }
}

/// A disk with a partition table of which nothing can be started by BIOS.
fn check_boot(source: &dyn ReadAt, blocks: &Blocks, f: &mut Findings) -> Result<()> {
    let sector = read(source, blocks.table, 4)?.map_or(ABSENT, |entry| be32(&entry, 0));
    if sector == ABSENT || blocks.count == 0 {
        return Ok(());
    }
    let at = u64::from(sector) * SECTOR + blocks.bitmap;
    let Some(boot) = read(source, at, 512)? else { return Ok(()) };
    let has_table = slice(&boot, 510, 2) == [0x55, 0xaa];
    // Of a disk with GPT the first partition is protective, of one for UEFI it may be that of its loaders.
    let is_for_uefi = boot.get(450).is_some_and(|kind| matches!(kind, 0xee | 0xef));
    if has_table && is_for_uefi && slice(&boot, 0, 440).iter().all(|byte| *byte == 0) {
        f.add(&rules::GENERATION, Location::Offset(at), "the first sector has no boot code");
    }
    Ok(())
}

const HEADER: usize = 1024;
const HEADER_BYTES: u64 = 1024;
const ABSENT: u32 = u32::MAX;
const BITMAP_PIECE: usize = 4096;
/// Sectors of data that are read at once: 64 KiB.
const RUN: u64 = 128;
/// As many blocks of 512 KiB has the largest disk; of more, which are smaller ones, the rest is not compared.
const MAX_STORED: usize = 4 << 20;
