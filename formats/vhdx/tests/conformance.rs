//! The kit's trials; QEMU reads images with sectors of 512 bytes back, 7-Zip those with 4096, which QEMU refuses.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};

use diskwright_conformance::{
    Identifiers, Images, Look, RawDisk, Reader, Sectors, Sizes, Subject, Unreadable, Writing, readers, tool,
};
use diskwright_format_vhdx::ENTRY;

fn of(reader: Reader) -> Subject {
    Subject::new(ENTRY, reader)
        .with_granularity(1 << 20)
        .with_sizes(Sizes::multiple_of(4096).with_min(3 << 20).with_max(64 << 40))
        .with_sectors(Sectors::Also4096)
        .with_identifiers(Identifiers::FromSeed)
        .with_writing(Writing::Streams)
}

fn dynamic() -> Subject {
    of(Reader::new(|images| images.paths().map(|image| disk(&image, images)).collect())).with_look(Look::Vhdx)
}

fn large_blocks() -> Subject {
    dynamic().with_option("block-size", "32M").with_granularity(32 << 20)
}

fn fixed() -> Subject {
    dynamic().with_option("subformat", "fixed")
}

fn gzip() -> Subject {
    let unpacked = |images: &Images<'_>, packed: &Path| {
        readers::unpacked("gzip", packed, images)?;
        let name = packed.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        disk(&images.scratch().join(format!("{name}.as-raw")), images)
    };
    let reader = Reader::new(move |images| images.paths().map(|packed| unpacked(images, &packed)).collect());
    of(reader).with_compress().with_look(Look::Gzip)
}

/// The disk in `image`, read by the program that takes its sectors.
fn disk(image: &Path, images: &Images<'_>) -> Result<RawDisk, Unreadable> {
    let mut sector = [0; 4];
    File::open(image)?.read_exact_at(&mut sector, LOGICAL_SECTOR_SIZE)?;
    if u32::from_le_bytes(sector) == 512 {
        return readers::converted("vhdx", image, images);
    }
    let program = tool::find("7zz")?;
    let name = image.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let raw = images.scratch().join(format!("{name}.by-7zz"));
    let mut command = Command::new(program);
    command.args(["e", "-so", "-tvhdx"]).arg(image).stdin(Stdio::null()).stdout(File::create(&raw)?);
    let output = command.stderr(Stdio::piped()).spawn()?.wait_with_output()?;
    if !output.status.success() {
        return Err(Unreadable::Failed(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    readers::open(&raw)
}

/// Where the images that are tried have this item of their metadata.
const LOGICAL_SECTOR_SIZE: u64 = (2 << 20) + 65_536 + 32;

diskwright_conformance::tests! { dynamic: dynamic, large_blocks: large_blocks, fixed: fixed, gzip: gzip }
