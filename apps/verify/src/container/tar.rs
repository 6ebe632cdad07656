//! Tar archives of regular files, as packages are.
//!
//! # Reference
//! POSIX.1-1988 `ustar`; GNU tar manual, "Basic Tar Format".

use std::sync::Arc;

use diskwright_core::{Error, ErrorKind, Result};

use super::Made;
use super::cut_off;
use super::section::Section;
use crate::bytes::{array, first_nonzero, len, len64};
use crate::disk::{Disk, expect_zeros, read};
use crate::finding::Findings;

/// A member of the archive.
pub(super) struct Member {
    pub(super) name: String,
    pub(super) content: Section,
}

/// The codes of what is found in an archive of some kind.
pub(super) struct Codes {
    pub(super) header: &'static str,
    pub(super) gap: &'static str,
    pub(super) members: &'static str,
}

/// Whether a file begins with a tar header that is written here.
pub(super) fn is_archive(head: &[u8]) -> bool {
    head.get(257..262) == Some(b"ustar")
}

/// The members of an archive, whose headers and gaps are checked.
///
/// # Errors
/// `ErrorKind::Source` when the file cannot be read or is cut off, or a header has no name or size.
pub(super) fn members(
    file: &Arc<dyn Disk>,
    codes: &Codes,
    machine: &Made<'_>,
    findings: &mut Findings,
) -> Result<Vec<Member>> {
    let mut members = Vec::new();
    let mut at = 0_u64;
    loop {
        if at.saturating_add(BLOCK) > file.size() {
            return Err(cut_off("the end of the archive", at));
        }
        let header = read(file.as_ref(), at, len(BLOCK))?;
        if first_nonzero(&header).is_none() {
            break;
        }
        let (name, size) = check_header(&header, at, (codes.header, machine.report.timestamp), findings)?;
        let start = at + BLOCK;
        let end = start.saturating_add(size);
        let next = end.div_ceil(BLOCK).saturating_mul(BLOCK);
        if next > file.size() || members.len() >= MAX_MEMBERS {
            return Err(cut_off("a member", start));
        }
        expect_zeros(file.as_ref(), end, next, (codes.gap, "after a member"), findings)?;
        members.push(Member { name, content: Section { file: Arc::clone(file), start, size } });
        at = next;
    }
    // Two blocks of zeros, then to whole records.
    let end = at.saturating_add(2 * BLOCK).div_ceil(RECORD).saturating_mul(RECORD);
    if file.size() < at.saturating_add(2 * BLOCK) || file.size() < end {
        return Err(cut_off("the end of the archive", file.size()));
    }
    if file.size() != end {
        findings.add(
            codes.members,
            "archive",
            Some(end),
            format!("{end} bytes"),
            format!("{} bytes", file.size()),
        );
    }
    expect_zeros(file.as_ref(), at, file.size(), (codes.gap, "the end of the archive"), findings)?;
    Ok(members)
}

/// Checks a header against the one that says the same name and size.
fn check_header(
    found: &[u8],
    at: u64,
    (code, timestamp): (&'static str, i64),
    findings: &mut Findings,
) -> Result<(String, u64)> {
    let bad =
        |text: &str| Error::new(ErrorKind::Source, format!("a header of the archive {text}")).with_offset(at);
    let end = found.iter().position(|byte| *byte == 0).unwrap_or(100).min(100);
    let name = std::str::from_utf8(found.get(..end).unwrap_or_default()).map_err(|_| bad("has no name"))?;
    let field: [u8; 12] = array(found, 124);
    let is_large = field[0] == 0x80;
    let size = if is_large {
        u64::from_be_bytes(array(&field, 4))
    } else {
        let digits = std::str::from_utf8(&field[..11]).ok();
        digits.and_then(|digits| u64::from_str_radix(digits, 8).ok()).ok_or_else(|| bad("has no size"))?
    };
    let mut expected = vec![0; found.len()];
    let mut put = |at: usize, bytes: &[u8]| crate::bytes::put(&mut expected, at, bytes);
    put(0, name.as_bytes());
    put(100, b"0000644\x000000000\x000000000\0");
    put(124, &if is_large { field.to_vec() } else { format!("{size:011o}\0").into_bytes() });
    put(136, format!("{timestamp:011o}\0").as_bytes());
    put(148, b"        0");
    put(257, if is_large { b"ustar  \0" } else { b"ustar\x0000" });
    let sum: u32 = expected.iter().map(|byte| u32::from(*byte)).sum();
    crate::bytes::put(&mut expected, 148, format!("{sum:06o}\0 ").as_bytes());
    if let Some(wrong) = crate::bytes::first_difference(found, &expected) {
        let shown = |bytes: &[u8]| {
            bytes.get(wrong..(wrong + 8).min(bytes.len())).unwrap_or_default().escape_ascii().to_string()
        };
        findings.add(
            code,
            format!("header of {}", name.escape_debug()),
            Some(at + len64(wrong)),
            shown(&expected),
            shown(found),
        );
    }
    Ok((name.to_owned(), size))
}

const BLOCK: u64 = 512;
/// An archive is whole records.
const RECORD: u64 = 10_240;
const MAX_MEMBERS: usize = 32;
