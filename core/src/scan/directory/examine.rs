use std::collections::{HashMap, VecDeque};
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::FileType;

use super::ahead::Kept;
use super::host::{
    Access, DataMap, Handle, Host, MAX_RANGES, Scratch, Stat, is_own, is_pseudo, tells_holes_truly,
};
use super::names::Names;
use super::{Changes, DirectorySource, OneFileSystem};
use crate::scan::{Attributes, DataRange};
use crate::{Error, ErrorKind, Result};

/// What asks the host about entries, one after the other; several do so at once.
pub(super) struct Examiner<'a> {
    source: &'a DirectorySource,
    /// Whether a file system (by device) tells the truth about holes in what was written just now.
    truthful: HashMap<u64, bool>,
    /// Seconds since the epoch when the walk began.
    started: i64,
    pub(super) scratch: Scratch,
}

/// A name in an open directory.
#[derive(Clone, Copy)]
pub(super) struct Named<'a> {
    pub(super) directory: BorrowedFd<'a>,
    /// The device that the directory is on.
    pub(super) device: u64,
    /// The path of the entry on this host.
    pub(super) path: &'a [u8],
    /// Where the name starts in it.
    pub(super) start: usize,
}

/// What an entry was found to be.
pub(super) struct Examined {
    pub(super) stat: Stat,
    pub(super) found: Found,
}

impl Examined {
    /// Bytes of memory that it takes, about.
    pub(super) fn weight(&self) -> usize {
        let attributes = |attributes: &Attributes| {
            attributes.xattrs.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
        };
        let own = match &self.found {
            Found::Directory { .. } => 0,
            Found::MountPoint(found) => attributes(found),
            Found::Other(found, Other::File(Some(ranges))) => {
                attributes(found) + ranges.len() * size_of::<DataRange>()
            }
            Found::Other(found, Other::Symlink(target)) => attributes(found) + target.len(),
            Found::Other(found, _) => attributes(found),
        };
        size_of::<Self>() + own
    }
}

/// A directory that was entered: opened, and its names read.
pub(super) struct Entered {
    pub(super) stat: Stat,
    pub(super) attributes: Attributes,
    /// Closed where everything below is known already.
    pub(super) descriptor: Option<Arc<OwnedFd>>,
    pub(super) names: Arc<Names>,
    /// What its first names were found to be, of as many as were examined.
    pub(super) seen: VecDeque<Result<Seen>>,
    /// Counts the descriptor where a helper keeps it open.
    pub(super) kept: Option<Kept>,
}

/// What a name was found to be.
pub(super) enum Seen {
    /// Nobody has looked.
    Unseen,
    /// Not entered, if it is a directory.
    Examined(Examined),
    /// A directory, entered.
    Entered(Box<Entered>),
}

/// What there is to know of an entry beside its inode.
pub(super) enum Found {
    /// A directory of this tree, not opened yet.
    Directory {
        /// Whether something else is mounted there, which the walk goes into.
        is_mount_point: bool,
    },
    /// The place of another file system that is left out.
    MountPoint(Attributes),
    /// Anything else, with all that there is to know.
    Other(Attributes, Other),
}

/// What is neither a directory nor left out.
pub(super) enum Other {
    /// A regular file; `None` when all of it is data.
    File(Option<Vec<DataRange>>),
    /// A symbolic link and where it leads.
    Symlink(Vec<u8>),
    /// A device, FIFO or socket.
    Special,
}

impl<'a> Examiner<'a> {
    pub(super) fn new(source: &'a DirectorySource, started: i64) -> Self {
        Self { source, truthful: HashMap::new(), started, scratch: Scratch::new() }
    }

    /// Finds out everything of an entry but what is in it; a directory is not opened, for it may be long until it is entered.
    pub(super) fn examine(&mut self, named: Named<'_>) -> Result<Examined> {
        let (host, name) = (self.host(named), named.name());
        let stat = host.stat_at(named.directory, name);
        let stat = stat.map_err(|error| host.failed("cannot examine", error))?;
        let is_mount_point = stat.is_mount_point || stat.identity.device != named.device;
        let is_directory = stat.kind == FileType::Directory;
        let stays = self.source.one_file_system == OneFileSystem::Stay;
        // Of a directory that may be taken it is found out when it is entered.
        if is_mount_point && (stays || !is_directory) {
            let handle = self.open(named, &stat, Access::Name)?;
            if stays || !self.is_taken(named, &stat, &handle)? {
                let found = Found::MountPoint(self.attributes(named, &stat, &handle)?);
                return Ok(Examined { stat, found });
            }
        }
        let found = match is_directory {
            true => Found::Directory { is_mount_point },
            false => self.examine_open(named, &stat)?,
        };
        Ok(Examined { stat, found })
    }

    /// Opens the directory that was examined, to enter it; a pseudo file system that is mounted there is left out.
    pub(super) fn open_directory(
        &mut self,
        named: Named<'_>,
        stat: &Stat,
        is_mount_point: bool,
    ) -> Result<(Attributes, Option<OwnedFd>)> {
        if is_mount_point {
            let handle = self.open(named, stat, Access::Name)?;
            if !self.is_taken(named, stat, &handle)? {
                return Ok((self.attributes(named, stat, &handle)?, None));
            }
        }
        let handle = self.open(named, stat, Access::Directory)?;
        let attributes = self.attributes(named, stat, &handle)?;
        let (Handle::Open(descriptor) | Handle::Named(descriptor)) = handle;
        Ok((attributes, Some(descriptor)))
    }

    /// Whether the file system of a mount point that is open as `handle` is part of the tree, unless none is.
    fn is_taken(&self, named: Named<'_>, stat: &Stat, handle: &Handle) -> Result<bool> {
        let host = self.host(named);
        let magic = host.file_system(handle.descriptor());
        let magic = magic.map_err(|error| host.failed("cannot examine the file system", error))?;
        Ok(match self.source.one_file_system {
            OneFileSystem::Own => is_own(magic, stat.identity),
            OneFileSystem::Stay | OneFileSystem::Cross => !is_pseudo(magic),
        })
    }

    /// Enters the directory at `path` on this host, which was opened.
    pub(super) fn enter(
        &mut self,
        path: &[u8],
        stat: Stat,
        attributes: Attributes,
        descriptor: OwnedFd,
    ) -> Result<Entered> {
        let host = Host { files: &self.source.files, path: Path::new(OsStr::from_bytes(path)) };
        let mut names = Names::default();
        let mut fits = true;
        let below = path.get(self.source.base.len()..).unwrap_or(&[]);
        let mut add = |name: &[u8], is_directory| {
            if !self.source.excluded.matches(below, name) {
                fits &= names.push(name, is_directory);
            }
        };
        match host.entries(descriptor.as_fd(), &mut self.scratch, &mut add) {
            // It was removed after it was opened.
            Err(error)
                if self.source.changes == Changes::Follow && error.kind() == io::ErrorKind::NotFound => {}
            read => read.map_err(|error| host.failed("cannot read the directory", error))?,
        }
        if !fits {
            return Err(
                Error::new(ErrorKind::LimitExceeded, "the names in the directory pass 4 GiB").with_path(path)
            );
        }
        names.sort();
        let (descriptor, names) = (Some(Arc::new(descriptor)), Arc::new(names));
        Ok(Entered { stat, attributes, descriptor, names, seen: VecDeque::new(), kept: None })
    }

    pub(super) fn attributes(
        &mut self,
        named: Named<'_>,
        stat: &Stat,
        handle: &Handle,
    ) -> Result<Attributes> {
        let host = self.host(named);
        let attributes = host.attributes(stat, handle, &mut self.scratch);
        attributes.map_err(|error| host.failed("cannot read the attributes", error))
    }

    /// What there is to know of the regular file that is open as `handle`.
    pub(super) fn regular(
        &mut self,
        named: Named<'_>,
        stat: &Stat,
        handle: &Handle,
    ) -> Result<(Attributes, Option<Vec<DataRange>>)> {
        Ok((self.attributes(named, stat, handle)?, self.data(named, stat, handle)?))
    }

    /// What there is to know of anything but a directory.
    fn examine_open(&mut self, named: Named<'_>, stat: &Stat) -> Result<Found> {
        let is_file = stat.kind == FileType::RegularFile;
        let handle = self.open(named, stat, if is_file { Access::File } else { Access::Name })?;
        let attributes = self.attributes(named, stat, &handle)?;
        let other = match stat.kind {
            FileType::RegularFile => Other::File(self.data(named, stat, &handle)?),
            FileType::Symlink => {
                let host = self.host(named);
                let target = host.link_target(handle.descriptor());
                Other::Symlink(target.map_err(|error| host.failed("cannot read the link", error))?)
            }
            _ => Other::Special,
        };
        Ok(Found::Other(attributes, other))
    }

    /// Opens an entry, and makes sure that it is still what `stat` says.
    fn open(&self, named: Named<'_>, stat: &Stat, access: Access) -> Result<Handle> {
        let host = self.host(named);
        let descriptor = self.source.opener.open(&host, named.directory, named.name(), access);
        let descriptor = descriptor.map_err(|error| host.failed("cannot open", error))?;
        let opened = host.stat(descriptor.as_fd()).map_err(|error| host.failed("cannot examine", error))?;
        // A file that somebody writes to all the time is still the same file.
        let is_settled = self.source.changes == Changes::Follow
            || stat.kind != FileType::RegularFile
            || opened.stamp == stat.stamp;
        if !opened.is_same(stat) || !is_settled {
            return Err(host.error("the entry changed while it was scanned"));
        }
        Ok(match access {
            Access::Name => Handle::Named(descriptor),
            Access::File | Access::Directory => Handle::Open(descriptor),
        })
    }

    /// The data ranges of a regular file that has holes.
    fn data(&mut self, named: Named<'_>, stat: &Stat, handle: &Handle) -> Result<Option<Vec<DataRange>>> {
        let host = self.host(named);
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
        let follows = self.source.changes == Changes::Follow;
        let tries = if follows { MAX_MAPS } else { 1 };
        for _ in 0..tries {
            match host.data_ranges(file, size).map_err(failed)? {
                DataMap::Known(ranges) => return Ok(Some(ranges)),
                DataMap::TooLong if follows => return Ok(None),
                DataMap::TooLong => {
                    let text = format!("the file has more than {MAX_RANGES} separate data ranges");
                    return Err(host.error(&text));
                }
                DataMap::Changed => {}
            }
        }
        match follows {
            // All of it is read, with zeros where holes are.
            true => Ok(None),
            false => Err(host.error("the file's map of holes changed while it was read")),
        }
    }

    fn host<'b>(&self, named: Named<'b>) -> Host<'b>
    where
        'a: 'b,
    {
        Host { files: &self.source.files, path: Path::new(OsStr::from_bytes(named.path)) }
    }
}

impl<'a> Named<'a> {
    /// The name itself.
    pub(super) fn name(self) -> &'a [u8] {
        self.path.get(self.start..).unwrap_or(&[])
    }
}

/// Seconds after which even a file system that is late with its holes has them right.
const SETTLED_AFTER: i64 = 60;
/// How often the holes of a file are looked for that others change.
const MAX_MAPS: usize = 4;
