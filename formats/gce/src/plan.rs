#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use diskwright_core::format::{
    Access, Encoding, FileStream, FormatInfo, ImagePlan, ImageWriter, Machine, OutputRole, OutputSpec,
    TargetFormat,
};
use diskwright_core::layout::{AllocationMap, DiskLayout};
use diskwright_core::{Error, ErrorKind, Result};

use crate::encode::{self, BLOCK, Member, PARTS, Part};
use crate::options::GceOptions;
use crate::write::GceWriter;

/// What Google Compute Engine makes an image of: a tar archive, packed by gzip, with a sparse `disk.raw`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gce {
    options: GceOptions,
}

impl Gce {
    /// A format with these options.
    ///
    /// # Errors
    /// `ErrorKind::InvalidOption` for a value out of its range.
    pub fn new(options: GceOptions) -> Result<Self> {
        Ok(Self { options: options.check()? })
    }
}

impl TargetFormat for Gce {
    fn info(&self) -> &'static FormatInfo {
        &crate::INFO
    }

    fn plan(&self, machine: &Machine, disks: &[DiskLayout]) -> Result<Box<dyn ImagePlan>> {
        machine.require_sectors_of_512("Google Compute Engine")?;
        let time = encode::time(machine.timestamp)?;
        let encoding = FileStream::encoding(Some(self.options.level));
        let mut outputs = Vec::new();
        let mut archives = Vec::new();
        for (number, disk) in (1_u32..).zip(disks) {
            let archive = Archive::new(time, disk)?;
            let name = format!("{}.tar.gz", machine.disk_name(number));
            let size_bound =
                FileStream::bound(&encoding, archive.len).ok_or_else(|| too_large(disk.size()))?;
            outputs.push(OutputSpec { name, role: OutputRole::Package, size_bound, access: Access::Stream });
            archives.push(archive);
        }
        Ok(Box::new(GcePlan { encoding, outputs, archives }))
    }
}

/// An archive, known but for the content of its parts.
pub(crate) struct Archive {
    pub(crate) member: Member,
    map: AllocationMap,
    /// Where the content of the first part begins.
    start: u64,
    /// Bytes of the unpacked archive.
    pub(crate) len: u64,
}

impl Archive {
    fn new(time: u64, disk: &DiskLayout) -> Result<Self> {
        let size = disk.size();
        if !size.is_multiple_of(GIB) {
            let text = format!("Google Compute Engine takes disks of whole GiB: not {size} bytes");
            return Err(Error::new(ErrorKind::Unsupported, text).with_field("disk_size"));
        }
        if size > LARGEST {
            return Err(too_large(size));
        }
        let map = AllocationMap::new(disk, UNIT);
        let stored = map.stored().checked_mul(UNIT).ok_or_else(|| too_large(size))?;
        let mut archive = Self { member: Member { size, stored, time }, map, start: 0, len: 0 };
        archive.measure().ok_or_else(|| too_large(size))?;
        Ok(archive)
    }

    /// Fills in what follows from the number of parts.
    fn measure(&mut self) -> Option<()> {
        let [in_header, in_block] = PARTS;
        let more = self.parts().skip(in_header).count().div_ceil(in_block);
        let blocks = u64::try_from(more).ok()?.checked_add(1)?;
        self.start = blocks.checked_mul(u64::try_from(BLOCK).ok()?)?;
        // Two blocks of zeros, then to whole records, as GNU tar does.
        let end = self.start.checked_add(self.member.stored)?.checked_add(1024)?;
        self.len = end.checked_next_multiple_of(RECORD)?;
        Some(())
    }

    /// The parts of the disk that are in the archive; where it ends with zeros, an empty one at its end.
    pub(crate) fn parts(&self) -> impl Iterator<Item = Part> + '_ {
        let mut places = (0_u64..).zip(self.map.places()).peekable();
        let mut end = Some(self.member.size);
        std::iter::from_fn(move || {
            while places.next_if(|(_, place)| place.is_none()).is_some() {}
            let Some((first, _)) = places.next() else {
                return end.take().map(|offset| Part { offset, len: 0 });
            };
            let mut next = first.saturating_add(1);
            while places.next_if(|(_, place)| place.is_some()).is_some() {
                next = next.saturating_add(1);
            }
            let part = Part {
                offset: first.saturating_mul(UNIT),
                len: next.saturating_sub(first).saturating_mul(UNIT),
            };
            if part.offset.saturating_add(part.len) == self.member.size {
                end = None;
            }
            Some(part)
        })
    }

    /// Where byte `offset` of the disk is in the unpacked archive; `None` where it is in no part.
    pub(crate) fn place(&self, offset: u64) -> Option<u64> {
        self.map.place(offset)?.checked_add(self.start)
    }
}

struct GcePlan {
    encoding: Encoding,
    outputs: Vec<OutputSpec>,
    archives: Vec<Archive>,
}

impl ImagePlan for GcePlan {
    fn outputs(&self) -> &[OutputSpec] {
        &self.outputs
    }

    fn start(self: Box<Self>) -> Result<ImageWriter> {
        let encodings = vec![self.encoding.clone(); self.archives.len()];
        Ok(ImageWriter { encodings, assembler: Box::new(GceWriter::new(self.archives, &self.encoding)?) })
    }
}

fn too_large(size: u64) -> Error {
    let text = format!("a disk of {size} bytes passes the 64 TiB of Google Compute Engine");
    Error::new(ErrorKind::LimitExceeded, text).with_field("disk_size")
}

const GIB: u64 = 1 << 30;
/// The largest persistent disk.
const LARGEST: u64 = 64 << 40;
/// What is zero for a whole one of these, as the layout knows, is in no part.
const UNIT: u64 = 1 << 20;
const RECORD: u64 = 10_240;
