//! Every file operation of a generation fails once: the error is told, nothing is left, the next run succeeds.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail, ensure};
use diskwright::scan::{DirectorySource, OneFileSystem, ScanSource, TarSource};
use diskwright::sink::Overwrite;
use diskwright::{Error, ErrorKind, FileOp, Files, Gate, Seed};
use diskwright_oracle::{figure, is_full};

use crate::build::{FORMS, Form, digests, order, populate, run};

const RAW: Form = ("raw", false);

#[test]
fn each_failing_operation_of_a_directory_scan_is_told_and_leaves_nothing() -> Result<()> {
    let scan = tempfile::tempdir()?;
    populate(scan.path())?;
    sweep(RAW, &ERRORS, &|files| {
        Ok(Arc::new(DirectorySource::new(scan.path(), OneFileSystem::Stay, files)?))
    })?;
    Ok(())
}

/// Packs a tree, which it makes in `place`, as `flags` tell tar.
fn pack(place: &Path, flags: &str, archive: &Path) -> Result<()> {
    let tree = place.join("tree");
    std::fs::create_dir(&tree)?;
    populate(&tree)?;
    let mut tar = std::process::Command::new("tar");
    let packed = tar.arg("-C").arg(&tree).arg(flags).arg(archive).arg(".").status()?;
    ensure!(packed.success(), "tar failed");
    Ok(())
}

#[test]
fn each_failing_operation_of_a_packed_archive_is_told_and_leaves_nothing() -> Result<()> {
    let place = tempfile::tempdir()?;
    let archive = place.path().join("scan.tar.gz");
    pack(place.path(), "-czf", &archive)?;
    sweep(RAW, &ERRORS, &|files| Ok(Arc::new(TarSource::new(&files, &archive, place.path())?)))?;
    let left: BTreeSet<_> = place
        .path()
        .read_dir()?
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<io::Result<_>>()?;
    ensure!(left.len() == 2, "left beside the archive: {left:?}");
    Ok(())
}

#[test]
fn each_failing_operation_of_an_archive_that_is_read_ahead_is_told_and_leaves_nothing() -> Result<()> {
    let place = tempfile::tempdir()?;
    let archive = place.path().join("scan.tar");
    pack(place.path(), "-cf", &archive)?;
    sweep(RAW, &ERRORS, &|files| {
        Ok(Arc::new(TarSource::new(&files, &archive, place.path())?.with_threads(2)))
    })?;
    Ok(())
}

#[test]
fn each_failing_operation_on_the_files_of_every_format_is_told_and_leaves_nothing() -> Result<()> {
    let scan = tempfile::tempdir()?;
    populate(scan.path())?;
    // One that is over, one that stays.
    let errors = if is_full() { &ERRORS[..] } else { &[(ENOSPC, false), (EIO, true)][..] };
    let mut runs = 0;
    for form in FORMS {
        // What fails is the sink: the source has files of its own.
        let source = |_| -> Result<Arc<dyn ScanSource>> {
            Ok(Arc::new(DirectorySource::new(scan.path(), OneFileSystem::Stay, Files::default())?))
        };
        runs += sweep(form, errors, &source).with_context(|| format!("{form:?}"))?;
    }
    figure(
        "Runs in which one file operation of a sink fails",
        &format!("{} forms of formats, {} sorts of error, at every operation", FORMS.len(), errors.len()),
        runs,
        "an error with its cause, and nothing left, in all",
        true,
    );
    Ok(())
}

#[test]
fn short_and_interrupted_operations_change_no_format() -> Result<()> {
    let scan = tempfile::tempdir()?;
    populate(scan.path())?;
    let source = |files| DirectorySource::new(scan.path(), OneFileSystem::Stay, files);
    let place = tempfile::tempdir()?;
    for form in FORMS {
        let build = |files: &Files, name: &str| -> Result<_> {
            let order = order(Arc::new(source(files.clone())?), &[form], Seed::from_text("faults"))?;
            let output = place.path().join(name);
            let report = run(&order, files, &output, Overwrite::Refuse, 2)?;
            std::fs::remove_dir_all(output)?;
            Ok(digests(&report))
        };
        let expected = build(&Files::default(), "whole")?;
        let stuttered = build(&Files::gated(Arc::new(Stutter::default())), "stuttered")?;
        ensure!(expected == stuttered, "{form:?}: {expected:?} became {stuttered:?}");
    }
    Ok(())
}

/// Fails operation 1, 2, 3 … for each error, until a run ends without meeting it; how many runs that took.
fn sweep(
    form: Form,
    errors: &[(i32, bool)],
    source: &dyn Fn(Files) -> Result<Arc<dyn ScanSource>>,
) -> Result<usize> {
    let place = tempfile::tempdir()?;
    let output = place.path().join("out");
    let build = |files: &Files, threads| -> Result<_> {
        let order = order(source(files.clone())?, &[form], Seed::from_text("faults"))?;
        Ok(digests(&run(&order, files, &output, Overwrite::Refuse, threads)?))
    };
    let expected = build(&Files::default(), 2)?;
    std::fs::remove_dir_all(&output)?;
    let mut runs = 0;
    for (errno, is_sticky) in errors {
        let mut number = 1;
        loop {
            let gate =
                Arc::new(FailAt { number, errno: *errno, is_sticky: *is_sticky, count: AtomicUsize::new(0) });
            let files = Files::gated(Arc::clone(&gate) as Arc<dyn Gate>);
            // Of two threads that fail at once either may be told; of one the first.
            let outcome = build(&files, if *is_sticky { 1 } else { 2 });
            let met = gate.count.load(Ordering::Relaxed) >= number;
            runs += 1;
            match outcome {
                // What only cleans up may fail; the result stands.
                Ok(found) => {
                    ensure!(found == expected, "operation {number}: other bytes");
                    let all = expected.iter().all(|(name, ..)| output.join(name).exists());
                    ensure!(all, "operation {number}: not all are there");
                    std::fs::remove_dir_all(&output)?;
                    if !met {
                        break;
                    }
                }
                Err(error) => check_failure(&error, number, *errno, *is_sticky, &output)?,
            }
            number += 1;
            ensure!(number < 5000, "no end of operations");
        }
        ensure!(number > 15, "only {number} operations were seen");
    }
    Ok(runs)
}

fn check_failure(
    error: &anyhow::Error,
    number: usize,
    errno: i32,
    is_sticky: bool,
    output: &Path,
) -> Result<()> {
    let ours = error.downcast_ref::<Error>().context("an error of another kind")?;
    ensure!(
        matches!(ours.kind(), ErrorKind::Source | ErrorKind::Sink),
        "operation {number}: {ours:?} is neither the source's nor the sink's"
    );
    let told = error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|cause| cause.raw_os_error() == Some(errno))
    });
    ensure!(told, "operation {number}: errno {errno} is not in {error:?}");
    if !output.exists() {
        return Ok(());
    }
    let left: Vec<_> = output.read_dir()?.flatten().map(|entry| entry.file_name()).collect();
    bail!("operation {number}, errno {errno}, sticky {is_sticky}: {left:?} was left")
}

struct FailAt {
    number: usize,
    errno: i32,
    is_sticky: bool,
    count: AtomicUsize,
}

impl Gate for FailAt {
    fn admit(&self, op: &FileOp<'_>) -> io::Result<usize> {
        // A full or broken medium still lets names go.
        if self.is_sticky && matches!(op, FileOp::Remove { .. }) {
            return Ok(usize::MAX);
        }
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        if count == self.number {
            return Err(io::Error::from_raw_os_error(self.errno));
        }
        if self.is_sticky && count > self.number {
            // Another error, so that it shows which one is told.
            return Err(io::Error::from_raw_os_error(if self.errno == EIO { ENOSPC } else { EIO }));
        }
        Ok(usize::MAX)
    }
}

/// Every second read or write is interrupted, the others move 4093 bytes at most.
#[derive(Default)]
struct Stutter(AtomicUsize);

impl Gate for Stutter {
    fn admit(&self, op: &FileOp<'_>) -> io::Result<usize> {
        match op {
            FileOp::ReadAt { .. } | FileOp::WriteAt { .. } => {
                if self.0.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
                    return Err(io::ErrorKind::Interrupted.into());
                }
                Ok(4093)
            }
            _ => Ok(usize::MAX),
        }
    }
}

const EIO: i32 = 5;
const EFBIG: i32 = 27;
const ENOSPC: i32 = 28;
const EDQUOT: i32 = 122;
/// Each error, once and for all that follows.
const ERRORS: [(i32, bool); 8] = [
    (ENOSPC, false),
    (ENOSPC, true),
    (EIO, false),
    (EIO, true),
    (EDQUOT, false),
    (EDQUOT, true),
    (EFBIG, false),
    (EFBIG, true),
];
