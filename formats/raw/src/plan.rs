#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use diskwright_core::format::{
    Access, Assembler, Codec, DiskController, Encoding, FormatInfo, Hardware, ImagePlan, ImageWriter,
    Machine, NetworkAdapter, OutputRole, OutputSpec, TargetFormat,
};
use diskwright_core::layout::DiskLayout;
use diskwright_core::{Error, ErrorKind, Result};

use crate::options::{Compression, RawOptions};
use crate::write::{CompressedWriter, SparseWriter};

/// The raw format: the disk's bytes, in a sparse file or compressed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Raw {
    options: RawOptions,
}

impl Raw {
    /// A raw format with these options.
    pub fn new(options: RawOptions) -> Self {
        Self { options }
    }
}

impl TargetFormat for Raw {
    fn info(&self) -> &'static FormatInfo {
        &crate::INFO
    }

    fn hardware(&self) -> Hardware {
        Hardware {
            controllers: &[DiskController::VirtioBlock, DiskController::VirtioScsi, DiskController::Ahci],
            adapters: &[NetworkAdapter::Virtio, NetworkAdapter::E1000],
        }
    }

    fn plan(&self, machine: &Machine, disks: &[DiskLayout]) -> Result<Box<dyn ImagePlan>> {
        let compression = self.options.compression;
        let extension = compression.map_or("raw", Compression::extension);
        let mut outputs = Vec::new();
        for (number, disk) in (1_u32..).zip(disks) {
            let name = format!("{}.{extension}", machine.disk_name(number));
            let role = if compression.is_some() { OutputRole::Package } else { OutputRole::Disk };
            let size_bound = if compression.is_some() { bound(disk.size())? } else { disk.size() };
            outputs.push(OutputSpec { name, role, size_bound, access: Access::Stream });
        }
        let sizes = disks.iter().map(DiskLayout::size).collect();
        Ok(Box::new(RawPlan { compression, sizes, outputs }))
    }
}

struct RawPlan {
    compression: Option<Compression>,
    sizes: Vec<u64>,
    outputs: Vec<OutputSpec>,
}

impl ImagePlan for RawPlan {
    fn outputs(&self) -> &[OutputSpec] {
        &self.outputs
    }

    fn start(self: Box<Self>) -> Result<ImageWriter> {
        let encoding = match self.compression {
            None => Encoding { granularity: HOLE, codec: Codec::Stored },
            Some(compression) => Encoding { granularity: BLOCK, codec: compression.codec() },
        };
        let encodings = vec![encoding.clone(); self.sizes.len()];
        let assembler: Box<dyn Assembler> = match self.compression {
            None => Box::new(SparseWriter::new(self.sizes)),
            Some(_) => Box::new(CompressedWriter::new(self.sizes, encoding)?),
        };
        Ok(ImageWriter { encodings, assembler })
    }
}

/// The most bytes that a disk of `size` can take when no block gets smaller.
fn bound(size: u64) -> Result<u64> {
    let blocks = size.div_ceil(u64::from(BLOCK));
    // A member or frame of incompressible bytes is a little larger than they are.
    let block = u64::from(BLOCK).checked_add(u64::from(BLOCK >> 6));
    block.and_then(|block| block.checked_mul(blocks)).ok_or_else(|| {
        Error::new(ErrorKind::LimitExceeded, format!("a disk of {size} bytes is too large to compress"))
            .with_field("disk_size")
    })
}

/// What is zero for this many bytes becomes a hole.
const HOLE: u32 = 64 << 10;
/// One gzip member or zstd frame holds this many bytes of the disk.
const BLOCK: u32 = 1 << 20;
