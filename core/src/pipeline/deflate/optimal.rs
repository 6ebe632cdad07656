use super::blocks::Blocks;
use super::chains::{Chains, Effort, Next};
use super::parse::{NONE, SEGMENT};
use super::sequences::{Counts, ONE_BIT, log2};
use super::symbols::{self, DISTANCES, END_OF_BLOCK, MAX_MATCH, MIN_MATCH};
use super::window::{Bytes, PIECE};

/// Cuts pieces so that they take the fewest bits by what symbols cost, which is learnt from one cut for the next.
pub(super) struct Optimal {
    effort: Effort,
    /// How often a stretch is cut.
    rounds: u32,
    costs: Costs,
    /// Matches at all positions of the stretch, for each position the shortest first.
    matches: Vec<Found>,
    /// Where the matches of each position end.
    ends: Vec<u32>,
    /// What it takes from each position to the end of the stretch.
    totals: Box<[u32; STRETCH + 1]>,
    /// The first step from each position: a match, or a literal of one byte.
    steps: Box<[Found; STRETCH]>,
}

/// A match, as small as it can be.
#[derive(Clone, Copy)]
struct Found {
    len: u16,
    distance: u16,
}

/// What symbols take, with the bits that follow them, in units of [`ONE_BIT`].
struct Costs {
    literals: [u32; 256],
    /// By length.
    lengths: [u32; MAX_MATCH + 1],
    /// By code.
    distances: [u32; DISTANCES],
}

impl Optimal {
    /// Bytes of all tables.
    pub(super) const BYTES: usize = MOST_MATCHES * size_of::<Found>()
        + STRETCH * (size_of::<u32>() + size_of::<u32>() + size_of::<Found>())
        + size_of::<Costs>();

    pub(super) fn new(effort: Effort, rounds: u32) -> Self {
        Self {
            effort,
            rounds,
            costs: Costs::of(&Counts::NONE),
            matches: Vec::with_capacity(MOST_MATCHES),
            ends: Vec::with_capacity(STRETCH),
            totals: Box::new([0; STRETCH + 1]),
            steps: Box::new([LITERAL; STRETCH]),
        }
    }

    /// Cuts the piece that ends at `end`. `is_first`: nothing has been learnt yet.
    pub(super) fn cut<const WINDOW: usize, const HEADS: usize>(
        &mut self,
        bytes: Bytes<'_>,
        end: usize,
        is_first: bool,
        chains: &mut Chains<WINDOW, HEADS>,
        blocks: &mut Blocks<'_, '_>,
    ) {
        let mut next = Chains::<WINDOW, HEADS>::next(bytes, PIECE);
        let mut start = PIECE;
        while start < end {
            let stretch = bytes.slice(start, end.min(start + STRETCH));
            let stretch_end = start + stretch.len();
            self.find_matches(bytes, start, stretch_end, chains, &mut next);
            if is_first && start == PIECE {
                self.costs = Costs::of(&guess(stretch));
            }
            for round in 0..self.rounds {
                self.find_steps(stretch);
                if round + 1 < self.rounds {
                    self.costs = Costs::of(&self.count(stretch));
                }
            }
            self.emit(start, stretch.len(), blocks);
            self.costs = Costs::of(&self.count(stretch));
            start = stretch_end;
        }
    }

    /// Searches at all positions but those inside of matches that are long enough.
    fn find_matches<const WINDOW: usize, const HEADS: usize>(
        &mut self,
        bytes: Bytes<'_>,
        start: usize,
        end: usize,
        chains: &mut Chains<WINDOW, HEADS>,
        next: &mut Next,
    ) {
        self.matches.clear();
        self.ends.clear();
        let mut at = start;
        while at < end {
            let matches = &mut self.matches;
            let most = matches.len() + MOST_AT_ONE;
            let best = chains.search(bytes, at, (end, NONE), &self.effort, next, |better| {
                if better.len >= MIN_MATCH && matches.len() < most {
                    matches.push(Found { len: better.len as u16, distance: better.distance as u16 });
                }
            });
            self.ends.push(self.matches.len() as u32);
            at += 1;
            if best.len >= self.effort.nice {
                let behind = at + best.len - 1;
                chains.skip(bytes, at, behind, next);
                self.ends.resize(behind - start, self.matches.len() as u32);
                at = behind;
            }
        }
    }

    /// The cheapest way from each position to the end, from the last one to the first.
    fn find_steps(&mut self, stretch: &[u8]) {
        self.totals[stretch.len()] = 0;
        let mut first_of_next = self.matches.len();
        for (at, literal) in stretch.iter().enumerate().rev() {
            let mut least = self.costs.literals[usize::from(*literal)] + self.totals[at + 1];
            let mut step = LITERAL;
            let first = if at == 0 { 0 } else { self.ends[at - 1] as usize };
            let mut shorter = MIN_MATCH - 1;
            for found in &self.matches[first..first_of_next] {
                let len = usize::from(found.len);
                let far =
                    self.costs.distances[usize::from(symbols::distance(usize::from(found.distance)).code)];
                // A long match is taken whole, or as a short one.
                let shortened = len.min(MOST_SHORTENED).max(shorter);
                let lengths = &self.costs.lengths[shorter + 1..=shortened];
                let behind = &self.totals[at + shorter + 1..=at + shortened];
                for (more, (length, total)) in lengths.iter().zip(behind).enumerate() {
                    let total = far + length + total;
                    if total < least {
                        least = total;
                        step = Found { len: (shorter + 1 + more) as u16, distance: found.distance };
                    }
                }
                let whole = far + self.costs.lengths[len] + self.totals[at + len];
                if whole < least {
                    (least, step) = (whole, *found);
                }
                shorter = len;
            }
            self.totals[at] = least;
            self.steps[at] = step;
            first_of_next = first;
        }
    }

    /// The symbols of the way that was found.
    fn count(&self, stretch: &[u8]) -> Counts {
        let mut counts = Counts::NONE;
        let mut at = 0;
        while at < stretch.len() {
            let Found { len: step, distance } = self.steps[at];
            let (step, distance) = (usize::from(step), usize::from(distance));
            if step == 1 {
                counts.litlens[usize::from(stretch[at])] += 1;
            } else {
                counts.litlens[usize::from(symbols::length(step).code)] += 1;
                counts.distances[usize::from(symbols::distance(distance).code)] += 1;
            }
            at += step;
        }
        counts
    }

    fn emit(&self, start: usize, len: usize, blocks: &mut Blocks<'_, '_>) {
        let mut at = 0;
        let mut segment_end = SEGMENT;
        while at < len {
            let Found { len: step, distance } = self.steps[at];
            let (step, distance) = (usize::from(step), usize::from(distance));
            if step == 1 {
                blocks.literal(start + at);
            } else {
                blocks.sequence(start + at, step, distance);
            }
            at += step;
            if at >= segment_end.min(len) {
                blocks.end_segment(start + at);
                segment_end = at + SEGMENT;
            }
        }
    }
}

impl Costs {
    /// Symbols that do not occur cost a little more than those that occur once.
    fn of(counts: &Counts) -> Self {
        let all = log2(counts.litlens.iter().sum::<u32>() * 2);
        let litlen = |count: u32| all.saturating_sub(log2(2 * count)).max(ONE_BIT as u32 / 2);
        let extra = |bits: u32| bits * ONE_BIT as u32;
        let mut lengths = [0; MAX_MATCH + 1];
        for (len, cost) in lengths.iter_mut().enumerate().skip(MIN_MATCH) {
            let symbol = symbols::length(len);
            *cost = litlen(counts.litlens[usize::from(symbol.code)]) + extra(u32::from(symbol.extra_bits));
        }
        let all_distances = log2(counts.distances.iter().sum::<u32>() * 2);
        Self {
            literals: std::array::from_fn(|literal| litlen(counts.litlens[literal])),
            lengths,
            distances: std::array::from_fn(|code| {
                all_distances.saturating_sub(log2(2 * counts.distances[code]))
                    + extra(symbols::distance_extra_bits(code))
            }),
        }
    }
}

/// What a stretch may become before it was ever cut: half of it literals, short matches, and few that are near.
fn guess(stretch: &[u8]) -> Counts {
    let mut counts = Counts::NONE;
    for byte in stretch {
        counts.litlens[usize::from(*byte)] += 1;
    }
    let matches = stretch.len() as u32 / 4;
    for (code, count) in counts.litlens[END_OF_BLOCK + 1..].iter_mut().enumerate() {
        *count = matches / (2 * code as u32 + 4);
    }
    for (code, count) in counts.distances.iter_mut().enumerate() {
        *count = matches / 32 + code as u32;
    }
    counts
}

const LITERAL: Found = Found { len: 1, distance: 0 };
/// Bytes that are cut at one time; no match leads out of them.
const STRETCH: usize = 4 * SEGMENT;
/// Matches kept at one position, and at all.
const MOST_AT_ONE: usize = 8;
const MOST_MATCHES: usize = MOST_AT_ONE * STRETCH;
/// Shorter ones in the place of a match are tried up to this length.
const MOST_SHORTENED: usize = 32;
