use diskwright_core::format::{Assembler, Encoding, FileStream, Placer, Run};
use diskwright_core::{Error, ErrorKind, Result};

use crate::encode::{BLOCK, PARTS, extension};
use crate::plan::Archive;

/// Writes header and map of the parts, then the parts, then the end of the archive.
pub(crate) struct GceWriter {
    disks: Vec<Progress>,
}

struct Progress {
    archive: Archive,
    stream: FileStream,
    is_begun: bool,
}

impl GceWriter {
    pub(crate) fn new(archives: Vec<Archive>, encoding: &Encoding) -> Result<Self> {
        let disks = archives.into_iter().enumerate().map(|(output, archive)| {
            let stream = FileStream::new(output, encoding)?;
            Ok(Progress { archive, stream, is_begun: false })
        });
        Ok(Self { disks: disks.collect::<Result<_>>()? })
    }
}

impl Progress {
    fn begin(&mut self, to: &mut Placer<'_>) -> Result<()> {
        if std::mem::replace(&mut self.is_begun, true) {
            return Ok(());
        }
        let [in_header, in_block] = PARTS;
        let mut parts = self.archive.parts().peekable();
        let first: Vec<_> = parts.by_ref().take(in_header).collect();
        let mut bytes = self.archive.member.header(&first, parts.peek().is_some()).to_vec();
        let mut position = 0;
        while parts.peek().is_some() {
            let more: Vec<_> = parts.by_ref().take(in_block).collect();
            bytes.extend(extension(&more, parts.peek().is_some()));
            if bytes.len() >= AT_ONCE {
                self.stream.write(position, &bytes, to)?;
                position += bytes.len() as u64;
                bytes.clear();
            }
        }
        self.stream.write(position, &bytes, to)
    }

    fn put(&mut self, run: &Run<'_>, to: &mut Placer<'_>) -> Result<()> {
        self.begin(to)?;
        // The units of a run are all stored, and so one after the other.
        let place = self.archive.place(run.offset()).ok_or_else(|| {
            let text = "data in a part that was planned as zero";
            Error::new(ErrorKind::Internal, text).with_offset(run.offset())
        })?;
        self.stream.put(run, self.archive.member.size, place, to)
    }

    fn finish(&mut self, to: &mut Placer<'_>) -> Result<()> {
        self.begin(to)?;
        self.stream.extend_to(self.archive.len, to)
    }
}

impl Assembler for GceWriter {
    fn put(&mut self, disk: usize, run: &Run<'_>, to: &mut Placer<'_>) -> Result<()> {
        self.disks[disk].put(run, to)
    }

    fn finish(mut self: Box<Self>, to: &mut Placer<'_>) -> Result<()> {
        self.disks.iter_mut().try_for_each(|disk| disk.finish(to))
    }
}

/// Bytes of the map that are written at once.
const AT_ONCE: usize = 2048 * BLOCK;
