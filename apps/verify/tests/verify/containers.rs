//! Every container: clean as written, and what is flipped in its tables or cut off its end is found.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use diskwright::tree::Whiteouts;
use diskwright_verify::{OwnDigests, Scan, Verifier};

use crate::rich::Rich;
use crate::support::{Made, PROFILE};

/// Format, compression, options, and the suffix of the file that is verified.
pub(crate) type Container = (&'static str, bool, &'static [(&'static str, &'static str)], &'static str);

pub(crate) const CONTAINERS: [Container; 26] = [
    ("raw", false, &[], ".raw"),
    ("raw", true, &[], ".raw.gz"),
    ("raw", true, &[("compression", "zstd")], ".raw.zst"),
    ("qcow2", false, &[], ".qcow2"),
    ("qcow2", false, &[("cluster-size", "4K")], ".qcow2"),
    ("qcow2", true, &[("cluster-size", "2M")], ".qcow2"),
    ("qcow2", true, &[("compression", "zstd")], ".qcow2"),
    ("vdi", false, &[], ".vdi"),
    ("vmdk", false, &[], ".vmdk"),
    ("vmdk", false, &[("subformat", "flat")], ".vmdk"),
    ("vmdk", true, &[], ".vmdk"),
    ("virtualbox", false, &[], ".vbox"),
    ("vmware", false, &[], ".vmx"),
    ("virtualbox", true, &[], ".ova"),
    ("vhd", false, &[], ".vhd"),
    ("vhd", false, FIXED, ".vhd"),
    ("vhd", true, &[], ".vhd.gz"),
    ("vhd", true, FIXED, ".vhd.gz"),
    ("vhdx", false, &[], ".vhdx"),
    ("vhdx", false, &[("block-size", "16M")], ".vhdx"),
    ("vhdx", false, FIXED, ".vhdx"),
    ("vhdx", true, &[], ".vhdx.gz"),
    ("vhdx", true, FIXED, ".vhdx.gz"),
    ("gce", true, &[], ".tar.gz"),
    ("vagrant", true, &[], ".box"),
    ("vagrant", true, &[("provider", "libvirt")], ".box"),
];

const FIXED: &[(&str, &str)] = &[("subformat", "fixed")];

/// An image of the rich tree. Compute Engine takes disks of whole GiB; this one has more parts than a header has places for.
pub(crate) fn made((format, compress, options, _): Container) -> Made {
    let swap = r#", {"role": "swap", "size": "3M"}"#.repeat(40);
    let many_parts = format!(
        r#"{{"boot": "none", "disk_size": "1G", "partitions": [{{"mount_point": "/", "size": "24M"}}{swap}]}}"#
    );
    let profile = if format == "gce" { &many_parts } else { PROFILE };
    Made::of(Arc::new(Rich::new()), format, compress, options, profile)
}

pub(crate) fn verifier(made: &Made) -> Verifier {
    let scan = Scan::new(vec![Arc::new(Rich::new())], Whiteouts::Plain);
    Verifier::new(made.report.clone()).with_scan(&scan).unwrap()
}

/// The file that a byte is flipped in: the disk beside a machine, the file itself else.
fn disk_file(made: &Made, suffix: &str) -> std::path::PathBuf {
    match suffix {
        ".vbox" => made.path(".vdi"),
        ".vmx" => made.path(".vmdk"),
        _ => made.path(suffix),
    }
}

#[test]
fn every_container_is_clean_with_its_own_digests_and_names_what_they_miss() {
    for container in CONTAINERS {
        let (format, compress, options, suffix) = container;
        let made = made(container);
        let path = made.path(suffix);
        let outcome = verifier(&made).verify(&path).unwrap();
        assert!(
            outcome.is_clean(),
            "{format} {compress} {options:?}: {:#?}",
            &outcome.findings[..outcome.findings.len().min(4)]
        );
    }
    let made = Made::of(Arc::new(Rich::new()), "vmware", true, &[("digest", "sha512")], PROFILE);
    assert!(verifier(&made).verify(&made.path(".ova")).unwrap().is_clean());
}

#[test]
fn disks_of_every_size_and_sector_are_clean() {
    let of_size = |size: &str| format!(r#"{{"boot": "none", "disk_size": "{size}"}}"#);
    let disks: [(Container, &str); 8] = [
        // The last block is not all the disk's.
        (("vhd", false, &[], ".vhd"), &of_size("33M")),
        (("vhd", false, FIXED, ".vhd"), &of_size("33M")),
        (("vhdx", false, &[("block-size", "32M")], ".vhdx"), &of_size("33M")),
        (("vhdx", false, &[], ".vhdx"), r#"{"boot": "none", "disk_size": "64M", "sector_size": 4096}"#),
        // Entries of sector bitmaps come between those of blocks.
        (("vhdx", false, &[], ".vhdx"), &of_size("5G")),
        (("vhdx", false, &[("block-size", "256M")], ".vhdx"), &of_size("9G")),
        (("vhd", false, &[], ".vhd"), &of_size("5G")),
        (("gce", true, &[], ".tar.gz"), &of_size("3G")),
    ];
    for (container, profile) in disks {
        let (format, compress, options, suffix) = container;
        let made = Made::of(Arc::new(Rich::new()), format, compress, options, profile);
        let outcome = verifier(&made).verify(&made.path(suffix)).unwrap();
        let first = &outcome.findings[..outcome.findings.len().min(4)];
        assert!(outcome.is_clean(), "{container:?} {profile}: {first:#?}");
    }
}

#[test]
fn a_box_of_a_machine_with_uefi_is_clean() {
    let tree = Arc::new(Rich::with_uefi());
    let profile = r#"{"boot": "optional", "firmware": "uefi", "disk_size": "1G", "memory": "2G", "cpus": 3}"#;
    let made = Made::of(Arc::clone(&tree) as _, "vagrant", true, &[], profile);
    assert_eq!(made.report.machine.firmware, "uefi");
    let scan = Scan::new(vec![tree], Whiteouts::Plain);
    let verifier = Verifier::new(made.report.clone()).with_scan(&scan).unwrap();
    let outcome = verifier.verify(&made.path(".box")).unwrap();
    assert!(outcome.is_clean(), "{:#?}", &outcome.findings[..outcome.findings.len().min(4)]);
}

/// Where a container has its own structures: so many bytes at its start and at its end. Packed data is left out: bits of it
/// may flip without changing what it holds.
fn structures((format, compress, options, _): Container) -> (usize, usize) {
    match (format, compress) {
        // Header; tables of L2, L1 and refcounts.
        ("qcow2", true) if options.contains(&("cluster-size", "2M")) => (2 << 20, 8 << 20),
        ("qcow2", true) => (64 << 10, 256 << 10),
        // Header and descriptor; the last table, directory, footer, end.
        ("vmdk", true) => (64 << 10, 9 * 512),
        ("vdi" | "virtualbox", false) => (2 << 20, 0),
        _ => (128 << 10, 128 << 10),
    }
}

fn structure_offsets(file: &[u8], container: Container) -> Vec<usize> {
    let (head, tail) = structures(container);
    let is_structure = |at: usize| at < head || at + tail >= file.len();
    let holds =
        |at: usize| file[at / 64 * 64..file.len().min(at / 64 * 64 + 64)].iter().any(|byte| *byte != 0);
    let is_wanted = |at: &usize| {
        is_structure(*at) && if holds(*at) { at.is_multiple_of(7) } else { at.is_multiple_of(4099) }
    };
    (0..file.len()).filter(is_wanted).collect()
}

#[test]
fn a_byte_flipped_in_the_structures_of_a_container_is_found() {
    for container in CONTAINERS {
        let (format, compress, options, suffix) = container;
        // Of raw disks the mutation of disks has every byte; of the others there is a test of their own.
        if matches!(format, "raw" | "vhd" | "vhdx" | "gce" | "vagrant") {
            continue;
        }
        let made = made(container);
        let path = disk_file(&made, suffix);
        let verifier = verifier(&made).with_own_digests(OwnDigests::Skip);
        let bytes = std::fs::read(&path).unwrap();
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        let offsets = structure_offsets(&bytes, container);
        let mut unnoticed = Vec::new();
        for at in offsets.iter().copied().step_by(1 + offsets.len() / 250) {
            file.write_all_at(&[bytes[at] ^ 0x11], at as u64).unwrap();
            if verifier.verify(&made.path(suffix)).is_ok_and(|outcome| outcome.is_clean()) {
                unnoticed.push(at);
            }
            file.write_all_at(&bytes[at..=at], at as u64).unwrap();
        }
        assert!(unnoticed.is_empty(), "{format} {compress} {options:?}: {unnoticed:x?}");
    }
}

#[test]
fn every_truncation_is_an_error_and_never_a_panic() {
    for container in CONTAINERS {
        let suffix = container.3;
        let made = made(container);
        let path = disk_file(&made, suffix);
        let verifier = verifier(&made).with_own_digests(OwnDigests::Skip);
        let len = std::fs::metadata(&path).unwrap().len();
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        let step = (len / 97).max(1);
        // What is in gzip is unpacked up to the cut.
        let few = if suffix.ends_with(".gz") { 23 } else { 1 };
        for cut in (1..600).step_by(few).chain((600..len).step_by(few * usize::try_from(step).unwrap())) {
            file.set_len(len - cut.min(len)).unwrap();
            assert_noticed(&verifier, &made.path(suffix), cut);
        }
    }
}

fn assert_noticed(verifier: &Verifier, path: &Path, cut: u64) {
    let outcome = verifier.verify(path);
    assert!(
        !outcome.is_ok_and(|outcome| outcome.is_clean()),
        "{} without its last {cut} bytes",
        path.display()
    );
}
