//! Diskwright for embedders: the engine and every built-in format.
//!
//! Everything of `diskwright-core` stands here too; [`builtin_registry`] holds the formats. Each format is a feature of its
//! own, all of them on by default: `default-features = false, features = ["qcow2"]` leaves the others out.

pub use diskwright_core::*;

/// The built-in formats, by crate: those whose features are on.
pub mod formats {
    #[cfg(feature = "gce")]
    pub use diskwright_format_gce as gce;
    #[cfg(feature = "qcow2")]
    pub use diskwright_format_qcow2 as qcow2;
    #[cfg(feature = "raw")]
    pub use diskwright_format_raw as raw;
    #[cfg(feature = "vagrant")]
    pub use diskwright_format_vagrant as vagrant;
    #[cfg(feature = "vdi")]
    pub use diskwright_format_vdi as vdi;
    #[cfg(feature = "vhd")]
    pub use diskwright_format_vhd as vhd;
    #[cfg(feature = "vhdx")]
    pub use diskwright_format_vhdx as vhdx;
    #[cfg(feature = "virtualbox")]
    pub use diskwright_format_virtualbox as virtualbox;
    #[cfg(feature = "vmdk")]
    pub use diskwright_format_vmdk as vmdk;
    #[cfg(feature = "vmware")]
    pub use diskwright_format_vmware as vmware;
    #[cfg(feature = "ovf")]
    pub use diskwright_ovf as ovf;
}

use diskwright_core::format::{FormatEntry, Registry};

/// A registry of all built-in formats whose features are on.
///
/// # Errors
/// `ErrorKind::Internal` when two formats claim one name: a defect.
pub fn builtin_registry() -> Result<Registry> {
    let entries: &[FormatEntry] = &[
        #[cfg(feature = "raw")]
        formats::raw::ENTRY,
        #[cfg(feature = "qcow2")]
        formats::qcow2::ENTRY,
        #[cfg(feature = "vdi")]
        formats::vdi::ENTRY,
        #[cfg(feature = "virtualbox")]
        formats::virtualbox::ENTRY,
        #[cfg(feature = "vmware")]
        formats::vmware::ENTRY,
        #[cfg(feature = "vmdk")]
        formats::vmdk::ENTRY,
        #[cfg(feature = "vhd")]
        formats::vhd::ENTRY,
        #[cfg(feature = "vhdx")]
        formats::vhdx::ENTRY,
        #[cfg(feature = "gce")]
        formats::gce::ENTRY,
        #[cfg(feature = "vagrant")]
        formats::vagrant::ENTRY,
    ];
    let mut registry = Registry::new();
    entries.iter().try_for_each(|entry| registry.register(*entry))?;
    Ok(registry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_registered_and_has_a_feature_of_its_name() {
        let manifest = include_str!("../Cargo.toml");
        let feature = |id: &str| format!("\n{id} = [\"dep:diskwright-format-{id}\"]\n");
        let registry = builtin_registry().unwrap();
        for entry in registry.entries() {
            assert!(manifest.contains(&feature(entry.info.id)), "{}", entry.info.id);
        }
        if cfg!(feature = "default") {
            assert_eq!(registry.entries().len(), manifest.matches(" = [\"dep:diskwright-format-").count());
        }
    }
}
