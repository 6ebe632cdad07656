//! The kit's trials; QEMU reads the images back.

use diskwright_conformance::{Identifiers, Look, Sectors, Sizes, Subject, Writing, readers};

fn vhd() -> Subject {
    Subject::new(vhd_fixed::ENTRY, readers::qemu_img("vpc"))
        .with_granularity(64 << 10)
        .with_sizes(Sizes::multiple_of(1 << 20).with_max(2040 << 30))
        .with_sectors(Sectors::Only512)
        .with_identifiers(Identifiers::FromSeed)
        .with_writing(Writing::Streams)
        .with_look(Look::Vhd)
}

diskwright_conformance::tests!(vhd);
