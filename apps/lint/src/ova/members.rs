use diskwright_core::{ReadAt, Result};

use crate::bytes::{read, slice};
use crate::report::{Findings, Location, shown};
use crate::rules::ova as rules;

/// A regular file of the archive.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    /// Where its header stands.
    pub(crate) header: u64,
    /// Where its bytes begin.
    pub(crate) data: u64,
    pub(crate) size: u64,
}

/// Whether 512 bytes are a tar header: by the magic, or by the checksum of one from before it.
pub(crate) fn is_header(block: &[u8]) -> bool {
    let has_sum =
        block.len() >= BLOCK && octal(slice(block, 148, 8)).is_some_and(|sum| sum == checksum(block));
    slice(block, 257, 5) == b"ustar" || (has_sum && block.first().is_some_and(|byte| *byte != 0))
}

/// Reads all headers up to the end of the archive.
pub(crate) fn read_members(source: &dyn ReadAt, f: &mut Findings) -> Result<Vec<Member>> {
    let mut members = Vec::new();
    let mut at = 0_u64;
    while members.len() < MAX_MEMBERS {
        let Some(block) = read(source, at, BLOCK)? else {
            let text = "the archive ends without two blocks of zeros";
            f.add(&rules::END_BLOCKS, Location::Offset(at), text);
            return Ok(members);
        };
        if block.iter().all(|byte| *byte == 0) {
            check_end(source, at, f)?;
            return Ok(members);
        }
        if octal(slice(&block, 148, 8)) != Some(checksum(&block)) {
            f.add(&rules::HEADER_CHECKSUM, Location::Offset(at), "the header's checksum is wrong");
            return Ok(members);
        }
        let Some(size) = size(&block, at, f) else { return Ok(members) };
        let data = at.saturating_add(BLOCK_BYTES);
        if data.checked_add(size).is_none_or(|end| end > source.size()) {
            let text = format!("a member of {size} bytes does not end within the archive");
            f.add(&rules::TRUNCATED, Location::Offset(at), text);
            return Ok(members);
        }
        if check_type(&block, at, f) {
            members.push(Member { name: name(&block), header: at, data, size });
        }
        at = data.saturating_add(size.next_multiple_of(BLOCK_BYTES));
    }
    f.add(&rules::TRUNCATED, Location::Offset(at), "the archive has more members than any machine");
    Ok(members)
}

fn check_end(source: &dyn ReadAt, at: u64, f: &mut Findings) -> Result<()> {
    let mut at = at;
    let mut blocks = 0_u64;
    while let Some(block) = read(source, at, BLOCK)? {
        if block.iter().any(|byte| *byte != 0) {
            f.add(&rules::END_BLOCKS, Location::Offset(at), "something follows the end of the archive");
            return Ok(());
        }
        blocks += 1;
        at += BLOCK_BYTES;
        if blocks > MAX_END_BLOCKS {
            let text = "more zeros follow the end of the archive than any tar writes";
            f.add(&rules::END_BLOCKS, Location::Offset(at), text);
            return Ok(());
        }
    }
    if blocks < 2 {
        f.add(&rules::END_BLOCKS, Location::Offset(at), "one block of zeros ends the archive, not two");
    }
    Ok(())
}

fn check_type(block: &[u8], at: u64, f: &mut Findings) -> bool {
    let kind = block.get(156).copied().unwrap_or(0);
    let place = Location::Offset(at);
    match kind {
        b'0' | 0 => return true,
        b'x' | b'g' => f.add(&rules::PAX_HEADER, place, "a pax header"),
        b'S' => f.add(&rules::SPARSE_MEMBER, place, format!("\"{}\" is sparse", shown(&name(block)))),
        _ => {
            let text =
                format!("\"{}\" is of type \"{}\"", shown(&name(block)), char::from(kind).escape_default());
            f.add(&rules::MEMBER_TYPE, place, text);
        }
    }
    false
}

/// The size field: octal, or GNU's big-endian number behind a set bit.
fn size(block: &[u8], at: u64, f: &mut Findings) -> Option<u64> {
    let field = slice(block, 124, 12);
    let place = Location::Offset(at + 124);
    let is_gnu = slice(block, 257, 8) == GNU_MAGIC;
    let size = if field.first() == Some(&0x80) {
        if !is_gnu {
            let text = "the size is in GNU's binary form, the header not of GNU";
            f.add(&rules::SIZE_ENCODING, place.clone(), text);
        }
        let value = field.get(1..).unwrap_or_default().iter().try_fold(0_u64, |value, byte| {
            value.checked_mul(256).and_then(|value| value.checked_add(u64::from(*byte)))
        });
        value.filter(|value| i64::try_from(*value).is_ok())
    } else {
        let value = octal(field);
        if value.is_some_and(|value| value > USTAR_LIMIT) {
            f.add(&rules::SIZE_ENCODING, place.clone(), "the size takes twelve octal digits");
        }
        value
    };
    if size.is_none() {
        f.add(&rules::SIZE_ENCODING, place, format!("the size \"{}\" is no number", field.escape_ascii()));
    }
    size
}

fn name(block: &[u8]) -> String {
    let text = |at: usize, len: usize| {
        let field = slice(block, at, len);
        let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
        String::from_utf8_lossy(field.get(..end).unwrap_or_default()).into_owned()
    };
    let is_posix = slice(block, 257, 8) == POSIX_MAGIC;
    match text(345, 155) {
        prefix if is_posix && !prefix.is_empty() => format!("{prefix}/{}", text(0, 100)),
        _ => text(0, 100),
    }
}

/// The sum of a header's bytes.
pub(crate) fn checksum(block: &[u8]) -> u64 {
    let sum = |bytes: &[u8]| bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>();
    // The field itself counts as spaces.
    sum(block.get(..148).unwrap_or_default()) + sum(block.get(156..BLOCK).unwrap_or_default()) + 8 * 32
}

/// A number in octal digits, with zeros or spaces around.
pub(crate) fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    u64::from_str_radix(text, 8).ok().filter(|_| !text.starts_with('+'))
}

const BLOCK: usize = 512;
const BLOCK_BYTES: u64 = 512;
const GNU_MAGIC: &[u8] = b"ustar  \0";
const POSIX_MAGIC: &[u8] = b"ustar\x0000";
/// Eleven octal digits.
const USTAR_LIMIT: u64 = (1 << 33) - 1;
const MAX_MEMBERS: usize = 10_000;
/// A record of GNU tar has 20 blocks; some write larger ones.
const MAX_END_BLOCKS: u64 = 2048;
