//! The guest's own files, with anything in them: what is read of them, and what is changed.

use arbitrary::{Arbitrary, Unstructured};
use diskwright::profile::{BootPolicy, ByteSize, IdentityPolicy, Profile};
use diskwright::scan::EntryObject;

use crate::order;
use crate::target::Reach;
use crate::tree::Tree;

#[derive(Arbitrary, Debug)]
struct Input {
    /// Which file, and what it holds.
    files: Vec<(u8, Vec<u8>)>,
    /// Lines added to what a machine has there: words of the files' own language.
    lines: Vec<(u8, Vec<u8>)>,
    /// Which of the settings are given.
    settings: u16,
}

/// The files that are read or changed, with what a machine has there.
const FILES: [(&str, &str); 34] = [
    (
        "etc/fstab",
        "UUID=2f0d7a64-8c1e-4b5f-9a37-6e51c2d8b0f3 / ext4 errors=remount-ro 0 1\nLABEL=swap none swap sw 0 0\n",
    ),
    ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nanna:x:1000:1000::/home/anna:/bin/sh\n"),
    ("etc/shadow", "root:*:19000:0:99999:7:::\nanna:!:19000:0:99999:7:::\n"),
    ("etc/group", "root:x:0:\nsudo:x:27:anna\nanna:x:1000:\n"),
    ("etc/gshadow", "root:*::\nsudo:*::anna\n"),
    ("etc/subuid", "anna:100000:65536\n"),
    ("etc/login.defs", "UID_MIN 1000\nUID_MAX 60000\nENCRYPT_METHOD SHA512\n"),
    ("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n"),
    ("etc/hostname", "machine\n"),
    ("etc/hosts", "127.0.0.1 localhost\n127.0.1.1 machine.example machine\n"),
    ("etc/machine-id", "0123456789abcdef0123456789abcdef\n"),
    ("etc/resolv.conf", "nameserver 192.0.2.1\n"),
    ("etc/network/interfaces", "auto eth0\niface eth0 inet static\n  address 192.0.2.2/24\n"),
    ("etc/sysconfig/network", "HOSTNAME=machine\n"),
    ("etc/sysconfig/network-scripts/ifcfg-eth0", "DEVICE=eth0\nBOOTPROTO=dhcp\nHWADDR=52:54:00:00:00:01\n"),
    ("etc/netplan/01.yaml", "network:\n  ethernets:\n    eth0:\n      dhcp4: true\n"),
    ("etc/systemd/network/10.network", "[Match]\nName=eth0\n[Network]\nDHCP=yes\n"),
    ("etc/NetworkManager/system-connections/a.nmconnection", "[connection]\nid=a\ntype=ethernet\n"),
    ("etc/udev/rules.d/70-persistent-net.rules", "SUBSYSTEM==\"net\", NAME=\"eth0\"\n"),
    ("etc/default/grub", "GRUB_CMDLINE_LINUX=\"quiet\"\nGRUB_TIMEOUT=5\n"),
    ("etc/default/keyboard", "XKBLAYOUT=\"de\"\n"),
    ("etc/vconsole.conf", "KEYMAP=us\n"),
    ("etc/timezone", "Etc/UTC\n"),
    ("etc/selinux/config", "SELINUX=enforcing\nSELINUXTYPE=targeted\n"),
    ("etc/crypttab", "crypt UUID=x none luks\n"),
    ("etc/initramfs-tools/conf.d/resume", "RESUME=UUID=x\n"),
    ("etc/kernel/cmdline", "root=UUID=x ro\n"),
    ("etc/ssh/sshd_config", "PermitRootLogin no\n"),
    ("etc/lvm/devices/system.devices", "VERSION=1.1.1\n"),
    ("etc/mdadm.conf", "ARRAY /dev/md0 UUID=x\n"),
    (
        "boot/grub/grub.cfg",
        "set timeout=5\nmenuentry 'a' --class x {\n\tsearch --no-floppy --fs-uuid --set=root 2f0d7a64-8c1e-4b5f-9a37-6e51c2d8b0f3\n\tlinux /boot/vmlinuz-6.1.0-13-amd64 root=UUID=2f0d7a64-8c1e-4b5f-9a37-6e51c2d8b0f3 ro\n\tinitrd /boot/initrd.img-6.1.0-13-amd64\n}\n",
    ),
    ("boot/grub2/grub.cfg", "blscfg\n"),
    ("boot/loader/entries/a.conf", "title a\nlinux /vmlinuz-6.1.0-13-amd64\noptions root=UUID=x\n"),
    ("etc/systemd/system/mnt.mount", "[Mount]\nWhat=/dev/sdb1\nWhere=/mnt\n"),
];

/// The bytes as files of a small machine that is edited.
pub(crate) fn run(bytes: &[u8]) -> Reach {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(bytes)) else { return Reach::Refused };
    let mut files: Vec<(&str, Vec<u8>)> =
        FILES.iter().map(|(path, text)| (*path, text.as_bytes().to_vec())).collect();
    for (which, content) in &input.files {
        files[usize::from(*which) % FILES.len()].1.clone_from(content);
    }
    for (which, line) in &input.lines {
        let content = &mut files[usize::from(*which) % FILES.len()].1;
        content.extend(line);
        content.push(b'\n');
    }
    // Which network configuration is in use differs from machine to machine.
    let has = |path: &str| match input.settings % 5 {
        0 => !path.contains("netplan") && !path.contains("NetworkManager"),
        1 => !path.contains("network/interfaces") && !path.contains("sysconfig"),
        2 => !path.contains("grub2") && !path.contains("loader"),
        _ => true,
    };
    let mut tree = Tree::new();
    let mut directories =
        vec!["usr/lib/systemd", "usr/share/zoneinfo/Europe", "home/anna", "usr/sbin", "usr/bin"];
    directories.extend(files.iter().filter_map(|(path, _)| Some(path.rsplit_once('/')?.0)));
    for directory in directories {
        tree.push(directory.as_bytes(), EntryObject::Directory);
    }
    for (path, content) in files.into_iter().filter(|(path, _)| has(path)) {
        tree.file(path.as_bytes(), content);
    }
    for program in
        ["usr/lib/systemd/systemd", "usr/bin/sh", "usr/bin/sudo", "usr/sbin/sshd", "usr/sbin/netplan"]
    {
        tree.file(program.as_bytes(), b"\x7fELF".to_vec());
    }
    for file in
        ["boot/vmlinuz-6.1.0-13-amd64", "boot/initrd.img-6.1.0-13-amd64", "usr/share/zoneinfo/Europe/Paris"]
    {
        tree.file(file.as_bytes(), b"TZif2".to_vec());
    }
    order::check(tree, profile(input.settings))
}

fn profile(settings: u16) -> Profile {
    let json = |at: u16, text: &str| if settings >> at & 1 == 1 { text.to_owned() } else { String::new() };
    let text = [
        json(4, r#","hostname": "other.example""#),
        json(
            5,
            r#","users": [{"name": "anna", "disable_password_login": true}, {"name": "bert", "sudo": "password", "disable_password_login": true}]"#,
        ),
        json(6, r#","timezone": "Europe/Paris""#),
        json(7, r#","keyboard": "us""#),
        json(8, r#","nics": [{"method": "dhcp"}]"#),
        json(9, r#","selinux": "disabled""#),
        json(10, r#","kernel_parameters": ["quiet", "console=ttyS0"]"#),
        json(11, r#","root": {"disable_password_login": true}"#),
        json(12, r#","welcome_message": "hello""#),
    ];
    let text = format!("{{\"memory\": \"128M\"{}}}", text.concat());
    let policy = match settings >> 13 & 3 {
        0 => IdentityPolicy::Keep,
        1 => IdentityPolicy::New,
        _ => IdentityPolicy::Clone,
    };
    let profile = Profile::from_json(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
    Profile {
        boot: Some(if settings >> 15 == 0 { BootPolicy::Optional } else { BootPolicy::None }),
        disk_size: Some(ByteSize::from_bytes(1 << 30)),
        identity: Some(policy),
        ..profile
    }
}
