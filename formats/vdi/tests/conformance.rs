//! The kit's trials; QEMU reads the images back.

use diskwright_conformance::{Identifiers, Look, Sectors, Sizes, Subject, Writing, readers};
use diskwright_format_vdi::ENTRY;

fn vdi() -> Subject {
    Subject::new(ENTRY, readers::qemu_img("vdi"))
        .with_granularity(1 << 20)
        // The map's entries have 32 bits, and so has the offset of the data behind it.
        .with_sizes(Sizes::SECTORS.with_min(1 << 20))
        .with_sectors(Sectors::Only512)
        .with_identifiers(Identifiers::FromSeed)
        .with_writing(Writing::Streams)
        .with_look(Look::Vdi)
}

diskwright_conformance::tests!(vdi);
