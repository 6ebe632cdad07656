#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use crate::cluster::ClusterBits;

/// What the header of a fresh image says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) cluster_bits: ClusterBits,
    /// Bytes of the disk.
    pub(crate) size: u64,
    /// Entries.
    pub(crate) l1_len: u32,
    pub(crate) l1_offset: u64,
    pub(crate) refcount_table_offset: u64,
    pub(crate) refcount_table_clusters: u32,
    pub(crate) cluster_codec: ClusterCodec,
}

/// The compression type that the header names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClusterCodec {
    Deflate,
    Zstd,
}

impl Header {
    /// The header with its extensions.
    ///
    /// # Reference
    /// QEMU `docs/interop/qcow2`, "Header", "Header extensions", "Feature name table".
    pub(crate) fn encode(&self) -> Vec<u8> {
        let (incompatible, compression_type) = match self.cluster_codec {
            ClusterCodec::Deflate => (0, 0),
            ClusterCodec::Zstd => (COMPRESSION_TYPE_BIT, 1),
        };
        let mut out = Vec::new();
        out.extend_from_slice(b"QFI\xFB"); // magic
        put32(&mut out, 3); // version
        put64(&mut out, 0); // backing_file_offset
        put32(&mut out, 0); // backing_file_size
        put32(&mut out, self.cluster_bits.get()); // cluster_bits
        put64(&mut out, self.size); // size
        put32(&mut out, 0); // crypt_method
        put32(&mut out, self.l1_len); // l1_size
        put64(&mut out, self.l1_offset); // l1_table_offset
        put64(&mut out, self.refcount_table_offset); // refcount_table_offset
        put32(&mut out, self.refcount_table_clusters); // refcount_table_clusters
        put32(&mut out, 0); // nb_snapshots
        put64(&mut out, 0); // snapshots_offset
        put64(&mut out, incompatible); // incompatible_features
        put64(&mut out, 0); // compatible_features
        put64(&mut out, 0); // autoclear_features
        put32(&mut out, REFCOUNT_ORDER); // refcount_order
        put32(&mut out, HEADER_LEN); // header_length
        out.push(compression_type); // compression_type
        out.extend_from_slice(&[0; 7]); // padding
        put32(&mut out, FEATURE_NAME_TABLE); // header extension type
        put32(&mut out, FEATURE_NAMES_LEN); // length of its data
        for (kind, bit, name) in FEATURE_NAMES {
            let mut entry = [0; FEATURE_NAME_LEN];
            entry[0] = kind;
            entry[1] = bit;
            for (to, from) in entry[2..].iter_mut().zip(name.bytes()) {
                *to = from;
            }
            out.extend_from_slice(&entry);
        }
        put64(&mut out, 0); // end of the header extension area
        out
    }
}

/// A table of 64-bit entries, padded with zeros to whole clusters.
pub(crate) fn table(entries: &[u64], bits: ClusterBits) -> Vec<u8> {
    padded(entries.iter().flat_map(|entry| entry.to_be_bytes()).collect(), bits)
}

/// A refcount block of 16-bit counts, padded with zeros to a cluster.
pub(crate) fn refcount_block(counts: &[u16], bits: ClusterBits) -> Vec<u8> {
    padded(counts.iter().flat_map(|count| count.to_be_bytes()).collect(), bits)
}

fn padded(mut bytes: Vec<u8>, bits: ClusterBits) -> Vec<u8> {
    // OK to fall back: a cluster has at most 2 MiB.
    let cluster = usize::try_from(bits.size()).unwrap_or(1);
    bytes.resize(bytes.len().next_multiple_of(cluster), 0);
    bytes
}

fn put32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_be_bytes());
}

fn put64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_be_bytes());
}

/// 2^4 bits for each refcount.
const REFCOUNT_ORDER: u32 = 4;
/// Bytes up to the extensions.
const HEADER_LEN: u32 = 112;
/// Incompatible feature: `compression_type` is not 0.
const COMPRESSION_TYPE_BIT: u64 = 1 << 3;
const FEATURE_NAME_TABLE: u32 = 0x6803_F857;
const FEATURE_NAME_LEN: usize = 48;
const FEATURE_NAMES_LEN: u32 = 48 * 5;
/// A reader that lacks a feature can name it: kind (0 incompatible, 1 compatible), bit, name.
const FEATURE_NAMES: [(u8, u8, &str); 5] = [
    (0, 0, "dirty bit"),
    (0, 1, "corrupt bit"),
    (0, 3, "compression type"),
    (0, 4, "extended L2 entries"),
    (1, 0, "lazy refcounts"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn header(cluster_codec: ClusterCodec) -> Vec<u8> {
        Header {
            cluster_bits: ClusterBits::default(),
            size: 0x1_4000_0000,
            l1_len: 10,
            l1_offset: 0x5_0000,
            refcount_table_offset: 0x6_0000,
            refcount_table_clusters: 1,
            cluster_codec,
        }
        .encode()
    }

    #[test]
    fn every_field_of_the_header_has_its_place() {
        let header = header(ClusterCodec::Deflate);
        #[rustfmt::skip]
        let expected: [u8; 112] = [
            b'Q', b'F', b'I', 0xFB, 0, 0, 0, 3,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,   // no backing file
            0, 0, 0, 16,
            0, 0, 0, 1, 0x40, 0, 0, 0,            // 5 GiB
            0, 0, 0, 0,                           // not encrypted
            0, 0, 0, 10,
            0, 0, 0, 0, 0, 5, 0, 0,
            0, 0, 0, 0, 0, 6, 0, 0,
            0, 0, 0, 1,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,   // no snapshots
            0, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 4,
            0, 0, 0, 112,
            0, 0, 0, 0, 0, 0, 0, 0,
        ];
        assert_eq!(header[..112], expected);
        assert_eq!(header[112..120], [0x68, 0x03, 0xF8, 0x57, 0, 0, 0, 240]);
        assert_eq!(header[120..132], *b"\0\0dirty bit\0");
        assert_eq!(header.len(), 120 + 240 + 8);
        assert_eq!(header[360..], [0; 8]);
    }

    #[test]
    fn zstd_sets_its_type_and_its_feature_bit_together() {
        let header = header(ClusterCodec::Zstd);
        assert_eq!(header[72..80], [0, 0, 0, 0, 0, 0, 0, 8]);
        assert_eq!(header[104], 1);
    }

    #[test]
    fn tables_are_big_endian_and_fill_whole_clusters() {
        let bits = ClusterBits::new(12).unwrap();
        let bytes = table(&[0x8000_0000_0005_0000], bits);
        assert_eq!(bytes.len(), 4096);
        assert_eq!(bytes[..9], [0x80, 0, 0, 0, 0, 5, 0, 0, 0]);
        let bytes = refcount_block(&[1, 258], bits);
        assert_eq!((bytes.len(), &bytes[..5]), (4096, &[0, 1, 1, 2, 0][..]));
    }
}
