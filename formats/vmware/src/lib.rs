#![doc = include_str!("../docs.md")]

mod encode;
mod hardware;
mod options;
mod plan;

pub use hardware::HardwareVersion;
pub use options::{DiskController, Form, Nic, VmwareOptions};
pub use plan::Vmware;

use std::sync::Arc;

use diskwright_core::format::{
    FormatEntry, FormatInfo, FormatOptions, OptionSpec, OptionValues, TargetFormat,
};
use diskwright_ovf::LEVEL;

/// What a registry holds for VMware.
pub const ENTRY: FormatEntry = FormatEntry { info: &INFO, configure };

/// The static description.
pub const INFO: FormatInfo = FormatInfo {
    id: "vmware",
    api_name: Some("VMware"),
    aliases: &["VMware Server", "VMware vCenter"],
    primitive: Some("vmware"),
    plain: ".vmx + .vmdk (monolithic sparse)",
    compressed: Some(".ova"),
    qemu: None,
    options: &[
        OptionSpec {
            key: "hardware-version",
            values: OptionValues::Choice(&hardware::CHOICES),
            default: "13",
            summary: "virtual hardware: 11 ESXi 6.0, 13 6.5, 14 6.7, 15 6.7U2, 17 7.0, 20 8.0, 21 8.0U2",
        },
        OptionSpec {
            key: "digest",
            values: OptionValues::Choice(&["sha1", "sha256", "sha512", "none"]),
            default: "",
            summary: "of the manifest, with compress only; default sha1 for hardware 11, sha256 for 13 and 14, \
                      sha512 from 15",
        },
        OptionSpec {
            key: "controller",
            values: OptionValues::Choice(&["lsilogic", "pvscsi", "ahci", "nvme"]),
            default: "lsilogic",
            summary: "what the disks hang on; nvme needs hardware 13",
        },
        OptionSpec {
            key: "nic",
            values: OptionValues::Choice(&["e1000", "vmxnet3"]),
            default: "e1000",
            summary: "network adapter",
        },
        OptionSpec {
            key: "os-type",
            values: OptionValues::Word,
            default: "",
            summary: "VMware's name of the guest (debian12_64Guest, debian12-64), default by the tree's os-release",
        },
        LEVEL,
    ],
};

fn configure(options: &FormatOptions) -> diskwright_core::Result<Arc<dyn TargetFormat>> {
    Ok(Arc::new(Vmware::new(VmwareOptions::from_options(options)?)))
}
