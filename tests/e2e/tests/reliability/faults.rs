//! Every file operation of a generation fails once: the error is told, nothing is left, the next run succeeds.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail, ensure};
use diskwright::engine::{Engine, Order, Report};
use diskwright::profile::{BootPolicy, ByteSize, Profile};
use diskwright::scan::{DirectorySource, OneFileSystem, ScanSource, TarSource};
use diskwright::sink::{DirectorySink, Overwrite};
use diskwright::{Error, ErrorKind, FileOp, Files, Gate, Monitor, Seed, Timestamp};

#[test]
fn each_failing_operation_of_a_directory_scan_is_told_and_leaves_nothing() -> Result<()> {
    let scan = tempfile::tempdir()?;
    populate(scan.path())?;
    sweep(&|files| Ok(Arc::new(DirectorySource::new(scan.path(), OneFileSystem::Stay, files)?)))
}

#[test]
fn each_failing_operation_of_a_packed_archive_is_told_and_leaves_nothing() -> Result<()> {
    let place = tempfile::tempdir()?;
    let archive = place.path().join("scan.tar.gz");
    let tree = place.path().join("tree");
    std::fs::create_dir(&tree)?;
    populate(&tree)?;
    let packed =
        std::process::Command::new("tar").arg("-C").arg(&tree).arg("-czf").arg(&archive).arg(".").status()?;
    ensure!(packed.success(), "tar failed");
    sweep(&|files| Ok(Arc::new(TarSource::new(&files, &archive, place.path())?)))?;
    let left: BTreeSet<_> = place
        .path()
        .read_dir()?
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<io::Result<_>>()?;
    ensure!(left.len() == 2, "left beside the archive: {left:?}");
    Ok(())
}

#[test]
fn short_and_interrupted_operations_change_nothing() -> Result<()> {
    let scan = tempfile::tempdir()?;
    populate(scan.path())?;
    let source = |files| DirectorySource::new(scan.path(), OneFileSystem::Stay, files);
    let place = tempfile::tempdir()?;
    let expected =
        digest(&run(Arc::new(source(Files::default())?), &Files::default(), &place.path().join("a"))?)?;
    let files = Files::gated(Arc::new(Stutter::default()));
    let stuttered = digest(&run(Arc::new(source(files.clone())?), &files, &place.path().join("b"))?)?;
    ensure!(expected == stuttered, "{expected} became {stuttered}");
    Ok(())
}

/// Fails operation 1, 2, 3 … for each error, once and for ever, until a run ends without meeting it.
fn sweep(source: &dyn Fn(Files) -> Result<Arc<dyn ScanSource>>) -> Result<()> {
    let place = tempfile::tempdir()?;
    let output = place.path().join("out");
    let expected = digest(&run(source(Files::default())?, &Files::default(), &output)?)?;
    std::fs::remove_dir_all(&output)?;
    for (errno, is_sticky) in [(28, false), (28, true), (5, false), (5, true), (122, false), (27, true)] {
        let mut number = 1;
        loop {
            let gate = Arc::new(FailAt { number, errno, is_sticky, count: AtomicUsize::new(0) });
            let files = Files::gated(Arc::clone(&gate) as Arc<dyn Gate>);
            let outcome = source(files.clone()).and_then(|source| Ok(run(source, &files, &output)?));
            let met = gate.count.load(Ordering::Relaxed) >= number;
            match outcome {
                Ok(report) if !met => {
                    ensure!(digest(&report)? == expected, "the run after {number} operations differs");
                    std::fs::remove_dir_all(&output)?;
                    break;
                }
                // What only cleans up may fail; the result stands.
                Ok(report) => {
                    ensure!(digest(&report)? == expected, "operation {number}: other bytes");
                    ensure!(output.join("machine.raw").exists(), "operation {number}: nothing there");
                    std::fs::remove_dir_all(&output)?;
                }
                Err(error) => check_failure(&error, number, errno, is_sticky, &output)?,
            }
            number += 1;
            ensure!(number < 5000, "no end of operations");
        }
        ensure!(number > 30, "only {number} operations were seen");
    }
    Ok(())
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

fn run(source: Arc<dyn ScanSource>, files: &Files, output: &Path) -> diskwright::Result<Report> {
    let format = diskwright::builtin_registry()?.configure("raw", false, &[])?;
    let profile = Profile {
        boot: Some(BootPolicy::None),
        disk_size: Some(ByteSize::from_bytes(64 << 20)),
        ..Profile::default()
    };
    let order =
        Order::new(source, vec![format], "machine", Seed::from_text("faults"), Timestamp::from_seconds(1))
            .with_profile(profile);
    let sink = DirectorySink::create(files.clone(), output, Overwrite::Refuse)?;
    Engine::new().with_threads(2).run(&order, Box::new(sink), &Monitor::new())
}

fn digest(report: &Report) -> Result<String> {
    Ok(report.outputs.first().context("no output")?.tree_digest.clone())
}

fn populate(root: &Path) -> Result<()> {
    std::fs::create_dir(root.join("etc"))?;
    std::fs::write(root.join("etc/hostname"), "machine\n")?;
    std::fs::write(root.join("large"), vec![7; 3 << 20])?;
    std::fs::hard_link(root.join("large"), root.join("second"))?;
    std::os::unix::fs::symlink("large", root.join("link"))?;
    Ok(())
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
        if count == self.number || (self.is_sticky && count > self.number) {
            return Err(io::Error::from_raw_os_error(self.errno));
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
