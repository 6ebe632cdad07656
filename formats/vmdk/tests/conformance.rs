//! The kit's trials; QEMU reads the images back.

use std::path::Path;

use diskwright_conformance::{Identifiers, Look, Reader, Sectors, Sizes, Subject, readers};
use diskwright_format_vmdk::ENTRY;

/// Each image by the file that QEMU opens: of the flat form, the descriptor.
fn images() -> Reader {
    Reader::new(|images| {
        let is_content = |path: &Path| path.to_str().is_some_and(|path| path.ends_with("-flat.vmdk"));
        let opened = images.paths().filter(|path| !is_content(path));
        opened.map(|path| readers::converted("vmdk", &path, images)).collect()
    })
}

fn sparse() -> Subject {
    Subject::new(ENTRY, images())
        .with_granularity(64 << 10)
        .with_sizes(Sizes::multiple_of(64 << 10))
        .with_sectors(Sectors::Only512)
        .with_identifiers(Identifiers::FromSeed)
        .with_look(Look::Vmdk)
}

fn flat() -> Subject {
    sparse().with_option("subformat", "flat")
}

fn stream() -> Subject {
    sparse().with_compress()
}

diskwright_conformance::tests! { monolithic_sparse: sparse, monolithic_flat: flat, stream_optimised: stream }
