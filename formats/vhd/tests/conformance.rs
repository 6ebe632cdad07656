//! The kit's trials; QEMU reads the images back.

use diskwright_conformance::{Identifiers, Look, Reader, Sectors, Sizes, Subject, Writing, readers};
use diskwright_format_vhd::ENTRY;

fn of(reader: Reader) -> Subject {
    Subject::new(ENTRY, reader)
        .with_granularity(2 << 20)
        .with_sizes(SIZES)
        .with_sectors(Sectors::Only512)
        .with_identifiers(Identifiers::FromSeed)
        .with_writing(Writing::Streams)
}

fn dynamic() -> Subject {
    of(readers::qemu_img("vpc")).with_look(Look::Vhd)
}

fn fixed() -> Subject {
    of(readers::qemu_img("vpc"))
        .with_option("subformat", "fixed")
        .with_granularity(64 << 10)
        .with_look(Look::Vhd)
}

fn gzip() -> Subject {
    of(readers::unpacked_image("gzip", "vpc")).with_compress().with_look(Look::Gzip)
}

fn fixed_gzip() -> Subject {
    of(readers::unpacked_image("gzip", "vpc"))
        .with_compress()
        .with_option("subformat", "fixed")
        .with_granularity(1 << 20)
        .with_look(Look::Gzip)
}

const SIZES: Sizes = Sizes::multiple_of(1 << 20).with_max(2040 << 30);

diskwright_conformance::tests! { dynamic: dynamic, fixed: fixed, gzip_of_dynamic: gzip, gzip_of_fixed: fixed_gzip }
