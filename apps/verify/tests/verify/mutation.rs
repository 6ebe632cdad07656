//! A byte flipped anywhere is found, with no digest of the image itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use diskwright::tree::Whiteouts;
use diskwright_verify::{OwnDigests, Scan, Verifier};

use crate::rich::Rich;
use crate::support::{Base, Flipped, Made, PROFILE};

/// Flips bytes of a disk, every one at `offsets`; gives those that nobody noticed.
fn unnoticed(verifier: &Verifier, base: &Base, offsets: &[usize]) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut unnoticed = Vec::new();
        while let Some(at) = offsets.get(next.fetch_add(1, Ordering::Relaxed)) {
            // Any bits: a multiplication mixes the offset.
            let mask = (at.wrapping_mul(0x9e37_79b9) >> 11) as u8 | 1;
            let disk = Flipped { base, at: *at as u64, mask };
            let Ok(outcome) = verifier.verify_disk("disk", &disk) else { continue };
            let partitions = &verifier.report().disks[0].partitions;
            let inside =
                |at: u64| partitions.iter().find(|one| (one.start..one.start + one.size).contains(&at));
            let partition = inside(*at as u64).map(|one| one.number);
            // In a logical volume the offset is its own.
            let is_there = |finding: &diskwright_verify::Finding| {
                partition.is_none() || finding.partition == partition || finding.volume.is_some()
            };
            if !outcome.findings.iter().any(is_there) {
                unnoticed
                    .push(format!("{at:#x} {mask:#04x} in partition {partition:?}: {:?}", outcome.findings));
            }
        }
        unnoticed
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    })
}

/// Every byte of every line of 64 that holds something, one in eight of those around, and some of what is zero far and wide.
fn offsets(base: &Base, step: usize) -> Vec<usize> {
    let is_wanted = |at: &usize| {
        let line = &base.bytes[at / 64 * 64..at / 64 * 64 + 64];
        let holds = base.has_data(*at) && line.iter().any(|byte| *byte != 0);
        (holds && at.is_multiple_of(step))
            || (base.has_data(*at) && at % (8 * step) == at / 64 % 8)
            || at.is_multiple_of(40_009)
    };
    (0..base.bytes.len()).filter(is_wanted).collect()
}

fn check(profile: &str, step: usize) {
    let tree = Arc::new(Rich::new());
    let made = Made::of(Arc::clone(&tree) as _, "raw", false, &[], profile);
    let scan = Scan::new(vec![tree], Whiteouts::Plain);
    let verifier = Verifier::new(made.report.clone()).with_own_digests(OwnDigests::Skip);
    let verifier = verifier.with_scan(&scan).unwrap();
    let base = Base::new(std::fs::read(made.path(".raw")).unwrap());
    let outcome = verifier.verify_disk("disk", &Flipped { base: &base, at: 0, mask: 0 }).unwrap();
    assert!(outcome.is_clean(), "{profile}: {:#?}", outcome.findings);
    let offsets = offsets(&base, step);
    println!("{} bytes are flipped", offsets.len());
    let unnoticed = unnoticed(&verifier, &base, &offsets);
    assert!(
        unnoticed.is_empty(),
        "{profile}: {} of {}: {:#?}",
        unnoticed.len(),
        offsets.len(),
        &unnoticed[..unnoticed.len().min(20)]
    );
}

#[test]
fn a_byte_flipped_anywhere_on_a_disk_with_gpt_and_ext4_is_found() {
    check(PROFILE, 1);
}

#[test]
fn a_byte_flipped_anywhere_in_volume_groups_is_found() {
    // The volume of /many is on both partitions of its group.
    let profile = r#"{"boot": "none", "disk_size": "80M", "partitions": [
        {"volume_group": "vg-0", "size": "26M"}, {"volume_group": "single"}, {"volume_group": "vg-0", "size": "12M"}],
        "volume_groups": [
        {"name": "vg-0", "extent_size": "1M", "volumes": [
            {"name": "root", "mount_point": "/", "size": "9M"},
            {"name": "pages", "file_system": "swap", "size": "1M"},
            {"name": "many", "mount_point": "/many", "size": "20M", "file_system": "ext3"}]},
        {"name": "single", "volumes": [
            {"name": "var", "mount_point": "/var", "size": "8M", "label": "var"}]}]}"#;
    check(profile, 1);
}

#[test]
fn a_byte_flipped_anywhere_on_a_disk_with_mbr_swap_and_fat_is_found() {
    let profile = r#"{"boot": "none", "disk_size": "112M", "partition_table": "mbr", "partitions": [
        {"mount_point": "/", "size": "24M"},
        {"mount_point": "/boot", "role": "data", "file_system": "fat32", "size": "34M", "label": "BOOT"},
        {"role": "swap", "size": "2M", "label": "pages"},
        {"mount_point": "/var", "file_system": "ext3", "size": "16M", "label": "var"},
        {"mount_point": "/many", "file_system": "ext2", "size": "16M"}]}"#;
    check(profile, 1);
}
