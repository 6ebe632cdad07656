//! How often a file is read, whatever it says.

use std::sync::atomic::{AtomicUsize, Ordering};

use diskwright_core::{ErrorKind, ReadAt};
use diskwright_lint::{Alone, Report, lint_source};

use crate::support::{broken, ova, packed, reader, vhd, vmdk};

/// A file that counts how often it is read, and fails after so many times.
struct Counted {
    bytes: Vec<u8>,
    reads: AtomicUsize,
    most: usize,
}

impl Counted {
    fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, reads: AtomicUsize::new(0), most: usize::MAX }
    }

    fn lint(&self, name: &str) -> diskwright_core::Result<Report> {
        lint_source(name, self, &Alone)
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::Relaxed)
    }
}

impl ReadAt for Counted {
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> std::io::Result<()> {
        if self.reads.fetch_add(1, Ordering::Relaxed) >= self.most {
            return Err(std::io::Error::other("time is up"));
        }
        reader(&self.bytes).read_exact_at(offset, buf)
    }
}

#[test]
fn a_vhd_whose_blocks_all_lie_in_one_place_is_read_once() {
    let bytes = vhd::dynamic_in_one_place().files["disk.vhd"].clone();
    let file = Counted::new(bytes);
    let report = file.lint("disk.vhd").unwrap();
    assert_eq!(broken(&report), ["vhd-azure-type", "vhd-block-overlap"]);
    // Of the sectors of one block alone there are 32, and 128 entries name it.
    let reads = file.reads();
    assert!(reads < 32, "{reads} reads");
}

#[test]
fn a_sparse_vmdk_whose_tables_all_lie_in_one_place_is_read_once() {
    let bytes = vmdk::sparse_of(128 * vmdk::TABLE_SECTORS, &[22; 128], &[27; 128]).files["disk.vmdk"].clone();
    let file = Counted::new(bytes);
    let report = file.lint("disk.vmdk").unwrap();
    assert_eq!(broken(&report), ["vmdk-grain-overlap"]);
    assert_eq!(
        report.findings.len() as u64 + report.unlisted,
        127,
        "one for each entry, none for each grain"
    );
    let reads = file.reads();
    assert!(reads < 32, "{reads} reads");
}

#[test]
fn a_packed_archive_is_unpacked_to_be_judged_and_to_be_listed() {
    let disk = ova::Member { is_gnu: true, ..ova::Member::new("disk.raw", vec![7; 20 << 20]) };
    let bytes = packed::gzip_stored(&ova::tar(&[disk]));
    let pass = bytes.len() / (64 << 10);
    let file = Counted::new(bytes);
    let report = file.lint("disk.tar.gz").unwrap();
    assert_eq!(broken(&report), ["gce-boot-record", "gce-disk-size"]);
    let reads = file.reads();
    assert!(reads < pass * 5 / 2, "{reads} reads, {pass} to unpack it once");
}

#[test]
fn a_source_that_fails_ends_the_unpacking() {
    // Of 200 MiB, with which three pieces of the file come.
    let mut file = Counted::new(packed::gzip(&vec![0; 200 << 20]));
    assert_eq!(broken(&file.lint("disk").unwrap()), [""; 0]);
    file = Counted { most: 2, ..Counted::new(file.bytes) };
    let error = file.lint("disk").unwrap_err();
    assert_eq!((error.kind(), file.reads()), (ErrorKind::Source, 3), "{error}");
}
