use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::output::PieceTask;
use super::pool::Pieces;
use super::tools::Bounds;
use super::{Shape, Slot, Target, lock};
use crate::format::{Codec, Encoding};
use crate::layout::DiskLayout;
use crate::{Error, ErrorKind, Monitor, Result};

/// Hands out work: pieces, then lanes, then new items.
pub(super) struct Schedule<'a> {
    state: Mutex<State>,
    /// For the workers.
    changed: Condvar,
    /// For the writer.
    hashed: Condvar,
    monitor: &'a Monitor,
    items: Items,
    /// For each disk that is stored as it is, where much data stands in a row.
    rows: Vec<Vec<(u64, u64)>>,
    total_items: u64,
    total_bytes: u64,
    bounds: Bounds,
    pieces: Arc<Pieces>,
}

struct State {
    /// Number of the next item to claim.
    claimed: u64,
    /// Where the next item is looked for.
    cursor: Cursor,
    /// Slots of items from `oldest` on; `None` while a worker fills it.
    slots: VecDeque<Option<Arc<Slot>>>,
    oldest: u64,
    lanes: Vec<Lane>,
    /// Full pieces, to be hashed.
    full: VecDeque<(Place, PieceTask)>,
    /// Hashed ones, to be written.
    hashed: VecDeque<(Place, PieceTask)>,
    /// Items that are being read and encoded.
    filling: usize,
    spare: Vec<Slot>,
    /// The first place that failed; nothing at or after it goes on.
    failed: Option<(Place, Error)>,
    cancelled: bool,
    /// Tasks in hand.
    running: usize,
    /// Nobody but the writer has anything to do any more.
    is_done: bool,
    /// Workers that wait; to wake nobody costs a system call, too.
    waiting: usize,
    writer_waits: bool,
    /// Whether a thread writes that does nothing else; without, workers write at once what is hashed.
    has_writer: bool,
    read: u64,
}

struct Lane {
    /// The next item to take; one past the last when only the end is left; two past when it is done.
    next: u64,
    /// `None` while a worker has it.
    target: Option<Target>,
}

/// Which item, and which lane takes it: of several errors the first in this order is told, whoever came first.
pub(super) type Place = (u64, usize);

/// What a thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Everything, as it comes.
    Worker,
    /// It writes pieces and mostly waits for the sink.
    Writer,
}

/// Something to do. `order` is the item that it belongs to.
pub(super) enum Task {
    Hash { place: Place, piece: PieceTask },
    Write { place: Place, piece: PieceTask },
    Put { order: u64, lane: usize, slot: Arc<Slot>, target: Target },
    Finish { order: u64, lane: usize, target: Target },
    Fill { order: u64, slot: Slot },
}

impl Task {
    /// By which errors are told apart.
    pub(super) fn place(&self) -> Place {
        match self {
            Self::Hash { place, .. } | Self::Write { place, .. } => *place,
            Self::Put { order, lane, .. } | Self::Finish { order, lane, .. } => (*order, *lane),
            // Before every lane that takes the item.
            Self::Fill { order, .. } => (*order, 0),
        }
    }
}

impl<'a> Schedule<'a> {
    pub(super) fn new(
        shape: &Shape,
        targets: Vec<Target>,
        bounds: Bounds,
        pieces: Arc<Pieces>,
        monitor: &'a Monitor,
    ) -> Self {
        let items = Items { disks: shape.disks.clone(), item: shape.item };
        let (mut total_items, mut total_bytes) = (0, 0);
        let mut cursor = Cursor::default();
        while let Some((_, _, len)) = items.next(&mut cursor) {
            total_items += 1;
            total_bytes += len;
        }
        let rows = shape.disks.iter().zip(&shape.encodings);
        let is_stored = |encoding: &Encoding| encoding.codec == Codec::Stored;
        let rows = rows.map(|(disk, encodings)| match encodings.iter().any(is_stored) {
            true => disk.stretches(GAP, ROW),
            false => Vec::new(),
        });
        let rows = rows.collect();
        let lanes = targets.into_iter().map(|target| Lane { next: 0, target: Some(target) }).collect();
        let state = State {
            claimed: 0,
            cursor: Cursor::default(),
            slots: VecDeque::new(),
            oldest: 0,
            lanes,
            full: VecDeque::new(),
            hashed: VecDeque::new(),
            filling: 0,
            spare: Vec::new(),
            failed: None,
            cancelled: false,
            running: 0,
            is_done: false,
            waiting: 0,
            writer_waits: false,
            has_writer: false,
            read: 0,
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
            hashed: Condvar::new(),
            monitor,
            items,
            rows,
            total_items,
            total_bytes,
            bounds,
            pieces,
        }
    }

    /// Bytes of data that follow `offset` of a disk without a gap.
    pub(super) fn following(&self, disk: usize, offset: u64) -> u64 {
        let rows = self.rows.get(disk).map_or(&[][..], Vec::as_slice);
        let row = rows.get(rows.partition_point(|(_, end)| *end <= offset));
        row.filter(|(start, _)| *start < offset).map_or(0, |(_, end)| end - offset)
    }

    pub(super) fn pieces(&self) -> &Pieces {
        &self.pieces
    }

    pub(super) fn total_bytes(&self) -> u64 {
        self.total_bytes
    }

    /// The next thing to do, a new item only while fewer than `encoders` are in hand; waits for one; `None` when all is done,
    /// failed or cancelled.
    pub(super) fn next(&self, role: Role, encoders: &dyn Fn() -> usize) -> Option<Task> {
        let mut state = lock(&self.state);
        loop {
            let encoders = encoders().min(self.bounds.encoders);
            if self.monitor.is_cancelled() {
                state.cancelled = true;
            }
            if state.cancelled {
                return None;
            }
            let task = match role {
                Role::Worker if !state.has_writer => {
                    state.write().or_else(|| self.pick(&mut state, encoders))
                }
                Role::Worker => self.pick(&mut state, encoders).or_else(|| state.write()),
                Role::Writer => {
                    state.has_writer = true;
                    state.write()
                }
            };
            if let Some(task) = task {
                state.running += 1;
                return Some(task);
            }
            // A worker with nothing to do while nobody could make more: the end.
            if state.is_done || role == Role::Worker && state.running == 0 {
                state.is_done = true;
                self.changed.notify_all();
                self.hashed.notify_all();
                return None;
            }
            state = match role {
                Role::Worker => {
                    state.waiting += 1;
                    let mut state = wait(&self.changed, state);
                    state.waiting -= 1;
                    state
                }
                Role::Writer => {
                    state.writer_waits = true;
                    let mut state = wait(&self.hashed, state);
                    state.writer_waits = false;
                    state
                }
            };
        }
    }

    fn pick(&self, state: &mut State, encoders: usize) -> Option<Task> {
        if let Some((place, piece)) = state.full.pop_front() {
            return Some(Task::Hash { place, piece });
        }
        if self.pieces.are_scarce(0) {
            return None;
        }
        // Every lane at work may fill a piece more; those that failed are not at work, and then there is little left to do.
        let busy = state.lanes.iter().filter(|lane| lane.target.is_none()).count();
        let has_pieces = state.failed.is_some() || !self.pieces.are_scarce(busy);
        let limit = state.failed.as_ref().map_or((u64::MAX, 0), |(place, _)| *place);
        for lane in 0..state.lanes.len() {
            let order = state.lanes[lane].next;
            if (order, lane) >= limit || state.lanes[lane].target.is_none() {
                continue;
            }
            if order == self.total_items {
                state.spare.clear();
                let target = state.lanes[lane].target.take()?;
                return Some(Task::Finish { order, lane, target });
            }
            if order > self.total_items {
                continue;
            }
            let at = (order - state.oldest) as usize;
            if has_pieces && let Some(Some(slot)) = state.slots.get(at) {
                let slot = Arc::clone(slot);
                let target = state.lanes[lane].target.take()?;
                return Some(Task::Put { order, lane, slot, target });
            }
        }
        let has_room = state.filling < encoders && state.slots.len() < self.bounds.slots;
        if has_room && state.claimed < limit.0 {
            let (disk, start, _) = self.items.next(&mut state.cursor)?;
            let order = state.claimed;
            state.claimed += 1;
            state.filling += 1;
            state.slots.push_back(None);
            let slot = state.spare.pop().unwrap_or_default();
            return Some(Task::Fill { order, slot: Slot { disk, start, ..slot } });
        }
        None
    }

    pub(super) fn fill_done(&self, order: u64, slot: Slot, read: u64) {
        self.done(|state| {
            let at = (order - state.oldest) as usize;
            state.slots[at] = Some(Arc::new(slot));
            state.filling -= 1;
            state.read += read;
        });
    }

    /// A lane has taken an item, or has finished; takes the pieces that became full by it.
    pub(super) fn put_done(&self, order: u64, lane: usize, target: Target, full: &mut Vec<PieceTask>) {
        self.done(|state| {
            state.full.extend(full.drain(..).map(|piece| ((order, lane), piece)));
            let lane = &mut state.lanes[lane];
            lane.next = order + 1;
            lane.target = Some(target);
            let slowest = state.lanes.iter().map(|lane| lane.next).min().unwrap_or(u64::MAX);
            while state.oldest < slowest {
                let Some(slot) = state.slots.pop_front() else { break };
                state.oldest += 1;
                // The last lane to drop a slot gives its buffers back.
                if state.claimed < self.total_items {
                    state.spare.extend(slot.and_then(Arc::into_inner));
                }
            }
        });
    }

    pub(super) fn hash_done(&self, place: Place, piece: PieceTask) {
        self.done(|state| state.hashed.push_back((place, piece)));
    }

    pub(super) fn write_done(&self) {
        self.done(|_| {});
    }

    /// A task has failed. No item is claimed any more: the one that failed was, and so was every one before it.
    pub(super) fn fail(&self, place: Place, error: Error) {
        self.done(|state| {
            if state.failed.as_ref().is_none_or(|(first, _)| place < *first) {
                state.failed = Some((place, error));
            }
        });
    }

    fn done(&self, change: impl FnOnce(&mut State)) {
        let mut state = lock(&self.state);
        change(&mut state);
        state.running -= 1;
        let (wakes_workers, wakes_writer) =
            (state.waiting > 0, state.writer_waits && !state.hashed.is_empty());
        drop(state);
        if wakes_workers {
            self.changed.notify_all();
        }
        if wakes_writer {
            self.hashed.notify_all();
        }
    }

    /// All targets, finished but for their outputs, and the bytes read.
    pub(super) fn into_targets(self) -> Result<(Vec<Target>, u64)> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        if state.cancelled {
            return Err(Error::new(ErrorKind::Cancelled, "cancelled"));
        }
        if let Some((_, error)) = state.failed {
            return Err(error);
        }
        let finished = state.lanes.iter().all(|lane| lane.next == self.total_items + 1);
        let targets: Vec<Target> = state.lanes.into_iter().filter_map(|lane| lane.target).collect();
        if !finished || !state.full.is_empty() || !state.hashed.is_empty() {
            return Err(Error::new(ErrorKind::Internal, "the pipeline stopped before its end"));
        }
        Ok((targets, state.read))
    }
}

impl State {
    fn write(&mut self) -> Option<Task> {
        self.hashed.pop_front().map(|(place, piece)| Task::Write { place, piece })
    }
}

/// Bytes that are known to be zero between others and are no gap in a row of them.
const GAP: u64 = 64 << 10;
/// Bytes of the least row.
const ROW: u64 = 4 << 20;

/// Wakes now and then, too, to see a cancellation.
fn wait<'a>(change: &Condvar, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
    let waited = change.wait_timeout(state, Duration::from_millis(50));
    waited.unwrap_or_else(PoisonError::into_inner).0
}

/// The work items of all disks: aligned, in order, without those that are known to be zero.
struct Items {
    disks: Vec<DiskLayout>,
    item: u64,
}

#[derive(Clone, Copy, Default)]
struct Cursor {
    disk: usize,
    offset: u64,
}

impl Items {
    /// Disk, start and length of the next item.
    fn next(&self, cursor: &mut Cursor) -> Option<(usize, u64, u64)> {
        while let Some(disk) = self.disks.get(cursor.disk) {
            if let Some(data) = disk.next_data(cursor.offset) {
                let start = data - data % self.item;
                let len = self.item.min(disk.size() - start);
                cursor.offset = start + len;
                return Some((cursor.disk, start, len));
            }
            *cursor = Cursor { disk: cursor.disk + 1, offset: 0 };
        }
        None
    }
}
