//! tar archives, indexed and never unpacked onto the host.
//!
//! ```text
//! file ─> Packing (magic) ─> Input (unpacked bytes) ─> Members (headers, extensions) ─> entries
//!    └──> Follower (ahead) ──┘                                   └> Index ─> Content (Medium: archive or spool)
//! ```

mod acl;
mod ahead;
mod content;
mod decode;
mod header;
mod input;
pub(crate) mod limits;
mod member;
mod pax;
mod sparse;
mod stream;

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use self::ahead::Ahead;
use self::content::{Content, Index, Medium, MediumKind};
use self::decode::{Decoder, Packing};
use self::input::{Input, read_failed};
use self::limits::MAX_REPORT;
use self::member::{Member, MemberObject, Members};
use self::stream::Stream;
use super::{Entry, EntryObject, ScanSource, ScanSummary, ScanVisitor, SourceContent};
use crate::error::EscapePath;
use crate::files::{ReadableFile, WritableFile};
use crate::profile::MachineReport;
use crate::tree::{Finding, Severity, components};
use crate::{Error, ErrorKind, FileOp, Files, ReadAt, Result};

/// A tar archive as a scan: V7, ustar, GNU or pax, plain or packed with gzip, zstd, xz or bzip2.
///
/// Its first [`ScanSource::scan`] reads the archive once, checks all of it and notes where the content of each file
/// stands; afterwards files can be opened, and those below `/boot` of an archive that is not packed before. A packed archive is unpacked a second time: as it is read, when its files come
/// in the order in which a tree is laid out (`tar --sort=name`), else into a private file without a name in the spool
/// directory; [`TarSource::spooled`] tells. What GNU tar, libarchive and Python read differently is
/// refused, and so is an archive that is cut anywhere or that changes while it is used.
///
/// The member `.diskwright/machine.json` is no part of the tree: see [`TarSource::machine_report`].
///
/// Memory: 16 bytes a file, 24 a range of a sparse file, for two threads 1.5 MiB during the scan; for a packed archive its window (at most 128 MiB) and, when it
/// is streamed, at most 16 MiB of what was unpacked last and 6 MiB of small files that guest edits are likely to read.
#[derive(Debug)]
pub struct TarSource {
    archive: Arc<Archive>,
    spool_directory: PathBuf,
    unpacked_limit: u64,
    threads: usize,
    scanned: OnceLock<Scanned>,
    /// Contents by their numbers, until the first scan is over.
    early: Mutex<Vec<(u64, Arc<Content>)>>,
}

/// The archive's file.
#[derive(Debug)]
struct Archive {
    files: Files,
    path: PathBuf,
    file: Arc<ReadableFile>,
    identity: Identity,
    packing: Packing,
}

/// What changes when a file is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// What the first scan found.
struct Scanned {
    index: Index,
    medium: Arc<Medium>,
    machine_report: Option<Vec<u8>>,
    ignored_keywords: Vec<String>,
}

impl TarSource {
    /// Opens the archive at `path`. A packed archive is spooled in `spool_directory` when that is needed.
    ///
    /// # Errors
    /// `ErrorKind::Source` when it cannot be read.
    pub fn new(files: &Files, path: &Path, spool_directory: &Path) -> Result<Self> {
        let failed = |error| {
            Error::new(ErrorKind::Source, "cannot open the archive")
                .with_path(path.as_os_str().as_bytes())
                .with_source(error)
        };
        let file = files.open(path).map_err(failed)?;
        let identity = Identity::of(files, path, &file).map_err(failed)?;
        let mut start = vec![0; usize::try_from(file.size().min(512)).unwrap_or(512)];
        file.read_exact_at(0, &mut start).map_err(failed)?;
        let packing = Packing::detect(&start);
        let (files, path, file) = (files.clone(), path.to_owned(), Arc::new(file));
        let archive = Arc::new(Archive { files, path, file, identity, packing });
        let spool_directory = spool_directory.to_owned();
        Ok(Self {
            archive,
            spool_directory,
            unpacked_limit: u64::MAX,
            threads: 1,
            scanned: OnceLock::new(),
            early: Mutex::default(),
        })
    }

    /// Has an archive refused that unpacks to more than `limit` bytes, headers and padding with it. Default: no limit.
    pub fn with_unpacked_limit(mut self, limit: u64) -> Self {
        self.unpacked_limit = limit;
        self
    }

    /// Lets `threads` read an archive that is not packed; one if not told, two at most. The entries do not depend on it.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// The bytes of the member `.diskwright/machine.json`; `None` before the first scan and for an archive without one.
    pub fn machine_report(&self) -> Option<&[u8]> {
        self.scanned.get()?.machine_report.as_deref()
    }

    /// Whether the archive was unpacked into a file; `false` before the first scan.
    pub fn spooled(&self) -> bool {
        self.scanned.get().is_some_and(|scanned| matches!(scanned.medium.kind, MediumKind::Spooled(_)))
    }

    /// Keywords of extended headers that no reader knows and that were passed over, each once.
    pub fn ignored_keywords(&self) -> &[String] {
        self.scanned.get().map_or(&[], |scanned| &scanned.ignored_keywords)
    }

    /// The entry of a member whose content, if it has any, is noted in the index.
    fn entry(&self, members: &mut Members<'_>, member: Member, index: &mut Index) -> Result<Entry> {
        let Member { path, object, attributes } = member;
        let object = match object {
            MemberObject::Directory => EntryObject::Directory,
            MemberObject::Symlink(target) => EntryObject::Symlink(target),
            MemberObject::HardLink(target) => EntryObject::HardLink(target),
            MemberObject::CharDevice(number) => EntryObject::CharDevice(number),
            MemberObject::BlockDevice(number) => EntryObject::BlockDevice(number),
            MemberObject::Fifo => EntryObject::Fifo,
            MemberObject::File(stored) => {
                let size = stored.map.as_ref().map_or(stored.len, |map| map.real_size);
                let data = stored.map.as_ref().map(|map| map.data_ranges());
                let len = stored.len;
                let content = index.push(stored);
                let content = content.ok_or_else(|| {
                    Error::new(ErrorKind::LimitExceeded, "more than 4294967295 files").with_path(&path)
                })?;
                if self.archive.packing == Packing::Plain {
                    self.note_early(&path, content, index);
                } else {
                    index.note_order(&path);
                    if data.is_none() && index.wants(&path, len) {
                        index.keep(content, members.read_content(len)?);
                    }
                }
                EntryObject::File { content: SourceContent(content), size, data }
            }
        };
        Ok(Entry { path, object, attributes })
    }

    /// What is below `/boot` of an archive that is not packed can be read before all of it was scanned.
    fn note_early(&self, path: &[u8], number: u64, index: &Index) {
        let mut early = self.early.lock().unwrap_or_else(PoisonError::into_inner);
        let is_below_boot = components(path).next() == Some(b"boot");
        if self.scanned.get().is_none() && is_below_boot && early.len() < MAX_EARLY {
            let medium = Medium { archive: Arc::clone(&self.archive), kind: MediumKind::Plain };
            early.extend(index.content(number, &Arc::new(medium)).map(|content| (number, Arc::new(content))));
        }
    }

    fn early(&self, number: u64) -> Option<Arc<Content>> {
        let early = self.early.lock().unwrap_or_else(PoisonError::into_inner);
        early.iter().find(|(noted, _)| *noted == number).map(|(_, content)| Arc::clone(content))
    }

    fn scan_members(&self, ahead: Option<Ahead>, visitor: &mut dyn ScanVisitor) -> Result<()> {
        let archive = &self.archive;
        let input = Input::new(&archive.path, Arc::clone(&archive.file), archive.packing, ahead)?
            .with_limit(self.unpacked_limit);
        let mut members = Members::new(input);
        let mut index = Index::default();
        let mut machine_report = None;
        while let Some(member) = members.next(visitor)? {
            match report_part(&member.path) {
                ReportPart::None => visitor.entry(self.entry(&mut members, member, &mut index)?)?,
                ReportPart::Directory if matches!(member.object, MemberObject::Directory) => {}
                ReportPart::Report => machine_report = Some(read_report(&mut members, &member)?),
                ReportPart::Directory => {
                    let text = "the place of the machine report is not a directory";
                    return Err(Error::new(ErrorKind::Source, text).with_path(&member.path));
                }
            }
        }
        // Gives the decoder's window back before another decoder takes one.
        let ignored = members.into_ignored();
        archive.check_unchanged().map_err(|error| read_failed(&archive.path, 0, error))?;
        if self.scanned.get().is_none() {
            let kind = match archive.packing {
                Packing::Plain => MediumKind::Plain,
                packing if index.is_in_order() => {
                    MediumKind::Streamed(Box::new(Stream::new(Arc::clone(&archive.file), packing)))
                }
                _ => MediumKind::Spooled(archive.spool(&self.spool_directory, visitor)?),
            };
            let medium = Arc::new(Medium { archive: Arc::clone(archive), kind });
            let ignored_keywords = ignored.iter().map(|keyword| keyword.escape_ascii().to_string()).collect();
            // A scan at the same time found the same.
            let _ = self.scanned.set(Scanned { index, medium, machine_report, ignored_keywords });
            self.early.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
        Ok(())
    }

    fn summary(&self) -> ScanSummary {
        let note = |code, text: String| {
            // The name alone: where the archive lies is no fact about the image.
            let name = self.archive.path.file_name().unwrap_or_default();
            let path = name.as_bytes().escape_ascii_path();
            Finding { severity: Severity::Note, code, path, text }
        };
        let mut findings = Vec::new();
        if self.spooled() {
            let text =
                "the packed archive is not in the order of the image and was unpacked into a private file";
            findings.push(note("archive-spooled", text.to_owned()));
        }
        for keyword in self.ignored_keywords() {
            findings.push(note(
                "archive-keyword",
                format!("extended header keyword {keyword} is known to no reader"),
            ));
        }
        ScanSummary { findings, machine_report: self.machine_report().map(<[u8]>::to_vec) }
    }
}

impl ScanSource for TarSource {
    fn scan(&self, visitor: &mut dyn ScanVisitor) -> Result<ScanSummary> {
        std::thread::scope(|scope| {
            let reads_ahead = self.threads > 1 && self.archive.packing == Packing::Plain;
            let ahead = reads_ahead.then(|| {
                let (ahead, follower) = Ahead::new();
                let follow = || follower.run(&self.archive.file);
                let thread = std::thread::Builder::new().name("diskwright".into());
                // Where the system has no more threads, nothing is read ahead.
                thread.spawn_scoped(scope, follow).ok().map(|_| ahead)
            });
            self.scan_members(ahead.flatten(), visitor)
        })?;
        Ok(self.summary())
    }

    fn open(&self, content: SourceContent) -> Result<Arc<dyn ReadAt>> {
        let unknown = || Error::new(ErrorKind::Internal, "no scan of this archive named this content");
        let Some(Scanned { index, medium, .. }) = self.scanned.get() else {
            return self.early(content.0).map(|early| early as Arc<dyn ReadAt>).ok_or_else(unknown);
        };
        if let Some(kept) = index.kept(content.0) {
            // What is read of the archive itself is checked after each read.
            let archive = &self.archive;
            archive.check_unchanged().map_err(|error| read_failed(&archive.path, 0, error))?;
            return Ok(Arc::new(kept));
        }
        let content = index.content(content.0, medium).ok_or_else(unknown)?;
        Ok(Arc::new(content))
    }
}

impl Archive {
    /// # Errors
    /// When the archive is no longer the file that was opened.
    fn check_unchanged(&self) -> io::Result<()> {
        match Identity::of(&self.files, &self.path, &self.file)? == self.identity {
            true => Ok(()),
            false => Err(io::Error::other("the archive changed while it was read")),
        }
    }

    /// Unpacks the archive into a private file.
    fn spool(&self, directory: &Path, visitor: &mut dyn ScanVisitor) -> Result<WritableFile> {
        let failed = |error: io::Error| {
            Error::new(ErrorKind::Sink, "cannot write the unpacked archive")
                .with_path(directory.as_os_str().as_bytes())
                .with_source(error)
        };
        let spool = self.files.create_unnamed(directory).map_err(failed)?;
        let mut position = 0;
        let unpack = |error| read_failed(&self.path, position, error);
        let Some(mut decoder) = Decoder::new(self.packing, Arc::clone(&self.file)).map_err(unpack)? else {
            return Ok(spool);
        };
        let mut buffer = vec![0; SPOOL_BUFFER];
        loop {
            let len = read_full(&mut decoder, &mut buffer)
                .map_err(|error| read_failed(&self.path, position, error))?;
            if len == 0 {
                break;
            }
            spool.write_all_at(position, &buffer[..len]).map_err(failed)?;
            position += len as u64;
            visitor.check()?;
        }
        self.check_unchanged().map_err(|error| read_failed(&self.path, position, error))?;
        Ok(spool)
    }
}

impl Identity {
    fn of(files: &Files, path: &Path, file: &ReadableFile) -> io::Result<Self> {
        files.admit(FileOp::Stat { path })?;
        let metadata = file.as_file().metadata()?;
        Ok(Self {
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

impl std::fmt::Debug for Scanned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scanned").field("ignored_keywords", &self.ignored_keywords).finish_non_exhaustive()
    }
}

/// What a path is to the machine report.
enum ReportPart {
    None,
    Directory,
    Report,
}

fn report_part(path: &[u8]) -> ReportPart {
    let is = |of_report: &[u8]| components(path).eq(components(of_report));
    if is(MachineReport::PATH) {
        ReportPart::Report
    } else if is(MachineReport::DIRECTORY) {
        ReportPart::Directory
    } else {
        ReportPart::None
    }
}

fn read_report(members: &mut Members<'_>, member: &Member) -> Result<Vec<u8>> {
    match &member.object {
        MemberObject::File(stored) if stored.map.is_none() && stored.len <= MAX_REPORT => {
            members.read_content(stored.len)
        }
        _ => {
            let text = format!("the machine report is not a plain file of at most {MAX_REPORT} bytes");
            Err(Error::new(ErrorKind::Source, text).with_path(&member.path))
        }
    }
}

/// Fills `buf` as far as the input goes.
fn read_full(input: &mut impl io::Read, buf: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while len < buf.len() {
        match input.read(&mut buf[len..]) {
            Ok(0) => break,
            Ok(read) => len += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(len)
}

const SPOOL_BUFFER: usize = 1 << 20;
/// Machines have two or three kernels, and as many initial RAM disks.
const MAX_EARLY: usize = 64;
