use std::sync::Arc;

use super::is_zero;
use super::pool::{Buffer, PIECE, Pieces, Ranges};

/// A piece that is being filled, or waits to be hashed and written.
pub(super) struct Piece {
    pub(super) index: u64,
    /// Its bytes, old ones where nothing was written.
    pub(super) own: Option<Arc<Buffer>>,
    /// Or an item's, while all that was written stands there as in the piece.
    item: Option<Arc<Buffer>>,
    /// Ranges that were written, ascending, apart.
    pub(super) ranges: Ranges,
    /// Bytes that are likely to follow what was written last.
    pub(super) following: u64,
}

impl Piece {
    pub(super) fn new(index: u64, pieces: &Pieces) -> Self {
        Self { index, own: None, item: None, ranges: pieces.ranges(), following: 0 }
    }

    /// Nothing of a piece in which nothing was written.
    pub(super) fn bytes(&self) -> &[u8] {
        self.item.as_ref().or(self.own.as_ref()).map_or(&[], |buffer| buffer)
    }

    /// Puts `bytes` at `start`. They are not copied while all that came stands in `item` as it does here.
    pub(super) fn put(&mut self, start: usize, bytes: &[u8], item: Option<&Arc<Buffer>>, pieces: &Pieces) {
        let end = start + bytes.len();
        if self.ranges.is_empty() && self.own.is_none() {
            self.item = item.filter(|item| item.len() == PIECE).map(Arc::clone);
        }
        if !self.item.as_ref().is_some_and(|item| item.holds(start, bytes)) {
            self.own(pieces)[start..end].copy_from_slice(bytes);
        }
        self.add_range(start, end);
    }

    /// Its own bytes: what stands in an item it copies first.
    fn own(&mut self, pieces: &Pieces) -> &mut Buffer {
        // Nobody else has it: nothing is copied here.
        let own = Arc::make_mut(self.own.get_or_insert_with(|| pieces.take()));
        if let Some(item) = self.item.take() {
            for (start, end) in &self.ranges {
                own[*start..*end].copy_from_slice(&item[*start..*end]);
            }
        }
        own
    }

    fn add_range(&mut self, start: usize, end: usize) {
        let ranges = &mut self.ranges;
        match ranges.last_mut() {
            Some(last) if last.1 == start => last.1 = end,
            Some(last) if last.1 < start => ranges.push((start, end)),
            None => ranges.push((start, end)),
            // Only reserved ranges are written out of order.
            Some(_) => {
                ranges.push((start, end));
                ranges.sort_unstable();
                let mut merged: Vec<(usize, usize)> = Vec::with_capacity(ranges.len());
                for (start, end) in ranges.drain(..) {
                    match merged.last_mut() {
                        Some(last) if last.1 >= start => last.1 = last.1.max(end),
                        _ => merged.push((start, end)),
                    }
                }
                *ranges = merged;
            }
        }
    }

    /// Makes zero what was not written of the first `len` bytes: nothing that a buffer held before may reach a digest.
    pub(super) fn zero_gaps(&mut self, len: usize, pieces: &Pieces) {
        let is_zero = |item: &Buffer| gaps(&self.ranges, len).all(|(start, end)| is_zero(&item[start..end]));
        if self.item.as_deref().is_some_and(is_zero) || gaps(&self.ranges, len).next().is_none() {
            return;
        }
        self.own(pieces);
        if let Some(own) = self.own.as_mut().map(Arc::make_mut) {
            gaps(&self.ranges, len).for_each(|(start, end)| own[start..end].fill(0));
        }
    }
}

/// What lies between ascending ranges, and up to `len`.
fn gaps(ranges: &[(usize, usize)], len: usize) -> impl Iterator<Item = (usize, usize)> {
    let ends = [0].into_iter().chain(ranges.iter().map(|(_, end)| *end));
    let starts = ranges.iter().map(|(start, _)| *start).chain([len]);
    ends.zip(starts).filter(|(end, start)| end < start)
}
