use diskwright_core::format::FormatOptions;
use diskwright_core::{Error, ErrorKind, Result};
use diskwright_ovf::DEFAULT_LEVEL;

/// How a machine for VirtualBox is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VirtualBoxOptions {
    /// What is written; default a `.vbox` file and a VDI for each disk.
    pub form: Form,
    /// What the disks hang on; default AHCI.
    pub controller: StorageController,
    /// The network adapter; default E1000.
    pub nic: Nic,
    /// VirtualBox's name of the guest, such as `Debian_64`; default by the tree's os-release.
    pub os_type: Option<String>,
}

/// What is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// A `.vbox` file and a VDI for each disk, to run from.
    #[default]
    Machine,
    /// An OVA, to be imported; zlib level 1..=12, default 4.
    #[expect(missing_docs, reason = "said above")]
    Package { level: u8 },
}

/// What the disks of a machine hang on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StorageController {
    /// SATA.
    #[default]
    Ahci,
    /// LSI Logic parallel SCSI.
    LsiLogic,
}

/// A network adapter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nic {
    /// Intel 82545EM, as VMware's E1000 is.
    #[default]
    E1000,
    /// virtio-net, which VMware does not have.
    Virtio,
}

impl VirtualBoxOptions {
    /// Sets what is written.
    pub fn with_form(mut self, form: Form) -> Self {
        self.form = form;
        self
    }

    /// Sets what the disks hang on.
    pub fn with_controller(mut self, controller: StorageController) -> Self {
        self.controller = controller;
        self
    }

    /// Sets the network adapter.
    pub fn with_nic(mut self, nic: Nic) -> Self {
        self.nic = nic;
        self
    }

    /// Sets VirtualBox's name of the guest.
    pub fn with_os_type(mut self, os_type: Option<String>) -> Self {
        self.os_type = os_type;
        self
    }

    pub(crate) fn from_options(options: &FormatOptions) -> Result<Self> {
        let level = options.number_if_given("level")?;
        let form = match (options.compress(), level) {
            (true, level) => {
                let level = level.map_or(DEFAULT_LEVEL, |level| u8::try_from(level).unwrap_or(u8::MAX));
                Form::Package { level }
            }
            (false, None) => Form::Machine,
            (false, Some(_)) => {
                let error = Error::new(ErrorKind::InvalidOption, "it needs the compress flag");
                return Err(error.with_field("virtualbox.level"));
            }
        };
        let controller = match options.text("controller") {
            "lsilogic" => StorageController::LsiLogic,
            _ => StorageController::Ahci,
        };
        let nic = match options.text("nic") {
            "virtio" => Nic::Virtio,
            _ => Nic::E1000,
        };
        let os_type = Some(options.text("os-type").to_owned()).filter(|name| !name.is_empty());
        Ok(Self { form, controller, nic, os_type })
    }
}
