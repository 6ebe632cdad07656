//! The kit's trials; tar and QEMU read the machines' disks back.

use diskwright_conformance::{Identifiers, Look, Sectors, Sizes, Subject, readers};
use diskwright_format_vmware::ENTRY;

fn machine() -> Subject {
    Subject::new(ENTRY, readers::qemu_img_of("vmdk", ".vmdk"))
        .with_granularity(64 << 10)
        .with_sizes(Sizes::multiple_of(64 << 10))
        .with_sectors(Sectors::Only512)
        .with_identifiers(Identifiers::FromSeed)
        .with_look(Look::Vmdk)
}

fn package() -> Subject {
    Subject::new(ENTRY, readers::ova())
        .with_compress()
        .with_granularity(64 << 10)
        .with_sizes(Sizes::multiple_of(64 << 10))
        .with_sectors(Sectors::Only512)
        .with_identifiers(Identifiers::FromSeed)
        .with_look(Look::Tar)
}

diskwright_conformance::tests! { machine_with_vmdk: machine, ova: package }
