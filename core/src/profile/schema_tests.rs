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
        flags: Some(vec![PartitionFlag::Required]),
    };
    Profile {
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
    assert_eq!(keys(&document["partitions"][0]), keys(&schema["$defs"]["partition"]["properties"]));
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
    assert_eq!(listed("/properties/identity/enum"), names(IdentityPolicy::ALL));
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
