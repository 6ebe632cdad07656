//! How often each cluster of the file is used, and what the refcounts say.

use diskwright_core::{Error, ErrorKind, Result};

use super::cut_off;
use super::header::Header;
use crate::bytes::{array, len, len64};
use crate::disk::{Disk, read};
use crate::finding::Findings;

/// Uses by cluster of the file.
pub(super) struct Uses {
    counts: Vec<u16>,
    bits: u32,
}

impl Uses {
    pub(super) fn new(file_size: u64, bits: u32) -> Result<Self> {
        let clusters = file_size >> bits;
        let mut counts = Vec::new();
        let fits = clusters <= MAX_CLUSTERS && counts.try_reserve_exact(len(clusters)).is_ok();
        if !fits {
            let text = format!("a file of {clusters} clusters, at most {MAX_CLUSTERS} are counted");
            return Err(Error::new(ErrorKind::LimitExceeded, text));
        }
        counts.resize(len(clusters), 0);
        Ok(Self { counts, bits })
    }

    /// One use of each cluster that the bytes touch.
    pub(super) fn add(&mut self, offset: u64, size: u64) {
        let (first, end) = (offset >> self.bits, offset.saturating_add(size).div_ceil(1 << self.bits));
        for count in self.counts.get_mut(len(first)..len(end)).unwrap_or_default() {
            *count = count.saturating_add(1);
        }
    }

    /// Holds every refcount against the uses; blocks and table are used, too.
    ///
    /// # Reference
    /// QEMU `docs/interop/qcow2`, "Host cluster management".
    pub(super) fn check(mut self, file: &dyn Disk, header: &Header, findings: &mut Findings) -> Result<()> {
        let cluster = 1_u64 << self.bits;
        let each = cluster / 2;
        let size = header.refcount_clusters.saturating_mul(cluster);
        let blocks_needed = len64(self.counts.len()).div_ceil(each);
        let mut blocks = Vec::new();
        for at in (0..size).step_by(8) {
            let place = header.refcount_offset.saturating_add(at);
            let offset = u64::from_be_bytes(array(&read(file, place, 8)?, 0));
            let is_needed = at / 8 < blocks_needed;
            if (offset != 0) != is_needed || offset % cluster != 0 {
                findings.add(
                    "qcow2-refcount-table",
                    "refcount table",
                    Some(place),
                    format!("{blocks_needed} blocks, then nothing"),
                    format!("{offset:#x}"),
                );
                if findings.is_full() {
                    return Ok(());
                }
            }
            if !is_needed {
                continue;
            }
            if offset.checked_add(cluster).is_none_or(|end| end > file.size()) {
                return Err(cut_off("a refcount block", offset));
            }
            self.add(offset, cluster);
            blocks.push(offset);
        }
        for (block, offset) in (0_u64..).zip(blocks) {
            let stored = read(file, offset / cluster * cluster, len(cluster))?;
            for (at, count) in (0_u64..).zip(stored.chunks_exact(2)) {
                let number = block * each + at;
                let wanted = self.counts.get(len(number)).copied().unwrap_or(0);
                let found = u16::from_be_bytes(array(count, 0));
                if found != wanted || (wanted == 0 && number < len64(self.counts.len())) {
                    let name = format!("refcount of cluster {number}");
                    let text =
                        if wanted == 0 { "a use of every cluster".to_owned() } else { wanted.to_string() };
                    findings.add("qcow2-refcount", name, Some(offset + 2 * at), text, found.to_string());
                }
            }
            if findings.is_full() {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// 2 GiB of counts; 64 TiB of file with clusters of 64 KiB.
const MAX_CLUSTERS: u64 = 1 << 30;
