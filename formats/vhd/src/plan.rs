#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use diskwright_core::format::{
    Access, Encoding, FileStream, FormatInfo, ImagePlan, ImageWriter, Machine, OutputRole, OutputSpec,
    TargetFormat,
};
use diskwright_core::layout::{AllocationMap, DiskLayout};
use diskwright_core::{Error, ErrorKind, Result, Timestamp};

use crate::encode::{BITMAP, BLOCK, DiskType, FOOTER, Footer, TABLE_OFFSET};
use crate::options::{Subformat, VhdOptions};
use crate::write::VhdWriter;

/// Microsoft's first disk image.
///
/// ```text
/// dynamic: footer's copy │ header │ block table │ … bitmap, block of 2 MiB … │ footer
/// fixed:   the disk │ footer
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Vhd {
    options: VhdOptions,
}

impl Vhd {
    /// A VHD format with these options.
    pub fn new(options: VhdOptions) -> Self {
        Self { options }
    }
}

impl TargetFormat for Vhd {
    fn info(&self) -> &'static FormatInfo {
        &crate::INFO
    }

    fn plan(&self, machine: &Machine, disks: &[DiskLayout]) -> Result<Box<dyn ImagePlan>> {
        machine.require_sectors_of_512("VHD")?;
        let gzip = self.options.gzip;
        let encoding = FileStream::encoding(gzip);
        let (extension, role) =
            if gzip.is_some() { ("vhd.gz", OutputRole::Package) } else { ("vhd", OutputRole::Disk) };
        let mut outputs = Vec::new();
        let mut images = Vec::new();
        for (number, disk) in (1_u32..).zip(disks) {
            let name = format!("{}.{extension}", machine.disk_name(number));
            let image = Image::new(self.options.subformat, machine, number, disk)?;
            let bound = FileStream::bound(&encoding, image.len);
            let size_bound = bound.ok_or_else(|| too_large(disk.size()))?;
            outputs.push(OutputSpec { name, role, size_bound, access: Access::Stream });
            images.push(image);
        }
        Ok(Box::new(VhdPlan { encoding, outputs, images }))
    }
}

/// An image, known but for the content of its blocks.
pub(crate) struct Image {
    pub(crate) footer: Footer,
    /// The blocks of a dynamic image.
    pub(crate) blocks: Option<Blocks>,
    /// Bytes of the file.
    pub(crate) len: u64,
}

/// Where the blocks of a dynamic image are.
pub(crate) struct Blocks {
    pub(crate) map: AllocationMap,
    /// Entries of the block allocation table.
    pub(crate) entries: u32,
    /// Where the first stored block's data begins.
    start: u64,
}

impl Image {
    fn new(subformat: Subformat, machine: &Machine, number: u32, disk: &DiskLayout) -> Result<Self> {
        let size = disk.size();
        if !size.is_multiple_of(UNIT) {
            let text = format!("VHD disks have whole MiB, as Azure asks: not {size} bytes");
            return Err(Error::new(ErrorKind::Unsupported, text).with_field("disk_size"));
        }
        if size > LARGEST {
            return Err(too_large(size));
        }
        let uuid = machine.seed.uuid(&format!("vhd {} {number}", machine.name)).into_bytes();
        let (kind, blocks) = match subformat {
            Subformat::Fixed => (DiskType::Fixed, None),
            Subformat::Dynamic => {
                (DiskType::Dynamic, Some(Blocks::new(disk).ok_or_else(|| too_large(size))?))
            }
        };
        let footer = Footer { kind, size, time: since_2000(machine.timestamp), uuid };
        let end = blocks.as_ref().map_or(Some(size), Blocks::end);
        let len = end.and_then(|end| end.checked_add(FOOTER)).ok_or_else(|| too_large(size))?;
        Ok(Self { footer, blocks, len })
    }
}

impl Blocks {
    fn new(disk: &DiskLayout) -> Option<Self> {
        let map = AllocationMap::new(disk, BLOCK);
        let entries = u32::try_from(map.units()).ok()?;
        let table = u64::from(entries).checked_mul(4)?.checked_next_multiple_of(SECTOR)?;
        let start = TABLE_OFFSET.checked_add(table)?.checked_add(BITMAP_BYTES)?;
        Some(Self { map, entries, start: start.checked_next_multiple_of(ALIGNMENT)? })
    }

    /// Where the data of stored block `place` (from 0) is; its bitmap stands right before it.
    pub(crate) fn data(&self, place: u64) -> u64 {
        // OK to saturate: at most 2040 GiB and a five-hundredth.
        place.saturating_mul(STRIDE).saturating_add(self.start)
    }

    /// Where the last block ends, or the table where no block is stored.
    fn end(&self) -> Option<u64> {
        match self.map.stored().checked_sub(1) {
            Some(last) => self.data(last).checked_add(BLOCK),
            None => self.start.checked_sub(BITMAP_BYTES),
        }
    }
}

struct VhdPlan {
    encoding: Encoding,
    outputs: Vec<OutputSpec>,
    images: Vec<Image>,
}

impl ImagePlan for VhdPlan {
    fn outputs(&self) -> &[OutputSpec] {
        &self.outputs
    }

    fn start(self: Box<Self>) -> Result<ImageWriter> {
        let encodings = vec![self.encoding.clone(); self.images.len()];
        Ok(ImageWriter { encodings, assembler: Box::new(VhdWriter::new(self.images, &self.encoding)?) })
    }
}

fn too_large(size: u64) -> Error {
    let text = format!("a disk of {size} bytes passes the 2040 GiB of VHD");
    Error::new(ErrorKind::LimitExceeded, text).with_field("disk_size")
}

/// The nearest time that the footer can hold: from 2000 to 2136.
fn since_2000(time: Timestamp) -> u32 {
    let seconds = time.seconds.saturating_sub(YEAR_2000).max(0);
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

const SECTOR: u64 = 512;
/// What Azure asks of a disk's size; of a dynamic image, too, so that it can become a fixed one.
const UNIT: u64 = 1 << 20;
const LARGEST: u64 = 2040 << 30;
const BITMAP_BYTES: u64 = 512;
const _: () = assert!(BITMAP == 512);
/// Windows reads and writes blocks in pages of 4 KiB only where they begin at a multiple of it.
const ALIGNMENT: u64 = 4096;
/// From one block's data to the next: the next one's bitmap stands before it.
const STRIDE: u64 = BLOCK + ALIGNMENT;
/// 2000-01-01T00:00:00Z, in seconds since 1970.
const YEAR_2000: i64 = 946_684_800;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_the_footer_cannot_hold_are_the_nearest_it_can() {
        let of = |seconds| since_2000(Timestamp::from_seconds(seconds));
        assert_eq!((of(0), of(YEAR_2000 + 1), of(i64::MIN), of(i64::MAX)), (0, 1, 0, u32::MAX));
    }
}
