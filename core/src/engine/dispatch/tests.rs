use std::thread::{ScopedJoinHandle, scope};

use super::super::limits::{ENTRY_BYTES, ENTRY_STEP, GENERATION_BYTES};
use super::*;
use crate::sink::MemorySink;
use crate::{Seed, Timestamp};

const STEP: u64 = ENTRY_STEP * ENTRY_BYTES;

/// Of this memory, with generations of `owners` waiting that nobody runs.
fn dispatch(memory: u64, waiting: u64) -> Arc<Dispatch> {
    let dispatch = Dispatch::new(Limits { threads: 1, concurrency: 3, memory, queue: 9 });
    let mut state = dispatch.lock();
    for number in 1..=waiting {
        let id = GenerationId(number);
        let mut order = crate::engine::tests::order(0);
        (order.seed, order.timestamp) = (Seed::from_text("s"), Timestamp::from_seconds(0));
        let item = Submission { ticket: Arc::new(Ticket::new(id)), order, sink: Box::new(MemorySink::new()) };
        state.queue.push(Waiting { id, owner: "".into(), item });
    }
    drop(state);
    Arc::new(dispatch)
}

fn admitted(dispatch: &Dispatch) -> Vec<u64> {
    std::iter::from_fn(|| dispatch.admit()).map(|one| one.ticket.id.0).collect()
}

/// Waits until one waits for memory.
fn one_grows(dispatch: &Dispatch) {
    while dispatch.lock().growing == 0 {
        std::thread::yield_now();
    }
}

fn grown(handle: ScopedJoinHandle<'_, Result<()>>) -> Result<()> {
    handle.join().unwrap()
}

#[test]
fn as_many_begin_as_memory_is_for_and_one_in_any_case() {
    assert_eq!(admitted(&dispatch(0, 3)), [1]);
    assert_eq!(admitted(&dispatch(2 * Claim::at_first() - 1, 3)), [1]);
    assert_eq!(admitted(&dispatch(2 * Claim::at_first(), 3)), [1, 2]);
    assert_eq!(admitted(&dispatch(u64::MAX, 4)), [1, 2, 3]);
}

#[test]
fn one_that_needs_more_waits_until_there_is_more_and_nothing_begins_before() {
    let dispatch = dispatch(2 * Claim::at_first() + STEP, 3);
    assert_eq!(admitted(&dispatch), [1, 2]);
    let (first, second, monitor) = (GenerationId(1), GenerationId(2), Monitor::new());
    dispatch.grow(second, STEP, &monitor).unwrap();
    scope(|scope| {
        let waits = scope.spawn(|| dispatch.grow(second, STEP, &monitor));
        one_grows(&dispatch);
        // The first does not wait, whatever is free.
        dispatch.grow(first, 5 * STEP, &monitor).unwrap();
        assert!(!waits.is_finished());
        let room_of_first = GENERATION_BYTES + 6 * STEP;
        assert_eq!(dispatch.lock().memory(), room_of_first + Claim::at_first() + STEP);
        dispatch.release(first);
        grown(waits).unwrap();
    });
    // What the second has now leaves too little for the third.
    assert_eq!(dispatch.lock().memory(), Claim::at_first() + 2 * STEP);
    assert_eq!(admitted(&dispatch), Vec::<u64>::new());
    // Settled as smaller than it might have been, it makes room.
    dispatch.lock().running[0].memory = GENERATION_BYTES;
    assert_eq!(admitted(&dispatch), [3]);
}

#[test]
fn one_that_waits_for_memory_can_be_cancelled() {
    let dispatch = dispatch(2 * Claim::at_first(), 2);
    assert_eq!(admitted(&dispatch), [1, 2]);
    let monitor = Monitor::new();
    scope(|scope| {
        let waits = scope.spawn(|| dispatch.grow(GenerationId(2), STEP, &monitor));
        one_grows(&dispatch);
        monitor.cancel();
        dispatch.withdraw(GenerationId(2));
        assert_eq!(grown(waits).unwrap_err().kind(), ErrorKind::Cancelled);
    });
    let state = dispatch.lock();
    assert_eq!((state.growing, state.memory()), (0, 2 * Claim::at_first()));
}

#[test]
fn entries_are_counted_and_what_was_claimed_beyond_them_is_given_back() {
    let dispatch = dispatch(u64::MAX, 1);
    assert_eq!(admitted(&dispatch), [1]);
    let (claim, monitor) = (Claim::new(Arc::clone(&dispatch), GenerationId(1)), Monitor::new());
    for _ in 0..2 * ENTRY_STEP + 5 {
        claim.count_entry(&monitor).unwrap();
    }
    assert_eq!(dispatch.lock().memory(), GENERATION_BYTES + 3 * STEP);
    claim.settle();
    assert_eq!(dispatch.lock().memory(), GENERATION_BYTES + 2 * STEP + 5 * ENTRY_BYTES);
}
