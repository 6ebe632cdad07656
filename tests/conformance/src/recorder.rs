use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use diskwright_core::format::OutputSpec;
use diskwright_core::sink::{Output, Sink};
use diskwright_core::{Error, ErrorKind, Result};

use crate::watch::{Operation, Watch};

/// A sink that records what happens to it and tells a watch first.
pub(crate) struct Recorder {
    recording: Arc<Mutex<Recording>>,
    keep: Keep,
    watch: Watch,
}

/// What becomes of written bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    Everything,
    /// Only how many there were.
    Counts,
}

/// What happened to a sink.
#[derive(Debug, Default)]
pub(crate) struct Recording {
    pub(crate) outputs: Vec<RecordedOutput>,
    /// Whether the outputs became visible.
    pub(crate) is_committed: bool,
}

/// One output.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RecordedOutput {
    pub(crate) spec: OutputSpec,
    /// What was written, by offset.
    pub(crate) content: BTreeMap<u64, Vec<u8>>,
    /// Bytes that were written.
    pub(crate) written: u64,
    /// The final length, once it is finished.
    pub(crate) len: Option<u64>,
    /// What a writer from front to back must not do, with the offset: the first time that it happened.
    pub(crate) disorder: Option<(&'static str, u64)>,
    /// Where the last write ended.
    end: u64,
}

impl Recorder {
    pub(crate) fn new(keep: Keep, watch: Watch) -> Self {
        Self { recording: Arc::default(), keep, watch }
    }

    pub(crate) fn recording(&self) -> Arc<Mutex<Recording>> {
        Arc::clone(&self.recording)
    }
}

impl RecordedOutput {
    /// Fills `buf` with what stands from `offset` on; what was not written is zero.
    pub(crate) fn fill(&self, offset: u64, buf: &mut [u8]) {
        buf.fill(0);
        let end = offset + buf.len() as u64;
        for (start, bytes) in self.content.range(..end) {
            let (from, to) = (offset.max(*start), end.min(start + bytes.len() as u64));
            if from < to {
                let target = &mut buf[(from - offset) as usize..(to - offset) as usize];
                target.copy_from_slice(&bytes[(from - start) as usize..(to - start) as usize]);
            }
        }
    }

    fn record(&mut self, offset: u64, bytes: &[u8], keep: Keep) {
        let end = offset + bytes.len() as u64;
        if offset < self.end && self.disorder.is_none() {
            self.disorder = Some(("a write goes back", offset));
        }
        if self.len.is_some() && self.disorder.is_none() {
            self.disorder = Some(("a write after the end", offset));
        }
        self.end = end;
        self.written += bytes.len() as u64;
        if keep == Keep::Everything {
            self.content.insert(offset, bytes.to_vec());
        }
    }
}

impl Sink for Recorder {
    fn create(&mut self, spec: &OutputSpec) -> Result<Box<dyn Output>> {
        (self.watch)(Operation::Create).map_err(failed)?;
        let mut recording = lock(&self.recording);
        recording.outputs.push(RecordedOutput {
            spec: spec.clone(),
            content: BTreeMap::new(),
            written: 0,
            len: None,
            disorder: None,
            end: 0,
        });
        let index = recording.outputs.len() - 1;
        let recording = Arc::clone(&self.recording);
        Ok(Box::new(RecordingOutput { recording, index, keep: self.keep, watch: Arc::clone(&self.watch) }))
    }

    fn commit(self: Box<Self>) -> Result<()> {
        (self.watch)(Operation::Commit).map_err(failed)?;
        lock(&self.recording).is_committed = true;
        Ok(())
    }

    fn abort(self: Box<Self>) {}
}

struct RecordingOutput {
    recording: Arc<Mutex<Recording>>,
    index: usize,
    keep: Keep,
    watch: Watch,
}

impl Output for RecordingOutput {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        (self.watch)(Operation::Write)?;
        lock(&self.recording).outputs[self.index].record(offset, bytes, self.keep);
        Ok(())
    }

    fn finish(self: Box<Self>, len: u64) -> io::Result<()> {
        (self.watch)(Operation::Finish)?;
        lock(&self.recording).outputs[self.index].len = Some(len);
        Ok(())
    }
}

/// Locks even after a panic elsewhere: the trial that sees it fails anyway.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn failed(error: io::Error) -> Error {
    Error::new(ErrorKind::Sink, "the sink failed").with_source(error)
}
