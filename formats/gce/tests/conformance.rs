//! The kit's trials; gzip (by the program zstd, which is faster for long zeros) and GNU tar unpack the disk.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use diskwright_conformance::{
    Identifiers, Images, Look, RawDisk, Reader, Sectors, Sizes, Subject, Unreadable, Writing, readers, tool,
};
use diskwright_format_gce::ENTRY;

fn archive() -> Subject {
    Subject::new(ENTRY, Reader::new(|images| images.paths().map(|path| disk(&path, images)).collect()))
        .with_granularity(1 << 20)
        .with_sizes(Sizes::multiple_of(1 << 30).with_max(64 << 40))
        .with_sectors(Sectors::Only512)
        .with_identifiers(Identifiers::None)
        .with_writing(Writing::Streams)
        .with_look(Look::Gzip)
}

fn compressed() -> Subject {
    archive().with_compress().with_option("level", "6")
}

fn disk(packed: &Path, images: &Images<'_>) -> Result<RawDisk, Unreadable> {
    let tar = tool::find("tar")?;
    readers::unpacked("zstd", packed, images)?;
    let name = packed.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let archive = images.scratch().join(format!("{name}.as-raw"));
    let folder = images.scratch().join(format!("{name}.members"));
    fs::create_dir(&folder)?;
    let arguments: [&OsStr; 5] =
        ["-xSf".as_ref(), archive.as_ref(), "-C".as_ref(), folder.as_ref(), "disk.raw".as_ref()];
    tool::run(&tar, &arguments)?;
    fs::remove_file(archive)?;
    readers::open(&folder.join("disk.raw"))
}

diskwright_conformance::tests! { archive: archive, compressed: compressed }
