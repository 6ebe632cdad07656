#![doc = include_str!("../docs.md")]

mod encode;
mod options;
mod plan;
mod write;

pub use options::VdiOptions;
pub use plan::{Vdi, image_uuid};

use std::sync::Arc;

use diskwright_core::format::{FormatEntry, FormatInfo, FormatOptions, TargetFormat};

/// What a registry holds for VDI.
pub const ENTRY: FormatEntry = FormatEntry { info: &INFO, configure };

/// The static description.
pub const INFO: FormatInfo = FormatInfo {
    id: "vdi",
    api_name: None,
    aliases: &[],
    primitive: None,
    plain: ".vdi (dynamic)",
    compressed: None,
    qemu: Some("vdi"),
    options: &[],
};

fn configure(options: &FormatOptions) -> diskwright_core::Result<Arc<dyn TargetFormat>> {
    Ok(Arc::new(Vdi::new(VdiOptions::from_options(options)?)))
}
