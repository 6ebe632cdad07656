#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use diskwright_core::{Error, ErrorKind, Result, Timestamp};

/// A part of the file that is in the archive; between parts there are zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

/// What the header of the archive's only member says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    /// Bytes of the file.
    pub(crate) size: u64,
    /// Bytes of all its parts.
    pub(crate) stored: u64,
    /// Modification, in seconds since 1970: below 2^33.
    pub(crate) time: u64,
}

impl Member {
    /// The header's block, with the first four parts. `is_extended`: others follow in blocks of their own.
    ///
    /// # Reference
    /// GNU tar manual, "Basic Tar Format", `struct oldgnu_header`; a file of type `S` is sparse.
    pub(crate) fn header(&self, parts: &[Part], is_extended: bool) -> [u8; BLOCK] {
        let mut header = [0; BLOCK];
        put(&mut header, 0, b"disk.raw"); // name
        put(&mut header, 100, b"0000644\0"); // mode
        put(&mut header, 108, b"0000000\0"); // uid
        put(&mut header, 116, b"0000000\0"); // gid
        put(&mut header, 124, &number(self.stored)); // size, of what is in the archive
        put(&mut header, 136, &number(self.time)); // mtime
        put(&mut header, 148, b"        "); // chksum, while it is computed
        put(&mut header, 156, b"S"); // typeflag: sparse
        put(&mut header, 257, b"ustar  \0"); // magic
        put_parts(&mut header, 386, parts); // sp
        put(&mut header, 482, &[u8::from(is_extended)]); // isextended
        put(&mut header, 483, &number(self.size)); // realsize
        let sum = header.iter().fold(0_u32, |sum, byte| sum.saturating_add(u32::from(*byte)));
        put(&mut header, 148, format!("{sum:06o}\0 ").as_bytes());
        header
    }
}

/// A block with up to 21 more parts.
///
/// # Reference
/// GNU tar manual, "Basic Tar Format", `struct sparse_header`.
pub(crate) fn extension(parts: &[Part], is_extended: bool) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    put_parts(&mut block, 0, parts); // sp
    put(&mut block, 504, &[u8::from(is_extended)]); // isextended
    block
}

/// The seconds that a header can hold.
///
/// # Errors
/// `ErrorKind::Unsupported`, with `timestamp` as the field, for a time before 1970 or after 2242.
pub(crate) fn time(time: Timestamp) -> Result<u64> {
    u64::try_from(time.seconds).ok().filter(|seconds| *seconds < OCTAL_LIMIT).ok_or_else(|| {
        let text =
            format!("{} is a time before 1970 or after 2242, which a tar archive cannot hold", time.seconds);
        Error::new(ErrorKind::Unsupported, text).with_field("timestamp")
    })
}

fn put_parts(block: &mut [u8; BLOCK], at: usize, parts: &[Part]) {
    for (place, part) in (at..BLOCK).step_by(24).zip(parts) {
        put(block, place, &number(part.offset));
        put(block, place.saturating_add(12), &number(part.len));
    }
}

/// Eleven octal digits and a NUL, or, for what they cannot hold, binary and big-endian behind the byte 0x80.
fn number(value: u64) -> [u8; 12] {
    let mut field = [0; 12];
    if value < OCTAL_LIMIT {
        for (to, from) in field.iter_mut().zip(format!("{value:011o}").bytes()) {
            *to = from;
        }
    } else {
        for (to, from) in field.iter_mut().skip(4).zip(value.to_be_bytes()) {
            *to = from;
        }
        field[0] = 0x80;
    }
    field
}

fn put(block: &mut [u8; BLOCK], at: usize, bytes: &[u8]) {
    for (to, from) in block.iter_mut().skip(at).zip(bytes) {
        *to = *from;
    }
}

/// Bytes of a block.
pub(crate) const BLOCK: usize = 512;
/// Parts in the header, and in each block behind it.
pub(crate) const PARTS: [usize; 2] = [4, 21];
/// What eleven octal digits cannot hold.
const OCTAL_LIMIT: u64 = 1 << 33;

#[cfg(test)]
mod tests {
    use super::*;

    const PART: Part = Part { offset: 0x10_0000, len: 0x20_0000 };

    #[test]
    fn every_field_of_the_header_has_its_place() {
        let member = Member { size: 9 << 30, stored: 2 << 20, time: 1_700_000_000 };
        let header = member.header(&[PART, Part { offset: 9 << 30, len: 0 }], true);
        assert_eq!(header[..9], *b"disk.raw\0");
        assert_eq!(header[9..100], [0; 91]);
        assert_eq!(header[100..124], *b"0000644\x000000000\x000000000\0");
        assert_eq!(header[124..148], *b"00010000000\x0014524770400\0");
        let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
        let expected = sum(&header[..148]) + 8 * 32 + sum(&header[156..]);
        assert_eq!(header[148..156], *format!("{expected:06o}\0 ").as_bytes());
        assert_eq!(header[156], b'S');
        assert_eq!(header[157..257], [0; 100]);
        assert_eq!(header[257..265], *b"ustar  \0");
        assert_eq!(header[265..386], [0; 121]);
        assert_eq!(header[386..410], *b"00004000000\x0000010000000\0");
        assert_eq!(header[410..434], *b"\x80\0\0\0\0\0\0\x02\x40\0\0\x0000000000000\0");
        assert_eq!(header[434..482], [0; 48]);
        assert_eq!(header[482..495], *b"\x01\x80\0\0\0\0\0\0\x02\x40\0\0\0");
        assert_eq!(header[495..], [0; 17]);
    }

    #[test]
    fn a_block_of_parts_has_21_and_says_whether_there_are_more() {
        let full = extension(&[PART; 21], false);
        assert_eq!(full[480..504], *b"00004000000\x0000010000000\0");
        assert_eq!(full[504..], [0; 8]);
        let last = extension(&[PART], true);
        assert_eq!(last[24..504], [0; 480]);
        assert_eq!(last[504..], [1, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn times_that_no_header_holds_are_refused() {
        assert_eq!(time(Timestamp::from_seconds(7)).unwrap(), 7);
        for seconds in [-1, 1 << 33] {
            let error = time(Timestamp::from_seconds(seconds)).unwrap_err();
            assert_eq!((error.kind(), error.field()), (ErrorKind::Unsupported, Some("timestamp")));
        }
    }
}
