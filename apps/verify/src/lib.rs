#![doc = include_str!("../docs.md")]

mod bytes;
mod container;
mod disk;
mod escape;
mod expect;
mod ext4;
mod fat32;
mod finding;
mod guest;
mod lvm;
mod outputs;
mod partition;
mod report;
mod runs;
mod swap;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use diskwright_core::{Error, ErrorKind, Result};
use serde_json::{Value, json};

pub use disk::Disk;
pub use expect::{EntryLine, FileDigests, Scan, write_file_digests};
pub use finding::Finding;
pub use report::{
    BiosBootRecord, DiskRecord, EditRecord, FatFileRecord, FileSystemRecord, ImageReport,
    LogicalVolumeRecord, MachineRecord, OutputRecord, PartitionRecord, PhysicalVolumeRecord, SegmentRecord,
    VolumeGroupRecord,
};

use container::{Disks, Made};
use expect::{Listing, ScanListing};
use finding::Findings;
use guest::Guest;

/// Whether an output's own digests are checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OwnDigests {
    /// The digests of each file that the report lists are checked, too.
    #[default]
    Check,
    /// What is wrong must be found by structure or by comparison.
    Skip,
}

/// What images are checked against. Made once, it serves any number of them.
pub struct Verifier {
    report: ImageReport,
    own_digests: OwnDigests,
    scan: Option<ScanListing>,
    digests: Option<FileDigests>,
}

/// What was found in one image.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// In the order of looking. Of more than 500 the rest is only counted.
    pub findings: Vec<Finding>,
    /// How many were left out.
    pub unlisted: u64,
}

impl Verifier {
    /// A verifier by what images say of themselves and the report of them.
    pub fn new(report: ImageReport) -> Self {
        Self { report, own_digests: OwnDigests::default(), scan: None, digests: None }
    }

    /// Sets whether an output's own digests are checked.
    pub fn with_own_digests(mut self, own_digests: OwnDigests) -> Self {
        self.own_digests = own_digests;
        self
    }

    /// Compares with the scan, too: every entry's attributes, and every file's content.
    ///
    /// Cost: scans at once, and keeps 160 bytes an entry.
    ///
    /// # Errors
    /// `ErrorKind::Source` when the scan cannot be read, or the report's edits do not fit it.
    pub fn with_scan(mut self, scan: &Scan) -> Result<Self> {
        scan.check()?;
        self.scan = Some(ScanListing::new(scan, &self.report)?);
        Ok(self)
    }

    /// Compares with a list of digests, too.
    pub fn with_digests(mut self, digests: FileDigests) -> Self {
        self.digests = Some(digests);
        self
    }

    /// The report.
    pub fn report(&self) -> &ImageReport {
        &self.report
    }

    /// Checks the image in a file, and those beside it that it names; of several disks, each in a file of its own, the one in
    /// this file, with the volume groups that begin on it.
    ///
    /// # Errors
    /// `ErrorKind::Source` when a file, the scan or the list cannot be read, or the image is cut off;
    /// `ErrorKind::Unsupported` for what is no image that Diskwright writes. What is wrong with the image is in the outcome,
    /// never an error.
    pub fn verify(&self, path: &Path) -> Result<Outcome> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut findings = Findings::new(&name);
        let located = |error: Error| match error.path() {
            None => error.with_path(path.as_os_str().as_encoded_bytes()),
            Some(_) => error,
        };
        if self.own_digests == OwnDigests::Check {
            outputs::check(&self.report, path, &mut findings).map_err(located)?;
        }
        let made = Made::new(&self.report, &name);
        let mut disks = container::open(path, &made, &mut findings).map_err(located)?;
        let own: Vec<usize> = disks.keys().copied().collect();
        for number in &own {
            findings.place(*number, &name, (own.len() > 1).then_some(number.saturating_add(1)));
        }
        self.open_partners(path, &made, &mut disks, &mut findings)?;
        for number in &own {
            findings.go_to(*number);
            self.check_disk(&disks, *number, &mut findings).map_err(located)?;
        }
        Ok(Outcome::of(findings))
    }

    /// Opens the disks, in files beside that of a bare disk, on which volume groups of the disk go on. What is wrong with their
    /// containers is found when they are verified.
    fn open_partners(
        &self,
        path: &Path,
        made: &Made<'_>,
        disks: &mut Disks,
        findings: &mut Findings,
    ) -> Result<()> {
        let listed = disks.keys().filter_map(|number| self.report.disks.get(*number));
        let groups = listed.flat_map(|record| &record.volume_groups);
        let wanted: BTreeSet<usize> =
            groups.flat_map(|group| lvm::disks_of(group, &self.report.disks)).collect();
        for number in wanted {
            let Some(name) = made.partner(number).filter(|_| !disks.contains_key(&number)) else { continue };
            let (path, partner) = (path.with_file_name(name), Made::new(&self.report, name));
            let opened = container::open(&path, &partner, &mut Findings::new(name));
            let opened = opened.map_err(|error| match error.path() {
                None => error.with_path(path.as_os_str().as_encoded_bytes()),
                Some(_) => error,
            })?;
            disks.extend(opened.into_iter().filter(|(opened, _)| *opened == number));
            findings.place(number, name, None);
        }
        Ok(())
    }

    /// Opens the disk in an image file, of a machine's or package's disks the first, with what is wrong with the container
    /// around it; what the disk holds is not looked at.
    ///
    /// # Errors
    /// As [`Verifier::verify`].
    pub fn open(&self, path: &Path) -> Result<(Arc<dyn Disk>, Outcome)> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut findings = Findings::new(&name);
        let disks = container::open(path, &Made::new(&self.report, &name), &mut findings)?;
        let first = disks.into_values().next();
        let disk = first.ok_or_else(|| Error::new(ErrorKind::Source, "the image has no disk"))?;
        Ok((disk, Outcome::of(findings)))
    }

    /// Checks a disk that is at hand, as the only one of the report; `name` stands in the findings.
    ///
    /// # Errors
    /// As [`Verifier::verify`]; `ErrorKind::Unsupported` when the report has several disks.
    pub fn verify_disk(&self, name: &str, disk: &dyn Disk) -> Result<Outcome> {
        let [_] = &self.report.disks[..] else {
            let text = format!("the report has {} disks, this is one", self.report.disks.len());
            return Err(Error::new(ErrorKind::Unsupported, text).with_field("disks"));
        };
        let mut findings = Findings::new(name);
        self.guest().check(&BTreeMap::from([(0, disk)]), 0, &mut findings)?;
        Ok(Outcome::of(findings))
    }

    fn check_disk(&self, disks: &Disks, number: usize, findings: &mut Findings) -> Result<()> {
        let disks = disks.iter().map(|(number, disk)| (*number, disk.as_ref())).collect();
        self.guest().check(&disks, number, findings)
    }

    fn guest(&self) -> Guest<'_> {
        let scan = self.scan.as_ref().map(|scan| scan as &dyn Listing);
        let digests = self.digests.as_ref().map(|digests| digests as &dyn Listing);
        Guest { report: &self.report, listings: scan.into_iter().chain(digests).collect() }
    }
}

impl Outcome {
    fn of(findings: Findings) -> Self {
        let (findings, unlisted) = findings.into_parts();
        Self { findings, unlisted }
    }

    /// Whether nothing was found.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// The outcome as an object of a `diskwright-verify/1` document.
    pub fn to_json(&self) -> Value {
        json!({
            "findings": self.findings.iter().map(Finding::to_json).collect::<Vec<_>>(),
            "unlisted": self.unlisted,
        })
    }
}
