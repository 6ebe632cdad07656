#![doc = include_str!("../docs.md")]

mod encode;
mod options;
mod plan;
mod write;

pub use options::GceOptions;
pub use plan::Gce;

use std::sync::Arc;

use diskwright_core::format::{
    FormatEntry, FormatInfo, FormatOptions, OptionSpec, OptionValues, TargetFormat,
};

/// What a registry holds for Google Compute Engine.
pub const ENTRY: FormatEntry = FormatEntry { info: &INFO, configure };

/// The static description.
pub const INFO: FormatInfo = FormatInfo {
    id: "gce",
    api_name: Some("Google Compute Engine"),
    aliases: &[],
    primitive: Some("google"),
    plain: ".tar.gz with disk.raw",
    compressed: Some(".tar.gz with disk.raw"),
    qemu: None,
    options: &[OptionSpec {
        key: "level",
        values: OptionValues::Integer { min: 1, max: 12 },
        default: "1",
        summary: "how hard gzip compresses",
    }],
};

fn configure(options: &FormatOptions) -> diskwright_core::Result<Arc<dyn TargetFormat>> {
    Ok(Arc::new(Gce::new(GceOptions::from_options(options)?)?))
}
