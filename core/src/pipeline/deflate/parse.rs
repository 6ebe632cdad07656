use super::blocks::Blocks;
use super::chains::{Chains, Effort, Match};
use super::symbols::MIN_MATCH;
use super::window::{Bytes, PIECE};

/// How a piece is cut into literals and matches.
#[derive(Clone, Copy)]
pub(super) struct Lazy {
    pub(super) effort: Effort,
    /// A match shorter than this is given up for a better one at the next byte, or the one behind it.
    pub(super) patience: usize,
    pub(super) steps: u32,
}

/// Cuts the piece that ends at `end`.
pub(super) fn cut<const WINDOW: usize, const HEADS: usize>(
    lazy: &Lazy,
    window: Bytes<'_>,
    end: usize,
    chains: &mut Chains<WINDOW, HEADS>,
    blocks: &mut Blocks<'_, '_>,
) {
    match lazy.steps {
        0 => cut_with::<WINDOW, HEADS, 0>(lazy, window, end, chains, blocks),
        1 => cut_with::<WINDOW, HEADS, 1>(lazy, window, end, chains, blocks),
        _ => cut_with::<WINDOW, HEADS, 2>(lazy, window, end, chains, blocks),
    }
}

fn cut_with<const WINDOW: usize, const HEADS: usize, const STEPS: u32>(
    lazy: &Lazy,
    window: Bytes<'_>,
    end: usize,
    chains: &mut Chains<WINDOW, HEADS>,
    blocks: &mut Blocks<'_, '_>,
) {
    let mut at = PIECE;
    let mut next = Chains::<WINDOW, HEADS>::next(window, at);
    let quick = Effort { depth: lazy.effort.depth.div_ceil(2), ..lazy.effort };
    let quicker = Effort { depth: lazy.effort.depth.div_ceil(4), ..lazy.effort };
    let reach = [0, 0, 0, 1024, 4096, 32768, 32768, 32768_usize];
    while at < end {
        let segment_end = (at + SEGMENT).min(end);
        while at < segment_end {
            let mut found = chains.longest(window, at, end, NONE, &lazy.effort, &mut next);
            if found.len < MIN_MATCH || found.distance > reach[found.len.min(7)] {
                blocks.literal(at);
                at += 1;
                continue;
            }
            let mut known = at + 1;
            loop {
                if STEPS < 1 || found.len >= lazy.patience {
                    break;
                }
                if at + 1 >= end { break }
                let other = chains.longest(window, at + 1, end, Match { len: found.len - 1, distance: 0 }, &quick, &mut next);
                known = at + 2;
                if other.len >= found.len && gain(found, other) > 2 {
                    blocks.literal(at);
                    at += 1;
                    found = other;
                    continue;
                }
                if STEPS < 2 || at + 2 >= end {
                    break;
                }
                let other = chains.longest(window, at + 2, end, Match { len: found.len - 1, distance: 0 }, &quicker, &mut next);
                known = at + 3;
                if other.len >= found.len && gain(found, other) > 6 {
                    blocks.literal(at);
                    blocks.literal(at + 1);
                    at += 2;
                    found = other;
                    continue;
                }
                break;
            }
            blocks.sequence(at, found.len, found.distance);
            at += found.len;
            chains.skip(window, known, at, &mut next);
        }
        blocks.end_segment(at);
    }
}

/// By how many quarters of a byte, about, the match `next` is better than `now`.
#[inline(always)]
fn gain(now: Match, next: Match) -> i32 {
    4 * (next.len as i32 - now.len as i32) + now.distance.ilog2() as i32 - next.distance.ilog2() as i32
}

const NONE: Match = Match { len: 0, distance: 0 };
const SEGMENT: usize = 4096;
