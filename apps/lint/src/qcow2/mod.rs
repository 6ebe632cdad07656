//! QCOW2: QEMU's image, with every reference counted.

mod clusters;
mod header;
mod refcounts;

use diskwright_core::{ReadAt, Result};

use crate::bytes::{be64, read_up_to};
use crate::report::Findings;
use header::Header;
use refcounts::Refcounts;

/// Whether the bytes at the start are those of a QCOW2.
pub(crate) fn is_qcow2(head: &[u8]) -> bool {
    head.starts_with(b"QFI\xfb")
}

/// Checks the header alone, with its extensions.
pub(crate) fn check_header(source: &dyn ReadAt, f: &mut Findings) -> Result<()> {
    Header::read(source, f).map(drop)
}

/// Bytes of the disk, as the header says.
pub(crate) fn disk_size(source: &dyn ReadAt) -> Result<u64> {
    Ok(be64(&read_up_to(source, 0, 32)?, 24))
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
