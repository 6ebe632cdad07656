use super::jobs::{Job, Peer};
use super::measure::{Figures, Spread};

/// What a job took, ours and others'.
pub(super) struct Row {
    pub(super) job: &'static Job,
    /// Bytes of our output without what boots.
    pub(super) size: u64,
    pub(super) ours: Vec<Figures>,
    pub(super) beside: Vec<Beside>,
    pub(super) limits: Vec<Limit>,
    pub(super) scaling: Vec<Scaling>,
}

/// What a peer took, run by run beside ours.
pub(super) struct Beside {
    pub(super) peer: &'static Peer,
    pub(super) runs: Vec<Figures>,
    /// Why there are no runs, or no more.
    pub(super) failure: Option<String>,
}

/// Processor seconds that no generation can do without.
pub(super) struct Limit {
    /// What they are divided by.
    pub(super) threads: f64,
    pub(super) read: f64,
    pub(super) encode: f64,
    pub(super) write: f64,
    /// Seconds on the clock of encoding alone.
    pub(super) encode_clock: f64,
    pub(super) codec: String,
}

/// Seconds of ours on one thread and on two.
pub(super) struct Scaling {
    pub(super) one: f64,
    pub(super) two: f64,
    /// How much faster the codec alone is on two, from memory.
    pub(super) ceiling: f64,
}

impl Limit {
    fn total(&self) -> f64 {
        self.read + self.encode + self.write
    }

    /// Seconds on the clock, all threads at work.
    pub(super) fn seconds(&self) -> f64 {
        self.total() / self.threads
    }
}

impl Beside {
    /// Our time over the peer's, run by run.
    pub(super) fn ratio(&self, ours: &[Figures]) -> Spread {
        Spread::of(ours.iter().zip(&self.runs).map(|(ours, theirs)| ours.wall / theirs.wall))
    }
}

impl Row {
    pub(super) fn over_limit(&self) -> Spread {
        Spread::of(self.ours.iter().zip(&self.limits).map(|(ours, limit)| ours.wall / limit.seconds()))
    }

    /// How much faster two threads are than one.
    pub(super) fn speedup(&self) -> Spread {
        Spread::of(self.scaling.iter().map(|scaling| scaling.one / scaling.two))
    }

    /// The codec's part of what cannot be done without.
    pub(super) fn codec_part(&self) -> f64 {
        Spread::of(self.limits.iter().map(|limit| limit.encode / limit.total())).median
    }

    /// A sentence for each target that is missed.
    pub(super) fn misses(&self) -> Vec<String> {
        let mut misses = Vec::new();
        let name = self.job.name;
        for beside in &self.beside {
            let Some(wanted) = beside.peer.wanted else { continue };
            let (peer, ratio) = (beside.peer.name, beside.ratio(&self.ours).median);
            if passes(ratio, wanted.ratio) {
                misses.push(format!("{name}: {ratio:.3} of {peer}, at most {}", wanted.ratio));
            }
            let theirs = Spread::over(&beside.runs, |figures| figures.output as f64).median;
            let size = self.size as f64 / theirs;
            if wanted.no_larger && passes(size, 1.0) {
                misses.push(format!("{name}: {size:.4} of the size of {peer}, at most 1"));
            }
        }
        let over = self.over_limit().median;
        if let Some(most) = self.job.limit
            && passes(over, most)
        {
            misses.push(format!("{name}: {over:.3} of the limit, at most {most}"));
        }
        let speedup = self.speedup().median;
        if self.must_scale() && passes(-speedup, -LEAST_SPEEDUP) {
            misses
                .push(format!("{name}: {speedup:.3} times as fast on two threads, at least {LEAST_SPEEDUP}"));
        }
        let temporary = Spread::over(&self.ours, |figures| figures.temporary as f64).median;
        if temporary > MOST_TEMPORARY {
            misses.push(format!("{name}: {temporary} bytes of temporary disk space"));
        }
        misses
    }

    /// Whether two threads must be faster: where compression dominates.
    pub(super) fn must_scale(&self) -> bool {
        !self.scaling.is_empty() && self.codec_part() >= DOMINATES
    }
}

/// Whether `figure` is more than `most`; no number passes everything.
fn passes(figure: f64, most: f64) -> bool {
    figure.is_nan() || figure > most
}

/// Two threads against one.
pub(super) const LEAST_SPEEDUP: f64 = 1.85;
/// Compression dominates from this part of the limit on.
const DOMINATES: f64 = 0.8;
/// Bytes: a locked file and a directory are no temporary disk space, nor is what a file system takes ahead of writes.
const MOST_TEMPORARY: f64 = (1 << 20) as f64;

#[cfg(test)]
mod tests {
    use super::super::jobs::JOBS;
    use super::*;

    /// A job whose runs take a second, its peers' as many as `theirs`, with outputs of 100 and `size` bytes.
    fn row(key: &str, theirs: f64, size: u64) -> Row {
        let job = JOBS.iter().find(|job| job.key == key).unwrap();
        let figures = |wall, output| vec![Figures { wall, output, ..Figures::default() }];
        let beside = |peer| Beside { peer, runs: figures(theirs, size), failure: None };
        let limit = Limit {
            threads: 2.0,
            read: 0.1,
            encode: 1.7,
            write: 0.1,
            encode_clock: 1.7,
            codec: String::new(),
        };
        Row {
            job,
            size: 100,
            ours: figures(1.0, 110),
            beside: job.peers.iter().map(beside).collect(),
            limits: vec![limit],
            scaling: vec![Scaling { one: 1.9, two: 1.0, ceiling: 2.0 }],
        }
    }

    #[test]
    fn reached_targets_are_no_misses() {
        assert_eq!(row("qcow2-deflate", 4.1, 100).misses(), Vec::<String>::new());
        assert_eq!(row("vdi", 3.0, 50).misses(), Vec::<String>::new(), "of VDI, no size is asked for");
    }

    #[test]
    fn each_target_is_missed_by_itself() {
        let misses = row("qcow2-deflate", 3.9, 100).misses();
        assert_eq!(misses, ["QCOW2 deflate: 0.256 of mke2fs + qemu-img, at most 0.25"]);
        let misses = row("qcow2-deflate", 4.1, 99).misses();
        assert_eq!(misses, ["QCOW2 deflate: 1.0101 of the size of mke2fs + qemu-img, at most 1"]);
        let mut slow = row("qcow2-deflate", 4.1, 100);
        slow.limits[0].encode = 1.5;
        assert_eq!(slow.misses(), ["QCOW2 deflate: 1.176 of the limit, at most 1.15"]);
        let mut serial = row("qcow2-deflate", 4.1, 100);
        serial.scaling[0].one = 1.8;
        assert_eq!(serial.misses(), ["QCOW2 deflate: 1.800 times as fast on two threads, at least 1.85"]);
        let mut spooling = row("qcow2-deflate", 4.1, 100);
        spooling.ours[0].temporary = 2 << 20;
        assert_eq!(spooling.misses(), ["QCOW2 deflate: 2097152 bytes of temporary disk space"]);
    }

    #[test]
    fn threads_count_only_where_the_codec_takes_most() {
        let mut row = row("qcow2-deflate", 4.1, 100);
        row.scaling[0].one = 1.1;
        row.limits[0].encode = 0.5;
        row.limits[0].write = 1.4;
        assert_eq!(row.misses(), Vec::<String>::new());
    }

    #[test]
    fn a_figure_that_is_missing_is_a_miss() {
        let mut row = row("raw", 2.0, 100);
        row.beside[0].runs.clear();
        assert_eq!(row.misses(), ["directory → raw: NaN of mke2fs, at most 0.6"]);
    }
}
