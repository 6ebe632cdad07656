use std::collections::BTreeMap;
use std::ops::Bound;

/// Numbers that are taken, as runs: what stands in a row costs one.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    /// Start → one past the end; disjoint and not touching.
    runs: BTreeMap<u64, u64>,
}

impl Runs {
    /// Takes `start..start + len`; the first of them that was taken already, which changes nothing then.
    pub(crate) fn take(&mut self, start: u64, len: u64) -> Result<(), u64> {
        let end = start.saturating_add(len);
        if start >= end {
            return Ok(());
        }
        let before = self.runs.range(..=start).next_back().map(|(from, to)| (*from, *to));
        if let Some((_, to)) = before
            && to > start
        {
            return Err(start);
        }
        let after = self.runs.range((Bound::Excluded(start), Bound::Unbounded)).next();
        let after = after.map(|(from, to)| (*from, *to));
        if let Some((from, _)) = after
            && from < end
        {
            return Err(from);
        }
        let mut end = end;
        if let Some((from, to)) = after
            && from == end
        {
            self.runs.remove(&from);
            end = to;
        }
        match before {
            Some((from, to)) if to == start => self.runs.insert(from, end),
            _ => self.runs.insert(start, end),
        };
        Ok(())
    }

    /// Whether a number is taken.
    pub(crate) fn has(&self, number: u64) -> bool {
        self.runs.range(..=number).next_back().is_some_and(|(_, to)| *to > number)
    }

    /// The runs that touch `start..end`, cut to it.
    pub(crate) fn within(&self, start: u64, end: u64) -> impl Iterator<Item = (u64, u64)> + '_ {
        let first = self.runs.range(..=start).next_back().map_or(start, |(from, _)| *from);
        let cut = move |(from, to): (&u64, &u64)| ((*from).max(start), (*to).min(end));
        let touching = self.runs.range(first..).take_while(move |(from, _)| **from < end).map(cut);
        touching.filter(|(from, to)| from < to)
    }

    /// The gaps of `start..end`.
    pub(crate) fn gaps(&self, start: u64, end: u64) -> impl Iterator<Item = (u64, u64)> + '_ {
        let mut at = start;
        let ends = self.within(start, end).chain([(end, end)]);
        ends.filter_map(move |(from, to)| {
            let gap = (at, from);
            at = to;
            (gap.0 < gap.1).then_some(gap)
        })
    }

    /// How many numbers of `start..end` are taken.
    pub(crate) fn count(&self, start: u64, end: u64) -> u64 {
        self.within(start, end).map(|(from, to)| to - from).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_merge_and_nothing_is_taken_twice() {
        let mut runs = Runs::default();
        for (start, len) in [(10, 5), (20, 5), (15, 5), (0, 1), (30, 0)] {
            runs.take(start, len).unwrap();
        }
        assert_eq!(runs.runs, BTreeMap::from([(0, 1), (10, 25)]));
        assert_eq!(runs.take(24, 1), Err(24));
        assert_eq!(runs.take(5, 6), Err(10));
        assert_eq!(runs.gaps(0, 30).collect::<Vec<_>>(), [(1, 10), (25, 30)]);
        assert_eq!(runs.gaps(12, 20).collect::<Vec<_>>(), []);
        assert_eq!(runs.within(0, 12).collect::<Vec<_>>(), [(0, 1), (10, 12)]);
        assert_eq!(runs.count(12, 100), 13);
        assert!(runs.has(0) && !runs.has(1) && runs.has(24) && !runs.has(25));
    }
}
