use super::symbols::{MAX_MATCH, MIN_MATCH};
use super::window::Bytes;

/// Where bytes occurred before: for the last `WINDOW` positions, chains of those with the same hash of four bytes, the
/// nearest first; and the last position for each hash of three.
///
/// Positions are kept modulo 65536. One that is too old looks like another one: what is found is compared, always.
pub(super) struct Chains<const WINDOW: usize, const HEADS: usize> {
    before: Box<[u16; WINDOW]>,
    fours: Box<[u16; HEADS]>,
    threes: Box<[u16; THREES]>,
    reach: u16,
}

/// Bytes that occurred before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Match {
    pub(super) len: usize,
    pub(super) distance: usize,
}

/// How hard [`Chains::longest`] looks.
#[derive(Clone, Copy)]
pub(super) struct Effort {
    /// Positions that are compared.
    pub(super) depth: u32,
    /// Bytes that are enough.
    pub(super) nice: usize,
}

impl<const WINDOW: usize, const HEADS: usize> Chains<WINDOW, HEADS> {
    /// Bytes of all tables.
    pub(super) const BYTES: usize = 2 * (WINDOW + HEADS + THREES);

    /// For matches `reach` bytes back at most, no more than `WINDOW`.
    pub(super) fn new(reach: usize) -> Self {
        Self {
            before: Box::new([0; WINDOW]),
            fours: Box::new([0; HEADS]),
            threes: Box::new([0; THREES]),
            reach: reach.min(WINDOW) as u16,
        }
    }

    /// Forgets all positions.
    pub(super) fn clear(&mut self) {
        // A byte too far back at the first position of the first piece. Where that looks near, later, there are bytes.
        let none = 0_u16.wrapping_sub(self.reach).wrapping_sub(1);
        self.before.fill(none);
        self.fours.fill(none);
        self.threes.fill(none);
    }

    /// The longest match at `at` with more than `best.len` bytes, the nearest of those; `best` where there is none. `at` is
    /// remembered: it must be the position of `next`. Bytes from `end` on are not there.
    #[inline(always)]
    pub(super) fn longest(
        &mut self,
        bytes: Bytes<'_>,
        at: usize,
        end: usize,
        best: Match,
        effort: &Effort,
        next: &mut Next,
    ) -> Match {
        self.search(bytes, at, (end, best), effort, next, |_| ())
    }

    /// As [`Chains::longest`]; each match that is longer than all nearer ones is `told`.
    #[inline(always)]
    pub(super) fn search(
        &mut self,
        bytes: Bytes<'_>,
        at: usize,
        (end, mut best): (usize, Match),
        effort: &Effort,
        next: &mut Next,
        mut told: impl FnMut(Match),
    ) -> Match {
        let here = next.here;
        let (mut position, three) = self.remember(bytes, at, next);
        let reach = self.reach;
        if best.len < MIN_MATCH {
            let distance = (at as u16).wrapping_sub(three);
            if distance.wrapping_sub(1) >= reach {
                // Four bytes have not been here either.
                return best;
            }
            let distance = usize::from(distance);
            if (bytes.load_u32(at.wrapping_sub(distance)) ^ here) << 8 == 0 {
                best = Match { len: MIN_MATCH.min(end - at), distance };
                told(best);
            }
        }
        // A longer match has these four bytes, up to the first behind the best.
        let mut tail_at = best.len.max(MIN_MATCH) - MIN_MATCH;
        let mut tail = bytes.load_u32(at + tail_at);
        for _ in 0..effort.depth {
            let distance = (at as u16).wrapping_sub(position);
            if distance.wrapping_sub(1) >= reach {
                break;
            }
            let distance = usize::from(distance);
            let from = at.wrapping_sub(distance);
            if bytes.load_u32(from.wrapping_add(tail_at)) == tail && bytes.load_u32(from) == here {
                let most = (end - at).min(MAX_MATCH);
                let len = common(bytes, from, at, most);
                if len > best.len {
                    best = Match { len, distance };
                    told(best);
                    if len >= effort.nice || len == most {
                        break;
                    }
                    tail_at = len - MIN_MATCH;
                    tail = bytes.load_u32(at + tail_at);
                }
            }
            position = self.before[from & (WINDOW - 1)];
        }
        best
    }

    /// Remembers the positions from `at` up to `end`.
    #[inline(always)]
    pub(super) fn skip(&mut self, bytes: Bytes<'_>, at: usize, end: usize, next: &mut Next) {
        for at in at..end {
            self.remember(bytes, at, next);
        }
    }

    /// Puts `at` before all others; gives the last positions with the hash of its four bytes and of its three.
    #[inline(always)]
    fn remember(&mut self, bytes: Bytes<'_>, at: usize, next: &mut Next) -> (u16, u16) {
        let four = &mut self.fours[next.four as usize % HEADS];
        let three = &mut self.threes[next.three as usize % THREES];
        let found = (*four, *three);
        self.before[at & (WINDOW - 1)] = *four;
        *four = at as u16;
        *three = at as u16;
        *next = Self::next(bytes, at + 1);
        found
    }

    #[inline(always)]
    pub(super) fn next(bytes: Bytes<'_>, at: usize) -> Next {
        let here = bytes.load_u32(at);
        Next {
            here,
            four: here.wrapping_mul(MULTIPLIER) >> (32 - HEADS.ilog2()),
            three: (here << 8).wrapping_mul(MULTIPLIER) >> (32 - THREES.ilog2()),
        }
    }
}

/// What is looked up for the next position: known before it is known what is done with the one before it.
#[derive(Clone, Copy)]
pub(super) struct Next {
    here: u32,
    four: u32,
    three: u32,
}

/// How many bytes from `from` and from `at` on are the same, up to `most`, where four are.
#[inline(always)]
fn common(bytes: Bytes<'_>, from: usize, at: usize, most: usize) -> usize {
    let mut len = 4;
    while len < most {
        let unequal = bytes.load_u64(from + len) ^ bytes.load_u64(at + len);
        if unequal != 0 {
            len += unequal.trailing_zeros() as usize / 8;
            break;
        }
        len += 8;
    }
    len.min(most)
}

/// Spreads the low bits of what it multiplies over the high ones: 2^32 divided by the golden ratio.
const MULTIPLIER: u32 = 0x9E37_79B1;
/// Heads for three bytes.
const THREES: usize = 1 << 15;
