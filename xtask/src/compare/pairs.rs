use super::jobs::{Bound, Pair};
use super::measure::Spread;

/// Seconds on the clock and of processors.
pub(super) struct Cost {
    pub(super) wall: f64,
    pub(super) cpu: f64,
}

/// What two formats of one order took, and of an order each.
pub(super) struct PairRow {
    pub(super) pair: &'static Pair,
    /// Both alone, added.
    pub(super) alone: Vec<Cost>,
    pub(super) together: Vec<Cost>,
    /// Seconds of a pass that reads, on all processors.
    pub(super) reads: Vec<f64>,
}

impl PairRow {
    pub(super) fn bound(&self) -> f64 {
        let alone = wall(&self.alone).median;
        match self.pair.bound {
            Bound::LessReading(part) => alone - part * Spread::of(self.reads.iter().copied()).median,
            Bound::Part(part) => alone * part,
        }
    }

    pub(super) fn is_reached(&self) -> bool {
        wall(&self.together).median <= self.bound()
    }
}

pub(super) fn wall(costs: &[Cost]) -> Spread {
    Spread::of(costs.iter().map(|cost| cost.wall))
}

pub(super) fn cpu(costs: &[Cost]) -> Spread {
    Spread::of(costs.iter().map(|cost| cost.cpu))
}
