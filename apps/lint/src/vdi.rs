//! VDI: VirtualBox's own disk image.

use diskwright_core::{ReadAt, Result};

use crate::bytes::{NumberSet, each_entry, le32, le64, read, slice};
use crate::report::{Findings, Location};
use crate::rules::vdi as rules;
use crate::uuid::from_bytes;
use crate::vmdk::DiskFacts;

/// Whether the bytes at the start are those of a VDI: its signature, or the text before it.
pub(crate) fn is_vdi(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(slice(head, 0, 64));
    le32(head, 0x40) == SIGNATURE || (text.starts_with("<<< ") && text.contains("VirtualBox Disk Image"))
}

/// Checks the image.
pub(crate) fn check(source: &dyn ReadAt, f: &mut Findings) -> Result<DiskFacts> {
    let Some(header) = read(source, 0, HEADER)? else {
        f.add(&rules::TRUNCATED, Location::Offset(source.size()), "the file ends within its header");
        return Ok(DiskFacts::default());
    };
    let image = Image::parse(&header);
    image.check_header(&header, f);
    image.check_sizes(f);
    image.check_map(source, f)?;
    Ok(DiskFacts {
        capacity: Some(image.size),
        uuid: from_bytes(slice(&header, 0x188, 16)),
        is_stream: false,
    })
}

/// What the header says.
///
/// # Reference
/// VirtualBox `VDICore.h`, `VDIHEADER1PLUS`.
struct Image {
    header_size: u32,
    kind: u32,
    map: u64,
    data: u64,
    size: u64,
    block: u64,
    extra: u64,
    blocks: u32,
    allocated: u32,
}

impl Image {
    fn parse(header: &[u8]) -> Self {
        Self {
            header_size: le32(header, 0x48),
            kind: le32(header, 0x4c),
            map: u64::from(le32(header, 0x154)),
            data: u64::from(le32(header, 0x158)),
            size: le64(header, 0x170),
            block: u64::from(le32(header, 0x178)),
            extra: u64::from(le32(header, 0x17c)),
            blocks: le32(header, 0x180),
            allocated: le32(header, 0x184),
        }
    }

    fn check_header(&self, header: &[u8], f: &mut Findings) {
        let mut number = |rule, at: u8, what: &str, is_right: fn(u32) -> bool| {
            let value = le32(header, usize::from(at));
            if !is_right(value) {
                f.add(rule, Location::Offset(u64::from(at)), format!("the {what} is {value:#x}"));
            }
        };
        number(&rules::SIGNATURE, 0x40, "signature", |value| value == SIGNATURE);
        number(&rules::VERSION, 0x44, "version", |value| value == 0x0001_0001);
        number(&rules::KIND, 0x4c, "type", |value| matches!(value, 1 | 2));
        number(&rules::FLAGS, 0x50, "flags field", |value| value <= 1);
        if self.header_size < 384 || u64::from(self.header_size) + 0x48 > self.map {
            let text = format!("the header has {} bytes", self.header_size);
            f.add(&rules::HEADER_SIZE, Location::Offset(0x48), text);
        }
        let has_geometry = self.header_size >= 400;
        for (at, is_there) in [(0x168_u16, true), (0x1d4, has_geometry)] {
            let value = le32(header, usize::from(at));
            if is_there && value != 512 {
                let text = format!("the sector size is {value}");
                f.add(&rules::SECTOR_SIZE, Location::Offset(u64::from(at)), text);
            }
        }
        let is_zero = |at| slice(header, at, 16).iter().all(|byte| *byte == 0);
        for (at, what) in [(0x188_u16, "image"), (0x198, "last change")] {
            if is_zero(usize::from(at)) {
                let text = format!("the UUID of the {what} is zero");
                f.add(&rules::UUID, Location::Offset(u64::from(at)), text);
            }
        }
        if !is_zero(0x1a8) || !is_zero(0x1b8) {
            f.add(&rules::PARENT, Location::Offset(0x1a8), "the image names a parent");
        }
    }

    fn check_sizes(&self, f: &mut Findings) {
        if self.size == 0 || !self.size.is_multiple_of(512) {
            f.add(&rules::DISK_SIZE, Location::Offset(0x170), format!("the disk has {} bytes", self.size));
        }
        if self.block != BLOCK || self.extra != 0 {
            let text = format!("a block has {} and {} bytes", self.block, self.extra);
            f.add(&rules::BLOCK_SIZE, Location::Offset(0x178), text);
        }
        if self.block != 0 && u64::from(self.blocks) != self.size.div_ceil(self.block) {
            let text = format!("there are {} blocks for {} bytes", self.blocks, self.size);
            f.add(&rules::BLOCK_COUNT, Location::Offset(0x180), text);
        }
        if self.map < 456 || !self.map.is_multiple_of(512) {
            let text = format!("the block map begins at {:#x}", self.map);
            f.add(&rules::MAP_OFFSET, Location::Offset(0x154), text);
        }
        if self.data < self.map + u64::from(self.blocks) * 4 || !self.data.is_multiple_of(512) {
            let text = format!("the blocks begin at {:#x}", self.data);
            f.add(&rules::DATA_OFFSET, Location::Offset(0x158), text);
        }
    }

    fn check_map(&self, source: &dyn ReadAt, f: &mut Findings) -> Result<()> {
        let end = self.map + u64::from(self.blocks) * 4;
        if end > source.size() {
            f.add(&rules::TRUNCATED, Location::Offset(self.map), "the file ends within its block map");
            return Ok(());
        }
        let mut seen = NumberSet::default();
        let mut stored = 0_u64;
        each_entry(source, self.map, end, |at, bytes| {
            let value = u32::from_le_bytes(bytes);
            if value < ZERO {
                stored += 1;
                self.check_block(value, at, &mut seen, f);
            }
            Ok(())
        })?;
        if stored != u64::from(self.allocated) {
            let text = format!("the header counts {} stored blocks, the map {stored}", self.allocated);
            f.add(&rules::ALLOCATED_COUNT, Location::Offset(0x184), text);
        }
        if self.kind == FIXED && stored != u64::from(self.blocks) {
            let text = format!("a fixed image stores {stored} of {} blocks", self.blocks);
            f.add(&rules::ALLOCATED_COUNT, Location::Offset(0x184), text);
        }
        let needed =
            u64::from(self.allocated).saturating_mul(self.block + self.extra).saturating_add(self.data);
        if source.size() < needed {
            let text = format!("the file has {} bytes and should have {needed}", source.size());
            f.add(&rules::FILE_LENGTH, Location::Offset(source.size()), text);
        }
        Ok(())
    }

    fn check_block(&self, value: u32, at: u64, seen: &mut NumberSet, f: &mut Findings) {
        if value >= self.allocated {
            let text = format!("block {value} of {} stored ones", self.allocated);
            f.add(&rules::BLOCK_RANGE, Location::Offset(at), text);
        }
        // Only numbers that a whole image can have are remembered.
        if value < self.blocks && !seen.insert(u64::from(value)) {
            f.add(&rules::BLOCK_DUPLICATE, Location::Offset(at), format!("block {value} is named twice"));
        }
    }
}

const SIGNATURE: u32 = 0xbeda_107f;
const HEADER: usize = 0x1d8;
const BLOCK: u64 = 1 << 20;
const FIXED: u32 = 2;
/// From here on no block is stored.
const ZERO: u32 = 0xffff_fffe;
