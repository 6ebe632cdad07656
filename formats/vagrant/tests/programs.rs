//! Boxes taken apart by foreign programs.

use std::fs;
use std::path::Path;
use std::process::Command;

use diskwright_conformance::corpus::Disk;
use diskwright_core::ErrorKind;
use diskwright_core::format::{FormatOptions, Machine};
use diskwright_format_vagrant::{ENTRY, INFO, Provider, Vagrant, VagrantOptions};
use diskwright_oracle::{altered, assert_converts_back, check, machine, path, run, tool, uefi, write};
use serde_json::{Value, json};

fn vagrant(provider: Provider) -> Vagrant {
    Vagrant::new(VagrantOptions::default().with_provider(provider)).unwrap()
}

/// Writes a box and unpacks it; the names of its members in order.
fn unpacked(provider: Provider, machine: &Machine, disks: &[Disk], folder: &Path) -> Option<Vec<String>> {
    let (tar, bsdtar) = (tool("tar")?, tool("bsdtar")?);
    let layouts: Vec<_> = disks.iter().map(Disk::layout).collect();
    write(&vagrant(provider), machine, &layouts, folder, 2).unwrap();
    let archive = folder.join(format!("{}.box", machine.name));
    let members = run(&tar, &["-xvf", path(&archive), "-C", path(folder)]);
    assert_eq!(run(&bsdtar, &["-tf", path(&archive)]), members);
    Some(members.lines().map(str::to_owned).collect())
}

fn metadata(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("metadata.json")).unwrap()).unwrap()
}

#[test]
fn a_box_for_virtualbox_is_an_appliance_with_two_files_more() {
    let Some(qemu_img) = tool("qemu-img") else { return };
    let folder = tempfile::tempdir().unwrap();
    let disks = [Disk::mixed(9 << 20), Disk::mixed(3 << 20)];
    let Some(members) = unpacked(Provider::VirtualBox, &machine("web-1"), &disks, folder.path()) else {
        return;
    };
    assert_eq!(members, ["box.ovf", "metadata.json", "Vagrantfile", "box-disk1.vmdk", "box-disk2.vmdk"]);
    assert_eq!(metadata(folder.path()), json!({ "provider": "virtualbox" }));
    let text = fs::read_to_string(folder.path().join("Vagrantfile")).unwrap();
    assert!(text.contains("config.vm.base_mac = \"080027") && !text.contains("firmware"), "{text}");
    for (disk, name) in disks.iter().zip(["box-disk1.vmdk", "box-disk2.vmdk"]) {
        let image = folder.path().join(name);
        check(&qemu_img, "vmdk", path(&image));
        assert_converts_back(&qemu_img, "vmdk", &image, disk);
    }
    let envelope = fs::read_to_string(folder.path().join("box.ovf")).unwrap();
    let size = folder.path().join("box-disk1.vmdk").metadata().unwrap().len();
    assert!(envelope.contains("box-disk1.vmdk") && envelope.contains(&format!("\"{size}\"")), "{envelope}");
}

#[test]
fn a_box_for_libvirt_is_an_image_with_two_files() {
    let Some(qemu_img) = tool("qemu-img") else { return };
    for size in [64 << 10, 33 << 20, (1 << 30) + (64 << 10)] {
        let folder = tempfile::tempdir().unwrap();
        let mut disk = Disk::mixed(size.min(33 << 20));
        disk.size = size;
        let disks = [disk];
        let Some(members) = unpacked(Provider::Libvirt, &machine("web-1"), &disks, folder.path()) else {
            return;
        };
        assert_eq!(members, ["metadata.json", "Vagrantfile", "box.img"]);
        let gib = size.div_ceil(1 << 30);
        let expected = json!({ "provider": "libvirt", "format": "qcow2", "virtual_size": gib });
        assert_eq!(metadata(folder.path()), expected);
        let image = folder.path().join("box.img");
        check(&qemu_img, "qcow2", path(&image));
        assert_converts_back(&qemu_img, "qcow2", &image, &disks[0]);
    }
}

/// Vagrant unpacks the box, takes the provider from it, and has the same files.
#[test]
fn vagrant_adds_the_box() {
    let Some(vagrant_program) = tool("vagrant") else { return };
    for (provider, name, image) in
        [(Provider::VirtualBox, "virtualbox", "box-disk1.vmdk"), (Provider::Libvirt, "libvirt", "box.img")]
    {
        let folder = tempfile::tempdir().unwrap();
        let disks = [Disk::mixed(9 << 20)];
        if unpacked(provider, &machine("web-1"), &disks, folder.path()).is_none() {
            return;
        }
        let home = folder.path().join("home");
        fs::create_dir(&home).unwrap();
        let vagrant = |arguments: &[&str]| {
            let mut command = Command::new(&vagrant_program);
            command.env("VAGRANT_HOME", &home).env("HOME", &home).env("VAGRANT_CHECKPOINT_DISABLE", "1");
            let output = command.current_dir(folder.path()).args(arguments).output().unwrap();
            let told = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
            told
        };
        fs::remove_file(folder.path().join("Vagrantfile")).unwrap();
        vagrant(&["box", "add", "--name", "trial", "web-1.box"]);
        let listed = vagrant(&["box", "list"]);
        assert!(listed.contains("trial") && listed.contains(&format!("({name}, 0)")), "{listed}");
        let added = home.join("boxes/trial/0").join(name);
        assert!(fs::read(added.join(image)).unwrap() == fs::read(folder.path().join(image)).unwrap());
        assert!(added.join("metadata.json").is_file() && added.join("Vagrantfile").is_file());
    }
}

#[test]
fn ruby_reads_the_vagrantfiles() {
    let Some(ruby) = tool("ruby") else { return };
    for (provider, machine) in [
        (Provider::VirtualBox, machine("web-1")),
        (Provider::VirtualBox, uefi("web-1", 2048)),
        (Provider::Libvirt, machine("web-1")),
    ] {
        let folder = tempfile::tempdir().unwrap();
        if unpacked(provider, &machine, &[Disk::mixed(3 << 20)], folder.path()).is_some() {
            run(&ruby, &["-c", path(&folder.path().join("Vagrantfile"))]);
        }
    }
}

#[test]
fn uefi_is_asked_of_virtualbox_and_refused_for_libvirt() {
    let folder = tempfile::tempdir().unwrap();
    let machine = uefi("web-1", 2048);
    let disks = [Disk::mixed(3 << 20)];
    if unpacked(Provider::VirtualBox, &machine, &disks, folder.path()).is_some() {
        let text = fs::read_to_string(folder.path().join("Vagrantfile")).unwrap();
        assert!(text.contains("\"--firmware\", \"efi\"") && text.contains("memory = 2048"), "{text}");
    }
    let format = vagrant(Provider::Libvirt);
    let error = write(&format, &machine, &[disks[0].layout()], folder.path(), 1).unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Unsupported, Some("firmware")));
}

#[test]
fn a_box_has_one_adapter_and_the_others_are_the_users_own() {
    let folder = tempfile::tempdir().unwrap();
    let machine = altered("web-1", |machine| machine.adapters = 2);
    for provider in [Provider::VirtualBox, Provider::Libvirt] {
        let disk = Disk::mixed(3 << 20).layout();
        let error = write(&vagrant(provider), &machine, &[disk], folder.path(), 1).unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Unsupported, Some("nics[1]")));
    }
}

#[test]
fn a_level_that_the_provider_does_not_have_is_refused() {
    let given = |pairs: &[(&str, &str)]| {
        let pairs: Vec<_> =
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        (ENTRY.configure)(&FormatOptions::check(&INFO, true, &pairs)?).map(drop)
    };
    given(&[("level", "12")]).unwrap();
    given(&[("level", "9"), ("provider", "libvirt")]).unwrap();
    let error = given(&[("level", "10"), ("provider", "libvirt")]).unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidOption, Some("vagrant.level")));
}
