//! Capturing a live machine: its tree and what its hardware is, as one archive that is a scan.
//!
//! ```text
//! DirectorySource (live) ─> entry ─> Member (pax headers) ─┐
//! Live ─> a file as it is now ─> read, again if it changed ─┼─> Packed ─> part file ─ sync, rename ─> archive
//! Host ─> MachineReport ─> .diskwright/machine.json ───────┘
//! ```

mod content;
mod host;
mod member;
mod packed;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use self::content::{Reading, copy};
use self::member::{Member, Object};
use self::packed::{Packed, Packing};
use crate::profile::{MachineCapture, MachineReport};
use crate::scan::archive_limits::{MAX_RECORDS, MAX_REPORT};
use crate::scan::{
    Attributes, DirectorySource, EMPTY, Entry, EntryObject, Excluded, Inode, Live, LiveFile, OneFileSystem,
    ScanSource, ScanVisitor,
};
use crate::sink::{Overwrite, PartFile};
use crate::tree::{Finding, Findings, Severity};
use crate::{Error, ErrorKind, Files, Monitor, Phase, Result, Timestamp};

/// Takes the tree of a running machine into one archive, with a report of the machine in it.
///
/// The archive is a pax tar, packed as its name says (`.tar`, `.tar.gz`, `.tar.zst`, `.tar.xz`), in the order in which a scan
/// is laid out, and [`crate::scan::TarSource`] reads all of it back: types, modes, owners, times with nanoseconds, extended
/// attributes, access lists, flags, hard links, device numbers, holes. What changes meanwhile is no error: see
/// [`Captured::findings`].
#[derive(Clone, Debug)]
pub struct Capture {
    root: PathBuf,
    one_file_system: OneFileSystem,
    excluded: Excluded,
    overwrite: Overwrite,
    threads: usize,
}

/// What a capture took.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Captured {
    /// Members of the archive that belong to the tree.
    pub entries: u64,
    /// Bytes of files, without their holes.
    pub content_bytes: u64,
    /// Bytes of the archive.
    pub archive_bytes: u64,
    /// What the archive says of the machine.
    pub machine: MachineReport,
    /// What is not as it was found: `changed` while it was read, `vanished` before, `socket` and `mount-point` left out,
    /// `long-path` too, `reserved` for a place that an archive needs for the machine report.
    pub findings: Vec<Finding>,
}

impl Capture {
    /// A capture of the tree below `root`, of the file systems with files of the machine itself ([`OneFileSystem::Own`]).
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            one_file_system: OneFileSystem::Own,
            excluded: Excluded::default(),
            overwrite: Overwrite::Refuse,
            threads: 1,
        }
    }

    /// What happens at mount points.
    #[must_use]
    pub fn with_one_file_system(mut self, one_file_system: OneFileSystem) -> Self {
        self.one_file_system = one_file_system;
        self
    }

    /// Paths that are left out.
    #[must_use]
    pub fn with_excluded(mut self, excluded: Excluded) -> Self {
        self.excluded = excluded;
        self
    }

    /// Whether an archive of the same name is replaced; if not told, it is refused before anything is read.
    #[must_use]
    pub fn with_overwrite(mut self, overwrite: Overwrite) -> Self {
        self.overwrite = overwrite;
        self
    }

    /// Threads that look at directories together; one if not told.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// Takes the tree into `archive`, which has its name when all of it is durable. Until then, and after an error or a
    /// cancellation, nothing has that name, or what is to be replaced has it; a new archive that has replaced another stays
    /// even if its directory cannot be made durable, which is an error.
    ///
    /// Memory: that of a scan, the path of each file with several names and of each link and device, 1 MiB of content,
    /// what is packed of it, and the packing's window (zstd 2 MiB, xz 4 MiB, several times over).
    ///
    /// # Errors
    /// `ErrorKind::InvalidOption` when the name says of no packing that is known; `ErrorKind::Source` when something cannot be
    /// read that is there; `ErrorKind::Sink` when the archive cannot be written or its name is taken;
    /// `ErrorKind::LimitExceeded` for attributes that no archive can hold; `ErrorKind::Cancelled`.
    pub fn run(&self, files: &Files, archive: &Path, monitor: &Monitor) -> Result<Captured> {
        let ended = self.take(files, archive, monitor);
        let _ = monitor.enter(if ended.is_ok() { Phase::Finished } else { Phase::Failed });
        ended
    }

    fn take(&self, files: &Files, archive: &Path, monitor: &Monitor) -> Result<Captured> {
        let packing = Packing::of_name(archive)?;
        monitor.enter(Phase::Scanning)?;
        let part = PartFile::create(files, archive, self.overwrite)?;
        let source = DirectorySource::new(&self.root, self.one_file_system, files.clone())?
            .with_threads(self.threads)
            .with_excluded(self.excluded.clone())
            .live();
        let expected = content_bytes(&source, monitor)?;
        monitor.expect(expected);
        let machine = host::machine(files, &self.root);
        monitor.enter(Phase::Writing)?;
        let mut writing = Writing {
            live: Live::new(&source),
            packed: Packed::new(part, packing)?,
            monitor,
            stored: HashMap::new(),
            buffer: vec![0; content::BUFFER],
            left: expected,
            findings: Findings::default(),
            capture: MachineCapture::default(),
            listed: 0,
            entries: 0,
            content_bytes: 0,
        };
        let summary = source.scan(&mut writing)?;
        // What was expected and is gone, or smaller.
        monitor.advance(std::mem::take(&mut writing.left));
        for finding in &summary.findings {
            writing.note(finding);
        }
        let mut machine = machine;
        machine.capture = Some(writing.capture.clone());
        writing.write_report(&mut machine)?;
        let Writing { packed, findings, entries, content_bytes, .. } = writing;
        let part = packed.finish()?;
        monitor.enter(Phase::Committing)?;
        let archive_bytes = part.publish()?;
        let mut all = summary.findings;
        all.extend(findings.into_vec());
        Ok(Captured { entries, content_bytes, archive_bytes, machine, findings: all })
    }
}

/// How many bytes there are to read, as things are now.
fn content_bytes(source: &DirectorySource, monitor: &Monitor) -> Result<u64> {
    struct Counting<'a>(u64, &'a Monitor);
    impl ScanVisitor for Counting<'_> {
        fn entry(&mut self, entry: Entry) -> Result<()> {
            if let EntryObject::File { size, data, .. } = entry.object {
                let data = data.map_or(size, |ranges| ranges.iter().map(|range| range.len).sum());
                self.0 = self.0.saturating_add(data);
            }
            self.1.check()
        }

        fn check(&mut self) -> Result<()> {
            self.1.check()
        }
    }
    let mut counting = Counting(0, monitor);
    source.scan(&mut counting)?;
    Ok(counting.0)
}

/// What an archive has under the first of several names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stored {
    /// A regular file, the content of this inode.
    File(Inode),
    /// Nothing: there was no file any more.
    Gone,
    /// A link, device or FIFO.
    Special,
    /// Nothing: it was left out, with this code for this reason.
    LeftOut(Severity, &'static str, &'static str),
}

/// An archive that is being written.
struct Writing<'a> {
    live: Live<'a>,
    packed: Packed,
    monitor: &'a Monitor,
    /// What was stored under each name that may have others.
    stored: HashMap<Vec<u8>, Stored>,
    buffer: Vec<u8>,
    /// Bytes that were expected and are not read yet.
    left: u64,
    findings: Findings,
    capture: MachineCapture,
    /// Bytes of the paths that `capture` lists.
    listed: usize,
    entries: u64,
    content_bytes: u64,
}

impl ScanVisitor for Writing<'_> {
    fn entry(&mut self, entry: Entry) -> Result<()> {
        self.monitor.check()?;
        let Entry { path, object, attributes } = entry;
        if path.split(|byte| *byte == b'/').next() == Some(MachineReport::DIRECTORY) {
            if path == MachineReport::DIRECTORY {
                self.record(Severity::Warning, "reserved", &path, RESERVED)?;
            }
            if !matches!(object, EntryObject::File { .. } | EntryObject::Directory) {
                self.stored.insert(path, Stored::LeftOut(Severity::Warning, "reserved", RESERVED));
            }
            return Ok(());
        }
        if path.len() > MAX_PATH {
            if !matches!(object, EntryObject::File { .. } | EntryObject::Directory) {
                self.stored.insert(path.clone(), Stored::LeftOut(Severity::Warning, "long-path", LONG_PATH));
            }
            return self.record(Severity::Warning, "long-path", &path, LONG_PATH);
        }
        let object = match &object {
            EntryObject::File { content: EMPTY, .. } => Object::File { stored: 0 },
            EntryObject::File { .. } => return self.file(&path),
            EntryObject::HardLink(first) => return self.hard_link(&path, first, &attributes),
            EntryObject::Socket => {
                self.record(Severity::Note, "socket", &path, SOCKET)?;
                self.stored.insert(path, Stored::LeftOut(Severity::Note, "socket", SOCKET));
                return Ok(());
            }
            EntryObject::Directory => Object::Directory,
            EntryObject::Symlink(target) => Object::Symlink(target),
            EntryObject::CharDevice(number) => Object::CharDevice(*number),
            EntryObject::BlockDevice(number) => Object::BlockDevice(*number),
            EntryObject::Fifo => Object::Fifo,
        };
        if !matches!(object, Object::File { .. } | Object::Directory) {
            self.stored.insert(path.clone(), Stored::Special);
        }
        self.member(&path, object, &attributes)
    }

    fn check(&mut self) -> Result<()> {
        self.monitor.check()
    }
}

impl Writing<'_> {
    /// Writes what has no content.
    fn member(&mut self, path: &[u8], object: Object<'_>, attributes: &Attributes) -> Result<()> {
        self.packed.write(&Member { path, object, attributes }.encode()?)?;
        self.entries += 1;
        Ok(())
    }

    /// Writes the regular file at `path` as it is now.
    fn file(&mut self, path: &[u8]) -> Result<()> {
        match self.live.open(path)? {
            Some(file) => self.file_of(path, file),
            None => self.gone(path),
        }
    }

    fn gone(&mut self, path: &[u8]) -> Result<()> {
        self.stored.insert(path.to_vec(), Stored::Gone);
        self.record(Severity::Warning, "vanished", path, "it was gone before it was read")
    }

    fn file_of(&mut self, path: &[u8], file: LiveFile) -> Result<()> {
        if self.packed.is_into(&file)? {
            return Ok(());
        }
        let Writing { live, packed, monitor, buffer, left, .. } = self;
        let reading = Reading { live, packed, monitor, buffer, left };
        let Some(copied) = copy(reading, path, file)? else { return self.gone(path) };
        if copied.names > 1 {
            // Of the reading that was stored: by then another file may have had the name.
            self.stored.insert(path.to_vec(), Stored::File(copied.inode));
        }
        self.entries += 1;
        self.content_bytes = self.content_bytes.saturating_add(copied.bytes);
        if copied.has_changed {
            let text = "it changed each time that it was read: it is stored as it was read last";
            self.record(Severity::Warning, "changed", path, text)?;
        }
        Ok(())
    }

    /// Writes one more name of what was found at `first`; a file of its own when something else was stored under that name.
    fn hard_link(&mut self, path: &[u8], first: &[u8], attributes: &Attributes) -> Result<()> {
        let stored = self.stored.get(first).copied();
        match (self.live.open(path)?, stored) {
            (Some(file), Some(Stored::File(inode)))
                if inode == file.inode() && path.len().saturating_add(first.len()) <= MAX_PATH => {}
            (Some(file), _) => return self.file_of(path, file),
            (None, Some(Stored::Special)) if path.len().saturating_add(first.len()) <= MAX_PATH => {}
            (None, Some(Stored::Special)) => {
                return self.record(Severity::Warning, "long-path", path, LONG_PATH);
            }
            (None, Some(Stored::LeftOut(severity, code, text))) => {
                return self.record(severity, code, path, text);
            }
            (None, _) => return self.gone(path),
        }
        self.member(path, Object::HardLink(first), attributes)
    }

    /// Writes the machine report, the last member.
    fn write_report(&mut self, machine: &mut MachineReport) -> Result<()> {
        let mut json = report_json(machine)?;
        if json.len() as u64 > MAX_REPORT {
            let text = "the host's disks and adapters fill more than 1 MiB, which no reader takes: they are not listed";
            self.findings.record(Severity::Warning, "machine-report", MachineReport::PATH, text)?;
            (machine.disks, machine.nics, machine.cmdline) = (Vec::new(), Vec::new(), None);
            json = report_json(machine)?;
        }
        let attributes =
            |mode| Attributes { mode, mtime: Timestamp::from_seconds(0), ..Attributes::default() };
        let directory = Member {
            path: MachineReport::DIRECTORY,
            object: Object::Directory,
            attributes: &attributes(0o700),
        };
        self.packed.write(&directory.encode()?)?;
        let object = Object::File { stored: json.len() as u64 };
        let file = Member { path: MachineReport::PATH, object, attributes: &attributes(0o600) };
        self.packed.write(&file.encode()?)?;
        self.packed.write(&json)?;
        self.packed.pad(json.len() as u64)
    }

    fn record(&mut self, severity: Severity, code: &'static str, path: &[u8], text: &str) -> Result<()> {
        self.findings.record(severity, code, path, text)?;
        let path = format!("/{}", path.escape_ascii());
        self.note(&Finding { severity, code, path, text: text.to_owned() });
        Ok(())
    }

    /// Has the machine report tell of a finding, too.
    fn note(&mut self, finding: &Finding) {
        let capture = &mut self.capture;
        let list = match finding.code {
            "changed" => &mut capture.changed,
            "vanished" => &mut capture.vanished,
            _ => &mut capture.left_out,
        };
        // As it stands in the report, where some bytes take six.
        let len = serde_json::to_string(&finding.path).map_or(usize::MAX, |text| text.len());
        let listed = self.listed.saturating_add(len);
        if list.len() < MAX_LISTED && listed <= MAX_LISTED_BYTES {
            list.push(finding.path.clone());
            self.listed = listed;
        } else {
            capture.unlisted += 1;
        }
    }
}

fn report_json(machine: &MachineReport) -> Result<Vec<u8>> {
    let mut json = serde_json::to_vec_pretty(machine).map_err(|error| {
        Error::new(ErrorKind::Internal, "the machine report cannot be written").with_source(error)
    })?;
    json.push(b'\n');
    Ok(json)
}

const RESERVED: &str = "this place in an archive is the machine report's: it is left out";
const SOCKET: &str = "a socket, which no archive holds: whoever listens makes it again";
const LONG_PATH: &str = "its path has more than 1 MiB, which no reader of archives takes: it is left out";
/// Bytes of a path, with that of another name of the same file, that leave room for all else in an extended header.
const MAX_PATH: usize = MAX_RECORDS as usize - 4096;
/// Paths of one kind that a machine report lists, and bytes of all of them.
const MAX_LISTED: usize = 50;
const MAX_LISTED_BYTES: usize = 256 << 10;
