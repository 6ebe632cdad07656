#![doc = include_str!("../docs.md")]

mod options;
mod plan;
mod write;

pub use options::{Compression, RawOptions};
pub use plan::Raw;

use std::sync::Arc;

use diskwright_core::format::{
    FormatEntry, FormatInfo, FormatOptions, OptionSpec, OptionValues, TargetFormat,
};

/// What a registry holds for the raw format.
pub const ENTRY: FormatEntry = FormatEntry { info: &INFO, configure };

/// The static description.
pub const INFO: FormatInfo = FormatInfo {
    id: "raw",
    api_name: Some("Raw"),
    aliases: &["Raw Virtual Disk"],
    primitive: Some("raw"),
    plain: ".raw (sparse)",
    compressed: Some(".raw.gz or .raw.zst"),
    qemu: Some("raw"),
    options: &[
        OptionSpec {
            key: "compression",
            values: OptionValues::Choice(&["gzip", "zstd"]),
            default: "",
            summary: "codec of the compressed form, with compress only; default gzip",
        },
        OptionSpec {
            key: "level",
            values: OptionValues::Integer { min: 1, max: 19 },
            default: "",
            summary: "how hard to compress, with compress only: gzip 1..12, default 1; zstd 1..19, default 3",
        },
    ],
};

fn configure(options: &FormatOptions) -> diskwright_core::Result<Arc<dyn TargetFormat>> {
    Ok(Arc::new(Raw::new(RawOptions::from_options(options)?)))
}
