//! The kit's trials; tar and QEMU read the boxes' disks back.

use std::ffi::OsStr;
use std::path::Path;

use diskwright_conformance::{
    DiskCount, Identifiers, Images, Look, RawDisk, Reader, Sectors, Sizes, Subject, Unreadable, readers, tool,
};
use diskwright_format_vagrant::ENTRY;

fn of(reader: Reader) -> Subject {
    Subject::new(ENTRY, reader)
        .with_granularity(64 << 10)
        .with_sizes(Sizes::multiple_of(64 << 10))
        .with_sectors(Sectors::Only512)
        .with_look(Look::Tar)
}

fn virtualbox() -> Subject {
    of(readers::ova()).with_identifiers(Identifiers::FromSeed)
}

fn libvirt() -> Subject {
    of(Reader::new(|images| images.paths().map(|path| image(&path, images)).collect()))
        .with_compress()
        .with_option("provider", "libvirt")
        .with_disks(DiskCount::One)
}

fn image(archive: &Path, images: &Images<'_>) -> Result<RawDisk, Unreadable> {
    let to = images.scratch();
    let arguments: [&OsStr; 5] =
        ["-xf".as_ref(), archive.as_ref(), "-C".as_ref(), to.as_ref(), "box.img".as_ref()];
    tool::run(&tool::find("tar")?, &arguments)?;
    readers::converted("qcow2", &to.join("box.img"), images)
}

diskwright_conformance::tests! { virtualbox: virtualbox, libvirt: libvirt }
