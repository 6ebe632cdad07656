#![doc = include_str!("../docs.md")]

mod encode;
mod options;
mod plan;
mod write;

pub use options::{Subformat, VhdOptions};
pub use plan::Vhd;

use std::sync::Arc;

use diskwright_core::format::{
    FormatEntry, FormatInfo, FormatOptions, OptionSpec, OptionValues, TargetFormat,
};

/// What a registry holds for VHD.
pub const ENTRY: FormatEntry = FormatEntry { info: &INFO, configure };

/// The static description.
pub const INFO: FormatInfo = FormatInfo {
    id: "vhd",
    api_name: Some("VHD"),
    aliases: &[],
    primitive: Some("vhd"),
    plain: ".vhd (dynamic or fixed)",
    compressed: Some(".vhd.gz"),
    qemu: Some("vpc"),
    options: &[
        OptionSpec {
            key: "subformat",
            values: OptionValues::Choice(&["dynamic", "fixed"]),
            default: "dynamic",
            summary: "dynamic stores what is not zero; fixed, the whole disk, is what Azure takes",
        },
        OptionSpec {
            key: "level",
            values: OptionValues::Integer { min: 1, max: 12 },
            default: "",
            summary: "how hard gzip compresses, with compress only; default 1",
        },
    ],
};

fn configure(options: &FormatOptions) -> diskwright_core::Result<Arc<dyn TargetFormat>> {
    Ok(Arc::new(Vhd::new(VhdOptions::from_options(options)?)))
}
