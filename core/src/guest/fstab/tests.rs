use proptest::prelude::*;

use super::*;
use crate::guest::test_tree::{Item, file, tree};
use crate::guest::{
    GuestSettings, GuestWorkspace, IdentifierMap, Volume, VolumePlace, VolumesOfTheDisk, make_true,
};
use crate::tree::{FileTree, Finding, Findings, Strictness};

const ROOT_ID: &str = "0a3407de-014b-458b-b5c1-848e92a327a3";
const BOOT_ID: &str = "3f5ad593-4546-4a94-a374-bcfb68aa11f7";
const SWAP_ID: &str = "b411dc99-f0a0-4c87-9e05-184977be8539";
const NEW_ID: &str = "f9fe0b69-a280-415d-a03a-a32752370dee";

fn volume(mount_point: &str, fs_type: &str, uuid: &str) -> Volume {
    let place = match mount_point {
        "swap" => VolumePlace::Swap,
        path => VolumePlace::MountPoint(path.as_bytes().to_vec()),
    };
    Volume {
        place,
        fs_type: fs_type.to_owned(),
        uuid: uuid.to_owned(),
        label: None,
        partition_uuid: None,
        partition_label: None,
        logical_volume: None,
    }
}

fn disk(volumes: Vec<Volume>) -> VolumesOfTheDisk {
    VolumesOfTheDisk { volumes, lvm: false }
}

fn amended_in(tree: &FileTree, disk: &VolumesOfTheDisk) -> (Option<String>, Vec<Finding>) {
    let mut findings = Findings::default();
    let mut workspace = GuestWorkspace::new(tree);
    amend(&mut workspace, disk, &IdentifierMap::new(), &mut findings).unwrap();
    let text = workspace.read(b"/etc/fstab").unwrap().map(|text| String::from_utf8(text).unwrap());
    (text, findings.into_vec())
}

/// The table after amending in a tree with systemd and `also`; checked to be left alone by a second run.
fn amended_with(fstab: &str, disk: &VolumesOfTheDisk, also: Vec<(&str, Item)>) -> String {
    let items = |text: &str| {
        let mut items = vec![("/etc/fstab", file(text)), ("/usr/lib/systemd/systemd", file("x"))];
        items.push(("/usr/sbin/fsck.ext4", file("x")));
        items
    };
    let mut first = items(fstab);
    let paths: Vec<String> = also.iter().map(|(path, _)| (*path).to_owned()).collect();
    first.extend(also);
    let text = amended_in(&tree(first), disk).0.unwrap_or_default();
    let mut second = items(&text);
    second.extend(paths.iter().map(|path| (path.as_str(), file("x"))));
    assert_eq!(amended_in(&tree(second), disk).0.unwrap_or_default(), text, "a second run changes something");
    text
}

fn amended(fstab: &str, disk: &VolumesOfTheDisk) -> String {
    amended_with(fstab, disk, Vec::new())
}

const DEBIAN: &str = "\
# /etc/fstab: static file system information.
#
# Use 'blkid' to print the universally unique identifier for a
# device; this may be used with UUID= as a more robust way to name devices
# that works even if disks are added and removed. See fstab(5).
#
# systemd generates mount units based on this file, see systemd.mount(5).
# Please run 'systemctl daemon-reload' after making changes here.
#
# <file system> <mount point>   <type>  <options>       <dump>  <pass>
# / was on /dev/vda2 during installation
UUID=0a3407de-014b-458b-b5c1-848e92a327a3 /               ext4    errors=remount-ro 0       1
# /boot/efi was on /dev/vda1 during installation
UUID=7F5E-A1B2  /boot/efi       vfat    umask=0077      0       1
# swap was on /dev/vda3 during installation
UUID=b411dc99-f0a0-4c87-9e05-184977be8539 none            swap    sw              0       0
/dev/sr0        /media/cdrom0   udf,iso9660 user,noauto     0       0
";

#[test]
fn the_debian_installers_table_with_kept_identifiers_is_not_touched() {
    let disk = disk(vec![
        volume("/boot/efi", "vfat", "7F5E-A1B2"),
        volume("swap", "swap", SWAP_ID),
        volume("/", "ext4", ROOT_ID),
    ]);
    assert_eq!(amended(DEBIAN, &disk), DEBIAN);
    let tree = tree(vec![("/etc/fstab", file(DEBIAN))]);
    let mut workspace = GuestWorkspace::new(&tree);
    amend(&mut workspace, &disk, &IdentifierMap::new(), &mut Findings::default()).unwrap();
    assert_eq!(workspace.edits(), &[]);
}

#[test]
fn the_debian_installers_table_on_a_bios_disk_without_swap_loses_esp_and_swap() {
    let disk = disk(vec![volume("/", "ext4", ROOT_ID)]);
    let expected = DEBIAN
        .replace("UUID=7F5E", "# the new disk has no EFI system partition for it:\n#UUID=7F5E")
        .replace("UUID=b411", "# this swap area is not on the new disk:\n#UUID=b411");
    assert_eq!(amended(DEBIAN, &disk), expected);
}

#[test]
fn new_identifiers_replace_only_the_device_field() {
    let disk = disk(vec![volume("/", "ext4", NEW_ID), volume("swap", "swap", BOOT_ID)]);
    let text = amended(DEBIAN, &disk);
    assert!(text.contains(&format!("UUID={NEW_ID} /               ext4    errors=remount-ro 0       1\n")));
    assert!(text.contains(&format!("UUID={BOOT_ID} none            swap    sw              0       0\n")));
    assert!(text.contains("\n/dev/sr0        /media/cdrom0   udf,iso9660 user,noauto     0       0\n"));
}

#[test]
fn an_ubuntu_cloud_image_keeps_its_labels() {
    let fstab = "LABEL=cloudimg-rootfs\t/\t ext4\tdiscard,errors=remount-ro\t0 1\n\
                 LABEL=UEFI\t/boot/efi\tvfat\tumask=0077\t0 1\n";
    let root = Volume { label: Some("cloudimg-rootfs".into()), ..volume("/", "ext4", NEW_ID) };
    let esp = Volume { label: Some("UEFI".into()), ..volume("/boot/efi", "vfat", "1A2B-3C4D") };
    assert_eq!(amended(fstab, &disk(vec![esp.clone(), root])), fstab);
    // A label that was not kept is no longer true.
    let text = amended(fstab, &disk(vec![esp, volume("/", "ext4", NEW_ID)]));
    assert_eq!(
        text.lines().next(),
        Some(&*format!("UUID={NEW_ID}\t/\t ext4\tdiscard,errors=remount-ro\t0 1"))
    );
}

const RHEL: &str = "
#
# /etc/fstab
# Created by anaconda on Tue Mar  7 10:12:13 2023
#
# Accessible filesystems, by reference, are maintained under '/dev/disk/'.
# See man pages fstab(5), findfs(8), mount(8) and/or blkid(8) for more info.
#
/dev/mapper/rhel-root   /                       xfs     defaults,inode64,logbufs=8,noatime        0 0
UUID=3f5ad593-4546-4a94-a374-bcfb68aa11f7 /boot                   xfs     defaults        0 0
UUID=1A2B-3C4D          /boot/efi               vfat    umask=0077,shortname=winnt 0 2
/dev/mapper/rhel-home   /home                   xfs     defaults,usrquota,prjquota        0 0
/dev/mapper/rhel-swap   none                    swap    defaults        0 0
/dev/mapper/vg2-db      /srv/db                 xfs     defaults        0 0
nas.example.org:/export /mnt/nas                nfs4    rw,hard         0 0
";

#[test]
fn rhel_on_lvm_with_xfs_becomes_plain_ext4_with_home_merged() {
    let disk = disk(vec![
        volume("/boot/efi", "vfat", "1A2B-3C4D"),
        volume("/boot", "ext4", BOOT_ID),
        volume("swap", "swap", SWAP_ID),
        volume("/", "ext4", ROOT_ID),
    ]);
    let also = vec![("/home/alice/.profile", file("x")), ("/srv/db", Item::Directory)];
    let expected = RHEL
        .replace(
            "/dev/mapper/rhel-root   /                       xfs     defaults,inode64,logbufs=8,noatime        0 0",
            "UUID=0a3407de-014b-458b-b5c1-848e92a327a3   /                       ext4     defaults,noatime        0 1",
        )
        .replace(
            "/boot                   xfs     defaults        0 0",
            "/boot                   ext4     defaults        0 2",
        )
        .replace("/dev/mapper/rhel-home", "# its content is part of the root file system now:\n#/dev/mapper/rhel-home")
        .replace("/dev/mapper/rhel-swap", "UUID=b411dc99-f0a0-4c87-9e05-184977be8539")
        .replace(
            "/srv/db                 xfs     defaults        0 0",
            "/srv/db                 xfs     defaults,nofail,x-systemd.device-timeout=10s        0 0",
        );
    let mut items = vec![("/etc/fstab", file(RHEL)), ("/usr/lib/systemd/systemd", file("x"))];
    items.push(("/usr/sbin/fsck.ext4", file("x")));
    items.extend(also);
    let (text, findings) = amended_in(&tree(items), &disk);
    assert_eq!(text.as_deref(), Some(&*expected));
    let codes: Vec<&str> = findings.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, ["fstab-other-device", "fstab-network-mount"]);
}

#[test]
fn suse_btrfs_subvolumes_of_the_root_go_whether_they_hold_anything_or_not() {
    let line = |mount_point: &str, options: &str| {
        format!("UUID={ROOT_ID}  {mount_point:<23}  btrfs  {options:<29}  0  0\n")
    };
    let subvolumes = [line("/var", "subvol=/@/var"), line("/.snapshots", "subvol=/@/.snapshots")].concat();
    let fstab = format!("{}{subvolumes}UUID={SWAP_ID}  swap  swap  defaults  0  0\n", line("/", "defaults"));
    let disk = disk(vec![volume("swap", "swap", SWAP_ID), volume("/", "ext4", ROOT_ID)]);
    let text = amended_with(&fstab, &disk, vec![("/var/lib/rpm/Packages", file("x"))]);
    let expected = format!(
        "{}# its file system has become one of the new disk's volumes:\n#{}\
         # its file system has become one of the new disk's volumes:\n#{}\
         UUID={SWAP_ID}  swap  swap  defaults  0  0\n",
        line("/", "defaults").replace("btrfs", "ext4").replace("0  0\n", "0  1\n"),
        line("/var", "subvol=/@/var"),
        line("/.snapshots", "subvol=/@/.snapshots"),
    );
    assert_eq!(text, expected);
}

#[test]
fn fedora_btrfs_with_zstd_loses_the_options_of_btrfs() {
    let fstab = format!("UUID={ROOT_ID} /                       btrfs   subvol=root,compress=zstd:1 0 0\n");
    let text = amended(&fstab, &disk(vec![volume("/", "ext4", NEW_ID)]));
    assert_eq!(text, format!("UUID={NEW_ID} /                       ext4   defaults 0 1\n"));
}

#[test]
fn alpine_keeps_its_pseudo_file_systems_and_gets_no_option_of_systemd() {
    let fstab = "/dev/vda3\t/\text4\trw,relatime 0 1\n\
                 /dev/vda1\t/boot\text4\trw,relatime 0 2\n\
                 /dev/vda2\tswap\tswap\tdefaults\t0 0\n\
                 /dev/cdrom\t/media/cdrom\tiso9660\tnoauto,ro 0 0\n\
                 /dev/usbdisk\t/media/usb\tvfat\tnoauto\t0 0\n\
                 /dev/vdb1\t/data\text4\trw 0 2\n\
                 tmpfs\t/tmp\ttmpfs\tnosuid,nodev\t0\t0\n";
    let disk = disk(vec![volume("swap", "swap", SWAP_ID), volume("/", "ext4", ROOT_ID)]);
    let tree = tree(vec![("/etc/fstab", file(fstab)), ("/boot/vmlinuz-lts", file("x"))]);
    let expected = fstab
        .replace("/dev/vda3", &format!("UUID={ROOT_ID}"))
        .replace("/dev/vda1", "# its content is part of the root file system now:\n#/dev/vda1")
        .replace("/dev/vda2", &format!("UUID={SWAP_ID}"))
        .replace("/data\text4\trw ", "/data\text4\trw,nofail ");
    assert_eq!(amended_in(&tree, &disk).0, Some(expected));
}

#[test]
fn arch_keeps_the_style_of_genfstab() {
    let fstab = format!(
        "# Static information about the filesystems.\n\n# /dev/sda2\n\
         UUID={ROOT_ID}\t/         \text4      \trw,relatime\t0 1\n\n\
         # /dev/sda1\nUUID=89D0-11F2      \t/boot     \tvfat      \trw,relatime,fmask=0022\t0 2\n\n\
         /swapfile none swap defaults 0 0\n"
    );
    let volumes = vec![volume("/boot", "vfat", "89D0-11F2"), volume("/", "ext4", ROOT_ID)];
    assert_eq!(amended(&fstab, &disk(volumes)), fstab);
}

#[test]
fn a_partition_identifier_that_is_still_true_stays() {
    let fstab = "PARTUUID=1a2b3c4d-02 / ext4 defaults,noatime 0 1\n";
    let root = Volume { partition_uuid: Some("1a2b3c4d-02".into()), ..volume("/", "ext4", NEW_ID) };
    assert_eq!(amended(fstab, &disk(vec![root])), fstab);
    let text = amended(fstab, &disk(vec![volume("/", "ext4", NEW_ID)]));
    assert_eq!(text, format!("UUID={NEW_ID} / ext4 defaults,noatime 0 1\n"));
}

#[test]
fn links_of_udev_are_read_as_the_identifiers_they_are() {
    let fstab =
        format!("/dev/disk/by-uuid/{ROOT_ID} / ext4 defaults 0 1\n/dev/disk/by-label/my\\x20data /d ext4\n");
    let data = Volume { label: Some("my data".into()), ..volume("/d", "ext4", NEW_ID) };
    assert_eq!(amended(&fstab, &disk(vec![volume("/", "ext4", ROOT_ID), data])), fstab);
}

#[test]
fn a_tree_without_a_table_gets_one() {
    let disk = disk(vec![
        volume("/boot/efi", "vfat", "1A2B-3C4D"),
        volume("swap", "swap", SWAP_ID),
        volume("/", "ext4", ROOT_ID),
        volume("/srv/my data", "ext4", NEW_ID),
    ]);
    let (text, _) = amended_in(&tree(vec![("/bin/sh", file("x"))]), &disk);
    let expected = format!(
        "UUID={ROOT_ID} / ext4 defaults 0 1\n\
         UUID=1A2B-3C4D /boot/efi vfat umask=0077,nofail 0 1\n\
         UUID={SWAP_ID} none swap sw 0 0\n\
         UUID={NEW_ID} /srv/my\\040data ext4 defaults 0 2\n"
    );
    assert_eq!(text.as_deref(), Some(&*expected));
    assert_eq!(amended(&expected, &disk), expected);
}

#[test]
fn nothing_to_mount_makes_no_table() {
    assert_eq!(amended_in(&tree(vec![("/bin/sh", file("x"))]), &disk(Vec::new())).0, None);
}

#[test]
fn new_mount_points_stand_before_what_lies_below_them() {
    let fstab = format!("# mine\nUUID={ROOT_ID} / ext4 defaults 0 1\ntmpfs /var/tmp tmpfs size=1G 0 0");
    let disk = disk(vec![
        volume("/", "ext4", ROOT_ID),
        volume("/var", "ext4", NEW_ID),
        volume("/home", "ext4", BOOT_ID),
    ]);
    let expected = format!(
        "# mine\nUUID={ROOT_ID} / ext4 defaults 0 1\nUUID={NEW_ID} /var ext4 defaults 0 2\n\
         tmpfs /var/tmp tmpfs size=1G 0 0\nUUID={BOOT_ID} /home ext4 defaults 0 2\n"
    );
    assert_eq!(amended(&fstab, &disk), expected);
}

#[test]
fn a_second_root_line_is_commented_out() {
    let fstab = "/dev/sda1 / ext4 defaults 0 1\n/dev/sdb1 / ext4 defaults 0 1\n";
    let disk = disk(vec![volume("/", "ext4", ROOT_ID)]);
    let tree = tree(vec![("/etc/fstab", file(fstab))]);
    let (text, findings) = amended_in(&tree, &disk);
    let expected = format!(
        "UUID={ROOT_ID} / ext4 defaults 0 1\n\
         # mounted a second time, the line above counts:\n#/dev/sdb1 / ext4 defaults 0 1\n"
    );
    assert_eq!(text, Some(expected));
    assert_eq!(findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), ["fstab-mounted-twice"]);
}

#[test]
fn the_overlay_root_of_a_live_system_becomes_a_real_one() {
    let fstab = "overlay / overlay rw 0 0\ntmpfs /tmp tmpfs nosuid,nodev 0 0\n";
    let text = amended(fstab, &disk(vec![volume("/", "ext4", ROOT_ID)]));
    assert_eq!(text, format!("UUID={ROOT_ID} / ext4 rw 0 1\ntmpfs /tmp tmpfs nosuid,nodev 0 0\n"));
}

#[test]
fn a_second_mount_of_a_volume_follows_it() {
    let fstab = "/dev/sda1 / ext4 defaults 0 1\n/dev/sda1 /mnt/root ext4 ro 0 0\n";
    let text = amended(fstab, &disk(vec![volume("/", "ext4", ROOT_ID)]));
    assert_eq!(text, format!("UUID={ROOT_ID} / ext4 defaults 0 1\nUUID={ROOT_ID} /mnt/root ext4 ro 0 0\n"));
}

#[test]
fn shares_of_the_old_hypervisor_do_not_hold_up_the_boot() {
    let fstab = "/dev/sda1 / ext4 defaults 0 1\nshared /mnt/host vboxsf uid=1000 0 0\n//nas/x /mnt/x cifs guest 0 0\n";
    let text = amended(fstab, &disk(vec![volume("/", "ext4", ROOT_ID)]));
    assert!(
        text.ends_with("shared /mnt/host vboxsf uid=1000,nofail 0 0\n//nas/x /mnt/x cifs guest 0 0\n"),
        "{text}"
    );
}

#[test]
fn an_external_journal_is_left_behind() {
    let fstab = "/dev/sda1 / ext4 noatime,journal_path=/dev/sdb1,dax 0 1\n";
    let text = amended(fstab, &disk(vec![volume("/", "ext4", ROOT_ID)]));
    assert_eq!(text, format!("UUID={ROOT_ID} / ext4 noatime 0 1\n"));
}

#[test]
fn swap_lines_are_matched_by_identifier_before_order() {
    let fstab = format!(
        "/dev/sdb2 none swap sw,pri=5 0 0\nUUID={SWAP_ID} none swap sw 0 0\n/dev/zram0 none swap sw 0 0\n"
    );
    let two = disk(vec![volume("swap", "swap", SWAP_ID), volume("swap", "swap", NEW_ID)]);
    assert_eq!(amended(&fstab, &two), fstab.replace("/dev/sdb2", &format!("UUID={NEW_ID}")));
    let one = disk(vec![volume("swap", "swap", SWAP_ID)]);
    let expected = format!("# this swap area is not on the new disk:\n#{fstab}");
    assert_eq!(amended(&fstab, &one), expected);
}

#[test]
fn a_type_change_reaches_short_lines_and_keeps_their_comments() {
    let fstab = "/dev/sda1 / xfs\n/dev/sda2 /d xfs noatime # bulk\n";
    let text = amended(fstab, &disk(vec![volume("/", "ext4", ROOT_ID), volume("/d", "ext4", NEW_ID)]));
    assert_eq!(
        text,
        format!("UUID={ROOT_ID} / ext4 defaults 0 1\nUUID={NEW_ID} /d ext4 noatime 0 2 # bulk\n")
    );
}

#[test]
fn lines_that_tools_would_read_differently_are_refused_by_number() {
    let cases = [
        ("# ok\n/dev/sda1 /\n", "line 2: fewer than the three fields device, mount point and type"),
        ("/dev/sda1 / ext4 defaults, noatime 0 1\n", "line 1: the fifth and sixth field must be numbers"),
        ("/dev/sda1 / ext4 defaults 0 1\r\n", "line 1: a carriage return"),
        ("\n\n/dev/sda1 / ext4 def\0 0 1\n", "line 3: a NUL byte"),
    ];
    for (text, message) in cases {
        let error = Fstab::parse(text.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Source);
        assert_eq!(error.to_string(), format!("{message}: /etc/fstab"));
    }
}

#[test]
fn strict_refuses_a_device_that_is_not_on_the_new_disk() {
    let tree = tree(vec![("/etc/fstab", file("/dev/sdb1 /data ext4 defaults 0 2\n"))]);
    let mut findings = Findings::new(Strictness::Strict);
    let disk = disk(vec![volume("/", "ext4", ROOT_ID)]);
    let mut workspace = GuestWorkspace::new(&tree);
    let error = make_true(&mut workspace, &disk, &GuestSettings::default(), &mut findings).unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::Source, Some(&b"/etc/fstab"[..])));
}

#[test]
fn fields_are_decoded() {
    let fstab =
        Fstab::parse(b"  LABEL=a\\040b /x\\011y// auto\nPARTLABEL=\"root\" /mnt//r ext4 ro,x=1").unwrap();
    let entries: Vec<&FstabEntry> = fstab.entries().collect();
    assert_eq!(entries[0].device(), Device::Label("a b".into()));
    assert_eq!((entries[0].mount_point(), entries[0].pass()), (b"/x\ty".to_vec(), &b"0"[..]));
    assert_eq!((entries[0].options().count(), entries[1].options().count()), (0, 2));
    assert_eq!((entries[1].device(), entries[1].line()), (Device::PartLabel("root".into()), 2));
    assert!(entries[1].has_option("x") && !entries[1].has_option("r"));
}

fn arbitrary_table() -> impl Strategy<Value = String> {
    let device = prop_oneof![
        Just(format!("UUID={ROOT_ID}")),
        Just(format!("UUID={NEW_ID}")),
        Just("/dev/sda1".to_owned()),
        Just("/dev/mapper/vg-x".to_owned()),
        Just("LABEL=x\\040y".to_owned()),
        Just("tmpfs".to_owned()),
        Just("host:/e".to_owned()),
        "[!-~]{1,12}",
    ];
    let mount_point = prop_oneof![
        Just("/".to_owned()),
        Just("/home".to_owned()),
        Just("/boot/efi".to_owned()),
        Just("none".to_owned()),
        "/[a-z]{1,3}(/[a-z]{1,2})?/?",
        "[!-~]{1,8}",
    ];
    let fs_type = prop_oneof![
        Just("ext4"),
        Just("xfs"),
        Just("swap"),
        Just("btrfs"),
        Just("tmpfs"),
        Just("nfs"),
        Just("auto"),
        Just("zfs"),
    ];
    let options = prop_oneof![
        Just(String::new()),
        Just(" defaults".to_owned()),
        Just(" noauto,user 0 0".to_owned()),
        Just("\tsubvol=@,nofail  0 0".to_owned()),
        Just(" bind 0 0 # x".to_owned()),
        " [a-z,=]{1,9} [0-2] [0-2]",
    ];
    let entry = (device, mount_point, fs_type, options)
        .prop_map(|(device, path, kind, options)| format!("{device} {path}\t{kind}{options}"));
    let line = prop_oneof![4 => entry, 1 => "[ \t]*", 1 => "#[ -~]{0,20}"];
    prop::collection::vec(line, 0..9).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn any_text_is_refused_or_read_back_byte_for_byte(text in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(fstab) = Fstab::parse(&text) {
            prop_assert_eq!(fstab.to_bytes(), text);
        }
    }

    #[test]
    fn amending_any_table_keeps_other_lines_and_settles(text in arbitrary_table()) {
        let disk = disk(vec![
            volume("/", "ext4", ROOT_ID), volume("/home", "ext4", BOOT_ID), volume("swap", "swap", SWAP_ID),
        ]);
        let tree_of = |text: &str| tree(vec![
            ("/etc/fstab", file(text)), ("/usr/lib/systemd/systemd", file("x")), ("/a/x", file("x")),
        ]);
        if Fstab::parse(text.as_bytes()).is_err() {
            return Ok(());
        }
        let once = amended_in(&tree_of(&text), &disk).0.unwrap();
        let twice = amended_in(&tree_of(&once), &disk).0.unwrap();
        prop_assert_eq!(&once, &twice);
        let table = Fstab::parse(once.as_bytes()).unwrap();
        let roots = table.entries().filter(|entry| entry.kind() != EntryKind::Swap && entry.mount_point() == b"/");
        prop_assert_eq!(roots.count(), 1);
        // Comments, blank lines and what is local to the machine are all there, in order.
        let others = |text: &str| -> Vec<String> {
            let mut kept = Vec::new();
            for line in text.lines() {
                let table = Fstab::parse(line.as_bytes()).unwrap();
                let local = |entry: &FstabEntry| {
                    entry.kind() == EntryKind::Local && !matches!(&*entry.mount_point(), b"/" | b"/home")
                };
                if table.entries().next().is_none_or(local) {
                    kept.push(line.to_owned());
                }
            }
            kept
        };
        let (before, after) = (others(&text), others(&once));
        let mut rest = after.iter();
        for line in &before {
            prop_assert!(rest.any(|other| other == line), "{line:?} is gone from {once:?}");
        }
    }
}

#[test]
fn lines_that_name_logical_volumes_of_the_new_disk_by_either_path_stay() {
    let logical = |mount_point: &str, fs_type: &str, uuid: &str, name: &str| Volume {
        logical_volume: Some(crate::lvm::LogicalVolumeName::new("my-vg", name)),
        ..volume(mount_point, fs_type, uuid)
    };
    let disk = disk(vec![
        logical("/", "ext4", ROOT_ID, "root"),
        logical("/home", "ext4", NEW_ID, "home"),
        logical("swap", "swap", SWAP_ID, "swap_1"),
    ]);
    let true_already = "/dev/mapper/my--vg-root / ext4 defaults 0 1\n/dev/my-vg/home /home ext4 defaults 0 2\n\
                        /dev/mapper/my--vg-swap_1 none swap sw 0 0\n";
    assert_eq!(amended(true_already, &disk), true_already);
    let other = "/dev/mapper/old-root / ext4 defaults 0 1\n/dev/sda5 none swap sw 0 0\n";
    let expected = "/dev/mapper/my--vg-root / ext4 defaults 0 1\n/dev/mapper/my--vg-swap_1 none swap sw 0 0\n\
                    /dev/mapper/my--vg-home /home ext4 defaults 0 2\n";
    assert_eq!(amended(other, &disk), expected);
}
