use super::*;
use crate::ErrorKind;

fn profile(json: &str) -> Profile {
    Profile::from_json(json.as_bytes()).unwrap()
}

fn resolve(json: &str) -> crate::Result<Settings> {
    let profile = profile(json);
    Settings::resolve(&[Layer { origin: Origin::Profile, profile: &profile }], None, &TreeFacts::default())
}

fn fields(error: &crate::Error) -> Vec<&str> {
    std::iter::once(error).chain(error.also()).filter_map(crate::Error::field).collect()
}

const BOTH: FirmwareParts = FirmwareParts { bios: true, uefi: true };
const UUID: &str = "0f0e0d0c-0b0a-4908-8706-050403020100";

#[test]
fn every_setting_comes_from_the_first_layer_that_has_it() {
    let flags = profile(r#"{"memory": "2G"}"#);
    let request = profile(r#"{"memory": "3G", "cpus": 3}"#);
    let file = profile(r#"{"memory": "4G", "cpus": 4, "hostname": "a.example"}"#);
    let machine = MachineReport::from_json(
        br#"{"memory_bytes": 5, "cpus": 5, "disks": [{"size": 9000000000, "sector_size": 4096, "table": "dos"}]}"#,
    )
    .unwrap();
    let layers = [
        Layer { origin: Origin::Flag, profile: &flags },
        Layer { origin: Origin::Request, profile: &request },
        Layer { origin: Origin::Profile, profile: &file },
    ];
    let settings = Settings::resolve(&layers, Some(&machine), &TreeFacts::default()).unwrap();
    assert_eq!((settings.memory.value.bytes(), settings.memory.origin), (2 << 30, Origin::Flag));
    assert_eq!((settings.cpus.value, settings.cpus.origin), (3, Origin::Request));
    assert_eq!(settings.hostname.origin, Origin::Profile);
    assert_eq!(
        (settings.sector_size.value, settings.sector_size.origin),
        (SectorSize::Bytes4096, Origin::Machine)
    );
    assert_eq!(settings.partition_table.value, TableKind::Mbr);
    let whole_mib = 8584_u64 << 20;
    assert_eq!(settings.disk_size.value, Some(ByteSize::from_bytes(whole_mib)));
    assert_eq!((settings.identity.value, settings.identity.origin), (IdentityPolicy::Keep, Origin::Default));
}

#[test]
fn swap_follows_the_fstab_up_to_8_gib_and_keeps_its_uuid() {
    let tree = TreeFacts {
        swaps: vec![TreeSwap { uuid: Some(UUID.into()), label: Some("SWAP".into()), ..TreeSwap::default() }],
        ..Default::default()
    };
    for (memory, swap) in [("512M", 512 << 20), ("64G", 8 << 30)] {
        let flags = profile(&format!(r#"{{"memory": "{memory}"}}"#));
        let layers = [Layer { origin: Origin::Flag, profile: &flags }];
        let settings = Settings::resolve(&layers, None, &tree).unwrap();
        assert_eq!((settings.swap_size.value.bytes(), settings.swap_size.origin), (swap, Origin::Tree));
        let plan = PartitionPlan::new(&settings, BOTH).unwrap();
        let partition = plan.of_role(PartitionRole::Swap).unwrap();
        assert_eq!(partition.volume_id.unwrap().to_string(), UUID);
        assert_eq!(partition.label.as_deref(), Some("SWAP"));
    }
    let none = profile(r#"{"swap_size": "0M"}"#);
    let settings = Settings::resolve(&[Layer { origin: Origin::Flag, profile: &none }], None, &tree).unwrap();
    assert!(PartitionPlan::new(&settings, BOTH).unwrap().of_role(PartitionRole::Swap).is_none());
}

#[test]
fn the_usual_plan_is_bios_boot_esp_swap_and_a_growing_root() {
    let settings = resolve(r#"{"swap_size": "256M"}"#).unwrap();
    let plan = PartitionPlan::new(&settings, BOTH).unwrap();
    let roles: Vec<_> = plan.partitions().map(|p| (p.role, p.name.as_str(), p.size)).collect();
    let root = SizeRule::AtLeast { minimum: 8 << 20, grow: true };
    assert_eq!(
        roles,
        [
            (PartitionRole::BiosBoot, "BIOS boot", SizeRule::Exact(1 << 20)),
            (PartitionRole::Esp, "EFI system", SizeRule::Exact(512 << 20)),
            (PartitionRole::Swap, "swap", SizeRule::Exact(256 << 20)),
            (PartitionRole::Data, "root", root),
        ]
    );
    let settings = resolve(r#"{"partition_table": "mbr"}"#).unwrap();
    let plan = PartitionPlan::new(&settings, BOTH).unwrap();
    assert_eq!(
        plan.partitions().map(|p| p.role).collect::<Vec<_>>(),
        [PartitionRole::Esp, PartitionRole::Data]
    );
}

#[test]
fn boot_none_wants_no_firmware_and_auto_wants_what_there_is() {
    let wanted = |json: &str, available| resolve(json).unwrap().wanted_firmware(available);
    let uefi = FirmwareParts { bios: false, uefi: true };
    assert_eq!(wanted(r#"{"boot": "none"}"#, BOTH), FirmwareParts::default());
    assert_eq!(wanted("{}", uefi), uefi);
    assert_eq!(wanted(r#"{"sector_size": 4096}"#, BOTH), uefi);
    assert_eq!(wanted(r#"{"firmware": "both"}"#, FirmwareParts::default()), BOTH);
}

#[test]
fn identifiers_of_the_fstab_are_kept_unless_new_ones_are_asked_for() {
    let mount = |at: &str, kind: &str, uuid: &str| TreeMount {
        mount_point: at.into(),
        file_system: kind.into(),
        uuid: Some(uuid.into()),
        ..TreeMount::default()
    };
    let tree = TreeFacts {
        mounts: vec![mount("/", "ext4", UUID), mount("/boot/efi", "vfat", "1A2b-3C4D")],
        ..Default::default()
    };
    let plan = |json: &str| {
        let profile = profile(json);
        let layers = [Layer { origin: Origin::Flag, profile: &profile }];
        PartitionPlan::new(&Settings::resolve(&layers, None, &tree).unwrap(), BOTH).unwrap()
    };
    let kept = plan("{}");
    assert_eq!(kept.root().unwrap().volume_id.unwrap().to_string(), UUID);
    let esp = kept.of_role(PartitionRole::Esp).unwrap();
    assert_eq!(esp.volume_id.unwrap().to_string(), "1A2B-3C4D");
    assert_eq!(esp.mount_point.as_deref(), Some("/boot/efi"));
    let new = plan(r#"{"identity": "new"}"#);
    assert_eq!(new.root().unwrap().volume_id, None);
    assert_eq!(new.of_role(PartitionRole::Esp).unwrap().mount_point.as_deref(), Some("/boot/efi"));
}

#[test]
fn a_custom_list_keeps_its_order_after_the_partitions_that_booting_adds() {
    let json = r#"{"partitions": [
        {"mount_point": "/boot", "file_system": "ext2", "size": "256M"},
        {"mount_point": "/", "size": "2G"},
        {"file_system": "swap", "size": "1G"},
        {"mount_point": "/home", "grow": true, "label": "home"}]}"#;
    let plan = PartitionPlan::new(&resolve(json).unwrap(), BOTH).unwrap();
    let names: Vec<_> = plan.partitions().map(|p| (p.name.as_str(), p.size, p.origin)).collect();
    let (own, added) = (Origin::Profile, Origin::Default);
    assert_eq!(
        names,
        [
            ("BIOS boot", SizeRule::Exact(1 << 20), added),
            ("EFI system", SizeRule::Exact(512 << 20), added),
            ("boot", SizeRule::Exact(256 << 20), own),
            ("root", SizeRule::Exact(2 << 30), own),
            ("swap", SizeRule::Exact(1 << 30), own),
            ("home", SizeRule::AtLeast { minimum: 8 << 20, grow: true }, own),
        ]
    );
}

#[test]
fn a_swap_size_of_a_higher_layer_overrides_the_list_and_one_of_the_same_layer_must_agree() {
    let list = r#"{"partitions": [{"mount_point": "/"}, {"role": "swap", "size": "1G"}]}"#;
    let file = profile(list);
    let plan = |flags: &str| {
        let flags = profile(flags);
        let layers = [
            Layer { origin: Origin::Flag, profile: &flags },
            Layer { origin: Origin::Profile, profile: &file },
        ];
        PartitionPlan::new(&Settings::resolve(&layers, None, &TreeFacts::default()).unwrap(), BOTH).unwrap()
    };
    assert_eq!(plan("{}").of_role(PartitionRole::Swap).unwrap().size, SizeRule::Exact(1 << 30));
    assert_eq!(
        plan(r#"{"swap_size": "2G"}"#).of_role(PartitionRole::Swap).unwrap().size,
        SizeRule::Exact(2 << 30)
    );
    assert!(plan(r#"{"swap_size": "0G"}"#).of_role(PartitionRole::Swap).is_none());
    let same = resolve(&list.replacen('{', r#"{"swap_size": "2G", "#, 1)).unwrap_err();
    assert_eq!(fields(&same), ["swap_size"]);
}

#[test]
fn all_problems_of_a_profile_are_reported_at_once_by_field() {
    let error = Profile::from_json(
        br#"{"memory": 512, "colour": "red", "firmware": "openboot",
             "partitions": [{"mount_point": "/", "file_system": "xfs", "size": "10"}, 7]}"#,
    )
    .unwrap_err();
    let mut named = fields(&error);
    named.sort_unstable();
    let expected =
        ["colour", "firmware", "memory", "partitions[0].file_system", "partitions[0].size", "partitions[1]"];
    assert_eq!(named, expected);
    assert!(error.to_string().contains("xfs"), "{error}");
}

#[test]
fn all_problems_of_settings_are_reported_at_once_by_field() {
    let error = resolve(
        r#"{"memory": "1K", "cpus": 0, "disk_size": "1M", "sector_size": 4096, "firmware": "bios",
            "hostname": "-a", "name": "a/b", "kernel_parameters": ["a b"], "seed": "",
            "partitions": [
                {"mount_point": "/", "file_system": "fat32"},
                {"mount_point": "/", "size": "1M"},
                {"mount_point": "home"},
                {"mount_point": "/etc"},
                {"role": "swap"},
                {"role": "esp", "size": "100M", "label": "lower"},
                {"role": "bios-boot", "mount_point": "/x"},
                {"mount_point": "/a", "flags": ["active"], "grow": true},
                {"mount_point": "/b", "grow": true},
                {}]}"#,
    )
    .unwrap_err();
    let expected = [
        "name",
        "hostname",
        "seed",
        "kernel_parameters",
        "memory",
        "cpus",
        "firmware",
        "disk_size",
        "partitions[0].file_system",
        "partitions[1].size",
        "partitions[1].mount_point",
        "partitions[2].mount_point",
        "partitions[3].mount_point",
        "partitions[4].size",
        "partitions[5].size",
        "partitions[5].label",
        "partitions[6].mount_point",
        "partitions[6].role",
        "partitions[7].flags",
        "partitions[9].mount_point",
        "partitions[8].grow",
        "partitions",
    ];
    assert_eq!(fields(&error), expected, "{error}");
}

#[test]
fn fields_are_named_as_their_user_wrote_them() {
    let bad = Profile { disk_size: Some(ByteSize::from_bytes(1 << 30)), cpus: Some(0), ..Default::default() };
    let named = |origin| {
        let bad = Profile { disk_size: Some(ByteSize::from_bytes(512)), ..bad.clone() };
        let error =
            Settings::resolve(&[Layer { origin, profile: &bad }], None, &TreeFacts::default()).unwrap_err();
        fields(&error).join(" ")
    };
    assert_eq!(named(Origin::Flag), "--cpus --disk-size");
    assert_eq!(named(Origin::Request), "cpus diskSize");
    assert_eq!(named(Origin::Profile), "cpus disk_size");
}

#[test]
fn an_mbr_disk_ends_at_2_tib() {
    for (json, fits) in [
        (r#"{"partition_table": "mbr", "disk_size": "2T"}"#, true),
        (r#"{"partition_table": "mbr", "disk_size": "3T"}"#, false),
        (r#"{"partition_table": "mbr", "disk_size": "3T", "sector_size": 4096}"#, true),
        (r#"{"partition_table": "gpt", "disk_size": "3T"}"#, true),
    ] {
        assert_eq!(resolve(json).is_ok(), fits, "{json}");
    }
}

#[test]
fn a_fitted_disk_has_a_quarter_to_spare_and_whole_gib() {
    const GIB: u64 = 1 << 30;
    assert_eq!(spare_room(GIB), GIB);
    assert_eq!(spare_room(8 * GIB), 2 * GIB);
    assert_eq!(fitted_disk_size(2 * GIB).unwrap(), 2 * GIB);
    assert_eq!(fitted_disk_size(2 * GIB + 1).unwrap(), 3 * GIB);
    assert_eq!(fitted_disk_size(u64::MAX).unwrap_err().kind(), ErrorKind::DoesNotFit);
    assert_eq!(fitted_disk_size((64 << 40) + 1).unwrap_err().kind(), ErrorKind::DoesNotFit);
}

#[test]
fn names_of_partitions_are_unique_and_short() {
    let long = format!("/{}", "é".repeat(100));
    let list = vec![
        PartitionRequest { mount_point: Some("/".into()), ..Default::default() },
        PartitionRequest { mount_point: Some(format!("{long}a")), ..Default::default() },
        PartitionRequest { mount_point: Some(format!("{long}b")), ..Default::default() },
        PartitionRequest { mount_point: Some("/root".into()), ..Default::default() },
    ];
    let profile = Profile { partitions: Some(list), ..Default::default() };
    let layers = [Layer { origin: Origin::Profile, profile: &profile }];
    let settings = Settings::resolve(&layers, None, &TreeFacts::default()).unwrap();
    let plan = PartitionPlan::new(&settings, FirmwareParts::default()).unwrap();
    let mut names: Vec<_> = plan.partitions().map(|p| p.name.clone()).collect();
    assert!(names.iter().all(|name| name.encode_utf16().count() <= 36));
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 4);
}

#[test]
fn ignored_fields_of_a_machine_report_are_noted_and_another_format_is_refused() {
    let report = MachineReport::from_json(
        br#"{"format": "diskwright-machine/1", "colour": 1, "os": {"id": "debian", "mood": 2},
             "disks": [{"partitions": [{"fs": {"type": "ext4", "age": 3}}], "weight": 4}],
             "nics": [{"name": "eth0", "mac": "52:54:00:11:22:33"}, {"speed": 5}]}"#,
    )
    .unwrap();
    let notes = report.notes().join("\n");
    for field in [
        "colour",
        "os.mood",
        "disks[0].weight",
        "disks[0].partitions[0].fs.age",
        "nics[1].speed",
        "the 2 network adapters",
    ] {
        assert!(notes.contains(field), "{field} in {notes}");
    }
    let other = MachineReport::from_json(br#"{"format": "diskwright-machine/2"}"#).unwrap_err();
    assert_eq!(other.kind(), ErrorKind::Unsupported);
}

#[test]
fn truncated_documents_are_refused_at_every_byte() {
    let profile = br#"{"memory": "2G", "partitions": [{"mount_point": "/", "flags": ["required"]}]}"#;
    let machine = br#"{"memory_bytes": 5, "disks": [{"partitions": [{"fs": {"type": "ext4"}}]}], "x": [1]}"#;
    for end in 0..profile.len() {
        assert!(Profile::from_json(&profile[..end]).is_err(), "{end}");
    }
    for end in 0..machine.len() {
        assert!(MachineReport::from_json(&machine[..end]).is_err(), "{end}");
    }
    assert!(Profile::from_json(profile).is_ok());
    assert!(MachineReport::from_json(machine).is_ok());
}

#[test]
fn a_field_given_twice_and_a_document_that_is_too_deep_or_long_are_refused() {
    assert!(Profile::from_json(br#"{"cpus": 1, "cpus": 2}"#).is_err());
    let deep = format!("{{\"name\": {}1{}}}", "[".repeat(5000), "]".repeat(5000));
    assert!(Profile::from_json(deep.as_bytes()).is_err());
    let long = format!("{{\"name\": \"{}\"}}", "a".repeat(1 << 20));
    assert_eq!(Profile::from_json(long.as_bytes()).unwrap_err().kind(), ErrorKind::LimitExceeded);
}

#[test]
fn volume_ids_are_read_only_in_the_form_that_blkid_writes() {
    for text in [UUID, "00000000-0000-0000-0000-000000000000", "0000-0001"] {
        assert_eq!(text.parse::<VolumeId>().unwrap().to_string(), text);
    }
    for text in
        ["", "1", "12345678", "+123-4567", "0f0e0d0c0b0a49088706050403020100", "123-45678", "1234-567é"]
    {
        assert!(text.parse::<VolumeId>().is_err(), "{text}");
    }
}

#[test]
fn accounts_and_interfaces_are_refused_by_the_name_of_the_field() {
    let json = r#"{
        "root": {"password": "a", "password_hash": "$6$aaaa$bbbb", "authorized_keys": ["ssh-rsa zzz"]},
        "users": [{"name": "-ann"}, {"name": "root"}, {"name": "bob", "shell": "bash", "home": "/home/../x",
                   "full_name": "a:b", "uid": 0, "groups": ["a,b"], "password": ""},
                  {"name": "bob", "password_hash": "plain", "disable_password_login": true}],
        "timezone": "../etc/passwd", "keyboard": "", "welcome_message": "\u001b[2J",
        "nics": [{"name": "a b", "addresses": ["10.0.0.1"], "gateways": ["x"], "dns": ["y"],
                  "routes": [{"to": "10.0.0.0/33", "via": "gateway"}]}, {}]
    }"#;
    let profile = Profile::from_json(json.as_bytes()).unwrap();
    let layers = [Layer { origin: Origin::Profile, profile: &profile }];
    let error = Settings::resolve(&layers, None, &TreeFacts::default()).unwrap_err();
    let mut fields: Vec<&str> =
        std::iter::once(&error).chain(error.also()).filter_map(|error| error.field()).collect();
    fields.dedup();
    assert_eq!(
        fields,
        [
            "root.password_hash",
            "root.authorized_keys",
            "users[0].name",
            "users[1].name",
            "users[2].uid",
            "users[2].shell",
            "users[2].home",
            "users[2].full_name",
            "users[2].groups",
            "users[2].password",
            "users[3].name",
            "users[3].disable_password_login",
            "users[3].password_hash",
            "timezone",
            "keyboard",
            "welcome_message",
            "nics[0].name",
            "nics[0].addresses",
            "nics[0].gateways",
            "nics[0].dns",
            "nics[0].routes[0].to",
            "nics[0].routes[0].via",
        ]
    );
    assert!(!error.to_string().contains("plain"), "a secret is shown");
    let wrong = Profile::from_json(br#"{"users": [{"nam": 1, "sudo": "always"}], "root": {"password": 42}}"#);
    let wrong = wrong.unwrap_err();
    let fields: Vec<&str> =
        std::iter::once(&wrong).chain(wrong.also()).filter_map(|error| error.field()).collect();
    assert_eq!(fields, ["root.password", "users[0].nam", "users[0].sudo"]);
}

#[test]
fn interfaces_have_names_and_default_gateways_of_their_own() {
    let refused = |nics: &str| -> Vec<String> {
        let profile = Profile::from_json(format!(r#"{{"nics": {nics}}}"#).as_bytes()).unwrap();
        let layers = [Layer { origin: Origin::Profile, profile: &profile }];
        match Settings::resolve(&layers, None, &TreeFacts::default()) {
            Ok(_) => Vec::new(),
            Err(error) => {
                let all = std::iter::once(&error).chain(error.also());
                all.filter_map(|error| error.field().map(str::to_owned)).collect()
            }
        }
    };
    let address = r#""addresses": ["10.0.0.2/8"], "gateways": ["10.0.0.1"]"#;
    let of_v6 = r#""addresses": ["2001:db8::2/64"], "gateways": ["2001:db8::1"]"#;
    assert!(refused("[]").is_empty());
    assert!(
        refused(&format!(r#"[{{{address}}}, {{"name": "lan0", {of_v6}}}, {{"name": "eth2"}}]"#)).is_empty()
    );
    assert_eq!(refused(&format!("[{{{address}}}, {{{of_v6}}}, {{{address}}}]")), ["nics[2].gateways"]);
    assert_eq!(refused(r#"[{"name": "lan0"}, {}, {"name": "lan0"}]"#), ["nics[2].name"]);
    assert_eq!(refused(r#"[{"name": "eth1"}, {}]"#), ["nics[0].name", "nics[1].name"]);
    for (name, is_taken) in [
        ("lo", false),
        ("all", false),
        ("default", false),
        ("0", false),
        ("012345678901234", false),
        ("0a", true),
        ("all0", true),
        ("-", true),
    ] {
        assert_eq!(refused(&format!(r#"[{{"name": "{name}"}}]"#)).is_empty(), is_taken, "{name}");
    }
    assert!(refused(&format!("[{}]", ["{}"; 10].join(","))).is_empty());
    assert_eq!(refused(&format!("[{}]", ["{}"; 11].join(","))), ["nics"]);
}

#[test]
fn fields_of_accounts_have_the_names_of_where_they_were_asked() {
    let profile = Profile { users: Some(vec![UserAccount::default()]), ..Profile::default() };
    let field = |origin| {
        let layers = [Layer { origin, profile: &profile }];
        let error = Settings::resolve(&layers, None, &TreeFacts::default()).unwrap_err();
        error.field().unwrap().to_owned()
    };
    assert_eq!(field(Origin::Profile), "users[0].name");
    assert_eq!(field(Origin::Flag), "--user [0] name");
    assert_eq!(field(Origin::Request), "users[0].name");
}

#[test]
fn a_route_needs_an_address_of_its_family_unless_addresses_come_by_dhcp() {
    let fields = |nic: &str| {
        let route = r#""routes": [{"to": "198.51.100.0/24", "via": "192.0.2.1"}]"#;
        let json = format!("{{\"nics\": [{{{nic}{route}}}]}}");
        let profile = Profile::from_json(json.as_bytes()).unwrap();
        let layers = [Layer { origin: Origin::Profile, profile: &profile }];
        let error = Settings::resolve(&layers, None, &TreeFacts::default()).err();
        error.map(|error| error.field().unwrap_or_default().to_owned())
    };
    let refused = Some("nics[0].routes[0].via".to_owned());
    assert_eq!(fields(r#""addresses": ["2001:db8::2/64"], "#), refused);
    assert_eq!(fields(r#""method": "none", "#), refused);
    assert_eq!(fields(r#""addresses": ["2001:db8::2/64", "192.0.2.2/24"], "#), None);
    assert_eq!(fields(r#""method": "dhcp", "#), None);
    assert_eq!(fields(""), None);
}
