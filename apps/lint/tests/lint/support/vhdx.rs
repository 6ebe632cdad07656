use super::{Package, data};

pub(crate) const HEADERS: [usize; 2] = [64 << 10, 128 << 10];
pub(crate) const REGIONS: [usize; 2] = [192 << 10, 256 << 10];
pub(crate) const METADATA: usize = 2 << 20;
/// Behind the table of metadata: parameters, disk size, page 0x83, sector sizes.
pub(crate) const ITEMS: usize = METADATA + (64 << 10);
pub(crate) const TABLE: usize = 3 << 20;
pub(crate) const BLOCK: usize = 4 << 20;

/// Three blocks of 1 MiB, of which the first is stored.
pub(crate) fn dynamic() -> Package {
    let mut bytes = vec![0; BLOCK];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, b"vhdxfileT\0e\0s\0t\0");
    for (at, number) in HEADERS.into_iter().zip([1_u64, 2]) {
        put(at, b"head");
        put(at + 8, &number.to_le_bytes());
        put(at + 16, b"file-write-guid-data-write-guid-");
        put(at + 66, &1_u16.to_le_bytes());
        put(at + 68, &(1_u32 << 20).to_le_bytes());
        put(at + 72, &(1_u64 << 20).to_le_bytes());
    }
    for at in REGIONS {
        put(at, b"regi\0\0\0\0\x02\0\0\0");
        for (entry, id, start) in [(16, BAT, TABLE), (48, METADATA_ID, METADATA)] {
            put(at + entry, &id);
            put(at + entry + 16, &(start as u64).to_le_bytes());
            put(at + entry + 24, &(1_u32 << 20).to_le_bytes());
            put(at + entry + 28, &1_u32.to_le_bytes());
        }
    }
    put(METADATA, b"metadata\0\0\x05\0");
    let mut offset = 65_536_u32;
    let items: [([u8; 16], &[u8]); 5] = [
        (PARAMETERS, &[0, 0, 0x10, 0, 0, 0, 0, 0]),
        (DISK_SIZE, &(3_u64 << 20).to_le_bytes()),
        (PAGE_83, b"sixteen bytes id"),
        (LOGICAL, &512_u32.to_le_bytes()),
        (PHYSICAL, &4096_u32.to_le_bytes()),
    ];
    for (at, (id, value)) in (METADATA + 32..).step_by(32).zip(items) {
        put(at, &id);
        put(at + 16, &offset.to_le_bytes());
        put(at + 20, &(value.len() as u32).to_le_bytes());
        put(at + 24, &6_u32.to_le_bytes());
        put(METADATA + offset as usize, value);
        offset += value.len() as u32;
    }
    put(TABLE, &(BLOCK as u64 | 6).to_le_bytes());
    bytes.extend(data(1 << 20, 7));
    Package::new("disk.vhdx", sealed(bytes))
}

/// The image with bytes changed and checksums made true.
pub(crate) fn with(changes: &[(usize, &[u8])]) -> Package {
    let mut package = dynamic();
    for (at, value) in changes {
        package = package.patched(*at, value);
    }
    let bytes = package.files.remove("disk.vhdx").unwrap();
    Package::new("disk.vhdx", sealed(bytes))
}

/// A change of both region tables, counted from their beginning.
pub(crate) fn with_regions(at: usize, value: &[u8]) -> Package {
    let [first, second] = REGIONS;
    with(&[(first + at, value), (second + at, value)])
}

fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    for (start, len) in HEADERS.map(|at| (at, 4096)).into_iter().chain(REGIONS.map(|at| (at, 64 << 10))) {
        let part = &mut bytes[start..start + len];
        part[4..8].fill(0);
        let sum = crc32c::crc32c(part).to_le_bytes();
        part[4..8].copy_from_slice(&sum);
    }
    bytes
}

/// The bytes of 2DC27766-F623-4200-9D64-115E9BFD4A08, and so on.
#[rustfmt::skip]
const BAT: [u8; 16] = [0x66, 0x77, 0xc2, 0x2d, 0x23, 0xf6, 0, 0x42, 0x9d, 0x64, 0x11, 0x5e, 0x9b, 0xfd, 0x4a, 8];
#[rustfmt::skip]
const METADATA_ID: [u8; 16] = [6, 0xa2, 0x7c, 0x8b, 0x90, 0x47, 0x9a, 0x4b, 0xb8, 0xfe, 0x57, 0x5f, 5, 0xf, 0x88, 0x6e];
#[rustfmt::skip]
const PARAMETERS: [u8; 16] = [0x37, 0x67, 0xa1, 0xca, 0x36, 0xfa, 0x43, 0x4d, 0xb3, 0xb6, 0x33, 0xf0, 0xaa, 0x44, 0xe7, 0x6b];
#[rustfmt::skip]
const DISK_SIZE: [u8; 16] = [0x24, 0x42, 0xa5, 0x2f, 0x1b, 0xcd, 0x76, 0x48, 0xb2, 0x11, 0x5d, 0xbe, 0xd8, 0x3b, 0xf4, 0xb8];
#[rustfmt::skip]
const PAGE_83: [u8; 16] = [0xab, 0x12, 0xca, 0xbe, 0xe6, 0xb2, 0x23, 0x45, 0x93, 0xef, 0xc3, 9, 0xe0, 0, 0xc7, 0x46];
#[rustfmt::skip]
const LOGICAL: [u8; 16] = [0x1d, 0xbf, 0x41, 0x81, 0x6f, 0xa9, 9, 0x47, 0xba, 0x47, 0xf2, 0x33, 0xa8, 0xfa, 0xab, 0x5f];
#[rustfmt::skip]
const PHYSICAL: [u8; 16] = [0xc7, 0x48, 0xa3, 0xcd, 0x5d, 0x44, 0x71, 0x44, 0x9c, 0xc9, 0xe9, 0x88, 0x52, 0x51, 0xc5, 0x56];
/// Of the locator of a parent.
#[rustfmt::skip]
pub(crate) const PARENT: [u8; 16] = [0x2d, 0x5f, 0xd3, 0xa8, 0x0b, 0xb3, 0x4d, 0x45, 0xab, 0xf7, 0xd3, 0xd8, 0x48, 0x34, 0xab, 0x0c];
