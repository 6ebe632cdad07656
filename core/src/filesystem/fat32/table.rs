#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use std::io;

use super::geometry::FIRST_CLUSTER;
use crate::{Error, ErrorKind, ReadAt, Result};

/// The file allocation table up to the last cluster in use, computed when it is read.
///
/// All chains are runs without gaps between them, so their last clusters say everything.
#[derive(Debug)]
pub(super) struct FatTable {
    /// The last cluster of each chain, ascending.
    ends: Vec<u32>,
    next_free: u32,
    sector_size: u64,
}

impl FatTable {
    /// A table without chains.
    pub(super) fn new(sector_size: u64) -> Self {
        Self { ends: Vec::new(), next_free: FIRST_CLUSTER, sector_size }
    }

    /// Allocates a chain and gives its first cluster; 0 for an empty one.
    pub(super) fn allocate(&mut self, clusters: u64) -> Result<u32> {
        if clusters == 0 {
            return Ok(0);
        }
        let start = self.next_free;
        let end = u32::try_from(clusters).ok().and_then(|clusters| start.checked_add(clusters));
        let end = end.ok_or_else(|| Error::new(ErrorKind::DoesNotFit, "FAT32 has 2^28 clusters at most"))?;
        self.ends.push(end.saturating_sub(1));
        self.next_free = end;
        Ok(start)
    }

    /// One past the last cluster in use.
    pub(super) fn next_free(&self) -> u32 {
        self.next_free
    }

    fn entry(&self, cluster: u64) -> u32 {
        match u32::try_from(cluster) {
            Ok(0) => 0x0fff_fff8,  // FAT[0]: the media byte
            Ok(1) => END_OF_CHAIN, // FAT[1]: clean, no errors
            Ok(cluster) if cluster < self.next_free => match self.ends.binary_search(&cluster) {
                Ok(_) => END_OF_CHAIN,
                Err(_) => cluster.saturating_add(1),
            },
            _ => 0,
        }
    }
}

impl ReadAt for FatTable {
    fn size(&self) -> u64 {
        u64::from(self.next_free).saturating_mul(4).next_multiple_of(self.sector_size)
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let len = u64::try_from(buf.len()).unwrap_or(u64::MAX);
        if offset.checked_add(len).is_none_or(|end| end > self.size()) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut position = offset;
        let mut rest = buf;
        while !rest.is_empty() {
            let entry = self.entry(position / 4).to_le_bytes();
            let skip = usize::try_from(position % 4).unwrap_or(0);
            let tail = entry.get(skip..).unwrap_or_default();
            let (part, after) = rest.split_at_mut(tail.len().min(rest.len()));
            for (to, from) in part.iter_mut().zip(tail) {
                *to = *from;
            }
            position = position.saturating_add(u64::try_from(part.len()).unwrap_or(u64::MAX));
            rest = after;
        }
        Ok(())
    }
}

const END_OF_CHAIN: u32 = 0x0fff_ffff;

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::as_conversions, reason = "expectations, not layout")]
mod tests {
    use super::*;

    #[test]
    fn chains_run_to_their_ends_and_reads_agree_at_any_offset() {
        let mut table = FatTable::new(512);
        assert_eq!(table.allocate(1).unwrap(), 2);
        assert_eq!(table.allocate(0).unwrap(), 0);
        assert_eq!(table.allocate(3).unwrap(), 3);
        let expected: Vec<u8> = [0x0fff_fff8_u32, 0x0fff_ffff, 0x0fff_ffff, 4, 5, 0x0fff_ffff, 0]
            .into_iter()
            .flat_map(u32::to_le_bytes)
            .collect();
        assert_eq!(table.size(), 512);
        for offset in 0..expected.len() {
            for end in offset..=expected.len() {
                let mut buf = vec![0xaa; end - offset];
                table.read_exact_at(offset as u64, &mut buf).unwrap();
                assert_eq!(buf, expected[offset..end]);
            }
        }
        assert!(table.read_exact_at(510, &mut [0; 3]).is_err());
        assert!(table.read_exact_at(u64::MAX, &mut [0; 3]).is_err());
    }
}
