//! Trees and disks made from a seed.
//!
//! ```text
//! seed, Shape ──Tree::random──> entries + contents by formula ──ScanSource──> a test of the engine
//! seed, size ───Disk::random──> parts between known zeros ─────DiskLayout──> a test of a format
//! ```

mod attributes;
mod chance;
pub(crate) mod content;
mod disk;
mod grow;

use std::sync::Arc;

use diskwright_core::scan::{Entry, ScanSource, ScanSummary, ScanVisitor, SourceContent};
use diskwright_core::{Error, ErrorKind, ReadAt, Result};

pub use self::disk::{Disk, noise, text};

use self::chance::Chance;
use self::content::Content;
use self::grow::Growth;

/// A tree that follows from its seed and shape alone.
///
/// It is complete and free of conflicts: it has a root, parents come before their children and the first name of an
/// inode before the others in [`Tree::entries`]; as a [`ScanSource`] it gives its entries in an order of its own.
#[derive(Clone, Debug)]
pub struct Tree {
    entries: Vec<Entry>,
    contents: Vec<Content>,
    /// The order in which a scan gives the entries.
    order: Vec<u32>,
}

/// What a random tree may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shape {
    /// Anything that ext4 can hold and the kernel shows; data ranges begin and end at any byte.
    Any,
    /// Only what root can make on an ext4 of this host, so that it shows the same: data ranges in blocks of 4096 bytes.
    Host,
}

impl Tree {
    /// The tree of a seed: up to some thousands of entries and about 16 MiB of data, mostly far less.
    pub fn random(seed: u64, shape: Shape) -> Self {
        let mut chance = Chance::new(seed);
        let (entries, contents) = Growth::new(&mut chance, shape).grow();
        let mut order: Vec<u32> = (0..).take(entries.len()).collect();
        chance.shuffle(&mut order);
        Self { entries, contents, order }
    }

    /// All entries, the root first.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

impl ScanSource for Tree {
    fn scan(&self, visitor: &mut dyn ScanVisitor) -> Result<ScanSummary> {
        self.order
            .iter()
            .filter_map(|at| self.entries.get(*at as usize))
            .try_for_each(|entry| visitor.entry(entry.clone()))?;
        Ok(ScanSummary::default())
    }

    fn open(&self, content: SourceContent) -> Result<Arc<dyn ReadAt>> {
        let found = usize::try_from(content.0).ok().and_then(|at| self.contents.get(at));
        let found = found.ok_or_else(|| Error::new(ErrorKind::Internal, "the tree has no such content"))?;
        Ok(Arc::new(found.clone()))
    }
}

#[cfg(test)]
mod tests;
