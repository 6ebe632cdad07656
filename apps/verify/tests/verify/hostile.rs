//! Files that mean harm are errors or findings, never a panic, and cost no memory that they only claim.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use diskwright::BytesReader;
use diskwright_verify::{FileDigests, ImageReport, OwnDigests, Verifier};
use proptest::prelude::*;

use crate::containers::{self, CONTAINERS, Container};
use crate::every_byte::{pack, unpacked};
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

const MAGICS: [&[u8]; 12] = [
    b"",
    b"QFI\xfb\0\0\0\x03",
    b"<<< Oracle VM VirtualBox Disk Image >>>\n",
    b"KDMV\x01\0\0\0\x03\0\0\0",
    b"KDMV\x03\0\0\0\x01\0\x03\0",
    b"\x1f\x8b\x08\0\0\0\0\0\0\xff",
    b"\x28\xb5\x2f\xfd",
    b"# Disk DescriptorFile\n",
    b"<?xml version=\"1.0\"?><VirtualBox",
    b"conectix",
    b"vhdxfile",
    &TAR,
];

/// A tar header as far as its magic, of a file of 8 bytes.
const TAR: [u8; 262] = {
    let mut header = [0; 262];
    let parts: [(usize, &[u8]); 3] = [(0, b"disk.raw"), (124, b"00000000010"), (257, b"ustar")];
    let mut part = 0;
    while part < parts.len() {
        let (at, bytes) = parts[part];
        let mut byte = 0;
        while byte < bytes.len() {
            header[at + byte] = bytes[byte];
            byte += 1;
        }
        part += 1;
    }
    header
};

/// An image whose structures are few.
struct Image {
    report: ImageReport,
    name: String,
    /// What is in gzip, or the file itself.
    bytes: Vec<u8>,
}

impl Image {
    /// Writes the image with other bytes.
    fn write(&self, folder: &Path, bytes: &[u8]) -> PathBuf {
        let path = folder.join(&self.name);
        let file = if self.name.ends_with(".gz") { &pack(bytes) } else { bytes };
        std::fs::write(&path, file).unwrap();
        path
    }
}

fn images() -> &'static [Image] {
    static IMAGES: OnceLock<Vec<Image>> = OnceLock::new();
    IMAGES.get_or_init(|| {
        let is_wanted = |(format, compress, _, _): &Container| {
            matches!((*format, *compress), ("vhd" | "vhdx", false) | ("gce" | "vagrant", _))
        };
        let image = |container: Container| {
            let made = containers::made(container);
            let path = made.path(container.3);
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let bytes = unpacked(&std::fs::read(path).unwrap());
            Image { report: made.report, name, bytes }
        };
        CONTAINERS.into_iter().filter(is_wanted).map(image).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_after_a_magic_never_panic(kind in 0..MAGICS.len(), body in prop::collection::vec(any::<u8>(), 0..9000)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("small.image");
        std::fs::write(&path, [MAGICS[kind], &body].concat()).unwrap();
        let outcome = verifier().verify(&path);
        prop_assert!(!outcome.is_ok_and(|outcome| outcome.is_clean()));
        let again = [("small.image.gz", pack(&[MAGICS[kind], &body].concat())), ("small.box", [MAGICS[kind], &body].concat())];
        for (name, bytes) in again {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            let outcome = verifier().verify(&path);
            prop_assert!(!outcome.is_ok_and(|outcome| outcome.is_clean()));
        }
    }

    #[test]
    fn containers_overwritten_at_random_never_panic(kind in any::<prop::sample::Index>(), places in prop::collection::vec((any::<prop::sample::Index>(), any::<[u8; 8]>()), 1..10)) {
        let image = kind.get(images());
        let mut bytes = image.bytes.clone();
        // The structures stand at the beginning and at the end.
        let is_structure = |line: usize| line < 1 << 16 || (line + 2) * 64 > bytes.len();
        let holds = |line: &usize| is_structure(*line) && bytes[line * 64..][..64].iter().any(|byte| *byte != 0);
        let lines: Vec<usize> = (0..bytes.len() / 64).filter(holds).collect();
        for (place, value) in places {
            let at = lines[place.index(lines.len())] * 64 + usize::from(value[0] % 57);
            bytes[at..at + 8].copy_from_slice(&value);
        }
        let folder = tempfile::tempdir().unwrap();
        let path = image.write(folder.path(), &bytes);
        let _ = Verifier::new(image.report.clone()).with_own_digests(OwnDigests::Skip).verify(&path);
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

#[test]
fn a_report_of_a_disk_of_any_size_never_panics() {
    let folder = tempfile::tempdir().unwrap();
    for image in images() {
        let path = image.write(folder.path(), &image.bytes);
        for size in [0, 1, 511, 1 << 20, 1 << 41, 1 << 46, 1 << 62, u64::MAX - 511, u64::MAX] {
            for sector_size in [0, 1, 512, u64::MAX] {
                let mut report = image.report.clone();
                (report.disks[0].size, report.disks[0].sector_size) = (size, sector_size);
                let verifier = Verifier::new(report).with_own_digests(OwnDigests::Skip);
                let outcome = verifier.verify(&path);
                assert!(
                    !outcome.is_ok_and(|outcome| outcome.is_clean()),
                    "{} {size} {sector_size}",
                    image.name
                );
            }
        }
    }
}
