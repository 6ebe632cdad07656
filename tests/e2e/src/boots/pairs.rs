//! Cells that have every pair of values at least once.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::cell::{Cell, Release};

/// Two values of different factors: factor and place of the one, then of the other; the first factor is the lower.
pub type Pair = ((usize, usize), (usize, usize));

/// How many cells at the head of the list are booted in every run of the tests.
pub const SHORT: usize = 6;

/// A list of cells in which every pair of values stands that can stand together, made by taking, again and again, the cell
/// with the most pairs that are not there yet; of several that whose values stand least often in the list, then the first.
///
/// The first [`SHORT`] cells are all of Debian 12, for one tree to do, and those with the most new values come first there.
///
/// Cost: looks at all cells that can be, some ten thousand, for each of some forty.
pub fn covering() -> Vec<Cell> {
    let candidates: Vec<Candidate> =
        all().into_iter().map(|cell| Candidate { cell, pairs: pairs(&cell).collect() }).collect();
    let mut left: BTreeSet<Pair> = candidates.iter().flat_map(|one| one.pairs.iter().copied()).collect();
    let mut used: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    let mut list = Vec::new();
    while !left.is_empty() {
        let is_short = list.len() < SHORT;
        let worth = |one: &Candidate| {
            let gain = one.pairs.iter().filter(|pair| left.contains(pair)).count();
            let new = one.values().filter(|value| !used.contains_key(value)).count();
            let uses: usize = one.values().map(|value| used.get(&value).copied().unwrap_or(0)).sum();
            (if is_short { new } else { 0 }, gain, Reverse(uses))
        };
        let eligible = candidates.iter().filter(|one| !is_short || one.cell.release == Release::Bookworm);
        // Of equals the last counts, so they are looked at from behind.
        let Some(best) = eligible.rev().max_by_key(|one| worth(one)) else { break };
        for pair in &best.pairs {
            left.remove(pair);
        }
        for value in best.values() {
            *used.entry(value).or_default() += 1;
        }
        list.push(best.cell);
    }
    list
}

/// A cell that can be.
struct Candidate {
    cell: Cell,
    pairs: Vec<Pair>,
}

impl Candidate {
    /// Factor and place of each value.
    fn values(&self) -> impl Iterator<Item = (usize, usize)> {
        self.cell.places().into_iter().enumerate()
    }
}

/// Every pair of values that stands in a cell that can be.
pub fn possible_pairs() -> BTreeSet<Pair> {
    all().iter().flat_map(pairs).collect()
}

/// The pairs of a cell.
pub fn pairs(cell: &Cell) -> impl Iterator<Item = Pair> + use<> {
    let places = cell.places();
    (0..Cell::FACTORS).flat_map(move |one| {
        (one + 1..Cell::FACTORS).map(move |other| ((one, places[one]), (other, places[other])))
    })
}

/// Every cell that can be.
fn all() -> Vec<Cell> {
    let mut places = [0; Cell::FACTORS];
    let mut cells = Vec::new();
    loop {
        cells.extend(Cell::of_places(places).filter(Cell::can_be));
        // The last factor turns first.
        let mut factor = Cell::FACTORS;
        loop {
            let Some(before) = factor.checked_sub(1) else { return cells };
            factor = before;
            places[factor] += 1;
            if places[factor] < Cell::COUNTS[factor] {
                break;
            }
            places[factor] = 0;
        }
    }
}
