use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use serde::Serialize;

use crate::{Error, ErrorKind, Result};

/// Watches and cancels one generation from any thread; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Monitor {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    cancelled: AtomicBool,
    phase: AtomicU8,
    done: AtomicU64,
    total: AtomicU64,
}

/// What a generation is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Phase {
    /// Waiting to begin.
    #[default]
    Queued,
    /// Enumerating the sources.
    Scanning,
    /// Editing, laying out, planning.
    Planning,
    /// Reading, encoding and writing.
    Writing,
    /// Making the outputs durable and visible.
    Committing,
    /// Done.
    Finished,
}

/// How far a generation is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// What it is doing.
    pub phase: Phase,
    /// Bytes of the disk's data that are read and encoded; never falls, ends at `total`.
    pub done: u64,
    /// Bytes of the disk that are not known to be zero; 0 before the layout is known.
    pub total: u64,
}

impl Monitor {
    /// A monitor for a generation that has not begun.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the generation to stop; it ends with `ErrorKind::Cancelled` within a second and leaves nothing.
    pub fn cancel(&self) {
        self.shared.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether somebody cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.shared.cancelled.load(Ordering::Relaxed)
    }

    /// How far the generation is; never blocks.
    pub fn status(&self) -> Status {
        let phase = match self.shared.phase.load(Ordering::Relaxed) {
            1 => Phase::Scanning,
            2 => Phase::Planning,
            3 => Phase::Writing,
            4 => Phase::Committing,
            5 => Phase::Finished,
            _ => Phase::Queued,
        };
        let total = self.shared.total.load(Ordering::Relaxed);
        Status { phase, done: self.shared.done.load(Ordering::Relaxed).min(total), total }
    }

    /// A checkpoint.
    ///
    /// # Errors
    /// `ErrorKind::Cancelled` after [`Monitor::cancel`].
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() {
            return Err(Error::new(ErrorKind::Cancelled, "cancelled"));
        }
        Ok(())
    }

    pub(crate) fn enter(&self, phase: Phase) -> Result<()> {
        self.shared.phase.store(phase as u8, Ordering::Relaxed);
        self.check()
    }

    pub(crate) fn expect(&self, total: u64) {
        self.shared.total.store(total, Ordering::Relaxed);
    }

    pub(crate) fn advance(&self, bytes: u64) {
        self.shared.done.fetch_add(bytes, Ordering::Relaxed);
    }
}
