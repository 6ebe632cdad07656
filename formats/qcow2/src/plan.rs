#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use diskwright_core::format::{
    Access, Codec, DiskController, Encoding, FormatInfo, Hardware, ImagePlan, ImageWriter, Machine,
    NetworkAdapter, OutputRole, OutputSpec, TargetFormat,
};
use diskwright_core::layout::DiskLayout;
use diskwright_core::{Error, ErrorKind, Result};

use crate::cluster::ClusterBits;
use crate::encode::ClusterCodec;
use crate::options::{Compression, Qcow2Options};
use crate::tables::{l1_len, number, tail_clusters};
use crate::write::Qcow2Writer;

/// QCOW2 version 3.
///
/// ```text
/// header │ data clusters, L2 tables and refcount blocks in the order in which they fill │ L1 │ last refcount blocks │ refcount table
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Qcow2 {
    options: Qcow2Options,
}

impl Qcow2 {
    /// A QCOW2 format with these options.
    pub fn new(options: Qcow2Options) -> Self {
        Self { options }
    }
}

impl TargetFormat for Qcow2 {
    fn info(&self) -> &'static FormatInfo {
        &crate::INFO
    }

    fn hardware(&self) -> Hardware {
        Hardware {
            controllers: &[DiskController::VirtioBlock, DiskController::VirtioScsi],
            adapters: &[NetworkAdapter::Virtio],
        }
    }

    fn plan(&self, machine: &Machine, disks: &[DiskLayout]) -> Result<Box<dyn ImagePlan>> {
        let Qcow2Options { compression, cluster_bits } = self.options;
        compression.map_or(Ok(()), Compression::check)?;
        let mut outputs = Vec::new();
        let mut images = Vec::new();
        for (number, disk) in (1_u32..).zip(disks) {
            let name = format!("{}.qcow2", machine.disk_name(number));
            let role = if compression.is_some() { OutputRole::Package } else { OutputRole::Disk };
            let size_bound = bound(cluster_bits, disk)?;
            let access = Access::Patched { head: cluster_bits.size() };
            outputs.push(OutputSpec { name, role, size_bound, access });
            images.push(ImageShape::new(self.options, disk.size())?);
        }
        Ok(Box::new(Qcow2Plan { options: self.options, outputs, images }))
    }
}

/// What is known of an image before its data.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ImageShape {
    pub(crate) bits: ClusterBits,
    /// Bytes of the disk.
    pub(crate) size: u64,
    /// Entries of L1.
    pub(crate) l1_len: u32,
    pub(crate) cluster_codec: ClusterCodec,
}

impl ImageShape {
    fn new(options: Qcow2Options, size: u64) -> Result<Self> {
        let bits = options.cluster_bits;
        let cluster_codec = match options.compression {
            Some(Compression::Zstd { .. }) => ClusterCodec::Zstd,
            Some(Compression::Deflate { .. }) | None => ClusterCodec::Deflate,
        };
        Ok(Self { bits, size, l1_len: number(l1_len(bits, size))?, cluster_codec })
    }
}

struct Qcow2Plan {
    options: Qcow2Options,
    outputs: Vec<OutputSpec>,
    images: Vec<ImageShape>,
}

impl ImagePlan for Qcow2Plan {
    fn outputs(&self) -> &[OutputSpec] {
        &self.outputs
    }

    fn start(self: Box<Self>) -> Result<ImageWriter> {
        let encoding = Encoding {
            granularity: number(self.options.cluster_bits.size())?,
            codec: self.options.compression.map_or(Codec::Stored, Compression::codec),
        };
        let encodings = vec![encoding; self.images.len()];
        Ok(ImageWriter { encodings, assembler: Box::new(Qcow2Writer::new(&self.images)?) })
    }
}

/// The most bytes that the image of `disk` can have.
///
/// Compressed data needs no more clusters than chunks, whatever is aligned between: n chunks, each smaller than a
/// cluster, end within n clusters of the cluster in which they start.
fn bound(bits: ClusterBits, disk: &DiskLayout) -> Result<u64> {
    let size = disk.size();
    if !size.is_multiple_of(SECTOR) {
        let text = format!("QCOW2 holds whole sectors of {SECTOR} bytes, the disk has {size} bytes");
        return Err(Error::new(ErrorKind::Unsupported, text).with_field("disk_size"));
    }
    let l1 = l1_len(bits, size).saturating_mul(8);
    if l1 > MAX_L1 {
        return Err(too_large(bits, size, "L1 table"));
    }
    let (data, tables) = used(bits, disk);
    let before_tail = data.saturating_add(tables).saturating_add(bits.count(l1)).saturating_add(1);
    let (blocks, table) = tail_clusters(bits, before_tail, 0);
    if bits.start(table) > MAX_REFCOUNT_TABLE {
        return Err(too_large(bits, size, "refcount table"));
    }
    let bound = bits.start(before_tail.saturating_add(blocks).saturating_add(table));
    if bound > 1_u64.wrapping_shl(bits.offset_bits().min(MAX_OFFSET_BITS)) {
        return Err(too_large(bits, size, "largest offset"));
    }
    Ok(bound)
}

/// Clusters and L2 tables with anything that is not known to be zero.
fn used(bits: ClusterBits, disk: &DiskLayout) -> (u64, u64) {
    let (mut clusters, mut tables) = (0_u64, 0_u64);
    // Numbers of the first cluster and table that are not counted yet.
    let (mut next_cluster, mut next_table) = (0, 0);
    for region in disk.regions().filter(|region| !region.is_zero) {
        let last = bits.of(region.start.saturating_add(region.len).saturating_sub(1));
        let first = bits.of(region.start);
        let table_of = |cluster: u64| cluster.checked_div(bits.table_entries()).unwrap_or(0);
        let end = last.saturating_add(1);
        clusters = clusters.saturating_add(end.saturating_sub(first.max(next_cluster)));
        next_cluster = end;
        let end = table_of(last).saturating_add(1);
        tables = tables.saturating_add(end.saturating_sub(table_of(first).max(next_table)));
        next_table = end;
    }
    (clusters, tables)
}

fn too_large(bits: ClusterBits, size: u64, what: &str) -> Error {
    let text = format!(
        "a disk of {size} bytes with clusters of {} bytes passes the {what} of QCOW2; take larger clusters",
        bits.size()
    );
    Error::new(ErrorKind::LimitExceeded, text).with_field("qcow2.cluster-size")
}

const SECTOR: u64 = 512;
/// What QEMU accepts.
const MAX_L1: u64 = 32 << 20;
/// What QEMU accepts.
const MAX_REFCOUNT_TABLE: u64 = 8 << 20;
/// Host offsets in tables have bits up to 55.
const MAX_OFFSET_BITS: u32 = 56;

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use diskwright_core::ReadAt;
    use diskwright_core::layout::LayoutBuilder;
    use diskwright_core::tree::{Findings, TreeBuilder};

    use super::*;

    struct Ones(u64);

    impl ReadAt for Ones {
        fn size(&self) -> u64 {
            self.0
        }

        fn read_exact_at(&self, _: u64, buf: &mut [u8]) -> io::Result<()> {
            buf.fill(1);
            Ok(())
        }
    }

    /// The bound for a disk of `size` bytes that begins with `data` bytes, in clusters of 4 KiB.
    fn bound_of(data: u64, size: u64) -> Result<u64> {
        let (tree, _) = TreeBuilder::new(Findings::default()).finish().unwrap();
        let mut builder = LayoutBuilder::new(Arc::new(tree));
        builder.computed(Arc::new(Ones(data)), "data").unwrap();
        bound(ClusterBits::new(12).unwrap(), &builder.finish(size).unwrap())
    }

    fn assert_refused(result: Result<u64>, what: &str) {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
        assert!(error.to_string().contains(what), "{error}");
    }

    #[test]
    fn an_l1_table_may_have_32_mib() {
        // 2^22 entries, each for the 512 clusters of an L2 table.
        assert!(bound_of(0, 8 << 40).is_ok());
        assert_refused(bound_of(0, (8 << 40) + 512), "L1 table");
    }

    #[test]
    fn a_refcount_table_may_have_8_mib() {
        // 2^20 blocks, each for 2048 clusters: 2^31 clusters in all. Without the blocks, the table's 2048, the header
        // and the 8192 of L1, 2146424831 are left: for 4184064 L2 tables and, one fewer than they hold, 2142240767 of data.
        let data = 2_142_240_767 * 4096;
        assert_eq!(bound_of(data, 8 << 40).unwrap(), 8 << 40);
        assert_refused(bound_of(data + 4096, 8 << 40), "refcount table");
    }
}
