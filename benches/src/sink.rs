use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use diskwright::Result;
use diskwright::format::OutputSpec;
use diskwright::sink::{Output, Sink};

/// Takes every byte and keeps none: what is timed is the engine, not a medium.
#[derive(Clone, Debug, Default)]
pub struct CountingSink {
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    bytes: AtomicU64,
    writes: AtomicU64,
}

impl CountingSink {
    /// A sink that has got nothing; its clones count together with it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes that all outputs got, the report's file included.
    pub fn bytes(&self) -> u64 {
        self.counts.bytes.load(Ordering::Relaxed)
    }

    /// In how many writes.
    pub fn writes(&self) -> u64 {
        self.counts.writes.load(Ordering::Relaxed)
    }
}

impl Sink for CountingSink {
    fn create(&mut self, _: &OutputSpec) -> Result<Box<dyn Output>> {
        Ok(Box::new(CountingOutput { counts: Arc::clone(&self.counts) }))
    }

    fn commit(self: Box<Self>) -> Result<()> {
        Ok(())
    }

    fn abort(self: Box<Self>) {}
}

struct CountingOutput {
    counts: Arc<Counts>,
}

impl Output for CountingOutput {
    fn write_at(&self, _: u64, bytes: &[u8]) -> io::Result<()> {
        std::hint::black_box(bytes);
        self.counts.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.counts.writes.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn finish(self: Box<Self>, _: u64) -> io::Result<()> {
        Ok(())
    }
}
