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
