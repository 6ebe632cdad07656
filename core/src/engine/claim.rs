use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::GenerationId;
use super::dispatch::Dispatch;
use super::limits::{ENTRY_BYTES, ENTRY_STEP, GENERATION_BYTES};
use crate::{Monitor, Result};

/// What one generation takes of the memory that an engine's generations share: it grows with the entries that are scanned.
#[derive(Clone)]
pub(super) struct Claim {
    /// Nobody counts what runs outside the engine's queue.
    shared: Option<Arc<Shared>>,
}

struct Shared {
    dispatch: Arc<Dispatch>,
    id: GenerationId,
    entries: AtomicU64,
}

impl Claim {
    /// A claim on nothing.
    pub(super) fn free() -> Self {
        Self { shared: None }
    }

    pub(super) fn new(dispatch: Arc<Dispatch>, id: GenerationId) -> Self {
        Self { shared: Some(Arc::new(Shared { dispatch, id, entries: AtomicU64::new(0) })) }
    }

    /// What a generation claims before anything is known of its tree: bytes.
    pub(super) fn at_first() -> u64 {
        GENERATION_BYTES + ENTRY_STEP * ENTRY_BYTES
    }

    /// One more entry was scanned. Waits where the engine's memory is taken, unless no other generation began earlier.
    ///
    /// # Errors
    /// `ErrorKind::Cancelled` while it waits.
    pub(super) fn count_entry(&self, monitor: &Monitor) -> Result<()> {
        let Some(shared) = &self.shared else { return Ok(()) };
        let entries = shared.entries.fetch_add(1, Ordering::Relaxed) + 1;
        if entries.is_multiple_of(ENTRY_STEP) {
            shared.dispatch.grow(shared.id, ENTRY_STEP * ENTRY_BYTES, monitor)?;
        }
        Ok(())
    }

    /// All entries are known: what was claimed beyond them is given back.
    pub(super) fn settle(&self) {
        if let Some(Shared { dispatch, id, entries }) = self.shared.as_deref() {
            let bytes = GENERATION_BYTES + entries.load(Ordering::Relaxed).saturating_mul(ENTRY_BYTES);
            dispatch.settle(*id, bytes);
        }
    }
}
