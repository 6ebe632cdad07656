use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Ranges of bytes that were moved, each by the name of what it belongs to; clones note together.
#[derive(Clone, Default)]
pub(crate) struct Ranges {
    noted: Arc<Mutex<Noted>>,
}

/// Half-open ranges, by name.
type Noted = BTreeMap<String, Vec<(u64, u64)>>;

/// What all ranges of one thing are together.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Covered {
    /// Bytes, those that were moved twice counted twice.
    pub(crate) moved: u64,
    /// The union of all ranges: ascending, apart, half-open.
    pub(crate) union: Vec<(u64, u64)>,
}

impl Ranges {
    /// Notes `len` bytes of `name` from `offset` on.
    pub(crate) fn note(&self, name: &str, offset: u64, len: u64) {
        let mut noted = self.noted.lock().unwrap();
        if !noted.contains_key(name) {
            noted.insert(name.to_owned(), Vec::new());
        }
        noted.get_mut(name).unwrap().push((offset, offset + len));
    }

    pub(crate) fn covered(&self) -> BTreeMap<String, Covered> {
        let noted = self.noted.lock().unwrap();
        noted.iter().map(|(name, ranges)| (name.clone(), Covered::of(ranges))).collect()
    }
}

impl Covered {
    pub(crate) fn of(ranges: &[(u64, u64)]) -> Self {
        let mut sorted: Vec<(u64, u64)> = ranges.iter().copied().filter(|(start, end)| start < end).collect();
        sorted.sort_unstable();
        let moved = sorted.iter().map(|(start, end)| end - start).sum();
        let mut union: Vec<(u64, u64)> = Vec::new();
        for (start, end) in sorted {
            match union.last_mut() {
                Some(last) if start <= last.1 => last.1 = last.1.max(end),
                _ => union.push((start, end)),
            }
        }
        Self { moved, union }
    }

    /// Bytes of the union.
    pub(crate) fn bytes(&self) -> u64 {
        self.union.iter().map(|(start, end)| end - start).sum()
    }

    /// Whether no byte was moved twice.
    pub(crate) fn is_once(&self) -> bool {
        self.moved == self.bytes()
    }
}

#[test]
fn a_byte_that_is_moved_twice_is_seen() {
    let ranges = Ranges::default();
    for (name, offset, len) in [("a", 4, 4), ("a", 0, 4), ("b", 0, 4), ("b", 3, 2), ("b", 9, 0)] {
        ranges.note(name, offset, len);
    }
    let covered = ranges.covered();
    assert_eq!(covered["a"], Covered { moved: 8, union: vec![(0, 8)] });
    assert_eq!(covered["b"], Covered { moved: 6, union: vec![(0, 5)] });
    assert!(covered["a"].is_once() && !covered["b"].is_once());
}
