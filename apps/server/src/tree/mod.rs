//! Reading a scan's tree: whatever a generation would find wrong with it is found here, and what its machine is.
//!
//! ```text
//! tar, directory ─> Bounded (limits, progress, what is noted on the way) ─> Engine::plan ─> profile, facts, packages
//! ```

mod bounded;
mod facts;
mod packages;

pub(crate) use facts::Facts;

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use diskwright::engine::{Engine, Order, Report};
use diskwright::format::{Registry, TargetFormat};
use diskwright::profile::{BootPolicy, MachineReport};
use diskwright::scan::{DirectorySource, OneFileSystem, ScanSource, TarSource};
use diskwright::{Error, ErrorKind, FileOp, Files, Gate, Monitor, Result, Seed, Timestamp};

use crate::settings::Limits;
use crate::store::ReadScan;
use bounded::Bounded;

/// A tree to be read.
#[derive(Clone, Debug)]
pub(crate) struct TreeOrder {
    /// An archive or a directory.
    pub(crate) path: PathBuf,
    /// Where a packed archive may be unpacked, into a file without a name.
    pub(crate) spool: PathBuf,
    /// The machine report that was given beside the tree.
    pub(crate) machine: Option<MachineReport>,
    pub(crate) limits: Limits,
    pub(crate) boot: BootPolicy,
}

/// How far the reading of an archive is, told from any thread.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    monitor: Monitor,
    done: Arc<AtomicU64>,
    total: Arc<AtomicU64>,
}

impl Reading {
    /// Has it stop within a second.
    pub(crate) fn cancel(&self) {
        self.monitor.cancel();
    }

    /// Whether somebody cancelled it.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.monitor.is_cancelled()
    }

    /// 0 to 99; of a directory nobody knows how much there is, and it stays 0.
    pub(crate) fn percentage(&self) -> u8 {
        let total = self.total.load(Ordering::Relaxed).max(1);
        let done = self.done.load(Ordering::Relaxed).min(total);
        u8::try_from(done.saturating_mul(99) / total).unwrap_or(99)
    }
}

/// Reads a tree to its end: blocks.
///
/// A machine report that asks for something impossible does not make a tree useless: it is left out, and the message says so.
///
/// # Errors
/// `ErrorKind::Source` for a tree that is damaged, `ErrorKind::LimitExceeded` for one that is too large,
/// `ErrorKind::Unsupported` for one of which no disk can be made, `ErrorKind::Cancelled`.
pub(crate) fn read_tree(
    engine: &Engine,
    registry: &Registry,
    order: &TreeOrder,
    reading: &Reading,
) -> Result<ReadScan> {
    let read = plan(engine, registry, order, order.machine.clone(), reading).or_else(|error| {
        let is_about_settings = matches!(error.kind(), ErrorKind::InvalidProfile | ErrorKind::DoesNotFit);
        if !is_about_settings {
            return Err(error);
        }
        let mut read = plan(engine, registry, order, Some(MachineReport::default()), reading)?;
        read.message = format!("Complete, without the machine report: {error}");
        Ok(read)
    });
    // Whatever it stumbled over when it was stopped.
    if reading.is_cancelled() {
        return Err(Error::new(ErrorKind::Cancelled, "cancelled"));
    }
    read
}

fn plan(
    engine: &Engine,
    registry: &Registry,
    order: &TreeOrder,
    machine: Option<MachineReport>,
    reading: &Reading,
) -> Result<ReadScan> {
    let source = Arc::new(Bounded::new(open(order, reading)?, order.limits));
    let timestamp = Timestamp::from_seconds(0);
    let target = some_format(registry)?;
    let mut plan_order = Order::new(source.clone(), vec![target], "scan", Seed::from_text("scan"), timestamp);
    plan_order.machine = machine.clone();
    // A tree that does not boot is no reason to refuse the scan: those who ask for an image of it are told.
    plan_order.profile.boot = Some(match order.boot {
        BootPolicy::Required | BootPolicy::Optional => BootPolicy::Optional,
        BootPolicy::None => BootPolicy::None,
    });
    let plan = engine.plan(&plan_order, &reading.monitor)?;
    let report = plan.report(&plan_order);
    drop(plan);
    outcome(&source, &report, machine)
}

fn outcome(source: &Bounded, report: &Report, given: Option<MachineReport>) -> Result<ReadScan> {
    let noted = source.noted();
    let packages = noted.dpkg_status(source)?;
    let machine = match (given, &noted.machine_report) {
        (None, Some(json)) => Some(MachineReport::from_json(json)?),
        (given, _) => given,
    };
    let facts = Facts::new(&noted, source, report, machine)?;
    let failed = |error| Error::new(ErrorKind::Internal, "what the tree says is no JSON").with_source(error);
    let obstacles = facts.obstacles.join("; ");
    Ok(ReadScan {
        message: if obstacles.is_empty() { "Complete".to_owned() } else { format!("Complete; {obstacles}") },
        entries: noted.entries,
        content_bytes: noted.content_bytes,
        profile: facts::profile(report).to_json(),
        distribution: facts.distribution(),
        facts: serde_json::to_string(&facts).map_err(failed)?,
        packages: packages.map(|status| packages::parse(&status)),
    })
}

fn open(order: &TreeOrder, reading: &Reading) -> Result<Arc<dyn ScanSource>> {
    let metadata = order.path.metadata().map_err(|error| {
        let path = order.path.as_os_str().as_bytes();
        Error::new(ErrorKind::Source, "cannot open the tree").with_path(path).with_source(error)
    })?;
    let files = Files::gated(Arc::new(Watch { archive: order.path.clone(), reading: reading.clone() }));
    if metadata.is_dir() {
        return Ok(Arc::new(DirectorySource::new(&order.path, OneFileSystem::Stay, files)?));
    }
    reading.total.store(metadata.len(), Ordering::Relaxed);
    let limit = order.limits.unpacked_from(metadata.len());
    Ok(Arc::new(TarSource::new(&files, &order.path, &order.spool)?.with_unpacked_limit(limit)))
}

/// A disk's format, for a plan that is not carried out.
fn some_format(registry: &Registry) -> Result<Arc<dyn TargetFormat>> {
    let none = || Error::new(ErrorKind::Unsupported, "the server has no formats");
    let id = match registry.find("raw") {
        Some(entry) => entry.info.id,
        None => registry.entries().first().ok_or_else(none)?.info.id,
    };
    registry.configure(id, false, &[])
}

/// Counts what is read of the archive, and stops reading when nobody wants it any more.
struct Watch {
    archive: PathBuf,
    reading: Reading,
}

impl Gate for Watch {
    fn admit(&self, op: &FileOp<'_>) -> io::Result<usize> {
        if self.reading.is_cancelled() {
            return Err(io::Error::other("cancelled"));
        }
        if let FileOp::ReadAt { path, offset, len } = op
            && is_same(path, &self.archive)
        {
            let end = offset.saturating_add(u64::try_from(*len).unwrap_or(0));
            self.reading.done.fetch_max(end, Ordering::Relaxed);
        }
        Ok(usize::MAX)
    }
}

fn is_same(path: &Path, archive: &Path) -> bool {
    path.as_os_str() == archive.as_os_str()
}

#[cfg(test)]
mod tests;
