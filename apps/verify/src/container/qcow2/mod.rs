//! QCOW2, version 3: plain, deflate and zstd clusters.
//!
//! # Reference
//! QEMU `docs/interop/qcow2`.

mod header;
mod refcounts;
mod tables;

use std::io;
use std::sync::Arc;

use diskwright_core::{ReadAt, Result};

use super::Made;
use super::cut_off;
use super::inflate::{inflate_raw, unpack_zstd};
use super::recent::Recent;
use crate::bytes::{len, len64, u64_be};
use crate::disk::Disk;
use crate::finding::Findings;
use header::Header;
use tables::Entry;

/// An image whose tables are known to be sound enough to read.
pub(super) struct Qcow2 {
    file: Arc<dyn Disk>,
    header: Header,
    /// Host offsets of L2 tables; 0 for none.
    l1: Vec<u64>,
    tables: Recent,
    clusters: Recent,
}

/// The disk in a QCOW2 file.
///
/// # Errors
/// `ErrorKind::Source` when the file cannot be read or is cut off; `ErrorKind::Unsupported` for what Diskwright does not write.
pub(super) fn open(
    file: Arc<dyn Disk>,
    machine: &Made<'_>,
    findings: &mut Findings,
) -> Result<Arc<dyn Disk>> {
    let header = Header::read(file.as_ref(), findings)?;
    super::check_size(header.size, machine)?;
    let l1 = tables::read_l1(file.as_ref(), &header, findings)?;
    let image = Qcow2 { file, header, l1, tables: Recent::new(TABLES), clusters: Recent::new(CLUSTERS) };
    image.check(findings)?;
    Ok(Arc::new(image))
}

impl Qcow2 {
    fn cluster(&self) -> u64 {
        1 << self.header.cluster_bits
    }

    /// The entry of a cluster of the disk.
    fn entry(&self, number: u64) -> io::Result<Entry> {
        let each = self.cluster() / 8;
        let Some(offset) = self.l1.get(len(number / each)).copied().filter(|offset| *offset != 0) else {
            return Ok(Entry::Zero);
        };
        let table = self.tables.get(offset, || -> io::Result<Vec<u8>> {
            let mut table = vec![0; len(self.cluster())];
            self.file.read_exact_at(offset, &mut table)?;
            Ok(table)
        })?;
        let stored = u64_be(&table, len(number % each) * 8);
        Entry::of(stored, self.header.cluster_bits)
            .map_err(|text| io::Error::new(io::ErrorKind::InvalidData, text))
    }

    /// A cluster of the disk; `None` for zeros.
    fn content(&self, number: u64) -> io::Result<Option<Arc<[u8]>>> {
        let entry = self.entry(number)?;
        if matches!(entry, Entry::Zero) {
            return Ok(None);
        }
        self.clusters.get(number, || self.read_cluster(&entry).map(|(bytes, _)| bytes)).map(Some)
    }

    /// The bytes of a cluster, and how many stored bytes they were. A cluster is whole, also where the disk ends in it: a
    /// stream that ends before is an error for QEMU.
    fn read_cluster(&self, entry: &Entry) -> io::Result<(Vec<u8>, u64)> {
        let size = len(self.cluster());
        match *entry {
            Entry::Zero => Ok((vec![0; size], 0)),
            Entry::Stored(offset) => {
                let mut bytes = vec![0; size];
                self.file.read_exact_at(offset, &mut bytes)?;
                Ok((bytes, len64(size)))
            }
            Entry::Packed { offset, sectors } => {
                let end = (offset / 512 + sectors + 1) * 512;
                let end = end.min(self.file.size());
                let mut packed = vec![0; len(end.saturating_sub(offset)).min(2 * size + 1024)];
                self.file.read_exact_at(offset, &mut packed)?;
                let (bytes, used) = if self.header.is_zstd {
                    unpack_zstd(&packed, size)?
                } else {
                    inflate_raw(&packed, size)?
                };
                Ok((bytes, len64(used)))
            }
        }
    }
}

impl ReadAt for Qcow2 {
    fn size(&self) -> u64 {
        self.header.size
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        super::read_pieces(self.size(), self.cluster(), offset, buf, |number| self.content(number))
    }
}

impl Disk for Qcow2 {
    fn next_data(&self, from: u64) -> u64 {
        let each = self.cluster() / 8;
        let mut number = from / self.cluster();
        let end = self.size().div_ceil(self.cluster());
        while number < end {
            if self.l1.get(len(number / each)).is_none_or(|offset| *offset == 0) {
                number = (number / each + 1) * each;
                continue;
            }
            // What cannot be read is an error when it is read.
            if !matches!(self.entry(number), Ok(Entry::Zero)) {
                return (number * self.cluster()).max(from);
            }
            number += 1;
        }
        self.size().max(from)
    }
}

/// Tables and clusters that are kept: 1 MiB and 4 MiB with clusters of 64 KiB.
const TABLES: usize = 16;
const CLUSTERS: usize = 64;
