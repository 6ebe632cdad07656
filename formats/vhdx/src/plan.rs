#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use diskwright_core::format::{
    Access, Encoding, FileStream, FormatInfo, ImagePlan, ImageWriter, Machine, OutputRole, OutputSpec,
    TargetFormat,
};
use diskwright_core::layout::{AllocationMap, DiskLayout};
use diskwright_core::{Error, ErrorKind, Result};

use crate::encode::{Header, Metadata, TABLE_OFFSET};
use crate::options::{Subformat, VhdxOptions};
use crate::write::VhdxWriter;

/// Hyper-V's disk image.
///
/// ```text
/// identifier, 2 headers, 2 region tables │ 1 MiB: log, empty │ 2 MiB: metadata │ 3 MiB: block table │ next MiB: blocks
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Vhdx {
    options: VhdxOptions,
}

impl Vhdx {
    /// A VHDX format with these options.
    ///
    /// # Errors
    /// `ErrorKind::InvalidOption` for a value out of its range.
    pub fn new(options: VhdxOptions) -> Result<Self> {
        Ok(Self { options: options.check()? })
    }
}

impl TargetFormat for Vhdx {
    fn info(&self) -> &'static FormatInfo {
        &crate::INFO
    }

    fn plan(&self, machine: &Machine, disks: &[DiskLayout]) -> Result<Box<dyn ImagePlan>> {
        let gzip = self.options.gzip;
        let encoding = FileStream::encoding(gzip);
        let (extension, role) =
            if gzip.is_some() { ("vhdx.gz", OutputRole::Package) } else { ("vhdx", OutputRole::Disk) };
        let mut outputs = Vec::new();
        let mut images = Vec::new();
        for (number, disk) in (1_u32..).zip(disks) {
            let name = format!("{}.{extension}", machine.disk_name(number));
            let image = Image::new(self.options, machine, number, disk)?;
            let bound = FileStream::bound(&encoding, image.len);
            let size_bound = bound.ok_or_else(|| too_large(disk.size()))?;
            outputs.push(OutputSpec { name, role, size_bound, access: Access::Stream });
            images.push(image);
        }
        Ok(Box::new(VhdxPlan { encoding, outputs, images }))
    }
}

/// An image, known but for the content of its blocks.
pub(crate) struct Image {
    pub(crate) headers: [Header; 2],
    pub(crate) metadata: Metadata,
    pub(crate) blocks: Blocks,
    /// Bytes of the region of the block allocation table.
    pub(crate) table_len: u32,
    /// Bytes of the file.
    pub(crate) len: u64,
}

/// Where the blocks are.
pub(crate) struct Blocks {
    stored: Stored,
    block: u64,
    count: u64,
    /// Blocks between two entries of sector bitmaps.
    ratio: u64,
    /// Where the first stored block is.
    start: u64,
}

enum Stored {
    Some(AllocationMap),
    All,
}

impl Image {
    fn new(options: VhdxOptions, machine: &Machine, number: u32, disk: &DiskLayout) -> Result<Self> {
        let size = disk.size();
        if !size.is_multiple_of(UNIT) || size < SMALLEST {
            let text = format!("VHDX holds whole pages of 4096 bytes, at least 3 MiB: not {size} bytes");
            return Err(Error::new(ErrorKind::Unsupported, text).with_field("disk_size"));
        }
        if size > LARGEST {
            return Err(too_large(size));
        }
        let id =
            |what: &str| machine.seed.uuid(&format!("vhdx {} {number} {what}", machine.name)).to_bytes_le();
        let header =
            |sequence_number| Header { sequence_number, file_write: id("file"), data_write: id("data") };
        let sector_size = u32::try_from(machine.sector_size.bytes()).map_err(|_| too_large(size))?;
        let (blocks, table_len) =
            Blocks::new(options, u64::from(sector_size), disk).ok_or_else(|| too_large(size))?;
        let metadata = Metadata {
            block_size: options.block_size,
            is_fixed: options.subformat == Subformat::Fixed,
            size,
            page_83: id("page 83"),
            sector_size,
        };
        let len = blocks.end().ok_or_else(|| too_large(size))?;
        Ok(Self { headers: [header(1), header(2)], metadata, blocks, table_len, len })
    }
}

impl Blocks {
    /// The blocks of `disk` and the length of their table; `None` when a number is too large.
    fn new(options: VhdxOptions, sector_size: u64, disk: &DiskLayout) -> Option<(Self, u32)> {
        let block = u64::from(options.block_size);
        let count = disk.size().div_ceil(block);
        let ratio = SECTORS_OF_A_BITMAP.checked_mul(sector_size)?.checked_div(block)?;
        let bitmaps = count.checked_sub(1)?.checked_div(ratio)?;
        let table = count.checked_add(bitmaps)?.checked_mul(8)?.checked_next_multiple_of(MIB)?;
        let start = TABLE_OFFSET.checked_add(table)?;
        let stored = match options.subformat {
            Subformat::Dynamic => Stored::Some(AllocationMap::new(disk, block)),
            Subformat::Fixed => Stored::All,
        };
        Some((Self { stored, block, count, ratio, start }, u32::try_from(table).ok()?))
    }

    /// The offsets in the file of what the block allocation table lists, in its order: after `ratio` blocks one bitmap,
    /// which is not there; nor is a block that is not stored.
    pub(crate) fn listed(&self) -> Box<dyn Iterator<Item = Option<u64>> + '_> {
        let offset = |place: u64| place.saturating_mul(self.block).saturating_add(self.start);
        let is_first = |index: u64| index > 0 && index.is_multiple_of(self.ratio);
        let with_bitmap = move |(index, place): (u64, Option<u64>)| {
            is_first(index).then_some(None).into_iter().chain([place.map(offset)])
        };
        match &self.stored {
            Stored::Some(map) => Box::new((0..).zip(map.places()).flat_map(with_bitmap)),
            Stored::All => Box::new((0..self.count).map(|index| (index, Some(index))).flat_map(with_bitmap)),
        }
    }

    /// Where byte `offset` of the disk is in the file; `None` where nothing is stored.
    pub(crate) fn place(&self, offset: u64) -> Option<u64> {
        let place = match &self.stored {
            Stored::Some(map) => map.place(offset)?,
            Stored::All => offset,
        };
        place.checked_add(self.start)
    }

    fn end(&self) -> Option<u64> {
        let stored = match &self.stored {
            Stored::Some(map) => map.stored(),
            Stored::All => self.count,
        };
        stored.checked_mul(self.block)?.checked_add(self.start)
    }
}

struct VhdxPlan {
    encoding: Encoding,
    outputs: Vec<OutputSpec>,
    images: Vec<Image>,
}

impl ImagePlan for VhdxPlan {
    fn outputs(&self) -> &[OutputSpec] {
        &self.outputs
    }

    fn start(self: Box<Self>) -> Result<ImageWriter> {
        let encodings = vec![self.encoding.clone(); self.images.len()];
        Ok(ImageWriter { encodings, assembler: Box::new(VhdxWriter::new(self.images, &self.encoding)?) })
    }
}

fn too_large(size: u64) -> Error {
    let text = format!("a disk of {size} bytes passes the 64 TiB of VHDX");
    Error::new(ErrorKind::LimitExceeded, text).with_field("disk_size")
}

const MIB: u64 = 1 << 20;
/// 7-Zip refuses sizes that are not whole physical sectors.
const UNIT: u64 = 4096;
/// Hyper-V's own limits.
const SMALLEST: u64 = 3 << 20;
const LARGEST: u64 = 64 << 40;
/// Sectors for which a block of sector bitmaps, 1 MiB, has bits: `ChunkRatio` is this by the blocks' sectors.
const SECTORS_OF_A_BITMAP: u64 = 1 << 23;
