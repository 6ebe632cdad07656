use super::*;
use crate::ErrorKind;

fn resolve(json: &str) -> crate::Result<Settings> {
    let profile = Profile::from_json(json.as_bytes())?;
    let layers = [Layer { origin: Origin::Profile, profile: &profile }];
    Settings::resolve(&layers, None, &TreeFacts::default())
}

/// The disks' partitions by role and place, `*` for those that grow.
fn planned(json: &str) -> Vec<Vec<String>> {
    let bios = FirmwareParts { bios: true, uefi: false };
    let plan = PartitionPlan::new(&resolve(json).unwrap(), bios).unwrap();
    let shown = |partition: &PlannedPartition| {
        let place = partition.mount_point.as_ref().or(partition.volume_group.as_ref());
        let grows = matches!(partition.size, SizeRule::AtLeast { grow: true, .. });
        format!("{} {}{}", partition.role, place.map_or("", String::as_str), if grows { "*" } else { "" })
    };
    plan.disks.iter().map(|disk| disk.partitions.iter().map(shown).collect()).collect()
}

/// What is wrong, by field.
fn wrong(json: &str) -> Vec<(String, ErrorKind)> {
    let error = resolve(json).unwrap_err();
    let problems = std::iter::once(&error).chain(error.also());
    problems.map(|error| (error.field().unwrap_or_default().to_owned(), error.kind())).collect()
}

#[test]
fn further_disks_leave_the_first_one_as_it_is() {
    let json = r#"{"further_disks": [
        {"size": "20G", "partitions": [{"mount_point": "/home"}, {"file_system": "swap", "size": "1G"}]},
        {"partition_table": "mbr", "partitions": [{"mount_point": "/srv"}, {"mount_point": "/opt"}]}]}"#;
    let disks = planned(json);
    assert_eq!(disks[0], ["bios-boot ", "data /*"]);
    // The only partition that can grow does.
    assert_eq!(disks[1], ["data /home*", "swap "]);
    assert_eq!(disks[2], ["data /srv", "data /opt"]);
    let plan = PartitionPlan::new(&resolve(json).unwrap(), FirmwareParts::default()).unwrap();
    let about: Vec<_> = plan.disks.iter().map(|disk| (disk.table, disk.size)).collect();
    assert_eq!(about, [(TableKind::Gpt, None), (TableKind::Gpt, Some(20 << 30)), (TableKind::Mbr, None)]);
}

#[test]
fn a_swap_size_finds_its_area_on_whatever_disk() {
    let json = r#"{"swap_size": "2G", "further_disks": [{"partitions": [{"file_system": "swap"}]}]}"#;
    let plan = PartitionPlan::new(&resolve(json).unwrap(), FirmwareParts::default()).unwrap();
    assert_eq!(plan.disks[0].partitions.len(), 1);
    assert_eq!(plan.disks[1].partitions[0].size, SizeRule::Exact(2 << 30));
}

#[test]
fn groups_have_partitions_of_several_disks_and_the_root_may_be_on_any() {
    let json = r#"{"partitions": [{"mount_point": "/boot", "size": "1G"}, {"volume_group": "all"}],
        "further_disks": [{"size": "20G", "partitions": [{"volume_group": "all", "size": "8G", "grow": true}]}],
        "volume_groups": [{"name": "all", "volumes": [{"name": "root", "mount_point": "/"}]}]}"#;
    assert_eq!(planned(json), [vec!["bios-boot ", "data /boot", "lvm all*"], vec!["lvm all*"]]);
    let flat = json.replacen('{', r#"{"lvm": "flatten", "#, 1).replace(r#", {"volume_group": "all"}"#, "");
    assert_eq!(planned(&flat), [vec!["bios-boot ", "data /boot"], vec!["data /*"]]);
    let on_second = r#"{"further_disks": [{"partitions": [{"mount_point": "/"}]}]}"#;
    assert_eq!(planned(on_second), [vec!["bios-boot "], vec!["data /*"]]);
}

#[test]
fn what_is_wrong_with_a_further_disk_is_named_with_its_place() {
    let json = r#"{"disk_size": "4G", "partitions": [{"mount_point": "/"}, {"mount_point": "/home"}],
        "further_disks": [
            {"size": "1M", "partitions": []},
            {"size": "3T", "partition_table": "mbr", "partitions": [
                {"mount_point": "/home"}, {"role": "esp"}, {"mount_point": "/a", "flags": ["required"]},
                {"mount_point": "/b", "grow": true}, {"mount_point": "/c", "grow": true},
                {"volume_group": "none"}]}]}"#;
    use ErrorKind::{InvalidProfile, Unsupported};
    let expected = [
        ("further_disks[0].size", InvalidProfile),
        ("further_disks[1].size", InvalidProfile),
        ("further_disks[0].partitions", InvalidProfile),
        ("further_disks[0].partitions", ErrorKind::DoesNotFit),
        ("further_disks[1].partitions[0].mount_point", InvalidProfile),
        ("further_disks[1].partitions[1].role", Unsupported),
        ("further_disks[1].partitions[2].flags", InvalidProfile),
        ("further_disks[1].partitions[4].grow", InvalidProfile),
        ("further_disks[1].partitions[5].volume_group", InvalidProfile),
    ];
    assert_eq!(wrong(json), expected.map(|(field, kind)| (field.to_owned(), kind)));
    let many = vec![r#"{"partitions": [{"file_system": "swap", "size": "1G"}]}"#; 15].join(",");
    assert_eq!(
        wrong(&format!(r#"{{"further_disks": [{many}]}}"#)),
        [("further_disks".to_owned(), Unsupported)]
    );
    let nested = Profile::from_json(br#"{"further_disks": [{"partitions": [{"size": true, "colour": 1}]}]}"#);
    let error = nested.unwrap_err();
    let named: Vec<_> = std::iter::once(&error).chain(error.also()).filter_map(crate::Error::field).collect();
    assert_eq!(named, ["further_disks[0].partitions[0].colour", "further_disks[0].partitions[0].size"]);
}

#[test]
fn fields_of_further_disks_have_the_names_of_where_they_were_asked() {
    let named = |field| Settings::field(Origin::Request, field);
    assert_eq!(named("further_disks[0].size"), "partitionTable.disks.disk[1].size");
    assert_eq!(named("further_disks[1].partition_table"), "partitionTable.disks.disk[2].partitionType");
    assert_eq!(
        named("further_disks[0].partitions[2].mount_point"),
        "partitionTable.disks.disk[1].partitions.partition[2].mpoint"
    );
    assert_eq!(named("further_disks[0].partitions"), "partitionTable.disks.disk[1].partitions");
    assert_eq!(Settings::field(Origin::Flag, "further_disks[0].size"), "--further-disk [0] size");
}

#[test]
fn what_is_wrong_with_a_list_given_by_options_is_named_by_the_options_that_give_it() {
    let json = r#"{"partitions": [{"mount_point": "/", "size": "1M"}, {"volume_group": "x"}],
        "volume_groups": [{"name": "vg", "extent_size": "3M", "volumes": [
            {"name": "home", "mount_point": "/home"}, {"name": "srv", "mount_point": "/srv", "size": "0M"}]}]}"#;
    let profile = Profile::from_json(json.as_bytes()).unwrap();
    let layers = [Layer { origin: Origin::Flag, profile: &profile }];
    let error = Settings::resolve(&layers, None, &TreeFacts::default()).unwrap_err();
    let mut named: Vec<_> =
        std::iter::once(&error).chain(error.also()).filter_map(crate::Error::field).collect();
    named.dedup();
    let expected = [
        "--partition [0] size",
        "--partition [1] volume-group",
        "--extent-size of group [0]",
        "--volume [1] of group [0] size",
    ];
    assert_eq!(named, expected, "{error}");
    for (field, option) in [
        ("partitions", "--partition"),
        ("partition_table", "--partition-table"),
        ("further_disks", "--further-disk"),
        ("further_disks[1].partitions[2].mount_point", "--further-disk [1] partitions[2] mount-point"),
        ("volume_groups", "--volume"),
        ("volume_groups[1]", "--volume of group [1]"),
        ("volume_groups[1].name", "--volume of group [1] name"),
        ("volume_groups[1].volumes", "--volume of group [1] volumes"),
        ("volume_groups[1].volumes[2]", "--volume [2] of group [1]"),
        ("nics", "--nic"),
        ("users[0].primary_group", "--user [0] primary-group"),
        ("root.disable_password_login", "--root-disable-password-login"),
        ("welcome_message", "--welcome-message-file"),
    ] {
        assert_eq!(Settings::field(Origin::Flag, field), option);
    }
}

#[test]
fn room_to_spare_is_measured_by_the_disk_of_the_root() {
    let json = r#"{"disk_size": "1G", "spare": "4G", "further_disks": [{"size": "9G", "partitions": [{"mount_point": "/"}]}]}"#;
    resolve(json).unwrap();
    let small = json.replace("9G", "4G");
    assert_eq!(wrong(&small), [("spare".to_owned(), ErrorKind::DoesNotFit)]);
}
