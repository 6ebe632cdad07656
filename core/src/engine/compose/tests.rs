use super::*;
use crate::engine::Engine;
use crate::guest::test_tree::{file, source};
use crate::profile::{ByteSize, Profile};
use crate::{Monitor, Seed, Timestamp};

/// The names of the groups, and the codes of what was told, for a tree with three volumes on a disk of so many MiB.
fn composed(mib: u64) -> (Vec<String>, Vec<&'static str>) {
    let fstab = "/dev/vg/root / ext4 defaults 0 1\n/dev/vg/home /home ext4 defaults 0 2\n/dev/vg/swap none swap sw 0 0\n";
    let items = vec![
        ("etc/fstab", file(fstab)),
        ("usr/sbin/lvm", file("lvm")),
        ("home/x", file("x")),
        ("bin/x", file("x")),
    ];
    let profile = Profile {
        boot: Some(BootPolicy::None),
        disk_size: ByteSize::from_mib(mib),
        memory: ByteSize::from_mib(64),
        ..Profile::default()
    };
    let targets = crate::engine::tests::order(1).targets;
    let (seed, timestamp) = (Seed::from_text("volumes"), Timestamp::from_seconds(7));
    let order = Order::new(source(items), targets, "volumes", seed, timestamp).with_profile(profile);
    let composition = Engine::new().plan(&order, &Monitor::new()).unwrap().composition;
    assert_eq!(composition.disks[0].size(), mib << 20);
    let groups = composition.disk_entries.iter().flat_map(|disk| &disk.volume_groups);
    let told = composition.findings.iter().map(|finding| finding.code);
    (groups.map(|group| group.name.clone()).collect(), told.collect())
}

#[test]
fn volumes_of_a_tree_get_less_room_on_a_small_disk_and_one_root_partition_on_a_smaller_one() {
    let (groups, told) = composed(4096);
    assert!(groups == ["vg"] && !told.contains(&"less-room"), "{groups:?} {told:?}");
    let (groups, told) = composed(512);
    assert!(groups == ["vg"] && told.contains(&"less-room"), "{groups:?} {told:?}");
    let (groups, told) = composed(100);
    assert!(groups.is_empty() && told.contains(&"lvm-not-kept"), "{groups:?} {told:?}");
}

/// A tree with `/home`, laid out as a profile asks, without a boot loader.
fn laid_out(json: &str) -> crate::Result<Composition> {
    let fstab = "/dev/sda2 / ext4 defaults 0 1\n/dev/sda1 none swap sw 0 0\n";
    laid_out_of(fstab, json, Profile::default())
}

/// The same of another fstab, and with what the flags ask before it.
fn laid_out_of(fstab: &str, json: &str, flags: Profile) -> crate::Result<Composition> {
    let items = vec![
        ("etc/fstab", file(fstab)),
        ("usr/sbin/lvm", file("lvm")),
        ("home/x", file("x")),
        ("srv/y", file("y")),
    ];
    let profile = Profile::from_json(json.as_bytes()).unwrap();
    let targets = crate::engine::tests::order(1).targets;
    let (seed, timestamp) = (Seed::from_text("disks"), Timestamp::from_seconds(7));
    let mut order = Order::new(source(items), targets, "disks", seed, timestamp).with_profile(profile);
    order.flags = flags;
    Engine::new().plan(&order, &Monitor::new()).map(|plan| plan.composition)
}

#[test]
fn every_disk_has_its_own_table_and_the_guest_mounts_what_is_on_each() {
    let composition = laid_out(
        r#"{"boot": "none", "disk_size": "1G", "further_disks": [
            {"size": "512M", "partition_table": "mbr",
             "partitions": [{"file_system": "swap", "size": "64M"}, {"mount_point": "/home"}]},
            {"partitions": [{"mount_point": "/srv", "label": "served"}]}]}"#,
    )
    .unwrap();
    let sizes: Vec<u64> = composition.disks.iter().map(DiskLayout::size).collect();
    assert_eq!(sizes, [1 << 30, 512 << 20, 2 << 30], "what is fitted is in whole GiB");
    let [first, second, third] = composition.disk_entries.as_slice() else { panic!("three disks") };
    assert_eq!([&*first.table, &*second.table, &*third.table], ["gpt", "mbr", "gpt"]);
    assert!(first.id != third.id && second.id.len() == 8);
    assert_eq!(second.partitions[0].id, format!("{}-01", second.id));
    // The home takes the rest of its disk.
    assert_eq!(second.partitions[1].start + second.partitions[1].size, 512 << 20);
    let node = composition.tree.lookup(b"etc/fstab").unwrap();
    let fstab = composition.edits.iter().find(|edit| edit.path == "/etc/fstab").unwrap();
    assert!(composition.tree.inode(composition.tree.inode_of(node)).links == 1);
    let told = format!("{fstab:?}");
    for (mount_point, partition) in
        [("/", &first.partitions[0]), ("/home", &second.partitions[1]), ("/srv", &third.partitions[0])]
    {
        let uuid = &partition.file_system.as_ref().unwrap().uuid;
        assert!(told.contains(&format!("UUID={uuid}")), "{mount_point}: {told}");
    }
}

#[test]
fn lists_that_another_layer_makes_useless_are_told() {
    let flags = br#"{"further_disks": [{"size": "64M", "partitions": [{"mount_point": "/home"}]}]}"#;
    let flags = Profile::from_json(flags).unwrap();
    let told = |json: &str, flags: &Profile| -> Vec<String> {
        let fstab = "/dev/sda2 / ext4 defaults 0 1\n";
        let findings = laid_out_of(fstab, json, flags.clone()).unwrap().findings;
        findings.into_iter().filter(|one| one.code == "lists-not-used").map(|one| one.text).collect()
    };
    let listed = r#"{"boot": "none", "partitions": [{"mount_point": "/"}, {"mount_point": "/srv"}]}"#;
    assert_eq!(told(listed, &flags), ["not used: partitions; --further-disk says what is on all disks"]);
    assert!(told(listed, &Profile::default()).is_empty());
    assert!(told(r#"{"boot": "none", "further_disks": []}"#, &flags).is_empty());
}

#[test]
fn a_volume_that_spans_disks_says_on_which_each_part_stands() {
    let composition = laid_out(
        r#"{"boot": "none", "disk_size": "256M",
            "partitions": [{"volume_group": "all"}],
            "further_disks": [{"size": "512M", "partitions": [{"volume_group": "all", "size": "64M", "grow": true}]}],
            "volume_groups": [{"name": "all", "volumes": [
                {"name": "root", "mount_point": "/"}, {"name": "home", "mount_point": "/home", "size": "128M"}]}]}"#,
    )
    .unwrap();
    let [first, second] = composition.disk_entries.as_slice() else { panic!("two disks") };
    assert!(second.volume_groups.is_empty() && second.partitions[0].physical_volume.is_some());
    let root = &first.volume_groups[0].volumes[0];
    let places: Vec<_> = root.segments.iter().map(|segment| (segment.disk, segment.partition)).collect();
    assert_eq!(places, [(None, 1), (Some(2), 1)]);
    // Of either disk the tables, the header and less than an extent are no part of a volume.
    assert!(root.size + (128 << 20) > (768 << 20) - 2 * (8 << 20), "{}", root.size);
}

#[test]
fn a_further_disk_that_is_too_small_is_named() {
    // The records of logical partitions pass its end.
    let swap = |size| format!(r#"{{"file_system": "swap", "size": "{size}"}}"#);
    let list = ["3M", "3M", "3M", "3M", "2M"].map(swap).join(",");
    let json = &format!(
        r#"{{"boot": "none", "further_disks": [{{"size": "16M", "partition_table": "mbr", "partitions": [{list}]}}]}}"#
    );
    let error = laid_out(json).err().unwrap();
    assert_eq!((error.kind(), error.field()), (ErrorKind::DoesNotFit, Some("further_disks[0].size")));
}

#[test]
fn the_signature_of_the_roots_disk_stays_with_the_root() {
    let fstab = "PARTUUID=11223344-02 / ext4 defaults 0 1\nPARTUUID=11223344-03 /home ext4 defaults 0 2\n";
    let json = r#"{"boot": "none", "partition_table": "mbr",
        "partitions": [{"mount_point": "/srv", "size": "16M"}, {"mount_point": "/home", "size": "16M"}],
        "further_disks": [{"partitions": [{"mount_point": "/"}]}]}"#;
    let composition = laid_out_of(fstab, json, Profile::default()).unwrap();
    let [first, second] = composition.disk_entries.as_slice() else { panic!("two disks") };
    assert_eq!(second.id, "11223344");
    assert_ne!(first.id, second.id);
}
