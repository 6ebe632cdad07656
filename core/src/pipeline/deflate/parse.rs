use super::blocks::Blocks;
use super::chains::{Chains, Effort, Match};
use super::symbols::MIN_MATCH;
use super::window::{Bytes, PIECE};

/// How hard a piece is searched for matches.
#[derive(Clone, Copy)]
pub(super) struct Lazy {
    pub(super) effort: Effort,
    /// A shorter match is given up for a better one at the next byte.
    pub(super) patience: usize,
}

impl Lazy {
    /// Cuts the piece that ends at `end` into literals and matches: the longest at each byte, unless the next has a better one.
    pub(super) fn cut<const WINDOW: usize, const HEADS: usize>(
        &self,
        bytes: Bytes<'_>,
        end: usize,
        chains: &mut Chains<WINDOW, HEADS>,
        blocks: &mut Blocks<'_, '_>,
    ) {
        let again = Effort { depth: self.effort.depth.div_ceil(2), ..self.effort };
        let mut at = PIECE;
        let mut next = Chains::<WINDOW, HEADS>::next(bytes, at);
        while at < end {
            let segment_end = (at + SEGMENT).min(end);
            while at < segment_end {
                let mut found = chains.longest(bytes, at, end, NONE, &self.effort, &mut next);
                if found.len < MIN_MATCH || (found.len == MIN_MATCH && found.distance > MOST_FAR_THREE) {
                    blocks.literal(at);
                    at += 1;
                    continue;
                }
                // A match in hand has three bytes: there is a next one.
                while found.len < self.patience {
                    let least = Match { len: found.len - 1, distance: 0 };
                    let other = chains.longest(bytes, at + 1, end, least, &again, &mut next);
                    if other.len < found.len || gain(found, other) <= LEAST_GAIN {
                        break;
                    }
                    blocks.literal(at);
                    at += 1;
                    found = other;
                }
                blocks.sequence(at, found.len, found.distance);
                let known = at + 1 + usize::from(found.len < self.patience);
                at += found.len;
                chains.skip(bytes, known, at, &mut next);
            }
            blocks.end_segment(at);
        }
    }
}

/// How much better the match `next` is than `now`: a byte counts four, half the distance one.
#[inline(always)]
fn gain(now: Match, next: Match) -> i32 {
    4 * (next.len as i32 - now.len as i32) + now.distance.ilog2() as i32 - next.distance.ilog2() as i32
}

pub(super) const NONE: Match = Match { len: 0, distance: 0 };
/// The literal before a match that is better by less takes more.
const LEAST_GAIN: i32 = 2;
/// Three bytes that are farther away take more bits than as literals, mostly.
const MOST_FAR_THREE: usize = 4096;
/// Bytes after which the block is looked at: whether it ends.
pub(super) const SEGMENT: usize = 4096;
