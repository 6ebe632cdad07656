use diskwright_core::{Error, ErrorKind, Result};

use super::cut_off;
use crate::bytes::{first_difference, hex, len64, put, u32_be, u64_be};
use crate::disk::{Disk, expect_zeros, read};
use crate::finding::Findings;

/// What a header says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) cluster_bits: u32,
    /// Bytes of the disk.
    pub(super) size: u64,
    pub(super) l1_entries: u64,
    pub(super) l1_offset: u64,
    pub(super) refcount_offset: u64,
    pub(super) refcount_clusters: u64,
    pub(super) is_zstd: bool,
}

impl Header {
    /// Reads the header and everything else in the first cluster.
    pub(super) fn read(file: &dyn Disk, findings: &mut Findings) -> Result<Self> {
        if file.size() < len64(LEN) {
            return Err(cut_off("the header", file.size()));
        }
        let found = read(file, 0, LEN)?;
        let (version, bits) = (u32_be(&found, 4), u32_be(&found, 20));
        if version != 3 || !(12..=21).contains(&bits) {
            let text = format!(
                "QCOW2 of version {version} with clusters of 2^{bits} bytes is nothing that is written here"
            );
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        let header = Self {
            cluster_bits: bits,
            size: u64_be(&found, 24),
            l1_entries: u64::from(u32_be(&found, 36)),
            l1_offset: u64_be(&found, 40),
            refcount_offset: u64_be(&found, 48),
            refcount_clusters: u64::from(u32_be(&found, 56)),
            is_zstd: found[104] == 1,
        };
        header.check(file, &found, findings)?;
        Ok(header)
    }

    fn check(&self, file: &dyn Disk, found: &[u8], findings: &mut Findings) -> Result<()> {
        let cluster = 1_u64 << self.cluster_bits;
        let mut expected = vec![0; LEN];
        put(&mut expected, 0, b"QFI\xfb\0\0\0\x03");
        put(&mut expected, 20, &found[20..32]);
        put(&mut expected, 36, &found[36..60]);
        put(&mut expected, 96, &[0, 0, 0, 4, 0, 0, 0, 112]);
        if self.is_zstd {
            put(&mut expected, 79, &[8]);
            put(&mut expected, 104, &[1]);
        }
        // The feature name table: kind, bit, name.
        put(&mut expected, 112, &[0x68, 0x03, 0xf8, 0x57, 0, 0, 0, 240]);
        for (at, (kind, bit, name)) in FEATURES.iter().enumerate() {
            put(&mut expected, 120 + 48 * at, &[*kind, *bit]);
            put(&mut expected, 122 + 48 * at, name.as_bytes());
        }
        if let Some(at) = first_difference(found, &expected) {
            let shown = |bytes: &[u8]| hex(bytes.get(at..(at + 8).min(LEN)).unwrap_or_default());
            findings.add("qcow2-header", "header", Some(len64(at)), shown(&expected), shown(found));
        }
        if !file.size().is_multiple_of(cluster) || file.size() < 4 * cluster {
            return Err(cut_off("the last cluster", file.size()));
        }
        expect_zeros(file, len64(LEN), cluster, ("qcow2-header", "after the header"), findings)?;
        let entries = self.size.div_ceil(cluster).div_ceil(cluster / 8).max(1);
        if self.l1_entries != entries {
            let text =
                format!("L1 has {} entries, a disk of {} bytes has {entries}", self.l1_entries, self.size);
            return Err(Error::new(ErrorKind::Source, text));
        }
        let parts = [
            ("L1", self.l1_offset, self.l1_entries.saturating_mul(8)),
            ("the refcount table", self.refcount_offset, self.refcount_clusters.saturating_mul(cluster)),
        ];
        for (what, offset, size) in parts {
            if offset % cluster != 0 || offset.checked_add(size).is_none_or(|end| end > file.size()) {
                return Err(cut_off(what, offset));
            }
        }
        Ok(())
    }
}

/// Header, feature name table and the end of the extensions.
const LEN: usize = 112 + 8 + 240 + 8;
const FEATURES: [(u8, u8, &str); 5] = [
    (0, 0, "dirty bit"),
    (0, 1, "corrupt bit"),
    (0, 3, "compression type"),
    (0, 4, "extended L2 entries"),
    (1, 0, "lazy refcounts"),
];
