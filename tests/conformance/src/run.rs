use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use diskwright_core::engine::{Engine, OutputEntry};
use diskwright_core::format::{Machine, TargetFormat};
use diskwright_core::layout::DiskLayout;
use diskwright_core::sink::{DirectorySink, Overwrite, Sink};
use diskwright_core::{Files, Monitor, Result, Seed, Timestamp};

use crate::corpus::Disk;
use crate::readers::{Images, RawDisk};
use crate::recorder::{Keep, Recorder, Recording, lock};
use crate::subject::Subject;
use crate::trial::Problem;
use crate::watch::{self, Watch};

/// One run of a format, with what may differ between runs.
#[derive(Clone)]
pub(crate) struct Run {
    pub(crate) threads: usize,
    pub(crate) machine: Machine,
    pub(crate) monitor: Monitor,
    pub(crate) keep: Keep,
    pub(crate) watch: Watch,
    /// How long it may take.
    pub(crate) deadline: Duration,
}

/// What a run came to.
pub(crate) struct Finished {
    pub(crate) result: Result<Vec<OutputEntry>>,
    recording: Arc<Mutex<Recording>>,
}

impl Run {
    /// A run with two threads that keeps everything and is not disturbed.
    pub(crate) fn new() -> Self {
        Self {
            threads: 2,
            machine: machine("disk", "conformance"),
            monitor: Monitor::new(),
            keep: Keep::Everything,
            watch: watch::nothing(),
            deadline: DEADLINE,
        }
    }

    pub(crate) fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    pub(crate) fn with_machine(mut self, machine: Machine) -> Self {
        self.machine = machine;
        self
    }

    pub(crate) fn with_watch(mut self, watch: Watch) -> Self {
        self.watch = watch;
        self
    }

    pub(crate) fn with_keep(mut self, keep: Keep) -> Self {
        self.keep = keep;
        self
    }

    /// Runs the subject's format into a recorder, whatever comes of it.
    pub(crate) fn attempt(&self, subject: &Subject, disks: Vec<DiskLayout>) -> Result<Finished, Problem> {
        let sink = Recorder::new(self.keep, Arc::clone(&self.watch));
        let recording = sink.recording();
        let format = subject.format()?;
        let result = self.write_into(format, disks, || Ok(Box::new(sink)))?;
        Ok(Finished { result, recording })
    }

    /// As [`Run::attempt`], where it must succeed.
    pub(crate) fn succeed(&self, subject: &Subject, disks: Vec<DiskLayout>) -> Result<Finished, Problem> {
        let finished = self.attempt(subject, disks)?;
        match finished.result {
            Ok(_) => Ok(finished),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes files to `folder`; gives what was written in the order of the plan.
    pub(crate) fn to_folder(
        &self,
        format: Arc<dyn TargetFormat>,
        disks: Vec<DiskLayout>,
        folder: &Path,
    ) -> Result<Vec<OutputEntry>, Problem> {
        let folder = folder.to_owned();
        let sink = move || -> Result<Box<dyn Sink>> {
            Ok(Box::new(DirectorySink::create(Files::default(), folder, Overwrite::Refuse)?))
        };
        Ok(self.write_into(format, disks, sink)??)
    }

    /// On a thread of its own, so that a format that never ends is a failure like others.
    fn write_into(
        &self,
        format: Arc<dyn TargetFormat>,
        disks: Vec<DiskLayout>,
        sink: impl FnOnce() -> Result<Box<dyn Sink>> + Send + 'static,
    ) -> Result<Result<Vec<OutputEntry>>, Problem> {
        let (sender, receiver) = channel();
        let Self { threads, machine, monitor, .. } = self.clone();
        thread::spawn(move || {
            let run = || {
                let engine = Engine::new().with_threads(threads);
                engine.write_disks(&disks, format.as_ref(), &machine, sink()?, &monitor)
            };
            // A receiver that has given up hears nothing.
            let _ = sender.send(catch_unwind(AssertUnwindSafe(run)).map_err(|panic| text_of(panic.as_ref())));
        });
        match receiver.recv_timeout(self.deadline) {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(panic)) => Err(Problem::failed(format!("the format panicked: {panic}"))),
            Err(RecvTimeoutError::Timeout) => {
                self.monitor.cancel();
                Err(Problem::failed(format!("the run did not end within {:?}", self.deadline)))
            }
            Err(RecvTimeoutError::Disconnected) => Err(Problem::failed("the run was lost".to_owned())),
        }
    }
}

impl Finished {
    pub(crate) fn recording(&self) -> MutexGuard<'_, Recording> {
        lock(&self.recording)
    }

    /// The bytes written to all outputs.
    pub(crate) fn written(&self) -> u64 {
        self.recording().outputs.iter().map(|output| output.written).sum()
    }
}

/// Writes `disks` to files, reads them back and compares.
pub(crate) fn round_trip(subject: &Subject, disks: &[Disk]) -> Result<(), Problem> {
    round_trip_as(subject, subject.format()?, disks)
}

/// As [`round_trip`], with the format in another configuration.
pub(crate) fn round_trip_as(
    subject: &Subject,
    format: Arc<dyn TargetFormat>,
    disks: &[Disk],
) -> Result<(), Problem> {
    round_trip_by(&Run::new(), subject, format, disks)
}

/// As [`round_trip_as`], in a run of its own kind.
pub(crate) fn round_trip_by(
    run: &Run,
    subject: &Subject,
    format: Arc<dyn TargetFormat>,
    disks: &[Disk],
) -> Result<(), Problem> {
    let folder = tempfile::tempdir().map_err(no_room)?;
    let scratch = tempfile::tempdir().map_err(no_room)?;
    let layouts = disks.iter().map(Disk::layout).collect();
    let entries = run.to_folder(format, layouts, folder.path())?;
    let names = entries.into_iter().map(|entry| entry.path).collect();
    let images = Images::new(folder.path(), scratch.path(), names);
    let read = subject.reader.read(&images)?;
    if read.len() != disks.len() {
        return Err(Problem::failed(format!("{} disks were written, {} read back", disks.len(), read.len())));
    }
    for (number, (disk, read)) in (1..).zip(disks.iter().zip(read)) {
        compare(disk, &read)
            .map_err(|text| Problem::failed(format!("disk {number} of {} bytes: {text}", disk.size)))?;
    }
    Ok(())
}

/// Whether a disk that was read back is the one that was written, else the first difference.
pub(crate) fn compare(disk: &Disk, read: &RawDisk) -> Result<(), String> {
    if read.size() != disk.size {
        return Err(format!("it came back with {} bytes", read.size()));
    }
    let (mut expected, mut found) = (vec![0; STEP], vec![0; STEP]);
    let mut at = 0;
    while at < disk.size {
        // What is a hole on one side and a gap on the other is zero on both.
        at = at.max(read.next_data(at).min(disk.next_part(at)) / STEP as u64 * STEP as u64);
        let len = STEP.min((disk.size.saturating_sub(at)) as usize);
        let found = &mut found[..len];
        read.read_exact_at(at, found).map_err(|error| format!("at offset {at:#x}: {error}"))?;
        let expected = if disk.is_gap(at, len as u64) {
            &ZEROS[..len]
        } else {
            disk.fill(at, &mut expected[..len]);
            &expected[..len]
        };
        if found != expected {
            let differs = found.iter().zip(expected).position(|(a, b)| a != b).unwrap_or(0);
            return Err(format!(
                "byte {:#x} is {:#04x}, not {:#04x}",
                at + differs as u64,
                found[differs],
                expected[differs]
            ));
        }
        at += len as u64;
    }
    Ok(())
}

/// The machine of a trial.
pub(crate) fn machine(name: &str, seed: &str) -> Machine {
    Machine::new(name, Seed::from_text(seed), Timestamp::from_seconds(1_700_000_000))
}

/// What a panic said.
pub(crate) fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

fn no_room(error: std::io::Error) -> Problem {
    Problem::failed(format!("no temporary directory: {error}"))
}

/// Far beyond what any run of a trial takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(300);
const STEP: usize = 1 << 20;
static ZEROS: [u8; STEP] = [0; STEP];
