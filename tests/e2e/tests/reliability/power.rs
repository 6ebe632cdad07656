//! Power cuts: the operations of a generation are logged, and what a disk may hold after a cut at any of them is made
//! again.
//!
//! The model is that of POSIX, which promises less than any file system here keeps: until a file is synced, each of its
//! writes may be lost or torn in the middle; until a directory is synced, each change of its names may be lost, whatever
//! came after it. Names are bound to files, so that a name may outlive the content it was given for.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use diskwright::scan::{DirectorySource, OneFileSystem};
use diskwright::sink::Overwrite;
use diskwright::{FileOp, Files, Gate, Seed};
use diskwright_oracle::{figure, is_full};

use crate::build::{Form, order, populate, run};

#[test]
fn after_a_power_cut_a_report_stands_for_a_whole_set() -> Result<()> {
    let scan = tempfile::tempdir()?;
    populate(scan.path())?;
    let wanted = if is_full() { 3000 } else { 300 };
    let mut states = 0;
    let sets: [&[Form]; 3] = [&[("raw", false)], &[("qcow2", true), ("vdi", false)], &[("vmware", false)]];
    for forms in sets {
        for replaced in [false, true] {
            let place = tempfile::tempdir()?;
            let output = place.path().join("out");
            let build = |seed: &str, files: &Files| -> Result<()> {
                let source = DirectorySource::new(scan.path(), OneFileSystem::Stay, Files::default())?;
                let order = order(Arc::new(source), forms, Seed::from_text(seed))?;
                let overwrite = if replaced { Overwrite::Replace } else { Overwrite::Refuse };
                run(&order, files, &output, overwrite, 1)?;
                Ok(())
            };
            let mut before = BTreeMap::new();
            if replaced {
                build("old", &Files::default())?;
                before = contents(&output)?;
            }
            let log = Arc::new(Log::default());
            build("new", &Files::gated(Arc::clone(&log) as Arc<dyn Gate>))?;
            let log = std::mem::take(&mut *log.0.lock().unwrap_or_else(PoisonError::into_inner));
            let disk = Disk { output: &output, log: &log, before: &before, after: &contents(&output)? };
            states +=
                disk.cut_everywhere(wanted).with_context(|| format!("{forms:?}, replaced: {replaced}"))?;
        }
    }
    figure(
        "States of a disk after a power cut",
        "operations logged, unsynced ones lost and torn; a report implies all files whole, the end implies a report",
        format_args!("{states} states, none with half a set"),
        "at least 2000",
        states >= 2000,
    );
    Ok(())
}

/// The files of a directory.
fn contents(directory: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let entries = directory.read_dir()?;
    entries
        .map(|entry| {
            let path = entry?.path();
            let bytes = std::fs::read(&path)?;
            Ok((path, bytes))
        })
        .collect()
}

/// An operation that changes the disk.
#[derive(Debug)]
enum Op {
    Create(PathBuf),
    Write { path: PathBuf, offset: u64, bytes: Vec<u8> },
    SetLen { path: PathBuf, len: u64 },
    Sync(PathBuf),
    Rename { from: PathBuf, to: PathBuf },
    Remove(PathBuf),
    SyncDir(PathBuf),
}

#[derive(Default)]
struct Log(Mutex<Vec<Op>>);

impl Gate for Log {
    fn admit(&self, op: &FileOp<'_>) -> io::Result<usize> {
        let op = match *op {
            FileOp::Create { path } => Op::Create(path.to_owned()),
            FileOp::WriteAt { path, offset, bytes } => {
                Op::Write { path: path.to_owned(), offset, bytes: bytes.to_vec() }
            }
            FileOp::SetLen { path, len } => Op::SetLen { path: path.to_owned(), len },
            FileOp::Sync { path } => Op::Sync(path.to_owned()),
            FileOp::Rename { from, to } => Op::Rename { from: from.to_owned(), to: to.to_owned() },
            FileOp::Remove { path } => Op::Remove(path.to_owned()),
            FileOp::SyncDir { path } => Op::SyncDir(path.to_owned()),
            _ => return Ok(usize::MAX),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(op);
        Ok(usize::MAX)
    }
}

struct Disk<'a> {
    output: &'a Path,
    log: &'a [Op],
    /// What was there before, durable.
    before: &'a BTreeMap<PathBuf, Vec<u8>>,
    after: &'a BTreeMap<PathBuf, Vec<u8>>,
}

impl Disk<'_> {
    /// Cuts the power at every operation, with nothing lost, with all lost that may be, and with chosen losses until there are
    /// `wanted` states; how many there were.
    fn cut_everywhere(&self, wanted: usize) -> Result<usize> {
        let mut states = 0;
        let mut dice = 0x9e37_79b9_7f4a_7c15_u64;
        for end in 0..=self.log.len() {
            let open = self.unsynced(end);
            self.check(end, &[], None)?;
            self.check(end, &open, None)?;
            states += 2;
            for (at, one) in open.iter().enumerate() {
                // One lost, one torn, two and three lost.
                self.check(end, &[*one], None)?;
                self.check(end, &[], Some(*one))?;
                let pair = [*one, open[(at + 1) % open.len()]];
                self.check(end, &pair, None)?;
                states += 3;
            }
        }
        while states < wanted {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            let end = (dice >> 16) as usize % (self.log.len() + 1);
            let open = self.unsynced(end);
            let lost: Vec<usize> = open
                .iter()
                .enumerate()
                .filter(|(at, _)| dice >> (at % 60) & 1 == 1)
                .map(|(_, op)| *op)
                .collect();
            let torn = open.get((dice >> 8) as usize % open.len().max(1)).copied();
            self.check(end, &lost, torn)?;
            states += 1;
        }
        Ok(states)
    }

    /// The operations before `end` that no sync has made durable.
    fn unsynced(&self, end: usize) -> Vec<usize> {
        let is_durable = |at: usize| {
            self.log[at + 1..end].iter().any(|later| match (&self.log[at], later) {
                (Op::Write { path, .. } | Op::SetLen { path, .. }, Op::Sync(synced)) => path == synced,
                (Op::Create(path) | Op::Remove(path) | Op::Rename { to: path, .. }, Op::SyncDir(synced)) => {
                    path.parent() == Some(synced)
                }
                _ => false,
            })
        };
        let changes = |at: &usize| !matches!(self.log[*at], Op::Sync(_) | Op::SyncDir(_));
        (0..end).filter(changes).filter(|at| !is_durable(*at)).collect()
    }

    /// What is there after a cut before operation `end`, `lost` ones lost and one torn, is what it should be.
    fn check(&self, end: usize, lost: &[usize], torn: Option<usize>) -> Result<()> {
        let names = self.names(end, lost);
        let report = self.output.join("report.json");
        let told = || format!("cut at {end} of {}, lost {lost:?}, torn {torn:?}", self.log.len());
        if end == self.log.len() {
            ensure!(names.get(&report) == Some(&File::New(report.clone())), "{}: the end, no report", told());
        }
        // A final name stands for a whole file, whatever else is there.
        for (path, _) in names.iter().filter(|(_, file)| **file != File::Old) {
            let whole = self.after.get(path).with_context(|| format!("{}: a strange file", told()))?;
            ensure!(self.is_whole(path, whole, end, lost, torn), "{}: {}", told(), path.display());
        }
        let (expected, is_new) = match names.get(&report) {
            None => return Ok(()),
            Some(File::Old) => (self.before, false),
            Some(File::New(_)) => (self.after, true),
        };
        for path in expected.keys() {
            let file = names.get(path).with_context(|| format!("{}: no {}", told(), path.display()))?;
            let is_of_set = matches!((file, is_new), (File::Old, false) | (File::New(_), true));
            ensure!(is_of_set, "{}: {} is of the other set", told(), path.display());
        }
        Ok(())
    }

    /// The names in the output directory. A file that was renamed is there by its new name, though its creation was lost.
    fn names(&self, end: usize, lost: &[usize]) -> BTreeMap<PathBuf, File> {
        let mut names: BTreeMap<PathBuf, File> =
            self.before.keys().map(|path| (path.clone(), File::Old)).collect();
        for (_, op) in self.log[..end].iter().enumerate().filter(|(at, _)| !lost.contains(at)) {
            match op {
                Op::Rename { to, .. } => _ = names.insert(to.clone(), File::New(to.clone())),
                Op::Remove(path) => _ = names.remove(path),
                _ => {}
            }
        }
        names
    }

    /// Whether the new file that has this name at last is whole.
    fn is_whole(&self, name: &Path, whole: &[u8], end: usize, lost: &[usize], torn: Option<usize>) -> bool {
        let is_renamed = |op: &Op| match op {
            Op::Rename { from, to } if to == name => Some(from.clone()),
            _ => None,
        };
        let Some(from) = self.log.iter().find_map(is_renamed) else { return false };
        let of_file = |op: &Op| match op {
            Op::Write { path, .. } | Op::SetLen { path, .. } => *path == from,
            _ => false,
        };
        let touched = |at: usize| self.log.get(at).is_some_and(of_file);
        let all_written = self.log[end..].iter().all(|op| !of_file(op));
        if all_written && !lost.iter().any(|at| touched(*at)) && !torn.is_some_and(touched) {
            // All operations happened: what they give is compared once, with nothing lost.
            return !lost.is_empty() || torn.is_some() || self.content(&from, end, lost, torn) == whole;
        }
        self.content(&from, end, lost, torn) == whole
    }

    fn content(&self, file: &Path, end: usize, lost: &[usize], torn: Option<usize>) -> Vec<u8> {
        let mut content = Vec::new();
        for (at, op) in self.log[..end].iter().enumerate().filter(|(at, _)| !lost.contains(at)) {
            match op {
                Op::Write { path, offset, bytes } if path == file => {
                    let bytes = if torn == Some(at) { &bytes[..bytes.len() / 2] } else { bytes };
                    let start = *offset as usize;
                    content.resize(content.len().max(start + bytes.len()), 0);
                    content[start..start + bytes.len()].copy_from_slice(bytes);
                }
                Op::SetLen { path, len } if path == file => content.resize(*len as usize, 0),
                _ => {}
            }
        }
        content
    }
}

/// Which file a name is bound to.
#[derive(Debug, PartialEq, Eq)]
enum File {
    Old,
    New(PathBuf),
}

/// A sink that gave names before the content was durable, or forgot the directory, would be found.
#[test]
fn power_cuts_find_what_is_not_durable() {
    let path = |name: &str| PathBuf::from("/out").join(name);
    let log = || {
        vec![
            Op::Create(path("work/report.json")),
            Op::Write { path: path("work/report.json"), offset: 0, bytes: b"new".to_vec() },
            Op::Sync(path("work/report.json")),
            Op::Rename { from: path("work/report.json"), to: path("report.json") },
            Op::SyncDir(PathBuf::from("/out")),
        ]
    };
    let (before, after) = (BTreeMap::new(), BTreeMap::from([(path("report.json"), b"new".to_vec())]));
    let cut = |log: &[Op]| {
        Disk { output: Path::new("/out"), log, before: &before, after: &after }.cut_everywhere(100).is_ok()
    };
    assert!(cut(&log()));
    for forgotten in [2, 4] {
        let mut log = log();
        log.remove(forgotten);
        assert!(!cut(&log), "without operation {forgotten}");
    }
}
