use diskwright_core::{ReadAt, Result};

use crate::bytes::{read, slice};
use crate::report::{Findings, Location, shown};
use crate::rules::ova as rules;
use crate::tar::block::{self, BLOCK, BLOCK_BYTES, MAX_MEMBERS, is_binary, name, number};

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
            if let Some((place, text)) = block::end_flaw(source, at)? {
                f.add(&rules::END_BLOCKS, Location::Offset(place), text);
            }
            return Ok(members);
        }
        if !block::has_checksum(&block) {
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
    let size = number(field);
    if is_binary(field) && !is_gnu {
        let text = "the size is in GNU's binary form, the header not of GNU";
        f.add(&rules::SIZE_ENCODING, place.clone(), text);
    }
    if !is_binary(field) && size.is_some_and(|size| size > USTAR_LIMIT) {
        f.add(&rules::SIZE_ENCODING, place.clone(), "the size takes twelve octal digits");
    }
    if size.is_none() {
        f.add(&rules::SIZE_ENCODING, place, format!("the size \"{}\" is no number", field.escape_ascii()));
    }
    size
}

const GNU_MAGIC: &[u8] = b"ustar  \0";
/// Eleven octal digits.
const USTAR_LIMIT: u64 = (1 << 33) - 1;
