use crate::{Error, ErrorKind, Result};

/// Bytes of a tar block: headers and contents start at multiples of it.
pub(super) const BLOCK: usize = 512;

/// One header block whose checksum and magic are known to be good.
///
/// # Reference
/// POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format".
pub(super) struct Header<'a> {
    block: &'a [u8; BLOCK],
    flavour: Flavour,
    pub(super) mode: i64,
    pub(super) uid: i64,
    pub(super) gid: i64,
    pub(super) size: i64,
    /// In seconds.
    pub(super) mtime: i64,
    pub(super) device_major: i64,
    pub(super) device_minor: i64,
}

/// Which fields a header has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flavour {
    /// No magic: name, link name, numbers.
    V7,
    /// POSIX: also a prefix of the name.
    Ustar,
    /// Old GNU: the prefix's place holds times and a sparse map.
    Gnu,
}

impl<'a> Header<'a> {
    /// Takes in the block at byte `offset` of the archive.
    ///
    /// # Errors
    /// `ErrorKind::Source` when it is no header that all readers take for the same.
    pub(super) fn parse(block: &'a [u8; BLOCK], offset: u64) -> Result<Self> {
        if !checksum_holds(block) {
            let text = if offset == 0 {
                "this is not a tar archive (plain, gzip, zstd, xz or bzip2)"
            } else {
                "a block that should be a tar header has a wrong checksum"
            };
            return Err(Error::new(ErrorKind::Source, text).with_offset(offset));
        }
        let flavour = match &block[MAGIC] {
            b"ustar  \0" => Flavour::Gnu,
            magic if magic.starts_with(b"ustar\0") => Flavour::Ustar,
            [0, 0, 0, 0, 0, 0, 0, 0] => Flavour::V7,
            _ => {
                let text = "a tar header of a kind that is not known (its magic is neither ustar nor GNU)";
                return Err(Error::new(ErrorKind::Unsupported, text).with_offset(offset));
            }
        };
        // libarchive takes a sparse map out of any GNU header, Python a prefix.
        let beyond = match block[TYPE_FLAG] {
            b'S' => [&block[345..386], &block[495..]],
            _ => [&block[345..], &[]],
        };
        if flavour == Flavour::Gnu && beyond.iter().any(|part| part.iter().any(|byte| *byte != 0)) {
            let text = "an old GNU header with more than name and numbers (tar --incremental)";
            return Err(Error::new(ErrorKind::Unsupported, text).with_offset(offset));
        }
        // Some readers look at all numbers whatever the member is, and stop without a word at a bad one.
        let number = |field: std::ops::Range<usize>| {
            number(&block[field]).ok_or_else(|| {
                Error::new(ErrorKind::Source, "a tar header with a malformed number").with_offset(offset)
            })
        };
        Ok(Self {
            block,
            flavour,
            mode: number(100..108)?,
            uid: number(108..116)?,
            gid: number(116..124)?,
            size: number(SIZE)?,
            mtime: number(136..148)?,
            device_major: number(329..337)?,
            device_minor: number(337..345)?,
        })
    }

    pub(super) fn flavour(&self) -> Flavour {
        self.flavour
    }

    pub(super) fn type_flag(&self) -> u8 {
        self.block[TYPE_FLAG]
    }

    /// The path, put together from prefix and name.
    ///
    /// # Errors
    /// The reason when readers disagree about it.
    pub(super) fn path(&self) -> Result<Vec<u8>, &'static str> {
        let name = until_nul(&self.block[0..100]);
        let prefix = until_nul(&self.block[345..500]);
        match self.flavour {
            _ if prefix.is_empty() => Ok(name.to_vec()),
            Flavour::Ustar => Ok([prefix, b"/", name].concat()),
            // Python takes these bytes for a prefix of the name.
            _ => Err("a header without magic that has bytes in the place of the prefix"),
        }
    }

    pub(super) fn link_name(&self) -> &[u8] {
        until_nul(&self.block[157..257])
    }

    /// The four sparse map entries of an old GNU header, 24 bytes each.
    pub(super) fn sparse_entries(&self) -> &[u8] {
        &self.block[386..482]
    }

    /// Whether a block with more sparse map entries follows.
    pub(super) fn sparse_continues(&self) -> bool {
        self.block[482] != 0
    }

    /// The size of a sparse file with its holes.
    pub(super) fn sparse_real_size(&self) -> Option<i64> {
        number(&self.block[483..495])
    }
}

/// A number of a header: octal digits between spaces and NULs, or base-256; `None` when it is neither. A field of NULs
/// is zero.
pub(super) fn number(field: &[u8]) -> Option<i64> {
    let (first, rest) = field.split_first()?;
    if matches!(first, 0x80 | 0xff) {
        // Two's complement of all bits after the first byte.
        let start: i64 = if *first == 0xff { -1 } else { 0 };
        return rest.iter().try_fold(start, |value, byte| {
            value.checked_mul(256).and_then(|value| value.checked_add(i64::from(*byte)))
        });
    }
    if field.iter().all(|byte| *byte == 0) {
        return Some(0);
    }
    let start = field.iter().position(|byte| *byte != b' ')?;
    let field = &field[start..];
    let digits = field.iter().position(|byte| !matches!(byte, b'0'..=b'7')).unwrap_or(field.len());
    let (digits, fill) = field.split_at(digits);
    if digits.is_empty() || !fill.iter().all(|byte| matches!(byte, 0 | b' ')) {
        return None;
    }
    // 63 bits, and no field is so long.
    (digits.len() <= 21).then(|| digits.iter().fold(0, |value, digit| value << 3 | i64::from(digit - b'0')))
}

/// Type flag and size of a block that seems to be a header; `None` for one that does not.
pub(super) fn peek(block: &[u8; BLOCK]) -> Option<(u8, u64)> {
    let size = number(&block[SIZE]).and_then(|size| u64::try_from(size).ok())?;
    let seems_right = block[MAGIC].starts_with(b"ustar") || checksum_holds(block);
    seems_right.then_some((block[TYPE_FLAG], size))
}

/// Whether `block` carries its own checksum; old archivers summed signed bytes.
pub(super) fn checksum_holds(block: &[u8; BLOCK]) -> bool {
    let Some(stored) = number(&block[CHECKSUM]) else { return false };
    let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    let negative = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(byte >> 7)).sum::<u32>();
    // The field itself counts as blanks.
    let blanks = sum(&[b' '; CHECKSUM.end - CHECKSUM.start]);
    let unsigned = i64::from(sum(block) - sum(&block[CHECKSUM]) + blanks);
    let signed = || unsigned - 256 * i64::from(negative(block) - negative(&block[CHECKSUM]));
    stored == unsigned || stored == signed()
}

fn until_nul(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or(field)
}

const SIZE: std::ops::Range<usize> = 124..136;
const CHECKSUM: std::ops::Range<usize> = 148..156;
const TYPE_FLAG: usize = 156;
const MAGIC: std::ops::Range<usize> = 257..265;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_of_unsigned_or_of_signed_bytes() {
        let mut block = [0; BLOCK];
        block[..4].copy_from_slice(b"caf\xe9");
        block[500] = 0x80;
        let rest = 99 + 97 + 102 + 8 * 32;
        for (sum, holds) in
            [(rest + 0xe9 + 0x80, true), (rest - 23 - 128, true), (rest + 0xe9 - 128, false), (0, false)]
        {
            block[CHECKSUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            assert_eq!(checksum_holds(&block), holds, "{sum}");
        }
        // In base 256: the byte that says so is one of the field's, and counts as a blank like the others.
        let sum: u64 = rest - 23 - 128;
        block[CHECKSUM].copy_from_slice(&(sum | 1 << 63).to_be_bytes());
        assert!(checksum_holds(&block));
    }

    #[test]
    fn numbers_are_octal_or_base_256() {
        assert_eq!(number(b"0000644\0"), Some(0o644));
        assert_eq!(number(b"   644 \0"), Some(0o644));
        assert_eq!(number(b"77777777777"), Some(0o77_777_777_777));
        assert_eq!(number(&[0; 8]), Some(0));
        assert_eq!(number(&[0x80, 0, 0, 0, 0, 0, 1, 2]), Some(258));
        assert_eq!(number(&[0xff; 12]), Some(-1));
        assert_eq!(number(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]), Some(-256));
    }

    #[test]
    fn numbers_that_readers_take_differently_are_none() {
        for field in [&b"        "[..], b"0644x\0\0\0", b"-1\0", b"648\0", b"644\0 1", b"6\x00644\0", b""] {
            assert_eq!(number(field), None, "{field:?}");
        }
        // 2⁶³, and bits that no reader agrees on.
        assert_eq!(number(&[0x80, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(number(&[0x81, 0, 0, 0, 0, 0, 0, 0]), None);
    }
}
