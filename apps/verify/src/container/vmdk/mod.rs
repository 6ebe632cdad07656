//! VMDK: monolithic sparse, flat with its descriptor, stream-optimised.
//!
//! # Reference
//! VMware, Virtual Disk Format 5.0.

mod descriptor;
mod sparse;
mod stream;

use std::io;
use std::path::Path;
use std::sync::Arc;

use diskwright_core::{Error, ErrorKind, ReadAt, Result};

use super::HostFile;
use super::Made;
use super::cut_off;
use super::inflate::inflate_zlib;
use super::recent::Recent;
use crate::bytes::{array, first_difference, hex, len, len64, put, u32_le, u64_le};
use crate::disk::{Disk, read};
use crate::finding::Findings;

/// A sparse extent whose tables were checked.
struct Sparse {
    file: Arc<dyn Disk>,
    /// Bytes of the disk.
    size: u64,
    /// Sector of each grain in the file; 0 for zeros.
    grains: Vec<u32>,
    is_packed: bool,
    recent: Recent,
}

/// What a header, or the footer, says in sectors.
#[derive(Clone, Copy, Debug)]
struct Header {
    is_stream: bool,
    capacity: u64,
    redundant_directory: u64,
    directory: u64,
    overhead: u64,
}

/// Whether a file is a sparse extent.
pub(super) fn is_sparse(head: &[u8]) -> bool {
    head.starts_with(b"KDMV")
}

/// Whether a file is a descriptor.
pub(super) fn is_descriptor(head: &[u8]) -> bool {
    head.starts_with(b"# Disk DescriptorFile")
}

/// The disk in a sparse extent; `name` is that of its file.
///
/// # Errors
/// `ErrorKind::Source` when the file cannot be read or is cut off; `ErrorKind::Unsupported` for what is not written here.
pub(super) fn open(
    file: Arc<dyn Disk>,
    name: &str,
    machine: &Made<'_>,
    findings: &mut Findings,
) -> Result<Arc<dyn Disk>> {
    let header = Header::read(file.as_ref(), 0, "header", findings)?;
    super::check_size(header.capacity.saturating_mul(SECTOR), machine)?;
    let create_type = if header.is_stream { "streamOptimized" } else { "monolithicSparse" };
    let extent = format!("RW {} SPARSE \"{name}\"", header.capacity);
    let text = read(file.as_ref(), SECTOR, len(DESCRIPTOR_SECTORS * SECTOR))?;
    descriptor::check(&text, header.capacity, create_type, &extent, machine, findings);
    let grains = if header.is_stream {
        stream::grains(file.as_ref(), &header, findings)?
    } else {
        sparse::grains(file.as_ref(), &header, findings)?
    };
    let size = header.capacity.saturating_mul(SECTOR);
    Ok(Arc::new(Sparse { file, size, grains, is_packed: header.is_stream, recent: Recent::new(64) }))
}

/// The disk of a flat extent, by its descriptor.
///
/// # Errors
/// As [`open`].
pub(super) fn open_flat(path: &Path, machine: &Made<'_>, findings: &mut Findings) -> Result<Arc<dyn Disk>> {
    let text = HostFile::open(path)?;
    if text.size() > 64 * 1024 {
        return Err(Error::new(ErrorKind::Unsupported, "the descriptor has more than 64 KiB"));
    }
    let bytes = read(&text, 0, len(text.size()))?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = format!("{stem}-flat.vmdk");
    let flat = HostFile::open(&path.with_file_name(&name))?;
    let sectors = flat.size() / SECTOR;
    let extent = format!("RW {sectors} FLAT \"{name}\" 0");
    descriptor::check(&bytes, sectors, "monolithicFlat", &extent, machine, findings);
    Ok(Arc::new(flat))
}

impl Header {
    fn read(file: &dyn Disk, at: u64, name: &str, findings: &mut Findings) -> Result<Self> {
        if at.saturating_add(SECTOR * (1 + DESCRIPTOR_SECTORS)) > file.size() && at == 0 {
            return Err(cut_off("the descriptor", file.size()));
        }
        let found = read(file, at, len(SECTOR))?;
        let is_stream = u32_le(&found, 4) == 3;
        let mut expected = vec![0; found.len()];
        put(&mut expected, 0, b"KDMV");
        put(&mut expected, 4, if is_stream { &[3, 0, 0, 0, 1, 0, 3, 0] } else { &[1, 0, 0, 0, 3, 0, 0, 0] });
        put(&mut expected, 12, &array::<8>(&found, 12));
        put(&mut expected, 20, &128_u64.to_le_bytes());
        put(&mut expected, 28, &1_u64.to_le_bytes());
        put(&mut expected, 36, &DESCRIPTOR_SECTORS.to_le_bytes());
        put(&mut expected, 44, &512_u32.to_le_bytes());
        // Directories and overhead are checked where they lead.
        put(&mut expected, 48, &array::<24>(&found, 48));
        put(&mut expected, 73, b"\n \r\n");
        put(&mut expected, 77, &[u8::from(is_stream)]);
        if let Some(wrong) = first_difference(&found, &expected) {
            let shown =
                |bytes: &[u8]| hex(bytes.get(wrong..(wrong + 8).min(bytes.len())).unwrap_or_default());
            findings.add("vmdk-header", name, Some(at + len64(wrong)), shown(&expected), shown(&found));
        }
        let header = Self {
            is_stream,
            capacity: u64_le(&found, 12),
            redundant_directory: u64_le(&found, 48),
            directory: u64_le(&found, 56),
            overhead: u64_le(&found, 64),
        };
        let most = MAX_CAPACITY / SECTOR;
        if header.capacity == 0 || header.capacity > most || !header.capacity.is_multiple_of(GRAIN_SECTORS) {
            let text = format!("a disk of {} sectors is nothing that is written here", header.capacity);
            return Err(Error::new(ErrorKind::Unsupported, text).with_offset(at));
        }
        Ok(header)
    }

    fn grains(&self) -> u64 {
        self.capacity / GRAIN_SECTORS
    }

    fn tables(&self) -> u64 {
        self.grains().div_ceil(TABLE_LEN)
    }

    /// Sectors of a directory.
    fn directory_sectors(&self) -> u64 {
        (self.tables() * 4).div_ceil(SECTOR)
    }
}

impl Sparse {
    fn grain(&self, number: u64) -> io::Result<Option<Arc<[u8]>>> {
        let Some(sector) = self.grains.get(len(number)).copied().filter(|sector| *sector != 0) else {
            return Ok(None);
        };
        let at = u64::from(sector) * SECTOR;
        let make = || {
            if !self.is_packed {
                let mut bytes = vec![0; GRAIN];
                self.file.read_exact_at(at, &mut bytes)?;
                return Ok(bytes);
            }
            let mut marker = [0; 12];
            self.file.read_exact_at(at, &mut marker)?;
            let size = len(u64::from(u32_le(&marker, 8)));
            // The walk has seen that it is no longer than a grain may be.
            let mut packed = vec![0; size.min(2 * GRAIN)];
            self.file.read_exact_at(at + 12, &mut packed)?;
            inflate_zlib(&packed, GRAIN).map(|(bytes, _)| bytes)
        };
        self.recent.get(number, make).map(Some)
    }
}

impl ReadAt for Sparse {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        super::read_pieces(self.size, len64(GRAIN), offset, buf, |number| self.grain(number))
    }
}

impl Disk for Sparse {
    fn next_data(&self, from: u64) -> u64 {
        let mut number = from / len64(GRAIN);
        while number < len64(self.grains.len()) {
            if self.grains.get(len(number)).is_some_and(|sector| *sector != 0) {
                return (number * len64(GRAIN)).max(from);
            }
            number += 1;
        }
        self.size.max(from)
    }
}

const SECTOR: u64 = 512;
const GRAIN: usize = 64 * 1024;
const GRAIN_SECTORS: u64 = 128;
/// Grains of a table.
const TABLE_LEN: u64 = 512;
const TABLE_SECTORS: u64 = 4;
const DESCRIPTOR_SECTORS: u64 = 20;
/// 62 TiB.
const MAX_CAPACITY: u64 = 62 << 40;
