//! Every image of the Debian machine, read again, holds what was scanned.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use diskwright_e2e::variant::{BATCHES, Batch, SMALL_BATCHES};
use diskwright_e2e::{Generated, verify};

use crate::built::Built;

#[test]
fn every_file_and_attribute_of_the_machine_is_in_every_image() -> Result<()> {
    let Some(built) = Built::get()? else { return Ok(()) };
    let root = built.tree.root();
    let mut verified = 0;
    for batch in BATCHES {
        let generated = built.batch(batch.name)?;
        verified += verify_all(generated, &root).with_context(|| batch.name)?;
    }
    // Ten stored, five packed, two with zstd, a flat one.
    ensure!(verified == 18, "{verified} images");
    Ok(())
}

#[test]
fn images_of_the_small_batches_and_packed_disks_of_hyper_v_hold_the_small_machine() -> Result<()> {
    let room = tempfile::tempdir()?;
    let scan = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/valid/small-machine.tar");
    let packed = [
        Batch { name: "hyper-v", formats: &["vhd", "vhdx"], settings: &["--compress"] },
        Batch {
            name: "hyper-v-fixed",
            formats: &["vhd", "vhdx"],
            settings: &["--compress", "--option", "subformat=fixed"],
        },
    ];
    let mut verified = 0;
    for batch in SMALL_BATCHES.iter().chain(&packed) {
        // Compute Engine takes whole GiB alone.
        let size = if batch.formats.contains(&"gce") { "1G" } else { "67M" };
        let settings = ["--boot", "none", "--disk-size", size];
        let generated = batch.generate(&scan, &room.path().join(batch.name), &settings)?;
        verified += verify_all(&generated, &scan).with_context(|| batch.name)?;
    }
    // Two fixed ones, an archive, two boxes; two packed dynamic ones, two fixed.
    ensure!(verified == 9, "{verified} images");
    Ok(())
}

/// Verifies the images of a run with their scan; gives how many they are.
fn verify_all(generated: &Generated, scan: &Path) -> Result<usize> {
    let images: Vec<PathBuf> = generated.outputs.iter().filter(|path| is_image(path)).cloned().collect();
    let folder = images.first().and_then(|image| image.parent()).context("no image")?;
    verify(&images, &folder.join("report.json"), &["--scan".as_ref(), scan.as_os_str()])?;
    Ok(images.len())
}

/// A flat disk is verified with its descriptor; all others on their own, too.
fn is_image(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    !name.ends_with("-flat.vmdk")
}
