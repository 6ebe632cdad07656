use std::io;

use diskwright::Result;
use diskwright::format::OutputSpec;
use diskwright::sink::{Output, Sink};

/// Takes every byte and keeps none: what is timed is the engine, not a medium.
#[derive(Debug, Default)]
pub(crate) struct CountingSink;

impl Sink for CountingSink {
    fn create(&mut self, _: &OutputSpec) -> Result<Box<dyn Output>> {
        Ok(Box::new(Nothing))
    }

    fn commit(self: Box<Self>) -> Result<()> {
        Ok(())
    }

    fn abort(self: Box<Self>) {}
}

struct Nothing;

impl Output for Nothing {
    fn write_at(&self, _: u64, bytes: &[u8]) -> io::Result<()> {
        std::hint::black_box(bytes);
        Ok(())
    }

    fn finish(self: Box<Self>, _: u64) -> io::Result<()> {
        Ok(())
    }
}
