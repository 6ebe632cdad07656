//! The committed JSON schema and the serde types describe the same documents.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;

const SCHEMA: &str = include_str!("../../../docs/profile.schema.json");

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

fn complete() -> Profile {
    let partition = PartitionRequest {
        mount_point: Some("/".into()),
        role: Some(PartitionRole::Data),
        file_system: Some(FileSystemKind::Ext4),
        size: Some(ByteSize::from_bytes(1 << 30)),
        grow: Some(true),
        label: Some("root".into()),
        volume_group: None,
        flags: Some(vec![PartitionFlag::Required]),
    };
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAsKt2Xr6EZfG6hXjVQ0hB0q7S5nX0G6cTqkqWwqkQ0f ann@desk";
    let root = RootAccount {
        password: Some(Secret::new("secret one")),
        authorized_keys: Some(vec![key.into()]),
        ..Default::default()
    };
    let user = UserAccount {
        name: "ann".into(),
        uid: Some(1005),
        full_name: Some("Ann Example".into()),
        primary_group: Some("users".into()),
        groups: Some(vec!["sudo".into()]),
        shell: Some("/bin/bash".into()),
        home: Some("/home/ann".into()),
        password_hash: Some(Secret::new("$6$abcdefgh$0123456789")),
        authorized_keys: Some(vec![key.into()]),
        sudo: Some(SudoRight::Password),
        ..Default::default()
    };
    let nic = NicRequest {
        name: Some("eth0".into()),
        method: Some(NicMethod::Static),
        addresses: Some(vec!["192.0.2.10/24".into()]),
        gateways: Some(vec!["192.0.2.1".into()]),
        dns: Some(vec!["192.0.2.53".into()]),
        routes: Some(vec![RouteRequest { to: "198.51.100.0/24".into(), via: "192.0.2.2".into() }]),
    };
    let volume = LogicalVolumeRequest {
        name: "home".into(),
        mount_point: Some("/home".into()),
        file_system: Some(FileSystemKind::Ext4),
        size: Some(ByteSize::from_bytes(1 << 30)),
        grow: Some(true),
        label: Some("home".into()),
    };
    let group = VolumeGroupRequest {
        name: "data".into(),
        extent_size: Some(ByteSize::from_bytes(4 << 20)),
        volumes: vec![volume],
    };
    let disk = DiskRequest {
        size: Some(ByteSize::from_bytes(4 << 30)),
        partition_table: Some(TableKind::Mbr),
        partitions: vec![PartitionRequest { mount_point: Some("/srv".into()), ..Default::default() }],
    };
    Profile {
        further_disks: Some(vec![disk]),
        volume_groups: Some(vec![group]),
        lvm: Some(LvmPolicy::Keep),
        root: Some(root),
        users: Some(vec![user]),
        timezone: Some("Europe/Paris".into()),
        keyboard: Some("de-latin1".into()),
        welcome_message: Some("Welcome\n".into()),
        nics: Some(vec![nic]),
        firewall: Some(true),
        selinux: Some(SelinuxMode::Permissive),
        name: Some("web".into()),
        memory: Some(ByteSize::from_bytes(1 << 30)),
        cpus: Some(2),
        disk_size: Some(ByteSize::from_bytes(8 << 30)),
        swap_size: Some(ByteSize::from_bytes(1 << 30)),
        sector_size: Some(SectorSize::Bytes512),
        firmware: Some(Firmware::Both),
        boot: Some(BootPolicy::Required),
        partition_table: Some(TableKind::Gpt),
        partitions: Some(vec![partition]),
        kernel_parameters: Some(vec!["quiet".into()]),
        hostname: Some("web.example".into()),
        spare: Some(ByteSize::from_bytes(1 << 30)),
        identity: Some(IdentityPolicy::New),
        seed: Some("seed".into()),
        timestamp: Some(-1),
    }
}

fn keys(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

#[test]
fn schema_and_type_have_the_same_fields() {
    let document: Value = serde_json::from_str(&complete().to_json()).unwrap();
    let schema = schema();
    assert_eq!(keys(&document), keys(&schema["properties"]));
    let filled = |mut object: Value, rest: &[&str]| {
        rest.iter().for_each(|field| object[*field] = Value::Null);
        keys(&object)
    };
    let defined = |name: &str| keys(&schema["$defs"][name]["properties"]);
    assert_eq!(filled(document["partitions"][0].clone(), &["volume_group"]), defined("partition"));
    assert_eq!(keys(&document["further_disks"][0]), defined("disk"));
    assert_eq!(keys(&document["volume_groups"][0]), defined("volume_group"));
    assert_eq!(keys(&document["volume_groups"][0]["volumes"][0]), defined("logical_volume"));
    let absent = ["password_hash", "disable_password_login"];
    assert_eq!(filled(document["root"].clone(), &absent), defined("root"));
    let absent = ["password", "disable_password_login"];
    assert_eq!(filled(document["users"][0].clone(), &absent), defined("user"));
    assert_eq!(keys(&document["nics"][0]), defined("nic"));
    assert_eq!(keys(&document["nics"][0]["routes"][0]), defined("route"));
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["$defs"]["partition"]["additionalProperties"], false);
}

#[test]
fn schema_and_type_have_the_same_named_values() {
    fn names<T: Copy + ToString>(all: &[T]) -> Vec<String> {
        all.iter().map(ToString::to_string).collect()
    }
    let schema = schema();
    let listed = |pointer: &str| -> Vec<String> {
        let values = schema.pointer(pointer).unwrap().as_array().unwrap();
        values.iter().map(|value| value.as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(listed("/properties/firmware/enum"), names(Firmware::ALL));
    assert_eq!(listed("/properties/boot/enum"), names(BootPolicy::ALL));
    assert_eq!(listed("/properties/partition_table/enum"), names(TableKind::ALL));
    assert_eq!(listed("/$defs/disk/properties/partition_table/enum"), names(TableKind::ALL));
    assert_eq!(listed("/properties/identity/enum"), names(IdentityPolicy::ALL));
    assert_eq!(listed("/properties/lvm/enum"), names(LvmPolicy::ALL));
    assert_eq!(listed("/$defs/logical_volume/properties/file_system/enum"), names(FileSystemKind::ALL));
    assert_eq!(listed("/properties/selinux/enum"), names(SelinuxMode::ALL));
    assert_eq!(listed("/$defs/user/properties/sudo/enum"), names(SudoRight::ALL));
    assert_eq!(listed("/$defs/nic/properties/method/enum"), names(NicMethod::ALL));
    assert_eq!(listed("/$defs/partition/properties/role/enum"), names(PartitionRole::ALL));
    assert_eq!(listed("/$defs/partition/properties/file_system/enum"), names(FileSystemKind::ALL));
    assert_eq!(listed("/$defs/partition/properties/flags/items/enum"), names(PartitionFlag::ALL));
}

#[test]
fn a_profile_survives_its_json_form_and_a_complete_one_resolves() {
    let profile = complete();
    assert_eq!(Profile::from_json(profile.to_json().as_bytes()).unwrap(), profile);
    let layers = [Layer { origin: Origin::Profile, profile: &profile }];
    let settings = Settings::resolve(&layers, None, &TreeFacts::default()).unwrap();
    let shown = serde_json::to_value(&settings).unwrap();
    assert_eq!(shown["memory"], serde_json::json!({"value": "1G", "origin": "profile"}));
    assert_eq!(shown["partitions"]["value"][0]["mount_point"], "/");
}

#[test]
fn secrets_stand_in_the_profile_alone() {
    let profile = complete();
    let layers = [Layer { origin: Origin::Profile, profile: &profile }];
    let settings = Settings::resolve(&layers, None, &TreeFacts::default()).unwrap();
    let shown = format!("{profile:?} {settings:?} {}", serde_json::to_string(&settings).unwrap());
    for secret in ["secret one", "$6$", "abcdefgh"] {
        assert!(!shown.contains(secret), "{secret} is shown");
    }
    let hashed = profile.with_hashed_passwords(&crate::Seed::from_text("seed")).unwrap();
    assert!(!hashed.to_json().contains("secret one"));
    assert!(hashed.root.unwrap().password_hash.unwrap().reveal().starts_with("$6$"));
}
