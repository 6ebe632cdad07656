use std::sync::Arc;

use super::Order;
use super::claim::Claim;
use crate::profile::MachineReport;
use crate::scan::{Entry, ScanSource, ScanSummary, ScanVisitor, SourceContent};
use crate::tree::{FileTree, Finding, Findings, TreeBuilder, Whiteouts};
use crate::{Error, ErrorKind, Monitor, ReadAt, Result};

/// The sources of an order, whose scans can be cancelled and are counted.
pub(super) struct Sources<'a> {
    pub(super) order: &'a Order,
    pub(super) monitor: &'a Monitor,
    pub(super) claim: &'a Claim,
}

/// All sources, put together.
pub(super) struct Scanned {
    pub(super) tree: FileTree,
    pub(super) findings: Vec<Finding>,
    /// The order's own, else the last one that came with a source.
    pub(super) machine: Option<MachineReport>,
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
        for (at, source) in order.scans.iter().enumerate() {
            let whiteouts = if at == 0 { Whiteouts::Plain } else { order.whiteouts };
            let summary = builder.add_source(self.watched(source), whiteouts)?;
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
        Ok(Scanned { tree, findings: told, machine })
    }

    /// The tree from which missing boot files are taken.
    pub(super) fn donor_tree(&self) -> Result<Option<FileTree>> {
        let Some(source) = &self.order.donor else { return Ok(None) };
        let mut builder = TreeBuilder::new(Findings::new(self.order.strictness));
        builder.add_source(self.watched(source), Whiteouts::Plain)?;
        Ok(Some(builder.finish()?.0))
    }

    fn watched(&self, source: &Arc<dyn ScanSource>) -> Arc<dyn ScanSource> {
        Arc::new(Watched {
            source: Arc::clone(source),
            monitor: self.monitor.clone(),
            claim: self.claim.clone(),
        })
    }
}

/// A source that stops scanning when the run is cancelled, and waits where memory is taken.
struct Watched {
    source: Arc<dyn ScanSource>,
    monitor: Monitor,
    claim: Claim,
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
        self.visitor.entry(entry)
    }

    fn check(&mut self) -> Result<()> {
        self.watched.monitor.check()
    }
}
