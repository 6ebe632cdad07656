use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The connections of a server: so many at once.
///
/// Whoever comes when all places are taken gets that of the connection which has waited longest for its client's next
/// request. So no number of idle or slow clients keeps one out that has something to ask.
#[derive(Debug)]
pub(super) struct Crowd {
    capacity: usize,
    seats: Mutex<Seats>,
}

#[derive(Debug, Default)]
struct Seats {
    taken: HashMap<u64, Seat>,
    next: u64,
}

#[derive(Debug)]
struct Seat {
    /// Since when the client could send a request, if it can.
    waiting: Option<Instant>,
    leave: CancellationToken,
}

/// A connection's place, free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    crowd: Arc<Crowd>,
    number: u64,
    leave: CancellationToken,
}

impl Crowd {
    pub(super) fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self { capacity, seats: Mutex::default() })
    }

    /// A place for one more; `None` if all connections are at work.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Place> {
        let mut seats = self.seats();
        if seats.taken.len() >= self.capacity && !seats.dismiss_one() {
            return None;
        }
        let number = seats.next;
        seats.next = number.wrapping_add(1);
        let leave = CancellationToken::new();
        seats.taken.insert(number, Seat { waiting: Some(Instant::now()), leave: leave.clone() });
        Some(Place { crowd: Arc::clone(self), number, leave })
    }

    /// Ends the connection that has waited longest, for its file descriptor.
    pub(super) fn dismiss_one(&self) -> bool {
        self.seats().dismiss_one()
    }

    /// Connections, and those of them that wait for a request.
    pub(super) fn count(&self) -> (usize, usize) {
        let seats = self.seats();
        (seats.taken.len(), seats.taken.values().filter(|seat| seat.waiting.is_some()).count())
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seats {
    fn dismiss_one(&mut self) -> bool {
        let waiting = self.taken.iter().filter_map(|(number, seat)| Some((seat.waiting?, *number)));
        let Some((_, number)) = waiting.min() else { return false };
        if let Some(seat) = self.taken.remove(&number) {
            seat.leave.cancel();
        }
        true
    }
}

impl Place {
    /// The client may send a request.
    pub(super) fn waits(&self) {
        if let Some(seat) = self.crowd.seats().taken.get_mut(&self.number) {
            seat.waiting.get_or_insert_with(Instant::now);
        }
    }

    /// A request is being answered.
    pub(super) fn works(&self) {
        if let Some(seat) = self.crowd.seats().taken.get_mut(&self.number) {
            seat.waiting = None;
        }
    }

    /// Cancelled when another connection got the place.
    pub(super) fn leave(&self) -> &CancellationToken {
        &self.leave
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.crowd.seats().taken.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_one_that_has_waited_longest_makes_room() {
        let crowd = Crowd::new(3);
        let places: Vec<Place> = (0..3).map(|_| crowd.enter().unwrap()).collect();
        places[0].works();
        let fourth = crowd.enter().unwrap();
        assert!(!places[0].leave().is_cancelled());
        assert!(places[1].leave().is_cancelled());
        assert!(!places[2].leave().is_cancelled());
        // A place that was given away is not freed a second time.
        drop(places);
        assert_eq!(crowd.count(), (1, 1));
        assert!(!fourth.leave().is_cancelled());
    }

    #[tokio::test]
    async fn nobody_at_work_is_sent_away() {
        let crowd = Crowd::new(1);
        let place = crowd.enter().unwrap();
        place.works();
        assert!(crowd.enter().is_none());
        place.waits();
        assert!(crowd.enter().is_some());
    }
}
