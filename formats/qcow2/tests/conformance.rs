//! The kit's trials; QEMU reads the images back.

use diskwright_conformance::{Look, Sectors, Sizes, Subject, readers};
use diskwright_format_qcow2::ENTRY;

fn plain() -> Subject {
    Subject::new(ENTRY, readers::qemu_img("qcow2"))
        .with_granularity(64 << 10)
        .with_sizes(Sizes::SECTORS)
        .with_sectors(Sectors::Also4096)
        .with_look(Look::Qcow2)
}

fn deflate() -> Subject {
    plain().with_compress()
}

fn zstd() -> Subject {
    plain()
        .with_compress()
        .with_option("compression", "zstd")
        .with_option("cluster-size", "2M")
        .with_granularity(2 << 20)
}

diskwright_conformance::tests! { plain_clusters: plain, deflated_clusters: deflate, zstd_clusters: zstd }
