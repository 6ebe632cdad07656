#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use crate::options::CreatorHost;

/// What the footer of a fixed VHD says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Footer {
    /// Bytes of the disk.
    pub(crate) size: u64,
    /// Seconds since 2000-01-01T00:00:00Z.
    pub(crate) time: u32,
    pub(crate) creator_host: CreatorHost,
    pub(crate) uuid: [u8; 16],
}

impl Footer {
    /// The 512 bytes behind the disk. Everything is big-endian.
    ///
    /// # Reference
    /// Virtual Hard Disk Image Format Specification, "Hard Disk Footer Format".
    pub(crate) fn encode(&self) -> [u8; FOOTER] {
        let geometry = Geometry::of(self.size >> 9);
        let mut out = b"conectix".to_vec(); // Cookie
        out.extend(2_u32.to_be_bytes()); // Features: the reserved bit
        out.extend(0x0001_0000_u32.to_be_bytes()); // File Format Version
        out.extend(u64::MAX.to_be_bytes()); // Data Offset: none
        out.extend(self.time.to_be_bytes()); // Time Stamp
        out.extend(b"dkwr"); // Creator Application
        out.extend(0x0001_0000_u32.to_be_bytes()); // Creator Version
        out.extend(match self.creator_host {
            CreatorHost::Windows => b"Wi2k",
            CreatorHost::Macintosh => b"Mac ",
        }); // Creator Host OS
        out.extend(self.size.to_be_bytes()); // Original Size
        out.extend(self.size.to_be_bytes()); // Current Size
        out.extend(geometry.cylinders.to_be_bytes()); // Disk Geometry
        out.extend([geometry.heads, geometry.sectors]);
        out.extend(2_u32.to_be_bytes()); // Disk Type: fixed
        let checksum = out.len();
        out.extend([0; 4]); // Checksum, below
        out.extend(self.uuid); // Unique Id
        // Saved State and Reserved stay zero.
        let mut footer = [0; FOOTER];
        for (to, from) in footer.iter_mut().zip(out) {
            *to = from;
        }
        let sum = footer.iter().fold(0_u32, |sum, byte| sum.wrapping_add(u32::from(*byte)));
        for (to, from) in footer.iter_mut().skip(checksum).zip((!sum).to_be_bytes()) {
            *to = from;
        }
        footer
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

/// Bytes of the footer.
pub(crate) const FOOTER: usize = 512;
const MOST_SECTORS: u64 = 65_535 * 16 * 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_the_footer_has_its_place() {
        let footer = Footer {
            size: 64 << 20,
            time: 0x1234_5678,
            creator_host: CreatorHost::Windows,
            uuid: *b"unique-id-of-16-",
        }
        .encode();
        #[rustfmt::skip]
        assert_eq!(footer[..64], [
            b'c', b'o', b'n', b'e', b'c', b't', b'i', b'x', 0, 0, 0, 2, 0, 1, 0, 0,
            0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x12, 0x34, 0x56, 0x78, b'd', b'k', b'w', b'r',
            0, 1, 0, 0, b'W', b'i', b'2', b'k', 0, 0, 0, 0, 4, 0, 0, 0,
            0, 0, 0, 0, 4, 0, 0, 0, 0x03, 0xC3, 8, 17, 0, 0, 0, 2,
        ]);
        assert_eq!(footer[68..84], *b"unique-id-of-16-");
        assert_eq!(footer[84..], [0; 428]);
        // The sum of all bytes, the checksum's own left out, is its complement.
        let sum: u32 = footer.iter().map(|byte| u32::from(*byte)).sum();
        let own: u32 = footer[64..68].iter().map(|byte| u32::from(*byte)).sum();
        assert_eq!(footer[64..68], (!(sum - own)).to_be_bytes());
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
