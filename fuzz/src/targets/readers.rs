//! The verifier's readers: of containers, of disks, of reports and lists. What is changed is an error or a finding, or
//! changes nothing that is read.

use std::io::{self, Write};

use arbitrary::{Arbitrary, Unstructured};
use diskwright::tree::Whiteouts;
use diskwright::{Error, ErrorKind, ReadAt};
use diskwright_verify::{Disk, FileDigests, ImageReport, Outcome, OwnDigests, Scan, Verifier};

use crate::images::{RawDisk, images, raw_disk};
use crate::patch::{Base, Patch};
use crate::target::Reach;

/// The bytes as changes to one file of an image, which is opened and read.
pub(crate) fn container(bytes: &[u8]) -> Reach {
    #[derive(Arbitrary, Debug)]
    struct Input {
        image: u8,
        file: u8,
        patches: Vec<Patch>,
    }
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(bytes)) else { return Reach::Refused };
    let image = &images()[usize::from(input.image) % images().len()];
    let changed = usize::from(input.file) % image.files.len();
    let folder = tempfile::tempdir().unwrap();
    for (at, (name, base)) in image.files.iter().enumerate() {
        let bytes = if at == changed { base.patched(&input.patches) } else { base.bytes.clone() };
        write(&folder.path().join(name), &bytes, image.is_gzip);
    }
    let verifier = Verifier::new(image.report.clone());
    let opened = verifier.open(&folder.path().join(&image.files[0].0));
    let Ok((disk, _)) = opened.inspect_err(refused) else { return Reach::Refused };
    let mut at = 0;
    let mut buffer = vec![0; 64 << 10];
    // Reading may fail, where a table leads nowhere.
    while at < disk.size() {
        let next = disk.next_data(at);
        assert!(next >= at, "data before {at} was found: {next}");
        at = next / PIECE * PIECE;
        let len = PIECE.min(disk.size().saturating_sub(at)) as usize;
        if disk.read_exact_at(at, &mut buffer[..len]).is_err() {
            return Reach::Refused;
        }
        at += PIECE;
    }
    Reach::Whole
}

fn write(path: &std::path::Path, bytes: &[u8], is_gzip: bool) {
    let mut packed = Vec::new();
    if is_gzip {
        let mut encoder = flate2::write::GzEncoder::new(&mut packed, flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap();
    }
    // Holes as they would be on a disk.
    let content = if is_gzip { &packed } else { bytes };
    std::fs::write(path, content).unwrap();
}

/// The bytes as changes to a raw disk with file systems, which is compared with its scan.
pub(crate) fn disk(bytes: &[u8]) -> Reach {
    let Ok(patches) = Vec::<Patch>::arbitrary_take_rest(Unstructured::new(bytes)) else {
        return Reach::Refused;
    };
    let RawDisk { base, report, tree, .. } = raw_disk();
    let scan = Scan::new(vec![std::sync::Arc::clone(tree) as _], Whiteouts::Plain);
    let verifier = Verifier::new(report.clone()).with_own_digests(OwnDigests::Skip).with_scan(&scan).unwrap();
    let changed = Changed { base, overlay: base.overlay(&patches) };
    let outcome = verifier.verify_disk("disk", &changed);
    let is_changed = changed.overlay.iter().any(|(at, _)| changed.differs(*at));
    let reach = Reach::of(outcome.is_ok());
    match outcome.inspect_err(refused) {
        Ok(outcome) if outcome.is_clean() => {
            assert!(!is_changed, "a change was not found: {:x?}", changed.overlay)
        }
        Ok(outcome) => assert!(is_changed, "found where nothing is changed: {:#?}", outcome.findings),
        Err(_) => assert!(is_changed, "an error where nothing is changed"),
    }
    reach
}

/// The bytes as changes to a report and a list of digests, by which an unchanged disk is verified.
pub(crate) fn report(bytes: &[u8]) -> Reach {
    let Ok((report, list)) = <(Vec<Patch>, Vec<Patch>)>::arbitrary_take_rest(Unstructured::new(bytes)) else {
        return Reach::Refused;
    };
    let RawDisk { base, json, digests, .. } = raw_disk();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list");
    std::fs::write(&path, digests.patched(&list)).unwrap();
    let verify = || -> Result<Outcome, Error> {
        let report = ImageReport::from_json(&json.patched(&report))?;
        let verifier = Verifier::new(report).with_own_digests(OwnDigests::Skip);
        let disk = Changed { base, overlay: Vec::new() };
        verifier.with_digests(FileDigests::open(&path)?).verify_disk("disk", &disk)
    };
    Reach::of(verify().inspect_err(refused).is_ok())
}

fn refused(error: &Error) {
    assert_ne!(error.kind(), ErrorKind::Internal, "{error}");
}

/// A disk in memory of which some bytes are others.
struct Changed<'a> {
    base: &'a Base,
    overlay: Vec<(usize, Vec<u8>)>,
}

impl Changed<'_> {
    /// Whether something in the line at `at` is not as in the base.
    fn differs(&self, at: usize) -> bool {
        let mut line = vec![0; 256.min(self.base.bytes.len() - at)];
        self.read_exact_at(at as u64, &mut line).is_ok() && line != self.base.bytes[at..at + line.len()]
    }
}

impl ReadAt for Changed<'_> {
    fn size(&self) -> u64 {
        self.base.bytes.len() as u64
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let end = start.checked_add(buf.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        buf.copy_from_slice(self.base.bytes.get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?);
        for (at, bytes) in &self.overlay {
            let (from, to) = (start.max(*at), end.min(at + bytes.len()));
            if from < to {
                buf[from - start..to - start].copy_from_slice(&bytes[from - at..to - at]);
            }
        }
        Ok(())
    }
}

impl Disk for Changed<'_> {
    fn next_data(&self, from: u64) -> u64 {
        self.base.next_line(from)
    }
}

const PIECE: u64 = 64 << 10;
