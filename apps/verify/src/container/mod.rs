//! Image files: the disks in them, read by code of its own, and what is wrong with the files themselves.

mod raw;

use std::path::Path;
use std::sync::Arc;

use diskwright_core::{Error, ErrorKind, ReadAt, Result};

use crate::bytes::len64;
use crate::disk::Disk;
use crate::finding::Findings;

pub(crate) use raw::HostFile;

/// The disk in an image.
///
/// # Errors
/// `ErrorKind::Source` when a file cannot be read or is cut off; `ErrorKind::Unsupported` for what is of no known kind, or of a
/// kind that Diskwright does not write.
pub(crate) fn open(path: &Path, findings: &mut Findings) -> Result<Arc<dyn Disk>> {
    let file = HostFile::open(path)?;
    let mut head = vec![0; usize::try_from(file.size().min(len64(HEAD))).unwrap_or(HEAD)];
    file.read_exact_at(0, &mut head).map_err(|error| {
        Error::new(ErrorKind::Source, "the image cannot be read").with_source(error)
    })?;
    if head.starts_with(b"\x1f\x8b") || head.starts_with(b"\x28\xb5\x2f\xfd") {
        return raw::unpack(&file, path, findings);
    }
    Ok(Arc::new(file))
}

/// Bytes by which kinds are told.
const HEAD: usize = 4096;
