use diskwright_core::Result;
use diskwright_core::format::{Assembler, Encoding, Placer, Run};

/// Puts every run at its own place; the rest is holes.
pub(crate) struct SparseWriter {
    sizes: Vec<u64>,
}

impl SparseWriter {
    pub(crate) fn new(sizes: Vec<u64>) -> Self {
        Self { sizes }
    }
}

impl Assembler for SparseWriter {
    fn put(&mut self, disk: usize, run: &Run<'_>, to: &mut Placer<'_>) -> Result<()> {
        to.write(disk, run.offset(), run.bytes())
    }

    fn finish(self: Box<Self>, to: &mut Placer<'_>) -> Result<()> {
        for (disk, size) in self.sizes.iter().enumerate() {
            to.extend_to(disk, *size)?;
        }
        Ok(())
    }
}

/// Puts gzip members or zstd frames one after the other, one for each block of the disk.
pub(crate) struct CompressedWriter {
    disks: Vec<Progress>,
    block: u64,
    encoding: Encoding,
    /// A block of zeros, encoded.
    zeros: Vec<u8>,
}

struct Progress {
    size: u64,
    /// Number of the next block.
    next: u64,
    /// Where it goes in the output.
    position: u64,
}

impl CompressedWriter {
    pub(crate) fn new(sizes: Vec<u64>, encoding: Encoding) -> Result<Self> {
        let zeros = encoding.codec.encode(&vec![0; encoding.granularity as usize])?.0;
        let disks = sizes.into_iter().map(|size| Progress { size, next: 0, position: 0 }).collect();
        Ok(Self { disks, block: u64::from(encoding.granularity), encoding, zeros })
    }

    /// Writes blocks of zeros up to block `index`.
    fn zeros_to(&mut self, disk: usize, index: u64, to: &mut Placer<'_>) -> Result<()> {
        let progress = &mut self.disks[disk];
        while progress.next < index {
            let left = progress.size - progress.next * self.block;
            if left < self.block {
                let tail = self.encoding.codec.encode(&vec![0; left as usize])?.0;
                to.write(disk, progress.position, &tail)?;
                progress.position += tail.len() as u64;
            } else {
                to.write(disk, progress.position, &self.zeros)?;
                progress.position += self.zeros.len() as u64;
            }
            progress.next += 1;
        }
        Ok(())
    }
}

impl Assembler for CompressedWriter {
    fn put(&mut self, disk: usize, run: &Run<'_>, to: &mut Placer<'_>) -> Result<()> {
        for chunk in run.chunks() {
            self.zeros_to(disk, chunk.index, to)?;
            let progress = &mut self.disks[disk];
            to.write(disk, progress.position, chunk.bytes)?;
            progress.position += chunk.bytes.len() as u64;
            progress.next = chunk.index + 1;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, to: &mut Placer<'_>) -> Result<()> {
        for disk in 0..self.disks.len() {
            let blocks = self.disks[disk].size.div_ceil(self.block);
            self.zeros_to(disk, blocks, to)?;
        }
        Ok(())
    }
}
