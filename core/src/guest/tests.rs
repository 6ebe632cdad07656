use super::test_tree::{Item, file, tree};
use super::*;
use crate::ErrorKind;
use crate::partition::TableKind;
use crate::tree::Finding;

const ROOT_ID: &str = "0a3407de-014b-458b-b5c1-848e92a327a3";
const SWAP_ID: &str = "b411dc99-f0a0-4c87-9e05-184977be8539";
const NEW_ID: &str = "f9fe0b69-a280-415d-a03a-a32752370dee";

fn volume(place: VolumePlace, fs_type: &str, uuid: &str) -> Volume {
    let (fs_type, uuid) = (fs_type.to_owned(), uuid.to_owned());
    Volume {
        place,
        fs_type,
        uuid,
        label: None,
        partition_uuid: None,
        partition_label: None,
        logical_volume: None,
    }
}

fn root(uuid: &str) -> Volume {
    volume(VolumePlace::MountPoint(b"/".to_vec()), "ext4", uuid)
}

fn swap(uuid: &str) -> Volume {
    volume(VolumePlace::Swap, "swap", uuid)
}

fn disk(volumes: Vec<Volume>) -> VolumesOfTheDisk {
    VolumesOfTheDisk { volumes, lvm: false }
}

/// The file at `path` after all edits, with the edited paths and the findings.
fn made_true(
    items: Vec<(&str, Item)>,
    disk: &VolumesOfTheDisk,
    settings: &GuestSettings,
    path: &str,
) -> (Option<String>, Vec<String>, Vec<Finding>) {
    let tree = tree(items);
    let mut workspace = GuestWorkspace::new(&tree);
    let mut findings = Findings::default();
    make_true(&mut workspace, disk, settings, &mut findings).unwrap();
    let text = workspace.read(path.as_bytes()).unwrap().map(|text| String::from_utf8(text).unwrap());
    let (_, edits) = workspace.finish();
    (text, edits.into_iter().map(|edit| edit.path).collect(), findings.into_vec())
}

fn after(items: Vec<(&str, Item)>, disk: &VolumesOfTheDisk, path: &str) -> Option<String> {
    made_true(items, disk, &GuestSettings::default(), path).0
}

fn fstab_of_root() -> String {
    format!("UUID={ROOT_ID} / ext4 defaults 0 1\n")
}

#[test]
fn a_tree_that_is_true_gets_no_edit() {
    let items = vec![
        ("/etc/fstab", file(fstab_of_root())),
        ("/etc/hostname", file("web1\n")),
        ("/etc/crypttab", file("# <target name>\t<source device>\n")),
        ("/etc/mdadm/mdadm.conf", file("HOMEHOST <system>\n")),
        ("/etc/initramfs-tools/conf.d/resume", file("RESUME=none\n")),
    ];
    let (_, edits, findings) = made_true(items, &disk(vec![root(ROOT_ID)]), &GuestSettings::default(), "/");
    assert_eq!((edits, findings), (Vec::new(), Vec::new()));
}

#[test]
fn encrypted_devices_that_stayed_behind_are_not_waited_for() {
    let crypttab = "# name device key options\n\
                    luks-root UUID=11111111-2222-3333-4444-555555555555 none luks,discard\n\
                    cswap /dev/sda2 /dev/urandom swap,nofail\n\
                    data\t/dev/sdb1\n\
                    image /srv/crypt.img none\n\
                    usb /dev/sdc1 none noauto\n";
    let fstab = format!("{}/dev/mapper/data /data ext4 defaults 0 2\n", fstab_of_root());
    let items = vec![("/etc/fstab", file(fstab)), ("/etc/crypttab", file(crypttab))];
    let expected = crypttab
        .replace("luks-root", "# its encrypted device is not on the new disk:\n#luks-root")
        .replace("cswap", "# its encrypted device is not on the new disk:\n#cswap")
        .replace("data\t/dev/sdb1", "data\t/dev/sdb1 none nofail");
    assert_eq!(after(items, &disk(vec![root(ROOT_ID)]), "/etc/crypttab"), Some(expected));
}

#[test]
fn arrays_that_stayed_behind_are_commented_out_with_their_continuation_lines() {
    let conf = "MAILADDR root\nARRAY /dev/md0 UUID=1:2:3:4\n   name=host:0\nARRAY <ignore> UUID=5:6:7:8\n\
                array /dev/md9 metadata=1.2\n\n  # end\n";
    let fstab = format!("{}/dev/md9 /data ext4 nofail 0 2\n", fstab_of_root());
    let items = vec![("/etc/fstab", file(fstab)), ("/etc/mdadm.conf", file(conf))];
    let expected = conf.replace("ARRAY /dev/md0", "#ARRAY /dev/md0").replace("   name", "#   name");
    assert_eq!(after(items, &disk(vec![root(ROOT_ID)]), "/etc/mdadm.conf"), Some(expected));
}

#[test]
fn resume_names_the_new_swap_area_or_none() {
    let path = "/etc/initramfs-tools/conf.d/resume";
    let resume = |text: &str, disk: &VolumesOfTheDisk| after(vec![(path, file(text))], disk, path).unwrap();
    let kept = disk(vec![root(ROOT_ID), swap(SWAP_ID)]);
    let text = format!("# set at installation\nRESUME=UUID={SWAP_ID}\n");
    assert_eq!(resume(&text, &kept), text);
    assert_eq!(resume("RESUME='/dev/sda5' # x\n", &kept), format!("RESUME='UUID={SWAP_ID}' # x\n"));
    assert_eq!(resume(&text, &disk(vec![root(ROOT_ID)])), "# set at installation\nRESUME=none\n");
    assert_eq!(resume("RESUME=auto\n", &disk(Vec::new())), "RESUME=auto\n");
}

#[test]
fn the_kernel_is_told_where_the_initial_ram_disk_would_wait_for_a_device_that_is_gone() {
    let told = |value: &str, disk: &VolumesOfTheDisk| {
        let setting =
            ResumeSetting { path: "/etc/initramfs-tools/conf.d/resume".into(), value: value.into() };
        resume_parameter(&[setting], disk)
    };
    let with_swap = disk(vec![root(ROOT_ID), swap(SWAP_ID)]);
    assert_eq!(told(&format!("UUID={SWAP_ID}"), &with_swap), None);
    assert_eq!(told("none", &with_swap), None);
    assert_eq!(told("/dev/mapper/vg-swap", &with_swap), Some(format!("resume=UUID={SWAP_ID}")));
    assert_eq!(told("/dev/sda5", &disk(vec![root(ROOT_ID)])).as_deref(), Some("noresume"));
    let grub = ResumeSetting { path: "/etc/default/grub".into(), value: "/dev/sda5".into() };
    assert_eq!(resume_parameter(&[grub], &with_swap), None, "the boot menu's own option is replaced there");
}

#[test]
fn swap_files_stay_and_those_that_cannot_work_are_told() {
    let fstab = format!(
        "{}/swapfile none swap sw 0 0\n/other none swap sw 0 0\n/gone none swap sw 0 0\n",
        fstab_of_root()
    );
    let items = vec![("/etc/fstab", file(&fstab)), ("/swapfile", file("x")), ("/other", Item::Hole(8192))];
    let (text, edits, findings) =
        made_true(items, &disk(vec![root(ROOT_ID)]), &GuestSettings::default(), "/etc/fstab");
    assert_eq!((text, edits), (Some(fstab), Vec::new()));
    let found: Vec<(&str, &str)> = findings.iter().map(|finding| (finding.code, &*finding.path)).collect();
    assert_eq!(found, [("swap-file-sparse", "/other"), ("swap-file-missing", "/gone")]);
}

#[test]
fn new_identifiers_are_written_wherever_the_old_ones_stood() {
    let mut identifiers = IdentifierMap::new();
    identifiers.insert(ROOT_ID, NEW_ID).unwrap();
    identifiers.insert("1a2b3c4d-02", "0f0e0d0c-02").unwrap();
    let settings = GuestSettings { identifiers, ..GuestSettings::default() };
    let unit = format!("[Mount]\nWhat=/dev/disk/by-uuid/{ROOT_ID}\nWhere=/mnt\n");
    let items = || {
        vec![
            ("/etc/fstab", file(format!("{}PARTUUID=1A2B3C4D-02 /b ext4\n", fstab_of_root()))),
            ("/etc/systemd/system/mnt.mount", file(&unit)),
            ("/etc/initramfs-tools/conf.d/resume", file(format!("RESUME=UUID={ROOT_ID}\n"))),
        ]
    };
    let boot = Volume {
        partition_uuid: Some("0f0e0d0c-02".into()),
        ..volume(VolumePlace::MountPoint(b"/b".to_vec()), "ext4", SWAP_ID)
    };
    let disk = disk(vec![root(NEW_ID), boot]);
    let (text, edits, _) = made_true(items(), &disk, &settings, "/etc/fstab");
    assert_eq!(
        text.as_deref(),
        Some(&*format!("UUID={NEW_ID} / ext4 defaults 0 1\nPARTUUID=0F0E0D0C-02 /b ext4\n"))
    );
    let mut edited = edits;
    edited.sort_unstable();
    assert_eq!(
        edited,
        ["/b", "/etc/fstab", "/etc/initramfs-tools/conf.d/resume", "/etc/systemd/system/mnt.mount"]
    );
    let (text, ..) = made_true(items(), &disk, &settings, "/etc/systemd/system/mnt.mount");
    assert_eq!(text, Some(unit.replace(ROOT_ID, NEW_ID)));
}

#[test]
fn identifiers_are_replaced_as_whole_words_in_the_case_they_have() {
    let mut map = IdentifierMap::new();
    map.insert(ROOT_ID, NEW_ID).unwrap();
    map.insert("1A2B-3C4D", "A0B1-C2D3").unwrap();
    let replaced =
        |text: &str| replace_identifiers(text.as_bytes(), &map).map(|text| String::from_utf8(text).unwrap());
    assert_eq!(replaced(&format!("root=UUID={ROOT_ID} ro")), Some(format!("root=UUID={NEW_ID} ro")));
    assert_eq!(replaced(&ROOT_ID.to_uppercase()), Some(NEW_ID.to_uppercase()));
    assert_eq!(replaced("'1a2b-3c4d',1A2B-3C4D"), Some("'a0b1-c2d3',A0B1-C2D3".into()));
    for text in [&*format!("x{ROOT_ID}"), &format!("{ROOT_ID}0"), "00-1A2B-3C4D", "1A2B-3C4D_x", ""] {
        assert_eq!(replaced(text), None, "{text}");
    }
    let escaped = |id: &str| format!("dev-disk-by\\x2duuid-{}.swap", id.replace('-', "\\x2d"));
    assert_eq!(replaced(&escaped(ROOT_ID)), Some(escaped(NEW_ID)));
    assert_eq!(map.insert("root", "other").unwrap_err().kind(), ErrorKind::Internal);
    assert_eq!(map.insert(ROOT_ID, SWAP_ID).unwrap_err().kind(), ErrorKind::Internal);
    assert_eq!(map.get(&ROOT_ID.to_uppercase()), Some(NEW_ID));
}

#[test]
fn swapped_identifiers_are_each_replaced_once() {
    let mut map = IdentifierMap::new();
    map.insert("1111-1111", "2222-2222").unwrap();
    map.insert("2222-2222", "1111-1111").unwrap();
    let text = replace_identifiers(b"1111-1111 2222-2222", &map);
    assert_eq!(text.as_deref(), Some(&b"2222-2222 1111-1111"[..]));
}

#[test]
fn the_map_between_old_and_new_follows_mount_points_and_the_order_of_swap() {
    let fstab = format!("UUID={SWAP_ID} none swap sw\nUUID={ROOT_ID} / xfs\nUUID=1A2B-3C4D /boot/efi vfat\n");
    let kept = KeptIdentities::of(&Fstab::parse(fstab.as_bytes()).unwrap(), &[]);
    let efi = volume(VolumePlace::MountPoint(b"/boot/efi".to_vec()), "vfat", "1A2B-3C4D");
    let map = IdentifierMap::between(&kept, &disk(vec![efi, swap("aaaa-bbbb"), root(NEW_ID)])).unwrap();
    assert_eq!(map.pairs().collect::<Vec<_>>(), [(ROOT_ID, NEW_ID), (SWAP_ID, "aaaa-bbbb")]);
}

#[test]
fn kept_identifiers_go_to_volumes_that_can_hold_them_and_to_each_once() {
    let fstab = format!(
        "UUID={ROOT_ID} /home btrfs subvol=home\nUUID={ROOT_ID} / btrfs subvol=root\n\
         UUID=1234-abcd /boot/efi vfat\nUUID=01D2C3B4A5968778 /win ntfs\nLABEL=a-label-that-is-too-long /long xfs\n\
         PARTUUID=1a2b3c4d-02 /part ext4\nUUID=not-a-uuid none swap\n"
    );
    let kept = KeptIdentities::of(&Fstab::parse(fstab.as_bytes()).unwrap(), &[]);
    let places = ["/home", "/", "/boot/efi", "/win", "/long", "/part", "/new"];
    let wanted = |table| -> Vec<WantedIdentity> {
        let mounted = places.iter().map(|path| WantedIdentity {
            place: VolumePlace::MountPoint(path.as_bytes().to_vec()),
            holder: if *path == "/boot/efi" { IdentityHolder::Fat } else { IdentityHolder::Ext },
            table,
        });
        let swap = WantedIdentity { place: VolumePlace::Swap, holder: IdentityHolder::Swap, table };
        mounted.chain([swap]).collect()
    };
    let mut findings = Findings::default();
    let usable = kept.assign(&wanted(TableKind::Gpt), &mut findings).unwrap();
    let nothing = UsableIdentity::default();
    assert_eq!(usable[0], nothing);
    assert_eq!(usable[1].uuid.map(|uuid| uuid.to_string()).as_deref(), Some(ROOT_ID));
    assert_eq!(usable[2], UsableIdentity { fat_volume_id: Some(0x1234_abcd), ..nothing.clone() });
    assert!(usable[3..].iter().all(|usable| *usable == nothing));
    assert_eq!(findings.into_vec().len(), 5);
    let usable = kept.assign(&wanted(TableKind::Mbr), &mut Findings::default()).unwrap();
    assert_eq!(usable[5].mbr_partition, Some(MbrPartitionId { signature: 0x1a2b_3c4d, number: 2 }));
}

#[test]
fn a_swap_area_that_only_the_resume_setting_names_is_kept() {
    let items = vec![("/etc/initramfs-tools/conf.d/resume", file(format!("RESUME=UUID={SWAP_ID}\n")))];
    let tree = tree(items);
    let facts = GuestFacts::of(&GuestWorkspace::new(&tree)).unwrap();
    let swaps: Vec<Option<String>> = facts.identities().swaps().map(|swap| swap.uuid.clone()).collect();
    assert_eq!(swaps, [Some(SWAP_ID.to_owned())]);
}

#[test]
fn the_host_name_is_set_where_the_guest_keeps_it() {
    let settings = GuestSettings { hostname: Some("db2".into()), ..GuestSettings::default() };
    let hosts = "127.0.0.1\tlocalhost\n127.0.1.1\tweb1.example.org\tweb1 # me\n\n\
                 ::1     localhost ip6-localhost\n192.0.2.1 web1\n127.0.0.1 web10\n";
    let items = || {
        vec![
            ("/etc/hostname", file("# kept\nweb1\n")),
            ("/etc/HOSTNAME", Item::Link("hostname")),
            ("/etc/sysconfig/network", file("NETWORKING=yes\nHOSTNAME=web1\nGATEWAY=192.0.2.1\n")),
            ("/etc/hosts", file(hosts)),
        ]
    };
    let read = |path| made_true(items(), &disk(Vec::new()), &settings, path);
    let (text, edits, _) = read("/etc/hosts");
    assert_eq!(text, Some(hosts.replace("web1.example.org\tweb1 #", "db2.example.org\tdb2 #")));
    assert_eq!(edits, ["/etc/hostname", "/etc/sysconfig/network", "/etc/hosts"]);
    assert_eq!(read("/etc/hostname").0.as_deref(), Some("# kept\ndb2\n"));
    let network = read("/etc/sysconfig/network").0;
    assert_eq!(network.as_deref(), Some("NETWORKING=yes\nHOSTNAME=db2\nGATEWAY=192.0.2.1\n"));
}

#[test]
fn a_debian_that_never_had_a_name_learns_to_find_its_new_one() {
    let settings = GuestSettings { hostname: Some("db2.example.org".into()), ..GuestSettings::default() };
    let items = || {
        vec![
            ("/etc/os-release", file("ID=ubuntu\nID_LIKE=debian\n")),
            ("/etc/hosts", file("127.0.0.1 localhost")),
        ]
    };
    let hosts = made_true(items(), &disk(Vec::new()), &settings, "/etc/hosts").0;
    assert_eq!(hosts.as_deref(), Some("127.0.0.1 localhost\n127.0.1.1\tdb2.example.org db2\n"));
    let name = made_true(items(), &disk(Vec::new()), &settings, "/etc/hostname").0;
    assert_eq!(name.as_deref(), Some("db2.example.org\n"));
}

#[test]
fn host_names_are_checked() {
    for name in ["a", "web-1", "x.example.org", "3com", &"a".repeat(63)] {
        assert!(check_hostname(name).is_ok(), "{name}");
    }
    for name in ["", "-a", "a-", "a..b", "a.", "a_b", "a b", "ü", "10", "192.0.2.1", &"a".repeat(64)] {
        let error = check_hostname(name).unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidProfile, Some("hostname")), "{name}");
    }
}

#[test]
fn what_binds_the_tree_to_the_old_hardware_goes() {
    let items = || {
        vec![
            ("/etc/udev/rules.d/70-persistent-net.rules", file("x")),
            ("/lib/udev/rules.d/75-persistent-net-generator.rules", file("x")),
            ("/etc/lvm/devices/system.devices", file("x")),
        ]
    };
    let settings = GuestSettings::default();
    let (_, edits, _) = made_true(items(), &disk(Vec::new()), &settings, "/");
    assert_eq!(edits, ["/etc/udev/rules.d/70-persistent-net.rules", "/etc/lvm/devices/system.devices"]);
    let with_lvm = VolumesOfTheDisk { lvm: true, ..disk(Vec::new()) };
    assert_eq!(made_true(items(), &with_lvm, &settings, "/").1, edits);
}

fn elf(machine: u16) -> Item {
    let mut header = vec![0; 64];
    header[..6].copy_from_slice(b"\x7fELF\x02\x01");
    header[18..20].copy_from_slice(&machine.to_le_bytes());
    Item::File(header)
}

#[test]
fn facts_of_a_debian_tree() {
    let status = "Package: e2fslibs\nStatus: install ok installed\nVersion: 9\n\n\
                  Package: e2fsprogs\nEssential: yes\nStatus: install ok installed\nVersion: 1.47.0-2\n\n";
    let tree = tree(vec![
        ("/bin", Item::Link("usr/bin")),
        ("/usr/bin/sh", Item::Link("dash")),
        ("/usr/bin/dash", elf(62)),
        ("/etc/os-release", Item::Link("../usr/lib/os-release")),
        (
            "/usr/lib/os-release",
            file("PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nID=debian\n"),
        ),
        ("/var/lib/dpkg/status", file(status)),
        ("/etc/hostname", file("web1\n")),
        (
            "/etc/default/grub",
            file("GRUB_CMDLINE_LINUX_DEFAULT=\"quiet resume=/dev/sda5\"\nGRUB_CMDLINE_LINUX=resume=UUID=x\n"),
        ),
    ]);
    let facts = GuestFacts::of(&GuestWorkspace::new(&tree)).unwrap();
    let os = facts.os.unwrap();
    assert_eq!((&*os.id, &*os.version_id, os.version()), ("debian", "12", (12, 0)));
    assert_eq!(os.pretty_name, "Debian GNU/Linux 12 (bookworm)");
    assert_eq!(facts.architecture, Some(Architecture::X86_64));
    assert_eq!(facts.hostname.as_deref(), Some("web1"));
    assert_eq!(facts.fstab, None);
    assert_eq!(facts.ext4.generation, Ext4Generation::Modern);
    assert_eq!(facts.ext4.e2fsprogs.as_deref(), Some("1.47.0-2"));
    let values: Vec<&str> = facts.resume.iter().map(|setting| &*setting.value).collect();
    assert_eq!(values, ["/dev/sda5"]);
}

#[test]
fn the_generation_of_ext4_follows_the_guests_own_tools() {
    use Ext4Generation::{Legacy, Modern};
    let generation = |items: Vec<(&str, Item)>| {
        let tree = tree(items);
        GuestFacts::of(&GuestWorkspace::new(&tree)).unwrap().ext4.generation
    };
    let dpkg = |version: &str, state: &str| {
        let text = format!("Package: e2fsprogs\nStatus: {state}\nVersion: {version}\n");
        vec![("/var/lib/dpkg/status", file(text)), ("/etc/os-release", file("ID=ubuntu\nVERSION_ID=16.04\n"))]
    };
    assert_eq!(generation(dpkg("1.42.13-1ubuntu1", "install ok installed")), Legacy);
    assert_eq!(generation(dpkg("1.44.1-1ubuntu1", "hold ok installed")), Modern);
    assert_eq!(generation(dpkg("1.44.1-1ubuntu1", "deinstall ok config-files")), Legacy);
    assert_eq!(
        generation(vec![("/lib/apk/db/installed", file("P:musl\nV:1\n\nP:e2fsprogs\nV:1.46.6-r0\n"))]),
        Modern
    );
    assert_eq!(generation(vec![("/var/lib/pacman/local/e2fsprogs-1.47.1-1/desc", file(""))]), Modern);
    assert_eq!(generation(vec![("/etc/redhat-release", file("CentOS release 6.10 (Final)\n"))]), Legacy);
    assert_eq!(generation(vec![("/sbin/e2fsck", file("x"))]), Legacy);
    assert_eq!(generation(vec![("/data", file("x"))]), Modern);
    let systems = [
        ("centos", "7", Legacy),
        ("rhel", "8.9", Modern),
        ("rocky", "9.3", Modern),
        ("fedora", "24", Legacy),
        ("fedora", "40", Modern),
        ("sles", "12.5", Legacy),
        ("opensuse-leap", "42.3", Legacy),
        ("opensuse-leap", "15.5", Modern),
        ("opensuse-tumbleweed", "20240101", Modern),
        ("amzn", "2", Legacy),
        ("amzn", "2023", Modern),
        ("debian", "8", Legacy),
        ("ubuntu", "17.10", Legacy),
        ("ubuntu", "18.04", Modern),
        ("arch", "", Modern),
        ("nixos", "23.11", Modern),
    ];
    for (id, version, expected) in systems {
        let text = format!("ID=\"{id}\"\nVERSION_ID='{version}'\n");
        assert_eq!(generation(vec![("/etc/os-release", file(text))]), expected, "{id} {version}");
    }
}
