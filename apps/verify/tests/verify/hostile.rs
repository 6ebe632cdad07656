//! Files that mean harm are errors or findings, never a panic, and cost no memory that they only claim.

use std::sync::{Arc, OnceLock};

use diskwright::BytesReader;
use diskwright_verify::{FileDigests, ImageReport, OwnDigests, Verifier};
use proptest::prelude::*;

use crate::rich::Rich;
use crate::support::{Base, Flipped, Made, PROFILE};

/// A small raw disk, and its report.
fn made() -> &'static (Vec<u8>, ImageReport) {
    static MADE: OnceLock<(Vec<u8>, ImageReport)> = OnceLock::new();
    MADE.get_or_init(|| {
        let made = Made::of(Arc::new(Rich::new()), "raw", false, &[], PROFILE);
        (std::fs::read(made.path(".raw")).unwrap(), made.report)
    })
}

fn verifier() -> Verifier {
    Verifier::new(made().1.clone()).with_own_digests(OwnDigests::Skip)
}

const MAGICS: [&[u8]; 9] = [
    b"",
    b"QFI\xfb\0\0\0\x03",
    b"<<< Oracle VM VirtualBox Disk Image >>>\n",
    b"KDMV\x01\0\0\0\x03\0\0\0",
    b"KDMV\x03\0\0\0\x01\0\x03\0",
    b"\x1f\x8b\x08\0\0\0\0\0\0\xff",
    b"\x28\xb5\x2f\xfd",
    b"# Disk DescriptorFile\n",
    b"<?xml version=\"1.0\"?><VirtualBox",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_after_a_magic_never_panic(kind in 0..MAGICS.len(), body in prop::collection::vec(any::<u8>(), 0..9000)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("small.image");
        std::fs::write(&path, [MAGICS[kind], &body].concat()).unwrap();
        let outcome = verifier().verify(&path);
        prop_assert!(!outcome.is_ok_and(|outcome| outcome.is_clean()));
    }

    #[test]
    fn structures_overwritten_at_random_never_panic(places in prop::collection::vec((any::<prop::sample::Index>(), any::<[u8; 8]>()), 1..40)) {
        let (bytes, _) = made();
        let mut bytes = bytes.clone();
        // Where something stands: there are the structures.
        let lines: Vec<usize> = (0..bytes.len() / 64).filter(|line| bytes[line * 64..][..64].iter().any(|byte| *byte != 0)).collect();
        for (place, value) in places {
            let at = lines[place.index(lines.len())] * 64 + usize::from(value[0] % 57);
            bytes[at..at + 8].copy_from_slice(&value);
        }
        let base = Base::new(bytes);
        let _ = verifier().verify_disk("disk", &Flipped { base: &base, at: 0, mask: 0 });
    }

    #[test]
    fn reports_and_lists_of_anything_never_panic(text in "\\PC{0,200}") {
        let _ = ImageReport::from_json(text.as_bytes());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        std::fs::write(&path, format!("{{\"schema\": \"diskwright-files/1\"}}\n{text}\n")).unwrap();
        let verifier = verifier().with_digests(FileDigests::open(&path).unwrap());
        let disk = BytesReader(Arc::from(made().0.as_slice()));
        let outcome = verifier.verify_disk("disk", &disk);
        prop_assert!(outcome.is_err() || text.is_empty() || !outcome.unwrap().is_clean());
    }
}

#[test]
fn a_list_is_refused_that_is_cut_off_or_out_of_order() {
    let folder = tempfile::tempdir().unwrap();
    let list = crate::support::list_of(Arc::new(Rich::new()));
    let path = folder.path().join("list");
    let verify = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let digests = FileDigests::open(&path)?;
        let disk = BytesReader(Arc::from(made().0.as_slice()));
        verifier().with_digests(digests).verify_disk("disk", &disk)
    };
    assert!(verify(&list).unwrap().is_clean());
    for cut in (0..list.len()).step_by(41) {
        let outcome = verify(&list[..cut]);
        assert!(!outcome.is_ok_and(|outcome| outcome.is_clean()), "the first {cut} bytes");
    }
    let mut lines: Vec<&[u8]> = list.split_inclusive(|byte| *byte == b'\n').collect();
    lines.swap(3, 4);
    assert!(verify(&lines.concat()).unwrap_err().to_string().contains("not in the order of a tree"));
}
