//! Reading a plain archive ahead: a thread follows its headers by their sizes alone, while another takes them apart.
//!
//! ```text
//! thread: header ─ size ─> next header …  windows around them, in batches ──> whoever asks for bytes at an offset
//!         <────────────────────────────── batches to be filled again ─────────────────────────────────┘
//! ```
//!
//! What it expects is never taken for granted: bytes that were not read ahead are read by whoever asks for them.

use std::io;
use std::ops::Range;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::header::{BLOCK, peek};
use super::input::{MIN_WINDOW, next_len};
use super::limits::MAX_RECORDS;
use crate::ReadAt;
use crate::files::ReadableFile;

/// What a thread reads ahead, for the one who asks for it.
pub(super) struct Ahead {
    batches: Receiver<Batch>,
    spent: Sender<Batch>,
    batch: Batch,
    /// The window in `batch` that was asked for last.
    at: usize,
}

/// The thread's part.
pub(super) struct Follower {
    batches: Sender<Batch>,
    spent: Receiver<Batch>,
}

/// Windows of an archive, ascending.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    windows: Vec<Window>,
    /// Where nothing could be read, and why.
    failed: Option<(u64, io::Error)>,
}

struct Window {
    /// In the archive.
    start: u64,
    /// In the batch.
    range: Range<usize>,
}

impl Window {
    fn end(&self) -> u64 {
        self.start + self.range.len() as u64
    }
}

impl Ahead {
    /// One that has nothing yet, and who reads for it.
    pub(super) fn new() -> (Self, Follower) {
        let (to_fill, batches) = bounded(MAX_WAITING);
        let (spent, to_reuse) = bounded(MAX_WAITING + 2);
        let ahead = Self { batches, spent, batch: Batch::default(), at: 0 };
        (ahead, Follower { batches: to_fill, spent: to_reuse })
    }

    /// Finds the window with the byte at `position`, which does not go back, and tells its start; `None` when it was not read
    /// ahead.
    ///
    /// # Errors
    /// That of reading there.
    pub(super) fn find(&mut self, position: u64) -> io::Result<Option<u64>> {
        loop {
            let left = self.batch.windows.get(self.at..).unwrap_or(&[]);
            if let Some(passed) = left.iter().position(|window| window.end() > position) {
                self.at += passed;
                break;
            }
            self.at = self.batch.windows.len();
            // It is kept for whoever comes to its place.
            if self.batch.failed.as_ref().is_some_and(|(at, _)| *at > position) {
                return Ok(None);
            }
            if let Some((_, error)) = self.batch.failed.take_if(|(at, _)| *at == position) {
                return Err(error);
            }
            let Ok(next) = self.batches.recv() else { return Ok(None) };
            // Where there is no room for it, it is freed.
            let _ = self.spent.try_send(std::mem::replace(&mut self.batch, next));
            self.at = 0;
        }
        let window = self.batch.windows.get(self.at).filter(|window| window.start <= position);
        Ok(window.map(|window| window.start))
    }

    /// The bytes of the window that was found last.
    pub(super) fn bytes(&self) -> &[u8] {
        let window = self.batch.windows.get(self.at);
        window.map_or(&[], |window| &self.batch.bytes[window.range.clone()])
    }
}

impl Follower {
    /// Reads windows of `file` with a header in each until the end mark, something else than a header, or until nobody listens.
    pub(super) fn run(self, file: &ReadableFile) {
        let mut next = Some(Next { header: 0, start: 0, len: next_len(MIN_WINDOW, true) });
        while next.is_some() {
            let mut batch = self.spent.try_recv().unwrap_or_default();
            batch.bytes.clear();
            batch.windows.clear();
            while let Some(expected) = next.filter(|_| batch.bytes.len() < BATCH) {
                next = expected.read(file, &mut batch);
            }
            if self.batches.send(batch).is_err() {
                return;
            }
        }
    }
}

/// The window that is to be read next.
#[derive(Clone, Copy)]
struct Next {
    /// Where a header is expected: within the window or, when it begins with the rest of an extension, behind it.
    header: u64,
    start: u64,
    len: usize,
}

impl Next {
    /// Reads this window into `batch` and tells the next; `None` when nothing more is to be expected.
    fn read(self, file: &ReadableFile, batch: &mut Batch) -> Option<Self> {
        let left = usize::try_from(file.size().saturating_sub(self.start)).unwrap_or(usize::MAX);
        let begin = batch.bytes.len();
        let range = begin..begin + self.len.min(left);
        if range.is_empty() {
            return None;
        }
        batch.bytes.resize(range.end, 0);
        if let Err(error) = file.read_exact_at(self.start, &mut batch.bytes[range.clone()]) {
            batch.bytes.truncate(begin);
            batch.failed = Some((self.start, error));
            return None;
        }
        let next = self.after(&batch.bytes[range.clone()]);
        batch.windows.push(Window { start: self.start, range });
        next
    }

    /// What comes after this window, whose bytes are `bytes`.
    fn after(self, bytes: &[u8]) -> Option<Self> {
        let Self { mut header, start, len } = self;
        let end = start + bytes.len() as u64;
        // The bodies of extensions are read, too; contents are passed over.
        let mut is_body = true;
        while header < end {
            let at = usize::try_from(header - start).ok()?;
            let (type_flag, size) = peek(bytes.get(at..)?.first_chunk()?)?;
            is_body = matches!(type_flag, b'x' | b'g' | b'L' | b'K');
            if is_body && size > MAX_RECORDS {
                return None;
            }
            header = size.checked_next_multiple_of(BLOCK as u64)?.checked_add(header + BLOCK as u64)?;
        }
        let goes_on = is_body || header == end;
        let start = if goes_on { end } else { header };
        Some(Self { header, start, len: next_len(len, goes_on) })
    }
}

/// Bytes of a batch, but for its last window: a fraction of what a processor keeps close.
const BATCH: usize = 128 * 1024;
/// Batches that wait.
const MAX_WAITING: usize = 3;
