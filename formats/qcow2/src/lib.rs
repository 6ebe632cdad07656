#![doc = include_str!("../docs.md")]

mod cluster;
mod encode;
mod options;
mod plan;
mod tables;
mod write;

pub use cluster::ClusterBits;
pub use options::{Compression, Qcow2Options};
pub use plan::Qcow2;

use std::sync::Arc;

use diskwright_core::format::{
    FormatEntry, FormatInfo, FormatOptions, OptionSpec, OptionValues, TargetFormat,
};

/// What a registry holds for QCOW2.
pub const ENTRY: FormatEntry = FormatEntry { info: &INFO, configure };

/// The static description.
pub const INFO: FormatInfo = FormatInfo {
    id: "qcow2",
    api_name: Some("QCOW2"),
    aliases: &[],
    primitive: Some("qcow2"),
    plain: ".qcow2",
    compressed: Some(".qcow2 with deflate or zstd clusters"),
    qemu: Some("qcow2"),
    options: &[
        OptionSpec {
            key: "compression",
            values: OptionValues::Choice(&["deflate", "zstd"]),
            default: "",
            summary: "codec of compressed clusters, default deflate; zstd needs QEMU 5.1 or later",
        },
        OptionSpec {
            key: "level",
            values: OptionValues::Integer { min: 1, max: 19 },
            default: "",
            summary: "how hard to compress: deflate 1..9, default 5; zstd 1..19, default 3",
        },
        OptionSpec {
            key: "cluster-size",
            values: OptionValues::PowerOfTwo { min: 4 << 10, max: 2 << 20 },
            default: "65536",
            summary: "unit of allocation and compression",
        },
    ],
};

fn configure(options: &FormatOptions) -> diskwright_core::Result<Arc<dyn TargetFormat>> {
    Ok(Arc::new(Qcow2::new(Qcow2Options::from_options(options)?)))
}
