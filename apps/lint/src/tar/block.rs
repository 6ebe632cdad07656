//! What every reader of archives asks of blocks of 512 bytes.
//!
//! # Reference
//! POSIX, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format".

use diskwright_core::{ReadAt, Result};

use crate::bytes::{read, slice};

/// Whether 512 bytes are a header: by the magic, or by the checksum of one from before it.
pub(crate) fn is_header(block: &[u8]) -> bool {
    let is_named = block.first().is_some_and(|byte| *byte != 0);
    slice(block, 257, 5) == b"ustar" || (block.len() >= BLOCK && is_named && has_checksum(block))
}

/// Whether a header's checksum is the sum of its bytes.
pub(crate) fn has_checksum(block: &[u8]) -> bool {
    let sum = |bytes: &[u8]| bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>();
    // The field itself counts as spaces.
    let computed = sum(slice(block, 0, 148)) + sum(slice(block, 156, BLOCK - 156)) + 8 * 32;
    octal(slice(block, 148, 8)) == Some(computed)
}

/// A number in octal digits with zeros or spaces around, or GNU's big-endian one behind the byte 0x80.
pub(crate) fn number(field: &[u8]) -> Option<u64> {
    if !is_binary(field) {
        return octal(field);
    }
    let value = field.get(1..)?.iter().try_fold(0_u64, |value, byte| {
        value.checked_mul(256).and_then(|value| value.checked_add(u64::from(*byte)))
    });
    value.filter(|value| i64::try_from(*value).is_ok())
}

/// Whether a number is in GNU's form.
pub(crate) fn is_binary(field: &[u8]) -> bool {
    field.first() == Some(&0x80)
}

fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    u64::from_str_radix(text, 8).ok().filter(|_| !text.starts_with('+'))
}

/// The name in a header, with the prefix that ustar has.
pub(crate) fn name(block: &[u8]) -> String {
    let text = |at: usize, len: usize| {
        let field = slice(block, at, len);
        let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
        String::from_utf8_lossy(field.get(..end).unwrap_or_default()).into_owned()
    };
    let is_posix = slice(block, 257, 6) == b"ustar\0";
    match text(345, 155) {
        prefix if is_posix && !prefix.is_empty() => format!("{prefix}/{}", text(0, 100)),
        _ => text(0, 100),
    }
}

/// What is wrong with the end of an archive, whose first block of zeros stands at `start`, and where.
pub(crate) fn end_flaw(source: &dyn ReadAt, start: u64) -> Result<Option<(u64, &'static str)>> {
    let mut at = start;
    while let Some(block) = read(source, at, BLOCK)? {
        if block.iter().any(|byte| *byte != 0) {
            return Ok(Some((at, "something follows the end of the archive")));
        }
        at += BLOCK_BYTES;
        if at - start > MAX_END {
            return Ok(Some((at, "more zeros follow the end of the archive than any tar writes")));
        }
    }
    let is_short = at - start < 2 * BLOCK_BYTES;
    Ok(is_short.then_some((at, "one block of zeros ends the archive, not two")))
}

pub(crate) const BLOCK: usize = 512;
pub(crate) const BLOCK_BYTES: u64 = 512;
/// Members that are looked at: more than any machine has.
pub(crate) const MAX_MEMBERS: usize = 10_000;
/// A record of GNU tar has 20 blocks; some write larger ones.
const MAX_END: u64 = 1 << 20;
