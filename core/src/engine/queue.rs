use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::sync::Arc;

use super::GenerationId;

/// What waits, and whose turn it is: the owner's who has the fewest running; of those, the least recently served; of those,
/// the one whose first has waited longest. What one owner has waiting keeps its order.
pub(super) struct Queue<T> {
    /// In the order of their coming.
    waiting: Vec<Waiting<T>>,
    /// When owners were last served, counted in turns; who is not here counts as never served.
    served: BTreeMap<Arc<str>, u64>,
    turns: u64,
}

/// One that waits.
pub(super) struct Waiting<T> {
    pub(super) id: GenerationId,
    pub(super) owner: Arc<str>,
    pub(super) item: T,
}

impl<T> Queue<T> {
    pub(super) fn new() -> Self {
        Self { waiting: Vec::new(), served: BTreeMap::new(), turns: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn push(&mut self, waiting: Waiting<T>) {
        self.waiting.push(waiting);
    }

    /// Takes the one whose turn it is; `running` says how many an owner has running.
    pub(super) fn next(&mut self, running: impl Fn(&str) -> usize) -> Option<Waiting<T>> {
        let at = self.turns(running).next()?;
        let next = self.waiting.remove(at);
        self.turns += 1;
        self.served.insert(Arc::clone(&next.owner), self.turns);
        if self.served.len() > MAX_REMEMBERED
            && let Some(longest) = self.served.iter().min_by_key(|(_, turn)| **turn)
        {
            let longest = Arc::clone(longest.0);
            self.served.remove(&longest);
        }
        Some(next)
    }

    /// Takes one out of turn.
    pub(super) fn remove(&mut self, id: GenerationId) -> Option<T> {
        let at = self.waiting.iter().position(|waiting| waiting.id == id)?;
        Some(self.waiting.remove(at).item)
    }

    /// How many come before `id` if nothing ends and nobody comes.
    pub(super) fn ahead(&self, id: GenerationId, running: impl Fn(&str) -> usize) -> Option<usize> {
        self.turns(running).position(|at| self.waiting.get(at).is_some_and(|waiting| waiting.id == id))
    }

    /// The indices of all that wait, in the order of their turns.
    fn turns(&self, running: impl Fn(&str) -> usize) -> impl Iterator<Item = usize> {
        let mut owners: BTreeMap<&str, VecDeque<usize>> = BTreeMap::new();
        for (at, waiting) in self.waiting.iter().enumerate() {
            owners.entry(&waiting.owner).or_default().push_back(at);
        }
        let mut heads: BinaryHeap<Reverse<Head>> = owners
            .into_iter()
            .filter_map(|(owner, mut all)| {
                let served = self.served.get(owner).copied().unwrap_or(0);
                all.pop_front().map(|first| Reverse((running(owner), served, first, all)))
            })
            .collect();
        let mut turn = self.turns;
        std::iter::from_fn(move || {
            let Reverse((running, _, at, mut others)) = heads.pop()?;
            turn += 1;
            if let Some(next) = others.pop_front() {
                heads.push(Reverse((running + 1, turn, next, others)));
            }
            Some(at)
        })
    }
}

/// An owner's first, by whose turn it is: how many the owner has running, when the owner was last served, its index, and
/// the indices of the owner's others.
type Head = (usize, u64, usize, VecDeque<usize>);

/// Owners whose last turn is remembered.
const MAX_REMEMBERED: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// A queue of these, numbered from 1; the first letter is the owner.
    fn queue(names: &[&'static str]) -> Queue<&'static str> {
        let mut queue = Queue::new();
        add(&mut queue, names);
        queue
    }

    fn add(queue: &mut Queue<&'static str>, names: &[&'static str]) {
        for name in names {
            let id = GenerationId(queue.turns + queue.len() as u64 + 1);
            queue.push(Waiting { id, owner: name[..1].into(), item: *name });
        }
    }

    /// Starts `count`, none of which ends.
    fn start(queue: &mut Queue<&'static str>, count: usize) -> Vec<&'static str> {
        let mut running: Vec<&str> = Vec::new();
        for _ in 0..count {
            let next = queue.next(|owner| running.iter().filter(|name| name.starts_with(owner)).count());
            running.extend(next.map(|next| next.item));
        }
        running
    }

    #[test]
    fn one_owner_is_served_in_the_order_of_coming() {
        assert_eq!(start(&mut queue(&["a1", "a2", "a3"]), 4), ["a1", "a2", "a3"]);
    }

    #[test]
    fn many_orders_of_one_owner_do_not_hold_up_one_of_another() {
        let mut queue = queue(&["a1", "a2", "a3", "a4", "b1", "c1", "b2"]);
        assert_eq!(start(&mut queue, 7), ["a1", "b1", "c1", "a2", "b2", "a3", "a4"]);
    }

    #[test]
    fn of_owners_with_equally_many_running_the_least_recently_served_is_next() {
        let mut queue = queue(&["a1", "b1", "a2", "b2"]);
        // One at a time: nobody has anything running when the next one is chosen.
        let one_at_a_time: Vec<_> = (0..3).filter_map(|_| queue.next(|_| 0)).map(|next| next.item).collect();
        assert_eq!(one_at_a_time, ["a1", "b1", "a2"]);
        add(&mut queue, &["c1"]);
        assert_eq!(start(&mut queue, 2), ["c1", "b2"]);
    }

    #[test]
    fn the_number_ahead_is_the_number_that_is_started_before() {
        let names = ["a1", "a2", "b1", "a3", "c1", "c2", "b2", "d1"];
        for already in 0..names.len() {
            let mut queue = queue(&names);
            start(&mut queue, already);
            let ahead: BTreeMap<_, _> =
                queue.waiting.iter().map(|one| (one.item, queue.ahead(one.id, |_| 0))).collect();
            for (at, name) in start(&mut queue, names.len()).into_iter().enumerate() {
                assert_eq!(ahead[name], Some(at), "{name} after {already}");
            }
        }
    }

    #[test]
    fn one_that_is_removed_is_neither_started_nor_ahead_of_others() {
        let mut queue = queue(&["a1", "a2", "a3"]);
        assert_eq!(queue.remove(GenerationId(2)), Some("a2"));
        assert_eq!(queue.remove(GenerationId(2)), None);
        assert_eq!(queue.ahead(GenerationId(3), |_| 0), Some(1));
        assert_eq!(queue.ahead(GenerationId(2), |_| 0), None);
        assert_eq!(start(&mut queue, 3), ["a1", "a3"]);
    }

    #[test]
    fn owners_who_are_gone_are_forgotten_in_time() {
        let mut queue = Queue::new();
        for number in 0..3000 {
            queue.push(Waiting {
                id: GenerationId(number),
                owner: format!("owner {number}").into(),
                item: (),
            });
            assert!(queue.next(|_| 0).is_some());
        }
        assert_eq!(queue.served.len(), MAX_REMEMBERED);
    }
}
