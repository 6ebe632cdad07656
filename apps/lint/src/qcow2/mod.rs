//! QCOW2: QEMU's image, with every reference counted.

mod clusters;
mod header;
mod refcounts;

use diskwright_core::{ReadAt, Result};

use crate::report::Findings;
use header::Header;
use refcounts::Refcounts;

/// Whether the bytes at the start are those of a QCOW2.
pub(crate) fn is_qcow2(head: &[u8]) -> bool {
    head.starts_with(b"QFI\xfb")
}

/// Checks the image. Time grows with what the file says it holds, memory does not.
pub(crate) fn check(source: &dyn ReadAt, f: &mut Findings) -> Result<()> {
    let Some(header) = Header::read(source, f)? else { return Ok(()) };
    let mut refcounts = Refcounts::new(source, &header, f)?;
    clusters::check(source, &header, &mut refcounts, f)?;
    if header.is_countable {
        refcounts.compare(f)?;
    }
    Ok(())
}
