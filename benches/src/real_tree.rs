use std::path::{Path, PathBuf};
use std::sync::Arc;

use diskwright::Files;
use diskwright::Result;
use diskwright::scan::{Entry, EntryObject, ScanSource};

use crate::place::{self, Origin};

/// The tree of a real machine, if there is one here: it is not the same on every machine, and so has no digest that could be
/// committed.
#[derive(Clone, Debug)]
pub struct RealTree {
    root: PathBuf,
}

impl RealTree {
    /// The directory that `DISKWRIGHT_BENCH_TREE` names, else the Debian 12 machine that `cargo xtask tree` makes, in the
    /// target directory that this program was built in.
    pub fn find() -> Option<Self> {
        let named = std::env::var_os("DISKWRIGHT_BENCH_TREE").map(PathBuf::from);
        let root = named.or_else(|| {
            let program = std::env::current_exe().ok()?;
            let of_target = |target: &Path| target.join("debian-12-tree").join("root");
            program.ancestors().skip(1).map(of_target).find(|root| root.is_dir())
        })?;
        Some(Self { root })
    }

    /// The tree, as files or, where one stands beside them, as the archive `root.tar`.
    ///
    /// # Errors
    /// `ErrorKind::Source` where it is not there or cannot be read.
    pub fn source(&self, origin: Origin, files: Files) -> Result<Arc<dyn ScanSource>> {
        place::open(origin, &self.root, &self.archive(), &files)
    }

    /// As what the tree is here.
    pub fn origins(&self) -> impl Iterator<Item = Origin> {
        let has_archive = self.archive().is_file();
        Origin::ALL.into_iter().filter(move |origin| *origin == Origin::Directory || has_archive)
    }

    /// Bytes of all files, holes left out.
    ///
    /// # Errors
    /// `ErrorKind::Source` where the tree cannot be read.
    pub fn size(&self) -> Result<u64> {
        let mut bytes = 0;
        self.source(Origin::Directory, Files::default())?.scan(&mut |entry: Entry| {
            bytes += match entry.object {
                EntryObject::File { data: Some(ranges), .. } => ranges.iter().map(|range| range.len).sum(),
                EntryObject::File { size, .. } => size,
                _ => 0,
            };
            Ok(())
        })?;
        Ok(bytes)
    }

    fn archive(&self) -> PathBuf {
        self.root.with_extension("tar")
    }
}
