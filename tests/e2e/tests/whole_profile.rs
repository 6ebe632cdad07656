//! A Debian machine from a profile with every field that there is; what each came to is asked of the machine while it runs.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use diskwright_e2e::debian::Workshop;
use diskwright_e2e::lvm::debian_lvm_tree;
use diskwright_e2e::variant::{Image, Kind};
use diskwright_e2e::{Attachment, Emulator, Firmware, Generated, MachineModel, generate, verify};
use serde_json::{Value, json};

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA8P1ZbQbfYqgm/oNAjCs2QhLlY8VCa+Z4iuRm6g2mFU ann@desk";
/// The private half of [`KEY`], as OpenSSH keeps it, in base 64 once more: one line to type. It opens this test's machine only.
const PRIVATE_KEY: &str = "LS0tLS1CRUdJTiBPUEVOU1NIIFBSSVZBVEUgS0VZLS0tLS0KYjNCbGJuTnphQzFyWlhrdGRqRUFBQUFBQkc1dmJtVUFBQUFFYm05dVpRQUFBQUFBQUFBQkFBQUFNd0FBQUF0emMyZ3RaVwpReU5UVXhPUUFBQUNBUEQ5V1cwRzMyS29KdjZEUUl3ck5rSVM1V1BGUW12bWVJcmtadW9OcGhWQUFBQUpBSm55VVZDWjhsCkZRQUFBQXR6YzJndFpXUXlOVFV4T1FBQUFDQVBEOVdXMEczMktvSnY2RFFJd3JOa0lTNVdQRlFtdm1lSXJrWnVvTnBoVkEKQUFBRUFlRm44dGhpZk8wRGpubS9BUjZXSTBGMW5NMkxURnNqdnphS0RjTmhkSVF3OFAxWmJRYmZZcWdtL29OQWpDczJRaApMbFk4VkNhK1o0aXVSbTZnMm1GVUFBQUFDR0Z1YmtCa1pYTnJBUUlEQkFVPQotLS0tLUVORCBPUEVOU1NIIFBSSVZBVEUgS0VZLS0tLS0K";
/// In the order of the profile's, the second in a network of its own.
const ADAPTERS: [&str; 2] =
    ["user,model=virtio-net-pci,restrict=on", "user,model=virtio-net-pci,net=10.9.0.0/24,restrict=on"];
const WELCOME: &str = "Welcome to the whole machine.\n";
const ROOT_PASSWORD: &str = "of the root";
const PASSWORD: &str = "correct horse:battery";
/// `openssl passwd -6 -salt somesalt 'of bob'`
const BOBS_HASH: &str =
    "$6$somesalt$Oj44DqUwxk69sw8X7fh7r4yNCIoGSbyH2C1HuVMQTbj7ySDy8cARyGZ0tULvdwRojuHVjVbvLPQf19Ynd.b7j/";
/// What has a value that excludes others of the same account, which the accounts of users have instead.
const OTHERWISE: [&str; 2] = ["root.password_hash", "root.disable_password_login"];

fn profile() -> Value {
    json!({
        "name": "machine", "memory": "1G", "cpus": 2, "disk_size": "5G", "swap_size": "96M", "sector_size": 512,
        "firmware": "both", "boot": "required", "partition_table": "gpt",
        "partitions": [
            {"role": "bios-boot", "size": "1M"},
            {"role": "esp", "mount_point": "/boot/efi", "file_system": "fat32", "size": "64M", "label": "ESP",
             "flags": ["required"]},
            {"mount_point": "/boot", "file_system": "ext2", "size": "300M", "label": "kernels"},
            {"role": "swap", "label": "pages"},
            {"volume_group": "system", "grow": true},
        ],
        "volume_groups": [{"name": "system", "extent_size": "8M", "volumes": [
            {"name": "root", "mount_point": "/", "size": "2G", "grow": true, "label": "all"},
            {"name": "homes", "mount_point": "/home", "file_system": "ext3", "size": "128M", "label": "homes"},
        ]}],
        "further_disks": [{"size": "1G", "partition_table": "mbr", "partitions": [
            {"mount_point": "/srv", "file_system": "ext4", "size": "256M", "label": "served"},
            {"mount_point": "/var/lib/data", "grow": true, "label": "data", "flags": ["active"]},
            {"role": "lvm", "volume_group": "system", "size": "128M"},
        ]}],
        "lvm": "keep",
        // On a busy host the kernel's check of the timer fails in an emulated machine.
        "kernel_parameters": ["console=ttyS0", "security=selinux", "selinux=1", "no_timer_check"],
        "hostname": "whole",
        "root": {"password": ROOT_PASSWORD, "authorized_keys": [KEY]},
        "users": [
            {"name": "ann", "uid": 1234, "full_name": "Ann Example", "primary_group": "users", "groups": ["sudo", "adm"],
             "shell": "/bin/bash", "home": "/home/people/ann", "password": PASSWORD, "authorized_keys": [KEY],
             "sudo": "password"},
            {"name": "bob", "password_hash": BOBS_HASH, "shell": "/bin/bash", "sudo": "no-password"},
            {"name": "carol", "disable_password_login": true, "sudo": "none", "authorized_keys": [KEY]},
        ],
        "timezone": "Asia/Tokyo", "keyboard": "de", "welcome_message": WELCOME,
        "nics": [
            {"name": "uplink", "method": "static", "addresses": ["10.0.2.77/24", "fec0::77/64"],
             "gateways": ["10.0.2.2", "fec0::2"], "dns": ["10.0.2.3"],
             "routes": [{"to": "198.51.100.0/24", "via": "10.0.2.4"}]},
            {"addresses": ["10.9.0.5/24"]},
        ],
        "firewall": true, "selinux": "permissive", "spare": "256M",
        "identity": "clone", "seed": "whole", "timestamp": 1_700_000_000,
    })
}

/// What is typed as root, and what the answer then holds, its words one blank apart, an empty line's place `|`.
const QUESTIONS: [(&str, &[&str]); 19] = [
    (
        "id ann; id bob; id carol",
        &[
            "uid=1234(ann) gid=100(users) groups=100(users),4(adm),27(sudo)",
            "uid=1235(bob) gid=1235(bob) groups=1235(bob)",
            "uid=1236(carol) gid=1236(carol)",
        ],
    ),
    ("getent passwd ann", &["ann:x:1234:100:Ann Example:/home/people/ann:/bin/bash"]),
    ("passwd -S carol; runuser -u carol -- sudo -n id -u", &["carol L ", "a password is required"]),
    (
        "for who in ann carol root; do ssh -i /tmp/key -o StrictHostKeyChecking=no $who@10.0.2.77 \
         'echo key opens $(id -un)'; done",
        &["key opens ann", "key opens carol", "key opens root"],
    ),
    ("hostname; getent hosts whole", &["whole |", "127.0.1.1 whole"]),
    ("date +%Z; cat /etc/timezone", &["JST | Asia/Tokyo"]),
    ("dumpkeys -C /dev/tty1 | grep -m1 'keycode *21 ='", &["keycode 21 = +z"]),
    ("ip -o addr", &["uplink inet 10.0.2.77/24", "uplink inet6 fec0::77/64", "eth1 inet 10.9.0.5/24"]),
    (
        "ip route; ip -6 route",
        &[
            "default via 10.0.2.2 dev uplink",
            "198.51.100.0/24 via 10.0.2.4 dev uplink",
            "default via fec0::2 dev uplink",
        ],
    ),
    ("cat /etc/resolv.conf", &["nameserver 10.0.2.3"]),
    ("systemctl is-active nftables; systemctl is-enabled nftables", &["active | enabled"]),
    (
        "getenforce; ls -Z /etc/shadow; ls -Zd /home/people/ann/.ssh",
        &["Permissive", ":shadow_t:s0 /etc/shadow", ":ssh_home_t:s0 /home/people/ann/.ssh"],
    ),
    ("cat /proc/cmdline", &["console=ttyS0 security=selinux selinux=1 no_timer_check"]),
    (
        "lsblk -nro NAME,SIZE,FSTYPE,LABEL,PARTTYPENAME /dev/$one | called",
        &[
            "one 5G",
            "one1 1M BIOS\\x20boot",
            "one2 64M vfat ESP EFI\\x20System",
            "one3 300M ext2 kernels",
            "one4 96M swap pages",
            "system-root",
            "system-homes 128M ext3 homes",
        ],
    ),
    (
        "lsblk -nro NAME,SIZE,FSTYPE,LABEL,PARTFLAGS /dev/$two | called",
        &["two 1G", "two1 256M ext4 served", "two2 639M ext4 data 0x80", "two3 128M LVM2_member"],
    ),
    (
        "(for at in / /home /boot /boot/efi /srv /var/lib/data; do findmnt -nro TARGET,SOURCE,FSTYPE $at; done; \
         swapon --noheadings) | called",
        &[
            "/ /dev/mapper/system-root ext4",
            "/home /dev/mapper/system-homes ext3",
            "/boot /dev/one3 ext",
            "/boot/efi /dev/one2 vfat",
            "/srv /dev/two1 ext4",
            "/var/lib/data /dev/two2 ext4",
            "/dev/one4 partition 96M",
        ],
    ),
    ("vgs --noheadings -o vg_name,vg_extent_size,vg_free_count,pv_count,lv_count", &["system 8.00m 0 2 2"]),
    ("cat /home/operator1/note; wc -c /etc/machine-id", &["on a volume of its own", "33 /etc/machine-id"]),
    (
        // That one writes to /tmp while another service clears it, when it makes its tables anew.
        "systemctl is-active ssh; systemctl --failed --no-legend | grep -v console-setup; echo end of the failed",
        &["active | end of the failed"],
    ),
];

/// Linux probes both disks at once, and calls either the first: they are known by their sizes.
const NAMES: &str = "named() { lsblk -dnro NAME,SIZE | sed -n \"s/ $1\\$//p\"; }; one=$(named 5G); two=$(named 1G)\n\
                     called() { sed \"s/$one/one/; s/$two/two/\"; }\n";

fn build(tree: &Path, room: &Path, format: &str) -> Result<Generated> {
    let file = room.join("profile.json");
    fs::write(&file, profile().to_string())?;
    let arguments = ["--profile", file.to_str().context("a path")?];
    generate(tree, &[format], &room.join("disk"), &arguments)
}

/// The same as flags of the program; what is secret or long comes from files in `room`.
fn flags(room: &Path) -> Result<Vec<String>> {
    let file = |name: &str, text: &str| -> Result<String> {
        let path = room.join(name);
        fs::write(&path, text)?;
        Ok(path.to_str().context("a path")?.to_owned())
    };
    let (keys, password) = (file("keys", KEY)?, file("password", PASSWORD)?);
    let ann = format!(
        "ann,uid=1234,full-name=Ann Example,primary-group=users,groups=sudo+adm,shell=/bin/bash,home=/home/people/ann,\
         password-file={password},ssh-key-file={keys},sudo=password"
    );
    let bob = format!("bob,password-hash-file={},shell=/bin/bash,sudo=no-password", file("hash", BOBS_HASH)?);
    let carol = format!("carol,disable-password-login,sudo=none,ssh-key-file={keys}");
    let (root, welcome) = (file("root", ROOT_PASSWORD)?, file("welcome", WELCOME)?);
    let flags = [
        ("name", "machine"),
        ("memory", "1024"),
        ("cpus", "2"),
        ("disk-size", "5G"),
        ("swap-size", "96M"),
        ("sector-size", "512"),
        ("firmware", "both"),
        ("boot", "required"),
        ("partition-table", "gpt"),
        ("partition", "bios-boot:1M"),
        ("partition", "/boot/efi:64M,file-system=fat32,label=ESP,flags=required"),
        ("partition", "/boot:300M,file-system=ext2,label=kernels"),
        ("partition", "swap,label=pages"),
        ("partition", "lvm:system,grow"),
        ("volume", "system/root=/:2G,grow,label=all"),
        ("volume", "system/homes=/home:128M,file-system=ext3,label=homes"),
        ("extent-size", "system=8M"),
        (
            "further-disk",
            "size=1G,table=mbr,partition=/srv:256M,file-system=ext4,label=served,\
             partition=/var/lib/data,grow,label=data,flags=active,partition=lvm:system:128M",
        ),
        ("lvm", "keep"),
        ("kernel-parameter", "console=ttyS0"),
        ("kernel-parameter", "security=selinux"),
        ("kernel-parameter", "selinux=1"),
        ("kernel-parameter", "no_timer_check"),
        ("hostname", "whole"),
        ("root-password-file", &root),
        ("root-ssh-key-file", &keys),
        ("user", &ann),
        ("user", &bob),
        ("user", &carol),
        ("timezone", "Asia/Tokyo"),
        ("keyboard", "de"),
        ("welcome-message-file", &welcome),
        (
            "nic",
            "name=uplink,method=static,address=10.0.2.77/24,address=fec0::77/64,gateway=10.0.2.2,gateway=fec0::2,\
             dns=10.0.2.3,route=198.51.100.0/24@10.0.2.4",
        ),
        ("nic", "address=10.9.0.5/24"),
        ("firewall", "true"),
        ("selinux", "permissive"),
        ("spare", "256M"),
        ("identity", "clone"),
    ];
    Ok(flags.map(|(name, value)| format!("--{name}={value}")).to_vec())
}

#[test]
fn no_field_of_a_profile_is_left_out() -> Result<()> {
    let schema: Value = serde_json::from_str(&fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/profile.schema.json"),
    )?)?;
    let mut fields = BTreeSet::new();
    fields_of_schema(&schema, &schema, "", &mut fields);
    ensure!(
        fields.contains("users[].sudo") && fields.contains("volume_groups[].volumes[].label"),
        "{fields:?}"
    );
    let mut set = BTreeSet::new();
    fields_of_value(&profile(), "", &mut set);
    let missing: Vec<&String> =
        fields.difference(&set).filter(|field| !OTHERWISE.contains(&field.as_str())).collect();
    ensure!(missing.is_empty(), "not in this test's profile: {missing:?}");
    Ok(())
}

fn fields_of_schema(schema: &Value, node: &Value, path: &str, fields: &mut BTreeSet<String>) {
    let node = match node
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|name| schema.pointer(name.trim_start_matches('#')))
    {
        Some(named) => named,
        None => node,
    };
    for (name, property) in node.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let path = format!("{path}{}{name}", if path.is_empty() { "" } else { "." });
        fields_of_schema(schema, property, &path, fields);
        fields.insert(path);
    }
    if let Some(items) = node.get("items") {
        fields_of_schema(schema, items, &format!("{path}[]"), fields);
    }
}

fn fields_of_value(value: &Value, path: &str, fields: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let path = format!("{path}{}{name}", if path.is_empty() { "" } else { "." });
                fields_of_value(member, &path, fields);
                fields.insert(path);
            }
        }
        Value::Array(items) => {
            items.iter().for_each(|item| fields_of_value(item, &format!("{path}[]"), fields))
        }
        _ => {}
    }
}

#[test]
fn the_machine_of_a_whole_profile_has_its_hardware() -> Result<()> {
    let Some(tree) = debian_lvm_tree() else { return Ok(()) };
    let workshop = Workshop::enter("whole-profile-hardware")?;
    let machine =
        fs::read_to_string(build(&tree, workshop.path(), "virtualbox")?.output("virtualbox", ".vbox")?)?;
    for (what, times) in [
        ("<CPU count=\"2\">", 1),
        ("<Memory RAMSize=\"1024\"/>", 1),
        ("<HardDisk uuid=", 2),
        ("<Adapter slot=", 2),
    ] {
        assert_eq!(machine.matches(what).count(), times, "{what} in {machine}");
    }
    Ok(())
}

#[test]
fn flags_and_document_make_the_same_disks() -> Result<()> {
    let Some(tree) = debian_lvm_tree() else { return Ok(()) };
    let workshop = Workshop::enter("whole-profile-flags")?;
    let of_document = build(&tree, workshop.path(), "qcow2")?;
    let of_flags = generate(&tree, &["qcow2"], &workshop.path().join("flags"), &flags(workshop.path())?)?;
    for part in ["outputs", "disks", "edits", "changed", "warnings", "machine"] {
        ensure!(of_document.report.get(part).is_some(), "no {part}");
        assert_eq!(of_flags.report.get(part), of_document.report.get(part), "{part}");
    }
    Ok(())
}

#[test]
fn a_machine_of_a_whole_profile_boots_to_login_with_every_field_of_it() -> Result<()> {
    let (Some(emulator), Some(tree)) = (Emulator::find(), debian_lvm_tree()) else { return Ok(()) };
    let workshop = Workshop::enter("whole-profile")?;
    let generated = build(&tree, workshop.path(), "raw")?;
    let (first, second) =
        (generated.output("raw", "machine.raw")?, generated.output("raw", "machine-disk2.raw")?);
    let report = first.with_file_name("report.json");
    verify(&[first.clone(), second.clone()], &report, &["--scan".as_ref(), tree.as_os_str()])?;

    let questions: String = QUESTIONS
        .iter()
        .enumerate()
        .map(|(at, (question, _))| format!("echo ask-{at}-$((40+2)); {question}\n"))
        .collect();
    // A file: what is typed while they run would stand among their answers.
    let asked = format!(
        "cat >/tmp/ask <<'END'\n{NAMES}{questions}END\nbash /tmp/ask </dev/null 2>&1; echo answers-$((40+2)); exit\n"
    );
    let (password, root) = (format!("{PASSWORD}\n"), format!("{ROOT_PASSWORD}\n"));
    let key =
        format!("dmesg -n 1; (umask 77; echo {PRIVATE_KEY} | base64 -d >/tmp/key); echo ready-$((40+2))\n");
    let steps = [
        ("whole login:", "ann\n"),
        ("Password:", password.as_str()),
        ("Welcome to the whole machine.", ""),
        ("$ ", "sudo -i\n"),
        ("password for ann:", password.as_str()),
        ("# ", key.as_str()),
        ("ready-42", asked.as_str()),
        ("answers-42", "exit\n"),
        ("whole login:", "bob\n"),
        ("Password:", "of bob\n"),
        ("$ ", "echo bob becomes $(sudo -n id -un); exit\n"),
        ("bob becomes root", ""),
        ("whole login:", "root\n"),
        ("Password:", root.as_str()),
        ("# ", "echo in-$((40+2))\n"),
        ("in-42", ""),
    ];
    let [first, second] = [first, second].map(|path| Image { path, kind: Kind::Raw });
    let machine = ((MachineModel::Q35, Attachment::OnBoard), ADAPTERS.as_slice());
    let deadline = Duration::from_secs(1200);
    let console = emulator.converse_over(&[&first, &second], machine, Firmware::Uefi, &steps, deadline)?;
    let words: String =
        console.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") + " | ").collect();
    for (at, (question, answers)) in QUESTIONS.iter().enumerate() {
        let from =
            words.find(&format!("ask-{at}-42")).with_context(|| format!("no {question}:\n{console}"))?;
        let to = words.find(&format!("ask-{}-42", at + 1)).or_else(|| words.find("answers-42"));
        let said = words.get(from..to.context("no end")?).context("answers out of order")?;
        for answer in *answers {
            ensure!(said.contains(answer), "{question}: {answer:?} is not in {said:?}\n{console}");
        }
    }
    Ok(())
}
