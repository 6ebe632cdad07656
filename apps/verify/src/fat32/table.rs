use std::io;

use diskwright_core::{ReadAt, Result};

use crate::bytes::{first_difference, hex, len, len64, u32_le};
use crate::disk::{Disk, PIECE, read, read_into, read_parts};
use crate::finding::Findings;
use crate::runs::Runs;

/// Clusters of one file or directory, in order, as runs of first cluster and count.
#[derive(Clone, Debug, Default)]
pub(super) struct Chain(Vec<(u64, u64)>);

impl Chain {
    pub(super) fn clusters(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    pub(super) fn last(&self) -> Option<u64> {
        self.0.last().map(|(first, count)| first.saturating_add(*count).saturating_sub(1))
    }

    /// The cluster at a place of the chain, and how many follow it in a row.
    fn at(&self, index: u64) -> Option<(u64, u64)> {
        let mut left = index;
        for (first, count) in &self.0 {
            if left < *count {
                return Some((first.saturating_add(left), count - left));
            }
            left -= count;
        }
        None
    }
}

/// The file allocation table, read through a window.
pub(super) struct Table<'a> {
    disk: &'a dyn Disk,
    /// First byte on the disk.
    start: u64,
    window: Vec<u8>,
    window_at: u64,
}

impl<'a> Table<'a> {
    pub(super) fn new(disk: &'a dyn Disk, start: u64) -> Self {
        Self { disk, start, window: Vec::new(), window_at: u64::MAX }
    }

    fn entry(&mut self, cluster: u64) -> Result<u32> {
        let at = cluster.saturating_mul(4);
        let window_at = at / WINDOW * WINDOW;
        if window_at != self.window_at {
            let left = self.disk.size().saturating_sub(self.start.saturating_add(window_at));
            self.window = read(self.disk, self.start.saturating_add(window_at), len(WINDOW.min(left)))?;
            self.window_at = window_at;
        }
        Ok(u32_le(&self.window, len(at - window_at)))
    }

    /// Follows a chain and takes its clusters; it ends with the mark that is written.
    pub(super) fn chain(
        &mut self,
        first: u64,
        end: u64,
        taken: &mut Runs,
        structure: &str,
        findings: &mut Findings,
    ) -> Result<Chain> {
        let mut chain = Chain::default();
        let mut cluster = first;
        while cluster != 0 {
            if !(2..end).contains(&cluster) || taken.take(cluster, 1).is_err() {
                let found = format!("cluster {cluster}");
                findings.add(
                    "fat-chain",
                    structure,
                    None,
                    format!("clusters of its own from 2 to {}", end - 1),
                    found,
                );
                return Ok(chain);
            }
            match chain.0.last_mut() {
                Some((start, count)) if *start + *count == cluster => *count += 1,
                _ => chain.0.push((cluster, 1)),
            }
            let entry = self.entry(cluster)?;
            if entry == END_OF_CHAIN {
                break;
            }
            if entry & 0xf000_0000 != 0 || entry == 0 {
                let place = self.start.saturating_add(cluster.saturating_mul(4));
                findings.add(
                    "fat-chain",
                    structure,
                    Some(place),
                    "a cluster or the end of the chain",
                    format!("{entry:#x}"),
                );
                return Ok(chain);
            }
            cluster = u64::from(entry);
        }
        Ok(chain)
    }

    /// The first two entries, and the second table, which equals the first.
    pub(super) fn check_copy(&mut self, size: u64, findings: &mut Findings) -> Result<()> {
        let head = (self.entry(0)?, self.entry(1)?);
        if head != (0x0fff_fff8, END_OF_CHAIN) {
            let found = format!("{:#x}, {:#x}", head.0, head.1);
            findings.add("fat-table", "FAT", Some(self.start), "0xffffff8, 0xfffffff", found);
        }
        let mut at = 0;
        let mut pieces = [vec![0; PIECE], vec![0; PIECE]];
        while at < size {
            let part = len(size - at).min(PIECE);
            let [first, second] = &mut pieces;
            let (Some(first), Some(second)) = (first.get_mut(..part), second.get_mut(..part)) else { break };
            let (own, other) =
                (self.start.saturating_add(at), self.start.saturating_add(size).saturating_add(at));
            read_into(self.disk, own, first)?;
            read_into(self.disk, other, second)?;
            if let Some(wrong) = first_difference(second, first) {
                let shown = |bytes: &[u8]| hex(bytes.get(wrong..wrong + 1).unwrap_or_default());
                let place = other.saturating_add(len64(wrong));
                findings.add("fat-table", "second FAT", Some(place), shown(first), shown(second));
                return Ok(());
            }
            at = at.saturating_add(len64(part));
        }
        Ok(())
    }
}

/// A file's content on the disk.
pub(super) struct FileContent<'a> {
    pub(super) disk: &'a dyn Disk,
    /// First byte of cluster 2.
    pub(super) data: u64,
    /// Bytes of a cluster.
    pub(super) cluster: u64,
    pub(super) chain: &'a Chain,
    pub(super) size: u64,
}

impl ReadAt for FileContent<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        read_parts(self.disk, self.size, offset, buf, |at| {
            let (index, inside) = (at / self.cluster, at % self.cluster);
            let (cluster, count) = self.chain.at(index).ok_or(io::ErrorKind::UnexpectedEof)?;
            let place = self.data.saturating_add(cluster.saturating_sub(2).saturating_mul(self.cluster));
            Ok((
                Some(place.saturating_add(inside)),
                count.saturating_mul(self.cluster).saturating_sub(inside),
            ))
        })
    }
}

const WINDOW: u64 = 64 * 1024;
const END_OF_CHAIN: u32 = 0x0fff_ffff;
