//! Random moments and changes that can be had again.

use std::time::Duration;

use anyhow::{Context, Result};

/// Numbers that look random and follow from a seed alone (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// One of several, of which there is at least one.
    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.next() as usize % from.len()]
    }

    /// Some time before `end`.
    pub(crate) fn moment(&mut self, end: Duration) -> Duration {
        Duration::from_nanos(self.below(u64::try_from(end.as_nanos()).unwrap_or(u64::MAX).max(1)))
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

/// Does `round` so many times, each with a number of its own, from which its chances follow too, and which a failure tells:
/// `DISKWRIGHT_RELIABILITY_SEED` is the first of them, 0 if it is not set.
pub(crate) fn rounds(times: u64, mut round: impl FnMut(u64, &mut Chance) -> Result<()>) -> Result<()> {
    let first = std::env::var(SEED).ok().and_then(|text| text.parse().ok()).unwrap_or(0_u64);
    for number in first..first.saturating_add(times) {
        round(number, &mut Chance::new(number)).with_context(|| format!("again with {SEED}={number}"))?;
    }
    Ok(())
}

const SEED: &str = "DISKWRIGHT_RELIABILITY_SEED";
