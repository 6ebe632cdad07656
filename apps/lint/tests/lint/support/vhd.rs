use super::{Package, data};

/// Where the header, the table of blocks and the bitmap of the first block of a dynamic image stand.
pub(crate) const HEADER: usize = 512;
pub(crate) const TABLE: usize = 1536;
pub(crate) const BITMAP: usize = 2048;
pub(crate) const BLOCK: usize = 16 << 10;
/// Blocks of the disk, of which the first and the last are stored.
const BLOCKS: usize = 3;

/// A disk of so many bytes, and its footer.
pub(crate) fn fixed(size: usize) -> Package {
    let mut bytes = data(size.min(4096), 8);
    bytes.resize(size, 0);
    bytes.extend(footer(size as u64, 2, u64::MAX));
    Package::new("disk.vhd", bytes)
}

pub(crate) fn dynamic() -> Package {
    let footer = footer((BLOCKS * BLOCK) as u64, 3, HEADER as u64);
    let mut bytes = footer.clone();
    bytes.resize(BITMAP, 0);
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(HEADER, b"cxsparse\xff\xff\xff\xff\xff\xff\xff\xff");
    put(HEADER + 16, &(TABLE as u64).to_be_bytes());
    for (at, value) in [(24, 0x0001_0000), (28, BLOCKS as u32), (32, BLOCK as u32)] {
        put(HEADER + at, &u32::to_be_bytes(value));
    }
    put(TABLE, &[0xff; 512]);
    for (block, start) in [(0, BITMAP), (2, BITMAP + 512 + BLOCK)] {
        put(TABLE + block * 4, &((start / 512) as u32).to_be_bytes());
    }
    for seed in [4, 5] {
        bytes.extend([0xff; 512]);
        bytes.extend(data(BLOCK, seed));
    }
    bytes.extend(footer);
    Package::new("disk.vhd", sealed(bytes))
}

/// A disk of 128 blocks, all of which the table says to stand where one of zeros does, whose bitmap has no bit set.
pub(crate) fn dynamic_in_one_place() -> Package {
    const COUNT: usize = 128;
    let entry = ((BITMAP / 512) as u32).to_be_bytes();
    let package = dynamic()
        .patched(HEADER + 28, &(COUNT as u32).to_be_bytes())
        .patched(TABLE, &entry.repeat(COUNT))
        .patched(BITMAP, &[0; 512 + BLOCK]);
    // Cylinders of 4 heads and 17 sectors.
    let (size, cylinders) = ((COUNT * BLOCK) as u64, (COUNT * BLOCK / 512 / 4 / 17) as u16);
    let package = with_footer(package, 56, &cylinders.to_be_bytes());
    with_footer(package, 48, &size.to_be_bytes())
}

/// The image with bytes of its footer changed, and of the copy if it has one, and with checksums made true.
pub(crate) fn with_footer(package: Package, at: usize, value: &[u8]) -> Package {
    let len = package.files["disk.vhd"].len();
    let is_dynamic = package.files["disk.vhd"].starts_with(b"conectix");
    let package = package.patched(len - 512 + at, value);
    resealed(if is_dynamic { package.patched(at, value) } else { package })
}

/// The image with bytes of its header changed, and with checksums made true.
pub(crate) fn with_header(at: usize, value: &[u8]) -> Package {
    resealed(dynamic().patched(HEADER + at, value))
}

fn resealed(mut package: Package) -> Package {
    let bytes = package.files.remove("disk.vhd").unwrap();
    package.files.insert("disk.vhd".to_owned(), sealed(bytes));
    package
}

fn footer(size: u64, kind: u32, data_offset: u64) -> Vec<u8> {
    let mut bytes = b"conectix\0\0\0\x02\0\x01\0\0".to_vec();
    bytes.extend(data_offset.to_be_bytes());
    bytes.extend(b"\x2c\0\0\0win \0\x0a\0\0Wi2k");
    bytes.extend(size.to_be_bytes());
    bytes.extend(size.to_be_bytes());
    let sectors = size / 512;
    bytes.extend(((sectors / 17 / 4) as u16).to_be_bytes());
    bytes.extend([4, 17]);
    bytes.extend(kind.to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend(b"sixteen bytes id");
    bytes.resize(512, 0);
    let sum = checksum(&bytes, 64);
    bytes[64..68].copy_from_slice(&sum);
    bytes
}

/// With the checksums of footer, copy and header made true.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let last = bytes.len() - 512;
    for (start, len, at) in [(0, 512, 64), (HEADER, 1024, 36), (last, 512, 64)] {
        let part = &mut bytes[start..start + len];
        if part.starts_with(b"conectix") || part.starts_with(b"cxsparse") {
            let sum = checksum(part, at);
            part[at..at + 4].copy_from_slice(&sum);
        }
    }
    bytes
}

fn checksum(bytes: &[u8], at: usize) -> [u8; 4] {
    let others = bytes[..at].iter().chain(&bytes[at + 4..]);
    (!others.map(|byte| u32::from(*byte)).sum::<u32>()).to_be_bytes()
}
