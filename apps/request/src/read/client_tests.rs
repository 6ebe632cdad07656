//! What the API's official client sends, as its version 3.8.13 writes it.

use diskwright_core::{Error, ErrorKind};

use crate::{ImageRequest, ScanRequest, ScannedInstanceRequest};

const TARGET_FORMAT: &str = "<targetFormat><dbId>1</dbId><name>VMware Server</name><format><name>vmware</name></format>\
    <category><name>Virtual</name></category><type>virtual</type><access>true</access><active>true</active>\
    <uri>orgs/1/targetformats/1</uri></targetFormat>";

fn sent(root: &str, content: &str) -> Vec<u8> {
    let namespace = crate::NAMESPACE;
    let head = "<?xml version=\"1.0\" encoding=\"utf-8\"?>";
    format!("{head}<ns1:{root} xmlns:ns1=\"{namespace}\">{content}</ns1:{root}>").into_bytes()
}

fn fields(error: &Error) -> Vec<&str> {
    std::iter::once(error).chain(error.also()).filter_map(Error::field).collect()
}

#[test]
fn a_build_of_a_scan_is_read_without_a_note() {
    let profile = "<installProfile><diskSize>10240</diskSize><hwType>vmx-07</hwType><memorySize>1024</memorySize>\
        <swapSize>512</swapSize></installProfile>";
    let content = format!("<compress>true</compress>{TARGET_FORMAT}{profile}");
    let request = ImageRequest::parse(&sent("image", &content)).unwrap();
    assert_eq!(request.compress, Some(true));
    assert_eq!(request.target_format.as_deref(), Some("VMware Server"));
    assert_eq!(request.hardware_type.as_deref(), Some("7"));
    let sizes = [request.profile.memory, request.profile.disk_size, request.profile.swap_size];
    assert_eq!(sizes.map(|size| size.map(|size| size.bytes() >> 20)), [Some(1024), Some(10240), Some(512)]);
    assert_eq!(request.notes, Vec::<String>::new());
}

#[test]
fn a_build_for_a_cloud_is_refused_by_the_names_of_what_it_asks() {
    let profile = "<installProfile><diskSize>20</diskSize><rootUser><disablePasswordLogin>false</disablePasswordLogin>\
        </rootUser></installProfile>";
    let content = format!(
        "<compress>false</compress><ebs>true</ebs><ebsVolumeSize>20</ebsVolumeSize>{TARGET_FORMAT}{profile}"
    );
    let error = ImageRequest::parse(&sent("image", &content)).unwrap_err();
    assert_eq!((error.kind(), fields(&error)), (ErrorKind::Unsupported, vec!["ebs", "ebsVolumeSize"]));
    let docker = "<compress>true</compress><entrypoint>/bin/sh</entrypoint>";
    let error = ImageRequest::parse(&sent("image", docker)).unwrap_err();
    assert_eq!((error.kind(), fields(&error)), (ErrorKind::Unsupported, vec!["entrypoint"]));
}

#[test]
fn a_size_of_zero_leaves_the_disk_to_the_service_with_a_note() {
    let content = "<installProfile><diskSize>0</diskSize></installProfile>";
    let request = ImageRequest::parse(&sent("image", content)).unwrap();
    assert_eq!(request.profile.disk_size, None);
    assert_eq!(request.notes.len(), 1, "{:?}", request.notes);
}

#[test]
fn hardware_versions_are_read_in_every_spelling() {
    for (text, version) in [
        ("7", Some("7")),
        ("07", Some("7")),
        ("13", Some("13")),
        ("vmx-13", Some("13")),
        ("VMX-07", Some("7")),
        ("", None),
    ] {
        let content = format!("<installProfile><hwType>{text}</hwType></installProfile>");
        let request = ImageRequest::parse(&sent("image", &content)).unwrap();
        assert_eq!(request.hardware_type.as_deref(), version, "{text}");
    }
}

#[test]
fn the_older_name_of_a_partitions_size_is_read() {
    let table = |sizes: &str| {
        let partition = format!("<partition>{sizes}</partition>");
        let disks = format!("<disks><disk><partitions>{partition}</partitions></disk></disks>");
        let content = format!("<installProfile><partitionTable>{disks}</partitionTable></installProfile>");
        ImageRequest::parse(&sent("image", &content))
    };
    let size = |request: ImageRequest| request.profile.partitions.unwrap()[0].size.unwrap().bytes() >> 20;
    assert_eq!(size(table("<partitionSize>256</partitionSize>").unwrap()), 256);
    assert_eq!(size(table("<partitionSize>256</partitionSize><size>256</size>").unwrap()), 256);
    let error = table("<partitionSize>256</partitionSize><size>512</size>").unwrap_err();
    assert!(error.field().unwrap().ends_with(".partitionSize"), "{error}");
}

#[test]
fn a_machine_is_registered_with_its_system() {
    let content = "<distribution><arch>x86_64</arch><name>CentOS</name><version>6.7</version></distribution><name>m</name>";
    let request = ScannedInstanceRequest::parse(&sent("scannedInstance", content)).unwrap();
    assert_eq!(request.name, "m");
    let system = &request.distribution;
    assert_eq!(
        (system.name.as_str(), system.version.as_str(), system.arch.as_str()),
        ("CentOS", "6.7", "x86_64")
    );
    assert_eq!((request.overlay_included, request.ram_size, request.notes.len()), (None, None, 0));
    let json = br#"{"scannedInstance": {"name": "m", "group": "g", "platformType": "KVM", "ramSize": 2048, "dbId": 1,
        "overlayIncluded": true, "scans": {"scan": []}, "totalScans": 0, "scansUri": "u", "mood": 1,
        "distribution": {"name": "Debian", "version": "12", "arch": "amd64", "family": "linux"}}}"#;
    let request = ScannedInstanceRequest::parse(json).unwrap();
    assert_eq!((request.group.as_deref(), request.platform_type.as_deref()), (Some("g"), Some("KVM")));
    assert_eq!((request.ram_size, request.overlay_included), (Some(2048), Some(true)));
    assert_eq!(request.notes.len(), 1, "{:?}", request.notes);
}

#[test]
fn a_machine_without_name_or_system_is_refused_by_name() {
    let refused = |document: &str| ScannedInstanceRequest::parse(document.as_bytes()).unwrap_err();
    let error = refused("<scannedInstance/>");
    assert_eq!((error.kind(), fields(&error)), (ErrorKind::InvalidProfile, vec!["name", "distribution"]));
    let error = refused(
        "<scannedInstance><name>a&#10;b</name><distribution><name>Debian</name></distribution></scannedInstance>",
    );
    assert_eq!(fields(&error), ["name", "distribution.version", "distribution.arch"]);
    let long = "x".repeat(256);
    let error = refused(&format!(
        r#"{{"name": "{long}", "ramSize": 2147483648, "distribution": {{"name": "a", "version": "1", "arch": "b"}}}}"#
    ));
    assert_eq!(fields(&error), ["name", "ramSize"]);
    assert!(ScannedInstanceRequest::parse(b"<image/>").is_err());
}

#[test]
fn a_scan_is_renamed_and_the_rest_of_it_read_over() {
    let document = sent(
        "scan",
        "<dbId>2</dbId><filesUri>f</filesUri><installProfile><memorySize>512</memorySize></installProfile><name>new</name>\
         <status><complete>true</complete></status><validated>true</validated><images/><mood>1</mood>",
    );
    let request = ScanRequest::parse(&document).unwrap();
    assert_eq!(request.name.as_deref(), Some("new"));
    assert_eq!(request.notes.len(), 2, "{:?}", request.notes);
    let error = ScanRequest::parse(br#"{"scan": {"name": "a\tb", "rejected": true}}"#).unwrap_err();
    assert_eq!(fields(&error), ["name", "rejected"]);
    assert_eq!(ScanRequest::parse(b"<scan/>").unwrap(), ScanRequest::default());
}
