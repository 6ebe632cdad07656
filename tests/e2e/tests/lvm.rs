//! A Debian machine with its root on a logical volume keeps its volume group, gets another, or none.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use diskwright_e2e::debian::Workshop;
use diskwright_e2e::disk::{self, Partition};
use diskwright_e2e::lvm::{Lvm, debian_lvm_tree, extract_volume};
use diskwright_e2e::variant::{Image, Kind};
use diskwright_e2e::{Attachment, Emulator, Firmware, Generated, MachineModel, Tool, generate, verify};

const GROUP: &str = "debian-lvm-vg";
const LINUX_LVM: &str = "E6D6D379-F507-44C2-A23C-238F2A3DF928";
const SETTINGS: [&str; 4] = ["--kernel-parameter", "console=ttyS0", "--name", "machine"];

/// Two groups on an MBR disk with logical partitions; the root, with `/boot` in it, is on both partitions of its group.
const TWO_GROUPS: &str = r#"{"disk_size": "5G", "partition_table": "mbr", "swap_size": "64M", "partitions": [
    {"volume_group": "sys-tem", "size": "1G"}, {"volume_group": "sys-tem", "grow": true},
    {"mount_point": "/srv", "size": "64M"}, {"mount_point": "/opt", "size": "64M", "label": "opt"},
    {"volume_group": "second"}],
    "volume_groups": [
    {"name": "sys-tem", "extent_size": "8M", "volumes": [
        {"name": "root", "mount_point": "/", "size": "2G", "grow": true},
        {"name": "pages", "file_system": "swap"}]},
    {"name": "second", "volumes": [
        {"name": "home.dir", "mount_point": "/home", "file_system": "ext3", "size": "99M", "label": "home"}]}]}"#;

fn kept(tree: &Path, room: &Path) -> Result<Generated> {
    let mut arguments: Vec<&str> = SETTINGS.to_vec();
    arguments.extend(["--disk-size", "6G", "--firmware", "both"]);
    generate(tree, &["raw"], &room.join("disk"), &arguments)
}

fn two_groups(tree: &Path, room: &Path) -> Result<Generated> {
    let profile = room.join("profile.json");
    fs::write(&profile, TWO_GROUPS)?;
    let mut arguments: Vec<&str> = SETTINGS.to_vec();
    arguments.extend(["--firmware", "bios", "--profile", profile.to_str().context("a path")?]);
    generate(tree, &["raw"], &room.join("disk"), &arguments)
}

fn of_kind(partitions: Vec<Partition>, kind: &str) -> Vec<Partition> {
    partitions.into_iter().filter(|partition| partition.kind.eq_ignore_ascii_case(kind)).collect()
}

/// The lines of a table, their words joined by one blank, sorted.
fn lines(table: &str) -> Vec<String> {
    let mut lines: Vec<String> =
        table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    lines.sort();
    lines
}

fn content(debugfs: &Tool, volume: &Path, path: &str) -> Result<String> {
    let output = debugfs.command().arg("-R").arg(format!("cat {path}")).arg(volume).output()?;
    Ok(String::from_utf8(output.stdout)?)
}

#[test]
fn a_scan_with_its_root_on_a_logical_volume_keeps_group_and_volumes() -> Result<()> {
    let tools = [Tool::find("sfdisk"), Tool::find("sgdisk"), Tool::find("e2fsck"), Tool::find("debugfs")];
    let ([Some(sfdisk), Some(sgdisk), Some(e2fsck), Some(debugfs)], Some(tree)) = (tools, debian_lvm_tree())
    else {
        return Ok(());
    };
    let workshop = Workshop::enter("lvm-kept")?;
    let generated = kept(&tree, workshop.path())?;
    let image = generated.disk()?;
    disk::check_gpt(&sgdisk, image)?;
    let physical = of_kind(disk::partitions(&sfdisk, image)?, LINUX_LVM);
    let Some(lvm) = Lvm::of(image, &physical)? else { return Ok(()) };
    let device = lvm.devices().first().context("one physical volume")?.clone();
    let of_report =
        |pointer: &str| generated.report.pointer(pointer).and_then(|id| id.as_str()).unwrap_or("");
    let uuid = of_report("/disks/0/volume_groups/0/uuid");
    let groups =
        lvm.run(&["vgs", "--noheadings", "-o", "vg_name,vg_uuid,vg_attr,vg_extent_size,vg_free_count"])?;
    assert_eq!(lines(&groups), [format!("{GROUP} {uuid} wz--n- 4.00m 0")]);
    lvm.run(&["vgck", GROUP])?;
    lvm.run(&["pvck", "--dump", "headers", &device])?;
    let text = lvm.run(&["pvck", "--dump", "metadata", &device])?;
    ensure!(text.contains(uuid), "{text}");
    let volumes = lvm.run(&["lvs", "--noheadings", "-o", "lv_name,segtype,lv_time"])?;
    let expected = ["home", "root", "swap_1"].map(|name| format!("{name} linear 2023-11-14 22:13:20 +0000"));
    assert_eq!(lines(&volumes), expected);
    for name in ["root", "home"] {
        let file = workshop.path().join(name);
        extract_volume(image, &generated.report, GROUP, name, &file)?;
        disk::check_ext4(&e2fsck, &file)?;
    }
    let root = workshop.path().join("root");
    let fstab = content(&debugfs, &root, "/etc/fstab")?;
    for line in [
        "/dev/mapper/debian--lvm--vg-root /               ext4    errors=remount-ro 0       1",
        "UUID=5a0d3c1e-8f52-4c0b-9a41-6b8e1d2f3a44 /boot           ext4    defaults        0       2",
        "/dev/debian-lvm-vg/home /home           ext4    defaults        0       2",
        "/dev/mapper/debian--lvm--vg-swap_1 none            swap    sw              0       0",
    ] {
        ensure!(fstab.contains(line), "{line} is not in\n{fstab}");
    }
    assert_eq!(
        content(&debugfs, &root, "/etc/lvm/devices/system.devices")?,
        "",
        "the old disks' list is gone"
    );
    assert_eq!(
        content(&debugfs, &root, "/etc/initramfs-tools/conf.d/resume")?,
        "RESUME=/dev/mapper/debian--lvm--vg-swap_1\n"
    );
    let report = image.with_file_name("report.json");
    verify(&[image.to_path_buf()], &report, &["--scan".as_ref(), tree.as_os_str()])
}

#[test]
fn lvm_finds_every_extent_of_groups_on_several_partitions() -> Result<()> {
    let tools = [Tool::find("sfdisk"), Tool::find("parted"), Tool::find("e2fsck"), Tool::find("debugfs")];
    let ([Some(sfdisk), Some(parted), Some(e2fsck), Some(debugfs)], Some(tree)) = (tools, debian_lvm_tree())
    else {
        return Ok(());
    };
    let workshop = Workshop::enter("lvm-groups")?;
    let generated = two_groups(&tree, workshop.path())?;
    let image = generated.disk()?;
    sfdisk.run(&["--verify".as_ref(), image.as_os_str()])?;
    let printed = parted.run(&[
        "--script".as_ref(),
        "--machine".as_ref(),
        image.as_os_str(),
        "unit".as_ref(),
        "B".as_ref(),
        "print".as_ref(),
    ])?;
    let numbers: Vec<&str> = printed.lines().skip(2).filter_map(|line| line.split(':').next()).collect();
    assert_eq!(
        numbers,
        ["1", "2", "3", "4", "5", "6"],
        "three primary, an extended and two logical: {printed}"
    );
    let physical = of_kind(disk::partitions(&sfdisk, image)?, "8e");
    assert_eq!(physical.len(), 3);
    let Some(lvm) = Lvm::of(image, &physical)? else { return Ok(()) };
    let groups =
        lvm.run(&["vgs", "--noheadings", "-o", "vg_name,pv_count,lv_count,vg_extent_size,vg_free_count"])?;
    assert_eq!(lines(&groups), ["second 1 1 4.00m 0", "sys-tem 2 2 8.00m 0"]);
    lvm.run(&["vgck", "second"])?;
    lvm.run(&["vgck", "sys-tem"])?;
    let fields = "vg_name,lv_name,seg_start,seg_size,seg_pe_ranges";
    let listed =
        lvm.run(&["lvs", "--noheadings", "--segments", "--units", "b", "--nosuffix", "-o", fields])?;
    assert_eq!(lines(&listed), reported(&generated, &lvm)?, "LVM and the report");
    ensure!(lines(&listed).iter().filter(|line| line.contains(" root ")).count() == 2, "{listed}");
    for (group, name) in [("sys-tem", "root"), ("second", "home.dir")] {
        let file = workshop.path().join(name);
        extract_volume(image, &generated.report, group, name, &file)?;
        disk::check_ext4(&e2fsck, &file)?;
    }
    let note = content(&debugfs, &workshop.path().join("home.dir"), "/operator1/note")?;
    assert_eq!(note, "on a volume of its own\n");
    let report = image.with_file_name("report.json");
    verify(&[image.to_path_buf()], &report, &["--scan".as_ref(), tree.as_os_str()])
}

/// What `lvs --segments` should say by the report.
fn reported(generated: &Generated, lvm: &Lvm) -> Result<Vec<String>> {
    let list = |value: &serde_json::Value, name: &str| {
        value.get(name).and_then(serde_json::Value::as_array).cloned().with_context(|| name.to_owned())
    };
    let disk = generated.report.pointer("/disks/0").context("a disk")?;
    let members: Vec<serde_json::Value> = list(disk, "partitions")?
        .into_iter()
        .filter(|partition| partition.get("physical_volume").is_some())
        .collect();
    let mut expected = Vec::new();
    for group in list(disk, "volume_groups")? {
        let extent = group["extent_size"].as_u64().context("a size")?;
        for volume in list(&group, "volumes")? {
            let mut from = 0;
            for segment in list(&volume, "segments")? {
                let (start, size) = (segment["start"].as_u64(), segment["size"].as_u64());
                let (start, size) = start.zip(size).context("a place")?;
                let at = members.iter().position(|member| member["number"] == segment["partition"]);
                let at = at.context("a physical volume")?;
                let first = (start - members[at]["start"].as_u64().context("a start")? - (1 << 20)) / extent;
                let (group, volume) = (group["name"].as_str(), volume["name"].as_str());
                let (group, volume) = group.zip(volume).context("names")?;
                let device = &lvm.devices()[at];
                let last = first + size / extent - 1;
                expected.push(format!("{group} {volume} {from} {size} {device}:{first}-{last}"));
                from += size;
            }
        }
    }
    expected.sort();
    Ok(expected)
}

#[test]
fn flattened_on_request_every_volume_is_a_partition() -> Result<()> {
    let tools = [Tool::find("sfdisk"), Tool::find("e2fsck"), Tool::find("debugfs")];
    let ([Some(sfdisk), Some(e2fsck), Some(debugfs)], Some(tree)) = (tools, debian_lvm_tree()) else {
        return Ok(());
    };
    let workshop = Workshop::enter("lvm-flattened")?;
    let mut arguments: Vec<&str> = SETTINGS.to_vec();
    arguments.extend(["--disk-size", "5G", "--lvm", "flatten"]);
    let generated = generate(&tree, &["raw"], &workshop.path().join("disk"), &arguments)?;
    let image = generated.disk()?;
    let partitions = disk::partitions(&sfdisk, image)?;
    assert_eq!(of_kind(partitions.clone(), disk::LINUX_SWAP).len(), 1, "{partitions:?}");
    let data = of_kind(partitions.clone(), disk::LINUX_DATA);
    let [boot, root, home] = data.as_slice() else { bail!("not /boot, / and /home: {partitions:?}") };
    let extracted = |name: &str, partition: &Partition| -> Result<PathBuf> {
        let file = workshop.path().join(name);
        disk::extract(image, partition, &file)?;
        disk::check_ext4(&e2fsck, &file)?;
        Ok(file)
    };
    let (boot, root) = (extracted("boot", boot)?, extracted("root", root)?);
    for (volume, path) in
        [(&root, "/etc/fstab"), (&root, "/etc/initramfs-tools/conf.d/resume"), (&boot, "/grub/grub.cfg")]
    {
        let text = content(&debugfs, volume, path)?;
        let named = text.lines().find(|line| !line.starts_with('#') && line.contains("/dev/mapper"));
        ensure!(!text.is_empty() && named.is_none(), "{path}: {text}");
    }
    // The initial RAM disk's own copy names the swap area of the old disks.
    ensure!(content(&debugfs, &boot, "/grub/grub.cfg")?.contains(" resume=UUID="), "no resume=");
    let note = content(&debugfs, &extracted("home", home)?, "/operator1/note")?;
    assert_eq!(note, "on a volume of its own\n");
    let report = image.with_file_name("report.json");
    verify(&[image.to_path_buf()], &report, &["--scan".as_ref(), tree.as_os_str()])
}

/// Boots, logs in, and returns what the machine says of its volumes.
fn ask(generated: &Generated, attachment: Attachment, firmware: Firmware) -> Result<Option<String>> {
    let Some(emulator) = Emulator::find() else { return Ok(None) };
    let image = Image { path: generated.disk()?.to_path_buf(), kind: Kind::Raw };
    let questions = "dmesg -n 1; for at in / /home; do findmnt -no TARGET,SOURCE,FSTYPE $at; done; cat /proc/swaps; \
                     vgck && vgs --noheadings -o vg_name,pv_count; cat /home/operator1/note; echo answers-$((40+2))\n";
    let steps =
        [("debian-lvm login:", "root\n"), ("Password:", "test\n"), ("# ", questions), ("answers-42", "")];
    let machine = (MachineModel::Q35, attachment);
    let console = emulator.converse(&image, machine, firmware, &steps, Duration::from_secs(600))?;
    for complaint in ["recovering journal", "Failed to mount", "Gave up waiting", "[FAILED]", "error:"] {
        ensure!(!console.contains(complaint), "{complaint}:\n{console}");
    }
    // One blank between words, whatever the tables have.
    Ok(Some(
        console.lines().flat_map(|line| line.split_whitespace().chain(["\n"])).collect::<Vec<_>>().join(" "),
    ))
}

#[test]
fn a_kept_group_boots_to_login_under_ovmf() -> Result<()> {
    boots_kept("lvm-uefi", Firmware::Uefi)
}

#[test]
fn a_kept_group_boots_to_login_under_seabios() -> Result<()> {
    boots_kept("lvm-bios", Firmware::Bios)
}

fn boots_kept(name: &str, firmware: Firmware) -> Result<()> {
    let Some(tree) = debian_lvm_tree() else { return Ok(()) };
    let workshop = Workshop::enter(name)?;
    let generated = kept(&tree, workshop.path())?;
    let Some(said) = ask(&generated, Attachment::OnBoard, firmware)? else { return Ok(()) };
    for expected in [
        "/ /dev/mapper/debian--lvm--vg-root ext4",
        "/home /dev/mapper/debian--lvm--vg-home ext4",
        "/dev/dm-",
        "debian-lvm-vg 1",
        "on a volume of its own",
    ] {
        ensure!(said.contains(expected), "{expected} is missing:\n{said}");
    }
    Ok(())
}

/// Boots once more where the guest did not activate the group that its root is not in. That was seen once, with the image that
/// booted before and after; presumably it is lost when the initial RAM disk, whose udev begins with it, stops udev.
fn ask_unless_lvm_stalls(generated: &Generated) -> Result<Option<String>> {
    let boot = || ask(generated, Attachment::VirtioBlock, Firmware::Bios);
    match boot() {
        Err(error) if is_stalled(&error) => {
            eprintln!("booting again: {error:#}");
            boot()
        }
        said => said,
    }
}

fn is_stalled(error: &anyhow::Error) -> bool {
    let console = error.to_string();
    console.contains("Timed out waiting for device") && console.contains("second-home.dir")
}

#[test]
fn a_kernel_on_a_logical_volume_of_two_partitions_boots_to_login_under_seabios() -> Result<()> {
    let Some(tree) = debian_lvm_tree() else { return Ok(()) };
    let workshop = Workshop::enter("lvm-grub")?;
    let generated = two_groups(&tree, workshop.path())?;
    let Some(said) = ask_unless_lvm_stalls(&generated)? else { return Ok(()) };
    for expected in [
        "/ /dev/mapper/sys--tem-root ext4",
        "/home /dev/mapper/second-home.dir ext3",
        "sys-tem 2",
        "second 1",
    ] {
        ensure!(said.contains(expected), "{expected} is missing:\n{said}");
    }
    Ok(())
}
