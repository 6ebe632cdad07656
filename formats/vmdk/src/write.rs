use diskwright_core::format::{Assembler, Chunk, Placer, Run};
use diskwright_core::{Error, ErrorKind, Result};

use crate::encode::{GRAIN_SECTORS, Marker, SECTOR, TABLE_LEN, TABLE_SECTORS, put_entries, put_grain};
use crate::plan::directory_sectors;
use crate::sparse::SparseImage;
use crate::stream::{MAX_GRAIN_SECTORS, OVERHEAD, StreamImage};

/// A stream-optimised VMDK being written, wherever its bytes go: it only appends.
///
/// ```text
/// header │ descriptor │ 0 … │ for each 32 MiB with data: its grains, marker, grain table │ marker, directory │ marker, footer │ end of stream
/// ```
///
/// Cost: 4 bytes for each 32 MiB of the disk, and a buffer for the grains of one run, so that they are appended at once.
#[derive(Debug)]
pub struct StreamWriter {
    image: StreamImage,
    /// Bytes appended.
    appended: u64,
    /// What is not appended yet.
    buffer: Vec<u8>,
    /// Sectors of the grain tables, for each 32 MiB so far; 0 where there is none.
    directory: Vec<u32>,
    /// The table that is being filled, and which 32 MiB it is for.
    table: Vec<u32>,
    region: Option<u64>,
    /// Number of the first grain that may come.
    next: u64,
    grains: u64,
}

/// What a finished stream-optimised VMDK is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamSummary {
    /// Bytes of the file.
    pub len: u64,
    /// Grains that are stored.
    pub grains: u64,
}

impl StreamWriter {
    /// Begins `image`; nothing is appended before the first call of [`StreamWriter::put`] or [`StreamWriter::finish`].
    pub fn new(image: StreamImage) -> Self {
        let mut buffer = image.header(None);
        buffer.extend_from_slice(image.descriptor());
        buffer.resize((OVERHEAD * SECTOR) as usize, 0);
        Self {
            image,
            appended: 0,
            buffer,
            directory: Vec::new(),
            table: vec![0; TABLE_LEN as usize],
            region: None,
            next: 0,
            grains: 0,
        }
    }

    /// Takes a run of chunks in the encoding of [`StreamImage::encoding`]; runs ascend. `append` gets what follows in
    /// the file, all of the run at once.
    ///
    /// # Errors
    /// Those of `append`; `ErrorKind::Internal` for chunks that are out of order or not encoded so.
    pub fn put(&mut self, run: &Run<'_>, append: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        for chunk in run.chunks() {
            self.grain(&chunk)?;
        }
        self.flush(append)
    }

    /// Ends the file: what `append` got last is its last sector.
    ///
    /// # Errors
    /// As [`StreamWriter::put`].
    pub fn finish(mut self, append: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<StreamSummary> {
        self.end_table()?;
        let tables = self.image.tables();
        self.directory.resize(tables as usize, 0);
        Marker::GrainDirectory.put(directory_sectors(tables), &mut self.buffer);
        let directory = self.position() / SECTOR;
        put_entries(&self.directory, &mut self.buffer);
        Marker::Footer.put(1, &mut self.buffer);
        self.buffer.extend_from_slice(&self.image.header(Some(directory)));
        Marker::EndOfStream.put(0, &mut self.buffer);
        self.flush(append)?;
        Ok(StreamSummary { len: self.appended, grains: self.grains })
    }

    fn grain(&mut self, chunk: &Chunk<'_>) -> Result<()> {
        // OK to fall back: the largest grain passes any limit.
        let len = u32::try_from(chunk.bytes.len()).unwrap_or(u32::MAX);
        let is_too_long = u64::from(len) + GRAIN_MARKER > MAX_GRAIN_SECTORS * SECTOR;
        let is_past_end = chunk.index >= self.image.tables() * u64::from(TABLE_LEN);
        if !chunk.is_encoded || is_too_long || chunk.index < self.next || is_past_end {
            let text = format!("grain {} of {len} bytes cannot follow in a stream", chunk.index);
            return Err(Error::new(ErrorKind::Internal, text));
        }
        self.next = chunk.index + 1;
        let region = chunk.index / u64::from(TABLE_LEN);
        if self.region != Some(region) {
            self.end_table()?;
            self.region = Some(region);
        }
        self.table[(chunk.index % u64::from(TABLE_LEN)) as usize] = sector(self.position())?;
        put_grain(chunk.index * GRAIN_SECTORS, chunk.bytes, len, &mut self.buffer);
        self.grains += 1;
        Ok(())
    }

    /// Puts the table that is being filled, if there is one, behind its grains.
    fn end_table(&mut self) -> Result<()> {
        if let Some(region) = self.region.take() {
            Marker::GrainTable.put(TABLE_SECTORS, &mut self.buffer);
            self.directory.resize(region as usize, 0);
            self.directory.push(sector(self.position())?);
            put_entries(&self.table, &mut self.buffer);
            self.table.fill(0);
        }
        Ok(())
    }

    /// Where the next byte goes.
    fn position(&self) -> u64 {
        self.appended + self.buffer.len() as u64
    }

    fn flush(&mut self, append: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        append(&self.buffer)?;
        self.appended += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

fn sector(position: u64) -> Result<u32> {
    u32::try_from(position / SECTOR)
        .map_err(|_| Error::new(ErrorKind::Internal, "a stream passes its bound").with_offset(position))
}

/// Bytes before the data of a grain.
const GRAIN_MARKER: u64 = 12;

/// Writes each disk as a stream.
pub(crate) struct StreamAssembler {
    writers: Vec<StreamWriter>,
}

impl StreamAssembler {
    pub(crate) fn new(images: Vec<StreamImage>) -> Self {
        Self { writers: images.into_iter().map(StreamWriter::new).collect() }
    }
}

impl Assembler for StreamAssembler {
    fn put(&mut self, disk: usize, run: &Run<'_>, to: &mut Placer<'_>) -> Result<()> {
        self.writers[disk].put(run, &mut |bytes| append(disk, bytes, to))
    }

    fn finish(self: Box<Self>, to: &mut Placer<'_>) -> Result<()> {
        for (disk, writer) in self.writers.into_iter().enumerate() {
            writer.finish(&mut |bytes| append(disk, bytes, to))?;
        }
        Ok(())
    }
}

fn append(output: usize, bytes: &[u8], to: &mut Placer<'_>) -> Result<()> {
    let position = to.len(output)?;
    to.write(output, position, bytes)
}

/// Writes header, descriptor and tables, then every run at its grain's place.
pub(crate) struct SparseAssembler {
    images: Vec<SparseImage>,
    /// Images whose tables are written.
    begun: usize,
}

impl SparseAssembler {
    pub(crate) fn new(images: Vec<SparseImage>) -> Self {
        Self { images, begun: 0 }
    }

    /// Writes what precedes the grains of the first `count` images.
    fn begin(&mut self, count: usize, to: &mut Placer<'_>) -> Result<()> {
        while self.begun < count {
            let image = &self.images[self.begun];
            let output = self.begun;
            to.write(output, 0, &image.head())?;
            image.tables(&mut |position, bytes| to.write(output, position, bytes))?;
            to.extend_to(output, image.len())?;
            self.begun += 1;
        }
        Ok(())
    }
}

impl Assembler for SparseAssembler {
    fn put(&mut self, disk: usize, run: &Run<'_>, to: &mut Placer<'_>) -> Result<()> {
        self.begin(disk + 1, to)?;
        // The grains of a run are all stored, and so one after the other.
        let place = self.images[disk].place(run.offset()).ok_or_else(|| {
            Error::new(ErrorKind::Internal, "data in a grain that was planned as zero")
                .with_offset(run.offset())
        })?;
        to.write(disk, place, run.bytes())
    }

    fn finish(mut self: Box<Self>, to: &mut Placer<'_>) -> Result<()> {
        self.begin(self.images.len(), to)
    }
}

/// Writes the disk's bytes at their own places, and the descriptor into a file of its own.
pub(crate) struct FlatAssembler {
    /// Bytes of each disk, and its descriptor.
    pub(crate) disks: Vec<(u64, String)>,
}

impl Assembler for FlatAssembler {
    fn put(&mut self, disk: usize, run: &Run<'_>, to: &mut Placer<'_>) -> Result<()> {
        to.write(2 * disk, run.offset(), run.bytes())
    }

    fn finish(self: Box<Self>, to: &mut Placer<'_>) -> Result<()> {
        for (disk, (size, descriptor)) in self.disks.iter().enumerate() {
            to.extend_to(2 * disk, *size)?;
            to.write(2 * disk + 1, 0, descriptor.as_bytes())?;
        }
        Ok(())
    }
}
