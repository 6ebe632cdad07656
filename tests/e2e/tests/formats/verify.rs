//! Every image of the Debian machine, read again, holds what was scanned.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use diskwright_e2e::variant::BATCHES;
use diskwright_e2e::verify;

use crate::built::Built;

#[test]
fn every_file_and_attribute_of_the_machine_is_in_every_image() -> Result<()> {
    let Some(built) = Built::get()? else { return Ok(()) };
    let root = built.tree.root();
    let mut verified = 0;
    for batch in BATCHES {
        let generated = built.batch(batch.name)?;
        let images: Vec<PathBuf> = generated.outputs.iter().filter(|path| is_image(path)).cloned().collect();
        let folder = images.first().and_then(|image| image.parent()).context("no image")?;
        verify(&images, &folder.join("report.json"), &["--scan".as_ref(), root.as_os_str()])
            .with_context(|| batch.name)?;
        verified += images.len();
    }
    // Eight stored, five packed, two with zstd, a flat one.
    ensure!(verified == 16, "{verified} images");
    Ok(())
}

/// A flat disk is verified with its descriptor; all others on their own, too.
fn is_image(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    !name.ends_with("-flat.vmdk")
}
