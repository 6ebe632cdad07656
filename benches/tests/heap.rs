//! The lane of counts: what is allocated, as dhat sees it. It sees what Rust allocates, and not what libraries in C allocate by themselves.

use std::io;
use std::sync::Arc;

use dhat::{HeapStats, Profiler};
use diskwright::engine::Engine;
use diskwright::layout::{DiskLayout, LayoutBuilder};
use diskwright::scan::{Entry, ScanSource, SourceContent};
use diskwright::tree::{Findings, TreeBuilder};
use diskwright::{Monitor, ReadAt};
use diskwright_benches::{Corpus, CountingSink, Entries, Scenario, Stage};

#[global_allocator]
static HEAP: dhat::Alloc = dhat::Alloc;

/// One test, as the heap is the whole program's: with two, each would count what the other allocates.
#[test]
fn allocations_and_peaks_of_the_heap_are_as_small_as_they_were() {
    with_one_thread_a_mebibyte_costs_one_allocation_and_no_memory();
    an_entry_costs_few_allocations_and_no_more_memory_than_is_promised();
    the_peak_stays_within_the_promise_for_any_number_of_threads();
}

/// Each mebibyte that is in hand is one allocation, whatever the format and however small its chunks are, and tables that
/// grow are a few more; the rest is made at the beginning and used again.
fn with_one_thread_a_mebibyte_costs_one_allocation_and_no_memory() {
    for scenario in Stage::WriteFormat.scenarios().iter().filter(|one| one.corpus == Corpus::Words) {
        let stats = |mebibytes| {
            let disks = [disk(mebibytes)];
            measured(|| drop(scenario.write(&disks, 1).unwrap()))
        };
        let (small, large) = (stats(32), stats(160));
        let each = (large.total_blocks - small.total_blocks) as f64 / 128.0;
        let (peak, growth) = (large.max_bytes, large.max_bytes.saturating_sub(small.max_bytes));
        println!("{}: {each:.2} allocations for a mebibyte, {peak} bytes at most", scenario.name());
        assert!(each <= 1.1, "{}: {each} allocations for a mebibyte", scenario.name());
        // Digests of pieces, and tables: 8 bytes for a chunk of 64 KiB.
        assert!(growth <= 128 * 256, "{}: {growth} bytes more for 128 MiB more", scenario.name());
        assert!(peak <= 6 << 20, "{}: {peak} bytes at most", scenario.name());
    }
}

fn an_entry_costs_few_allocations_and_no_more_memory_than_is_promised() {
    let scenario = Scenario::new(Corpus::Words, "raw");
    let engine = Engine::new().with_threads(1);
    let stats = |count| {
        let entries = Entries { count };
        let order = scenario.order(Arc::new(entries), scenario.configure().unwrap()).unwrap();
        let scan = measured(|| drop(entries.scan(&mut |_: Entry| Ok(())).unwrap()));
        let plan = measured(|| drop(engine.plan(&order, &Monitor::new()).unwrap()));
        let sink = || Box::new(CountingSink::new());
        let run = measured(|| drop(engine.run(&order, sink(), &Monitor::new()).unwrap()));
        [scan, plan, run]
    };
    let (few, many) = (stats(1_000), stats(101_000));
    let each = |at: usize| (many[at].total_blocks - few[at].total_blocks) as f64 / 100_000.0;
    let (planned, written) = (each(1) - each(0), each(2) - each(1));
    println!("{planned:.2} allocations to plan an entry, {written:.2} to write it");
    println!("{} and {} bytes at most", many[1].max_bytes, many[2].max_bytes);
    // The scan's own are left out, and what a source makes to open a file is in.
    assert!(planned <= 1.1, "{planned} allocations to plan an entry");
    assert!(written <= 1.0, "{written} allocations to write an entry");
    for stats in &many[1..] {
        assert!(stats.max_bytes <= (64 << 20) + 160 * 101_000, "{stats:?}");
    }
    let growth = (many[1].max_bytes - few[1].max_bytes) / 100_000;
    assert!(growth <= 240, "{growth} bytes for each entry more");
}

fn the_peak_stays_within_the_promise_for_any_number_of_threads() {
    for scenario in Stage::WriteFormat.scenarios().iter().filter(|one| one.corpus == Corpus::Huge) {
        for threads in [1, 2, 8, 64] {
            let stats = measured(|| drop(scenario.run(threads).unwrap()));
            println!("{}, {threads} threads: {} bytes at most", scenario.name(), stats.max_bytes);
            assert!(stats.max_bytes <= 64 << 20, "{}, {threads} threads: {stats:?}", scenario.name());
        }
    }
}

/// What `run` allocates.
fn measured(run: impl Fn()) -> HeapStats {
    // What is made once is made.
    run();
    let _profiler = Profiler::builder().testing().build();
    run();
    HeapStats::get()
}

/// A disk with so many mebibytes of words, of a size that every format takes.
fn disk(mebibytes: u64) -> DiskLayout {
    let tree = TreeBuilder::new(Findings::default()).finish().unwrap().0;
    let mut builder = LayoutBuilder::new(Arc::new(tree));
    let table = Table { words: Corpus::Words.open(SourceContent(0)).unwrap(), len: mebibytes << 20 };
    builder.computed(Arc::new(table), "words").unwrap();
    builder.zeros_to(1 << 30, "unused").unwrap();
    builder.finish(1 << 30).unwrap()
}

/// The words of a file again and again.
struct Table {
    words: Arc<dyn ReadAt>,
    len: u64,
}

impl ReadAt for Table {
    fn size(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let (mut offset, mut buf) = (offset % self.words.size(), buf);
        while !buf.is_empty() {
            let left = usize::try_from(self.words.size() - offset).unwrap();
            let (part, rest) = buf.split_at_mut(buf.len().min(left));
            self.words.read_exact_at(offset, part)?;
            (offset, buf) = (0, rest);
        }
        Ok(())
    }
}
