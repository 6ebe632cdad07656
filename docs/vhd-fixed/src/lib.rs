#![doc = include_str!("../docs.md")]

mod encode;
mod options;
mod plan;
mod write;

pub use options::{CreatorHost, VhdOptions};
pub use plan::Vhd;

use std::sync::Arc;

use diskwright_core::Result;
use diskwright_core::format::{
    FormatEntry, FormatInfo, FormatOptions, OptionSpec, OptionValues, TargetFormat,
};

/// What a registry holds for fixed VHD.
pub const ENTRY: FormatEntry = FormatEntry { info: &INFO, configure };

/// The static description.
pub const INFO: FormatInfo = FormatInfo {
    id: "vhdfixed",
    api_name: None,
    aliases: &["VHD fixed"],
    primitive: None,
    plain: ".vhd (fixed, sparse)",
    compressed: None,
    qemu: Some("vpc"),
    options: &[OptionSpec {
        key: "creator-host",
        values: OptionValues::Choice(&["windows", "macintosh"]),
        default: "windows",
        summary: "the host system that the footer names",
    }],
};

fn configure(options: &FormatOptions) -> Result<Arc<dyn TargetFormat>> {
    Ok(Arc::new(Vhd::new(VhdOptions::from_options(options))))
}
