//! However many formats an order has, each byte of the scan is read once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Result, ensure};
use diskwright::engine::{Engine, Order, Report};
use diskwright::format::TargetFormat;
use diskwright::profile::{BootPolicy, Profile};
use diskwright::scan::{Entry, EntryObject, ScanSource, ScanSummary, ScanVisitor, SourceContent};
use diskwright::sink::MemorySink;
use diskwright::{Monitor, ReadAt, Seed, Timestamp};
use diskwright_conformance::corpus::{Shape, Tree};

#[test]
fn each_byte_of_the_scan_is_read_once_for_any_number_of_formats() -> Result<()> {
    let registry = diskwright::builtin_registry()?;
    let stored = ["raw", "qcow2", "vdi", "vhd", "vhdx", "vmdk", "virtualbox", "vmware"];
    let packed = ["raw", "qcow2", "vhd", "vhdx", "gce", "vagrant", "vmdk", "virtualbox", "vmware"];
    for seed in [3, 4] {
        let tree = Tree::random(seed, Shape::Host);
        let content = content_of(&tree);
        ensure!(content > 0, "the tree of seed {seed} has no content");
        let mut single = None;
        for (formats, compress) in [(&stored[..1], false), (&stored[..], false), (&packed[..], true)] {
            let targets =
                formats.iter().map(|id| registry.configure(id, compress, &[])).collect::<Result<_, _>>()?;
            let counter = Arc::new(AtomicU64::new(0));
            let report = run(&tree, targets, &counter)?;
            let read = counter.load(Ordering::Relaxed);
            ensure!(read == content, "{formats:?}: {read} bytes of {content} were read");
            let of_disk = *single.get_or_insert(report.run.bytes_read);
            ensure!(report.run.bytes_read == of_disk, "{formats:?}: {} of the disk", report.run.bytes_read);
        }
    }
    Ok(())
}

/// Bytes of all files, holes left out, hard links counted once.
fn content_of(tree: &Tree) -> u64 {
    let bytes = |entry: &Entry| match &entry.object {
        EntryObject::File { data: Some(ranges), .. } => ranges.iter().map(|range| range.len).sum(),
        EntryObject::File { size, .. } => *size,
        _ => 0,
    };
    tree.entries().iter().map(bytes).sum()
}

fn run(tree: &Tree, targets: Vec<Arc<dyn TargetFormat>>, counter: &Arc<AtomicU64>) -> Result<Report> {
    let scan = Counted { tree: tree.clone(), counter: Arc::clone(counter) };
    let profile = Profile { boot: Some(BootPolicy::None), ..Profile::default() };
    let time = Timestamp::from_seconds(1_700_000_000);
    let order = Order::new(Arc::new(scan), targets, "counted", Seed::from_text("counted"), time)
        .with_profile(profile);
    Ok(Engine::new().with_threads(3).run(&order, Box::new(MemorySink::new()), &Monitor::new())?)
}

/// A scan that counts the bytes which are read of its files.
struct Counted {
    tree: Tree,
    counter: Arc<AtomicU64>,
}

impl ScanSource for Counted {
    fn scan(&self, visitor: &mut dyn ScanVisitor) -> diskwright::Result<ScanSummary> {
        self.tree.scan(visitor)
    }

    fn open(&self, content: SourceContent) -> diskwright::Result<Arc<dyn ReadAt>> {
        let content = self.tree.open(content)?;
        Ok(Arc::new(CountedContent { content, counter: Arc::clone(&self.counter) }))
    }
}

struct CountedContent {
    content: Arc<dyn ReadAt>,
    counter: Arc<AtomicU64>,
}

impl ReadAt for CountedContent {
    fn size(&self) -> u64 {
        self.content.size()
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.counter.fetch_add(buf.len() as u64, Ordering::Relaxed);
        self.content.read_exact_at(offset, buf)
    }
}
