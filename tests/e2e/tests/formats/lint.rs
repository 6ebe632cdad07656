//! The linter finds no error in anything that a format writes, and knows what importers refuse.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use diskwright_e2e::Tool;
use diskwright_e2e::variant::{BATCHES, Batch, SMALL_BATCHES};
use diskwright_lint::Kind;

use crate::built::Built;

#[test]
fn linter_accepts_every_file_of_every_format() -> Result<()> {
    let Some(built) = Built::get()? else { return Ok(()) };
    let mut linted = 0;
    for batch in BATCHES {
        for path in built.batch(batch.name)?.outputs.iter().filter(|path| is_known(path)) {
            let report = diskwright_lint::lint(path).with_context(|| path.display().to_string())?;
            ensure!(!report.has_errors(), "{}: {:#?}", path.display(), report.findings);
            linted += 1;
        }
    }
    // Three QCOW2, two VDI, four VMDK, two appliances, a .vbox and a .vmx file, VHD and VHDX, two packed raw disks.
    assert_eq!(linted, 17);
    Ok(())
}

#[test]
fn linter_accepts_boxes_archives_fixed_disks_and_packed_ones() -> Result<()> {
    let room = tempfile::tempdir()?;
    let scan = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/valid/small-machine.tar");
    let packed = Batch { name: "hyper-v", formats: &["vhd", "vhdx"], settings: &["--compress"] };
    let mut kinds = Vec::new();
    for batch in SMALL_BATCHES.iter().chain(&[packed]) {
        // Compute Engine takes whole GiB alone.
        let size = if batch.formats.contains(&"gce") { "1G" } else { "67M" };
        let settings = ["--boot", "none", "--disk-size", size];
        let generated = batch.generate(&scan, &room.path().join(batch.name), &settings)?;
        for path in &generated.outputs {
            let report = diskwright_lint::lint(path).with_context(|| path.display().to_string())?;
            ensure!(!report.has_errors(), "{}: {:#?}", path.display(), report.findings);
            kinds.push(report.kind);
        }
    }
    kinds.sort();
    assert_eq!(
        kinds,
        [Kind::Vhd, Kind::Vhd, Kind::Vhdx, Kind::Vhdx, Kind::Vagrant, Kind::Vagrant, Kind::Gce]
    );
    Ok(())
}

/// The control: of such a disk, importers say that it is cut off, or that its digest is wrong.
#[test]
fn linter_flags_stream_optimised_disks_of_qemu() -> Result<()> {
    let (Some(qemu_img), Some(built)) = (Tool::find("qemu-img"), Built::get()?) else { return Ok(()) };
    let image = built.workshop.path().join("of-qemu.vmdk");
    let flags = ["convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized"].map(AsRef::as_ref);
    qemu_img.run(&[&flags[..], &[built.raw()?.as_os_str(), image.as_os_str()]].concat())?;
    let report = diskwright_lint::lint(&image)?;
    ensure!(report.has_errors(), "nothing was found: {:#?}", report.findings);
    std::fs::remove_file(image)?;
    Ok(())
}

/// Whether the linter has rules for such a file. A flat disk's content is bytes of any kind, judged with its descriptor.
fn is_known(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let suffixes =
        [".ova", ".vmdk", ".vmx", ".vbox", ".vdi", ".qcow2", ".vhd", ".vhdx", ".raw.gz", ".raw.zst"];
    suffixes.iter().any(|suffix| name.ends_with(suffix)) && !name.ends_with("-flat.vmdk")
}
