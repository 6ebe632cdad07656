#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use diskwright_core::Result;
use diskwright_core::format::{
    DiskController as Disks, FormatInfo, Hardware, ImagePlan, Machine, NetworkAdapter, OutputRole,
    TargetFormat,
};
use diskwright_core::layout::DiskLayout;
use diskwright_format_vmdk::{Vmdk, VmdkOptions};
use diskwright_ovf::{
    Controller, Digest, Envelope, EnvelopeDisk, Guest, OvaPlan, SecureBoot, WithDescriptor,
};

use crate::encode::MachineSettings;
use crate::options::{DiskController, Form, Nic, VmwareOptions};

/// A machine for VMware.
#[derive(Clone, Debug, Default)]
pub struct Vmware {
    options: VmwareOptions,
}

impl Vmware {
    /// A VMware format with these options.
    pub fn new(options: VmwareOptions) -> Self {
        Self { options }
    }

    /// The `.vmx` file and the VMDKs that it names.
    fn plan_machine(
        &self,
        machine: &Machine,
        disks: &[DiskLayout],
        memory_mib: u64,
    ) -> Result<WithDescriptor> {
        let guest = Guest::of(&machine.operating_system)?;
        let controller = self.controller();
        controller.check_disks(disks.len())?;
        let vmdk = Vmdk::new(VmdkOptions::default()).plan(machine, disks)?;
        let is_disk = |spec: &&diskwright_core::format::OutputSpec| spec.role == OutputRole::Disk;
        let files = vmdk.outputs().iter().filter(is_disk).map(|spec| spec.name.clone());
        let places = files.enumerate().filter_map(|(index, file)| Some((controller.unit(index)?, file)));
        let settings = MachineSettings {
            name: machine.name.clone(),
            hardware: self.options.hardware,
            os: self.os_name(guest.vmware.vmx)?,
            cpus: machine.cpus,
            memory_mib,
            firmware: machine.firmware,
            controller: self.options.controller,
            nic: self.options.nic,
            adapters: machine.adapters,
            disks: places.collect(),
        };
        Ok(WithDescriptor::new(vmdk, format!("{}.vmx", machine.name), settings.to_vmx()))
    }

    /// The OVA.
    fn plan_package(
        &self,
        machine: &Machine,
        disks: &[DiskLayout],
        memory_mib: u64,
        level: u8,
        digest: Option<Digest>,
    ) -> Result<OvaPlan> {
        let guest = Guest::of(&machine.operating_system)?;
        let hardware = self.options.hardware;
        let envelope = Envelope {
            name: machine.name.clone(),
            system_type: format!("vmx-{:02}", hardware.number()),
            cpus: machine.cpus,
            memory_mib,
            firmware: machine.firmware,
            secure_boot: if hardware.has_secure_boot() { SecureBoot::Off } else { SecureBoot::Absent },
            cim: guest.cim,
            os_description: guest.description,
            vmware_os: self.os_name(guest.vmware.api)?,
            virtualbox_os: guest.virtualbox.to_owned(),
            network: "VM Network",
            nic: match self.options.nic {
                Nic::E1000 => "E1000",
                Nic::Vmxnet3 => "VmxNet3",
            },
            adapters: machine.adapters,
            controller: self.controller(),
            disks: disks.iter().map(|disk| EnvelopeDisk { capacity: disk.size(), uuid: None }).collect(),
            extension: None,
        };
        OvaPlan::new(machine, disks, envelope, digest, level)
    }

    /// The guest's name in the spelling of the form: the option's, else `default`.
    fn os_name(&self, default: &str) -> Result<String> {
        self.options.os_name(self.options.os_type.as_deref().unwrap_or(default))
    }

    fn controller(&self) -> Controller {
        match self.options.controller {
            DiskController::LsiLogic => Controller::LsiLogic,
            DiskController::ParaVirtual => Controller::ParaVirtual,
            DiskController::Ahci => Controller::VmwareAhci,
            DiskController::Nvme => Controller::Nvme,
        }
    }
}

impl TargetFormat for Vmware {
    fn info(&self) -> &'static FormatInfo {
        &crate::INFO
    }

    fn hardware(&self) -> Hardware {
        Hardware {
            controllers: match self.options.controller {
                DiskController::LsiLogic => &[Disks::LsiLogic],
                DiskController::ParaVirtual => &[Disks::Pvscsi],
                DiskController::Ahci => &[Disks::Ahci],
                DiskController::Nvme => &[Disks::Nvme],
            },
            adapters: match self.options.nic {
                Nic::E1000 => &[NetworkAdapter::E1000],
                Nic::Vmxnet3 => &[NetworkAdapter::Vmxnet3],
            },
        }
    }

    fn plan(&self, machine: &Machine, disks: &[DiskLayout]) -> Result<Box<dyn ImagePlan>> {
        self.options.check()?;
        self.options.nic.check_count(machine.adapters)?;
        let memory_mib = self.options.hardware.limits(machine.firmware).memory_mib(machine)?;
        Ok(match self.options.form {
            Form::Machine => Box::new(self.plan_machine(machine, disks, memory_mib)?),
            Form::Package { level, digest } => {
                Box::new(self.plan_package(machine, disks, memory_mib, level, digest)?)
            }
        })
    }
}
