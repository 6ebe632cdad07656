use super::*;
use crate::ErrorKind;
use crate::lvm::LogicalVolumeName;

fn resolve(json: &str, tree: &TreeFacts) -> crate::Result<Settings> {
    let profile = Profile::from_json(json.as_bytes())?;
    Settings::resolve(&[Layer { origin: Origin::Profile, profile: &profile }], None, tree)
}

fn plan(json: &str, tree: &TreeFacts) -> PartitionPlan {
    PartitionPlan::new(&resolve(json, tree).unwrap(), FirmwareParts { bios: true, uefi: false }).unwrap()
}

fn fields(error: &crate::Error) -> Vec<&str> {
    std::iter::once(error).chain(error.also()).filter_map(crate::Error::field).collect()
}

/// A RHEL of which the server's data is on a second group.
fn scanned() -> TreeFacts {
    let mount = |at: &str, volume: Option<(&str, &str)>| TreeMount {
        mount_point: at.into(),
        file_system: "xfs".into(),
        logical_volume: volume.map(|(group, volume)| LogicalVolumeName::new(group, volume)),
        ..Default::default()
    };
    TreeFacts {
        mounts: vec![
            mount("/boot", None),
            mount("/srv", Some(("data", "srv"))),
            mount("/", Some(("rhel", "root"))),
            mount("/home", Some(("rhel", "home"))),
        ],
        swaps: vec![TreeSwap {
            logical_volume: Some(LogicalVolumeName::new("rhel", "swap")),
            ..Default::default()
        }],
    }
}

/// Partitions by role, mount point and group, `*` for the one that grows; then groups with their volumes.
fn shown(plan: &PartitionPlan) -> (Vec<String>, Vec<String>) {
    let grows = |content: &PlannedPartition| match content.size {
        SizeRule::AtLeast { grow: true, .. } => "*",
        _ => "",
    };
    let partitions = plan.partitions().map(|partition| {
        let about = partition.mount_point.as_ref().or(partition.volume_group.as_ref());
        format!("{} {}{}", partition.role, about.map_or("", String::as_str), grows(partition))
    });
    let groups = plan.volume_groups.iter().map(|group| {
        let volumes = group.volumes.iter().map(|volume| {
            let at = volume.content.mount_point.as_deref().unwrap_or("swap");
            format!("{}={at}{}", volume.name, grows(&volume.content))
        });
        format!("{}: {}", group.name, volumes.collect::<Vec<_>>().join(" "))
    });
    (partitions.collect(), groups.collect())
}

#[test]
fn the_groups_of_a_scan_are_kept_with_a_boot_partition_of_its_own() {
    let (partitions, groups) = shown(&plan("{}", &scanned()));
    assert_eq!(partitions, ["bios-boot ", "data /boot", "lvm rhel*", "lvm data"]);
    assert_eq!(groups, ["rhel: root=/* home=/home swap=swap", "data: srv=/srv"]);
    let without_swap = shown(&plan(r#"{"swap_size": "0M"}"#, &scanned())).1;
    assert_eq!(without_swap, ["rhel: root=/* home=/home", "data: srv=/srv"]);
}

#[test]
fn a_list_or_a_wish_to_flatten_goes_before_the_groups_of_a_scan() {
    let strings = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
    let flat = shown(&plan(r#"{"lvm": "flatten"}"#, &scanned()));
    let partitions = strings(&["bios-boot ", "data /boot", "data /*", "data /home", "swap ", "data /srv"]);
    assert_eq!(flat, (partitions, vec![]));
    let listed = shown(&plan(r#"{"partitions": [{"mount_point": "/"}]}"#, &scanned()));
    assert_eq!(listed, (strings(&["bios-boot ", "data /*"]), vec![]));
    let mut plain_root = scanned();
    plain_root.mounts[2].logical_volume = None;
    let (partitions, groups) = shown(&plan("{}", &plain_root));
    assert_eq!((partitions.last().unwrap().as_str(), groups.len()), ("data /*", 0));
}

#[test]
fn further_disks_leave_the_first_one_the_groups_and_the_swap_of_a_scan() {
    let strings = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
    let groups = strings(&["rhel: root=/* home=/home swap=swap", "data: srv=/srv"]);
    let with_opt = r#"{"further_disks": [{"partitions": [{"mount_point": "/opt"}]}]}"#;
    let first = ["bios-boot ", "data /boot", "lvm rhel*", "lvm data"];
    let kept = plan(with_opt, &scanned());
    assert_eq!(shown(&kept), (strings(&[&first[..], &["data /opt*"]].concat()), groups.clone()));
    let origin = |name| kept.partitions().find(|one| one.name == name).map(|one| one.origin);
    assert_eq!([origin("boot"), origin("opt")], [Some(Origin::Tree), Some(Origin::Profile)]);
    assert_eq!(shown(&plan(r#"{"further_disks": []}"#, &scanned())), (strings(&first), groups));
    // What stands on another disk is not there a second time.
    let taken = r#"{"further_disks": [{"partitions": [
        {"mount_point": "/boot"}, {"mount_point": "/srv"}, {"file_system": "swap", "size": "1G"}]}]}"#;
    let partitions = strings(&["bios-boot ", "lvm rhel*", "data /boot", "data /srv", "swap "]);
    assert_eq!(shown(&plan(taken, &scanned())), (partitions, vec!["rhel: root=/* home=/home".to_owned()]));
    let with_root = r#"{"further_disks": [{"partitions": [{"mount_point": "/"}]}]}"#;
    let partitions = strings(&["bios-boot ", "swap ", "data /*"]);
    assert_eq!(shown(&plan(with_root, &scanned())), (partitions, vec![]));

    let mut plain = scanned();
    plain.mounts.clear();
    plain.swaps[0].logical_volume = None;
    for (json, last) in [(with_opt, "data /opt*"), (r#"{"further_disks": []}"#, "")] {
        let expected = ["bios-boot ", "swap ", "data /*", last].into_iter().filter(|one| !one.is_empty());
        assert_eq!(shown(&plan(json, &plain)).0, expected.collect::<Vec<_>>(), "{json}");
    }
    let small = with_opt.replacen('{', r#"{"disk_size": "1G", "#, 1);
    let error = resolve(&small, &plain).unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::DoesNotFit, Some("fstab, swap_size")));
    let elsewhere = small.replace(r#""/opt"}"#, r#""/opt"}, {"file_system": "swap", "size": "2G"}"#);
    resolve(&elsewhere, &plain).unwrap();
    resolve(&elsewhere.replacen('{', r#"{"swap_size": "2G", "#, 1), &plain).unwrap();
}

#[test]
fn boot_has_a_partition_where_the_loader_reads_no_volumes() {
    let mut tree = scanned();
    tree.mounts[0].logical_volume = Some(LogicalVolumeName::new("rhel", "boot"));
    let planned = |settings: &Settings| {
        shown(&PartitionPlan::new(settings, FirmwareParts { bios: true, uefi: false }).unwrap())
    };
    let mut settings = resolve("{}", &tree).unwrap();
    assert_eq!(planned(&settings).0, ["bios-boot ", "lvm rhel*", "lvm data"]);
    settings.keep_boot_apart();
    let (partitions, groups) = planned(&settings);
    assert_eq!(partitions, ["bios-boot ", "data /boot", "lvm rhel*", "lvm data"]);
    assert_eq!(groups, ["rhel: root=/* home=/home swap=swap", "data: srv=/srv"]);
    settings.forget_logical_volumes();
    assert_eq!(
        planned(&settings),
        (vec!["bios-boot ".to_owned(), "swap ".to_owned(), "data /*".to_owned()], vec![])
    );
}

#[test]
fn no_swap_means_none_in_volumes_and_partitions_kept_or_flat() {
    let strings = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
    let flat = shown(&plan(r#"{"lvm": "flatten", "swap_size": "0M"}"#, &scanned()));
    let partitions = strings(&["bios-boot ", "data /boot", "data /*", "data /home", "data /srv"]);
    assert_eq!(flat, (partitions, vec![]));
    let mut tree = scanned();
    tree.swaps[0].logical_volume = Some(LogicalVolumeName::new("paging", "swap"));
    let (partitions, groups) = shown(&plan(r#"{"swap_size": "0M"}"#, &tree));
    assert_eq!(partitions, ["bios-boot ", "data /boot", "lvm rhel*", "lvm data"]);
    assert_eq!(groups, ["rhel: root=/* home=/home", "data: srv=/srv"]);
}

#[test]
fn swap_volumes_keep_the_identifiers_of_their_names() {
    let id = |number: u32| format!("00000000-0000-0000-0000-{number:012}");
    let swap = |number, name: Option<(&str, &str)>| TreeSwap {
        uuid: Some(id(number)),
        logical_volume: name.map(|(group, volume)| LogicalVolumeName::new(group, volume)),
        ..Default::default()
    };
    let mut tree = scanned();
    tree.swaps = vec![swap(1, None), swap(2, Some(("data", "s"))), swap(3, Some(("rhel", "swap")))];
    for json in ["{}", r#"{"lvm": "flatten"}"#] {
        let planned = plan(json, &tree);
        let swaps = planned.contents().filter(|content| content.role == PartitionRole::Swap);
        let ids: Vec<String> = swaps.filter_map(|swap| Some(swap.volume_id?.to_string())).collect();
        assert_eq!(ids, [id(3), id(2)], "{json}");
    }
    let json = r#"{"partitions": [{"mount_point": "/"}, {"role": "swap", "size": "1G"}, {"volume_group": "rhel"}],
        "volume_groups": [{"name": "rhel", "volumes": [{"name": "swap", "file_system": "swap", "size": "1G"}]}]}"#;
    let planned = plan(json, &tree);
    let swaps = planned.contents().filter(|content| content.role == PartitionRole::Swap);
    let ids: Vec<String> = swaps.filter_map(|swap| Some(swap.volume_id?.to_string())).collect();
    assert_eq!(ids, [id(1), id(3)]);
}

#[test]
fn groups_of_a_profile_get_the_partitions_that_they_lack() {
    let json = r#"{"disk_size": "20G", "volume_groups": [
        {"name": "a", "volumes": [{"name": "srv", "mount_point": "/srv", "grow": true}]},
        {"name": "b", "extent_size": "32M", "volumes": [{"name": "p", "file_system": "swap", "size": "1G"}]}]}"#;
    let planned = plan(json, &scanned());
    let (partitions, groups) = shown(&planned);
    assert_eq!(partitions, ["bios-boot ", "data /*", "lvm a", "lvm b"]);
    assert_eq!(groups, ["a: srv=/srv*", "b: p=swap"]);
    assert_eq!(planned.volume_groups[1].extent_size, 32 << 20);
    let json = r#"{"partitions": [{"volume_group": "a", "size": "1G"}, {"volume_group": "a"}],
        "volume_groups": [{"name": "a", "volumes": [{"name": "r", "mount_point": "/"}]}]}"#;
    let (partitions, groups) = shown(&plan(json, &TreeFacts::default()));
    assert_eq!(partitions, ["bios-boot ", "lvm a", "lvm a*"]);
    assert_eq!(groups, ["a: r=/*"]);
    let flat = json.replacen('{', r#"{"lvm": "flatten", "#, 1);
    assert_eq!(shown(&plan(&flat, &TreeFacts::default())).0, ["bios-boot ", "data /*"]);
}

#[test]
fn identifiers_of_volumes_come_from_names_that_no_partition_has() {
    let json = r#"{"partitions": [{"mount_point": "/logical volume a/x"}, {"volume_group": "a"}],
        "volume_groups": [{"name": "a", "volumes": [{"name": "x", "mount_point": "/"}]}]}"#;
    let planned = plan(json, &TreeFacts::default());
    let mut names: Vec<&str> = planned.contents().map(|content| content.name.as_str()).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count, "{names:?}");
}

#[test]
fn what_cannot_be_a_volume_group_is_refused_by_name_all_at_once() {
    let json = r#"{"disk_size": "20G", "partitions": [
        {"mount_point": "/", "volume_group": "a"}, {"role": "lvm"}, {"volume_group": "c"},
        {"volume_group": "a", "mount_point": "/x", "label": "x"},
        {"volume_group": "b"}, {"volume_group": "b"}],
        "volume_groups": [
        {"name": "a", "extent_size": "3M", "volumes": [
            {"name": "x", "mount_point": "/srv", "grow": true}, {"name": "x", "mount_point": "/srv", "grow": true},
            {"name": "y"}, {"name": "s", "file_system": "swap", "mount_point": "/s"}]},
        {"name": "-b", "volumes": []},
        {"name": "b", "volumes": [{"name": "snapshot", "mount_point": "/boot/efi", "label": "far too long for a label"}]},
        {"name": "b", "volumes": [{"name": "z", "mount_point": "/etc"}]}]}"#;
    let error = resolve(json, &TreeFacts::default()).unwrap_err();
    let mut named = fields(&error);
    named.sort_unstable();
    named.dedup();
    let expected = [
        "partitions[1].volume_group",
        "partitions[2].volume_group",
        "partitions[3].label",
        "partitions[3].mount_point",
        "partitions[5].size",
        "volume_groups[0].extent_size",
        "volume_groups[0].volumes[1].grow",
        "volume_groups[0].volumes[1].mount_point",
        "volume_groups[0].volumes[1].name",
        "volume_groups[0].volumes[2].mount_point",
        "volume_groups[0].volumes[3].mount_point",
        "volume_groups[0].volumes[3].size",
        "volume_groups[1].name",
        "volume_groups[1].volumes",
        "volume_groups[2].volumes[0].label",
        "volume_groups[2].volumes[0].mount_point",
        "volume_groups[2].volumes[0].name",
        "volume_groups[3].name",
        "volume_groups[3].volumes[0].mount_point",
    ];
    for field in expected {
        assert!(named.contains(&field), "{field} is not in {named:?}");
    }
    let kinds = |kind| std::iter::once(&error).chain(error.also()).filter(|one| one.kind() == kind).count();
    assert_eq!(kinds(ErrorKind::Unsupported), 1, "firmware reads no logical volumes");
}

#[test]
fn fields_of_groups_are_read_by_themselves() {
    let json = br#"{"volume_groups": [{"name": 1, "volumes": [{"name": "a", "file_system": "xfs", "raid": 1}]}, 7], "lvm": "x"}"#;
    let error = Profile::from_json(json).unwrap_err();
    let mut named = fields(&error);
    named.sort_unstable();
    let expected = [
        "lvm",
        "volume_groups[0].name",
        "volume_groups[0].volumes[0].file_system",
        "volume_groups[0].volumes[0].raid",
        "volume_groups[1]",
    ];
    assert_eq!(named, expected);
}

#[test]
fn fields_of_groups_have_the_names_of_the_document_in_a_request() {
    for (field, expected) in [
        ("volume_groups", "partitionTable.logicalGroups"),
        ("volume_groups[1].name", "partitionTable.logicalGroups.logicalGroup[1].name"),
        ("volume_groups[1].volumes", "partitionTable.logicalVolumes (of logicalGroup[1])"),
        (
            "volume_groups[1].volumes[2].mount_point",
            "partitionTable.logicalVolumes (volume[2] of logicalGroup[1]).mpoint",
        ),
        (
            "volume_groups[0].volumes[2].grow",
            "partitionTable.logicalVolumes (volume[2] of logicalGroup[0]).growable",
        ),
    ] {
        assert_eq!(Settings::field(Origin::Request, field), expected);
    }
}
