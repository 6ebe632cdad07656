#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use std::collections::BTreeMap;

use super::name::{self, Aliases, ShortName};
use super::{Fat32Content, Fat32File};
use crate::{Error, ErrorKind, Result, Timestamp};

/// The directories and files of one file system, named and checked, not yet placed.
#[derive(Debug)]
pub(super) struct Contents {
    /// Sorted by path, so that what a directory holds follows it.
    files: Vec<Fat32File>,
    /// The root first, then depth first.
    directories: Vec<Directory>,
    has_label: bool,
}

#[derive(Debug)]
pub(super) struct Directory {
    /// Index of the directory above; the root's is the root.
    pub(super) parent: usize,
    /// The entry of the list that gives its time, if one does.
    pub(super) modified: Option<Timestamp>,
    /// Sorted by name.
    pub(super) entries: Vec<DirectoryEntry>,
}

#[derive(Debug)]
pub(super) struct DirectoryEntry {
    /// Which file's path names it, and at which depth.
    file: usize,
    depth: usize,
    pub(super) short: ShortName,
    pub(super) target: Target,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Directory(usize),
    File(usize),
}

impl Contents {
    /// Sorts and checks `files`.
    pub(super) fn new(mut files: Vec<Fat32File>, has_label: bool) -> Result<Self> {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let root = Directory { parent: 0, modified: None, entries: Vec::new() };
        let mut contents = Self { files, directories: vec![root], has_label };
        let mut problems = Problems::default();
        contents.build(&mut problems);
        for directory in 0..contents.directories.len() {
            contents.name_entries(directory, &mut problems);
        }
        Error::collect(problems.list)?;
        Ok(contents)
    }

    /// All files and directories that the list names, sorted by path.
    pub(super) fn files(&self) -> &[Fat32File] {
        &self.files
    }

    /// All directories, the root first, then depth first.
    pub(super) fn directories(&self) -> &[Directory] {
        &self.directories
    }

    /// The name of an entry.
    pub(super) fn name(&self, entry: &DirectoryEntry) -> &str {
        self.files.get(entry.file).and_then(|file| file.path.get(entry.depth)).map_or("", |name| name)
    }

    /// Whether the root directory has an entry for the volume's label.
    pub(super) fn has_label(&self) -> bool {
        self.has_label
    }

    /// Bytes of each directory; none is empty.
    pub(super) fn directory_sizes(&self) -> impl Iterator<Item = u64> + '_ {
        (0..self.directories.len()).map(|directory| self.slots(directory).max(1).saturating_mul(32))
    }

    /// Bytes of each file; 0 for the directories of the list.
    pub(super) fn file_sizes(&self) -> impl Iterator<Item = u64> + '_ {
        self.files.iter().map(|file| file.content.size())
    }

    /// Clusters that all needs.
    pub(super) fn clusters(&self, cluster_size: u64) -> u64 {
        let sizes = self.directory_sizes().chain(self.file_sizes());
        sizes.fold(0, |sum: u64, size| sum.saturating_add(size.div_ceil(cluster_size)))
    }

    /// Makes the directories and their entries, names unchecked against each other.
    fn build(&mut self, problems: &mut Problems) {
        // The directories that the path before lies in, the root first.
        let mut open = vec![0_usize];
        let mut open_path: Vec<String> = Vec::new();
        for at in 0..self.files.len() {
            let (path, content) = match self.files.get(at) {
                Some(file) => (file.path.clone(), file.content.clone()),
                None => break,
            };
            let Some((last, parents)) = path.split_last() else {
                problems.add(&path, ErrorKind::Internal, "a file of FAT32 has a path");
                continue;
            };
            let shared = parents.iter().zip(&open_path).take_while(|(a, b)| a == b).count();
            open.truncate(shared.saturating_add(1));
            open_path.truncate(shared);
            let mut above = open.last().copied().unwrap_or(0);
            for (depth, parent) in parents.iter().enumerate().skip(shared) {
                above = self.add_directory(above, at, depth, None, problems);
                open.push(above);
                open_path.push(parent.clone());
            }
            match content {
                Fat32Content::Directory => {
                    let modified = self.files.get(at).map(|file| file.modified);
                    open.push(self.add_directory(above, at, parents.len(), modified, problems));
                    open_path.push(last.clone());
                }
                Fat32Content::File { .. } | Fat32Content::Bytes(_) => {
                    self.add_entry(above, at, parents.len(), Target::File(at), problems);
                    if content.size() > MAX_FILE_SIZE {
                        let text =
                            format!("FAT takes files below 4 GiB, this one has {} bytes", content.size());
                        problems.add(&path, ErrorKind::Unsupported, text);
                    }
                }
            }
        }
    }

    fn add_directory(
        &mut self,
        parent: usize,
        file: usize,
        depth: usize,
        modified: Option<Timestamp>,
        problems: &mut Problems,
    ) -> usize {
        let index = self.directories.len();
        self.add_entry(parent, file, depth, Target::Directory(index), problems);
        self.directories.push(Directory { parent, modified, entries: Vec::new() });
        index
    }

    fn add_entry(
        &mut self,
        directory: usize,
        file: usize,
        depth: usize,
        target: Target,
        problems: &mut Problems,
    ) {
        let entry = DirectoryEntry { file, depth, short: NO_NAME, target };
        let name = self.name(&entry);
        if let Some(text) = name::problem_of(name) {
            problems.add(self.path(&entry), ErrorKind::Unsupported, text);
        }
        let Some(above) = self.directories.get(directory) else { return };
        // Sorted: of one name twice, the second follows the first.
        if above.entries.last().is_some_and(|before| self.name(before) == name) {
            problems.add(self.path(&entry), ErrorKind::Unsupported, "FAT takes a name once");
        }
        if let Some(above) = self.directories.get_mut(directory) {
            above.entries.push(entry);
        }
    }

    /// Gives the entries of a directory their short names.
    fn name_entries(&mut self, index: usize, problems: &mut Problems) {
        let Some(directory) = self.directories.get(index) else { return };
        let mut aliases = Aliases::default();
        let mut known = BTreeMap::new();
        for entry in &directory.entries {
            let name = self.name(entry);
            aliases.reserve(name);
            if let Some(other) = known.insert(name::folded(name), name)
                && other != name
            {
                let text = format!("FAT cannot tell the name from {other:?}, which differs only in case");
                problems.add(self.path(entry), ErrorKind::Unsupported, text);
            }
        }
        let mut names = Vec::with_capacity(directory.entries.len());
        for entry in &directory.entries {
            let short = aliases.short_name(self.name(entry));
            if short.is_none() && name::problem_of(self.name(entry)).is_none() {
                problems.add(self.path(entry), ErrorKind::Unsupported, "FAT has no short name left for it");
            }
            names.push(short.unwrap_or(NO_NAME));
        }
        if let Some(directory) = self.directories.get_mut(index) {
            for (entry, short) in directory.entries.iter_mut().zip(names) {
                entry.short = short;
            }
        }
        let slots = self.slots(index);
        if slots > MAX_SLOTS {
            let text = format!("FAT takes {MAX_SLOTS} slots in a directory, its names need {slots}");
            problems.add(self.path_of_directory(index), ErrorKind::Unsupported, text);
        }
    }

    /// Slots of 32 bytes that a directory uses.
    fn slots(&self, index: usize) -> u64 {
        let own = if index == 0 { u64::from(self.has_label) } else { 2 };
        let entries = self.directories.get(index).map_or(&[][..], |directory| &directory.entries);
        entries
            .iter()
            .fold(own, |sum, entry| sum.saturating_add(u64::from(entry.short.long_slots).saturating_add(1)))
    }

    fn path(&self, entry: &DirectoryEntry) -> &[String] {
        let path = self.files.get(entry.file).map_or(&[][..], |file| &file.path);
        path.get(..=entry.depth).unwrap_or(path)
    }

    fn path_of_directory(&self, index: usize) -> &[String] {
        let mut all = self.directories.iter().flat_map(|directory| &directory.entries);
        all.find(|entry| entry.target == Target::Directory(index)).map_or(&[], |entry| self.path(entry))
    }
}

impl Fat32Content {
    /// Bytes of a file; 0 for a directory.
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::Directory => 0,
            Self::File { size, .. } => *size,
            Self::Bytes(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        }
    }
}

/// The first problems of a list.
#[derive(Default)]
pub(super) struct Problems {
    pub(super) list: Vec<Error>,
}

impl Problems {
    fn add(&mut self, path: &[String], kind: ErrorKind, text: impl Into<String>) {
        self.push(Error::new(kind, text).with_path(path.join("/")));
    }

    pub(super) fn push(&mut self, problem: Error) {
        if self.list.len() < MAX_PROBLEMS {
            self.list.push(problem);
        }
    }
}

const NO_NAME: ShortName = ShortName { bytes: [b' '; 11], case: 0, long_slots: 0 };
const MAX_SLOTS: u64 = 65_536;
const MAX_FILE_SIZE: u64 = (1 << 32) - 1;
/// A tree of a million odd names must not fill the memory with messages.
const MAX_PROBLEMS: usize = 100;
