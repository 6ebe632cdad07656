//! VMDK: a sparse file with its descriptor embedded, or a descriptor alone.

mod descriptor;
mod header;
mod named;
mod sparse;
mod stream;
mod tables;

use diskwright_core::{ReadAt, Result};

use crate::beside::Beside;
use crate::bytes::{read, read_text, read_up_to};
use crate::report::{Findings, Location};
use crate::rules::vmdk as rules;
use descriptor::Descriptor;
use header::Header;

/// What other files say about a disk again.
#[derive(Debug, Default)]
pub(crate) struct DiskFacts {
    /// Bytes that the guest sees, if the disk says so.
    pub(crate) capacity: Option<u64>,
    /// The UUID by which VirtualBox knows the disk.
    pub(crate) uuid: Option<String>,
    /// Whether it is compressed for transport.
    pub(crate) is_stream: bool,
}

/// Whether the bytes at the start are those of a sparse extent.
pub(crate) fn is_sparse(head: &[u8]) -> bool {
    head.starts_with(b"KDMV")
}

/// Checks a disk of either form.
pub(crate) fn check(source: &dyn ReadAt, beside: &dyn Beside, f: &mut Findings) -> Result<DiskFacts> {
    if is_sparse(&read_up_to(source, 0, 4)?) {
        check_sparse(source, f)
    } else {
        check_descriptor(source, beside, f)
    }
}

/// Checks a sparse extent with its embedded descriptor.
pub(crate) fn check_sparse(source: &dyn ReadAt, f: &mut Findings) -> Result<DiskFacts> {
    let Some(bytes) = read(source, 0, SECTOR)? else {
        f.add(&rules::TRUNCATED, Location::Offset(source.size()), "the file ends within its header");
        return Ok(DiskFacts::default());
    };
    let header = Header::parse(&bytes);
    let is_sound = header.check(0, source.size(), f);
    let mut facts = DiskFacts {
        capacity: header.capacity.checked_mul(SECTOR_BYTES),
        uuid: None,
        is_stream: header.is_compressed(),
    };
    if let Some(descriptor) = embedded(source, &header, f)? {
        descriptor.check_embedded(&header, f);
        facts.uuid = descriptor.uuid();
    }
    if is_sound {
        if header.is_compressed() {
            stream::check(source, &header, f)?;
        } else {
            sparse::check(source, &header, f)?;
        }
    }
    Ok(facts)
}

/// Checks a descriptor in a file of its own, and the files of its extents.
fn check_descriptor(source: &dyn ReadAt, beside: &dyn Beside, f: &mut Findings) -> Result<DiskFacts> {
    let Some(text) = read_text(source, MAX_DESCRIPTOR)? else {
        f.add(&rules::DESCRIPTOR_SYNTAX, Location::Whole, "the descriptor is longer than 1 MiB or no UTF-8");
        return Ok(DiskFacts::default());
    };
    let descriptor = Descriptor::parse(text.trim_end_matches('\0'), f);
    descriptor.check_alone(beside, f)?;
    Ok(DiskFacts {
        capacity: descriptor.sectors().and_then(|sectors| sectors.checked_mul(SECTOR_BYTES)),
        uuid: descriptor.uuid(),
        is_stream: false,
    })
}

fn embedded(source: &dyn ReadAt, header: &Header, f: &mut Findings) -> Result<Option<Descriptor>> {
    let at = Location::Offset(0x1c);
    if header.descriptor_sectors == 0 || header.descriptor_sectors > MAX_DESCRIPTOR_SECTORS {
        let text = format!("the descriptor has {} sectors", header.descriptor_sectors);
        f.add(&rules::DESCRIPTOR_SIZE, at, text);
        return Ok(None);
    }
    let bytes = header.descriptor_sectors.saturating_mul(SECTOR_BYTES);
    let length = usize::try_from(bytes).unwrap_or(MAX_DESCRIPTOR).min(MAX_DESCRIPTOR);
    let start = header.descriptor.checked_mul(SECTOR_BYTES);
    let read = match start {
        Some(start) if start > 0 && start.saturating_add(bytes) <= source.size() => {
            read(source, start, length)?
        }
        _ => None,
    };
    let Some(mut bytes) = read else {
        f.add(&rules::TRUNCATED, at, "the descriptor does not lie inside the file");
        return Ok(None);
    };
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    bytes.truncate(end);
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(Descriptor::parse(&text, f))),
        Err(_) => {
            f.add(&rules::DESCRIPTOR_SYNTAX, at, "the descriptor is no UTF-8");
            Ok(None)
        }
    }
}

const SECTOR: usize = 512;
const SECTOR_BYTES: u64 = 512;
const MAX_DESCRIPTOR: usize = 1 << 20;
const MAX_DESCRIPTOR_SECTORS: u64 = 20_480;
