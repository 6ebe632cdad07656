#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

/// What the footer says; a dynamic image has a copy of it at its beginning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Footer {
    pub(crate) kind: DiskType,
    /// Bytes of the disk.
    pub(crate) size: u64,
    /// Seconds since 2000-01-01T00:00:00Z.
    pub(crate) time: u32,
    pub(crate) uuid: [u8; 16],
}

/// What kind of image a footer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DiskType {
    Fixed,
    Dynamic,
}

impl Footer {
    /// The 512 bytes. Everything is big-endian.
    ///
    /// # Reference
    /// Virtual Hard Disk Image Format Specification, "Hard Disk Footer Format".
    pub(crate) fn encode(&self) -> Vec<u8> {
        let (data_offset, kind) = match self.kind {
            DiskType::Fixed => (u64::MAX, 2_u32),
            DiskType::Dynamic => (HEADER_OFFSET, 3),
        };
        let geometry = Geometry::of(self.size >> 9);
        let mut out = b"conectix".to_vec(); // Cookie
        put32(&mut out, 2); // Features: the reserved bit
        put32(&mut out, 0x0001_0000); // File Format Version
        put64(&mut out, data_offset); // Data Offset
        put32(&mut out, self.time); // Time Stamp
        // Creator Application: QEMU before 10.0 takes the size from the geometry, which is less, for all that it does not
        // know; this is the one of Hyper-V, whose images every version takes by their Current Size.
        out.extend(b"win ");
        put32(&mut out, 0x000A_0000); // Creator Version
        out.extend(b"Wi2k"); // Creator Host OS
        put64(&mut out, self.size); // Original Size
        put64(&mut out, self.size); // Current Size
        out.extend(geometry.cylinders.to_be_bytes()); // Disk Geometry
        out.extend([geometry.heads, geometry.sectors]);
        put32(&mut out, kind); // Disk Type
        let checksum = out.len();
        put32(&mut out, 0); // Checksum, below
        out.extend(self.uuid); // Unique Id
        out.resize(FOOTER_LEN, 0); // Saved State, Reserved
        put_checksum(&mut out, checksum);
        out
    }
}

/// The header of a dynamic image whose block allocation table has `entries` entries.
///
/// # Reference
/// Virtual Hard Disk Image Format Specification, "Dynamic Disk Header Format".
pub(crate) fn dynamic_header(entries: u32) -> Vec<u8> {
    let mut out = b"cxsparse".to_vec(); // Cookie
    put64(&mut out, u64::MAX); // Data Offset: unused
    put64(&mut out, TABLE_OFFSET); // Table Offset
    put32(&mut out, 0x0001_0000); // Header Version
    put32(&mut out, entries); // Max Table Entries
    put32(&mut out, BLOCK_LEN); // Block Size
    let checksum = out.len();
    put32(&mut out, 0); // Checksum, below
    out.resize(HEADER_LEN, 0); // of the parent: nothing
    put_checksum(&mut out, checksum);
    out
}

/// The one's complement of the sum of all bytes, the checksum's own being zero.
fn put_checksum(structure: &mut [u8], at: usize) {
    let sum = structure.iter().fold(0_u32, |sum, byte| sum.wrapping_add(u32::from(*byte)));
    for (to, from) in structure.iter_mut().skip(at).zip((!sum).to_be_bytes()) {
        *to = from;
    }
}

/// Cylinders, heads and sectors of a track; they hold at most the disk, often a little less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Geometry {
    cylinders: u16,
    heads: u8,
    sectors: u8,
}

impl Geometry {
    /// # Reference
    /// Virtual Hard Disk Image Format Specification, appendix "CHS Calculation".
    fn of(sectors: u64) -> Self {
        // OK to fall back: the product of the limits has 28 bits.
        let total = u32::try_from(sectors.min(MOST_SECTORS)).unwrap_or(u32::MAX);
        let tracks = |sectors: u8| total.checked_div(u32::from(sectors)).unwrap_or(0);
        let (heads, sectors) = if u64::from(total) >= 65_535 * 16 * 63 {
            (16, 255)
        } else {
            let heads = tracks(17).div_ceil(1024).max(4);
            if heads <= 16 && tracks(17) < heads.saturating_mul(1024) {
                (u8::try_from(heads).unwrap_or(16), 17)
            } else if tracks(31) < 16 * 1024 {
                (16, 31)
            } else {
                (16, 63)
            }
        };
        let cylinders = tracks(sectors).checked_div(u32::from(heads)).unwrap_or(0);
        Self { cylinders: u16::try_from(cylinders).unwrap_or(u16::MAX), heads, sectors }
    }
}

fn put32(out: &mut Vec<u8>, value: u32) {
    out.extend(value.to_be_bytes());
}

fn put64(out: &mut Vec<u8>, value: u64) {
    out.extend(value.to_be_bytes());
}

/// Bytes of the footer.
pub(crate) const FOOTER: u64 = 512;
const FOOTER_LEN: usize = 512;
/// Where the dynamic header stands: behind the footer's copy.
pub(crate) const HEADER_OFFSET: u64 = 512;
const HEADER_LEN: usize = 1024;
/// Where the block allocation table stands.
pub(crate) const TABLE_OFFSET: u64 = 1536;
/// Bytes of a block.
pub(crate) const BLOCK: u64 = 2 << 20;
const BLOCK_LEN: u32 = 2 << 20;
/// Bytes of a block's bitmap, which stands before it and has a bit for each sector.
pub(crate) const BITMAP: usize = 512;
/// The table's entry of a block that is not stored.
pub(crate) const ABSENT: u32 = 0xFFFF_FFFF;
const MOST_SECTORS: u64 = 65_535 * 16 * 255;

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_checksum(structure: &[u8], at: usize) {
        let (before, (own, after)) = (&structure[..at], structure[at..].split_at(4));
        let sum: u32 = before.iter().chain(after).map(|byte| u32::from(*byte)).sum();
        assert_eq!(own, (!sum).to_be_bytes());
    }

    #[test]
    fn every_field_of_the_footer_has_its_place() {
        let footer =
            Footer { kind: DiskType::Fixed, size: 64 << 20, time: 0x1234_5678, uuid: *b"unique-id-of-16-" };
        let bytes = footer.encode();
        #[rustfmt::skip]
        assert_eq!(bytes[..64], [
            b'c', b'o', b'n', b'e', b'c', b't', b'i', b'x', 0, 0, 0, 2, 0, 1, 0, 0,
            0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x12, 0x34, 0x56, 0x78, b'w', b'i', b'n', b' ',
            0, 0x0A, 0, 0, b'W', b'i', b'2', b'k', 0, 0, 0, 0, 4, 0, 0, 0,
            0, 0, 0, 0, 4, 0, 0, 0, 0x03, 0xC3, 8, 17, 0, 0, 0, 2,
        ]);
        assert_eq!(bytes[68..84], *b"unique-id-of-16-");
        assert_eq!(bytes[84..], [0; 428]);
        assert_checksum(&bytes, 64);
        let dynamic = Footer { kind: DiskType::Dynamic, ..footer }.encode();
        assert_eq!(dynamic[16..24], [0, 0, 0, 0, 0, 0, 2, 0]);
        assert_eq!(dynamic[60..64], [0, 0, 0, 3]);
        assert_checksum(&dynamic, 64);
    }

    #[test]
    fn every_field_of_the_dynamic_header_has_its_place() {
        let header = dynamic_header(0x0102_0304);
        #[rustfmt::skip]
        assert_eq!(header[..36], [
            b'c', b'x', b's', b'p', b'a', b'r', b's', b'e', 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
            0, 0, 0, 0, 0, 0, 6, 0, 0, 1, 0, 0, 1, 2, 3, 4, 0, 0x20, 0, 0,
        ]);
        assert_eq!(header[40..], [0; 984]);
        assert_checksum(&header, 36);
    }

    #[test]
    fn geometry_is_that_of_the_specification() {
        let of = |size: u64| {
            let Geometry { cylinders, heads, sectors } = Geometry::of(size >> 9);
            (cylinders, heads, sectors)
        };
        assert_eq!(of(64 << 20), (963, 8, 17));
        assert_eq!(of(1 << 30), (2080, 16, 63));
        assert_eq!(of(10 << 30), (20_805, 16, 63));
        assert_eq!(of(40 << 30), (20_560, 16, 255));
        assert_eq!(of(127 << 30), (65_278, 16, 255));
        assert_eq!(of(1 << 40), (65_535, 16, 255));
    }
}
