use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

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
    /// When writing began.
    writing: OnceLock<Instant>,
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
    /// Done: the outputs are visible.
    Finished,
    /// Ended without outputs: an error or a cancellation.
    Failed,
}

/// How far a generation is: a snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// What it is doing.
    pub phase: Phase,
    /// Bytes of the disk's data that are read and encoded; never falls, ends at `total`.
    pub done: u64,
    /// Bytes of the disk that are not known to be zero; 0 before the layout is known.
    pub total: u64,
    /// How many generations that wait would be started before this one, if none came after it; `None` for one that does
    /// not wait in an engine's queue.
    pub ahead: Option<usize>,
    /// Time since writing began, as long as it goes on.
    writing: Duration,
}

impl Status {
    /// A status for those who show or judge one; nobody is ahead, and writing begins now.
    pub fn new(phase: Phase, done: u64, total: u64) -> Self {
        Self { phase, done, total, ahead: None, writing: Duration::ZERO }
    }

    /// How much of the data is read and encoded, from 0 to 100: never falls during a run, and is 100 only when everything is
    /// visible.
    pub fn percentage(&self) -> u8 {
        if self.phase == Phase::Finished {
            return 100;
        }
        // In 128 bits the product of a 64-bit number does not overflow.
        let percent = (u128::from(self.done) * 100).checked_div(u128::from(self.total)).unwrap_or(0);
        u8::try_from(percent).unwrap_or(99).min(99)
    }

    /// How long writing goes on at its mean pace so far; `None` before a pace is known and in all other phases. The time
    /// that the sink takes to make the outputs durable comes on top.
    pub fn eta(&self) -> Option<Duration> {
        let left = self.total.checked_sub(self.done).filter(|_| self.phase == Phase::Writing)?;
        let nanoseconds = self.writing.as_nanos().checked_mul(u128::from(left))?;
        let nanoseconds =
            nanoseconds.checked_div(u128::from(self.done)).filter(|_| !self.writing.is_zero())?;
        u64::try_from(nanoseconds).ok().map(Duration::from_nanos)
    }
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
        let phase = match self.shared.phase.load(Ordering::Acquire) {
            1 => Phase::Scanning,
            2 => Phase::Planning,
            3 => Phase::Writing,
            4 => Phase::Committing,
            5 => Phase::Finished,
            6 => Phase::Failed,
            _ => Phase::Queued,
        };
        let total = self.shared.total.load(Ordering::Acquire);
        let done = self.shared.done.load(Ordering::Relaxed).min(total);
        let began = self.shared.writing.get().filter(|_| phase == Phase::Writing);
        let writing = began.map_or(Duration::ZERO, Instant::elapsed);
        Status { phase, done, total, ahead: None, writing }
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
        if phase == Phase::Writing {
            self.shared.writing.get_or_init(Instant::now);
        }
        self.shared.phase.store(phase as u8, Ordering::Release);
        self.check()
    }

    pub(crate) fn expect(&self, total: u64) {
        self.shared.total.store(total, Ordering::Release);
    }

    pub(crate) fn advance(&self, bytes: u64) {
        self.shared.done.fetch_add(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentage_is_100_only_when_everything_is_visible() {
        let at = |phase, done, total| Status::new(phase, done, total).percentage();
        assert_eq!(at(Phase::Scanning, 0, 0), 0);
        assert_eq!(at(Phase::Writing, 1, 3), 33);
        assert_eq!(at(Phase::Writing, u64::MAX, u64::MAX), 99);
        assert_eq!(at(Phase::Committing, 5, 5), 99);
        assert_eq!(at(Phase::Finished, 5, 5), 100);
        assert_eq!(at(Phase::Finished, 0, 0), 100);
        assert_eq!(at(Phase::Failed, 5, 5), 99);
    }

    #[test]
    fn what_is_left_takes_as_long_as_the_pace_so_far_says() {
        let at = |phase, done, seconds| {
            Status { writing: Duration::from_secs(seconds), ..Status::new(phase, done, 400) }.eta()
        };
        assert_eq!(at(Phase::Writing, 100, 10), Some(Duration::from_secs(30)));
        assert_eq!(at(Phase::Writing, 400, 10), Some(Duration::ZERO));
        assert_eq!(at(Phase::Writing, 0, 10), None);
        assert_eq!(at(Phase::Writing, 100, 0), None);
        assert_eq!(at(Phase::Committing, 400, 10), None);
        let huge = Status { writing: Duration::MAX, ..Status::new(Phase::Writing, 1, u64::MAX) };
        assert_eq!(huge.eta(), None);
    }
}
