use std::ops::Range;

/// Numbers that look random and follow from a seed alone (SplitMix64).
#[derive(Clone, Debug)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number of a range that is not empty.
    pub(super) fn within(&mut self, range: Range<u64>) -> u64 {
        range.start + self.next() % (range.end - range.start).max(1)
    }

    /// A length or index of a range that is not empty.
    pub(super) fn count(&mut self, range: Range<usize>) -> usize {
        range.start + (self.next() >> 1) as usize % (range.end - range.start).max(1)
    }

    /// True once in `n` times.
    pub(super) fn one_in(&mut self, n: u64) -> bool {
        self.next().is_multiple_of(n)
    }

    /// One of several, of which there is at least one.
    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.count(0..from.len())]
    }

    pub(super) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }

    /// The same things in another order.
    pub(super) fn shuffle<T>(&mut self, things: &mut [T]) {
        for at in (1..things.len()).rev() {
            things.swap(at, self.count(0..at + 1));
        }
    }
}

/// 64 bits that depend on every bit of `from`.
pub(super) fn mix(from: u64) -> u64 {
    let from = (from ^ (from >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let from = (from ^ (from >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    from ^ (from >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_another_gives_others() {
        let take = |seed| {
            let mut chance = Chance::new(seed);
            (0..4).map(|_| chance.next()).collect::<Vec<_>>()
        };
        assert_eq!(take(1), take(1));
        assert_ne!(take(1), take(2));
        // The first two outputs of SplitMix64 seeded with 0.
        assert_eq!(take(0)[..2], [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4]);
    }

    #[test]
    fn ranges_are_kept_and_shuffling_loses_nothing() {
        let mut chance = Chance::new(7);
        assert!((0..1000).all(|_| (3..9).contains(&chance.within(3..9))));
        assert!((0..1000).all(|_| chance.count(2..4) < 4));
        let mut things: Vec<u32> = (0..100).collect();
        chance.shuffle(&mut things);
        assert_ne!(things, (0..100).collect::<Vec<_>>());
        things.sort_unstable();
        assert_eq!(things, (0..100).collect::<Vec<_>>());
    }
}
