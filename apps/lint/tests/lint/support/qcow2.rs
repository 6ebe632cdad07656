use std::io::Write;

use flate2::{Compress, Compression, FlushCompress};

use super::{Package, data};

/// Clusters of 4 KiB: header, L1, L2, refcount table, refcount block, raw data, two compressed.
pub(crate) const CLUSTER: usize = 4096;
pub(crate) const L1: usize = CLUSTER;
pub(crate) const L2: usize = 2 * CLUSTER;
pub(crate) const TABLE: usize = 3 * CLUSTER;
pub(crate) const BLOCK: usize = 4 * CLUSTER;
pub(crate) const RAW: usize = 5 * CLUSTER;
pub(crate) const PACKED: usize = 6 * CLUSTER;
/// Guest clusters of the disk.
const CLUSTERS: usize = 16;

/// Raw deflate with that window.
pub(crate) fn deflated(bytes: &[u8], window: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 1024);
    let mut encoder = Compress::new_with_window_bits(Compression::best(), false, window);
    encoder.compress_vec(bytes, &mut out, FlushCompress::Finish).unwrap();
    out
}

pub(crate) fn deflate() -> Package {
    build(&deflated(&data(CLUSTER, 5), 12), 0, 12)
}

pub(crate) fn zstd() -> Package {
    let mut packed = vec![0; 2 * CLUSTER];
    let len = zstd_safe::compress(&mut packed[..], &data(CLUSTER, 5), 3).unwrap();
    build(&packed[..len], 1, 12)
}

/// An image whose compressed cluster is `packed`.
pub(crate) fn build(packed: &[u8], kind: u8, cluster_bits: u32) -> Package {
    let cluster = 1_usize << cluster_bits;
    let scale = cluster / CLUSTER;
    let mut bytes = vec![0; PACKED * scale];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, b"QFI\xfb");
    put(4, &3_u32.to_be_bytes());
    put(20, &cluster_bits.to_be_bytes());
    put(24, &((CLUSTERS * cluster) as u64).to_be_bytes());
    put(36, &1_u32.to_be_bytes());
    put(40, &((L1 * scale) as u64).to_be_bytes());
    put(48, &((TABLE * scale) as u64).to_be_bytes());
    put(56, &1_u32.to_be_bytes());
    put(72, &(u64::from(kind) << 3).to_be_bytes());
    put(96, &4_u32.to_be_bytes());
    put(100, &112_u32.to_be_bytes());
    put(104, &[kind]);
    let entry = |offset: usize| ((offset * scale) as u64 | 1 << 63).to_be_bytes();
    put(L1 * scale, &entry(L2));
    put(L2 * scale, &entry(RAW));
    let start = PACKED * scale;
    let more = ((start + packed.len() - 1) / 512 - start / 512) as u64;
    let descriptor = 1 << 62 | more << (62 - (cluster_bits - 8)) | start as u64;
    put(L2 * scale + 16, &descriptor.to_be_bytes());
    put(TABLE * scale, &((BLOCK * scale) as u64).to_be_bytes());
    for number in 0..6 + packed.len().div_ceil(cluster) {
        put(BLOCK * scale + number * 2, &1_u16.to_be_bytes());
    }
    put(RAW * scale, &data(cluster, 6));
    bytes.write_all(packed).unwrap();
    bytes.resize(bytes.len().next_multiple_of(cluster), 0);
    Package::new("disk.qcow2", bytes)
}
