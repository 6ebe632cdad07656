//! L1 and L2.

use diskwright_core::{Error, ErrorKind, Result};

use super::header::Header;
use super::refcounts::Uses;
use super::{Qcow2, cut_off};
use crate::bytes::{first_nonzero, len, len64, u64_be};
use crate::disk::{Disk, expect_zeros, read};
use crate::finding::Findings;

/// Where a cluster of the disk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Zero,
    /// A host offset, a cluster's start.
    Stored(u64),
    /// A host offset, and how many sectors follow the first.
    Packed {
        offset: u64,
        sectors: u64,
    },
}

impl Entry {
    /// # Reference
    /// QEMU `docs/interop/qcow2`, "L2 table entry", "Compressed Clusters Descriptor".
    pub(super) fn of(stored: u64, cluster_bits: u32) -> Result<Self, String> {
        let cluster = 1_u64 << cluster_bits;
        if stored == 0 {
            return Ok(Self::Zero);
        }
        if stored & PACKED != 0 && stored & ONCE == 0 {
            let bits = 70 - cluster_bits;
            let offset = stored & ((1 << bits) - 1);
            return Ok(Self::Packed { offset, sectors: (stored & !PACKED) >> bits });
        }
        let offset = stored & !ONCE;
        let is_plain = stored & ONCE != 0 && offset.is_multiple_of(cluster) && offset > 0 && offset < 1 << 56;
        if is_plain {
            Ok(Self::Stored(offset))
        } else {
            Err(format!("{stored:#018x} is no entry that is written"))
        }
    }
}

/// L1: host offsets of L2 tables, each a cluster's start within the file.
pub(super) fn read_l1(file: &dyn Disk, header: &Header, findings: &mut Findings) -> Result<Vec<u64>> {
    let cluster = 1_u64 << header.cluster_bits;
    // The header was checked: the table is within the file. Its size is that of a file, which may have holes.
    if header.l1_entries > MAX_L1 {
        let text = format!("an L1 of {} entries, at most {MAX_L1} are read", header.l1_entries);
        return Err(Error::new(ErrorKind::LimitExceeded, text));
    }
    let bytes = read(file, header.l1_offset, len(header.l1_entries * 8))?;
    let mut offsets = Vec::new();
    for (at, entry) in bytes.chunks_exact(8).enumerate() {
        let stored = u64_be(entry, 0);
        let offset = match Entry::of(stored, header.cluster_bits) {
            Ok(Entry::Zero) => 0,
            Ok(Entry::Stored(offset)) => offset,
            _ => {
                let place = header.l1_offset + 8 * len64(at);
                findings.add(
                    "qcow2-l1",
                    "L1",
                    Some(place),
                    "nothing or a table used once",
                    format!("{stored:#018x}"),
                );
                0
            }
        };
        if offset != 0 && offset.checked_add(cluster).is_none_or(|end| end > file.size()) {
            return Err(cut_off("an L2 table", offset));
        }
        offsets.push(offset);
    }
    let end = header.l1_offset + header.l1_entries * 8;
    expect_zeros(file, end, end.next_multiple_of(cluster), ("qcow2-l1", "after L1"), findings)?;
    Ok(offsets)
}

impl Qcow2 {
    /// Checks every entry of every L2 table, and every refcount.
    pub(super) fn check(&self, findings: &mut Findings) -> Result<()> {
        let cluster = self.cluster();
        let mut uses = Uses::new(self.file.size(), self.header.cluster_bits)?;
        uses.add(0, cluster);
        uses.add(self.header.l1_offset, self.header.l1_entries * 8);
        uses.add(self.header.refcount_offset, self.header.refcount_clusters * cluster);
        let each = cluster / 8;
        let end = self.header.size.div_ceil(cluster);
        // The compressed cluster before, with its end by sectors.
        let mut last_packed: Option<(Entry, u64, u64)> = None;
        for (table, offset) in (0_u64..).zip(&self.l1).filter(|(_, offset)| **offset != 0) {
            uses.add(*offset, cluster);
            let bytes = read(self.file.as_ref(), *offset, len(cluster))?;
            for (at, stored) in (0_u64..).zip(bytes.chunks_exact(8)) {
                if findings.is_full() {
                    return Ok(());
                }
                let place = offset + 8 * at;
                let number = table * each + at;
                let entry = Entry::of(u64_be(stored, 0), self.header.cluster_bits);
                if entry != Ok(Entry::Zero) && number >= end {
                    findings.add(
                        "qcow2-l2",
                        "L2",
                        Some(place),
                        "nothing past the disk's end",
                        format!("{entry:?}"),
                    );
                    continue;
                }
                match entry {
                    Ok(Entry::Zero) => {}
                    Ok(Entry::Stored(data)) => {
                        // The disk's last cluster may be short; the file is whole clusters.
                        if data.checked_add(cluster).is_none_or(|end| end > self.file.size()) {
                            return Err(cut_off("a cluster", data));
                        }
                        uses.add(data, cluster);
                        self.check_tail(number, data, findings)?;
                    }
                    Ok(Entry::Packed { offset: data, sectors }) => {
                        let end = (data / 512).saturating_add(sectors).saturating_add(1).saturating_mul(512);
                        if end > self.file.size() || sectors * 512 > 2 * cluster {
                            return Err(cut_off("a compressed cluster", data));
                        }
                        uses.add(data, end - data);
                        self.check_packing(last_packed, Some(data), findings)?;
                        last_packed = Some((Entry::Packed { offset: data, sectors }, end, number));
                    }
                    Err(text) => findings.add("qcow2-l2", "L2", Some(place), "a cluster, or nothing", text),
                }
            }
        }
        self.check_packing(last_packed, None, findings)?;
        uses.check(self.file.as_ref(), &self.header, findings)
    }

    /// Compressed clusters follow each other byte by byte; where none follows, zeros do up to the cluster's end.
    fn check_packing(
        &self,
        before: Option<(Entry, u64, u64)>,
        next: Option<u64>,
        findings: &mut Findings,
    ) -> Result<()> {
        let Some((entry, end, number)) = before else { return Ok(()) };
        let Entry::Packed { offset, .. } = entry else { return Ok(()) };
        if let Some(next) = next
            && (end - 511..=end).contains(&next)
            && next > offset
        {
            return Ok(());
        }
        let read = self.read_cluster(&entry).map_err(|error| {
            let error =
                Error::new(ErrorKind::Source, "a compressed cluster cannot be read").with_source(error);
            error.with_offset(offset)
        })?;
        self.expect_zero_tail(number, &read.0, offset, findings);
        let data_end = offset.saturating_add(read.1);
        let cluster_end = data_end.next_multiple_of(self.cluster());
        if data_end > end || data_end + 511 < end {
            let found = format!("sectors up to {end:#x}");
            findings.add(
                "qcow2-l2",
                "compressed cluster",
                Some(offset),
                format!("data up to {data_end:#x}"),
                found,
            );
        }
        expect_zeros(
            self.file.as_ref(),
            data_end,
            cluster_end.min(self.file.size()),
            ("qcow2-gap", "after compressed data"),
            findings,
        )
    }

    /// What a cluster has past the disk's end is zero.
    fn check_tail(&self, number: u64, data: u64, findings: &mut Findings) -> Result<()> {
        let end = self.header.size.saturating_sub(number.saturating_mul(self.cluster()));
        if end >= self.cluster() {
            return Ok(());
        }
        let cluster = read(self.file.as_ref(), data, len(self.cluster()))?;
        self.expect_zero_tail(number, &cluster, data, findings);
        Ok(())
    }

    /// As [`Qcow2::check_tail`], of the bytes of a cluster that stands, packed or not, at `data`.
    fn expect_zero_tail(&self, number: u64, cluster: &[u8], data: u64, findings: &mut Findings) {
        let end = len(self.header.size.saturating_sub(number.saturating_mul(self.cluster())));
        if first_nonzero(cluster.get(end..).unwrap_or_default()).is_some() {
            findings.add("qcow2-gap", "last cluster", Some(data), "zeros past the disk's end", "bytes");
        }
    }
}

/// OFLAG_COPIED: the refcount is exactly one.
const ONCE: u64 = 1 << 63;
/// OFLAG_COMPRESSED.
const PACKED: u64 = 1 << 62;
/// 64 MiB of table: 512 TiB of disk with clusters of 64 KiB.
const MAX_L1: u64 = 8 << 20;
