#![doc = include_str!("../docs.md")]

mod descriptor;
mod encode;
mod options;
mod plan;
mod sparse;
mod stream;
mod write;

pub use descriptor::image_uuid;
pub use options::{AdapterType, DEFAULT_LEVEL, LEVEL, Subformat, VmdkOptions};
pub use plan::Vmdk;
pub use stream::StreamImage;
pub use write::{StreamSummary, StreamWriter};

use std::sync::Arc;

use diskwright_core::format::{
    FormatEntry, FormatInfo, FormatOptions, OptionSpec, OptionValues, TargetFormat,
};

/// What a registry holds for VMDK.
pub const ENTRY: FormatEntry = FormatEntry { info: &INFO, configure };

/// The static description.
pub const INFO: FormatInfo = FormatInfo {
    id: "vmdk",
    api_name: None,
    aliases: &[],
    primitive: None,
    plain: ".vmdk (monolithic sparse or flat)",
    compressed: Some(".vmdk (stream-optimised)"),
    qemu: Some("vmdk"),
    options: &[
        OptionSpec {
            key: "subformat",
            values: OptionValues::Choice(&["sparse", "flat", "stream"]),
            default: "",
            summary: "stream with compress, without it sparse (default) or flat",
        },
        LEVEL,
    ],
};

/// As [`INFO`], for the flat form, whose disk file has no header: QEMU opens it as raw.
const FLAT_INFO: FormatInfo = FormatInfo { qemu: Some("raw"), ..INFO };

fn configure(options: &FormatOptions) -> diskwright_core::Result<Arc<dyn TargetFormat>> {
    Ok(Arc::new(Vmdk::new(VmdkOptions::from_options(options)?)))
}
