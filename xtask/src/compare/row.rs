use serde_json::{Value, json};

use super::jobs::{Bound, Job, Pair};
use super::measure::{Figures, median};

/// What the limit takes, in seconds on all processors.
pub(super) struct Limit {
    pub(super) seconds: f64,
    pub(super) read: f64,
}

pub(super) struct Row {
    pub(super) job: &'static Job,
    pub(super) ours: Vec<Figures>,
    pub(super) theirs: Vec<Figures>,
    pub(super) limits: Vec<Limit>,
}

impl Row {
    /// The median of our time over the peer's, run by run.
    fn ratio(&self) -> f64 {
        median(self.ours.iter().zip(&self.theirs).map(|(ours, theirs)| ours.wall / theirs.wall))
    }

    fn over_limit(&self) -> f64 {
        median(self.ours.iter().zip(&self.limits).map(|(ours, limit)| ours.wall / limit.seconds))
    }

    /// Output bytes, ours over the peer's.
    fn size(&self) -> f64 {
        Figures::median(&self.ours).output as f64 / Figures::median(&self.theirs).output as f64
    }

    pub(super) fn is_reached(&self) -> bool {
        self.ratio() <= self.job.target && self.size() <= MAX_SIZE && self.over_limit() <= MAX_OVER_LIMIT
    }

    pub(super) fn to_markdown(&self) -> String {
        let (ours, theirs) = (Figures::median(&self.ours), Figures::median(&self.theirs));
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        format!(
            "| {} | {:.2} s | {:.2} s | **{:.3}** | {:.2} | {:.2} s | {:.2} | {:.2} / {:.2} s | {:.0} / {:.0} MiB | {:.1} / {:.1} MiB | {:.0} / {:.0} MiB |",
            self.job.name,
            ours.wall,
            theirs.wall,
            self.ratio(),
            self.job.target,
            median(self.limits.iter().map(|limit| limit.seconds)),
            self.over_limit(),
            ours.cpu,
            theirs.cpu,
            mib(ours.memory),
            mib(theirs.memory),
            mib(ours.output),
            mib(theirs.output),
            mib(ours.temporary),
            mib(theirs.temporary),
        )
    }

    pub(super) fn to_json(&self) -> Value {
        let figures = |runs: &[Figures]| {
            let median = Figures::median(runs);
            json!({"wall": median.wall, "cpu": median.cpu, "memory": median.memory, "output": median.output,
                   "temporary": median.temporary})
        };
        json!({
            "job": self.job.name, "ours": figures(&self.ours), "peer": figures(&self.theirs), "ratio": self.ratio(),
            "target": self.job.target, "over_limit": self.over_limit(), "size": self.size(), "reached": self.is_reached(),
        })
    }
}

/// Seconds on the clock and of processors.
pub(super) struct Cost {
    pub(super) wall: f64,
    pub(super) cpu: f64,
}

pub(super) struct PairRow {
    pub(super) pair: &'static Pair,
    /// Both alone, added.
    pub(super) alone: Vec<Cost>,
    pub(super) together: Vec<Cost>,
    /// Seconds of a pass that reads and tests for zero.
    pub(super) reads: Vec<f64>,
}

impl PairRow {
    fn bound(&self) -> f64 {
        let alone = wall(&self.alone);
        match self.pair.bound {
            Bound::LessReading(part) => alone - part * median(self.reads.iter().copied()),
            Bound::Part(part) => alone * part,
        }
    }

    pub(super) fn is_reached(&self) -> bool {
        wall(&self.together) <= self.bound()
    }

    pub(super) fn to_markdown(&self) -> String {
        let (together, alone) = (wall(&self.together), wall(&self.alone));
        let verdict = if self.is_reached() { "reached" } else { "missed" };
        let (name, bound) = (self.pair.name, self.bound());
        let (cpu, cpu_alone) = (cpu(&self.together), cpu(&self.alone));
        format!(
            "| {name} | {together:.2} s | {alone:.2} s | {bound:.2} s, {verdict} | {cpu:.2} / {cpu_alone:.2} s |"
        )
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "pair": self.pair.name, "together": wall(&self.together), "alone": wall(&self.alone), "bound": self.bound(),
            "cpu_together": cpu(&self.together), "cpu_alone": cpu(&self.alone), "reached": self.is_reached(),
        })
    }
}

fn wall(costs: &[Cost]) -> f64 {
    median(costs.iter().map(|cost| cost.wall))
}

fn cpu(costs: &[Cost]) -> f64 {
    median(costs.iter().map(|cost| cost.cpu))
}

/// A generation may take this much of the limit.
const MAX_OVER_LIMIT: f64 = 1.3;
/// An output may be this much of the peer's.
const MAX_SIZE: f64 = 1.02;
