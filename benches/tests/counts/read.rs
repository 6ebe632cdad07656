//! Each byte of the source is read once, however many formats an order has and wherever the tree comes from.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use diskwright::engine::{Engine, Order, Report};
use diskwright::format::TargetFormat;
use diskwright::layout::DiskLayout;
use diskwright::scan::{Entry, EntryObject, ScanSource, ScanSummary, ScanVisitor, SourceContent};
use diskwright::{FileOp, Files, Gate, Monitor, ReadAt, Result};
use diskwright_benches::{Corpus, CountingSink, Origin, Place, Scenario, Stage, corpora};

use crate::ranges::{Covered, Ranges};

#[test]
fn each_byte_of_every_corpus_is_read_once_by_all_formats_together() {
    for corpus in corpora() {
        let expected = files_of(corpus);
        for (form, compress) in [("stored", false), ("compressed", true)] {
            let reads = Ranges::default();
            let source = Arc::new(Counted { source: Arc::new(corpus), reads: reads.clone() });
            // Two forms of one format would have one name.
            let mut formats = formats(compress);
            formats.dedup_by_key(|format| format.info().id);
            let (report, disks) = run(corpus, source, formats);
            assert_eq!(reads.covered(), expected, "{corpus:?}, {form}");
            assert_eq!(report.run.bytes_read, touched(&disks), "{corpus:?}, {form}");
        }
    }
}

#[test]
fn each_byte_is_read_once_by_every_format_alone() {
    let corpus = Corpus::ManySmall;
    let expected = files_of(corpus);
    for format in [formats(false), formats(true)].concat() {
        let reads = Ranges::default();
        let source = Arc::new(Counted { source: Arc::new(corpus), reads: reads.clone() });
        let (report, disks) = run(corpus, source, vec![Arc::clone(&format)]);
        assert_eq!(reads.covered(), expected, "{format:?}");
        assert_eq!(report.run.bytes_read, touched(&disks), "{format:?}");
    }
}

#[test]
fn each_byte_of_a_directory_is_read_once_from_its_file() {
    let corpus = Corpus::ManySmall;
    let place = Place::new(corpus).unwrap();
    let mut reads = run_from_files(&place, Origin::Directory);
    // Directories are read, too.
    reads.retain(|path, _| Path::new(path).is_file());
    assert_eq!(reads.len(), files_of(corpus).len());
    for (path, read) in &reads {
        let len = Path::new(path).metadata().unwrap().len();
        assert_eq!(*read, Covered { moved: len, union: vec![(0, len)] }, "{path}");
    }
}

/// The scan passes over small contents in the buffer in which it finds the headers; else it reads only those.
#[test]
fn an_archive_is_passed_over_once_and_each_byte_of_content_then_read_once() {
    for corpus in [Corpus::Programs, Corpus::ManySmall] {
        let place = Place::new(corpus).unwrap();
        let of_archive = |reads: BTreeMap<String, Covered>| {
            assert_eq!(reads.len(), 1);
            reads.into_values().next().unwrap()
        };
        let planned = of_archive(plan_from_files(&place, Origin::Archive));
        let written = of_archive(run_from_files(&place, Origin::Archive));
        assert!(planned.moved <= planned.bytes() + HEAD, "{corpus:?}: {planned:?}");
        assert_eq!(written.moved - planned.moved, corpus.size(), "{corpus:?}");
    }
}

/// Of each file what must be read, once.
fn files_of(corpus: Corpus) -> BTreeMap<String, Covered> {
    let mut files = BTreeMap::new();
    corpus
        .scan(&mut |entry: Entry| {
            if let EntryObject::File { content, size, data } = entry.object {
                let ranges: Vec<(u64, u64)> = match data {
                    Some(data) => data.iter().map(|range| (range.offset, range.offset + range.len)).collect(),
                    None => vec![(0, size)],
                };
                if size > 0 {
                    files.insert(content.0.to_string(), Covered::of(&ranges));
                }
            }
            Ok(())
        })
        .unwrap();
    files
}

/// Every format's form, stored or compressed.
fn formats(compress: bool) -> Vec<Arc<dyn TargetFormat>> {
    let scenarios = Stage::WriteFormat.scenarios();
    let forms = scenarios.iter().filter(|one| one.corpus == Corpus::Words && one.compress == compress);
    forms.map(|scenario| scenario.configure().unwrap()).collect()
}

fn run(
    corpus: Corpus,
    source: Arc<dyn ScanSource>,
    formats: Vec<Arc<dyn TargetFormat>>,
) -> (Report, Vec<DiskLayout>) {
    let engine = Engine::new().with_threads(3);
    let scenario = Scenario::new(corpus, "raw");
    let one = Arc::clone(&formats[0]);
    let mut order = scenario.order(source, one).unwrap();
    order.targets = formats;
    let disks = engine.plan(&order, &Monitor::new()).unwrap().disks().to_vec();
    (engine.run(&order, Box::new(CountingSink::new()), &Monitor::new()).unwrap(), disks)
}

/// What of each file on this machine is read by a generation.
fn run_from_files(place: &Place, origin: Origin) -> BTreeMap<String, Covered> {
    read_from_files(place, origin, |engine, order| {
        engine.run(order, Box::new(CountingSink::new()), &Monitor::new()).unwrap();
    })
}

/// What of each file on this machine is read by a plan.
fn plan_from_files(place: &Place, origin: Origin) -> BTreeMap<String, Covered> {
    read_from_files(place, origin, |engine, order| drop(engine.plan(order, &Monitor::new()).unwrap()))
}

fn read_from_files(
    place: &Place,
    origin: Origin,
    read: impl FnOnce(&Engine, &Order),
) -> BTreeMap<String, Covered> {
    let reads = Ranges::default();
    let source = place.source(origin, Files::gated(Arc::new(ReadGate(reads.clone())))).unwrap();
    let scenario = Scenario::new(Corpus::Words, "raw");
    read(&Engine::new().with_threads(3), &scenario.order(source, scenario.configure().unwrap()).unwrap());
    reads.covered()
}

/// Bytes of the disks' mebibytes that are not known to be zero: what a reader in such items has to read.
fn touched(disks: &[DiskLayout]) -> u64 {
    const ITEM: u64 = 1 << 20;
    let of_disk = |disk: &DiskLayout| -> u64 {
        let data = disk.regions().filter(|region| !region.is_zero);
        let items = data
            .map(|region| (region.start / ITEM * ITEM, (region.start + region.len).div_ceil(ITEM) * ITEM));
        let clipped: Vec<(u64, u64)> = items.map(|(start, end)| (start, end.min(disk.size()))).collect();
        Covered::of(&clipped).bytes()
    };
    disks.iter().map(of_disk).sum()
}

/// A source that notes what is read of its files.
struct Counted {
    source: Arc<dyn ScanSource>,
    reads: Ranges,
}

struct CountedFile {
    file: Arc<dyn ReadAt>,
    name: String,
    reads: Ranges,
}

impl ScanSource for Counted {
    fn scan(&self, visitor: &mut dyn ScanVisitor) -> Result<ScanSummary> {
        self.source.scan(visitor)
    }

    fn open(&self, content: SourceContent) -> Result<Arc<dyn ReadAt>> {
        let file = self.source.open(content)?;
        Ok(Arc::new(CountedFile { file, name: content.0.to_string(), reads: self.reads.clone() }))
    }
}

impl ReadAt for CountedFile {
    fn size(&self) -> u64 {
        self.file.size()
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.reads.note(&self.name, offset, buf.len() as u64);
        self.file.read_exact_at(offset, buf)
    }
}

/// Notes what is read of every file on this machine.
struct ReadGate(Ranges);

impl Gate for ReadGate {
    fn admit(&self, op: &FileOp<'_>) -> io::Result<usize> {
        if let FileOp::ReadAt { path, offset, len } = op {
            self.0.note(&path.to_string_lossy(), *offset, *len as u64);
        }
        Ok(usize::MAX)
    }
}

/// Bytes at an archive's start from which its packing is told.
const HEAD: u64 = 512;
