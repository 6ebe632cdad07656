use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::FileType;

use super::host::{Access, Handle, Host, Identity, Scratch, Stat, is_pseudo, tells_holes_truly};
use super::index::Place;
use super::{DirectorySource, EMPTY, OneFileSystem};
use crate::scan::{Attributes, DataRange, Entry, EntryObject, ScanVisitor};
use crate::tree::{Finding, Findings, Severity};
use crate::{Error, ErrorKind, Result};

/// One walk over a directory tree, depth first, without recursion.
pub(super) struct Walk<'a> {
    source: &'a DirectorySource,
    generation: u32,
    visitor: &'a mut dyn ScanVisitor,
    /// Host path of what is being looked at; open directories are prefixes of it.
    path: Vec<u8>,
    open: Vec<OpenDirectory>,
    /// The first name of every inode that has several.
    linked: HashMap<Identity, Place>,
    /// Whether a file system (by device) tells the truth about holes in what was written just now.
    truthful: HashMap<u64, bool>,
    /// Seconds since the epoch when the walk began.
    started: i64,
    scratch: Scratch,
    findings: Findings,
}

/// A directory whose entries are being visited.
struct OpenDirectory {
    /// Closed while the walk is many levels below.
    descriptor: Option<OwnedFd>,
    identity: Identity,
    /// Its number in the index.
    number: u32,
    /// Length of its path, with a slash at the end.
    path_len: usize,
    names: Names,
    next: usize,
}

/// The names in a directory, sorted by their bytes.
#[derive(Default)]
struct Names {
    text: Vec<u8>,
    /// Where each starts and ends in `text`.
    spans: Vec<(u32, u32)>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        source: &'a DirectorySource,
        generation: u32,
        visitor: &'a mut dyn ScanVisitor,
    ) -> Self {
        Self {
            source,
            generation,
            visitor,
            path: source.base.clone(),
            open: Vec::new(),
            linked: HashMap::new(),
            truthful: HashMap::new(),
            started: now(),
            scratch: Scratch::new(),
            findings: Findings::default(),
        }
    }

    /// Visits the root and everything below it, and says what there is to say: mount points left out, protection that an
    /// image cannot carry.
    pub(super) fn run(mut self) -> Result<Vec<Finding>> {
        self.enter_root()?;
        while let Some(directory) = self.open.last_mut() {
            self.path.truncate(directory.path_len);
            match directory.names.at(directory.next) {
                Some(name) => {
                    directory.next += 1;
                    self.path.extend_from_slice(name);
                    self.visit_name()?;
                }
                None => self.leave()?,
            }
        }
        Ok(self.findings.into_vec())
    }

    fn enter_root(&mut self) -> Result<()> {
        let host = Host { files: &self.source.files, path: Path::new(OsStr::from_bytes(&self.path)) };
        let root = host.open_same(self.source.root.as_fd());
        let root = root.map_err(|error| host.failed("cannot open the directory", error))?;
        let stat =
            host.stat(root.as_fd()).map_err(|error| host.failed("cannot examine the directory", error))?;
        let handle = Handle::Open(root);
        let attributes = self.attributes(&stat, &handle)?;
        self.visitor.entry(Entry { path: Vec::new(), object: EntryObject::Directory, attributes })?;
        self.enter(0, &stat, handle)
    }

    /// Visits the entry at `self.path`, the last component of which is a name in the innermost open directory.
    fn visit_name(&mut self) -> Result<()> {
        let Some(parent) = self.open.last() else { return Ok(()) };
        let (number, parent_device, start) = (parent.number, parent.identity.device, parent.path_len);
        let stat = {
            let (host, name) = (self.host(), self.path.get(start..).unwrap_or(&[]));
            let stat = self.directory().and_then(|directory| host.stat_at(directory, name));
            stat.map_err(|error| host.failed("cannot examine", error))?
        };
        let is_mount_point = stat.is_mount_point || stat.identity.device != parent_device;
        if is_mount_point && self.source.one_file_system == OneFileSystem::Stay {
            let handle = self.open_entry(&stat, Access::Name, start)?;
            return self.visit_mount_point(&stat, &handle);
        }
        let access = match stat.kind {
            FileType::RegularFile => Access::File,
            FileType::Directory if !is_mount_point => Access::Directory,
            _ => Access::Name,
        };
        let mut handle = self.open_entry(&stat, access, start)?;
        if is_mount_point && stat.kind == FileType::Directory {
            let host = self.host();
            let magic = host.file_system(handle.descriptor());
            if is_pseudo(magic.map_err(|error| host.failed("cannot examine the file system", error))?) {
                return self.visit_mount_point(&stat, &handle);
            }
            handle = self.open_entry(&stat, Access::Directory, start)?;
        }
        self.warn_of_protection(&stat)?;
        match stat.kind {
            FileType::Directory => self.visit_directory(number, start, &stat, handle),
            _ => self.visit_other(number, start, &stat, &handle),
        }
    }

    fn visit_directory(&mut self, parent: u32, start: usize, stat: &Stat, handle: Handle) -> Result<()> {
        let attributes = self.attributes(stat, &handle)?;
        self.emit(EntryObject::Directory, attributes)?;
        let number = {
            let mut index = self.source.write_index();
            let name = self.path.get(start..).unwrap_or(&[]);
            let place = index.push_name(self.generation, parent, name)?;
            index.push_directory(place)?
        };
        self.path.push(b'/');
        self.enter(number, stat, handle)
    }

    fn visit_other(&mut self, parent: u32, start: usize, stat: &Stat, handle: &Handle) -> Result<()> {
        if stat.names > 1
            && let Some(first) = self.linked.get(&stat.identity)
        {
            let target = self.source.read_index().path(*first);
            let attributes = self.attributes(stat, handle)?;
            return self.emit(EntryObject::HardLink(target), attributes);
        }
        let is_file = stat.kind == FileType::RegularFile;
        let mut content = None;
        if is_file || stat.names > 1 {
            let mut index = self.source.write_index();
            let name = self.path.get(start..).unwrap_or(&[]);
            let place = index.push_name(self.generation, parent, name)?;
            if is_file {
                content = Some(index.push_file(place, stat)?);
            }
            if stat.names > 1 {
                self.linked.insert(stat.identity, place);
            }
        }
        let object = match (stat.kind, content) {
            (FileType::RegularFile, Some(content)) => {
                let data = self.data(stat, handle)?;
                EntryObject::File { content, size: stat.stamp.size, data }
            }
            (FileType::Symlink, _) => {
                let host = self.host();
                let target = host.link_target(handle.descriptor());
                EntryObject::Symlink(target.map_err(|error| host.failed("cannot read the link", error))?)
            }
            (FileType::CharacterDevice, _) => EntryObject::CharDevice(stat.device),
            (FileType::BlockDevice, _) => EntryObject::BlockDevice(stat.device),
            (FileType::Fifo, _) => EntryObject::Fifo,
            (FileType::Socket, _) => EntryObject::Socket,
            _ => return Err(self.host().error("the entry is of no kind that Linux has")),
        };
        let attributes = self.attributes(stat, handle)?;
        self.emit(object, attributes)
    }

    /// What stays of a mount point when the file system mounted there is left out.
    fn visit_mount_point(&mut self, stat: &Stat, handle: &Handle) -> Result<()> {
        let attributes = self.attributes(stat, handle)?;
        let below = self.below().to_vec();
        if stat.kind == FileType::Directory {
            let text = "another file system is mounted here: it is left out and the directory stays empty";
            self.findings.record(Severity::Note, "mount-point", &below, text)?;
            return self.emit(EntryObject::Directory, attributes);
        }
        let text = "a file of another file system is mounted here: it is left out and the file stays empty";
        self.findings.record(Severity::Warning, "mount-point", &below, text)?;
        self.emit(EntryObject::File { content: EMPTY, size: 0, data: None }, attributes)
    }

    fn warn_of_protection(&mut self, stat: &Stat) -> Result<()> {
        if !stat.is_protected {
            return Ok(());
        }
        let text = "protected by fscrypt or fs-verity on this host; the image has it without";
        let below = self.below().to_vec();
        self.findings.record(Severity::Warning, "protection-lost", &below, text)
    }

    /// Opens the entry at `self.path`, named from `start` on, and makes sure that it is still what `stat` says.
    fn open_entry(&self, stat: &Stat, access: Access, start: usize) -> Result<Handle> {
        let (host, name) = (self.host(), self.path.get(start..).unwrap_or(&[]));
        let descriptor = self
            .directory()
            .and_then(|directory| self.source.opener.open(&host, directory, name, access))
            .map_err(|error| host.failed("cannot open", error))?;
        let opened = host.stat(descriptor.as_fd()).map_err(|error| host.failed("cannot examine", error))?;
        if !opened.is_same(stat) || (stat.kind == FileType::RegularFile && opened.stamp != stat.stamp) {
            return Err(host.error("the entry changed while it was scanned"));
        }
        Ok(match access {
            Access::Name => Handle::Named(descriptor),
            Access::File | Access::Directory => Handle::Open(descriptor),
        })
    }

    fn attributes(&mut self, stat: &Stat, handle: &Handle) -> Result<Attributes> {
        let path = Path::new(OsStr::from_bytes(&self.path));
        let host = Host { files: &self.source.files, path };
        host.attributes(stat, handle, &mut self.scratch)
            .map_err(|error| host.failed("cannot read the attributes", error))
    }

    /// The data ranges of a regular file that has holes.
    fn data(&mut self, stat: &Stat, handle: &Handle) -> Result<Option<Vec<DataRange>>> {
        let path = Path::new(OsStr::from_bytes(&self.path));
        let host = Host { files: &self.source.files, path };
        let failed = |error| host.failed("cannot find the holes", error);
        let (file, size) = (handle.descriptor(), stat.stamp.size);
        if size == 0 || host.first_hole(file, size).map_err(failed)?.is_none() {
            return Ok(None);
        }
        let device = stat.identity.device;
        let is_truthful = match self.truthful.get(&device) {
            Some(known) => *known,
            None => {
                let known = tells_holes_truly(host.file_system(file).map_err(failed)?);
                self.truthful.insert(device, known);
                known
            }
        };
        let changed = stat.stamp.mtime.seconds.max(stat.stamp.ctime.seconds);
        if !is_truthful && changed.saturating_add(SETTLED_AFTER) >= self.started {
            return Ok(None);
        }
        host.data_ranges(file, size).map(Some).map_err(failed)
    }

    fn enter(&mut self, number: u32, stat: &Stat, handle: Handle) -> Result<()> {
        let path = Path::new(OsStr::from_bytes(&self.path));
        let host = Host { files: &self.source.files, path };
        let mut names = Names::default();
        let mut fits = true;
        let mut add = |name: &[u8]| fits &= names.push(name);
        host.entries(handle.descriptor(), &mut self.scratch, &mut add)
            .map_err(|error| host.failed("cannot read the directory", error))?;
        if !fits {
            let text = "the names in the directory pass 4 GiB";
            return Err(Error::new(ErrorKind::LimitExceeded, text).with_path(&self.path));
        }
        names.sort();
        let (Handle::Open(descriptor) | Handle::Named(descriptor)) = handle;
        self.open.push(OpenDirectory {
            descriptor: Some(descriptor),
            identity: stat.identity,
            number,
            path_len: self.path.len(),
            names,
            next: 0,
        });
        // A deep tree must not need a descriptor for every level.
        let far = self.open.len().checked_sub(MAX_DESCRIPTORS + 1);
        if let Some(far) = far.and_then(|far| self.open.get_mut(far)) {
            far.descriptor = None;
        }
        Ok(())
    }

    /// Leaves the innermost directory; the one above is opened again, through `..`, if it was closed.
    fn leave(&mut self) -> Result<()> {
        let Some(left) = self.open.pop() else { return Ok(()) };
        let Some(parent) = self.open.last_mut() else { return Ok(()) };
        if parent.descriptor.is_some() {
            return Ok(());
        }
        self.path.truncate(parent.path_len);
        let host = Host { files: &self.source.files, path: Path::new(OsStr::from_bytes(&self.path)) };
        let failed = |error| host.failed("cannot return to the directory", error);
        let below = left.descriptor.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
        let descriptor = host.open_parent(below.as_fd()).map_err(failed)?;
        let stat = host.stat(descriptor.as_fd()).map_err(failed)?;
        if stat.identity != parent.identity {
            return Err(host.error("the directory was moved while it was scanned"));
        }
        parent.descriptor = Some(descriptor);
        Ok(())
    }

    fn emit(&mut self, object: EntryObject, attributes: Attributes) -> Result<()> {
        let path = self.below().to_vec();
        self.visitor.entry(Entry { path, object, attributes })
    }

    /// The path below the root of what is being looked at.
    fn below(&self) -> &[u8] {
        self.path.get(self.source.base.len()..).unwrap_or(&[])
    }

    fn host(&self) -> Host<'_> {
        Host { files: &self.source.files, path: Path::new(OsStr::from_bytes(&self.path)) }
    }

    /// The innermost open directory.
    fn directory(&self) -> io::Result<BorrowedFd<'_>> {
        let directory = self.open.last().and_then(|directory| directory.descriptor.as_ref());
        directory.map(AsFd::as_fd).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Names {
    /// Adds a name; `false` when there is no room for it.
    fn push(&mut self, name: &[u8]) -> bool {
        let start = u32::try_from(self.text.len());
        self.text.extend_from_slice(name);
        let end = u32::try_from(self.text.len());
        match (start, end) {
            (Ok(start), Ok(end)) => self.spans.push((start, end)),
            _ => return false,
        }
        true
    }

    fn sort(&mut self) {
        let Self { text, spans } = self;
        spans.sort_unstable_by(|a, b| name_in(text, *a).cmp(&name_in(text, *b)));
        // A directory that changes while it is read may give a name twice.
        spans.dedup_by(|a, b| name_in(text, *a) == name_in(text, *b));
        text.shrink_to_fit();
        spans.shrink_to_fit();
    }

    fn at(&self, number: usize) -> Option<&[u8]> {
        self.spans.get(number).and_then(|span| name_in(&self.text, *span))
    }
}

fn name_in(text: &[u8], (start, end): (u32, u32)) -> Option<&[u8]> {
    text.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
}

#[expect(
    clippy::disallowed_methods,
    reason = "decides only whether to trust a file system about fresh holes"
)]
fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.ok().and_then(|since| i64::try_from(since.as_secs()).ok()).unwrap_or(0)
}

/// Directories kept open above the one that is visited.
const MAX_DESCRIPTORS: usize = 64;
/// Seconds after which even a file system that is late with its holes has them right.
const SETTLED_AFTER: i64 = 60;
