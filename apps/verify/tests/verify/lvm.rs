//! Volume groups whose metadata is sound by its checksums and means harm.

use std::sync::Arc;

use diskwright::BytesReader;
use diskwright_verify::{ImageReport, OwnDigests, Verifier};

use crate::rich::Rich;
use crate::support::Made;

const PROFILE: &str = r#"{"boot": "none", "disk_size": "64M", "volume_groups": [
    {"name": "vg", "extent_size": "1M", "volumes": [
        {"name": "root", "mount_point": "/", "size": "20M"}, {"name": "swap", "file_system": "swap", "size": "4M"}]}]}"#;

fn made() -> (Vec<u8>, ImageReport) {
    let made = Made::of(Arc::new(Rich::new()), "raw", false, &[], PROFILE);
    (std::fs::read(made.path(".raw")).unwrap(), made.report)
}

fn crc(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0xf597_a6cf, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
    })
}

/// The disk with another text of the metadata, and checksums that are true of it.
fn with_text(disk: &[u8], start: usize, text: &str) -> Vec<u8> {
    let mut disk = disk.to_vec();
    let (area, at) = (start + 4096, start + 4608);
    disk[at..start + (1 << 20)].fill(0);
    disk[at..at + text.len()].copy_from_slice(text.as_bytes());
    let len = text.len() + 1;
    disk[area + 48..area + 56].copy_from_slice(&(len as u64).to_le_bytes());
    let sum = crc(&disk[at..at + len]);
    disk[area + 56..area + 60].copy_from_slice(&sum.to_le_bytes());
    let sum = crc(&disk[area + 4..area + 512]);
    disk[area..area + 4].copy_from_slice(&sum.to_le_bytes());
    disk
}

fn codes(report: &ImageReport, disk: Vec<u8>) -> Vec<&'static str> {
    let verifier = Verifier::new(report.clone()).with_own_digests(OwnDigests::Skip);
    let outcome = verifier.verify_disk("disk", &BytesReader(disk.into())).unwrap();
    outcome.findings.iter().map(|finding| finding.code).collect()
}

#[test]
fn metadata_that_places_volumes_elsewhere_is_found() {
    let (disk, report) = made();
    let partition = report.disks[0].partitions.iter().find(|one| one.role == "lvm").unwrap();
    let start = usize::try_from(partition.start).unwrap();
    let text = &disk[start + 4608..];
    let end = text.iter().position(|byte| *byte == 0).unwrap();
    let text = std::str::from_utf8(&text[..end]).unwrap();
    assert_eq!(codes(&report, with_text(&disk, start, text)), [""; 0], "the same text again");
    for (from, to) in [
        ("extent_count = 20", "extent_count = 21"),
        ("extent_count = 20", "extent_count = 18446744073709551615"),
        ("extent_count = 20", "extent_count = 0"),
        ("start_extent = 0", "start_extent = 1"),
        ("\"pv0\", 20", "\"pv0\", 0"),
        ("\"pv0\", 0", "\"pv0\", 18446744073709551615"),
        ("\"pv0\", 0", "\"pv1\", 0"),
        ("type = \"striped\"", "type = \"thin\""),
        ("stripe_count = 1", "stripe_count = 2"),
        ("extent_size = 2048", "extent_size = 0"),
        ("pe_start = 2048", "pe_start = 4096"),
        ("\troot {", "\ttoor {"),
        ("vg {", "gv {"),
        ("segment_count = 1", "segment_count = 7"),
        ("\"VISIBLE\"]", "\"HIDDEN\"]"),
        ("\"RESIZEABLE\", ", ""),
        ("seqno = 1", "seqno = {"),
        ("contents = ", "contents "),
    ] {
        assert!(text.contains(from), "{from}");
        let found = codes(&report, with_text(&disk, start, &text.replacen(from, to, 1)));
        assert!(found.contains(&"lvm-metadata"), "{from} -> {to}: {found:?}");
    }
}

/// Whether there is a finding, or an error where the disk does not go so far.
fn is_noticed(report: &ImageReport, disk: &[u8]) -> bool {
    let verifier = Verifier::new(report.clone()).with_own_digests(OwnDigests::Skip);
    !verifier.verify_disk("disk", &BytesReader(disk.into())).is_ok_and(|outcome| outcome.is_clean())
}

#[test]
fn a_report_that_means_harm_is_findings_and_no_panic() {
    let (disk, report) = made();
    for number in [0, 1, 511, (1 << 20) + 512, (1 << 63) + 4096, u64::MAX - 4096, u64::MAX] {
        let mut changed = report.clone();
        changed.disks[0].volume_groups[0].extent_size = number;
        assert!(is_noticed(&changed, &disk), "extent of {number}");
        for place in 0..2 {
            let mut changed = report.clone();
            let partition = changed.disks[0].partitions.iter_mut().find(|one| one.role == "lvm").unwrap();
            if place == 0 {
                partition.start = number
            } else {
                partition.size = number
            }
            assert!(is_noticed(&changed, &disk), "partition {place} {number}");
        }
        let mut changed = report.clone();
        changed.disks[0].volume_groups[0].volumes[0].segments[0].start = number;
        assert!(is_noticed(&changed, &disk), "segment at {number}");
    }
}
