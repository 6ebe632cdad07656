#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use diskwright_core::format::{
    DiskController, Firmware, FormatInfo, Hardware, ImagePlan, Machine, NetworkAdapter, TargetFormat,
};
use diskwright_core::layout::DiskLayout;
use diskwright_core::{Error, ErrorKind, Result};
use diskwright_format_qcow2::{Compression, Qcow2, Qcow2Options};
use diskwright_ovf::{
    Controller, Envelope, EnvelopeDisk, Guest, ImageArchive, MachineLimits, OvaPlan, SecureBoot,
};

use crate::encode;
use crate::options::{Provider, VagrantOptions};

/// A Vagrant base box.
#[derive(Clone, Copy, Debug)]
pub struct Vagrant {
    provider: Provider,
    level: u8,
}

impl Vagrant {
    /// A box with these options.
    ///
    /// # Errors
    /// `ErrorKind::InvalidOption` for a level that the provider's codec does not have.
    pub fn new(options: VagrantOptions) -> Result<Self> {
        Ok(Self { provider: options.provider, level: options.checked_level()? })
    }

    /// An appliance with the two files of a box.
    fn plan_virtualbox(&self, machine: &Machine, disks: &[DiskLayout]) -> Result<OvaPlan> {
        let memory_mib = VIRTUALBOX.memory_mib(machine)?;
        let guest = Guest::of(&machine.operating_system)?;
        let envelope_disks = disks.iter().map(|disk| EnvelopeDisk { capacity: disk.size(), uuid: None });
        let envelope = Envelope {
            // Vagrant imports `box.ovf`, and gives the machine a name of its own.
            name: "box".to_owned(),
            system_type: "vmx-13".to_owned(),
            cpus: machine.cpus,
            memory_mib,
            firmware: machine.firmware,
            secure_boot: SecureBoot::Off,
            cim: guest.cim,
            os_description: guest.description,
            vmware_os: guest.vmware.api.to_owned(),
            virtualbox_os: guest.virtualbox.to_owned(),
            network: "NAT",
            nic: "E1000",
            adapters: 1,
            controller: Controller::Ahci,
            disks: envelope_disks.collect(),
            extension: None,
        };
        let [_, a, b, c] = machine.seed.u32(&format!("vagrant {} mac", machine.name)).to_be_bytes();
        let mac = format!("080027{a:02X}{b:02X}{c:02X}");
        let files = vec![
            (METADATA.to_owned(), encode::virtualbox_metadata().into_bytes()),
            (VAGRANTFILE.to_owned(), encode::virtualbox_vagrantfile(machine, &mac).into_bytes()),
        ];
        OvaPlan::new(machine, disks, envelope, None, self.level)?.with_files(files, file_name(machine))
    }

    fn plan_libvirt(&self, machine: &Machine, disks: &[DiskLayout]) -> Result<ImageArchive> {
        LIBVIRT.memory_mib(machine)?;
        machine.require_sectors_of_512("Vagrant boxes")?;
        if machine.firmware == Firmware::Uefi {
            let text =
                "a box for libvirt cannot ask for UEFI: vagrant-libvirt names it by a path of its host";
            return Err(Error::new(ErrorKind::Unsupported, text).with_field("firmware"));
        }
        let [disk] = disks else {
            let text = format!("a box for libvirt holds one disk: not {}", disks.len());
            return Err(Error::new(ErrorKind::Unsupported, text));
        };
        if !disk.size().is_multiple_of(UNIT) {
            let text = format!("boxes hold disks of whole 64 KiB: not {} bytes", disk.size());
            return Err(Error::new(ErrorKind::Unsupported, text).with_field("disk_size"));
        }
        let compression = Some(Compression::Deflate { level: self.level });
        let image = Qcow2::new(Qcow2Options::default().with_compression(compression)).plan(machine, disks)?;
        let files = [
            (METADATA, encode::libvirt_metadata(disk.size()).into_bytes()),
            (VAGRANTFILE, encode::libvirt_vagrantfile(machine).into_bytes()),
        ];
        ImageArchive::new(image, &files, "box.img", file_name(machine), machine.timestamp)
    }
}

impl TargetFormat for Vagrant {
    fn info(&self) -> &'static FormatInfo {
        &crate::INFO
    }

    fn hardware(&self) -> Hardware {
        match self.provider {
            Provider::VirtualBox => {
                Hardware { controllers: &[DiskController::Ahci], adapters: &[NetworkAdapter::E1000] }
            }
            // What vagrant-libvirt gives a disk and an adapter of which nothing is said.
            Provider::Libvirt => {
                Hardware { controllers: &[DiskController::VirtioBlock], adapters: &[NetworkAdapter::Virtio] }
            }
        }
    }

    fn plan(&self, machine: &Machine, disks: &[DiskLayout]) -> Result<Box<dyn ImagePlan>> {
        if machine.adapters > 1 {
            let text = "Vagrant gives a machine one network adapter, and those after it as the Vagrantfile of the box's user \
                        says (config.vm.network)";
            return Err(Error::new(ErrorKind::Unsupported, text).with_field("nics[1]"));
        }
        Ok(match self.provider {
            Provider::VirtualBox => Box::new(self.plan_virtualbox(machine, disks)?),
            Provider::Libvirt => Box::new(self.plan_libvirt(machine, disks)?),
        })
    }
}

fn file_name(machine: &Machine) -> String {
    format!("{}.box", machine.name)
}

const METADATA: &str = "metadata.json";
const VAGRANTFILE: &str = "Vagrantfile";
/// A grain of VMDK. Boxes of both providers hold the same disks.
const UNIT: u64 = 64 << 10;
const VIRTUALBOX: MachineLimits = MachineLimits {
    product: "VirtualBox",
    memory_step_mib: 1,
    memory_max_mib: 2 << 20,
    cpus_max: 64,
    adapters_max: 1,
};
/// Of QEMU's machine type pc.
const LIBVIRT: MachineLimits = MachineLimits { product: "libvirt", cpus_max: 255, ..VIRTUALBOX };
