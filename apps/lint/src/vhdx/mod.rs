//! VHDX: the disk image of Hyper-V, version 1.
//!
//! ```text
//! 0 identifier | 64K header, header | 192K region table, region table | 1M log, metadata, block table, blocks
//! ```

mod header;
mod metadata;
mod regions;
mod table;

use diskwright_core::{ReadAt, Result};

use crate::report::Findings;
use metadata::Metadata;
use regions::Regions;

/// Whether the bytes at the start are those of a VHDX.
pub(crate) fn is_vhdx(head: &[u8]) -> bool {
    head.starts_with(b"vhdxfile")
}

/// Checks the image.
pub(crate) fn check(source: &dyn ReadAt, f: &mut Findings) -> Result<()> {
    let log = header::check(source, f)?;
    let Some(regions) = Regions::read(source, log, f)? else { return Ok(()) };
    let Some(metadata) = Metadata::read(source, &regions, f)? else { return Ok(()) };
    table::check(source, &regions, &metadata, f)
}

/// The CRC-32C of a structure whose checksum, bytes 4 to 7, counts as zero.
fn checksum(bytes: &[u8]) -> u32 {
    let head = bytes.get(..4).unwrap_or_default();
    let rest = bytes.get(8..).unwrap_or_default();
    [head, &[0; 4], rest].iter().fold(0, |crc, part| crc32c::crc32c_append(crc, part))
}

/// A GUID as text has it, in the file's byte order: the first three groups little-endian.
const fn guid(value: u128) -> [u8; 16] {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = value.to_be_bytes();
    [d, c, b, a, f, e, h, g, i, j, k, l, m, n, o, p]
}

/// A half-open range of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Area {
    start: u64,
    len: u64,
}

impl Area {
    fn end(self) -> u64 {
        self.start.saturating_add(self.len)
    }

    fn overlaps(self, other: Self) -> bool {
        self.start < other.end() && other.start < self.end()
    }

    /// Whether it is whole MiB at a multiple of 1 MiB, behind the headers and inside a file of `size` bytes.
    fn is_sound(self, size: u64) -> bool {
        let is_aligned = self.start.is_multiple_of(MIB) && self.len.is_multiple_of(MIB);
        let end = self.start.checked_add(self.len);
        is_aligned && self.start >= MIB && self.len > 0 && end.is_some_and(|end| end <= size)
    }
}

const MIB: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    #[test]
    fn the_checksum_is_castagnolis() {
        // The check value of CRC-32C, and its own field left out.
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(super::checksum(b"head\x01\x02\x03\x04rest"), crc32c::crc32c(b"head\0\0\0\0rest"));
    }
}
