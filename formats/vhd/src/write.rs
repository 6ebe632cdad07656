use diskwright_core::format::{Assembler, Encoding, FileStream, Placer, Run};
use diskwright_core::{Error, ErrorKind, Result};

use crate::encode::{ABSENT, BITMAP, BLOCK, HEADER_OFFSET, TABLE_OFFSET, dynamic_header};
use crate::plan::{Blocks, Image};

/// Writes the tables of a dynamic image, then block after block, and the footer last.
pub(crate) struct VhdWriter {
    disks: Vec<Progress>,
}

struct Progress {
    image: Image,
    stream: FileStream,
    is_begun: bool,
    /// Stored blocks whose bitmap is written.
    bitmaps: u64,
}

impl VhdWriter {
    pub(crate) fn new(images: Vec<Image>, encoding: &Encoding) -> Result<Self> {
        let disks = images.into_iter().enumerate().map(|(output, image)| {
            let stream = FileStream::new(output, encoding)?;
            Ok(Progress { image, stream, is_begun: false, bitmaps: 0 })
        });
        Ok(Self { disks: disks.collect::<Result<_>>()? })
    }
}

impl Progress {
    /// Writes what stands before the blocks.
    fn begin(&mut self, to: &mut Placer<'_>) -> Result<()> {
        let Some(blocks) = self.image.blocks.as_ref().filter(|_| !self.is_begun) else { return Ok(()) };
        self.is_begun = true;
        self.stream.write(0, &self.image.footer.encode(), to)?;
        self.stream.write(HEADER_OFFSET, &dynamic_header(blocks.entries), to)?;
        // OK to fall back: an image has less than 2^32 sectors.
        let entry = |place: Option<u64>| {
            place.and_then(|place| u32::try_from((blocks.data(place) >> 9) - 1).ok()).unwrap_or(ABSENT)
        };
        let mut entries = blocks.map.places().map(entry).flat_map(u32::to_be_bytes).peekable();
        let mut position = TABLE_OFFSET;
        while entries.peek().is_some() {
            let mut part: Vec<u8> = entries.by_ref().take(PART).collect();
            part.resize(part.len().next_multiple_of(BITMAP), 0xFF);
            self.stream.write(position, &part, to)?;
            position += part.len() as u64;
        }
        Ok(())
    }

    fn put(&mut self, run: &Run<'_>, to: &mut Placer<'_>) -> Result<()> {
        self.begin(to)?;
        let size = self.image.footer.size;
        let Some(blocks) = &self.image.blocks else {
            return self.stream.put(run, size, run.offset(), to);
        };
        // A run may reach over several blocks, each of which has its bitmap before it.
        for part in run.split(BLOCK) {
            let place = blocks.map.place(part.offset()).ok_or_else(|| unplanned(part.offset()))?;
            bitmaps_to(blocks, &mut self.bitmaps, place / BLOCK + 1, &mut self.stream, to)?;
            let data = blocks.data(place / BLOCK) + place % BLOCK;
            self.stream.put(&part, size, data, to)?;
        }
        Ok(())
    }

    fn finish(&mut self, to: &mut Placer<'_>) -> Result<()> {
        self.begin(to)?;
        if let Some(blocks) = &self.image.blocks {
            bitmaps_to(blocks, &mut self.bitmaps, blocks.map.stored(), &mut self.stream, to)?;
        }
        let footer = self.image.footer.encode();
        self.stream.write(self.image.len - footer.len() as u64, &footer, to)
    }
}

/// Writes the bitmaps of stored blocks up to block `count`: all their sectors are there.
fn bitmaps_to(
    blocks: &Blocks,
    done: &mut u64,
    count: u64,
    stream: &mut FileStream,
    to: &mut Placer<'_>,
) -> Result<()> {
    while *done < count {
        stream.write(blocks.data(*done) - BITMAP as u64, &[0xFF; BITMAP], to)?;
        *done += 1;
    }
    Ok(())
}

impl Assembler for VhdWriter {
    fn put(&mut self, disk: usize, run: &Run<'_>, to: &mut Placer<'_>) -> Result<()> {
        self.disks[disk].put(run, to)
    }

    fn finish(mut self: Box<Self>, to: &mut Placer<'_>) -> Result<()> {
        self.disks.iter_mut().try_for_each(|disk| disk.finish(to))
    }
}

fn unplanned(offset: u64) -> Error {
    Error::new(ErrorKind::Internal, "data in a block that was planned as zero").with_offset(offset)
}

/// Bytes of the table that are written at once.
const PART: usize = 1 << 20;
