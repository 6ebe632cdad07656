//! Machines for VMware, judged by foreign programs.

use std::collections::BTreeMap;
use std::path::Path;

use diskwright_conformance::corpus::{Disk, text};
use diskwright_core::ErrorKind;
use diskwright_core::format::{FormatOptions, Machine};
use diskwright_core::layout::DiskLayout;
use diskwright_format_vmware::{
    DiskController, ENTRY, Form, HardwareVersion, INFO, Nic, Vmware, VmwareOptions,
};
use diskwright_oracle::{Judges, Ova, altered, assert_converts_back, machine, write};

const MIB: u64 = 1 << 20;

fn pair() -> [Disk; 2] {
    [Disk::mixed(9 * MIB), Disk { size: 3 * MIB, parts: vec![(0, text(1000))] }]
}

fn layouts(disks: &[Disk]) -> Vec<DiskLayout> {
    disks.iter().map(Disk::layout).collect()
}

fn configured(compress: bool, given: &[(&str, &str)]) -> diskwright_core::Result<VmwareFormat> {
    let given: Vec<_> = given.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    (ENTRY.configure)(&FormatOptions::check(&INFO, compress, &given)?)
}

type VmwareFormat = std::sync::Arc<dyn diskwright_core::format::TargetFormat>;

fn uefi(name: &str) -> Machine {
    diskwright_oracle::uefi(name, 1028)
}

/// Writes an OVA with these options and has it judged.
fn package(judges: &Judges, given: &[(&str, &str)], machine: &Machine, digest: Option<&str>) -> Ova {
    let disks = pair();
    let folder = tempfile::tempdir().unwrap();
    let format = configured(true, given).unwrap();
    write(format.as_ref(), machine, &layouts(&disks), folder.path(), 2).unwrap();
    judges.ova(&folder.path().join(format!("{}.ova", machine.name)), digest, &disks)
}

/// The keys of a `.vmx` file, each once.
fn vmx(file: &Path) -> BTreeMap<String, String> {
    let mut keys = BTreeMap::new();
    for line in std::fs::read_to_string(file).unwrap().lines() {
        let (key, value) = line.split_once(" = \"").unwrap();
        let value = value.strip_suffix('"').unwrap();
        assert!(!value.contains('"') && keys.insert(key.to_owned(), value.to_owned()).is_none(), "{line}");
    }
    keys
}

#[test]
fn packages_hold_what_both_products_import() {
    let Some(judges) = Judges::find() else { return };
    let ova = package(&judges, &[], &uefi("img"), Some("SHA256"));
    let hardware = ova.ovf.only("VirtualSystem/VirtualHardwareSection");
    assert_eq!(hardware.only("System").text_of("VirtualSystemType").unwrap(), "vmx-13");
    let system = ova.ovf.only("VirtualSystem/OperatingSystemSection");
    assert_eq!(
        (system.attribute("id"), system.attribute("osType")),
        ("96".into(), "debian12_64Guest".into())
    );
    assert_eq!(system.only("OSType").text(), "Debian_64");
    assert_eq!(ova.item(3).text_of("VirtualQuantity").unwrap(), "2");
    assert_eq!(ova.item(4).text_of("VirtualQuantity").unwrap(), "1028");
    assert_eq!(ova.item(6).text_of("ResourceSubType").unwrap(), "lsilogic");
    assert_eq!(ova.item(10).text_of("ResourceSubType").unwrap(), "E1000");
    assert_eq!(ova.item(10).text_of("Connection").unwrap(), "VM Network");
    assert_eq!(ova.config("firmware").as_deref(), Some("efi"));
    assert_eq!(ova.config("bootOptions.efiSecureBootEnabled").as_deref(), Some("false"));
    // VirtualBox's own element is for its own packages.
    assert!(ova.ovf.all("VirtualSystem/Machine").is_empty());
}

#[test]
fn hardware_versions_choose_digest_and_keys() {
    let Some(judges) = Judges::find() else { return };
    let digests = [
        ("11", "SHA1"),
        ("13", "SHA256"),
        ("14", "SHA256"),
        ("15", "SHA512"),
        ("17", "SHA512"),
        ("21", "SHA512"),
    ];
    for (version, digest) in digests {
        let ova = package(&judges, &[("hardware-version", version)], &uefi("img"), Some(digest));
        let system = ova.ovf.only("VirtualSystem/VirtualHardwareSection/System");
        assert_eq!(system.text_of("VirtualSystemType").unwrap(), format!("vmx-{version}"));
        // Hardware 11 has UEFI, but no Secure Boot.
        assert_eq!(ova.config("firmware").as_deref(), Some("efi"));
        assert_eq!(ova.config("bootOptions.efiSecureBootEnabled").is_some(), version != "11");
    }
    for (choice, digest) in
        [("sha1", Some("SHA1")), ("sha256", Some("SHA256")), ("sha512", Some("SHA512")), ("none", None)]
    {
        package(&judges, &[("digest", choice)], &machine("img"), digest);
    }
}

#[test]
fn controllers_and_adapters_have_vmwares_names() {
    let Some(judges) = Judges::find() else { return };
    let controllers = [
        ("lsilogic", 6, "lsilogic"),
        ("pvscsi", 6, "VirtualSCSI"),
        ("ahci", 20, "vmware.sata.ahci"),
        ("nvme", 20, "vmware.nvme.controller"),
    ];
    for (choice, kind, name) in controllers {
        let options = [("controller", choice), ("nic", "vmxnet3"), ("os-type", "other5xLinux64Guest")];
        let ova = package(&judges, &options, &machine("img"), Some("SHA256"));
        assert_eq!(ova.item(kind).text_of("ResourceSubType").unwrap(), name);
        assert_eq!(ova.item(10).text_of("ResourceSubType").unwrap(), "VmxNet3");
        let system = ova.ovf.only("VirtualSystem/OperatingSystemSection");
        assert_eq!(system.attribute("osType"), "other5xLinux64Guest");
        assert_eq!(ova.units(), ["0", "1"]);
    }
}

#[test]
fn a_vmx_file_names_the_disks_beside_it() {
    let Some(judges) = Judges::find() else { return };
    let disks = pair();
    let controllers = [("lsilogic", "scsi0"), ("pvscsi", "scsi0"), ("ahci", "sata0"), ("nvme", "nvme0")];
    for (choice, bus) in controllers {
        let folder = tempfile::tempdir().unwrap();
        let format = configured(false, &[("controller", choice)]).unwrap();
        let entries = write(format.as_ref(), &uefi("img"), &layouts(&disks), folder.path(), 2).unwrap();
        let names: Vec<&str> = entries.iter().map(|entry| entry.path.as_str()).collect();
        assert_eq!(names, ["img.vmdk", "img-disk2.vmdk", "img.vmx"]);
        let vmx = vmx(&folder.path().join("img.vmx"));
        for (index, disk) in disks.iter().enumerate() {
            assert_eq!(vmx[&format!("{bus}:{index}.fileName")], names[index]);
            assert_eq!(vmx[&format!("{bus}:{index}.present")], "TRUE");
            assert_converts_back(&judges.qemu_img, "vmdk", &folder.path().join(names[index]), disk);
        }
        assert_eq!((vmx["memsize"].as_str(), vmx["numvcpus"].as_str()), ("1028", "2"));
        assert_eq!((vmx["firmware"].as_str(), vmx["guestOS"].as_str()), ("efi", "debian12-64"));
    }
}

#[test]
fn a_machine_has_as_many_adapters_as_the_profile_lists() {
    let Some(judges) = Judges::find() else { return };
    let machine = altered("img", |machine| machine.adapters = 3);
    for (nic, name) in [("e1000", "E1000"), ("vmxnet3", "VmxNet3")] {
        let ova = package(&judges, &[("nic", nic)], &machine, Some("SHA256"));
        let items = ova.items(10);
        let of_each = |name: &str| items.iter().map(|item| item.text_of(name).unwrap()).collect::<Vec<_>>();
        assert_eq!(of_each("ResourceSubType"), [name; 3]);
        assert_eq!(of_each("AddressOnParent"), ["7", "8", "9"]);
        let folder = tempfile::tempdir().unwrap();
        let format = configured(false, &[("nic", nic)]).unwrap();
        write(format.as_ref(), &machine, &layouts(&pair()), folder.path(), 1).unwrap();
        let vmx = vmx(&folder.path().join("img.vmx"));
        for number in 0..3 {
            assert_eq!(vmx[&format!("ethernet{number}.present")], "TRUE");
            assert_eq!(vmx[&format!("ethernet{number}.virtualDev")], nic);
        }
        assert!(!vmx.contains_key("ethernet3.present"));
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let disks = layouts(&[Disk::mixed(30 * MIB), Disk::mixed(5 * MIB)]);
    for compress in [false, true] {
        let trees = [1, 2, 8].map(|threads| {
            let folder = tempfile::tempdir().unwrap();
            let format = configured(compress, &[]).unwrap();
            let entries = write(format.as_ref(), &uefi("img"), &disks, folder.path(), threads).unwrap();
            let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
            entries.iter().map(|entry| read(&entry.path)).collect::<Vec<_>>()
        });
        assert!(trees[0] == trees[1] && trees[0] == trees[2]);
    }
}

#[test]
fn options_that_do_not_go_together_are_refused_by_name() {
    let refusal = |compress, given: &[(&str, &str)]| {
        let error = configured(compress, given).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidOption);
        (error.field().unwrap().to_owned(), error.also().len())
    };
    let field = |name: &str, also| (format!("vmware.{name}"), also);
    assert_eq!(refusal(false, &[("level", "3"), ("digest", "sha1")]), field("digest", 1));
    assert_eq!(refusal(true, &[("controller", "nvme"), ("hardware-version", "11")]), field("controller", 0));
    for version in ["10", "12", "16", "22"] {
        assert_eq!(refusal(true, &[("hardware-version", version)]), field("hardware-version", 0));
    }
    assert_eq!(refusal(true, &[("os-type", "windows11-64")]), field("os-type", 0));
    assert_eq!(refusal(false, &[("os-type", "windows11_64Guest")]), field("os-type", 0));
    let folder = tempfile::tempdir().unwrap();
    let options = VmwareOptions::default()
        .with_hardware(HardwareVersion::new(11).unwrap())
        .with_controller(DiskController::Nvme);
    let disk = Disk { size: MIB, parts: vec![] }.layout();
    let error = write(&Vmware::new(options), &machine("img"), &[disk], folder.path(), 1).unwrap_err();
    assert_eq!(error.field(), Some("vmware.controller"));
}

#[test]
fn a_guest_can_be_named_in_either_spelling() {
    let disk = Disk { size: MIB, parts: vec![] }.layout();
    let rows =
        [("sles15_64Guest", "sles15-64", "sles15_64Guest"), ("sles15-64", "sles15-64", "sles15_64Guest")];
    for (given, in_vmx, in_ovf) in rows {
        let folder = tempfile::tempdir().unwrap();
        for compress in [false, true] {
            let format = configured(compress, &[("os-type", given)]).unwrap();
            write(format.as_ref(), &machine("img"), std::slice::from_ref(&disk), folder.path(), 1).unwrap();
        }
        assert_eq!(vmx(&folder.path().join("img.vmx"))["guestOS"], in_vmx);
        let ova = std::fs::read(folder.path().join("img.ova")).unwrap();
        assert!(String::from_utf8_lossy(&ova).contains(&format!("vmw:osType=\"{in_ovf}\"")));
    }
    // Names that the table does not have are taken in the spelling of the form.
    for (compress, name) in [(false, "windows11-64"), (true, "windows11_64Guest"), (true, "otherGuest64")] {
        configured(compress, &[("os-type", name)]).unwrap();
    }
}

#[test]
fn what_vmware_cannot_have_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk { size: MIB, parts: vec![] }.layout();
    let package = VmwareOptions::default().with_form(Form::Package { level: 1, digest: None });
    let refusal = |machine: &Machine, disks: &[DiskLayout], options: &VmwareOptions| {
        let error = write(&Vmware::new(options.clone()), machine, disks, folder.path(), 1).unwrap_err();
        (error.kind(), error.field().unwrap_or_default().to_owned())
    };
    for options in [VmwareOptions::default(), package] {
        let disks = [disk.clone()];
        let odd = altered("img", |machine| machine.memory = 1026 * MIB);
        assert_eq!(refusal(&odd, &disks, &options), (ErrorKind::Unsupported, "memory".to_owned()));
        let large = altered("img", |machine| machine.memory = 7 << 40);
        assert_eq!(refusal(&large, &disks, &options), (ErrorKind::LimitExceeded, "memory".to_owned()));
        let many = altered("img", |machine| machine.cpus = 129);
        assert_eq!(refusal(&many, &disks, &options), (ErrorKind::LimitExceeded, "cpus".to_owned()));
        let mut arm = machine("img");
        arm.operating_system.architecture = "aarch64".to_owned();
        assert_eq!(refusal(&arm, &disks, &options), (ErrorKind::Unsupported, "targetFormat".to_owned()));
        let wired = altered("img", |machine| machine.adapters = 11);
        assert_eq!(refusal(&wired, &disks, &options), (ErrorKind::LimitExceeded, "nics[10]".to_owned()));
        let wired = altered("img", |machine| machine.adapters = 4);
        let options_of_vmxnet3 = options.clone().with_nic(Nic::Vmxnet3);
        assert_eq!(
            refusal(&wired, &disks, &options_of_vmxnet3),
            (ErrorKind::Unsupported, "nics[3]".to_owned())
        );
        let sixteen = vec![disk.clone(); 16];
        assert_eq!(refusal(&machine("img"), &sixteen, &options), (ErrorKind::LimitExceeded, String::new()));
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
