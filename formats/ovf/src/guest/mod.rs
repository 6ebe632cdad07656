//! What the products call the guest: from os-release's `ID` and `VERSION_ID` and the architecture of the tree.

mod cim;
mod virtualbox;
mod vmware;

use diskwright_core::format::OperatingSystem;
use diskwright_core::{Error, ErrorKind, Result};

pub use vmware::VmwareGuest;

/// What OVF and the products call a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    /// `CIM_OperatingSystem.OSType`, for `ovf:id`.
    pub cim: u16,
    /// For people: `Debian GNU/Linux 12 (64-bit)`.
    pub description: String,
    /// What VMware calls it.
    pub vmware: VmwareGuest,
    /// What VirtualBox calls it: `Debian_64`.
    pub virtualbox: &'static str,
}

impl Guest {
    /// The guest that a tree holds. Systems and versions that the tables do not have become a Linux of no name, an unknown
    /// architecture the 64-bit one.
    ///
    /// # Errors
    /// `ErrorKind::Unsupported` for an architecture that is not x86: the machines of both products are PCs.
    pub fn of(system: &OperatingSystem) -> Result<Self> {
        let width = Width::of(&system.architecture)?;
        let id = system.id.to_ascii_lowercase();
        let version = Version::of(&system.version);
        let (cim, name) = cim::lookup(&id, width);
        let number = if version == Version::Unknown { "" } else { system.version.as_str() };
        let number = if number.is_empty() { String::new() } else { format!(" {number}") };
        let bits = match width {
            Width::Bits32 => "32-bit",
            Width::Bits64 => "64-bit",
        };
        Ok(Self {
            cim,
            description: format!("{name}{number} ({bits})"),
            vmware: vmware::lookup(&id, version, width),
            virtualbox: virtualbox::lookup(&id, width),
        })
    }
}

/// The guest's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Width {
    Bits32,
    Bits64,
}

impl Width {
    fn of(architecture: &str) -> Result<Self> {
        match architecture {
            "" | "x86_64" | "amd64" => Ok(Self::Bits64),
            "i386" | "i486" | "i586" | "i686" | "x86" => Ok(Self::Bits32),
            other => {
                let text =
                    format!("the tree is of the architecture {other}, the machine is a PC: x86_64 or i686");
                Err(Error::new(ErrorKind::Unsupported, text).with_field("targetFormat"))
            }
        }
    }
}

/// The major version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    /// Of rolling systems, or not a number.
    Unknown,
    Major(u32),
}

impl Version {
    fn of(text: &str) -> Self {
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && text.len() <= 16;
        let major = text.split('.').next().filter(|_| is_number).and_then(|major| major.parse().ok());
        major.map_or(Self::Unknown, Self::Major)
    }
}

#[cfg(test)]
mod tests;
