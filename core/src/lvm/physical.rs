use super::{DATA_START, PhysicalVolume};
use crate::{Error, ErrorKind, Result};

/// The label, the header of the metadata area and the metadata, from the first byte of a physical volume on.
///
/// # Reference
/// LVM2 2.03, `lib/label/label.h`: `struct label_header`; `lib/format_text/layout.h`: `struct pv_header`,
/// `struct pv_header_extension`, `struct mda_header`.
pub(super) fn header(physical: &PhysicalVolume, metadata: &[u8]) -> Result<Vec<u8>> {
    let len = u64::try_from(metadata.len()).unwrap_or(u64::MAX);
    // LVM writes the next version beside this one.
    if len > AREA_SIZE.saturating_sub(SECTOR) / 2 {
        let text = format!("{len} bytes of metadata of a volume group are more than half of the room for it");
        return Err(Error::new(ErrorKind::LimitExceeded, text));
    }
    let mut bytes = vec![0; 512];
    bytes.extend(label(physical));
    bytes.resize(AREA_START_INDEX, 0);
    bytes.extend(area_header(metadata, len));
    bytes.extend_from_slice(metadata);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    Ok(bytes)
}

/// Sector 1.
fn label(physical: &PhysicalVolume) -> Vec<u8> {
    let mut contents = Vec::new();
    contents.extend_from_slice(&CONTENTS_OFFSET.to_le_bytes());
    contents.extend_from_slice(b"LVM2 001");
    contents.extend_from_slice(physical.id.bytes());
    contents.extend_from_slice(&physical.size.to_le_bytes());
    // Data areas: one, to the end; metadata areas: one. A pair of zeros ends each list.
    for number in [DATA_START, 0, 0, 0, AREA_START, AREA_SIZE, 0, 0] {
        contents.extend_from_slice(&number.to_le_bytes());
    }
    // pv_header_extension: version, flags, and no bootloader area.
    contents.extend_from_slice(&EXTENSION_VERSION.to_le_bytes());
    contents.extend_from_slice(&IN_USE.to_le_bytes());
    contents.resize(512 - LABEL_HEADER_BEFORE_CRC_END, 0);
    let mut label = Vec::with_capacity(512);
    label.extend_from_slice(b"LABELONE");
    label.extend_from_slice(&1_u64.to_le_bytes());
    label.extend_from_slice(&crc(&contents).to_le_bytes());
    label.extend(contents);
    label
}

/// The first sector of the metadata area.
fn area_header(metadata: &[u8], len: u64) -> Vec<u8> {
    let mut checked = Vec::new();
    checked.extend_from_slice(AREA_MAGIC);
    checked.extend_from_slice(&1_u32.to_le_bytes());
    checked.extend_from_slice(&AREA_START.to_le_bytes());
    checked.extend_from_slice(&AREA_SIZE.to_le_bytes());
    // raw_locn: offset within the area, size, checksum, flags. Zeros end the list.
    checked.extend_from_slice(&SECTOR.to_le_bytes());
    checked.extend_from_slice(&len.to_le_bytes());
    checked.extend_from_slice(&crc(metadata).to_le_bytes());
    checked.extend_from_slice(&0_u32.to_le_bytes());
    checked.resize(508, 0);
    let mut header = crc(&checked).to_le_bytes().to_vec();
    header.extend(checked);
    header
}

/// LVM's checksum: the CRC-32 of zlib from another start and without the last inversion.
///
/// # Reference
/// LVM2 2.03, `lib/misc/crc.c`, `INITIAL_CRC`.
pub(super) fn crc(bytes: &[u8]) -> u32 {
    let mut hash = crc32fast::Hasher::new_with_initial(INITIAL_CRC ^ u32::MAX);
    hash.update(bytes);
    hash.finalize() ^ u32::MAX
}

const INITIAL_CRC: u32 = 0xf597_a6cf;
const SECTOR: u64 = 512;
const AREA_START: u64 = 4096;
const AREA_START_INDEX: usize = 4096;
const AREA_SIZE: u64 = DATA_START - AREA_START;
const AREA_MAGIC: &[u8; 16] = b" LVM2 x[5A%r0N*>";
/// Where the physical volume's header starts in the label's sector.
const CONTENTS_OFFSET: u32 = 32;
/// What of the label's sector its checksum leaves out.
const LABEL_HEADER_BEFORE_CRC_END: usize = 20;
const EXTENSION_VERSION: u32 = 2;
/// `PV_EXT_USED`: the physical volume belongs to a group.
const IN_USE: u32 = 1;
