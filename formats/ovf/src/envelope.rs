use diskwright_core::format::Firmware;
use diskwright_core::{Error, ErrorKind, Result};
use uuid::Uuid;

use crate::xml::Element;

/// What an OVF envelope says of one machine.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// The machine's name, and the stem of all files.
    pub name: String,
    /// `vmx-NN`.
    pub system_type: String,
    /// Virtual processors.
    pub cpus: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Written as `vmw:Config`, which VirtualBox passes over.
    pub firmware: Firmware,
    /// Whether the hardware knows Secure Boot, so that it must be said to be off.
    pub secure_boot: SecureBoot,
    /// `ovf:id` of the operating system.
    pub cim: u16,
    /// The operating system for people.
    pub os_description: String,
    /// `vmw:osType`.
    pub vmware_os: String,
    /// `vbox:OSType`.
    pub virtualbox_os: String,
    /// The logical network: VirtualBox takes `NAT` by its word, and bridges those of other names.
    pub network: &'static str,
    /// `rasd:ResourceSubType` of the network adapters.
    pub nic: &'static str,
    /// Network adapters.
    pub adapters: u32,
    /// What the disks hang on.
    pub controller: Controller,
    /// In order.
    pub disks: Vec<EnvelopeDisk>,
    /// The last child of the virtual system: `vbox:Machine`.
    pub extension: Option<Element>,
}

/// Whether a key for Secure Boot is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecureBoot {
    /// The hardware does not have it: no key.
    Absent,
    /// It is switched off.
    Off,
}

/// One disk of an envelope.
#[derive(Clone, Debug)]
pub struct EnvelopeDisk {
    /// Bytes of the disk.
    pub capacity: u64,
    /// `vbox:uuid`, where a `vbox:Machine` names the disk by it.
    pub uuid: Option<Uuid>,
}

/// What is known of a disk's file when it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileFacts {
    /// Bytes of the file.
    pub(crate) size: u64,
    /// Bytes of the stored grains.
    pub(crate) populated: u64,
}

/// A disk controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Controller {
    /// LSI Logic parallel SCSI: both products.
    LsiLogic,
    /// VMware's paravirtual SCSI; VirtualBox makes it LSI Logic.
    ParaVirtual,
    /// SATA under the name that every VirtualBox knows, and VMware too.
    Ahci,
    /// SATA under VMware's own name; VirtualBox knows it since 6.1.
    VmwareAhci,
    /// NVMe; VirtualBox knows VMware's name since 7.0.
    Nvme,
}

impl Controller {
    /// The place of the disk with this index (from 0) on the controller: ascending, without the controller's own SCSI id.
    /// `None` when there are too many disks.
    pub fn unit(self, index: usize) -> Option<u32> {
        let places = match self {
            Self::LsiLogic | Self::ParaVirtual => 0..16,
            Self::Ahci | Self::VmwareAhci => 0..30,
            Self::Nvme => 0..15,
        };
        let is_scsi = matches!(self, Self::LsiLogic | Self::ParaVirtual);
        places.filter(|unit| !(is_scsi && *unit == SCSI_OWN)).nth(index)
    }

    /// Refuses more disks than there are places.
    ///
    /// # Errors
    /// `ErrorKind::LimitExceeded` naming the number.
    pub fn check_disks(self, count: usize) -> Result<()> {
        match count.checked_sub(1) {
            None => Err(Error::new(ErrorKind::Unsupported, "a machine without a disk cannot be packaged")),
            Some(last) if self.unit(last).is_none() => {
                let text = format!("{count} disks are too many for one {} controller", self.noun());
                Err(Error::new(ErrorKind::LimitExceeded, text))
            }
            Some(_) => Ok(()),
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::LsiLogic | Self::ParaVirtual => "SCSI",
            Self::Ahci | Self::VmwareAhci => "SATA",
            Self::Nvme => "NVMe",
        }
    }

    fn item(self) -> Item {
        let (resource_type, sub_type) = match self {
            Self::LsiLogic => (6, "lsilogic"),
            Self::ParaVirtual => (6, "VirtualSCSI"),
            Self::Ahci => (20, "AHCI"),
            Self::VmwareAhci => (20, "vmware.sata.ahci"),
            Self::Nvme => (20, "vmware.nvme.controller"),
        };
        Item {
            address: Some(0),
            // Without it, VirtualBox before 6.1 takes no SATA controller.
            caption: (self == Self::Ahci).then_some("sataController0"),
            description: Some(format!("{} controller", self.noun())),
            element_name: format!("{} controller 0", self.noun()),
            sub_type: Some(sub_type),
            ..Item::new(CONTROLLER_ID, resource_type)
        }
    }
}

impl Envelope {
    /// The name of the envelope's own file.
    pub(crate) fn file_name(&self) -> String {
        format!("{}.ovf", self.name)
    }

    /// The name of the file of the disk with this index (from 0).
    pub(crate) fn disk_file_name(&self, index: usize) -> String {
        format!("{}-disk{}.vmdk", self.name, index + 1)
    }

    /// The envelope, with what is known of each disk's file.
    ///
    /// # Errors
    /// `ErrorKind::LimitExceeded` for too many disks.
    ///
    /// # Reference
    /// DSP0243 1.1.0; DSP8023 1.1.0 (the schema), which fixes the order of all elements.
    pub(crate) fn to_xml(&self, facts: &[FileFacts]) -> Result<Vec<u8>> {
        let mut root = Element::new("Envelope")
            .with("xmlns", OVF)
            .with("xmlns:ovf", OVF)
            .with("xmlns:rasd", RASD)
            .with("xmlns:vssd", VSSD)
            .with("xmlns:vmw", VMW)
            .with("xmlns:vbox", VBOX)
            .with("xmlns:xsi", XSI);
        root =
            root.child(self.references(facts)).child(self.disk_section(facts)).child(self.network_section());
        root.child(self.virtual_system()?).to_document()
    }

    fn references(&self, facts: &[FileFacts]) -> Element {
        let file = |(index, facts): (usize, &FileFacts)| {
            Element::new("File")
                .with("ovf:href", self.disk_file_name(index))
                .with("ovf:id", format!("file{}", index + 1))
                .with("ovf:size", facts.size.to_string())
        };
        Element::new("References").children(facts.iter().enumerate().map(file))
    }

    fn disk_section(&self, facts: &[FileFacts]) -> Element {
        let disk = |(index, (disk, facts)): (usize, (&EnvelopeDisk, &FileFacts))| {
            let element = Element::new("Disk")
                .with("ovf:capacity", disk.capacity.to_string())
                .with("ovf:capacityAllocationUnits", "byte")
                .with("ovf:diskId", format!("vmdisk{}", index + 1))
                .with("ovf:fileRef", format!("file{}", index + 1))
                .with("ovf:format", STREAM_OPTIMIZED)
                .with("ovf:populatedSize", facts.populated.to_string());
            match disk.uuid {
                Some(uuid) => element.with("vbox:uuid", uuid.hyphenated().to_string()),
                None => element,
            }
        };
        let disks = self.disks.iter().zip(facts).enumerate().map(disk);
        Element::new("DiskSection").child(Element::of_text("Info", "Virtual disks")).children(disks)
    }

    fn network_section(&self) -> Element {
        let description = Element::of_text("Description", format!("The network {}", self.network));
        Element::new("NetworkSection")
            .child(Element::of_text("Info", "Logical networks"))
            .child(Element::new("Network").with("ovf:name", self.network).child(description))
    }

    fn virtual_system(&self) -> Result<Element> {
        let system = Element::new("OperatingSystemSection")
            .with("ovf:id", self.cim.to_string())
            .with("vmw:osType", &self.vmware_os)
            .child(Element::of_text("Info", "The operating system"))
            .child(Element::of_text("Description", &self.os_description))
            .child(Element::of_text("vbox:OSType", &self.virtualbox_os).with("ovf:required", "false"));
        Ok(Element::new("VirtualSystem")
            .with("ovf:id", &self.name)
            .child(Element::of_text("Info", "A virtual machine"))
            .child(Element::of_text("Name", &self.name))
            .child(system)
            .child(self.hardware()?)
            .children(self.extension.clone()))
    }

    fn hardware(&self) -> Result<Element> {
        let system = Element::new("System")
            .child(Element::of_text("vssd:ElementName", "Virtual Hardware Family"))
            .child(Element::of_text("vssd:InstanceID", "0"))
            .child(Element::of_text("vssd:VirtualSystemIdentifier", &self.name))
            .child(Element::of_text("vssd:VirtualSystemType", &self.system_type));
        Ok(Element::new("VirtualHardwareSection")
            .child(Element::of_text("Info", "Virtual hardware"))
            .child(system)
            .children(self.items()?.into_iter().map(Item::element))
            .children(self.settings()))
    }

    fn items(&self) -> Result<Vec<Item>> {
        let mut items = vec![
            Item {
                allocation_units: Some("hertz * 10^6"),
                description: Some("Number of virtual CPUs".to_owned()),
                element_name: format!("{} virtual CPU(s)", self.cpus),
                quantity: Some(u64::from(self.cpus)),
                ..Item::new(1, 3)
            },
            Item {
                // VirtualBox refuses other units than this, MB and MegaBytes.
                allocation_units: Some("byte * 2^20"),
                description: Some("Memory size".to_owned()),
                element_name: format!("{} MB of memory", self.memory_mib),
                quantity: Some(self.memory_mib),
                ..Item::new(2, 4)
            },
            self.controller.item(),
        ];
        self.controller.check_disks(self.disks.len())?;
        let mut instance = CONTROLLER_ID;
        for (number, index) in (1_u32..).zip(0..self.disks.len()) {
            instance += 1;
            items.push(Item {
                address_on_parent: self.controller.unit(index),
                description: Some("Hard disk".to_owned()),
                element_name: format!("Hard disk {number}"),
                host_resource: Some(format!("ovf:/disk/vmdisk{number}")),
                parent: Some(CONTROLLER_ID),
                ..Item::new(instance, 17)
            });
        }
        // Importers make the adapters in the order of their addresses.
        for (number, address) in (1..=self.adapters).zip(FIRST_ADAPTER..) {
            instance += 1;
            items.push(Item {
                address_on_parent: Some(address),
                automatic_allocation: Some(true),
                connection: Some(self.network),
                description: Some("Network adapter".to_owned()),
                element_name: format!("Network adapter {number}"),
                sub_type: Some(self.nic),
                ..Item::new(instance, 10)
            });
        }
        Ok(items)
    }

    /// Keys that VMware reads; none may be required, or hosts that do not know it refuse the machine.
    fn settings(&self) -> Vec<Element> {
        let setting = |key: &str, value: &str| {
            Element::new("vmw:Config")
                .with("ovf:required", "false")
                .with("vmw:key", key)
                .with("vmw:value", value)
        };
        match self.firmware {
            Firmware::Bios => vec![setting("firmware", "bios")],
            Firmware::Uefi => {
                let mut settings = vec![setting("firmware", "efi")];
                if self.secure_boot == SecureBoot::Off {
                    settings.push(setting("bootOptions.efiSecureBootEnabled", "false"));
                }
                settings
            }
        }
    }
}

/// One device, whose elements are written in the schema's order: the alphabet's.
///
/// # Reference
/// `CIM_ResourceAllocationSettingData`.
struct Item {
    address: Option<u32>,
    address_on_parent: Option<u32>,
    allocation_units: Option<&'static str>,
    automatic_allocation: Option<bool>,
    caption: Option<&'static str>,
    connection: Option<&'static str>,
    description: Option<String>,
    element_name: String,
    host_resource: Option<String>,
    instance: u32,
    parent: Option<u32>,
    sub_type: Option<&'static str>,
    resource_type: u32,
    quantity: Option<u64>,
}

impl Item {
    fn new(instance: u32, resource_type: u32) -> Self {
        Self {
            address: None,
            address_on_parent: None,
            allocation_units: None,
            automatic_allocation: None,
            caption: None,
            connection: None,
            description: None,
            element_name: String::new(),
            host_resource: None,
            instance,
            parent: None,
            sub_type: None,
            resource_type,
            quantity: None,
        }
    }

    fn element(self) -> Element {
        let text = |value: &'static str| value.to_owned();
        let fields = [
            ("rasd:Address", self.address.map(|value| value.to_string())),
            ("rasd:AddressOnParent", self.address_on_parent.map(|value| value.to_string())),
            ("rasd:AllocationUnits", self.allocation_units.map(text)),
            ("rasd:AutomaticAllocation", self.automatic_allocation.map(|value| value.to_string())),
            ("rasd:Caption", self.caption.map(text)),
            ("rasd:Connection", self.connection.map(text)),
            ("rasd:Description", self.description),
            ("rasd:ElementName", Some(self.element_name)),
            ("rasd:HostResource", self.host_resource),
            ("rasd:InstanceID", Some(self.instance.to_string())),
            ("rasd:Parent", self.parent.map(|value| value.to_string())),
            ("rasd:ResourceSubType", self.sub_type.map(text)),
            ("rasd:ResourceType", Some(self.resource_type.to_string())),
            ("rasd:VirtualQuantity", self.quantity.map(|value| value.to_string())),
        ];
        let present = fields.into_iter().filter_map(|(name, value)| Some(Element::of_text(name, value?)));
        Element::new("Item").children(present)
    }
}

const OVF: &str = "http://schemas.dmtf.org/ovf/envelope/1";
const RASD: &str = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData";
const VSSD: &str = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData";
const VMW: &str = "http://www.vmware.com/schema/ovf";
const VBOX: &str = "http://www.virtualbox.org/ovf/machine";
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
/// ESXi wants the fragment, too.
const STREAM_OPTIMIZED: &str = "http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized";
/// `rasd:InstanceID` of the disk controller.
const CONTROLLER_ID: u32 = 3;
/// `rasd:AddressOnParent` of the first network adapter, as VMware has it.
const FIRST_ADAPTER: u32 = 7;
/// The SCSI id that the controller has itself.
const SCSI_OWN: u32 = 7;

#[cfg(test)]
mod tests;
