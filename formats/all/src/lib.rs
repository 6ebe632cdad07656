//! Diskwright for embedders: the engine and every built-in format.
//!
//! Everything of `diskwright-core` stands here too; [`builtin_registry`] holds the formats. Each format is a feature of its
//! own, all of them on by default: `default-features = false, features = ["qcow2"]` leaves the others out.

pub use diskwright_core::*;

/// The built-in formats, by crate: those whose features are on.
pub mod formats {
    #[cfg(feature = "qcow2")]
    pub use diskwright_format_qcow2 as qcow2;
    #[cfg(feature = "raw")]
    pub use diskwright_format_raw as raw;
    #[cfg(feature = "vdi")]
    pub use diskwright_format_vdi as vdi;
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
    ];
    let mut registry = Registry::new();
    entries.iter().try_for_each(|entry| registry.register(*entry))?;
    Ok(registry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_holds_a_format_for_each_feature_that_is_on() {
        let manifest = include_str!("../Cargo.toml");
        let features = manifest.lines().filter(|line| line.contains("= [\"dep:diskwright-format-")).count();
        let registry = builtin_registry().unwrap();
        if cfg!(all(
            feature = "qcow2",
            feature = "raw",
            feature = "vdi",
            feature = "virtualbox",
            feature = "vmdk",
            feature = "vmware"
        )) {
            assert_eq!(registry.entries().len(), features);
        }
        assert_eq!(registry.find("qcow2").is_some(), cfg!(feature = "qcow2"));
        assert_eq!(registry.find("raw").is_some(), cfg!(feature = "raw"));
        assert_eq!(registry.find("vdi").is_some(), cfg!(feature = "vdi"));
        assert_eq!(registry.find("virtualbox").is_some(), cfg!(feature = "virtualbox"));
        assert_eq!(registry.find("vmdk").is_some(), cfg!(feature = "vmdk"));
        assert_eq!(registry.find("vmware").is_some(), cfg!(feature = "vmware"));
    }
}
