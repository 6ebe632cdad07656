//! Room that a file is given before it is written.
//!
//! Writes past the page cache into room that is there already go on side by side; on ext4 those into holes, and those that make
//! the file longer, wait for each other. What was not written of it is given back at the end, so that holes stay holes. All of it is
//! advice that changes no byte: no gate is asked.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::FallocateFlags;

/// The room of a file. It never fails: without it, writes are slower.
#[derive(Debug, Default)]
pub(super) struct Room(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Where the write that came furthest ends: everything behind it is a hole.
    end: u64,
    /// Ranges that were given room, ascending and apart; half-open. When they were given, all of each was a hole.
    given: Vec<(u64, u64)>,
    /// What was written since the first was given, as starts and ends of ranges that are apart.
    written: BTreeMap<u64, u64>,
    /// The file system does not give any, or it is of no use.
    is_refused: bool,
}

impl Room {
    /// Makes room in `file`, which is open for writing, for `len` bytes at `offset` that are expected: for the first of them, if
    /// they are many.
    pub(super) fn make(&self, file: &File, offset: u64, len: u64) {
        let mut state = self.lock();
        let given = state.given.last().map_or(0, |last| last.1);
        let start = offset.max(state.end).max(given);
        let left = offset.saturating_add(len).saturating_sub(start);
        // Half of what was given last may be under way.
        if state.is_refused || left < LEAST || given > offset.saturating_add(MOST / 2) {
            return;
        }
        let len = left.min(MOST);
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

    /// Notes that `len` bytes are about to be written at `offset`: what was not noted before it is written is given back.
    pub(super) fn note(&self, file: &File, offset: u64, len: u64) {
        let mut state = self.lock();
        state.note(offset, len);
        if state.written.len() > MAX_RANGES {
            // A file with so many holes is no faster for it.
            state.give_back(file, u64::MAX);
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
        let (mut start, mut stop) = (offset, offset.saturating_add(len));
        self.end = self.end.max(stop);
        if self.given.is_empty() {
            return;
        }
        // Ranges that it touches become one with it.
        while let Some((&from, &to)) = self.written.range(..=stop).next_back().filter(|(_, to)| **to >= start)
        {
            self.written.remove(&from);
            (start, stop) = (start.min(from), stop.max(to));
        }
        self.written.insert(start, stop);
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

/// Bytes that are given at once, at least: it takes a while.
const LEAST: u64 = 4 << 20;
/// And at most: nobody can write while it is done.
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

    /// Writes `ranges` of a file, given as starts and lengths, each with bytes of its own, where `expected` bytes are expected each
    /// time, and tells what the file took at most.
    fn write(file: &File, room: &Room, ranges: &[(u64, u64)], expected: u64) -> u64 {
        let mut most = 0;
        for (number, (offset, len)) in ranges.iter().enumerate() {
            room.make(file, *offset, expected);
            room.note(file, *offset, *len);
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

    fn check(ranges: &[(u64, u64)], expected_bytes: u64) -> u64 {
        let file = tempfile::tempfile().unwrap();
        let room = Room::default();
        let most = write(&file, &room, ranges, expected_bytes);
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
    fn a_file_is_given_the_room_that_is_expected_and_gives_back_what_was_not_written() {
        let ranges: Vec<_> = (0..40).map(|at| (at * MIB, MIB)).collect();
        let most = check(&ranges, 20 * MIB);
        // Once less than the least is missing, nothing more is given.
        assert!((56 * MIB..57 * MIB).contains(&most), "{most} bytes");
        // So little is not worth it.
        assert!(check(&ranges, 2 * MIB) < 41 * MIB);
    }

    #[test]
    fn no_more_is_given_at_once_than_some_and_more_before_it_is_used_up() {
        let file = tempfile::tempfile().unwrap();
        let room = Room::default();
        let ample = rustix::fs::fstatvfs(&file).is_ok_and(|stat| stat.f_bavail * stat.f_frsize > 5 << 30);
        for (offset, end) in [(MIB, MIB + MOST), (2 * MIB, MIB + MOST), (MIB + MOST / 2, MIB + 2 * MOST)] {
            room.make(&file, offset, 1 << 40);
            let state = room.lock();
            // Where little is free, it may be refused.
            assert!(
                state.given == [(MIB, end)] || !ample && state.is_refused,
                "{:?} at {offset}",
                state.given
            );
        }
    }

    #[test]
    fn holes_stay_holes_and_late_writes_stay() {
        let mut ranges: Vec<_> = (0..60).map(|at| (at * MIB, MIB - at % 3 * 8192)).collect();
        // Behind the end, as several threads write.
        ranges.swap(0, 2);
        ranges.swap(20, 23);
        ranges.swap(40, 47);
        ranges.push((59 * MIB + 100_000, 17));
        ranges.push((90 * MIB, 5 * MIB));
        ranges.push((70 * MIB, 12_345));
        ranges.push((3, 100));
        assert!(check(&ranges, 16 * MIB) > 61 * MIB);
        check(&ranges, 5 * MIB);
        check(&ranges, 40 * MIB);
    }

    #[test]
    fn of_a_file_with_many_holes_little_is_kept_in_mind() {
        let mut ranges: Vec<_> = (0..30).map(|at| (at * MIB, MIB)).collect();
        ranges.extend((0..6000).map(|at| (30 * MIB + at * 8192, 4096)));
        check(&ranges, 50 * MIB);
        let (file, room) = (tempfile::tempfile().unwrap(), Room::default());
        write(&file, &room, &ranges, 50 * MIB);
        let state = room.lock();
        assert!(state.is_refused && state.written.is_empty() && state.given.is_empty());
    }

    #[test]
    fn ranges_that_touch_are_one() {
        let mut state = State { given: vec![(0, 1)], ..State::default() };
        for (offset, len) in [(0, 10), (20, 10), (40, 10), (10, 10), (45, 20), (28, 13), (100, 1), (5, 2)] {
            state.note(offset, len);
        }
        assert_eq!(state.written.into_iter().collect::<Vec<_>>(), [(0, 65), (100, 101)]);
    }
}
