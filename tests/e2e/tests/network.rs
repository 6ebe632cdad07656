//! Machines with several network adapters: each interface is the one that the profile means, and VirtualBox has all adapters.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use diskwright_e2e::debian::{self, DebianTree, Workshop};
use diskwright_e2e::variant::{Image, Kind};
use diskwright_e2e::virtualbox::{VirtualBox, inside};
use diskwright_e2e::{Attachment, Emulator, Firmware, MachineModel, generate};

const PASSWORD: &str = "of the root";

/// The second has a name that neither the kernel nor systemd would give.
const NICS: [&str; 3] = [
    "address=10.0.2.77/24,gateway=10.0.2.2,dns=10.0.2.3",
    "name=uplink7,address=10.9.0.5/24,route=198.51.100.0/24@10.9.0.2",
    "method=none",
];

/// In the order of the machine's slots; their addresses are in another order.
const ADAPTERS: [&str; 3] = [
    "user,model=e1000,mac=52:54:00:00:00:0c,restrict=on",
    "user,model=e1000,mac=52:54:00:00:00:0b,net=10.9.0.0/24,restrict=on",
    "user,model=e1000,mac=52:54:00:00:00:0a,net=10.8.0.0/24,restrict=on",
];

#[test]
fn a_machine_with_three_adapters_boots_to_login_with_each_interface_in_its_place() -> Result<()> {
    let (Some(emulator), Some(tree)) = (Emulator::find(), DebianTree::find()) else { return Ok(()) };
    let workshop = Workshop::enter("network-boot")?;
    let password = workshop.path().join("password");
    fs::write(&password, format!("{PASSWORD}\n"))?;
    let mut arguments: Vec<&str> = debian::SETTINGS.to_vec();
    // On a busy host the kernel's check of the timer fails in an emulated machine.
    arguments.extend(["--kernel-parameter", "no_timer_check"]);
    arguments.extend(["--root-password-file", password.to_str().context("a path")?]);
    arguments.extend(NICS.iter().flat_map(|nic| ["--nic", nic]));
    let generated = generate(&tree.root(), &["raw"], &workshop.path().join("disk"), &arguments)?;
    assert_eq!(generated.report["machine"]["network_adapters"], 3);
    let image = Image { path: generated.disk()?.to_path_buf(), kind: Kind::Raw };
    let questions = "dmesg -n 1; until systemctl is-active -q networking; do sleep 1; done; for at in /sys/class/net/*; do \
                     echo ${at##*/} $(cat $at/address); done; ip -o -4 addr show; ip route; echo answers-$((40+2))\n";
    let password = format!("{PASSWORD}\n");
    let steps = [
        ("debian-twelve login:", "root\n"),
        ("Password:", password.as_str()),
        ("# ", questions),
        ("answers-42", ""),
    ];
    let machine = (MachineModel::Q35, Attachment::OnBoard);
    let console = emulator.converse_over(
        &[&image],
        (machine, &ADAPTERS),
        Firmware::Bios,
        &steps,
        Duration::from_secs(1200),
    )?;
    let words = console.lines().flat_map(|line| line.split_whitespace().chain(["\n"]));
    let said = words.collect::<Vec<_>>().join(" ");
    for expected in [
        " eth0 52:54:00:00:00:0c \n",
        " uplink7 52:54:00:00:00:0b \n",
        " eth2 52:54:00:00:00:0a \n",
        "eth0 inet 10.0.2.77/24",
        "uplink7 inet 10.9.0.5/24",
        "default via 10.0.2.2 dev eth0",
        "198.51.100.0/24 via 10.9.0.2 dev uplink7",
    ] {
        ensure!(said.contains(expected), "{expected} is missing:\n{said}");
    }
    Ok(())
}

/// `VBoxManage showvminfo` of a machine with two disks and three adapters, after both ways into VirtualBox.
#[test]
fn virtualbox_has_every_disk_and_every_adapter() -> Result<()> {
    let Some(virtualbox) = VirtualBox::find() else { return Ok(()) };
    let room = tempfile::tempdir()?;
    let tree = room.path().join("tree");
    for (path, text) in [
        ("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n"),
        ("usr/sbin/ifup", "ifup"),
        ("usr/lib/systemd/systemd-udevd", "udevd"),
        ("home/ann/notes", "on the second disk"),
    ] {
        let path = tree.join(path);
        fs::create_dir_all(path.parent().context("a file in a directory")?)?;
        fs::write(path, text)?;
    }
    for (format, compress, network, bus) in [
        ("virtualbox", true, "nat", "SATA"),
        ("virtualbox", false, "nat", "SATA"),
        ("vmware", true, "bridged", "SCSI"),
    ] {
        let mut arguments = vec!["--boot", "none", "--name", "machine", "--disk-size", "24M"];
        arguments.extend(["--further-disk", "size=16M,partition=/home"]);
        arguments.extend(NICS.iter().flat_map(|nic| ["--nic", nic]));
        arguments.extend(compress.then_some("--compress"));
        let out = room.path().join(format!("{format}-{compress}"));
        generate(&tree, &[format], &out, &arguments)?;
        if compress {
            let (appliance, machines) = (inside("machine.ova"), inside("machines"));
            let import =
                ["import", &appliance, "--vsys", "0", "--vmname", "machine", "--basefolder", &machines];
            virtualbox.manage(&out, &import)?;
        } else {
            virtualbox.manage(&out, &["registervm", &inside("machine.vbox")])?;
        }
        let machine = virtualbox.machine(&out, "machine")?;
        let said = |key: &str| machine.get(key).map_or("", String::as_str);
        let adapters = ["nic1", "nic2", "nic3", "nic4"].map(said);
        ensure!(adapters == [network, network, network, "none"], "{format} {compress}: {adapters:?}");
        for port in ["0", "1"] {
            let disk = said(&format!("{bus}-{port}-0"));
            ensure!(disk.starts_with(&inside("")), "{format} {compress} has no disk at {port}: {machine:#?}");
        }
    }
    Ok(())
}
