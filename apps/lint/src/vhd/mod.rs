//! VHD: the disk image of Virtual PC, Hyper-V and Azure, fixed or dynamic.

mod dynamic;
mod footer;

use diskwright_core::{ReadAt, Result};

use crate::bytes::read;
use crate::report::{Findings, Location};
use crate::rules::vhd as rules;
use footer::{Footer, Kind};

/// Whether 512 bytes, the first or the last of a file, are a footer.
pub(crate) fn is_footer(bytes: &[u8]) -> bool {
    bytes.starts_with(b"conectix")
}

/// Whether the file ends as a fixed image does, which begins as its disk.
pub(crate) fn ends_as_vhd(source: &dyn ReadAt) -> Result<bool> {
    let Some(at) = source.size().checked_sub(FOOTER_BYTES) else { return Ok(false) };
    Ok(read(source, at, FOOTER)?.is_some_and(|bytes| is_footer(&bytes)))
}

/// Checks the image.
pub(crate) fn check(source: &dyn ReadAt, f: &mut Findings) -> Result<()> {
    let Some(at) = source.size().checked_sub(FOOTER_BYTES) else {
        f.add(&rules::TRUNCATED, Location::Offset(source.size()), "the file ends within its footer");
        return Ok(());
    };
    let last = read(source, at, FOOTER)?.filter(|bytes| is_footer(bytes));
    let first = read(source, 0, FOOTER)?.filter(|bytes| is_footer(bytes));
    if last.is_none() {
        f.add(&rules::FOOTER, Location::Offset(at), "the last 512 bytes are no footer");
    }
    let (bytes, place) = match (&last, &first) {
        (Some(last), _) => (last, at),
        (None, Some(first)) => (first, 0),
        (None, None) => return Ok(()),
    };
    let footer = Footer::parse(bytes);
    footer.check(bytes, place, f);
    match footer.kind {
        Kind::Fixed => footer.check_fixed(place, source.size(), f),
        Kind::Dynamic => {
            f.add(&rules::AZURE_TYPE, Location::Offset(place + 60), "the image is dynamic");
            if let Some(last) = &last
                && first.as_ref() != Some(last)
            {
                let text = "the file does not begin with a copy of its footer";
                f.add(&rules::FOOTER_COPY, Location::Offset(0), text);
            }
            dynamic::check(source, &footer, place, f)?;
        }
        Kind::Differencing | Kind::Unknown(_) => {}
    }
    Ok(())
}

/// The one's complement of the sum of all bytes, those of the checksum itself left out.
fn checksum(bytes: &[u8], at: usize) -> u32 {
    let sum = |bytes: &[u8]| bytes.iter().fold(0_u32, |sum, byte| sum.wrapping_add(u32::from(*byte)));
    let own = sum(bytes.get(at..at.saturating_add(4)).unwrap_or_default());
    !sum(bytes).wrapping_sub(own)
}

const FOOTER: usize = 512;
const FOOTER_BYTES: u64 = 512;
const SECTOR: u64 = 512;
