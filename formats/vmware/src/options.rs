use diskwright_core::format::FormatOptions;
use diskwright_core::{Error, ErrorKind, Result};
use diskwright_ovf::DEFAULT_LEVEL;
use diskwright_ovf::{Digest, VmwareGuest};

use crate::hardware::HardwareVersion;

/// How a machine for VMware is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VmwareOptions {
    /// What is written; default a `.vmx` file and a monolithic sparse VMDK for each disk.
    pub form: Form,
    /// The virtual hardware; default 13.
    pub hardware: HardwareVersion,
    /// What the disks hang on; default LSI Logic.
    pub controller: DiskController,
    /// The network adapter; default E1000.
    pub nic: Nic,
    /// VMware's name of the guest, in the spelling of the form (`debian12_64Guest` in an OVA, `debian12-64` in a `.vmx`)
    /// or in the other if it is a known one; default by the tree's os-release.
    pub os_type: Option<String>,
}

/// What is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// A `.vmx` file and a VMDK for each disk, to run from.
    #[default]
    Machine,
    /// An OVA, to be imported; zlib level 1..=12, default 4; the manifest is left out for no digest, default that of
    /// [`HardwareVersion::digest`].
    #[expect(missing_docs, reason = "said above")]
    Package { level: u8, digest: Option<Digest> },
}

/// What the disks of a machine hang on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DiskController {
    /// LSI Logic parallel SCSI.
    #[default]
    LsiLogic,
    /// Paravirtual SCSI.
    ParaVirtual,
    /// SATA.
    Ahci,
    /// NVMe, from hardware version 13.
    Nvme,
}

/// A network adapter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nic {
    /// Intel 82545EM.
    #[default]
    E1000,
    /// Paravirtual.
    Vmxnet3,
}

impl Nic {
    /// Refuses more adapters than the guest counts in the machine's order.
    pub(crate) fn check_count(self, count: u32) -> Result<()> {
        if self == Self::Vmxnet3 && count > VMXNET3_MAX {
            let text = format!(
                "VMware puts the adapters after the third vmxnet3 before it, so that the guest takes one for another: \
                 {count} of them need nic=e1000"
            );
            return Err(Error::new(ErrorKind::Unsupported, text).with_field(format!("nics[{VMXNET3_MAX}]")));
        }
        Ok(())
    }
}

impl VmwareOptions {
    /// Sets what is written.
    pub fn with_form(mut self, form: Form) -> Self {
        self.form = form;
        self
    }

    /// Sets the virtual hardware.
    pub fn with_hardware(mut self, hardware: HardwareVersion) -> Self {
        self.hardware = hardware;
        self
    }

    /// Sets what the disks hang on.
    pub fn with_controller(mut self, controller: DiskController) -> Self {
        self.controller = controller;
        self
    }

    /// Sets the network adapter.
    pub fn with_nic(mut self, nic: Nic) -> Self {
        self.nic = nic;
        self
    }

    /// Sets VMware's name of the guest.
    pub fn with_os_type(mut self, os_type: Option<String>) -> Self {
        self.os_type = os_type;
        self
    }

    pub(crate) fn from_options(options: &FormatOptions) -> Result<Self> {
        let number = options.text("hardware-version").parse().ok();
        let hardware = number.and_then(HardwareVersion::new).unwrap_or_default();
        let result = Self {
            form: form(options, hardware)?,
            hardware,
            controller: match options.text("controller") {
                "pvscsi" => DiskController::ParaVirtual,
                "ahci" => DiskController::Ahci,
                "nvme" => DiskController::Nvme,
                _ => DiskController::LsiLogic,
            },
            nic: match options.text("nic") {
                "vmxnet3" => Nic::Vmxnet3,
                _ => Nic::E1000,
            },
            os_type: Some(options.text("os-type").to_owned()).filter(|name| !name.is_empty()),
        };
        result.check()?;
        Ok(result)
    }

    /// Refuses what does not go together.
    pub(crate) fn check(&self) -> Result<()> {
        let mut problems = Vec::new();
        if self.controller == DiskController::Nvme && !self.hardware.has_nvme() {
            let text = format!("hardware version {} has no NVMe: 13 and later have", self.hardware.number());
            problems.push(invalid("controller", text));
        }
        if let Some(name) = &self.os_type {
            problems.extend(self.os_name(name).err());
        }
        Error::collect(problems)
    }

    /// A guest's name in the spelling of the form. VMware refuses a `.vmx` with a name that it does not know.
    pub(crate) fn os_name(&self, name: &str) -> Result<String> {
        let known = VmwareGuest::by_name(name);
        // The API's names end so; otherGuest64 is the one that does not.
        let is_api = name.ends_with("Guest") || name == "otherGuest64";
        match (self.form, known) {
            (Form::Package { .. }, Some(guest)) => Ok(guest.api.to_owned()),
            (Form::Machine, Some(guest)) => Ok(guest.vmx.to_owned()),
            (Form::Package { .. }, None) if is_api => Ok(name.to_owned()),
            (Form::Machine, None) if !is_api => Ok(name.to_owned()),
            (Form::Package { .. }, None) => {
                Err(invalid("os-type", format!("an OVA needs the vSphere name of {name}: debian12_64Guest")))
            }
            (Form::Machine, None) => {
                Err(invalid("os-type", format!("a .vmx file needs its own name of {name}: debian12-64")))
            }
        }
    }
}

fn form(options: &FormatOptions, hardware: HardwareVersion) -> Result<Form> {
    if options.compress() {
        let level = options.number_if_given("level")?;
        let level = level.map_or(DEFAULT_LEVEL, |level| u8::try_from(level).unwrap_or(u8::MAX));
        let digest = match options.text("digest") {
            "sha1" => Some(Digest::Sha1),
            "sha256" => Some(Digest::Sha256),
            "sha512" => Some(Digest::Sha512),
            "none" => None,
            _ => Some(hardware.digest()),
        };
        return Ok(Form::Package { level, digest });
    }
    let given = ["digest", "level"].into_iter().filter(|key| !options.text(key).is_empty());
    let problems = given.map(|key| invalid(key, "it needs the compress flag".to_owned()));
    Error::collect(problems.collect())?;
    Ok(Form::Machine)
}

fn invalid(key: &str, text: String) -> Error {
    Error::new(ErrorKind::InvalidOption, text).with_field(format!("vmware.{key}"))
}

/// Of the four root ports that VMware's products make, the disks' controller may have the first; what comes after the last
/// shares the first again.
const VMXNET3_MAX: u32 = 3;
