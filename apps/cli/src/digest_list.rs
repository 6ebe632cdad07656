use std::io::{BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use diskwright::engine::{Engine, Order};
use diskwright::sink::{Overwrite, PartFile};
use diskwright::{Error, ErrorKind, Files, Monitor};

use crate::failure::Failure;

/// Writes the list of what the guest's file systems hold, for `order`, which is scanned and read for it; the list has its
/// name when it is published.
///
/// # Errors
/// If there is a file at `path` that may not be replaced; those of planning and reading; if it cannot be written.
pub(crate) fn write(
    path: &Path,
    overwrite: Overwrite,
    engine: &Engine,
    order: &Order,
    monitor: &Monitor,
) -> Result<PartFile, Failure> {
    let list = PartFile::create(&Files::default(), path, overwrite)?;
    let plan = engine.plan(order, monitor)?;
    let mut writer = BufWriter::new(list.writer());
    diskwright_verify::write_file_digests(plan.tree(), &mut writer, monitor)?;
    writer.flush().map_err(|error| {
        let error = Error::new(ErrorKind::Sink, "the list of digests cannot be written").with_source(error);
        error.with_path(path.as_os_str().as_bytes())
    })?;
    drop(writer);
    Ok(list)
}
