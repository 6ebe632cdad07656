//! Diskwright for embedders: the engine and every built-in format.
//!
//! Everything of `diskwright-core` stands here too; [`builtin_registry`] holds the formats.

pub use diskwright_core::*;

/// The built-in formats, by crate.
pub mod formats {
    pub use diskwright_format_qcow2 as qcow2;
    pub use diskwright_format_raw as raw;
    pub use diskwright_format_vdi as vdi;
    pub use diskwright_format_virtualbox as virtualbox;
    pub use diskwright_format_vmdk as vmdk;
    pub use diskwright_format_vmware as vmware;
    pub use diskwright_ovf as ovf;
}

use diskwright_core::format::Registry;

/// A registry of all built-in formats.
///
/// # Errors
/// `ErrorKind::Internal` when two formats claim one name: a defect.
pub fn builtin_registry() -> Result<Registry> {
    let mut registry = Registry::new();
    registry.register(formats::raw::ENTRY)?;
    registry.register(formats::qcow2::ENTRY)?;
    registry.register(formats::vdi::ENTRY)?;
    registry.register(formats::virtualbox::ENTRY)?;
    registry.register(formats::vmware::ENTRY)?;
    registry.register(formats::vmdk::ENTRY)?;
    Ok(registry)
}
