use diskwright_core::format::FormatInfo;
use diskwright_core::profile::FileSystemKind;

use super::*;

fn table<T: Copy>(find: fn(&str) -> Option<T>, name: fn(T) -> &'static str, cases: &[(&str, Option<&str>)]) {
    for (ours, theirs) in cases {
        assert_eq!(find(ours).map(name), *theirs, "{ours}");
    }
}

#[test]
fn distributions_are_found_by_os_release_and_by_their_own_names() {
    let cases = [
        ("debian", Some("Debian")),
        ("Debian", Some("Debian")),
        ("ubuntu", Some("Ubuntu")),
        ("centos", Some("CentOS")),
        ("rhel", Some("RedHat Enterprise Linux")),
        ("RedHat Enterprise Linux", Some("RedHat Enterprise Linux")),
        ("fedora", Some("Fedora Core")),
        ("ol", Some("Oracle Linux")),
        ("scientific", Some("Scientific Linux")),
        ("sles", Some("SUSE Linux Enterprise Server")),
        ("opensuse-leap", Some("OpenSUSE")),
        ("opensuse", Some("OpenSUSE")),
        ("windows", Some("Windows")),
        ("arch", None),
        ("rocky", None),
        ("", None),
    ];
    table(DistributionName::of_os, DistributionName::name, &cases);
}

#[test]
fn architectures_are_found_by_kernel_and_package_names() {
    let cases = [
        ("x86_64", Some("x86_64")),
        ("amd64", Some("x86_64")),
        ("X64", Some("x86_64")),
        ("i386", Some("i386")),
        ("i586", Some("i586")),
        ("i686", Some("i686")),
        ("all", Some("noarch")),
        ("noarch", Some("noarch")),
        ("aarch64", None),
        ("riscv64", None),
    ];
    table(Architecture::of_machine, Architecture::name, &cases);
}

#[test]
fn file_systems_are_found_by_the_names_of_blkid_fstab_and_clients() {
    let cases = [
        ("ext4", Some("ext4")),
        ("swap", Some("linux-swap")),
        ("linux-swap", Some("linux-swap")),
        ("vfat", Some("fat32")),
        ("FAT16", Some("fat16")),
        ("LVM2_member", Some("lvm2")),
        ("NTFS", Some("ntfs")),
        ("extended", Some("Extended")),
        ("unformated", Some("unformatted")),
        ("xfs", Some("xfs")),
        ("btrfs", Some("btrfs")),
        ("zfs", None),
        ("iso9660", None),
    ];
    table(FileSystemName::of_type, FileSystemName::name, &cases);
    for (kind, name) in [
        (FileSystemKind::Ext4, "ext4"),
        (FileSystemKind::Ext3, "ext3"),
        (FileSystemKind::Ext2, "ext2"),
        (FileSystemKind::Fat32, "fat32"),
        (FileSystemKind::Swap, "linux-swap"),
    ] {
        assert_eq!(Some(FileSystemName::from(kind)), FileSystemName::named(name));
    }
}

#[test]
fn keyboards_are_found_by_the_names_of_x_and_the_console() {
    let cases = [
        ("us", Some("us")),
        ("gb", Some("uk")),
        ("uk", Some("uk")),
        ("de", Some("de")),
        ("de-latin1-nodeadkeys", Some("de-latin1-nodeadkeys")),
        ("se", Some("sv-latin1")),
        ("jp", Some("jp106")),
        ("xx", None),
    ];
    table(Keyboard::of_layout, Keyboard::name, &cases);
}

#[test]
fn every_synonym_leads_to_a_name_of_the_schema() {
    for (find, synonyms) in names::SYNONYMS {
        for (ours, theirs) in *synonyms {
            assert_eq!(find(ours), Some(*theirs), "{ours}");
        }
    }
}

#[test]
fn six_disks_have_names() {
    let names: Vec<Option<&str>> = (0..7).map(|at| DiskName::nth(at).map(DiskName::name)).collect();
    assert_eq!(names, [Some("sda"), Some("sdb"), Some("sdc"), Some("sdd"), Some("sde"), Some("sdf"), None]);
    assert_eq!(DiskName::named("nvme0n1"), None);
    assert_eq!(PartitionKind::named("gpt"), None);
    assert_eq!(PartitionKind::named("msdos").map(PartitionKind::name), Some("MSDOS"));
}

#[test]
fn a_format_is_offered_by_its_names_in_the_api() {
    let info = FormatInfo {
        id: "virtualbox",
        api_name: Some("VirtualBox"),
        aliases: &[],
        primitive: Some("vbox"),
        plain: "vbox",
        compressed: Some("ova"),
        qemu: None,
        options: &[],
    };
    let format = TargetFormat::of_format(&info).unwrap();
    assert_eq!(format.name.as_deref(), Some("VirtualBox"));
    assert_eq!(format.format.unwrap().name, ImageFormatName::named("vbox"));
    assert_eq!(format.kind.map(TargetFormatKind::name), Some("virtual"));
    assert_eq!((format.access, format.active), (Some(true), Some(true)));
    let cloud = TargetFormat::of_format(&FormatInfo { primitive: Some("google"), ..info }).unwrap();
    assert_eq!(cloud.kind.map(TargetFormatKind::name), Some("cloud"));
    assert_eq!(TargetFormat::of_format(&FormatInfo { api_name: None, ..info }), None);
}
