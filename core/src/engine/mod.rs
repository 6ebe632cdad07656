//! One generation from sources to committed outputs.

mod compose;
mod order;
mod report;

use std::sync::Arc;
use std::time::Instant;

pub use order::{Digests, Order};
pub use report::{
    DiskEntry, FileSystemEntry, MachineEntry, OutputEntry, PartitionEntry, PhaseEntry, Report, RunEntry,
};

use compose::Composition;
use report::hex;

use crate::format::{Access, ImagePlan, Machine, OutputRole, OutputSpec, TargetFormat};
use crate::layout::DiskLayout;
use crate::pipeline::{self, OutputResult, Target};
use crate::profile::MachineReport;
use crate::scan::{Entry, ScanSource, ScanSummary, SourceContent};
use crate::sink::Sink;
use crate::tree::{FileTree, Finding, Findings, TreeBuilder, Whiteouts};
use crate::{Error, ErrorKind, Monitor, Phase, ReadAt, Result};

/// Runs orders.
#[derive(Clone, Debug)]
pub struct Engine {
    threads: usize,
}

/// An order, decided: what would be written, without writing.
pub struct Plan {
    composition: Composition,
    targets: Vec<PlannedTarget>,
}

struct PlannedTarget {
    format: &'static str,
    plan: Box<dyn ImagePlan>,
}

impl Engine {
    /// Worker threads, at most.
    pub const MAX_THREADS: usize = 256;

    /// An engine with as many worker threads as the machine has processors, at most [`Engine::MAX_THREADS`].
    pub fn new() -> Self {
        Self { threads: 1 }.with_threads(std::thread::available_parallelism().map_or(1, usize::from))
    }

    /// Sets the number of worker threads; what is not from 1 to [`Engine::MAX_THREADS`] becomes the nearest that is, which
    /// the report tells. Outputs do not depend on it.
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads.clamp(1, Self::MAX_THREADS);
        self
    }

    /// Scans and decides everything that can be decided without reading content.
    ///
    /// # Errors
    /// As [`Engine::run`], without those of sinks.
    pub fn plan(&self, order: &Order, monitor: &Monitor) -> Result<Plan> {
        let mut clock = Clock::new();
        self.plan_timed(order, monitor, &mut clock)
    }

    /// Runs an order to its end; `sink` is committed on success and aborted else.
    ///
    /// # Errors
    /// Of every kind; see [`ErrorKind`]. Nothing is visible then.
    pub fn run(&self, order: &Order, mut sink: Box<dyn Sink>, monitor: &Monitor) -> Result<Report> {
        match self.generate(order, sink.as_mut(), monitor) {
            Ok(report) => {
                sink.commit()?;
                // Cancelling comes too late from here on: the outputs are visible.
                let _ = monitor.enter(Phase::Finished);
                Ok(report)
            }
            Err(error) => {
                sink.abort();
                Err(error)
            }
        }
    }

    fn generate(&self, order: &Order, sink: &mut dyn Sink, monitor: &Monitor) -> Result<Report> {
        let mut clock = Clock::new();
        let Plan { composition, targets } = self.plan_timed(order, monitor, &mut clock)?;
        let (names, writers) = begin(targets, order.digests, sink)?;
        let report_output = sink.create(&report_spec())?;
        clock.enter(Phase::Writing, monitor)?;
        let outcome = pipeline::write(&composition.disks, writers, self.threads, monitor)?;
        clock.enter(Phase::Committing, monitor)?;
        let outputs = output_entries(&names, &outcome.outputs);
        let written = outcome.outputs.iter().flatten().map(|output| output.written).sum();
        let mut report = composition.report(order, outputs);
        report.run = RunEntry {
            threads: self.threads,
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
        let written = format.plan(machine, disks).and_then(|plan| {
            let target = PlannedTarget { format: format.info().id, plan };
            let (names, writers) = begin(vec![target], Digests::default(), sink.as_mut())?;
            let outcome = pipeline::write(disks, writers, self.threads, monitor)?;
            Ok(output_entries(&names, &outcome.outputs))
        });
        match written {
            Ok(entries) => {
                sink.commit()?;
                Ok(entries)
            }
            Err(error) => {
                sink.abort();
                Err(error)
            }
        }
    }

    fn plan_timed(&self, order: &Order, monitor: &Monitor, clock: &mut Clock) -> Result<Plan> {
        clock.enter(Phase::Scanning, monitor)?;
        let scanned = scan(order, monitor)?;
        clock.enter(Phase::Planning, monitor)?;
        let composition = compose::compose(scanned, order, monitor)?;
        let targets = plan_targets(order, &composition.machine, &composition.disks)
            .map_err(|refusal| composition.settings.as_written(refusal))?;
        Ok(Plan { composition, targets })
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
                tree_digest: String::new(),
                sha256: None,
            })
            .collect();
        self.composition.report(order, outputs)
    }
}

/// All sources, put together.
struct Scanned {
    tree: FileTree,
    findings: Vec<Finding>,
    /// The order's own, else the last one that came with a source.
    machine: Option<MachineReport>,
}

fn scan(order: &Order, monitor: &Monitor) -> Result<Scanned> {
    if order.scans.is_empty() {
        return Err(
            Error::new(ErrorKind::InvalidProfile, "an order has at least one scan").with_field("scan")
        );
    }
    let mut builder = TreeBuilder::new(Findings::new(order.strictness));
    let mut told = Vec::new();
    let mut machine = order.machine.clone();
    for (at, source) in order.scans.iter().enumerate() {
        let whiteouts = if at == 0 { Whiteouts::Plain } else { order.whiteouts };
        let watched = Watched { source: Arc::clone(source), monitor: monitor.clone() };
        let summary = builder.add_source(Arc::new(watched), whiteouts)?;
        monitor.check()?;
        if let Some(finding) =
            summary.findings.iter().find(|finding| order.strictness.refuses(finding.severity))
        {
            let text = format!("{} (refused: strict)", finding.text);
            return Err(Error::new(ErrorKind::Source, text).with_path(&finding.path));
        }
        told.extend(summary.findings);
        if let Some(json) = summary.machine_report.filter(|_| order.machine.is_none()) {
            machine = Some(MachineReport::from_json(&json)?);
        }
    }
    let (tree, findings) = builder.finish()?;
    told.extend(findings);
    Ok(Scanned { tree, findings: told, machine })
}

/// A source that stops scanning when the run is cancelled.
struct Watched {
    source: Arc<dyn ScanSource>,
    monitor: Monitor,
}

impl ScanSource for Watched {
    fn scan(&self, visit: &mut dyn FnMut(Entry) -> Result<()>) -> Result<ScanSummary> {
        self.source.scan(&mut |entry| {
            self.monitor.check()?;
            visit(entry)
        })
    }

    fn open(&self, content: SourceContent) -> Result<Arc<dyn ReadAt>> {
        self.source.open(content)
    }
}

/// Plans all targets; where two would write one name, each writes `NAME-FORMATID`.
fn plan_targets(order: &Order, machine: &Machine, disks: &[DiskLayout]) -> Result<Vec<PlannedTarget>> {
    if order.targets.is_empty() {
        let text = "an order has at least one target format";
        return Err(Error::new(ErrorKind::InvalidProfile, text).with_field("targetFormat"));
    }
    let plan = |machine: &dyn Fn(&'static str) -> Machine| -> Result<Vec<PlannedTarget>> {
        let mut targets = Vec::new();
        for target in &order.targets {
            let format = target.info().id;
            let plan = target.plan(&machine(format), disks)?;
            targets.push(PlannedTarget { format, plan });
        }
        Ok(targets)
    };
    let planned = plan(&|_| machine.clone())?;
    if !names_clash(&planned) {
        return Ok(planned);
    }
    let renamed = plan(&|format| Machine { name: format!("{}-{format}", machine.name), ..machine.clone() })?;
    if names_clash(&renamed) {
        let text = "two targets of the order would write the same file";
        return Err(Error::new(ErrorKind::InvalidProfile, text).with_field("targetFormat"));
    }
    Ok(renamed)
}

fn names_clash(targets: &[PlannedTarget]) -> bool {
    let mut names: Vec<&str> =
        targets.iter().flat_map(|target| target.plan.outputs()).map(|spec| spec.name.as_str()).collect();
    names.push(Report::FILE_NAME);
    names.sort_unstable();
    names.windows(2).any(|pair| pair[0] == pair[1])
}

/// The id of a target's format, and what it writes.
type TargetOutputs = (&'static str, Vec<OutputSpec>);

/// Creates all outputs. A plain SHA-256 goes along where it is asked for, and by default with every package that is
/// written from front to back.
fn begin(
    targets: Vec<PlannedTarget>,
    digests: Digests,
    sink: &mut dyn Sink,
) -> Result<(Vec<TargetOutputs>, Vec<Target>)> {
    let mut names = Vec::new();
    let mut writers = Vec::new();
    for PlannedTarget { format, plan } in targets {
        let specs = plan.outputs().to_vec();
        let mut outputs = Vec::new();
        for spec in &specs {
            outputs.push((spec, sink.create(spec)?));
        }
        let wants_sha256 = |spec: &OutputSpec| match digests {
            Digests::All => true,
            Digests::Downloadable => spec.role == OutputRole::Package && spec.access == Access::Stream,
        };
        writers.push(Target::new(plan.start()?, outputs, wants_sha256)?);
        names.push((format, specs));
    }
    Ok((names, writers))
}

fn output_entries(names: &[TargetOutputs], results: &[Vec<OutputResult>]) -> Vec<OutputEntry> {
    let mut entries = Vec::new();
    for ((format, specs), results) in names.iter().zip(results) {
        for (spec, result) in specs.iter().zip(results) {
            entries.push(OutputEntry {
                path: spec.name.clone(),
                role: spec.role,
                format,
                length: result.len,
                tree_digest: hex(&result.tree_digest),
                sha256: result.sha256.map(|digest| hex(&digest)),
            });
        }
    }
    entries
}

fn report_spec() -> OutputSpec {
    OutputSpec {
        name: Report::FILE_NAME.to_owned(),
        role: OutputRole::Report,
        size_bound: u64::MAX,
        access: Access::Stream,
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
mod tests;
