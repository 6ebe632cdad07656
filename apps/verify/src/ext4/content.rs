use std::io;

use diskwright_core::{ReadAt, Result};

use super::mapping::Mapping;
use super::{BLOCK, Volume};
use crate::disk::{Disk, expect_zeros, read_parts};
use crate::finding::Findings;

/// A file's content on the disk; holes read as zeros.
pub(super) struct FileContent<'a> {
    disk: &'a dyn Disk,
    start: u64,
    mapping: &'a Mapping,
    size: u64,
}

impl<'a> Volume<'a> {
    pub(super) fn content<'b>(&'b self, mapping: &'b Mapping, size: u64) -> FileContent<'b> {
        FileContent { disk: self.disk, start: self.start, mapping, size }
    }

    /// What follows a file's last byte in its last block is zero.
    pub(super) fn check_slack(&self, mapping: &Mapping, size: u64, findings: &mut Findings) -> Result<()> {
        let inside = size % BLOCK;
        let Some(block) = mapping.block(size / BLOCK).filter(|_| inside > 0) else { return Ok(()) };
        let from = self.offset(block).saturating_add(inside);
        let end = self.offset(block.saturating_add(1));
        expect_zeros(self.disk, from, end, ("slack", "after the file's end"), findings)
    }
}

impl ReadAt for FileContent<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        read_parts(self.disk, self.size, offset, buf, |at| {
            let (logical, inside) = (at / BLOCK, at % BLOCK);
            // To the end of the run, or of the block of a hole.
            let after = self.mapping.runs.partition_point(|run| run.logical <= logical);
            let run = after.checked_sub(1).and_then(|at| self.mapping.runs.get(at));
            let run = run.filter(|run| logical - run.logical < run.len);
            let blocks = run.map_or(1, |run| run.len - (logical - run.logical));
            let place = run.map(|run| {
                let block = run.block.saturating_add(logical - run.logical);
                self.start.saturating_add(block.saturating_mul(BLOCK)).saturating_add(inside)
            });
            Ok((place, blocks.saturating_mul(BLOCK).saturating_sub(inside)))
        })
    }
}
