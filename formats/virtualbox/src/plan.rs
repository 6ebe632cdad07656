#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use diskwright_core::format::{
    DiskController, Firmware, FormatInfo, Hardware, ImagePlan, Machine, NetworkAdapter, OutputRole,
    OutputSpec, TargetFormat,
};
use diskwright_core::layout::DiskLayout;
use diskwright_core::{Error, ErrorKind, Result};
use diskwright_format_vdi::{Vdi, VdiOptions, image_uuid};
use diskwright_ovf::{
    Controller, Digest, Envelope, EnvelopeDisk, Guest, MachineLimits, OvaPlan, SecureBoot, WithDescriptor,
};
use uuid::Uuid;

use crate::encode::{AttachedDisk, MachineSettings};
use crate::options::{Form, Nic, StorageController, VirtualBoxOptions};

/// A machine for VirtualBox.
#[derive(Clone, Debug, Default)]
pub struct VirtualBox {
    options: VirtualBoxOptions,
}

impl VirtualBox {
    /// A VirtualBox format with these options.
    pub fn new(options: VirtualBoxOptions) -> Self {
        Self { options }
    }

    /// The `.vbox` file and the VDIs that it names.
    fn plan_machine(
        &self,
        settings: MachineSettings,
        machine: &Machine,
        disks: &[DiskLayout],
    ) -> Result<WithDescriptor> {
        if !(0..MAX_SECONDS).contains(&machine.timestamp.seconds) {
            let text = format!("{} is a time before 1970 or after 9999", machine.timestamp.seconds);
            return Err(Error::new(ErrorKind::Unsupported, text).with_field("timestamp"));
        }
        let vdi = Vdi::new(VdiOptions::default()).plan(machine, disks)?;
        let is_disk = |spec: &&OutputSpec| spec.role == OutputRole::Disk;
        let files: Vec<String> = vdi.outputs().iter().filter(is_disk).map(|spec| spec.name.clone()).collect();
        let settings = self.attach(settings, |number| image_uuid(machine, number), files)?;
        let text = settings.to_vbox(machine.timestamp)?;
        Ok(WithDescriptor::new(vdi, format!("{}.vbox", machine.name), text))
    }

    /// The OVA.
    fn plan_package(
        &self,
        settings: MachineSettings,
        guest: Guest,
        machine: &Machine,
        disks: &[DiskLayout],
        level: u8,
    ) -> Result<OvaPlan> {
        // VirtualBox gives an imported disk a new UUID: this one links the envelope's parts.
        let disk_uuid = |number: u32| diskwright_format_vmdk::image_uuid(machine, number);
        let count = disks.len();
        let settings = self.attach(settings, disk_uuid, vec![String::new(); count])?;
        // OVF alone cannot ask VirtualBox for UEFI. Where BIOS will do, an envelope without VirtualBox's element is the one
        // that most importers understand.
        // Of OVF's adapters only the first is on NAT in VirtualBox, those after it are on nothing.
        let is_extended = machine.firmware == Firmware::Uefi || machine.adapters > 1;
        let envelope_disks = settings.disks.iter().zip(disks).map(|(attached, disk)| EnvelopeDisk {
            capacity: disk.size(),
            uuid: is_extended.then_some(attached.uuid),
        });
        let envelope = Envelope {
            name: machine.name.clone(),
            system_type: SYSTEM_TYPE.to_owned(),
            cpus: machine.cpus,
            memory_mib: settings.memory_mib,
            firmware: machine.firmware,
            secure_boot: SecureBoot::Off,
            cim: guest.cim,
            os_description: guest.description,
            vmware_os: guest.vmware.api.to_owned(),
            virtualbox_os: settings.os_type.clone(),
            network: "NAT",
            nic: match self.options.nic {
                Nic::E1000 => "E1000",
                Nic::Virtio => "VirtioNet",
            },
            adapters: machine.adapters,
            controller: self.controller(),
            disks: envelope_disks.collect(),
            extension: is_extended.then(|| settings.to_envelope_element()),
        };
        OvaPlan::new(machine, disks, envelope, Some(Digest::Sha256), level)
    }

    /// Hangs disks on the controller, at the places that the envelope's items have, too.
    fn attach(
        &self,
        settings: MachineSettings,
        uuid: impl Fn(u32) -> Uuid,
        files: Vec<String>,
    ) -> Result<MachineSettings> {
        self.controller().check_disks(files.len())?;
        let attached = (1_u32..).zip(files).enumerate().filter_map(|(index, (number, location))| {
            let port = self.controller().unit(index)?;
            Some(AttachedDisk { port, uuid: uuid(number), location })
        });
        Ok(MachineSettings { disks: attached.collect(), ..settings })
    }

    fn controller(&self) -> Controller {
        match self.options.controller {
            StorageController::Ahci => Controller::Ahci,
            StorageController::LsiLogic => Controller::LsiLogic,
        }
    }
}

impl TargetFormat for VirtualBox {
    fn info(&self) -> &'static FormatInfo {
        &crate::INFO
    }

    fn hardware(&self) -> Hardware {
        Hardware {
            controllers: match self.options.controller {
                StorageController::Ahci => &[DiskController::Ahci],
                StorageController::LsiLogic => &[DiskController::LsiLogic],
            },
            adapters: match self.options.nic {
                Nic::E1000 => &[NetworkAdapter::E1000],
                Nic::Virtio => &[NetworkAdapter::Virtio],
            },
        }
    }

    fn plan(&self, machine: &Machine, disks: &[DiskLayout]) -> Result<Box<dyn ImagePlan>> {
        let memory_mib = LIMITS.memory_mib(machine)?;
        let guest = Guest::of(&machine.operating_system)?;
        let settings = MachineSettings {
            uuid: uuid(machine, "machine"),
            name: machine.name.clone(),
            os_type: self.options.os_type.clone().unwrap_or_else(|| guest.virtualbox.to_owned()),
            cpus: machine.cpus,
            memory_mib,
            firmware: machine.firmware,
            controller: self.options.controller,
            nic: self.options.nic,
            macs: (0..machine.adapters).map(|number| mac(machine, number)).collect(),
            disks: Vec::new(),
        };
        Ok(match self.options.form {
            Form::Machine => Box::new(self.plan_machine(settings, machine, disks)?),
            Form::Package { level } => Box::new(self.plan_package(settings, guest, machine, disks, level)?),
        })
    }
}

/// Identifiers differ between machines of one seed that have different names: VirtualBox registers each but once.
fn uuid(machine: &Machine, what: &str) -> Uuid {
    machine.seed.uuid(&format!("virtualbox {} {what}", machine.name))
}

/// VirtualBox's own prefix and three bytes from the seed, for the adapter of that number (from 0).
fn mac(machine: &Machine, number: u32) -> String {
    let label = match number {
        0 => format!("virtualbox {} mac", machine.name),
        _ => format!("virtualbox {} mac {number}", machine.name),
    };
    let [_, a, b, c] = machine.seed.u32(&label).to_be_bytes();
    format!("080027{a:02X}{b:02X}{c:02X}")
}

/// A hardware family of VMware's that VirtualBox takes as well as its own, which VMware refuses.
const SYSTEM_TYPE: &str = "vmx-13";
/// Its default chipset, PIIX3, has slots for eight adapters.
const LIMITS: MachineLimits = MachineLimits {
    product: "VirtualBox",
    memory_step_mib: 1,
    memory_max_mib: 2 << 20,
    cpus_max: 64,
    adapters_max: 8,
};
/// 10000-01-01T00:00:00Z.
const MAX_SECONDS: i64 = 253_402_300_800;
