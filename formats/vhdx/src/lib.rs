#![doc = include_str!("../docs.md")]

mod encode;
mod options;
mod plan;
mod write;

pub use options::{Subformat, VhdxOptions};
pub use plan::Vhdx;

use std::sync::Arc;

use diskwright_core::format::{
    FormatEntry, FormatInfo, FormatOptions, OptionSpec, OptionValues, TargetFormat,
};

/// What a registry holds for VHDX.
pub const ENTRY: FormatEntry = FormatEntry { info: &INFO, configure };

/// The static description.
pub const INFO: FormatInfo = FormatInfo {
    id: "vhdx",
    api_name: Some("Hyper-V"),
    aliases: &[],
    primitive: Some("hyper-v"),
    plain: ".vhdx (dynamic or fixed)",
    compressed: Some(".vhdx.gz"),
    qemu: Some("vhdx"),
    options: &[
        OptionSpec {
            key: "subformat",
            values: OptionValues::Choice(&["dynamic", "fixed"]),
            default: "dynamic",
            summary: "dynamic stores what is not zero, fixed the whole disk",
        },
        OptionSpec {
            key: "block-size",
            values: OptionValues::PowerOfTwo { min: 1 << 20, max: 256 << 20 },
            default: "1048576",
            summary: "bytes that are stored or not; 1M, what Microsoft advises for ext4, is the default",
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
    Ok(Arc::new(Vhdx::new(VhdxOptions::from_options(options)?)?))
}
