use diskwright_core::Result;
use diskwright_core::format::{Assembler, Chunk, Placer, Run};

use crate::cluster::{compressed, used_once};
use crate::encode::Header;
use crate::plan::ImageShape;
use crate::tables::{Mapping, Refcounts};

/// Appends clusters as they come, each table when it is full, and the header at the end.
pub(crate) struct Qcow2Writer {
    images: Vec<Image>,
}

impl Qcow2Writer {
    /// One image for each disk; its output has the disk's number.
    pub(crate) fn new(shapes: &[ImageShape]) -> Result<Self> {
        let images = (0..).zip(shapes).map(|(output, shape)| Image::new(output, *shape));
        Ok(Self { images: images.collect::<Result<_>>()? })
    }
}

impl Assembler for Qcow2Writer {
    fn put(&mut self, disk: usize, run: &Run<'_>, to: &mut Placer<'_>) -> Result<()> {
        run.chunks().try_for_each(|chunk| self.images[disk].put(&chunk, to))
    }

    fn finish(self: Box<Self>, to: &mut Placer<'_>) -> Result<()> {
        self.images.into_iter().try_for_each(|image| image.finish(to))
    }
}

struct Image {
    output: usize,
    shape: ImageShape,
    /// Where the next byte goes; only compressed data leaves it inside a cluster.
    position: u64,
    mapping: Mapping,
    refcounts: Refcounts,
}

impl Image {
    fn new(output: usize, shape: ImageShape) -> Result<Self> {
        let mut refcounts = Refcounts::new(shape.bits);
        let header = shape.bits.size();
        refcounts.count(0, header)?;
        let mapping = Mapping::new(shape.bits, shape.size)?;
        Ok(Self { output, shape, position: header, mapping, refcounts })
    }

    fn put(&mut self, chunk: &Chunk<'_>, to: &mut Placer<'_>) -> Result<()> {
        if self.mapping.is_left_by(chunk.index) {
            self.end_table(to)?;
        }
        let entry = if chunk.is_encoded {
            let offset = self.position;
            self.append(chunk.bytes, to)?;
            compressed(self.shape.bits, offset, chunk.bytes.len() as u64)
        } else {
            used_once(self.append_cluster(chunk.bytes, to)?)
        };
        self.mapping.set(chunk.index, entry)?;
        self.end_full_blocks(to)
    }

    fn finish(mut self, to: &mut Placer<'_>) -> Result<()> {
        self.end_table(to)?;
        let l1_offset = self.append_cluster(&self.mapping.l1(), to)?;
        self.end_full_blocks(to)?;
        self.align();
        let Self { output, shape, position, refcounts, .. } = self;
        let tail = refcounts.finish(position)?;
        to.write(output, position, &tail.bytes)?;
        let header = Header {
            cluster_bits: shape.bits,
            size: shape.size,
            l1_len: shape.l1_len,
            l1_offset,
            refcount_table_offset: tail.table_offset,
            refcount_table_clusters: tail.table_clusters,
            cluster_codec: shape.cluster_codec,
        };
        to.write(output, 0, &header.encode())
    }

    /// Writes the L2 table that is being filled.
    fn end_table(&mut self, to: &mut Placer<'_>) -> Result<()> {
        let Some(table) = self.mapping.open_table() else { return Ok(()) };
        let offset = self.append_cluster(&table, to)?;
        self.mapping.close(offset)?;
        self.end_full_blocks(to)
    }

    /// Writes the refcount blocks whose clusters are all passed.
    fn end_full_blocks(&mut self, to: &mut Placer<'_>) -> Result<()> {
        while let Some(block) = self.refcounts.take_full(self.position)? {
            let offset = self.append_cluster(&block, to)?;
            self.refcounts.place(offset);
        }
        Ok(())
    }

    /// Appends whole clusters (the disk's last may be short); gives where they start.
    fn append_cluster(&mut self, bytes: &[u8], to: &mut Placer<'_>) -> Result<u64> {
        self.align();
        let offset = self.position;
        self.append(bytes, to)?;
        self.align();
        Ok(offset)
    }

    fn append(&mut self, bytes: &[u8], to: &mut Placer<'_>) -> Result<()> {
        to.write(self.output, self.position, bytes)?;
        self.refcounts.count(self.position, bytes.len() as u64)?;
        self.position += bytes.len() as u64;
        Ok(())
    }

    fn align(&mut self) {
        self.position = self.position.next_multiple_of(self.shape.bits.size());
    }
}
