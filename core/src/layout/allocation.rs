#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use super::DiskLayout;

/// Which units (blocks, grains) of a disk a container stores when it follows what the layout knows, and where.
///
/// Stored are the units that are not known to be zero; they stand in the file in disk order, without gaps. So the
/// tables of a container are known before any data is read; a stored unit that reading shows to be zero is a hole.
/// Cost: 24 bytes for each run of stored units.
#[derive(Clone, Debug)]
pub struct AllocationMap {
    /// Bytes of a unit.
    unit: u64,
    /// Units of the disk.
    units: u64,
    /// Consecutive stored units, ascending, apart.
    runs: Vec<StoredRun>,
}

#[derive(Clone, Copy, Debug)]
struct StoredRun {
    first: u64,
    end: u64,
    /// Place of unit `first` among the stored ones.
    place: u64,
}

impl AllocationMap {
    /// The units of `unit` bytes (at least 1) of `disk` that are not known to be zero.
    pub fn new(disk: &DiskLayout, unit: u64) -> Self {
        let unit = unit.max(1);
        let unit_of = |offset: u64| offset.checked_div(unit).unwrap_or(0);
        let mut runs: Vec<StoredRun> = Vec::new();
        for region in disk.regions().filter(|region| !region.is_zero) {
            let first = unit_of(region.start);
            let end = unit_of(region.start.saturating_add(region.len).saturating_sub(1)).saturating_add(1);
            match runs.last_mut() {
                Some(last) if first <= last.end => last.end = last.end.max(end),
                last => {
                    let place = last.map_or(0, |last| last.place_of_end());
                    runs.push(StoredRun { first, end, place });
                }
            }
        }
        Self { unit, units: disk.size().div_ceil(unit), runs }
    }

    /// Units of the disk.
    pub fn units(&self) -> u64 {
        self.units
    }

    /// Units that are stored.
    pub fn stored(&self) -> u64 {
        self.runs.last().map_or(0, StoredRun::place_of_end)
    }

    /// Where byte `offset` of the disk is, in bytes from the first stored unit; `None` where nothing is stored.
    pub fn place(&self, offset: u64) -> Option<u64> {
        let unit = offset.checked_div(self.unit)?;
        let at = self.runs.partition_point(|run| run.end <= unit);
        let run = self.runs.get(at).filter(|run| run.first <= unit)?;
        let place = run.place.saturating_add(unit.saturating_sub(run.first));
        Some(place.saturating_mul(self.unit).saturating_add(offset.checked_rem(self.unit)?))
    }

    /// For each unit of the disk in order its number among the stored ones, `None` where it is not stored.
    pub fn places(&self) -> impl Iterator<Item = Option<u64>> + '_ {
        let mut runs = self.runs.iter().peekable();
        (0..self.units).map(move |unit| {
            while runs.next_if(|run| run.end <= unit).is_some() {}
            let run = runs.peek().filter(|run| run.first <= unit);
            run.map(|run| run.place.saturating_add(unit.saturating_sub(run.first)))
        })
    }
}

impl StoredRun {
    fn place_of_end(&self) -> u64 {
        self.place.saturating_add(self.end.saturating_sub(self.first))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::layout::LayoutBuilder;
    use crate::tree::{Findings, TreeBuilder};

    const UNIT: u64 = 1 << 20;

    /// A disk with a byte at each of `offsets`.
    fn map(offsets: &[u64], size: u64) -> AllocationMap {
        let (tree, _) = TreeBuilder::new(Findings::default()).finish().unwrap();
        let mut builder = LayoutBuilder::new(Arc::new(tree));
        for offset in offsets {
            builder.zeros_to(*offset, "gap").unwrap();
            builder.bytes(vec![1], "data").unwrap();
        }
        AllocationMap::new(&builder.finish(size).unwrap(), UNIT)
    }

    #[test]
    fn stored_units_are_numbered_in_disk_order() {
        let map = map(&[0, 5, UNIT - 1, 3 * UNIT, 4 * UNIT, 7 * UNIT - 1], 7 * UNIT + 512);
        assert_eq!((map.units(), map.stored()), (8, 4));
        let places = [Some(0), None, None, Some(1), Some(2), None, Some(3), None];
        assert_eq!(map.places().collect::<Vec<_>>(), places);
        assert_eq!(map.place(5), Some(5));
        assert_eq!(map.place(UNIT), None);
        assert_eq!(map.place(4 * UNIT + 9), Some(2 * UNIT + 9));
        assert_eq!(map.place(6 * UNIT), Some(3 * UNIT));
        assert_eq!(map.place(7 * UNIT), None);
    }

    #[test]
    fn a_disk_of_zeros_stores_no_unit() {
        let map = map(&[], 2 * UNIT);
        assert_eq!((map.stored(), map.places().collect::<Vec<_>>()), (0, vec![None, None]));
    }
}
