use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::FileType;

use super::ahead::{Ahead, Helpers, Shared};
use super::examine::{Entered, Examined, Examiner, Found, Named, Other, Seen};
use super::host::{Handle, Host, Identity, Stat};
use super::index::Place;
use super::names::Names;
use super::{Changes, DirectorySource, EMPTY};
use crate::scan::{Attributes, Entry, EntryObject, ScanVisitor};
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
    examiner: Examiner<'a>,
    helpers: Helpers,
    findings: Findings,
}

/// A directory whose entries are being visited.
struct OpenDirectory {
    /// Closed while the walk is many levels below, and where everything in it is known.
    descriptor: Option<Arc<OwnedFd>>,
    /// Whether everything in it and below is known.
    is_whole: bool,
    identity: Identity,
    /// Its number in the index.
    number: u32,
    /// Length of its path, with a slash at the end.
    path_len: usize,
    names: Arc<Names>,
    next: usize,
    ahead: Ahead,
}

/// What the walk found at a name.
enum Looked {
    /// The place of another file system that is left out.
    MountPoint(Stat, Attributes),
    Directory(Box<Entered>),
    Other(Stat, Attributes, Other),
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        source: &'a DirectorySource,
        generation: u32,
        visitor: &'a mut dyn ScanVisitor,
        started: i64,
        helpers: Helpers,
    ) -> Self {
        Self {
            source,
            generation,
            visitor,
            path: source.base.clone(),
            open: Vec::new(),
            linked: HashMap::new(),
            examiner: Examiner::new(source, started),
            helpers,
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
        let named = Named {
            directory: handle.descriptor(),
            device: stat.identity.device,
            path: &self.path,
            start: self.path.len(),
        };
        let attributes = self.examiner.attributes(named, &stat, &handle)?;
        self.visitor.entry(Entry { path: Vec::new(), object: EntryObject::Directory, attributes })?;
        let (Handle::Open(root) | Handle::Named(root)) = handle;
        let entered = self.examiner.enter(&self.path, stat, Attributes::default(), root)?;
        self.begin(0, entered);
        Ok(())
    }

    /// Visits the entry at `self.path`, the last component of which is a name in the innermost open directory.
    fn visit_name(&mut self) -> Result<()> {
        let Self { open, helpers, visitor, path, .. } = self;
        let Some(parent) = open.last_mut() else { return Ok(()) };
        let (number, start) = (parent.number, parent.path_len);
        let ahead = parent.look_ahead(helpers, path.get(..start).unwrap_or(&[]), &mut || visitor.check());
        match self.look(ahead)? {
            None => self.visit_gone(),
            Some(Looked::MountPoint(stat, attributes)) => self.visit_mount_point(&stat, attributes),
            Some(Looked::Directory(entered)) => self.visit_directory(number, start, *entered),
            Some(Looked::Other(stat, attributes, other)) => {
                self.warn_of_protection(&stat)?;
                self.visit_other(number, start, &stat, (attributes, other))
            }
        }
    }

    /// Finds out what the entry at `self.path` is, of which `ahead` may know already, and enters it if it is a directory; `None`
    /// when it is gone by now. In a tree that others change it is looked at again when it was not the same for long enough.
    fn look(&mut self, ahead: Option<Result<Seen>>) -> Result<Option<Looked>> {
        let mut looked = self.look_once(ahead);
        if self.source.changes == Changes::Refuse {
            return looked.map(Some);
        }
        for _ in 0..MAX_LOOKS {
            match looked {
                Ok(looked) => return Ok(Some(looked)),
                Err(error) if error.kind() != ErrorKind::Source => return Err(error),
                Err(_) if self.is_gone()? => return Ok(None),
                Err(_) => looked = self.look_once(None),
            }
        }
        looked.map(Some)
    }

    fn look_once(&mut self, ahead: Option<Result<Seen>>) -> Result<Looked> {
        let Some(parent) = self.open.last() else {
            return Err(Error::new(ErrorKind::Internal, "no directory is open"));
        };
        let seen = match ahead {
            Some(seen) => seen?,
            None => Seen::Unseen,
        };
        let Examined { stat, found } = match seen {
            Seen::Unseen => self.examiner.examine(parent.named(&self.path)?)?,
            Seen::Examined(examined) => examined,
            Seen::Entered(entered) => return Ok(Looked::Directory(entered)),
        };
        Ok(match found {
            Found::MountPoint(attributes) => Looked::MountPoint(stat, attributes),
            Found::Directory { is_mount_point } => {
                let named = parent.named(&self.path)?;
                match self.examiner.open_directory(named, &stat, is_mount_point)? {
                    (attributes, None) => Looked::MountPoint(stat, attributes),
                    (attributes, Some(descriptor)) => {
                        let entered = self.examiner.enter(&self.path, stat, attributes, descriptor)?;
                        Looked::Directory(Box::new(entered))
                    }
                }
            }
            Found::Other(attributes, other) => Looked::Other(stat, attributes, other),
        })
    }

    /// Whether nothing has the name at `self.path` any more.
    fn is_gone(&self) -> Result<bool> {
        let Some(parent) = self.open.last() else { return Ok(false) };
        let named = parent.named(&self.path)?;
        let stat = self.host().stat_at(named.directory, named.name());
        Ok(stat.is_err_and(|error| error.kind() == io::ErrorKind::NotFound))
    }

    fn visit_gone(&mut self) -> Result<()> {
        let below = self.below().to_vec();
        self.findings.record(Severity::Warning, "vanished", &below, "it was gone before it was read")
    }

    fn visit_directory(&mut self, parent: u32, start: usize, mut entered: Entered) -> Result<()> {
        self.warn_of_protection(&entered.stat)?;
        self.emit(EntryObject::Directory, std::mem::take(&mut entered.attributes))?;
        let number = {
            let mut index = self.source.write_index();
            let name = self.path.get(start..).unwrap_or(&[]);
            let place = index.push_name(self.generation, parent, name)?;
            index.push_directory(place)?
        };
        self.path.push(b'/');
        self.begin(number, entered);
        Ok(())
    }

    fn visit_other(
        &mut self,
        parent: u32,
        start: usize,
        stat: &Stat,
        (attributes, other): (Attributes, Other),
    ) -> Result<()> {
        if stat.names > 1
            && let Some(first) = self.linked.get(&stat.identity)
        {
            let target = self.source.read_index().path(*first, &[]);
            return self.emit(EntryObject::HardLink(target), attributes);
        }
        let is_file = matches!(other, Other::File(_));
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
        let object = match (other, content, stat.kind) {
            (Other::File(data), Some(content), _) => {
                EntryObject::File { content, size: stat.stamp.size, data }
            }
            (Other::Symlink(target), _, _) => EntryObject::Symlink(target),
            (_, _, FileType::CharacterDevice) => EntryObject::CharDevice(stat.device),
            (_, _, FileType::BlockDevice) => EntryObject::BlockDevice(stat.device),
            (_, _, FileType::Fifo) => EntryObject::Fifo,
            (_, _, FileType::Socket) => EntryObject::Socket,
            _ => return Err(self.host().error("the entry is of no kind that Linux has")),
        };
        self.emit(object, attributes)
    }

    /// What stays of a mount point when the file system mounted there is left out.
    fn visit_mount_point(&mut self, stat: &Stat, attributes: Attributes) -> Result<()> {
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

    /// From here on it is the innermost directory.
    fn begin(&mut self, number: u32, entered: Entered) {
        let Entered { stat, descriptor, names, seen, .. } = entered;
        self.open.push(OpenDirectory {
            is_whole: descriptor.is_none(),
            descriptor,
            identity: stat.identity,
            number,
            path_len: self.path.len(),
            names,
            next: 0,
            ahead: Ahead::new(seen),
        });
        // A deep tree must not need a descriptor for every level.
        let far = self.open.len().checked_sub(MAX_DESCRIPTORS + 1);
        if let Some(far) = far.and_then(|far| self.open.get_mut(far)) {
            far.descriptor = None;
        }
    }

    /// Leaves the innermost directory; the one above is opened again, through `..`, if it was closed.
    fn leave(&mut self) -> Result<()> {
        let Some(left) = self.open.pop() else { return Ok(()) };
        let Some(parent) = self.open.last_mut() else { return Ok(()) };
        if parent.descriptor.is_some() || parent.is_whole {
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
        parent.descriptor = Some(Arc::new(descriptor));
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
}

impl OpenDirectory {
    /// The entry at `path`, a name in it.
    fn named<'b>(&'b self, path: &'b [u8]) -> Result<Named<'b>> {
        let closed = || Error::new(ErrorKind::Internal, "the directory is not open").with_path(path);
        let directory = self.descriptor.as_ref().ok_or_else(closed)?.as_fd();
        Ok(Named { directory, device: self.identity.device, path, start: self.path_len })
    }

    /// What the name that was taken last was found to be, if helpers have looked at it.
    fn look_ahead(
        &mut self,
        helpers: &mut Helpers,
        path: &[u8],
        check: &mut dyn FnMut() -> Result<()>,
    ) -> Option<Result<Seen>> {
        let number = self.next.checked_sub(1)?;
        let Some(descriptor) = &self.descriptor else { return self.ahead.known() };
        let directory = Shared { descriptor, device: self.identity.device, path, names: &self.names };
        helpers.see(&mut self.ahead, number, &directory, check)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "decides only whether to trust a file system about fresh holes"
)]
pub(super) fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.ok().and_then(|since| i64::try_from(since.as_secs()).ok()).unwrap_or(0)
}

/// How often a name is looked at that others are changing: each look takes less time than a file system's clock.
const MAX_LOOKS: usize = 16;
/// Directories kept open above the one that is visited.
const MAX_DESCRIPTORS: usize = 64;
