use std::error::Error;
use std::fs::{self, File, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use diskwright::scan::{
    DataRange, DirectorySource, Entry, EntryObject, OneFileSystem, ScanSource, ScanSummary, ScanVisitor,
    SourceContent, TarSource,
};
use diskwright::{Files, ReadAt, Result};

use crate::corpus::Corpus;

/// A corpus in a temporary directory: once as a directory and once as an archive, of which comes the same tree.
#[derive(Debug)]
pub struct Place {
    room: tempfile::TempDir,
}

/// Where a tree comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Files.
    Directory,
    /// A tar archive, not packed.
    Archive,
}

impl Origin {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Directory, Self::Archive];

    /// The name that benches show.
    pub fn name(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::Archive => "tar",
        }
    }
}

impl Place {
    /// Writes all files of `corpus`, which has no holes where an archive of it is to be read: those are filled in it.
    ///
    /// # Errors
    /// The file system's.
    pub fn new(corpus: Corpus) -> Result<Self, Box<dyn Error>> {
        let place = Self { room: tempfile::tempdir()? };
        let mut entries = Vec::new();
        corpus.scan(&mut |entry: Entry| {
            entries.push(entry);
            Ok(())
        })?;
        let root = place.directory();
        for entry in &entries {
            put(corpus, entry, &path_of(&root, entry))?;
        }
        let mut archive = tar::Builder::new(File::create(place.archive())?);
        for entry in entries.iter().filter(|entry| !entry.path.is_empty()) {
            pack(entry, &path_of(&root, entry), &mut archive)?;
        }
        archive.into_inner()?.sync_all()?;
        // Last, and children first: what is put into a directory sets its time.
        for entry in entries.iter().rev() {
            File::open(path_of(&root, entry))?.set_modified(SystemTime::UNIX_EPOCH)?;
        }
        Ok(place)
    }

    /// The tree, with all attributes of the corpus.
    ///
    /// # Errors
    /// As [`DirectorySource::new`] and [`TarSource::new`].
    pub fn source(&self, origin: Origin, files: Files) -> Result<Arc<dyn ScanSource>> {
        let source = open(origin, &self.directory(), &self.archive(), &files)?;
        Ok(Arc::new(Plain { source }))
    }

    /// The corpus as files.
    pub fn directory(&self) -> PathBuf {
        self.room.path().join("root")
    }

    fn archive(&self) -> PathBuf {
        self.room.path().join("root.tar")
    }
}

/// The source of a tree that stands at `directory`, and as an archive at `archive`.
pub(crate) fn open(
    origin: Origin,
    directory: &Path,
    archive: &Path,
    files: &Files,
) -> Result<Arc<dyn ScanSource>> {
    Ok(match origin {
        Origin::Directory => Arc::new(DirectorySource::new(directory, OneFileSystem::Stay, files.clone())?),
        Origin::Archive => Arc::new(TarSource::new(files, archive, &std::env::temp_dir())?),
    })
}

/// A tree without what the machine that it was written on adds: its user's ids and extended attributes.
struct Plain {
    source: Arc<dyn ScanSource>,
}

struct PlainVisitor<'a> {
    visitor: &'a mut dyn ScanVisitor,
}

impl ScanSource for Plain {
    fn scan(&self, visitor: &mut dyn ScanVisitor) -> Result<ScanSummary> {
        self.source.scan(&mut PlainVisitor { visitor })
    }

    fn open(&self, content: SourceContent) -> Result<Arc<dyn ReadAt>> {
        self.source.open(content)
    }
}

impl ScanVisitor for PlainVisitor<'_> {
    fn entry(&mut self, mut entry: Entry) -> Result<()> {
        (entry.attributes.uid, entry.attributes.gid) = (0, 0);
        entry.attributes.xattrs.clear();
        self.visitor.entry(entry)
    }

    fn check(&mut self) -> Result<()> {
        self.visitor.check()
    }
}

fn path_of(root: &Path, entry: &Entry) -> PathBuf {
    root.join(std::ffi::OsStr::from_bytes(&entry.path))
}

/// Writes one entry.
fn put(corpus: Corpus, entry: &Entry, path: &Path) -> Result<(), Box<dyn Error>> {
    match &entry.object {
        EntryObject::Directory => fs::create_dir_all(path)?,
        EntryObject::File { content, size, data } => {
            let (from, to) = (corpus.open(*content)?, File::create(path)?);
            to.set_len(*size)?;
            let all = [DataRange { offset: 0, len: *size }];
            for DataRange { offset, len } in data.as_deref().unwrap_or(&all) {
                let mut bytes = vec![0; usize::try_from(*len)?];
                from.read_exact_at(*offset, &mut bytes)?;
                to.write_all_at(&bytes, *offset)?;
            }
        }
        other => return Err(format!("a corpus has no {other:?}").into()),
    }
    fs::set_permissions(path, Permissions::from_mode(entry.attributes.mode.into()))?;
    Ok(())
}

/// Appends one entry.
fn pack(entry: &Entry, path: &Path, archive: &mut tar::Builder<File>) -> Result<(), Box<dyn Error>> {
    let mut header = tar::Header::new_ustar();
    header.set_mode(entry.attributes.mode.into());
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    let name = Path::new(std::ffi::OsStr::from_bytes(&entry.path));
    match &entry.object {
        EntryObject::File { size, .. } => {
            header.set_size(*size);
            header.set_entry_type(tar::EntryType::Regular);
            archive.append_data(&mut header, name, File::open(path)?)?;
        }
        _ => {
            header.set_size(0);
            header.set_entry_type(tar::EntryType::Directory);
            archive.append_data(&mut header, name, std::io::empty())?;
        }
    }
    Ok(())
}
