//! A Debian machine on two disks: what is on each, that it boots from both, and a root file system that is on both.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use diskwright_e2e::debian::{DebianTree, Workshop};
use diskwright_e2e::disk;
use diskwright_e2e::lvm::debian_lvm_tree;
use diskwright_e2e::variant::{Image, Kind};
use diskwright_e2e::{Attachment, Emulator, Firmware, Generated, MachineModel, Tool, generate, verify};

/// On a busy host the kernel's check of the timer fails in an emulated machine.
const SETTINGS: [&str; 6] =
    ["--kernel-parameter", "console=ttyS0", "--kernel-parameter", "no_timer_check", "--name", "machine"];
const PASSWORD: &str = "of the root";

/// `/home` and swap are on the second disk, the home of a user among them.
const SPLIT: &str = r#"{"disk_size": "4G", "further_disks": [{"size": "1G", "partition_table": "mbr", "partitions": [
    {"file_system": "swap", "size": "256M"}, {"mount_point": "/home", "label": "homes"}]}]}"#;

/// The root is larger than either disk; `/boot` stands beside it.
const SPANNING: &str = r#"{"disk_size": "2G",
    "partitions": [{"mount_point": "/boot", "size": "256M"}, {"volume_group": "both"}],
    "further_disks": [{"size": "3G", "partitions": [
        {"volume_group": "both", "size": "1G", "grow": true}, {"file_system": "swap", "size": "128M"}]}],
    "volume_groups": [{"name": "both", "volumes": [
        {"name": "home", "mount_point": "/home", "size": "64M"}, {"name": "root", "mount_point": "/"}]}]}"#;

fn build(tree: &Path, room: &Path, profile: &str, more: &[&str]) -> Result<Generated> {
    let file = room.join("profile.json");
    fs::write(&file, profile)?;
    let mut arguments: Vec<&str> = SETTINGS.to_vec();
    arguments.extend(["--firmware", "bios", "--profile", file.to_str().context("a path")?]);
    arguments.extend(more);
    generate(tree, &["raw"], &room.join("disk"), &arguments)
}

fn split(tree: &DebianTree, room: &Path) -> Result<Generated> {
    let password = room.join("password");
    fs::write(&password, format!("{PASSWORD}\n"))?;
    let more =
        ["--user", "ann,shell=/bin/bash", "--root-password-file", password.to_str().context("a path")?];
    build(&tree.root(), room, SPLIT, &more)
}

fn disks(generated: &Generated) -> Result<[PathBuf; 2]> {
    let outputs: Vec<PathBuf> = generated.outputs.clone();
    ensure!(outputs.iter().all(|path| path.is_file()), "{outputs:?}");
    outputs.try_into().ok().context("not two disks")
}

#[test]
fn every_disk_of_a_machine_with_two_is_as_its_scan_and_profile_say() -> Result<()> {
    let tools = [Tool::find("sfdisk"), Tool::find("sgdisk"), Tool::find("e2fsck"), Tool::find("debugfs")];
    let ([Some(sfdisk), Some(sgdisk), Some(e2fsck), Some(debugfs)], Some(tree)) = (tools, DebianTree::find())
    else {
        return Ok(());
    };
    let workshop = Workshop::enter("disks")?;
    let generated = split(&tree, workshop.path())?;
    let [first, second] = disks(&generated)?;
    ensure!(second.ends_with("machine-disk2.raw"), "{}", second.display());
    disk::check_gpt(&sgdisk, &first)?;
    sfdisk.run(&["--verify".as_ref(), second.as_os_str()])?;
    let on_second = disk::partitions(&sfdisk, &second)?;
    let kinds: Vec<&str> = on_second.iter().map(|partition| partition.kind.as_str()).collect();
    assert_eq!(kinds, ["82", "83"]);
    assert_eq!(on_second[1].start + on_second[1].size, 1 << 30, "the home takes the rest");
    let on_first = disk::partitions(&sfdisk, &first)?;
    assert_eq!(on_first.len(), 2, "what GRUB needs, and the root: {on_first:?}");
    let extracted = |image: &Path, partition: &disk::Partition, name: &str| -> Result<PathBuf> {
        let file = workshop.path().join(name);
        disk::extract(image, partition, &file)?;
        disk::check_ext4(&e2fsck, &file)?;
        Ok(file)
    };
    let home = extracted(&second, &on_second[1], "home")?;
    let listed = debugfs.run(&["-R".as_ref(), "ls -p /".as_ref(), home.as_os_str()])?;
    ensure!(listed.contains("/ann/"), "{listed}");
    let root = extracted(&first, &on_first[1], "root")?;
    let output = debugfs.command().args(["-R", "cat /etc/fstab"]).arg(&root).output()?;
    let fstab = String::from_utf8(output.stdout)?;
    let id =
        |pointer: &str| generated.report.pointer(pointer).and_then(|id| id.as_str()).context("no identifier");
    let home = id("/disks/1/partitions/1/file_system/uuid")?;
    ensure!(
        fstab.lines().any(|line| line.contains(home) && line.contains("/home")),
        "{home} is not at /home in\n{fstab}"
    );
    // The swap area keeps the identifier by which the tree knows it.
    assert_eq!(id("/disks/1/partitions/0/file_system/uuid")?, "0b6a9c57-3f0e-4f7d-8a15-5b8f3f0c9e22");
    let report = first.with_file_name("report.json");
    verify(&[first, second], &report, &["--scan".as_ref(), tree.root().as_os_str()])
}

/// Boots, logs in as root, and returns what the machine says of its volumes, one blank between words.
fn ask(generated: &Generated, attachment: Attachment, login: (&str, &str)) -> Result<Option<String>> {
    let Some(emulator) = Emulator::find() else { return Ok(None) };
    let images = disks(generated)?.map(|path| Image { path, kind: Kind::Raw });
    let (prompt, password) = (format!("{} login:", login.0), format!("{}\n", login.1));
    let questions = "dmesg -n 1; for at in / /home; do findmnt -no TARGET,SOURCE,FSTYPE $at; done; cat /proc/swaps; \
                     lsblk -dno NAME,SIZE; ls /home; command -v vgs && vgs --noheadings -o vg_name,pv_count; \
                     echo answers-$((40+2))\n";
    let steps = [
        (prompt.as_str(), "root\n"),
        ("Password:", password.as_str()),
        ("# ", questions),
        ("answers-42", ""),
    ];
    let (machine, images) = ((MachineModel::Q35, attachment), [&images[0], &images[1]]);
    let boot = || {
        let deadline = Duration::from_secs(1200);
        emulator.converse_over(&images, (machine, &[Emulator::ADAPTER]), Firmware::Bios, &steps, deadline)
    };
    // systemd waits a minute and a half of the host's time for a disk, of which an emulated machine may get little.
    let console = match boot() {
        Err(error) if error.to_string().contains("Timed out waiting for device") => {
            eprintln!("booting again: {error:#}");
            boot()?
        }
        said => said?,
    };
    for complaint in ["recovering journal", "Failed to mount", "Gave up waiting", "[FAILED]", "error:"] {
        ensure!(!console.contains(complaint), "{complaint}:\n{console}");
    }
    let words = console.lines().flat_map(|line| line.split_whitespace().chain(["\n"]));
    Ok(Some(words.collect::<Vec<_>>().join(" ")))
}

#[test]
fn a_machine_with_home_and_swap_on_its_second_disk_boots_to_login_under_seabios() -> Result<()> {
    let Some(tree) = DebianTree::find() else { return Ok(()) };
    let workshop = Workshop::enter("disks-boot")?;
    let generated = split(&tree, workshop.path())?;
    let login = ("debian-twelve", PASSWORD);
    let Some(said) = ask(&generated, Attachment::OnBoard, login)? else { return Ok(()) };
    // Linux probes both at once, and calls either the first.
    let (first, second) = if said.contains("sda 4G") { ("sda", "sdb") } else { ("sdb", "sda") };
    for expected in [
        format!("/ /dev/{first}2 ext4"),
        format!("/home /dev/{second}2 ext4"),
        format!("/dev/{second}1 partition"),
        format!("{first} 4G"),
        format!("{second} 1G"),
        "\n ann lost+found ".to_owned(),
    ] {
        ensure!(said.contains(&expected), "{expected} is missing:\n{said}");
    }
    Ok(())
}

#[test]
fn a_root_that_spans_two_disks_boots_to_login_under_seabios() -> Result<()> {
    let Some(tree) = debian_lvm_tree() else { return Ok(()) };
    let workshop = Workshop::enter("disks-spanning")?;
    let generated = build(&tree, workshop.path(), SPANNING, &[])?;
    let [first, second] = disks(&generated)?;
    let report = first.with_file_name("report.json");
    verify(&[first, second], &report, &["--scan".as_ref(), tree.as_os_str()])?;
    let login = ("debian-lvm", "test");
    let Some(said) = ask(&generated, Attachment::VirtioBlock, login)? else { return Ok(()) };
    for expected in
        ["/ /dev/mapper/both-root ext4", "/home /dev/mapper/both-home ext4", "both 2", "/dev/vdb2 partition"]
    {
        ensure!(said.contains(expected), "{expected} is missing:\n{said}");
    }
    Ok(())
}
