use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::lock;
use crate::files::DIRECT_ALIGNMENT;

/// Outputs are written and hashed in pieces of 1 MiB.
pub(super) const PIECE: usize = 1 << 20;

/// The buffers of the pieces of all outputs of a run, and of its items where they are as large.
///
/// None is freed before the run ends: an allocator keeps memory that one thread freed where other threads do not get it.
#[derive(Default)]
pub(super) struct Pieces {
    /// Those that nobody else has can be taken.
    buffers: Mutex<Vec<Arc<Buffer>>>,
    /// Lists without anything in them.
    ranges: Mutex<Vec<Ranges>>,
    full: AtomicUsize,
    /// From how many full pieces on no more should be made.
    most: usize,
}

/// Counts one piece as full, until it is dropped.
pub(super) struct Full(Arc<Pieces>);

/// Ranges of a piece that were written.
pub(super) type Ranges = Vec<(usize, usize)>;

/// Bytes that are aligned in memory as writes past the page cache have to be.
pub(super) struct Buffer {
    bytes: Box<[u8]>,
    start: usize,
    len: usize,
}

impl Buffer {
    pub(super) fn new(len: usize) -> Self {
        let bytes: Box<[u8]> = vec![0; len + DIRECT_ALIGNMENT].into();
        // Where alignment cannot be had, it is written through the cache.
        let start = bytes.as_ptr().align_offset(DIRECT_ALIGNMENT).min(DIRECT_ALIGNMENT);
        Self { bytes, start, len }
    }

    /// Whether `bytes` are its own from `start` on.
    pub(super) fn holds(&self, start: usize, bytes: &[u8]) -> bool {
        let own = self.get(start..).and_then(|rest| rest.get(..bytes.len()));
        own.is_some_and(|own| std::ptr::eq(own, bytes))
    }
}

impl Clone for Buffer {
    /// A copy is aligned, too.
    fn clone(&self) -> Self {
        let mut copy = Self::new(self.len);
        copy.copy_from_slice(self);
        copy
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[self.start..self.start + self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.start + self.len]
    }
}

impl Pieces {
    /// For a run on `threads` threads with `outputs` outputs, each of which has a piece that it fills; `excess` bytes are not there
    /// for pieces.
    pub(super) fn new(threads: usize, outputs: usize, excess: usize) -> Arc<Self> {
        let room = MAX_PIECES.saturating_sub(outputs).max(MIN_FULL).saturating_sub(excess.div_ceil(PIECE));
        Arc::new(Self { most: room.min(threads.saturating_add(AHEAD)).max(1), ..Self::default() })
    }

    /// Full pieces that are in hand when no more are assembled.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// Whether the sink is slower than the rest, so that what is assembled now has to wait in memory.
    /// `expected` more pieces are about to be full.
    pub(super) fn are_scarce(&self, expected: usize) -> bool {
        self.full.load(Ordering::Relaxed) + expected >= self.most
    }

    /// A buffer of one piece that nobody else has, with old bytes in it.
    pub(super) fn take(&self) -> Arc<Buffer> {
        let mut buffers = lock(&self.buffers);
        // The one that was kept last is nearest to the processor.
        match buffers.iter().rposition(|buffer| Arc::strong_count(buffer) == 1) {
            Some(at) => buffers.remove(at),
            None => Arc::new(Buffer::new(PIECE)),
        }
    }

    /// Keeps a buffer of one piece: it is taken again once nobody else has it.
    pub(super) fn keep(&self, buffer: Arc<Buffer>) {
        lock(&self.buffers).push(buffer);
    }

    /// A list for ranges.
    pub(super) fn ranges(&self) -> Ranges {
        lock(&self.ranges).pop().unwrap_or_default()
    }
}

impl Full {
    pub(super) fn new(pieces: &Arc<Pieces>) -> Self {
        pieces.full.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(pieces))
    }

    /// The piece is written: what it had of its own can be used again.
    pub(super) fn give_back(self, own: Option<Arc<Buffer>>, mut ranges: Ranges) {
        if let Some(buffer) = own {
            self.0.keep(buffer);
        }
        ranges.clear();
        lock(&self.0.ranges).push(ranges);
    }
}

impl Drop for Full {
    fn drop(&mut self) {
        self.0.full.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Pieces that outputs fill and that wait to be written, of all outputs, however many threads there are.
const MAX_PIECES: usize = 16;
/// Full pieces that may wait however many outputs there are.
const MIN_FULL: usize = 4;
/// Full pieces that may wait beside one for each thread: what was filled lately is still near the processor when it is written,
/// and a sink that is slower than the rest gets no faster by a longer queue.
const AHEAD: usize = 2;
