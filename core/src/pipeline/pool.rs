use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::lock;
use crate::files::DIRECT_ALIGNMENT;

/// Outputs are written and hashed in pieces of 1 MiB.
pub(super) const PIECE: usize = 1 << 20;

/// The buffers of the pieces of all outputs of a run.
///
/// None is freed before the run ends: an allocator keeps memory that one thread freed where other threads do not get it.
#[derive(Default)]
pub(super) struct Pieces {
    spare: Mutex<Vec<Buffer>>,
    full: AtomicUsize,
    /// From how many full pieces on no more should be made.
    most: usize,
}

/// Counts one piece as full, until it is dropped.
pub(super) struct Full(Arc<Pieces>);

/// The bytes of one piece, aligned in memory as writes past the page cache have to be.
pub(super) struct Buffer {
    bytes: Box<[u8]>,
    start: usize,
}

impl Buffer {
    fn new() -> Self {
        let bytes: Box<[u8]> = vec![0; PIECE + DIRECT_ALIGNMENT].into();
        // Where alignment cannot be had, the piece is written through the cache.
        let start = bytes.as_ptr().align_offset(DIRECT_ALIGNMENT).min(DIRECT_ALIGNMENT);
        Self { bytes, start }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[self.start..self.start + PIECE]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.start + PIECE]
    }
}

impl Pieces {
    /// For a run with `outputs` outputs, each of which has a piece that it fills; `excess` bytes are not there for pieces.
    pub(super) fn new(outputs: usize, excess: usize) -> Arc<Self> {
        let most =
            MAX_PIECES.saturating_sub(outputs).max(MIN_FULL).saturating_sub(excess.div_ceil(PIECE)).max(1);
        Arc::new(Self { most, ..Self::default() })
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

    /// A buffer of one piece; it holds old bytes.
    pub(super) fn take(&self) -> Buffer {
        lock(&self.spare).pop().unwrap_or_else(Buffer::new)
    }
}

impl Full {
    pub(super) fn new(pieces: &Arc<Pieces>) -> Self {
        pieces.full.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(pieces))
    }

    /// The piece is written: its buffer can be filled again.
    pub(super) fn give_back(self, data: Buffer) {
        lock(&self.0.spare).push(data);
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
