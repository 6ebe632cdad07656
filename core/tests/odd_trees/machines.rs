//! The ESP, and trees that are no machine: cases 71 and 72.

use std::sync::Arc;

use diskwright_core::profile::{BootPolicy, ByteSize, FileSystemKind, PartitionRequest, Profile};
use diskwright_core::scan::DataRange;
use diskwright_core::tree::{Severity, Strictness};
use diskwright_core::{Result, Timestamp};

use crate::disk::{judged, plan};
use crate::memory::{Memory, base};

/// A disk with an ESP of 64 MiB at `/boot/efi` and the rest.
fn with_esp(scan: Memory, mode: Strictness) -> Result<Vec<String>> {
    let esp = PartitionRequest {
        mount_point: Some("/boot/efi".to_owned()),
        file_system: Some(FileSystemKind::Fat32),
        size: Some(ByteSize::from_bytes(64 << 20)),
        ..PartitionRequest::default()
    };
    let root = PartitionRequest { mount_point: Some("/".to_owned()), ..PartitionRequest::default() };
    let profile =
        Profile { boot: Some(BootPolicy::None), partitions: Some(vec![esp, root]), ..Profile::default() };
    let (order, plan) = plan(Arc::new(scan), mode, profile)?;
    judged(&order, &plan).unwrap();
    let loud = |finding: &&diskwright_core::tree::Finding| finding.severity > Severity::Note;
    Ok(plan.report(&order).warnings.iter().filter(loud).map(|finding| finding.code.to_owned()).collect())
}

fn esp() -> Memory {
    base().dir("boot").dir("boot/efi")
}

/// With times that FAT has.
fn recent(mut scan: Memory) -> Memory {
    for entry in &mut scan.0 {
        entry.attributes.mtime = Timestamp::from_seconds(1_700_000_000);
    }
    scan
}

#[test]
fn what_an_esp_cannot_hold_is_refused_in_both_modes() {
    let range = |offset, len| DataRange { offset, len };
    let long = |units: usize| format!("boot/efi/{}", "é".repeat(units));
    let cases = [
        ("71: names that differ in case only", esp().file("boot/efi/a.efi").file("boot/efi/A.EFI"), "case"),
        ("3: a name that is not UTF-8", esp().file(b"boot/efi/\xff"), "UTF-8"),
        ("13: a backslash", esp().file("boot/efi/a\\b"), "a\\\\b"),
        ("14: a colon", esp().file("boot/efi/C:"), "C:"),
        ("5: a trailing dot", esp().file("boot/efi/dot."), "dot"),
        ("71: a file of 4 GiB", esp().sparse("boot/efi/f", 1 << 32, vec![range(0, 1)]), "4 GiB"),
        ("71: more than fits", esp().sparse("boot/efi/f", 1 << 30, vec![range(0, 1 << 30)]), ""),
        (
            "71: 65536 entries",
            (0..65_536).fold(esp(), |scan, at| scan.file(format!("boot/efi/d/{at}"))),
            "65538",
        ),
    ];
    for (name, scan, words) in cases {
        for mode in [Strictness::Lenient, Strictness::Strict] {
            let error = with_esp(recent(scan.clone()), mode).expect_err(name);
            assert!(error.to_string().contains(words), "{name}: {error}");
        }
    }
    assert_eq!(with_esp(recent(esp().file(long(120))), Strictness::Strict).unwrap(), [""; 0]);
}

#[test]
fn names_of_255_units_and_crowded_aliases_are_kept_on_an_esp() {
    let units = (0..20).fold(esp(), |scan, at| scan.file(format!("boot/efi/{}{at:02}", "n".repeat(253))));
    let crowded = (0..1000).fold(esp(), |scan, at| scan.file(format!("boot/efi/a long name {at}.efi")));
    let astral = esp().file("boot/efi/\u{1f427}.efi");
    for scan in [units, crowded, astral] {
        assert_eq!(with_esp(recent(scan), Strictness::Strict).unwrap(), [""; 0]);
    }
}

#[test]
fn what_an_esp_drops_is_told_and_refused_if_strict() {
    for scan in [
        esp().symlink("boot/efi/link", "x"),
        esp().file("boot/efi/f").with(|file| file.uid = 7),
        esp().file("boot/efi/f").xattr("user.x", "v"),
    ] {
        let scan = recent(scan);
        assert!(!with_esp(scan.clone(), Strictness::Lenient).unwrap().is_empty());
        with_esp(scan, Strictness::Strict).unwrap_err();
    }
}

#[test]
fn a_tree_that_is_no_machine_is_refused_where_it_must_boot() {
    for scan in [base(), base().symlink("boot", "boot"), base().symlink("boot/grub", "grub")] {
        let error = plan(Arc::new(scan), Strictness::Lenient, Profile::default()).map(drop).unwrap_err();
        assert!(error.to_string().contains("boot"), "{error}");
    }
}
