#![doc = include_str!("../docs.md")]

mod encode;
mod options;
mod plan;

pub use options::{Form, Nic, StorageController, VirtualBoxOptions};
pub use plan::VirtualBox;

use std::sync::Arc;

use diskwright_core::format::{
    FormatEntry, FormatInfo, FormatOptions, OptionSpec, OptionValues, TargetFormat,
};
use diskwright_ovf::LEVEL;

/// What a registry holds for VirtualBox.
pub const ENTRY: FormatEntry = FormatEntry { info: &INFO, configure };

/// The static description.
pub const INFO: FormatInfo = FormatInfo {
    id: "virtualbox",
    api_name: Some("VirtualBox"),
    aliases: &[],
    primitive: Some("vbox"),
    plain: ".vbox + .vdi (dynamic)",
    compressed: Some(".ova"),
    qemu: None,
    options: &[
        OptionSpec {
            key: "controller",
            values: OptionValues::Choice(&["ahci", "lsilogic"]),
            default: "ahci",
            summary: "what the disks hang on",
        },
        OptionSpec {
            key: "nic",
            values: OptionValues::Choice(&["e1000", "virtio"]),
            default: "e1000",
            summary: "network adapter; VMware has no virtio",
        },
        OptionSpec {
            key: "os-type",
            values: OptionValues::Word,
            default: "",
            summary: "VirtualBox's name of the guest (Debian_64), default by the tree's os-release",
        },
        LEVEL,
    ],
};

fn configure(options: &FormatOptions) -> diskwright_core::Result<Arc<dyn TargetFormat>> {
    Ok(Arc::new(VirtualBox::new(VirtualBoxOptions::from_options(options)?)))
}
