use diskwright_core::format::{Assembler, Encoding, FileStream, Placer, Run};
use diskwright_core::{Error, ErrorKind, Result};

use crate::encode::{
    HEADERS, METADATA_OFFSET, REGION_TABLES, TABLE_OFFSET, identifier, present, region_table,
};
use crate::plan::Image;

/// Writes everything that stands before the blocks, then every run at its block's place.
pub(crate) struct VhdxWriter {
    disks: Vec<Progress>,
}

struct Progress {
    image: Image,
    stream: FileStream,
    is_begun: bool,
}

impl VhdxWriter {
    pub(crate) fn new(images: Vec<Image>, encoding: &Encoding) -> Result<Self> {
        let disks = images.into_iter().enumerate().map(|(output, image)| {
            let stream = FileStream::new(output, encoding)?;
            Ok(Progress { image, stream, is_begun: false })
        });
        Ok(Self { disks: disks.collect::<Result<_>>()? })
    }
}

impl Progress {
    fn begin(&mut self, to: &mut Placer<'_>) -> Result<()> {
        if std::mem::replace(&mut self.is_begun, true) {
            return Ok(());
        }
        let Self { image, stream, .. } = self;
        stream.write(0, &identifier(), to)?;
        for (header, offset) in image.headers.iter().zip(HEADERS) {
            stream.write(offset, &header.encode(), to)?;
        }
        for offset in REGION_TABLES {
            stream.write(offset, &region_table(image.table_len), to)?;
        }
        stream.write(METADATA_OFFSET, &image.metadata.encode(), to)?;
        let entries = image.blocks.listed().map(|offset| offset.map_or(0, present));
        let mut entries = entries.flat_map(u64::to_le_bytes).peekable();
        let mut position = TABLE_OFFSET;
        while entries.peek().is_some() {
            let part: Vec<u8> = entries.by_ref().take(PART).collect();
            // Entries of blocks that are not stored are zero: a hole.
            if part.iter().any(|byte| *byte != 0) {
                stream.write(position, &part, to)?;
            }
            position += part.len() as u64;
        }
        Ok(())
    }

    fn put(&mut self, run: &Run<'_>, to: &mut Placer<'_>) -> Result<()> {
        self.begin(to)?;
        // The blocks of a run are all stored, and so one after the other.
        let place = self.image.blocks.place(run.offset()).ok_or_else(|| {
            let text = "data in a block that was planned as zero";
            Error::new(ErrorKind::Internal, text).with_offset(run.offset())
        })?;
        self.stream.put(run, self.image.metadata.size, place, to)
    }

    fn finish(&mut self, to: &mut Placer<'_>) -> Result<()> {
        self.begin(to)?;
        self.stream.extend_to(self.image.len, to)
    }
}

impl Assembler for VhdxWriter {
    fn put(&mut self, disk: usize, run: &Run<'_>, to: &mut Placer<'_>) -> Result<()> {
        self.disks[disk].put(run, to)
    }

    fn finish(mut self: Box<Self>, to: &mut Placer<'_>) -> Result<()> {
        self.disks.iter_mut().try_for_each(|disk| disk.finish(to))
    }
}

/// Bytes of the table that are looked at at once.
const PART: usize = 64 << 10;
