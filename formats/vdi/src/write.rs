use diskwright_core::format::{Assembler, Placer, Run};
use diskwright_core::{Error, ErrorKind, Result};

use crate::encode::{FREE, MAP_OFFSET};
use crate::plan::Image;

/// Writes header and map, then every run at its block's place.
pub(crate) struct VdiWriter {
    images: Vec<Image>,
    /// Images whose header and map are written.
    begun: usize,
}

impl VdiWriter {
    pub(crate) fn new(images: Vec<Image>) -> Self {
        Self { images, begun: 0 }
    }

    /// Writes the headers and maps of the first `count` images.
    fn begin(&mut self, count: usize, to: &mut Placer<'_>) -> Result<()> {
        while self.begun < count {
            let image = &self.images[self.begun];
            to.write(self.begun, 0, &image.header.encode())?;
            let mut position = u64::from(MAP_OFFSET);
            // OK to fall back: a plan refuses disks of 2^32 blocks.
            let entry =
                |place: Option<u64>| place.and_then(|place| u32::try_from(place).ok()).unwrap_or(FREE);
            let mut entries = image.map.places().map(entry).flat_map(u32::to_le_bytes).peekable();
            while entries.peek().is_some() {
                let part: Vec<u8> = entries.by_ref().take(PART).collect();
                to.write(self.begun, position, &part)?;
                position += part.len() as u64;
            }
            to.extend_to(self.begun, image.len)?;
            self.begun += 1;
        }
        Ok(())
    }
}

impl Assembler for VdiWriter {
    fn put(&mut self, disk: usize, run: &Run<'_>, to: &mut Placer<'_>) -> Result<()> {
        self.begin(disk + 1, to)?;
        let image = &self.images[disk];
        // The blocks of a run are all stored, and so one after the other.
        let place = image.map.place(run.offset()).ok_or_else(|| {
            Error::new(ErrorKind::Internal, "data in a block that was planned as zero")
                .with_offset(run.offset())
        })?;
        to.write(disk, u64::from(image.header.data_offset) + place, run.bytes())
    }

    fn finish(mut self: Box<Self>, to: &mut Placer<'_>) -> Result<()> {
        self.begin(self.images.len(), to)
    }
}

/// Bytes of the map that are written at once.
const PART: usize = 1 << 20;
