use std::str::FromStr;

use serde::Serialize;

use crate::{Error, ErrorKind, Result};

/// What the machines that take a format's images have, as far as a guest needs drivers for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hardware {
    /// What the disks hang on: the one controller of a machine that the image describes; for a bare disk those that its
    /// hypervisors usually have, the most usual first. None where nothing is known.
    pub controllers: &'static [DiskController],
    /// The network adapters, likewise.
    pub adapters: &'static [NetworkAdapter],
}

/// What a machine's disks hang on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DiskController {
    /// A virtio block device on PCI.
    VirtioBlock,
    /// A virtio SCSI host adapter on PCI.
    VirtioScsi,
    /// IDE of Intel's PIIX3 and PIIX4.
    Ide,
    /// SATA by AHCI.
    Ahci,
    /// LSI Logic parallel SCSI, 53C1030.
    LsiLogic,
    /// LSI Logic SAS, SAS1068.
    LsiSas,
    /// VMware's paravirtual SCSI.
    Pvscsi,
    /// NVM Express on PCI.
    Nvme,
    /// Hyper-V's synthetic storage, which stands in for its IDE and SCSI controllers.
    HyperV,
}

/// A machine's network adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum NetworkAdapter {
    /// virtio-net on PCI.
    Virtio,
    /// Intel 82545EM and 82540EM.
    E1000,
    /// VMware's paravirtual adapter.
    Vmxnet3,
    /// Hyper-V's synthetic adapter.
    HyperV,
}

impl DiskController {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::VirtioBlock,
        Self::VirtioScsi,
        Self::Ide,
        Self::Ahci,
        Self::LsiLogic,
        Self::LsiSas,
        Self::Pvscsi,
        Self::Nvme,
        Self::HyperV,
    ];

    /// Its name for people and programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::VirtioBlock => "virtio-block",
            Self::VirtioScsi => "virtio-scsi",
            Self::Ide => "ide",
            Self::Ahci => "ahci",
            Self::LsiLogic => "lsi-logic",
            Self::LsiSas => "lsi-sas",
            Self::Pvscsi => "pvscsi",
            Self::Nvme => "nvme",
            Self::HyperV => "hyper-v",
        }
    }
}

impl FromStr for DiskController {
    type Err = Error;

    /// Reads a controller's name.
    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.iter().find(|controller| controller.name() == text);
        found.copied().ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|controller| controller.name()).collect();
            let text = format!("{text:?} is no controller: {}", names.join(", "));
            Error::new(ErrorKind::InvalidOption, text).with_field("controller")
        })
    }
}

impl NetworkAdapter {
    /// Its name for people and programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Virtio => "virtio",
            Self::E1000 => "e1000",
            Self::Vmxnet3 => "vmxnet3",
            Self::HyperV => "hyper-v",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_controller_is_read_by_its_name_and_nothing_else_is() {
        for controller in DiskController::ALL {
            assert_eq!(controller.name().parse::<DiskController>().unwrap(), *controller);
        }
        let error = "floppy".parse::<DiskController>().unwrap_err().to_string();
        assert!(error.contains("floppy") && error.contains("virtio-block"), "{error}");
    }
}
