use std::sync::{Arc, Weak};

use super::Order;
use super::claim::Claim;
use crate::profile::MachineReport;
use crate::readiness::EarlyRamdisks;
use crate::scan::{Entry, ScanSource, ScanSummary, ScanVisitor, SourceContent};
use crate::tree::{FileTree, Finding, Findings, TreeBuilder, Whiteouts};
use crate::{Error, ErrorKind, Monitor, ReadAt, Result};

/// The sources of an order, whose scans can be cancelled and are counted.
pub(super) struct Sources<'a> {
    pub(super) order: &'a Order,
    pub(super) monitor: &'a Monitor,
    pub(super) claim: &'a Claim,
    /// How many may be at work for this order, the one that asks too.
    pub(super) threads: usize,
}

/// All sources, put together.
pub(super) struct Scanned {
    pub(super) tree: FileTree,
    pub(super) findings: Vec<Finding>,
    /// The order's own, else the last one that came with a source.
    pub(super) machine: Option<MachineReport>,
    /// Initial RAM disks that were met.
    pub(super) early: Arc<EarlyRamdisks>,
}

impl Sources<'_> {
    pub(super) fn scan(&self) -> Result<Scanned> {
        let order = self.order;
        if order.scans.is_empty() {
            let text = "an order has at least one scan";
            return Err(Error::new(ErrorKind::InvalidProfile, text).with_field("scan"));
        }
        let mut builder = TreeBuilder::new(Findings::new(order.strictness));
        let mut told = Vec::new();
        let mut machine = order.machine.clone();
        let early = Arc::new(EarlyRamdisks::new(self.monitor, self.threads > 1));
        for (at, source) in order.scans.iter().enumerate() {
            let whiteouts = if at == 0 { Whiteouts::Plain } else { order.whiteouts };
            let summary = builder.add_source(self.watched(source, Some((at, &early))), whiteouts)?;
            self.monitor.check()?;
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
        Ok(Scanned { tree, findings: told, machine, early })
    }

    /// The tree from which missing boot files are taken.
    pub(super) fn donor_tree(&self) -> Result<Option<FileTree>> {
        let Some(source) = &self.order.donor else { return Ok(None) };
        let mut builder = TreeBuilder::new(Findings::new(self.order.strictness));
        builder.add_source(self.watched(source, None), Whiteouts::Plain)?;
        Ok(Some(builder.finish()?.0))
    }

    fn watched(
        &self,
        source: &Arc<dyn ScanSource>,
        early: Option<(usize, &Arc<EarlyRamdisks>)>,
    ) -> Arc<dyn ScanSource> {
        Arc::new(Watched {
            source: Arc::clone(source),
            monitor: self.monitor.clone(),
            claim: self.claim.clone(),
            early: early.map(|(number, early)| (number, Arc::downgrade(early))),
        })
    }
}

/// A source that stops scanning when the run is cancelled, waits where memory is taken, and has initial RAM disks unpacked.
struct Watched {
    source: Arc<dyn ScanSource>,
    monitor: Monitor,
    claim: Claim,
    /// The source's number in the tree; the tree, which holds the source, outlives what is unpacked for its plan.
    early: Option<(usize, Weak<EarlyRamdisks>)>,
}

/// What a watched source shows its entries to.
struct WatchedVisitor<'a> {
    visitor: &'a mut dyn ScanVisitor,
    watched: &'a Watched,
}

impl ScanSource for Watched {
    fn scan(&self, visitor: &mut dyn ScanVisitor) -> Result<ScanSummary> {
        self.source.scan(&mut WatchedVisitor { visitor, watched: self })
    }

    fn open(&self, content: SourceContent) -> Result<Arc<dyn ReadAt>> {
        self.source.open(content)
    }
}

impl ScanVisitor for WatchedVisitor<'_> {
    fn entry(&mut self, entry: Entry) -> Result<()> {
        self.check()?;
        self.watched.claim.count_entry(&self.watched.monitor)?;
        if let Some((number, early)) =
            self.watched.early.as_ref().filter(|_| EarlyRamdisks::is_candidate(&entry))
            && let Some(early) = early.upgrade()
        {
            early.begin(*number, &self.watched.source, &entry);
        }
        self.visitor.entry(entry)
    }

    fn check(&mut self) -> Result<()> {
        self.watched.monitor.check()
    }
}
