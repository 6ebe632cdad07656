use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use diskwright::scan::{Entry, EntryObject, ScanSource, ScanSummary, ScanVisitor, SourceContent};
use diskwright::{Error, ErrorKind, ReadAt, Result};

use crate::settings::Limits;

/// A source that has no more than it may, and of which a few things are noted as they pass.
pub(super) struct Bounded {
    source: Arc<dyn ScanSource>,
    limits: Limits,
    noted: Mutex<Noted>,
}

/// What was noted of a whole scan.
#[derive(Clone, Debug, Default)]
pub(super) struct Noted {
    pub(super) entries: u64,
    /// Bytes of all files, holes left out.
    pub(super) content_bytes: u64,
    /// The machine report that stands in the archive.
    pub(super) machine_report: Option<Vec<u8>>,
    files: HashMap<&'static str, (SourceContent, u64)>,
    /// Where `/etc/localtime` leads.
    pub(super) local_time: Option<Vec<u8>>,
}

impl Bounded {
    pub(super) fn new(source: Arc<dyn ScanSource>, limits: Limits) -> Self {
        Self { source, limits, noted: Mutex::default() }
    }

    /// What the last scan that came to its end found.
    pub(super) fn noted(&self) -> Noted {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Noted> {
        // It is only ever replaced whole.
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, noted: &mut Noted, entry: &Entry) -> Result<()> {
        noted.entries += 1;
        if noted.entries > self.limits.entries {
            let text = format!("the tree has more than {} entries", self.limits.entries);
            return Err(Error::new(ErrorKind::LimitExceeded, text).with_path(&entry.path));
        }
        match &entry.object {
            EntryObject::File { content, size, data } => {
                let bytes = match data {
                    Some(ranges) => ranges.iter().fold(0, |sum: u64, range| sum.saturating_add(range.len)),
                    None => *size,
                };
                noted.content_bytes = noted.content_bytes.saturating_add(bytes);
                if noted.content_bytes > self.limits.unpacked {
                    let text = format!("the files have more than {} bytes together", self.limits.unpacked);
                    return Err(Error::new(ErrorKind::LimitExceeded, text).with_path(&entry.path));
                }
                if let Some(name) = NOTED.iter().find(|name| is_path(&entry.path, name)) {
                    noted.files.insert(name, (*content, *size));
                }
            }
            EntryObject::Symlink(target) if is_path(&entry.path, "etc/localtime") => {
                noted.local_time = Some(target.clone());
            }
            _ => {}
        }
        Ok(())
    }
}

impl ScanSource for Bounded {
    fn scan(&self, visitor: &mut dyn ScanVisitor) -> Result<ScanSummary> {
        let mut noting = Noting { bounds: self, noted: Noted::default(), visitor };
        let summary = self.source.scan(&mut noting)?;
        let mut noted = noting.noted;
        noted.machine_report.clone_from(&summary.machine_report);
        *self.lock() = noted;
        Ok(summary)
    }

    fn open(&self, content: SourceContent) -> Result<Arc<dyn ReadAt>> {
        self.source.open(content)
    }
}

/// Notes entries on their way to a visitor.
struct Noting<'a> {
    bounds: &'a Bounded,
    noted: Noted,
    visitor: &'a mut dyn ScanVisitor,
}

impl ScanVisitor for Noting<'_> {
    fn entry(&mut self, entry: Entry) -> Result<()> {
        self.bounds.note(&mut self.noted, &entry)?;
        self.visitor.entry(entry)
    }

    fn check(&mut self) -> Result<()> {
        self.visitor.check()
    }
}

impl Noted {
    /// A small text file of the tree; `None` if it is not there or not small.
    pub(super) fn text(&self, source: &Bounded, name: &str) -> Result<Option<String>> {
        let bytes = self.bytes(source, name, MAX_TEXT)?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// dpkg's list of packages.
    pub(super) fn dpkg_status(&self, source: &Bounded) -> Result<Option<Vec<u8>>> {
        self.bytes(source, DPKG_STATUS, MAX_STATUS)
    }

    fn bytes(&self, source: &Bounded, name: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        let Some((content, size)) = self.files.get(name).filter(|(_, size)| *size <= limit) else {
            return Ok(None);
        };
        let mut bytes = vec![0; usize::try_from(*size).unwrap_or(0)];
        source.open(*content)?.read_exact_at(0, &mut bytes).map_err(|error| {
            Error::new(ErrorKind::Source, "cannot read a file of the tree").with_path(name).with_source(error)
        })?;
        Ok(Some(bytes))
    }
}

/// Whether `path`, as a scan writes it, is `name`.
fn is_path(path: &[u8], name: &str) -> bool {
    // Nearly all are told apart by their ends.
    path.ends_with(name.as_bytes())
        && path
            .split(|byte| *byte == b'/')
            .filter(|part| !part.is_empty() && *part != b".")
            .eq(name.as_bytes().split(|byte| *byte == b'/'))
}

const DPKG_STATUS: &str = "var/lib/dpkg/status";
/// Files whose content is looked at.
const NOTED: [&str; 5] =
    [DPKG_STATUS, "etc/os-release", "usr/lib/os-release", "etc/timezone", "etc/default/keyboard"];
const MAX_TEXT: u64 = 64 << 10;
const MAX_STATUS: u64 = 64 << 20;
