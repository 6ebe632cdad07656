//! The disk as an ordered, gapless list of labelled regions.
//!
//! ```text
//! LayoutBuilder: zeros · bytes · file · computed · zeros · …  ──finish──>  DiskLayout (immutable)
//! ```
//!
//! File systems, partition tables and boot loaders append to one [`LayoutBuilder`], always forwards.
#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

mod allocation;
mod builder;
mod reader;

use std::fmt;
use std::sync::Arc;

pub use allocation::AllocationMap;
pub use builder::LayoutBuilder;
pub use reader::LayoutReader;

use crate::ReadAt;
use crate::tree::FileTree;

/// A disk, finished: every byte of `0..size` is known or can be read.
///
/// Immutable, cheap to clone, readable at any offset from any thread through [`DiskLayout::reader`].
#[derive(Clone)]
pub struct DiskLayout {
    inner: Arc<Inner>,
}

struct Inner {
    size: u64,
    regions: Vec<Region>,
    bytes: Vec<Arc<[u8]>>,
    computed: Vec<Arc<dyn ReadAt>>,
    labels: Vec<&'static str>,
    tree: Arc<FileTree>,
}

/// One region, packed: a tree of a million files has a region for each.
#[derive(Clone, Copy)]
struct Region {
    start: u64,
    /// Offset into the content that stands at `start`.
    offset: u64,
    /// Which file, byte string or computed table.
    index: u32,
    kind: RegionKind,
    label: u8,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum RegionKind {
    Zero,
    Bytes,
    File,
    Computed,
}

/// What a region of a disk holds, for diagnostics and planning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegionInfo {
    /// First byte on the disk.
    pub start: u64,
    /// Bytes.
    pub len: u64,
    /// Whether every byte is known to be zero without reading.
    pub is_zero: bool,
    /// What it is: `"ext4 inode table"`, `"file"`, `"backup GPT"` …
    pub label: &'static str,
}

impl DiskLayout {
    /// Bytes of the disk.
    pub fn size(&self) -> u64 {
        self.inner.size
    }

    /// The regions in disk order: sorted, contiguous, not empty, covering `0..size`.
    pub fn regions(&self) -> impl ExactSizeIterator<Item = RegionInfo> + '_ {
        (0..self.inner.regions.len()).map(|at| {
            let region = &self.inner.regions[at];
            RegionInfo {
                start: region.start,
                len: self.inner.region_end(at).saturating_sub(region.start),
                is_zero: region.kind == RegionKind::Zero,
                label: self.inner.labels.get(usize::from(region.label)).copied().unwrap_or(""),
            }
        })
    }

    /// Whether `start..start+len` is known to be zero without reading it; what lies past the disk's end does not count.
    pub fn is_zero(&self, start: u64, len: u64) -> bool {
        let end = start.saturating_add(len).min(self.inner.size);
        if start >= end {
            return true;
        }
        let mut at = self.inner.region_at(start);
        while let Some(region) = self.inner.regions.get(at) {
            if region.start >= end {
                break;
            }
            if region.kind != RegionKind::Zero {
                return false;
            }
            at = at.saturating_add(1);
        }
        true
    }

    /// The first byte at or after `offset` that is not known to be zero; `None` when only zeros are left.
    pub fn next_data(&self, offset: u64) -> Option<u64> {
        if offset >= self.inner.size {
            return None;
        }
        let at = self.inner.region_at(offset);
        let data = self.inner.regions.get(at..)?.iter().find(|region| region.kind != RegionKind::Zero)?;
        Some(data.start.max(offset))
    }

    /// Stretches of at least `least` bytes that are not known to be zero, but for gaps shorter than `gap`; ascending, half-open.
    pub(crate) fn stretches(&self, gap: u64, least: u64) -> Vec<(u64, u64)> {
        let is_short = |(start, end): &mut (u64, u64)| end.saturating_sub(*start) < least;
        let mut stretches: Vec<(u64, u64)> = Vec::new();
        let data =
            self.inner.regions.iter().enumerate().filter(|(_, region)| region.kind != RegionKind::Zero);
        for (at, Region { start, .. }) in data {
            let end = self.inner.region_end(at);
            match stretches.last_mut() {
                Some(last) if start.saturating_sub(last.1) < gap => last.1 = end,
                _ => {
                    // What is too short when the next one begins stays so.
                    stretches.pop_if(is_short);
                    stretches.push((*start, end));
                }
            }
        }
        stretches.pop_if(is_short);
        stretches
    }

    /// A reader with a small cache of its own; each thread takes one.
    pub fn reader(&self) -> LayoutReader {
        LayoutReader::new(self.clone())
    }
}

impl fmt::Debug for DiskLayout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DiskLayout({} bytes, {} regions)", self.inner.size, self.inner.regions.len())
    }
}

impl Inner {
    /// The index of the region that holds byte `offset`.
    fn region_at(&self, offset: u64) -> usize {
        self.regions.partition_point(|region| region.start <= offset).saturating_sub(1)
    }

    fn region_end(&self, at: usize) -> u64 {
        self.regions.get(at.saturating_add(1)).map_or(self.size, |next| next.start)
    }
}

#[cfg(test)]
mod tests;
