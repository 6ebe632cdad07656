//! Machines for VirtualBox, judged by foreign programs.

use std::path::Path;

use diskwright_conformance::corpus::{Disk, text};
use diskwright_core::ErrorKind;
use diskwright_core::format::{FormatOptions, Machine};
use diskwright_core::layout::DiskLayout;
use diskwright_format_virtualbox::{
    ENTRY, Form, INFO, Nic, StorageController, VirtualBox, VirtualBoxOptions,
};
use diskwright_oracle::{Judges, Xml, altered, assert_converts_back, machine, write};

const MIB: u64 = 1 << 20;

fn package() -> VirtualBoxOptions {
    VirtualBoxOptions::default().with_form(Form::Package { level: 1 })
}

fn uefi(name: &str) -> Machine {
    diskwright_oracle::uefi(name, 1025)
}

fn layouts(disks: &[Disk]) -> Vec<DiskLayout> {
    disks.iter().map(Disk::layout).collect()
}

fn pair() -> [Disk; 2] {
    [Disk::mixed(9 * MIB), Disk { size: 3 * MIB, parts: vec![(0, text(1000))] }]
}

/// The UUID in a VDI's header, as VirtualBox prints it.
fn vdi_uuid(file: &Path) -> String {
    let header = std::fs::read(file).unwrap();
    let b = &header[0x188..0x198];
    format!(
        "{{{:02x}{:02x}{:02x}{:02x}-{:02x}{:02x}-{:02x}{:02x}-{:02x}{:02x}-{:02x}{:02x}{:02x}{:02x}{:02x}{:02x}}}",
        b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]
    )
}

/// All UUIDs and the MAC address of a document.
fn identities(xml: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (at, _) in xml.match_indices("uuid=\"") {
        found.push(xml[at + 6..].split('"').next().unwrap().trim_matches(['{', '}']).to_owned());
    }
    for (at, _) in xml.match_indices("MACAddress=\"") {
        found.push(xml[at + 12..].split('"').next().unwrap().to_owned());
    }
    found.sort();
    found.dedup();
    found
}

#[test]
fn packages_hold_what_both_products_import() {
    let Some(judges) = Judges::find() else { return };
    let disks = pair();
    let folder = tempfile::tempdir().unwrap();
    write(&VirtualBox::new(package()), &machine("img"), &layouts(&disks), folder.path(), 2).unwrap();
    let ova = judges.ova(&folder.path().join("img.ova"), Some("SHA256"), &disks);
    let hardware = ova.ovf.only("VirtualSystem/VirtualHardwareSection");
    assert_eq!(hardware.only("System").text_of("VirtualSystemType").unwrap(), "vmx-13");
    let system = ova.ovf.only("VirtualSystem/OperatingSystemSection");
    assert_eq!(
        (system.attribute("id"), system.attribute("osType")),
        ("96".into(), "debian12_64Guest".into())
    );
    assert_eq!(system.only("OSType").text(), "Debian_64");
    assert_eq!(system.only("OSType").attribute("required"), "false");
    assert_eq!(ova.item(3).text_of("VirtualQuantity").unwrap(), "1");
    assert_eq!(ova.item(4).text_of("VirtualQuantity").unwrap(), "1024");
    assert_eq!(ova.item(4).text_of("AllocationUnits").unwrap(), "byte * 2^20");
    assert_eq!(ova.item(20).text_of("ResourceSubType").unwrap(), "AHCI");
    assert_eq!(ova.item(10).text_of("ResourceSubType").unwrap(), "E1000");
    assert_eq!(ova.item(10).text_of("Connection").unwrap(), "NAT");
    assert_eq!(ova.units(), ["0", "1"]);
    assert_eq!(ova.config("firmware").as_deref(), Some("bios"));
    // With BIOS nothing is needed that only VirtualBox understands.
    assert!(ova.ovf.all("VirtualSystem/Machine").is_empty());
    assert!(identities(&ova.xml).is_empty());
}

#[test]
fn a_uefi_package_carries_the_firmware_for_both_products() {
    let Some(judges) = Judges::find() else { return };
    let disks = pair();
    for (controller, item, kind) in
        [(StorageController::Ahci, 20, "AHCI"), (StorageController::LsiLogic, 6, "LsiLogic")]
    {
        let folder = tempfile::tempdir().unwrap();
        let format = VirtualBox::new(package().with_controller(controller));
        write(&format, &uefi("img"), &layouts(&disks), folder.path(), 2).unwrap();
        let ova = judges.ova(&folder.path().join("img.ova"), Some("SHA256"), &disks);
        assert_eq!(ova.config("firmware").as_deref(), Some("efi"));
        let machine = ova.ovf.only("VirtualSystem/Machine");
        assert_eq!(machine.tag(), "{http://www.virtualbox.org/ovf/machine}Machine");
        assert_eq!(machine.attribute("required"), "false");
        assert_eq!(machine.attribute("version"), "1.16-linux");
        check_settings(&machine, "1025", "2", "EFI");
        let controllers = machine.only("StorageControllers/StorageController");
        assert_eq!(controllers.attribute("type"), kind);
        // VirtualBox wants the same places and UUIDs in both descriptions.
        ova.item(item);
        let ports: Vec<String> =
            controllers.all("AttachedDevice").iter().map(|device| device.attribute("port")).collect();
        assert_eq!(ports, ova.units());
        let images: Vec<String> =
            controllers.all("AttachedDevice/Image").iter().map(|image| image.attribute("uuid")).collect();
        let of_disk = |disk: &Xml| format!("{{{}}}", disk.attribute("uuid"));
        assert_eq!(images, ova.ovf.all("DiskSection/Disk").iter().map(of_disk).collect::<Vec<_>>());
        assert_eq!(identities(&ova.xml).len(), 4);
        // They stand in the disks' descriptors, too.
        let text = String::from_utf8_lossy(&ova.bytes);
        for image in images {
            assert!(text.contains(&format!("ddb.uuid.image = \"{}\"", image.trim_matches(['{', '}']))));
        }
    }
}

fn check_settings(machine: &Xml, memory: &str, cpus: &str, firmware: &str) {
    assert_eq!(machine.attribute("name"), "img");
    assert_eq!(machine.attribute("OSType"), "Debian_64");
    let hardware = machine.only("Hardware");
    assert_eq!(hardware.only("Memory").attribute("RAMSize"), memory);
    assert_eq!(hardware.only("CPU").attribute("count"), cpus);
    assert_eq!(hardware.only("CPU/LongMode").attribute("enabled"), "true");
    assert_eq!(hardware.only("Firmware").attribute("type"), firmware);
    assert_eq!(hardware.only("BIOS/IOAPIC").attribute("enabled"), "true");
    let order = hardware.all("Boot/Order");
    assert_eq!(order.iter().map(|one| one.attribute("position")).collect::<String>(), "1234");
    assert_eq!(order[0].attribute("device"), "HardDisk");
    let adapter = hardware.only("Network/Adapter");
    assert_eq!(adapter.attribute("type"), "82545EM");
    adapter.only("NAT");
    let mac = adapter.attribute("MACAddress");
    assert!(mac.len() == 12 && mac.starts_with("080027"), "{mac}");
    assert!(mac.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()), "{mac}");
}

#[test]
fn settings_and_disks_name_each_other() {
    let Some(judges) = Judges::find() else { return };
    let disks = pair();
    let folder = tempfile::tempdir().unwrap();
    let written = write(&VirtualBox::default(), &uefi("img"), &layouts(&disks), folder.path(), 2).unwrap();
    let names: Vec<&str> = written.iter().map(|entry| entry.path.as_str()).collect();
    assert_eq!(names, ["img.vdi", "img-disk2.vdi", "img.vbox"]);
    let vbox = judges.xml(&folder.path().join("img.vbox"));
    assert_eq!(vbox.tag(), "{http://www.virtualbox.org/}VirtualBox");
    assert_eq!(vbox.attribute("version"), "1.16-linux");
    let machine = vbox.only("Machine");
    assert_eq!(machine.attribute("lastStateChange"), "2023-11-14T22:13:20Z");
    check_settings(&machine, "1025", "2", "EFI");
    let parts: Vec<String> = machine.children().iter().map(Xml::name).collect();
    assert_eq!(parts, ["MediaRegistry", "Hardware", "StorageControllers"]);
    let registered = machine.all("MediaRegistry/HardDisks/HardDisk");
    let devices = machine.all("StorageControllers/StorageController/AttachedDevice");
    assert_eq!((registered.len(), devices.len()), (2, 2));
    for (index, disk) in disks.iter().enumerate() {
        assert_eq!(registered[index].attribute("location"), names[index]);
        assert_eq!(registered[index].attribute("format"), "VDI");
        let file = folder.path().join(names[index]);
        assert_eq!(registered[index].attribute("uuid"), vdi_uuid(&file));
        assert_eq!(devices[index].only("Image").attribute("uuid"), vdi_uuid(&file));
        assert_eq!(devices[index].attribute("port"), index.to_string());
        assert_converts_back(&judges.qemu_img, "vdi", &file, disk);
    }
    assert_eq!(machine.only("StorageControllers/StorageController").attribute("PortCount"), "2");
}

#[test]
fn no_uuid_is_shared_by_machines_of_other_names_or_seeds() {
    let disks = layouts(&pair());
    let mut other_seed = uefi("a");
    other_seed.seed = diskwright_core::Seed::from_text("another");
    let mut all = Vec::new();
    for machine in [uefi("a"), uefi("b"), other_seed] {
        let folder = tempfile::tempdir().unwrap();
        write(&VirtualBox::default(), &machine, &disks, folder.path(), 2).unwrap();
        let vbox = std::fs::read_to_string(folder.path().join(format!("{}.vbox", machine.name))).unwrap();
        let found = identities(&vbox);
        assert_eq!(found.len(), 4, "{found:?}");
        all.extend(found);
    }
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 12);
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let disks = layouts(&[Disk::mixed(30 * MIB), Disk::mixed(5 * MIB)]);
    for options in [VirtualBoxOptions::default(), package()] {
        let trees = [1, 2, 8].map(|threads| {
            let folder = tempfile::tempdir().unwrap();
            let format = VirtualBox::new(options.clone());
            let entries = write(&format, &uefi("img"), &disks, folder.path(), threads).unwrap();
            let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
            entries.iter().map(|entry| read(&entry.path)).collect::<Vec<_>>()
        });
        assert!(trees[0] == trees[1] && trees[0] == trees[2]);
    }
}

#[test]
fn options_change_the_machine() {
    let Some(judges) = Judges::find() else { return };
    let given = [("controller", "lsilogic"), ("nic", "virtio"), ("os-type", "Linux26")];
    let given = given.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let disks = [Disk { size: MIB, parts: vec![] }];
    let folder = tempfile::tempdir().unwrap();
    for compress in [true, false] {
        let options = FormatOptions::check(&INFO, compress, &given).unwrap();
        let format = (ENTRY.configure)(&options).unwrap();
        write(format.as_ref(), &machine("img"), &layouts(&disks), folder.path(), 1).unwrap();
    }
    let ova = judges.ova(&folder.path().join("img.ova"), Some("SHA256"), &disks);
    assert_eq!(ova.item(6).text_of("ResourceSubType").unwrap(), "lsilogic");
    assert_eq!(ova.item(10).text_of("ResourceSubType").unwrap(), "VirtioNet");
    assert_eq!(ova.ovf.only("VirtualSystem/OperatingSystemSection/OSType").text(), "Linux26");
    let vbox = judges.xml(&folder.path().join("img.vbox"));
    let machine = vbox.only("Machine");
    assert_eq!(machine.attribute("OSType"), "Linux26");
    assert_eq!(machine.only("Hardware/CPU/LongMode").attribute("enabled"), "false");
    assert_eq!(machine.only("Hardware/Network/Adapter").attribute("type"), "virtio");
    let controller = machine.only("StorageControllers/StorageController");
    assert_eq!(
        (controller.attribute("type"), controller.attribute("PortCount")),
        ("LsiLogic".into(), "16".into())
    );
    let options = VirtualBoxOptions::default()
        .with_controller(StorageController::LsiLogic)
        .with_nic(Nic::Virtio)
        .with_os_type(Some("Linux26".to_owned()));
    assert_ne!(options, VirtualBoxOptions::default());
}

#[test]
fn a_machine_has_as_many_adapters_as_the_profile_lists() {
    let Some(judges) = Judges::find() else { return };
    let disks = [Disk { size: MIB, parts: vec![] }];
    let folder = tempfile::tempdir().unwrap();
    let with_three = |mut machine: Machine| {
        machine.adapters = 3;
        machine
    };
    for options in [VirtualBoxOptions::default(), package()] {
        let format = VirtualBox::new(options);
        write(&format, &with_three(uefi("img")), &layouts(&disks), folder.path(), 1).unwrap();
    }
    write(&VirtualBox::new(package()), &with_three(machine("bios")), &layouts(&disks), folder.path(), 1)
        .unwrap();
    let vbox = judges.xml(&folder.path().join("img.vbox"));
    let uefi = judges.ova(&folder.path().join("img.ova"), Some("SHA256"), &disks);
    let bios = judges.ova(&folder.path().join("bios.ova"), Some("SHA256"), &disks);
    // OVF's own adapters are not enough: VirtualBox leaves those after the first without a network.
    let packaged = [&uefi, &bios].map(|ova| ova.ovf.only("VirtualSystem/Machine"));
    for machine in packaged.into_iter().chain([vbox.only("Machine")]) {
        let adapters = machine.all("Hardware/Network/Adapter");
        let of_each = |name: &str| adapters.iter().map(|one| one.attribute(name)).collect::<Vec<_>>();
        assert_eq!(of_each("slot"), ["0", "1", "2"]);
        assert_eq!(of_each("enabled"), ["true"; 3]);
        let mut macs = of_each("MACAddress");
        macs.dedup();
        assert_eq!(macs.len(), 3);
    }
    for ova in [uefi, bios] {
        let places: Vec<String> =
            ova.items(10).iter().map(|item| item.text_of("AddressOnParent").unwrap()).collect();
        assert_eq!(places, ["7", "8", "9"]);
    }
}

#[test]
fn a_level_makes_packages_smaller_and_needs_one() {
    let disks = layouts(&[Disk { size: 4 * MIB, parts: vec![(0, text(4 << 20))] }]);
    let lengths = ["1", "9"].map(|level| {
        let options = FormatOptions::check(&INFO, true, &[("level".into(), level.into())]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let format = (ENTRY.configure)(&options).unwrap();
        write(format.as_ref(), &machine("img"), &disks, folder.path(), 1).unwrap()[0].length
    });
    assert!(lengths[1] < lengths[0]);
    let options = FormatOptions::check(&INFO, false, &[("level".into(), "9".into())]).unwrap();
    let error = (ENTRY.configure)(&options).unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidOption, Some("virtualbox.level")));
}

#[test]
fn what_virtualbox_cannot_have_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk { size: MIB, parts: vec![] }.layout();
    let refusal = |machine: &Machine, disks: &[DiskLayout], options: VirtualBoxOptions| {
        let error = write(&VirtualBox::new(options), machine, disks, folder.path(), 1).unwrap_err();
        (error.kind(), error.field().unwrap_or_default().to_owned())
    };
    for options in [VirtualBoxOptions::default(), package()] {
        let odd = altered("img", |machine| machine.memory = MIB / 2);
        let expected = (ErrorKind::Unsupported, "memory".to_owned());
        assert_eq!(refusal(&odd, std::slice::from_ref(&disk), options.clone()), expected);
        let large = altered("img", |machine| machine.memory = 3 << 40);
        let expected = (ErrorKind::LimitExceeded, "memory".to_owned());
        assert_eq!(refusal(&large, std::slice::from_ref(&disk), options.clone()), expected);
        let many = altered("img", |machine| machine.cpus = 65);
        let expected = (ErrorKind::LimitExceeded, "cpus".to_owned());
        assert_eq!(refusal(&many, std::slice::from_ref(&disk), options.clone()), expected);
        let wired = altered("img", |machine| machine.adapters = 9);
        let expected = (ErrorKind::LimitExceeded, "nics[8]".to_owned());
        assert_eq!(refusal(&wired, std::slice::from_ref(&disk), options.clone()), expected);
        let mut arm = machine("img");
        arm.operating_system.architecture = "aarch64".to_owned();
        let expected = (ErrorKind::Unsupported, "targetFormat".to_owned());
        assert_eq!(refusal(&arm, std::slice::from_ref(&disk), options.clone()), expected);
        let expected = (ErrorKind::LimitExceeded, String::new());
        assert_eq!(refusal(&machine("img"), &vec![disk.clone(); 31], options), expected);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
