//! What differs between an image and a scan is named by its path.

use std::sync::Arc;

use diskwright::scan::EntryObject;
use diskwright::tree::Whiteouts;
use diskwright_verify::{FileDigests, Finding, OwnDigests, Scan, Verifier};

use crate::rich::Rich;
use crate::support::{Made, PROFILE, list_of};

/// What is found when the image is of one tree and the scan another.
fn findings(change: impl FnOnce(&mut Rich)) -> Vec<Finding> {
    let made = Made::of(Arc::new(Rich::new()), "raw", false, &[], PROFILE);
    let mut tree = Rich::new();
    change(&mut tree);
    let scan = Scan::new(vec![Arc::new(tree.clone())], Whiteouts::Plain);
    let by =
        |verifier: Verifier| verifier.with_own_digests(OwnDigests::Skip).verify(&made.path(".raw")).unwrap();
    let by_scan = by(Verifier::new(made.report.clone()).with_scan(&scan).unwrap()).findings;
    // A list of digests finds the same.
    let list = list_of(Arc::new(tree));
    let path = made.folder.path().join("list");
    std::fs::write(&path, list).unwrap();
    let by_list =
        by(Verifier::new(made.report.clone()).with_digests(FileDigests::open(&path).unwrap())).findings;
    let places = |findings: &[Finding]| -> Vec<_> {
        findings.iter().map(|finding| (finding.code, finding.path.clone())).collect()
    };
    assert_eq!(places(&by_scan), places(&by_list), "{by_scan:#?} {by_list:#?}");
    by_scan
}

#[test]
fn an_image_of_its_own_scan_is_clean() {
    assert_eq!(findings(|_| {}), []);
}

#[test]
fn every_attribute_that_differs_is_named_with_partition_and_path() {
    type Change = fn(&mut Rich);
    let changes: [(&str, &str, Change); 12] = [
        ("mode", "/etc/passwd", |tree| tree.entry("etc/passwd").attributes.mode = 0o644),
        ("owner", "/var/two-blocks", |tree| tree.entry("var/two-blocks").attributes.uid = 70_001),
        ("owner", "/var", |tree| tree.entry("var").attributes.gid = 1 << 20),
        ("mtime", "/", |tree| tree.entry("").attributes.mtime.seconds += 1),
        ("mtime", "/var/pipe", |tree| tree.entry("var/pipe").attributes.mtime.nanos += 1),
        ("flags", "/etc/empty", |tree| tree.entry("etc/empty").attributes.flags = 0x40),
        ("xattr", "/etc/passwd", |tree| tree.entry("etc/passwd").attributes.xattrs[1].1[699] = b'w'),
        ("xattr", "/etc/passwd", |tree| tree.entry("etc/passwd").attributes.xattrs[2].1[14] = 4),
        ("xattr", "/etc/empty", |tree| tree.entry("etc/empty").attributes.xattrs.clear()),
        ("kind", "/var/long", |tree| tree.entry("var/long").object = EntryObject::Symlink(vec![b'l'; 201])),
        ("kind", "/var/tty", |tree| tree.entry("var/tty").object = EntryObject::Fifo),
        ("content", "/var/fragments", |tree| {
            let fragments = tree.contents.last_mut().unwrap();
            let mut bytes = fragments.to_vec();
            bytes[5 * 8192 + 4095] ^= 1;
            *fragments = bytes.into();
        }),
    ];
    for (code, path, change) in changes {
        let found = findings(change);
        assert!(
            matches!(&found[..], [one] if (one.code, one.path.as_deref(), one.partition) == (code, Some(path), Some(1))),
            "{code} {path}: {found:#?}"
        );
    }
}

#[test]
fn entries_too_few_and_too_many_are_named() {
    let found = findings(|tree| tree.entries.retain(|entry| entry.path != b"var/pipe"));
    assert!(
        matches!(&found[..], [one] if one.code == "unexpected-entry" && one.path.as_deref() == Some("/var/pipe"))
    );
    let found = findings(|tree| {
        let mut more = tree.entry("var/pipe").clone();
        more.path = b"var/zzz".to_vec();
        tree.entries.push(more);
    });
    assert!(
        matches!(&found[..], [one] if one.code == "missing-entry" && one.path.as_deref() == Some("/var/zzz"))
    );
    let found = findings(|tree| {
        let content = tree.entry("etc/passwd").object.clone();
        let attributes = tree.entry("etc/passwd").attributes.clone();
        let again = tree.entry("var/again");
        (again.object, again.attributes) = (content, attributes);
    });
    assert!(
        found.iter().any(|one| one.code == "hard-link" && one.path.as_deref() == Some("/var/again")),
        "{found:#?}"
    );
}
