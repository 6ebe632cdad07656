//! Generations, from sources to committed outputs: one on the caller's thread, or many that wait for their turn.
//!
//! ```text
//! start ─> queue (by owner, fair) ─> at most so many at once, within a memory budget ─> Generation: status, cancel, wait
//! ```

mod claim;
mod compose;
mod dispatch;
mod generation;
mod limits;
mod order;
mod queue;
mod report;
mod sources;
mod targets;

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

pub use generation::{Canceller, Generation, GenerationFuture, GenerationId};
pub use order::{Digests, Order};
pub use report::{
    BiosBootEntry, DiskEntry, FatFileEntry, FileSystemEntry, LogicalVolumeEntry, MachineEntry, OutputEntry,
    PartitionEntry, PhaseEntry, PhysicalVolumeEntry, Report, RunEntry, SegmentEntry, VolumeGroupEntry,
};

use claim::Claim;
use compose::Composition;
use dispatch::{Dispatch, abort};
use limits::Limits;
use sources::{Scanned, Sources};
use targets::{PlannedTarget, begin, output_entries, plan_targets, report_spec};

use crate::error::guarded;
use crate::format::{Machine, OutputSpec, TargetFormat};
use crate::layout::DiskLayout;
use crate::pipeline;
use crate::sink::Sink;
use crate::tree::FileTree;
use crate::{Error, ErrorKind, Monitor, Phase, Result};

/// Runs orders. Clones are the same engine: they share its queue and its limits.
///
/// [`Engine::start`] takes an order on and returns at once; the generation runs on a thread of the engine when its turn
/// comes. [`Engine::run`] runs an order on the caller's thread, past the queue. What is set with the `with_…` methods is set
/// before the first order: each of them makes another engine.
///
/// An engine without generations has no threads. Dropping it, the last clone too, changes nothing for generations that were
/// started: those that wait still have their turn, and the threads end with the last of them.
#[derive(Clone)]
pub struct Engine {
    dispatch: Arc<Dispatch>,
}

/// An order, decided: what would be written, without writing.
pub struct Plan {
    composition: Composition,
    targets: Vec<PlannedTarget>,
}

impl Engine {
    /// Worker threads, at most.
    pub const MAX_THREADS: usize = 256;

    /// An engine with as many worker threads as the machine has processors, at most [`Engine::MAX_THREADS`]; two
    /// generations at once, 512 MiB for them, and 256 that wait.
    pub fn new() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from).clamp(1, Self::MAX_THREADS);
        Self::with_limits(Limits { threads, concurrency: 2, memory: 512 << 20, queue: 256 })
    }

    /// Sets the number of worker threads, which all generations share; what is not from 1 to [`Engine::MAX_THREADS`] becomes
    /// the nearest that is, which the report tells. Outputs do not depend on it.
    pub fn with_threads(self, threads: usize) -> Self {
        Self::with_limits(Limits { threads: threads.clamp(1, Self::MAX_THREADS), ..self.dispatch.limits })
    }

    /// The number of worker threads.
    pub fn threads(&self) -> usize {
        self.dispatch.limits.threads
    }

    /// Sets how many generations run at once; 0 counts as 1. Default: 2, so that one writes while another scans or makes its
    /// outputs durable.
    pub fn with_concurrency(self, generations: usize) -> Self {
        Self::with_limits(Limits { concurrency: generations.max(1), ..self.dispatch.limits })
    }

    /// Sets the bytes of memory that all running generations share. Default: 512 MiB.
    ///
    /// Each counts as 64 MiB and 160 bytes for each entry of its trees. The next one begins when 74 MiB are free, and while
    /// it scans, one for whose tree there is not enough waits until another ends. The one that began first never waits: so
    /// a generation alone is never refused, and what all but the first take is never more than this. Not counted: what the
    /// caller's sources and sinks keep, such as the window of a packed archive and the outputs of a
    /// [`MemorySink`](crate::sink::MemorySink), and what runs by [`Engine::run`].
    pub fn with_memory(self, bytes: u64) -> Self {
        Self::with_limits(Limits { memory: bytes, ..self.dispatch.limits })
    }

    /// Sets how many generations may wait; one more is refused. Default: 256. Each keeps open what its order and its sink
    /// have opened.
    pub fn with_queue(self, generations: usize) -> Self {
        Self::with_limits(Limits { queue: generations, ..self.dispatch.limits })
    }

    fn with_limits(limits: Limits) -> Self {
        Self { dispatch: Arc::new(Dispatch::new(limits)) }
    }

    /// Takes an order on, for nobody in particular: see [`Engine::start_for`].
    ///
    /// # Errors
    /// As [`Engine::start_for`].
    pub fn start(&self, order: Order, sink: Box<dyn Sink>) -> Result<Generation> {
        self.start_for("", order, sink)
    }

    /// Takes an order of `owner` on: it runs to its end, `sink` being committed on success and aborted else, when its turn
    /// comes. Returns at once.
    ///
    /// Of those that wait the next is the owner's who has the fewest running; of those, the least recently served; of those,
    /// the one that came first. So a hundred orders of one do not hold up the one of another. `owner` is any text that
    /// tells users apart.
    ///
    /// # Errors
    /// `ErrorKind::LimitExceeded` when as many wait as may; `sink` is aborted then. What is wrong with the order shows when
    /// it runs.
    pub fn start_for(&self, owner: &str, order: Order, sink: Box<dyn Sink>) -> Result<Generation> {
        let ticket = self.dispatch.submit(owner, order, sink)?;
        Ok(Generation::new(ticket, Arc::clone(&self.dispatch)))
    }

    /// Scans and decides everything that can be decided without reading content.
    ///
    /// # Errors
    /// As [`Engine::run`], without those of sinks.
    pub fn plan(&self, order: &Order, monitor: &Monitor) -> Result<Plan> {
        let mut clock = Clock::new();
        guarded("a plan", || self.plan_timed(order, monitor, &Claim::free(), &mut clock))
    }

    /// Runs an order to its end on this thread, past the queue and its limits; `sink` is committed on success and aborted
    /// else.
    ///
    /// # Errors
    /// Of every kind; see [`ErrorKind`]. Nothing is visible then.
    pub fn run(&self, order: &Order, sink: Box<dyn Sink>, monitor: &Monitor) -> Result<Report> {
        self.run_with(order, sink, monitor, &Claim::free())
    }

    fn run_with(
        &self,
        order: &Order,
        mut sink: Box<dyn Sink>,
        monitor: &Monitor,
        claim: &Claim,
    ) -> Result<Report> {
        let generated = guarded("a generation", || self.generate(order, sink.as_mut(), monitor, claim));
        let ended = end(sink, generated);
        let phase = if ended.is_ok() { Phase::Finished } else { Phase::Failed };
        // Cancelling comes too late from here on: the outputs are visible, or never will be.
        let _ = monitor.enter(phase);
        ended
    }

    fn generate(
        &self,
        order: &Order,
        sink: &mut dyn Sink,
        monitor: &Monitor,
        claim: &Claim,
    ) -> Result<Report> {
        let mut clock = Clock::new();
        let Plan { composition, targets } = self.plan_timed(order, monitor, claim, &mut clock)?;
        let (names, writers) = begin(targets, order.digests, sink)?;
        let report_output = sink.create(&report_spec())?;
        clock.enter(Phase::Writing, monitor)?;
        let outcome = pipeline::write(&composition.disks, writers, &self.dispatch.workers, monitor)?;
        clock.enter(Phase::Committing, monitor)?;
        let outputs = output_entries(&names, &outcome.outputs);
        let written = outcome.outputs.iter().flatten().map(|output| output.written).sum();
        let mut report = composition.report(order, outputs);
        report.run = RunEntry {
            threads: self.dispatch.workers.threads(),
            phases: clock.phases(),
            bytes_read: outcome.read,
            bytes_written: written,
            peak_memory: peak_memory(),
        };
        let json = report.to_json()?;
        let failed = |error| {
            Error::new(ErrorKind::Sink, "cannot write the report")
                .with_path(Report::FILE_NAME)
                .with_source(error)
        };
        report_output.write_at(0, &json).map_err(failed)?;
        report_output.finish(json.len() as u64).map_err(failed)?;
        monitor.check()?;
        Ok(report)
    }

    fn plan_timed(&self, order: &Order, monitor: &Monitor, claim: &Claim, clock: &mut Clock) -> Result<Plan> {
        let sources = Sources { order, monitor, claim, threads: self.threads() };
        clock.enter(Phase::Scanning, monitor)?;
        let scanned = sources.scan()?;
        clock.enter(Phase::Planning, monitor)?;
        let composition = compose::compose(scanned, &sources)?;
        claim.settle();
        let targets = plan_targets(order, &composition.machine, &composition.disks)
            .map_err(|refusal| composition.settings.as_written(refusal))?;
        Ok(Plan { composition, targets })
    }

    /// Writes finished disks in one format, without a report: for those who make layouts themselves and for tests of
    /// formats. `sink` is committed on success and aborted else.
    ///
    /// # Errors
    /// Those of the format's plan, `ErrorKind::Source`, `ErrorKind::Sink`, `ErrorKind::Cancelled`. Nothing is visible
    /// then.
    pub fn write_disks(
        &self,
        disks: &[DiskLayout],
        format: &dyn TargetFormat,
        machine: &Machine,
        mut sink: Box<dyn Sink>,
        monitor: &Monitor,
    ) -> Result<Vec<OutputEntry>> {
        let written = guarded("a format", || {
            let plan = format.plan(machine, disks)?;
            let target = PlannedTarget { format: format.info().id, plan };
            let (names, writers) = begin(vec![target], Digests::default(), sink.as_mut())?;
            let outcome = pipeline::write(disks, writers, &self.dispatch.workers, monitor)?;
            Ok(output_entries(&names, &outcome.outputs))
        });
        end(sink, written)
    }
}

/// Commits what was made, or leaves nothing.
fn end<T>(sink: Box<dyn Sink>, made: Result<T>) -> Result<T> {
    match made {
        Ok(made) => guarded("a sink", || sink.commit()).map(|()| made),
        Err(error) => {
            abort(sink);
            Err(error)
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Engine").field(&self.dispatch.limits).finish()
    }
}

impl Default for Engine {
    fn default() -> Self {
        Self::new()
    }
}

impl Plan {
    /// The disks.
    pub fn disks(&self) -> &[DiskLayout] {
        &self.composition.disks
    }

    /// The guest as the disks hold it: the scan with all edits.
    pub fn tree(&self) -> &FileTree {
        &self.composition.tree
    }

    /// The outputs, each with the id of its format.
    pub fn outputs(&self) -> impl Iterator<Item = (&'static str, &OutputSpec)> {
        self.targets.iter().flat_map(|target| target.plan.outputs().iter().map(|spec| (target.format, spec)))
    }

    /// What the report would say; lengths are upper bounds and digests are empty.
    pub fn report(&self, order: &Order) -> Report {
        let outputs = self
            .outputs()
            .map(|(format, spec)| OutputEntry {
                path: spec.name.clone(),
                role: spec.role,
                format,
                length: spec.size_bound,
                tree_digest: Some(String::new()),
                sha256: None,
            })
            .collect();
        self.composition.report(order, outputs)
    }
}

/// `VmHWM` of `/proc/self/status`.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_ascii_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

/// Times the phases; nothing but the report's `run` depends on it.
struct Clock {
    phases: Vec<PhaseEntry>,
    current: Option<(Phase, Instant)>,
}

impl Clock {
    fn new() -> Self {
        Self { phases: Vec::new(), current: None }
    }

    fn enter(&mut self, phase: Phase, monitor: &Monitor) -> Result<()> {
        self.stop();
        self.current = Some((phase, Instant::now()));
        monitor.enter(phase)
    }

    fn stop(&mut self) {
        if let Some((phase, since)) = self.current.take() {
            self.phases.push(PhaseEntry { phase, seconds: since.elapsed().as_secs_f64() });
        }
    }

    fn phases(mut self) -> Vec<PhaseEntry> {
        self.stop();
        self.phases
    }
}

#[cfg(test)]
mod generation_tests;
#[cfg(test)]
mod tests;
