//! Room that a file is given before it is written.
//!
//! Writes past the page cache into room that is there already go on side by side; ext4 has those into holes, and those that make
//! the file longer, wait for each other. What was not written of it is given back at the end, so that holes stay holes.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::FallocateFlags;

/// The room of a file that is written in mostly ascending order. It never fails: without it, writes are slower.
#[derive(Debug, Default)]
pub(super) struct Room(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Where the write that came furthest ends.
    end: u64,
    /// Since where most was written, and how many bytes of it.
    start: u64,
    streak: u64,
    /// Ranges that were given room, ascending and apart; half-open.
    given: Vec<(u64, u64)>,
    /// What was written, as starts and ends of ranges that are apart; not what lies far behind the end and in no given range.
    written: BTreeMap<u64, u64>,
    /// The file system does not give any, or it is of no use.
    is_refused: bool,
}

impl Room {
    /// Notes that `len` bytes are about to be written to `file` at `offset`, and makes room there when many were written on end.
    /// Every write has to be noted before it happens: what was not is given back.
    pub(super) fn prepare(&self, file: &File, offset: u64, len: u64) {
        let mut state = self.lock();
        if state.is_refused && state.given.is_empty() {
            return;
        }
        state.note(offset, len);
        if state.written.len() > MAX_RANGES {
            state.prune();
        }
        if state.written.len() > MAX_RANGES {
            // Such a file has too many holes.
            state.give_back(file, u64::MAX);
            return;
        }
        let Some((start, len)) = state.wanted() else { return };
        // Others that write to a file system which is nearly full need its room more.
        let is_ample = rustix::fs::fstatvfs(file)
            .is_ok_and(|stat| stat.f_bavail.saturating_mul(stat.f_frsize) / SHARE >= len);
        if !is_ample || rustix::fs::fallocate(file, FallocateFlags::empty(), start, len).is_err() {
            state.is_refused = true;
            return;
        }
        match state.given.last_mut().filter(|last| last.1 == start) {
            Some(last) => last.1 += len,
            None => state.given.push((start, start + len)),
        }
    }

    /// Gives back what was not written; the file has `len` bytes.
    pub(super) fn give_back(&self, file: &File, len: u64) {
        self.lock().give_back(file, len);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn note(&mut self, offset: u64, len: u64) {
        let end = offset.saturating_add(len);
        if end > self.end {
            self.end = end;
            self.streak = self.streak.saturating_add(len);
            let passed = self.end - self.start;
            if passed.saturating_sub(self.streak) > NEAR.max(passed / 8) {
                (self.start, self.streak) = (offset, len);
            }
        } else if offset >= self.start {
            self.streak = self.streak.saturating_add(len);
        }
        let (mut start, mut stop) = (offset, end);
        // Ranges that it touches become one with it.
        while let Some((&from, &to)) = self.written.range(..=stop).next_back().filter(|(_, to)| **to >= start)
        {
            self.written.remove(&from);
            (start, stop) = (start.min(from), stop.max(to));
        }
        self.written.insert(start, stop);
    }

    /// Forgets what no range that is given from now on can hold.
    fn prune(&mut self) {
        let floor = self.floor();
        let given = &self.given;
        self.written
            .retain(|from, to| *to > floor || given.iter().any(|(start, end)| from < end && start < to));
    }

    /// What is given from now on lies behind it.
    fn floor(&self) -> u64 {
        self.end.saturating_sub(NEAR)
    }

    /// Start and length of the room that is wanted, if any.
    fn wanted(&self) -> Option<(u64, u64)> {
        let given = self.given.last().map_or(0, |last| last.1);
        if self.is_refused || self.streak < ENOUGH || self.end <= given {
            return None;
        }
        // As much as was written: what is given in vain is never more than the file has.
        Some((given.max(self.floor()), self.streak.min(MOST)))
    }

    fn give_back(&mut self, file: &File, len: u64) {
        for (start, end) in self.left(len) {
            let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            // If it fails, it costs room on the medium.
            let _ = rustix::fs::fallocate(file, flags, start, end - start);
        }
        *self = Self { is_refused: true, ..Self::default() };
    }

    /// Whole pages of what was given and not written, in the first `len` bytes.
    fn left(&self, len: u64) -> Vec<(u64, u64)> {
        let mut left = Vec::new();
        for (start, end) in &self.given {
            let (mut at, end) = (*start, (*end).min(len));
            let before = self.written.range(..=at).next_back();
            at = before.map_or(at, |(_, to)| at.max(*to));
            while at < end {
                let next = self.written.range(at..end).next();
                let (from, to) = next.map_or((end, end), |(from, to)| (*from, *to));
                left.push((at.next_multiple_of(PAGE), from - from % PAGE));
                at = to;
            }
        }
        left.retain(|(start, end)| start < end);
        left
    }
}

/// How far behind the end writes may still be under way: several are at a time.
const NEAR: u64 = 16 << 20;
/// Bytes written on end that promise more.
const ENOUGH: u64 = 16 << 20;
/// Bytes that are given at once, at most.
const MOST: u64 = 128 << 20;
/// Which part of what is free they may be.
const SHARE: u64 = 16;
/// Ranges that are kept in mind.
const MAX_RANGES: usize = 4096;
const PAGE: u64 = 4096;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{FileExt, MetadataExt};

    use super::*;

    const MIB: u64 = 1 << 20;

    /// Writes `ranges` of a file, given as starts and lengths, each with bytes of its own, and tells what was given at most.
    fn write(file: &File, room: &Room, ranges: &[(u64, u64)]) -> u64 {
        let mut most = 0;
        for (number, (offset, len)) in ranges.iter().enumerate() {
            room.prepare(file, *offset, *len);
            file.write_all_at(&vec![number as u8 | 1; *len as usize], *offset).unwrap();
            most = most.max(file.metadata().unwrap().blocks() * 512);
        }
        most
    }

    /// The bytes of a file in which the ranges were written in this order, and the pages that they touch.
    fn expected(ranges: &[(u64, u64)], len: u64) -> (Vec<u8>, u64) {
        let mut bytes = vec![0; len as usize];
        let mut pages = vec![false; len.div_ceil(PAGE) as usize];
        for (number, (offset, len)) in ranges.iter().enumerate() {
            bytes[*offset as usize..(offset + len) as usize].fill(number as u8 | 1);
            pages[(offset / PAGE) as usize..(offset + len).div_ceil(PAGE) as usize].fill(true);
        }
        (bytes, pages.iter().filter(|page| **page).count() as u64 * PAGE)
    }

    fn check(ranges: &[(u64, u64)]) -> u64 {
        let file = tempfile::tempfile().unwrap();
        let room = Room::default();
        let most = write(&file, &room, ranges);
        let len = ranges.iter().map(|(offset, len)| offset + len).max().unwrap_or(0);
        file.set_len(len).unwrap();
        room.give_back(&file, len);
        let (bytes, pages) = expected(ranges, len);
        let mut read = vec![1; len as usize];
        file.read_exact_at(&mut read, 0).unwrap();
        assert!(read == bytes, "what was written is not there");
        // A file system keeps some blocks for itself.
        let taken = file.metadata().unwrap().blocks() * 512;
        assert!(taken <= pages + 64 * PAGE, "{taken} bytes are taken for {pages}");
        most
    }

    #[test]
    fn a_file_that_is_written_on_end_is_given_room_and_gives_back_the_rest() {
        let ranges: Vec<_> = (0..40).map(|at| (at * MIB, MIB)).collect();
        let most = check(&ranges);
        assert!(most > 41 * MIB, "no room was given: {most}");
    }

    #[test]
    fn holes_stay_holes_and_late_writes_stay() {
        let mut ranges: Vec<_> = (0..60).map(|at| (at * MIB, MIB - at % 3 * 8192)).collect();
        // Behind the end, as several threads write.
        ranges.swap(20, 23);
        ranges.swap(40, 47);
        ranges.push((59 * MIB + 100_000, 17));
        ranges.push((90 * MIB, 5 * MIB));
        ranges.push((70 * MIB, 12_345));
        ranges.push((3, 100));
        assert!(check(&ranges) > 61 * MIB);
    }

    #[test]
    fn a_file_with_many_holes_is_given_nothing() {
        let ranges: Vec<_> = (0..6000).map(|at| (at * 16_384, 4096)).collect();
        assert!(check(&ranges) < 6000 * 4096 + MIB);
        // Nor does one that begins to have them keep what it was given, or its ranges in mind.
        let mut ranges: Vec<_> = (0..30).map(|at| (at * MIB, MIB)).collect();
        ranges.extend((0..6000).map(|at| (30 * MIB + at * 8192, 4096)));
        check(&ranges);
        let room = Room::default();
        let file = tempfile::tempfile().unwrap();
        write(&file, &room, &ranges);
        let state = room.lock();
        assert!(state.written.len() <= MAX_RANGES + 1 && state.given.is_empty());
    }

    #[test]
    fn ranges_that_touch_are_one() {
        let mut state = State::default();
        for (offset, len) in [(0, 10), (20, 10), (40, 10), (10, 10), (45, 20), (28, 13), (100, 1), (5, 2)] {
            state.note(offset, len);
        }
        assert_eq!(state.written.into_iter().collect::<Vec<_>>(), [(0, 65), (100, 101)]);
    }
}
