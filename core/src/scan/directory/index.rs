use std::hash::BuildHasher;

use hashbrown::DefaultHashBuilder;

use super::host::Stat;
use crate::scan::SourceContent;
use crate::{Error, ErrorKind, Result};

/// Where every directory and regular file of a scan stands, and what the files looked like.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Number of the scan that filled it: contents of other scans are told apart.
    generation: u32,
    directories: Vec<Place>,
    files: Vec<FileRecord>,
    /// Names, each after its length in one byte.
    names: Vec<u8>,
    hasher: DefaultHashBuilder,
}

/// A name in a directory of the index; the root is its own parent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) directory: u32,
    name: u32,
}

#[derive(Clone, Copy, Debug)]
struct FileRecord {
    place: Place,
    fingerprint: u64,
}

impl Index {
    /// Empties the index for a new scan and gives its generation.
    pub(super) fn clear(&mut self) -> u32 {
        let generation = self.generation.wrapping_add(1);
        *self = Self { generation, hasher: self.hasher.clone(), ..Self::default() };
        self.names.push(0);
        self.directories.push(Place { directory: 0, name: 0 });
        generation
    }

    /// Gives back what growing took too much.
    pub(super) fn shrink(&mut self) {
        self.directories.shrink_to_fit();
        self.files.shrink_to_fit();
        self.names.shrink_to_fit();
    }

    /// Takes in a name of a directory of scan `generation`.
    pub(super) fn push_name(&mut self, generation: u32, directory: u32, name: &[u8]) -> Result<Place> {
        if generation != self.generation {
            return Err(Error::new(ErrorKind::Internal, "the directory is scanned twice at a time"));
        }
        let start = u32::try_from(self.names.len()).map_err(|_| too_many())?;
        let len = u8::try_from(name.len())
            .map_err(|_| Error::new(ErrorKind::Source, "a name of more than 255 bytes").with_path(name))?;
        self.names.push(len);
        self.names.extend_from_slice(name);
        Ok(Place { directory, name: start })
    }

    /// Makes the name a directory of the index.
    pub(super) fn push_directory(&mut self, place: Place) -> Result<u32> {
        let number = u32::try_from(self.directories.len()).map_err(|_| too_many())?;
        self.directories.push(place);
        Ok(number)
    }

    /// Makes the name a regular file that looks like `stat`.
    pub(super) fn push_file(&mut self, place: Place, stat: &Stat) -> Result<SourceContent> {
        let number = u32::try_from(self.files.len()).map_err(|_| too_many())?;
        self.files.push(FileRecord { place, fingerprint: self.fingerprint(stat) });
        Ok(SourceContent(u64::from(self.generation) << 32 | u64::from(number)))
    }

    /// Path and fingerprint of a file of this scan: `base`, which ends in a slash or is empty, and what is below the root.
    pub(super) fn file(&self, content: SourceContent, base: &[u8]) -> Option<(Vec<u8>, u64)> {
        let number = content.0 & u64::from(u32::MAX);
        if content.0 >> 32 != u64::from(self.generation) {
            return None;
        }
        let record = self.files.get(usize::try_from(number).ok()?)?;
        Some((self.path(record.place, base), record.fingerprint))
    }

    /// The path of a place: `base`, and what is below the root without a leading slash.
    pub(super) fn path(&self, place: Place, base: &[u8]) -> Vec<u8> {
        let upwards = || {
            let above = |below: &Place| match below.directory {
                0 => None,
                directory => self.directories.get(directory as usize).copied(),
            };
            std::iter::successors(Some(place), above).map(|place| self.name(place))
        };
        let below = upwards().map(|name| name.len() + 1).sum::<usize>().saturating_sub(1);
        let mut path = Vec::with_capacity(base.len() + below);
        path.extend_from_slice(base);
        path.resize(base.len() + below, b'/');
        let mut end = path.len();
        for name in upwards() {
            let start = end.saturating_sub(name.len());
            path[start..end].copy_from_slice(name);
            end = start.saturating_sub(1);
        }
        path
    }

    /// 64 bits that change when the file is another one or was written to.
    pub(super) fn fingerprint(&self, stat: &Stat) -> u64 {
        self.hasher.hash_one((stat.identity, stat.stamp))
    }

    fn name(&self, place: Place) -> &[u8] {
        let tail = self.names.get(place.name as usize..).unwrap_or(&[]);
        tail.split_first().and_then(|(len, tail)| tail.get(..usize::from(*len))).unwrap_or(&[])
    }
}

fn too_many() -> Error {
    Error::new(ErrorKind::LimitExceeded, "the directory has too many names for one scan")
}
