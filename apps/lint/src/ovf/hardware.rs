//! The virtual hardware: items, families, VMware's keys.

use std::collections::BTreeSet;

use super::{Disks, VMWARE};
use crate::report::{Findings, shown};
use crate::rules::ovf as rules;
use crate::xml::Element;

/// Checks the section.
pub(super) fn check(section: &Element, envelope: &Element, disks: &Disks, f: &mut Findings) {
    check_family(section, f);
    check_firmware(section, f);
    for item in &section.children {
        if matches!(&*item.name, "StorageItem" | "EthernetPortItem") {
            f.add(&rules::OVF2_ITEMS, item.location(), format!("there is a {}", shown(&item.name)));
        }
    }
    let items: Vec<&Element> = section.all("Item").collect();
    let mut ids = BTreeSet::new();
    for item in &items {
        check_item_order(item, f);
        match item.text_of("InstanceID") {
            Some(id) if !id.is_empty() && ids.insert(id) => {}
            id => {
                let text =
                    format!("the InstanceID \"{}\" is not one of its own", shown(id.unwrap_or_default()));
                f.add(&rules::INSTANCE_ID, item.location(), text);
            }
        }
    }
    let networks: BTreeSet<&str> = envelope
        .child("NetworkSection")
        .into_iter()
        .flat_map(|section| section.all("Network"))
        .filter_map(|network| network.attribute("name"))
        .collect();
    let controllers: BTreeSet<&str> = items
        .iter()
        .filter(|item| matches!(kind(item), Some("5" | "6" | "20" | "23")))
        .filter_map(|item| item.text_of("InstanceID"))
        .collect();
    for item in &items {
        check_references(item, &controllers, disks, &networks, f);
        check_device(item, f);
    }
    check_quantities(section, &items, f);
    check_controllers(&items, f);
}

fn check_family(section: &Element, f: &mut Findings) {
    let system = section.child("System");
    let family = system.and_then(|system| system.text_of("VirtualSystemType")).unwrap_or_default();
    let place = system.unwrap_or(section).location();
    let versions: Vec<u32> = family
        .split_whitespace()
        .filter_map(|family| family.strip_prefix("vmx-"))
        .filter_map(|version| version.parse().ok())
        .collect();
    // A list is as good as its best member.
    let Some(version) = versions.iter().min() else {
        let text = format!("the virtual system type is \"{}\"", shown(family));
        f.add(&rules::SYSTEM_TYPE, place, text);
        return;
    };
    let rule = match version {
        0..=10 => &rules::VERSION_OLD,
        12 | 16 => &rules::VERSION_WORKSTATION,
        20.. => &rules::VERSION_NEW,
        _ => return,
    };
    f.add(rule, place, format!("the hardware version is {version}"));
}

fn check_firmware(section: &Element, f: &mut Findings) {
    let mut configs = section.all("Config").filter(|config| &*config.namespace == VMWARE);
    match configs.find(|config| config.attribute("key") == Some("firmware")) {
        None => f.add(&rules::FIRMWARE, section.location(), "no key says which firmware is meant"),
        Some(config) => {
            let value = config.attribute("value").unwrap_or_default();
            if !matches!(value, "bios" | "efi") {
                let text = format!("the firmware is \"{}\"", shown(value));
                f.add(&rules::FIRMWARE_VALUE, config.location(), text);
            }
        }
    }
}

fn check_item_order(item: &Element, f: &mut Findings) {
    let mut last = "";
    let mut has_extension = false;
    for child in &item.children {
        let is_own = child.namespace.ends_with("/CIM_ResourceAllocationSettingData");
        if is_own && (has_extension || *child.name < *last) {
            let behind = if has_extension { "an extension" } else { last };
            let text = format!("{} stands behind {}", shown(&child.name), shown(behind));
            f.add(&rules::ITEM_ORDER, child.location(), text);
        }
        if is_own {
            last = &child.name;
        }
        has_extension |= !is_own;
    }
}

fn check_references(
    item: &Element,
    controllers: &BTreeSet<&str>,
    disks: &Disks,
    networks: &BTreeSet<&str>,
    f: &mut Findings,
) {
    if let Some(parent) = item.text_of("Parent") {
        if !controllers.contains(parent) {
            let text = format!("no controller has the InstanceID \"{}\"", shown(parent));
            f.add(&rules::PARENT, item.location(), text);
        }
    } else if kind(item) == Some("17") {
        f.add(&rules::PARENT, item.location(), "the disk has no Parent");
    }
    let resource = item.text_of("HostResource");
    if kind(item) == Some("17") || resource.is_some_and(|resource| resource.contains("disk/")) {
        let resource = resource.unwrap_or_default();
        let prefixes = ["ovf:/disk/", "ovf://disk/", "/disk/"];
        let id = prefixes.iter().find_map(|prefix| resource.strip_prefix(prefix));
        if !id.is_some_and(|id| disks.ids.iter().any(|known| known == id)) {
            let text = format!("\"{}\" is no disk of the disk section", shown(resource));
            f.add(&rules::HOST_RESOURCE, item.location(), text);
        }
    }
    for connection in item.all("Connection").filter(|connection| !networks.contains(&*connection.text)) {
        let text = format!("\"{}\" is not in the network section", shown(&connection.text));
        f.add(&rules::NETWORK, connection.location(), text);
    }
}

fn check_device(item: &Element, f: &mut Findings) {
    let subtype = item.text_of("ResourceSubType").unwrap_or_default();
    let (rule, known) = match kind(item) {
        Some("6") => (&rules::SCSI_SUBTYPE, SCSI),
        Some("20") => (&rules::CONTROLLER_SUBTYPE, SERIAL),
        Some(kind) if KNOWN_TYPES.contains(&kind) => return,
        kind => {
            if item.attribute("required") != Some("false") {
                let text = format!("an item of type {} is required", shown(kind.unwrap_or("\"\"")));
                f.add(&rules::UNKNOWN_ITEM, item.location(), text);
            }
            return;
        }
    };
    if !known.contains(&subtype) {
        f.add(rule, item.location(), format!("the controller is a \"{}\"", shown(subtype)));
    }
}

fn check_quantities(section: &Element, items: &[&Element], f: &mut Findings) {
    for (wanted, what) in [("3", "processors"), ("4", "memory")] {
        let found: Vec<&&Element> = items.iter().filter(|item| kind(item) == Some(wanted)).collect();
        let is_one = match found.as_slice() {
            [item] => item
                .text_of("VirtualQuantity")
                .is_some_and(|text| text.parse::<u64>().is_ok_and(|quantity| quantity > 0)),
            _ => false,
        };
        if !is_one {
            let text = format!("there are {} items with a quantity of {what}", found.len());
            f.add(&rules::QUANTITY, section.location(), text);
        }
    }
    for memory in items.iter().filter(|item| kind(item) == Some("4")) {
        let units = memory.text_of("AllocationUnits").unwrap_or_default();
        if !MEMORY_UNITS.contains(&units) {
            f.add(&rules::MEMORY_UNITS, memory.location(), format!("the unit is \"{}\"", shown(units)));
        }
    }
}

fn check_controllers(items: &[&Element], f: &mut Findings) {
    let mut seen = BTreeSet::new();
    for item in items {
        let class = match kind(item) {
            Some("6") => "SCSI",
            Some("20")
                if item
                    .text_of("ResourceSubType")
                    .is_some_and(|name| name.to_lowercase().contains("nvme")) =>
            {
                "NVMe"
            }
            Some("20") => "SATA",
            _ => continue,
        };
        if !seen.insert(class) {
            f.add(&rules::ONE_CONTROLLER, item.location(), format!("there is a second {class} controller"));
        }
    }
}

fn kind(item: &Element) -> Option<&str> {
    item.text_of("ResourceType")
}

/// Of CIM, those that VirtualBox knows.
const KNOWN_TYPES: &[&str] = &["3", "4", "5", "6", "10", "14", "15", "16", "17", "20", "23", "35"];
const SCSI: &[&str] = &["lsilogic", "lsilogicsas", "buslogic", "VirtualSCSI"];
const SERIAL: &[&str] =
    &["AHCI", "vmware.sata.ahci", "VirtioSCSI", "virtio-scsi", "NVMe", "vmware.nvme.controller"];
const MEMORY_UNITS: &[&str] = &["byte * 2^20", "MegaBytes", "MB", "byte * 2^30", "GigaBytes", "GB"];
