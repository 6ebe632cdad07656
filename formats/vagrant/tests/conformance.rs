//! The kit's trials; tar and QEMU read the boxes' disks back.

use std::ffi::OsStr;
use std::path::Path;

use diskwright_conformance::{
    DiskCount, Identifiers, Images, Look, RawDisk, Reader, Sectors, Sizes, Subject, Unreadable, readers, tool,
};
use diskwright_format_vagrant::ENTRY;

fn of(compress: bool) -> Subject {
    let reader = Reader::new(|images| {
        let disks: Result<Vec<_>, _> = images.paths().map(|path| disks(&path, images)).collect();
        Ok(disks?.into_iter().flatten().collect())
    });
    let subject = Subject::new(ENTRY, reader)
        .with_granularity(64 << 10)
        .with_sizes(Sizes::multiple_of(64 << 10))
        .with_sectors(Sectors::Only512)
        .with_look(Look::Tar);
    if compress { subject.with_compress() } else { subject }
}

fn virtualbox() -> Subject {
    of(false).with_identifiers(Identifiers::FromSeed)
}

fn libvirt() -> Subject {
    of(true).with_option("provider", "libvirt").with_disks(DiskCount::One)
}

/// The disks of a box for either provider.
fn disks(archive: &Path, images: &Images<'_>) -> Result<Vec<RawDisk>, Unreadable> {
    let (tar, to) = (tool::find("tar")?, images.scratch());
    let arguments: [&OsStr; 5] =
        ["-x".as_ref(), "-vf".as_ref(), archive.as_ref(), "-C".as_ref(), to.as_ref()];
    let members = tool::run(&tar, &arguments)?;
    let members = String::from_utf8_lossy(&members).into_owned();
    let format = |member: &str| match Path::new(member).extension()?.to_str()? {
        "vmdk" => Some("vmdk"),
        "img" => Some("qcow2"),
        _ => None,
    };
    let disks = members.lines().filter_map(|member| Some((format(member)?, to.join(member))));
    disks.map(|(format, image)| readers::converted(format, &image, images)).collect()
}

diskwright_conformance::tests! { virtualbox: virtualbox, libvirt: libvirt }
