use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Output, Sink};
use crate::Result;
use crate::format::OutputSpec;

/// Keeps outputs in memory, for tests and small images.
#[derive(Debug, Default)]
pub struct MemorySink {
    committed: MemoryOutputs,
    pending: Vec<(String, Arc<Mutex<Vec<u8>>>)>,
}

/// The outputs that a [`MemorySink`] committed, by name; empty until then.
pub type MemoryOutputs = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

impl MemorySink {
    /// An empty sink.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where the outputs appear when they are committed.
    pub fn outputs(&self) -> MemoryOutputs {
        Arc::clone(&self.committed)
    }
}

impl Sink for MemorySink {
    fn create(&mut self, spec: &OutputSpec) -> Result<Box<dyn Output>> {
        let bytes = Arc::default();
        self.pending.push((spec.name.clone(), Arc::clone(&bytes)));
        Ok(Box::new(MemoryOutput { bytes }))
    }

    fn commit(self: Box<Self>) -> Result<()> {
        let mut committed = self.committed.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, bytes) in self.pending {
            let bytes = std::mem::take(&mut *bytes.lock().unwrap_or_else(PoisonError::into_inner));
            committed.insert(name, bytes);
        }
        Ok(())
    }

    fn abort(self: Box<Self>) {}
}

struct MemoryOutput {
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl Output for MemoryOutput {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut all = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let end = start.checked_add(bytes.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        if all.len() < end {
            all.resize(end, 0);
        }
        all[start..end].copy_from_slice(bytes);
        Ok(())
    }

    fn finish(self: Box<Self>, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::FileTooLarge)?;
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner).resize(len, 0);
        Ok(())
    }
}
