//! Machines with several disks: in one image, in one file each, and a volume group on both.

use std::os::unix::fs::FileExt;

use diskwright_verify::Finding;

use diskwright::Monitor;
use diskwright::engine::Engine;

use crate::support::{Made, order, scan};

/// `/home` is on the second disk, under a table of another kind.
const SPLIT: &str = r#"{"boot": "none", "disk_size": "32M", "further_disks": [
    {"size": "16M", "partition_table": "mbr", "partitions": [
        {"file_system": "swap", "size": "2M"}, {"mount_point": "/home"}]}]}"#;
/// The root is on both disks, and so is the group.
const SPANNING: &str = r#"{"boot": "none", "disk_size": "16M",
    "partitions": [{"file_system": "swap", "size": "2M"}, {"volume_group": "all"}],
    "further_disks": [{"size": "32M", "partitions": [{"mount_point": "/home", "size": "8M"},
        {"volume_group": "all", "size": "4M", "grow": true}]}],
    "volume_groups": [{"name": "all", "extent_size": "1M", "volumes": [{"name": "root", "mount_point": "/"}]}]}"#;

/// Format, compression, options, and the files that are verified.
type Image = (&'static str, bool, &'static [(&'static str, &'static str)], &'static [&'static str]);

const IMAGES: [Image; 14] = [
    ("raw", false, &[], &["small.raw", "small-disk2.raw"]),
    ("raw", true, &[], &["small.raw.gz", "small-disk2.raw.gz"]),
    ("raw", true, &[("compression", "zstd")], &["small.raw.zst", "small-disk2.raw.zst"]),
    ("qcow2", false, &[], &["small.qcow2", "small-disk2.qcow2"]),
    ("vdi", false, &[], &["small.vdi", "small-disk2.vdi"]),
    ("vmdk", false, &[], &["small.vmdk", "small-disk2.vmdk"]),
    ("vmdk", false, &[("subformat", "flat")], &["small.vmdk", "small-disk2.vmdk"]),
    ("vhd", false, &[], &["small.vhd", "small-disk2.vhd"]),
    ("vhdx", false, &[], &["small.vhdx", "small-disk2.vhdx"]),
    ("virtualbox", false, &[], &["small.vbox", "small.vdi", "small-disk2.vdi"]),
    ("virtualbox", true, &[], &["small.ova"]),
    ("vmware", false, &[], &["small.vmx", "small.vmdk", "small-disk2.vmdk"]),
    ("vmware", true, &[], &["small.ova"]),
    ("vagrant", true, &[], &["small.box"]),
];

fn findings(made: &Made, name: &str) -> Vec<Finding> {
    made.verifier().verify(&made.folder.path().join(name)).unwrap().findings
}

#[test]
fn every_disk_of_every_container_is_as_its_scan_says() {
    for (format, compress, options, names) in IMAGES {
        for profile in [SPLIT, SPANNING] {
            let made = Made::new(format, compress, options, profile);
            assert_eq!(made.report.disks.len(), 2);
            for name in names {
                let found = findings(&made, name);
                let first = &found[..found.len().min(5)];
                assert!(found.is_empty(), "{format} {compress} {name} {profile}: {first:#?}");
            }
        }
    }
}

#[test]
fn two_archives_for_compute_engine_are_two_disks() {
    let large = SPLIT.replace("32M", "1G").replace("16M", "1G");
    let made = Made::new("gce", true, &[], &large);
    for name in ["small.tar.gz", "small-disk2.tar.gz"] {
        assert_eq!(findings(&made, name), []);
    }
}

#[test]
fn what_is_wrong_is_found_in_the_file_of_its_disk_and_named_with_it() {
    let made = Made::new("vmware", false, &[], SPLIT);
    let names = ["small.vmdk", "small-disk2.vmdk"].map(|name| made.folder.path().join(name));
    let [first, second] = &names;
    let spare = made.folder.path().join("spare");
    std::fs::rename(first, &spare).unwrap();
    std::fs::rename(second, first).unwrap();
    std::fs::rename(&spare, second).unwrap();
    let refusal = made.verifier().verify(&made.folder.path().join("small.vmx")).unwrap_err();
    assert!(refusal.to_string().contains("the image is of a disk of"), "{refusal}");

    let made = Made::new("raw", false, &[], SPLIT);
    let second = made.folder.path().join("small-disk2.raw");
    // A byte of the file system on the second partition of the second disk.
    let start = made.report.disks[1].partitions[1].start;
    let file = std::fs::OpenOptions::new().write(true).open(&second).unwrap();
    file.write_all_at(b"\xff", start + 1024 + 8).unwrap();
    assert_eq!(findings(&made, "small.raw"), []);
    assert!(
        findings(&made, "small-disk2.raw").iter().all(|one| one.partition == Some(2) && one.disk.is_none())
    );
    assert!(!findings(&made, "small-disk2.raw").is_empty());
}

#[test]
fn a_finding_in_an_image_of_several_disks_names_the_disk() {
    let made = Made::new("vmware", false, &[], SPLIT);
    let text = std::fs::read(made.folder.path().join("report.json")).unwrap();
    let mut report: serde_json::Value = serde_json::from_slice(&text).unwrap();
    report["disks"][1]["partitions"][1]["file_system"]["label"] = "another".into();
    let report = diskwright_verify::ImageReport::from_json(report.to_string().as_bytes()).unwrap();
    let verifier = diskwright_verify::Verifier::new(report);
    let found = verifier.verify(&made.folder.path().join("small.vmx")).unwrap().findings;
    // The machine's description is not what is meant.
    let found: Vec<&Finding> = found.iter().filter(|one| one.code != "output").collect();
    assert!(!found.is_empty() && found.iter().all(|one| one.disk == Some(2)), "{found:#?}");
    assert!(found[0].to_string().contains(" disk 2 partition 2"), "{}", found[0]);
    assert_eq!(found[0].to_json()["disk"], 2);
}

#[test]
fn what_is_wrong_with_a_group_is_named_with_the_disk_and_the_file_where_it_is() {
    let made = Made::new("vmware", false, &[], SPANNING);
    let mut report = made.report.clone();
    let physical = report.disks[1].partitions[1].physical_volume.as_mut().unwrap();
    physical.uuid = physical.uuid.replacen(|_| true, "_", 1);
    let verifier =
        diskwright_verify::Verifier::new(report).with_own_digests(diskwright_verify::OwnDigests::Skip);
    let outcome = verifier.verify(&made.folder.path().join("small.vmx")).unwrap();
    let label = outcome.findings.iter().find(|one| one.code == "lvm-label").unwrap();
    assert!(label.to_string().starts_with("small.vmx disk 2 partition 2 [LVM label]"), "{label}");
    // The text of the metadata that is read is the first disk's.
    let metadata = outcome.findings.iter().find(|one| one.code == "lvm-metadata").unwrap();
    assert!(metadata.to_string().starts_with("small.vmx disk 1 partition 2 [LVM metadata]"), "{metadata}");

    let spare = SPANNING.replace(r#""mount_point": "/"}"#, r#""mount_point": "/", "size": "16M"}"#);
    let spare = spare.replace(r#""size": "4M", "grow""#, r#""size": "8M", "grow""#);
    let made = Made::new("raw", false, &[], &spare);
    let partition = &made.report.disks[1].partitions[1];
    let file = std::fs::OpenOptions::new().write(true).open(made.folder.path().join("small-disk2.raw"));
    let file = file.unwrap();
    // In the label, and in an extent of no volume.
    for place in [512 + 200, partition.size - (1 << 20) - 512] {
        file.write_all_at(b"\xff", partition.start + place).unwrap();
    }
    let found = findings(&made, "small.raw");
    assert!(found.iter().any(|one| one.code == "lvm-label"), "{found:#?}");
    assert!(found.iter().any(|one| one.code == "free-space"), "{found:#?}");
    for one in found {
        let place = (one.image.as_str(), one.disk, one.partition);
        assert_eq!(place, ("small-disk2.raw", None, Some(2)), "{one}");
    }
}

#[test]
fn a_group_that_goes_on_in_a_file_that_is_not_there_is_no_clean_image() {
    let made = Made::new("raw", false, &[], SPANNING);
    std::fs::remove_file(made.folder.path().join("small-disk2.raw")).unwrap();
    let error = made.verifier().verify(&made.folder.path().join("small.raw")).unwrap_err();
    assert_eq!(error.kind(), diskwright::ErrorKind::Source);
    assert!(error.path().is_some_and(|path| path.ends_with(b"small-disk2.raw")), "{error}");
}

#[test]
fn segments_on_another_disk_than_reported_are_found() {
    let made = Made::new("raw", false, &[], SPANNING);
    let mut report = made.report.clone();
    let segments = &mut report.disks[0].volume_groups[0].volumes[0].segments;
    let places: Vec<Option<usize>> = segments.iter().map(|segment| segment.disk).collect();
    assert_eq!(places, [None, Some(2)]);
    segments[1].disk = None;
    let outcome = diskwright_verify::Verifier::new(report).verify(&made.path("small.raw")).unwrap();
    assert!(outcome.findings.iter().any(|one| one.code == "lvm-metadata"), "{:#?}", outcome.findings);
}

#[test]
fn a_format_that_refuses_the_size_of_a_further_disk_names_that_disk() {
    let json = SPLIT.replace("32M", "1G");
    let error = Engine::new().plan(&order(scan(), "gce", true, &[], &json), &Monitor::new()).err().unwrap();
    assert_eq!(error.field(), Some("further_disks[0].size"), "{error}");
    let json = SPLIT.replace("16M", "1G");
    let error = Engine::new().plan(&order(scan(), "gce", true, &[], &json), &Monitor::new()).err().unwrap();
    assert_eq!(error.field(), Some("disk_size"), "{error}");
    let libvirt = order(scan(), "vagrant", true, &[("provider", "libvirt")], SPLIT);
    let error = Engine::new().plan(&libvirt, &Monitor::new()).err().unwrap();
    assert_eq!(error.to_string(), "a box for libvirt holds one disk: not 2");
}
