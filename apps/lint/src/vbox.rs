//! VBOX: the settings of a VirtualBox machine.

use std::collections::BTreeSet;

use diskwright_core::{Error, ErrorKind, ReadAt, Result};

use crate::beside::Beside;
use crate::bytes::{read_text, read_up_to};
use crate::report::{Findings, Location, shown};
use crate::rules::vbox as rules;
use crate::uuid::normal;
use crate::vmdk::{self, DiskFacts};
use crate::xml::{self, Element, Problem};
use crate::{qcow2, vdi};

/// Checks the settings and the disks that they register.
pub(crate) fn check(source: &dyn ReadAt, beside: &dyn Beside, f: &mut Findings) -> Result<()> {
    let Some(text) = read_text(source, xml::MAX_BYTES)? else {
        f.add(&rules::WELL_FORMED, Location::Whole, "the settings are longer than 4 MiB or no UTF-8");
        return Ok(());
    };
    let root = match xml::parse(&text) {
        Ok(root) => root,
        Err(Problem::Doctype(line)) => {
            f.add(&rules::DOCTYPE, Location::Line(line), "there is a document type declaration");
            return Ok(());
        }
        Err(Problem::Malformed(line, text)) => {
            f.add(&rules::WELL_FORMED, Location::Line(line), text);
            return Ok(());
        }
    };
    if root.name != "VirtualBox" || &*root.namespace != NAMESPACE {
        let text = format!("the root is {} of \"{}\"", shown(&root.name), shown(&root.namespace));
        f.add(&rules::NAMESPACE, root.location(), text);
    }
    let minor = check_version(&root, f);
    let Some(machine) = child(&root, "Machine", f) else { return Ok(()) };
    need(machine, &["uuid", "name"], f);
    check_uuid(machine, f);
    let registered = check_registry(machine, beside, f)?;
    let Some(hardware) = child(machine, "Hardware", f) else { return Ok(()) };
    check_hardware(machine, hardware, f);
    check_network(hardware, f);
    check_storage(machine, hardware, minor, &registered, f);
    Ok(())
}

/// `1.16-linux`; gives the minor number.
fn check_version(root: &Element, f: &mut Findings) -> u32 {
    let version = root.attribute("version").unwrap_or_default();
    let minor = version
        .split_once('-')
        .and_then(|(numbers, _)| numbers.strip_prefix("1."))
        .and_then(|minor| minor.parse::<u32>().ok());
    if minor.is_none_or(|minor| minor > NEWEST) {
        f.add(&rules::VERSION, root.location(), format!("the version is \"{}\"", shown(version)));
    }
    minor.unwrap_or(NEWEST)
}

fn child<'a>(parent: &'a Element, name: &str, f: &mut Findings) -> Option<&'a Element> {
    let child = parent.child(name);
    if child.is_none() {
        let text = format!("{} has no {name}", shown(&parent.name));
        f.add(&rules::REQUIRED, parent.location(), text);
    }
    child
}

fn need(element: &Element, attributes: &[&str], f: &mut Findings) {
    for name in attributes {
        if element.attribute(name).is_none_or(str::is_empty) {
            let text = format!("{} has no {name}", shown(&element.name));
            f.add(&rules::REQUIRED, element.location(), text);
        }
    }
}

/// The element's UUID, checked.
fn check_uuid(element: &Element, f: &mut Findings) -> Option<String> {
    let text = element.attribute("uuid")?;
    let uuid = normal(text).filter(|_| text.starts_with('{'));
    let uuid = uuid.filter(|uuid| uuid.bytes().any(|byte| !b"0-".contains(&byte)));
    if uuid.is_none() {
        f.add(&rules::UUID, element.location(), format!("the UUID is \"{}\"", shown(text)));
    }
    uuid
}

fn check_registry(machine: &Element, beside: &dyn Beside, f: &mut Findings) -> Result<BTreeSet<String>> {
    let mut registered = BTreeSet::new();
    let disks = machine.child("MediaRegistry").and_then(|registry| registry.child("HardDisks"));
    for disk in disks.into_iter().flat_map(|disks| disks.all("HardDisk")) {
        need(disk, &["uuid", "location", "format"], f);
        let uuid = check_uuid(disk, f);
        if let Some(name) = disk.attribute("location") {
            check_disk(disk, name, uuid.as_deref(), beside, f)?;
        }
        registered.extend(uuid);
    }
    Ok(registered)
}

fn check_disk(
    disk: &Element,
    name: &str,
    uuid: Option<&str>,
    beside: &dyn Beside,
    f: &mut Findings,
) -> Result<()> {
    let opened = beside.open(name).map_err(|error| {
        Error::new(ErrorKind::Source, "a disk cannot be opened").with_path(name.as_bytes()).with_source(error)
    })?;
    let Some(file) = opened else {
        f.add(&rules::DISK_FILE, disk.location(), format!("there is no file \"{}\"", shown(name)));
        return Ok(());
    };
    let head = read_up_to(file.as_ref(), 0, 512)?;
    let (format, facts): (&str, DiskFacts) = if vdi::is_vdi(&head) {
        ("VDI", f.in_file(name, |f| vdi::check(file.as_ref(), f))?)
    } else if vmdk::is_sparse(&head) {
        ("VMDK", f.in_file(name, |f| vmdk::check_sparse(file.as_ref(), f))?)
    } else if qcow2::is_qcow2(&head) {
        f.in_file(name, |f| qcow2::check(file.as_ref(), f))?;
        ("QCOW", DiskFacts::default())
    } else {
        ("", DiskFacts::default())
    };
    let said = disk.attribute("format").unwrap_or_default();
    if !format.is_empty() && !said.eq_ignore_ascii_case(format) {
        let text = format!("the format is \"{}\", the file is a {format}", shown(said));
        f.add(&rules::DISK_FORMAT, disk.location(), text);
    }
    if let (Some(uuid), Some(own)) = (uuid, facts.uuid.as_deref())
        && normal(own).as_deref() != Some(uuid)
    {
        let text = format!("the registry has {uuid}, the disk {}", shown(own));
        f.add(&rules::DISK_UUID, disk.location(), text);
    }
    Ok(())
}

fn check_hardware(machine: &Element, hardware: &Element, f: &mut Findings) {
    let memory = hardware.child("Memory").and_then(|memory| memory.attribute("RAMSize")).unwrap_or_default();
    if !memory.parse::<u64>().is_ok_and(|memory| memory >= 4) {
        let place = hardware.child("Memory").unwrap_or(hardware).location();
        f.add(&rules::MEMORY, place, format!("RAMSize is \"{}\"", shown(memory)));
    }
    if let Some(display) = hardware.child("Display")
        && let Some(size) = display.attribute("VRAMSize")
        && !size.parse::<u64>().is_ok_and(|size| size >= 9)
    {
        f.add(&rules::VIDEO_MEMORY, display.location(), format!("VRAMSize is \"{}\"", shown(size)));
    }
    if let Some(firmware) = hardware.child("Firmware") {
        let kind = firmware.attribute("type").unwrap_or_default();
        if !matches!(kind, "BIOS" | "EFI" | "EFI32" | "EFI64" | "EFIDUAL") {
            f.add(&rules::FIRMWARE, firmware.location(), format!("the firmware is \"{}\"", shown(kind)));
        }
    }
    let cpu = hardware.child("CPU");
    let count = cpu.and_then(|cpu| cpu.attribute("count")).and_then(|count| count.parse::<u32>().ok());
    let long_mode = cpu.and_then(|cpu| cpu.child("LongMode")).and_then(|mode| mode.attribute("enabled"));
    let is_64_bit = machine.attribute("OSType").is_some_and(|kind| kind.ends_with("_64"));
    let needs_apic = count.unwrap_or(1) > 1 || is_64_bit || long_mode == Some("true");
    let apic = hardware.child("BIOS").and_then(|bios| bios.child("IOAPIC"));
    if needs_apic && apic.and_then(|apic| apic.attribute("enabled")) != Some("true") {
        f.add(&rules::IOAPIC, hardware.location(), "the I/O APIC is not enabled");
    }
    let mut positions = BTreeSet::new();
    for order in hardware.child("Boot").into_iter().flat_map(|boot| boot.all("Order")) {
        let position = order.attribute("position").and_then(|position| position.parse::<u32>().ok());
        let is_new =
            position.is_some_and(|position| (1..=4).contains(&position) && positions.insert(position));
        if !is_new || order.attribute("device").is_none() {
            let text =
                format!("the position is \"{}\"", shown(order.attribute("position").unwrap_or_default()));
            f.add(&rules::BOOT_ORDER, order.location(), text);
        }
    }
}

fn check_network(hardware: &Element, f: &mut Findings) {
    for adapter in hardware.child("Network").into_iter().flat_map(|network| network.all("Adapter")) {
        need(adapter, &["slot"], f);
        if let Some(kind) = adapter.attribute("type")
            && !ADAPTERS.contains(&kind)
        {
            f.add(&rules::ADAPTER_TYPE, adapter.location(), format!("the adapter is a \"{}\"", shown(kind)));
        }
        if let Some(mac) = adapter.attribute("MACAddress") {
            let is_mac = mac.len() == 12 && mac.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'));
            let is_group =
                mac.get(..2).and_then(|first| u8::from_str_radix(first, 16).ok()).unwrap_or(1) & 1 == 1;
            if !is_mac || is_group {
                let text = format!("the address is \"{}\"", shown(mac));
                f.add(&rules::MAC, adapter.location(), text);
            }
        }
    }
}

fn check_storage(
    machine: &Element,
    hardware: &Element,
    minor: u32,
    registered: &BTreeSet<String>,
    f: &mut Findings,
) {
    let (right, wrong) = if minor < 17 { (machine, hardware) } else { (hardware, machine) };
    if let Some(misplaced) = wrong.child("StorageControllers") {
        let text = format!("StorageControllers are in {}, not in {}", shown(&wrong.name), shown(&right.name));
        f.add(&rules::STORAGE_PLACE, misplaced.location(), text);
    }
    let storage = [right, wrong].into_iter().filter_map(|parent| parent.child("StorageControllers"));
    for controller in storage.flat_map(|storage| storage.all("StorageController")) {
        need(controller, &["name", "type"], f);
        let kind = controller.attribute("type").unwrap_or_default();
        if !kind.is_empty() && !CONTROLLERS.contains(&kind) {
            let text = format!("the controller is a \"{}\"", shown(kind));
            f.add(&rules::CONTROLLER_TYPE, controller.location(), text);
        }
        for device in controller.all("AttachedDevice") {
            need(device, &["type", "port", "device"], f);
            if device.attribute("type") != Some("HardDisk") {
                continue;
            }
            let Some(image) = child(device, "Image", f) else { continue };
            need(image, &["uuid"], f);
            if let Some(uuid) = check_uuid(image, f)
                && !registered.contains(&uuid)
            {
                let text = format!("{uuid} is not in the media registry");
                f.add(&rules::REGISTRY, image.location(), text);
            }
        }
    }
}

const NAMESPACE: &str = "http://www.virtualbox.org/";
/// The settings of VirtualBox 7.2.
const NEWEST: u32 = 20;
const CONTROLLERS: &[&str] = &[
    "AHCI",
    "PIIX3",
    "PIIX4",
    "ICH6",
    "LsiLogic",
    "BusLogic",
    "LsiLogicSas",
    "I82078",
    "USB",
    "NVMe",
    "VirtioSCSI",
];
const ADAPTERS: &[&str] =
    &["Am79C970A", "Am79C973", "82540EM", "82543GC", "82545EM", "82583V", "virtio", "virtio_1.0"];
