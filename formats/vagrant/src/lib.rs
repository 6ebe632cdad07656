#![doc = include_str!("../docs.md")]

mod encode;
mod options;
mod plan;

pub use options::{Provider, VagrantOptions};
pub use plan::Vagrant;

use std::sync::Arc;

use diskwright_core::format::{
    FormatEntry, FormatInfo, FormatOptions, OptionSpec, OptionValues, TargetFormat,
};

/// What a registry holds for Vagrant.
pub const ENTRY: FormatEntry = FormatEntry { info: &INFO, configure };

/// The static description.
pub const INFO: FormatInfo = FormatInfo {
    id: "vagrant",
    api_name: Some("Vagrant Base Box"),
    aliases: &[],
    primitive: Some("vagrant"),
    plain: ".box",
    compressed: Some(".box"),
    qemu: None,
    options: &[
        OptionSpec {
            key: "provider",
            values: OptionValues::Choice(&["virtualbox", "libvirt"]),
            default: "virtualbox",
            summary: "what runs the machine",
        },
        OptionSpec {
            key: "level",
            values: OptionValues::Integer { min: 1, max: 12 },
            default: "",
            summary: "how hard to compress: virtualbox 1..12, default 4; libvirt 1..9, default 5",
        },
    ],
};

fn configure(options: &FormatOptions) -> diskwright_core::Result<Arc<dyn TargetFormat>> {
    Ok(Arc::new(Vagrant::new(VagrantOptions::from_options(options)?)?))
}
