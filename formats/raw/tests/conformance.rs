//! The kit's trials. The program zstd unpacks what is compressed, gzip members too: it takes a tenth of gzip's time for long
//! zeros. What gzip itself says stands in `programs.rs`.

use diskwright_conformance::{Look, Sectors, Subject, Writing, readers};
use diskwright_format_raw::ENTRY;

fn plain() -> Subject {
    Subject::new(ENTRY, readers::plain())
        .with_granularity(64 << 10)
        .with_sectors(Sectors::Also4096)
        .with_writing(Writing::Streams)
}

fn gzip() -> Subject {
    Subject::new(ENTRY, readers::unpacked_by("zstd"))
        .with_compress()
        .with_granularity(1 << 20)
        .with_sectors(Sectors::Also4096)
        .with_writing(Writing::Streams)
        .with_look(Look::Gzip)
}

fn zstd() -> Subject {
    Subject::new(ENTRY, readers::unpacked_by("zstd"))
        .with_compress()
        .with_option("compression", "zstd")
        .with_granularity(1 << 20)
        .with_sectors(Sectors::Also4096)
        .with_writing(Writing::Streams)
        .with_look(Look::Zstd)
}

diskwright_conformance::tests! { sparse: plain, gzip_members: gzip, zstd_frames: zstd }
