#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use diskwright_core::format::Firmware;

use crate::hardware::HardwareVersion;
use crate::options::{DiskController, Nic};

/// What a `.vmx` file says of a machine.
#[derive(Clone, Debug)]
pub(crate) struct MachineSettings {
    pub(crate) name: String,
    pub(crate) hardware: HardwareVersion,
    /// `guestOS`.
    pub(crate) os: String,
    pub(crate) cpus: u32,
    pub(crate) memory_mib: u64,
    pub(crate) firmware: Firmware,
    pub(crate) controller: DiskController,
    pub(crate) nic: Nic,
    pub(crate) adapters: u32,
    /// Place on the controller, and the file's name beside the settings.
    pub(crate) disks: Vec<(u32, String)>,
}

impl MachineSettings {
    /// The file, in UTF-8.
    pub(crate) fn to_vmx(&self) -> Vec<u8> {
        let mut vmx = Vmx::default();
        vmx.set(".encoding", "UTF-8");
        vmx.set("config.version", "8");
        vmx.set("virtualHW.version", self.hardware.number());
        vmx.set("displayName", &self.name);
        vmx.set("guestOS", &self.os);
        match self.firmware {
            Firmware::Bios => vmx.set("firmware", "bios"),
            Firmware::Uefi => {
                vmx.set("firmware", "efi");
                if self.hardware.has_secure_boot() {
                    vmx.set("uefi.secureBoot.enabled", "FALSE");
                }
            }
        }
        // Without it, the machine has 32 MB.
        vmx.set("memsize", self.memory_mib);
        vmx.set("numvcpus", self.cpus);
        // Without root ports, PCIe devices (vmxnet3, pvscsi, nvme, SATA) find no slot and are absent.
        vmx.set("pciBridge0.present", "TRUE");
        for number in self.root_ports() {
            let port = format!("pciBridge{number}");
            vmx.set(&format!("{port}.present"), "TRUE");
            vmx.set(&format!("{port}.virtualDev"), "pcieRootPort");
            vmx.set(&format!("{port}.functions"), 8);
        }
        vmx.set("vmci0.present", "TRUE");
        self.put_disks(&mut vmx);
        self.put_adapters(&mut vmx);
        vmx.set("floppy0.present", "FALSE");
        // Suppresses the question whether the machine was moved or copied.
        vmx.set("uuid.action", "create");
        vmx.0.into_bytes()
    }

    /// Several vmxnet3 get ports of their own: Linux counts those that share a port before those of the next.
    fn root_ports(&self) -> std::ops::RangeInclusive<u8> {
        if self.nic == Nic::Vmxnet3 && self.adapters > 1 { 4..=7 } else { 4..=5 }
    }

    fn put_adapters(&self, vmx: &mut Vmx) {
        let nic = match self.nic {
            Nic::E1000 => "e1000",
            Nic::Vmxnet3 => "vmxnet3",
        };
        for number in 0..self.adapters {
            let adapter = format!("ethernet{number}");
            vmx.set(&format!("{adapter}.present"), "TRUE");
            vmx.set(&format!("{adapter}.virtualDev"), nic);
            vmx.set(&format!("{adapter}.connectionType"), "nat");
            vmx.set(&format!("{adapter}.addressType"), "generated");
            vmx.set(&format!("{adapter}.startConnected"), "TRUE");
        }
    }

    fn put_disks(&self, vmx: &mut Vmx) {
        let (controller, device) = match self.controller {
            DiskController::LsiLogic => ("scsi0", Some("lsilogic")),
            DiskController::ParaVirtual => ("scsi0", Some("pvscsi")),
            DiskController::Ahci => ("sata0", None),
            DiskController::Nvme => ("nvme0", None),
        };
        vmx.set(&format!("{controller}.present"), "TRUE");
        if let Some(device) = device {
            vmx.set(&format!("{controller}.virtualDev"), device);
        }
        for (unit, file) in &self.disks {
            vmx.set(&format!("{controller}:{unit}.present"), "TRUE");
            vmx.set(&format!("{controller}:{unit}.fileName"), file);
        }
    }
}

/// Lines of `key = "value"`.
#[derive(Default)]
struct Vmx(String);

impl Vmx {
    /// Values hold no quotes and no line ends: they are numbers, names that an order allows, or our own words.
    fn set(&mut self, key: &str, value: impl std::fmt::Display) {
        self.0.push_str(&format!("{key} = \"{value}\"\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> MachineSettings {
        MachineSettings {
            name: "img".to_owned(),
            hardware: HardwareVersion::default(),
            os: "debian12-64".to_owned(),
            cpus: 2,
            memory_mib: 2048,
            firmware: Firmware::Uefi,
            controller: DiskController::LsiLogic,
            nic: Nic::E1000,
            adapters: 1,
            disks: vec![(0, "img.vmdk".to_owned()), (1, "img-disk2.vmdk".to_owned())],
        }
    }

    #[test]
    fn every_key_is_written_once_in_its_place() {
        let expected = r#".encoding = "UTF-8"
config.version = "8"
virtualHW.version = "13"
displayName = "img"
guestOS = "debian12-64"
firmware = "efi"
uefi.secureBoot.enabled = "FALSE"
memsize = "2048"
numvcpus = "2"
pciBridge0.present = "TRUE"
pciBridge4.present = "TRUE"
pciBridge4.virtualDev = "pcieRootPort"
pciBridge4.functions = "8"
pciBridge5.present = "TRUE"
pciBridge5.virtualDev = "pcieRootPort"
pciBridge5.functions = "8"
vmci0.present = "TRUE"
scsi0.present = "TRUE"
scsi0.virtualDev = "lsilogic"
scsi0:0.present = "TRUE"
scsi0:0.fileName = "img.vmdk"
scsi0:1.present = "TRUE"
scsi0:1.fileName = "img-disk2.vmdk"
ethernet0.present = "TRUE"
ethernet0.virtualDev = "e1000"
ethernet0.connectionType = "nat"
ethernet0.addressType = "generated"
ethernet0.startConnected = "TRUE"
floppy0.present = "FALSE"
uuid.action = "create"
"#;
        assert_eq!(String::from_utf8(settings().to_vmx()).unwrap(), expected);
    }

    #[test]
    fn every_adapter_has_keys_of_its_own_and_several_vmxnet3_ports_of_their_own() {
        let settings = MachineSettings { nic: Nic::Vmxnet3, adapters: 3, ..settings() };
        let text = String::from_utf8(settings.to_vmx()).unwrap();
        for number in 0..3 {
            assert!(text.contains(&format!(
                "ethernet{number}.present = \"TRUE\"\nethernet{number}.virtualDev = \"vmxnet3\"\n\
                 ethernet{number}.connectionType = \"nat\"\nethernet{number}.addressType = \"generated\"\n\
                 ethernet{number}.startConnected = \"TRUE\"\n"
            )));
        }
        assert!(!text.contains("ethernet3") && text.contains("pciBridge7.virtualDev = \"pcieRootPort\"\n"));
    }

    #[test]
    fn controllers_have_their_own_names() {
        let text = |controller| {
            let settings =
                MachineSettings { controller, firmware: Firmware::Bios, nic: Nic::Vmxnet3, ..settings() };
            String::from_utf8(settings.to_vmx()).unwrap()
        };
        let nvme = text(DiskController::Nvme);
        assert!(nvme.contains("nvme0.present = \"TRUE\"\nnvme0:0.present = \"TRUE\"\n"));
        assert!(nvme.contains("firmware = \"bios\"\nmemsize"));
        assert!(nvme.contains("ethernet0.virtualDev = \"vmxnet3\"\n"));
        assert!(text(DiskController::Ahci).contains("sata0:1.fileName = \"img-disk2.vmdk\"\n"));
        assert_eq!(nvme.matches("pcieRootPort").count(), 2);
        assert!(text(DiskController::ParaVirtual).contains("scsi0.virtualDev = \"pvscsi\"\n"));
    }
}
