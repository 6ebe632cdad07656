use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use diskwright_core::tree::{EntryRecord, FileTree, InodeId, NodeId, Object};
use diskwright_core::{Error, ErrorKind, Monitor, Result};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::line::path_of;
use super::{Content, Entries, EntryLine, Listing, Mount, TreePath, relative};
use crate::bytes::{len, len64};
use crate::disk::PIECE;

/// A list of the digests of a guest's files (`diskwright-files/1`), by which images are checked without the scan.
///
/// The list is read from its file again for each file system, a line at a time.
#[derive(Clone, Debug)]
pub struct FileDigests {
    path: PathBuf,
}

impl FileDigests {
    /// The list in a file.
    ///
    /// # Errors
    /// `ErrorKind::Source` when the file cannot be read or is no such list.
    pub fn open(path: &Path) -> Result<Self> {
        let list = Self { path: path.to_owned() };
        list.lines()?;
        Ok(list)
    }

    /// The lines after the first, which is checked.
    fn lines(&self) -> Result<Lines> {
        let file = File::open(&self.path).map_err(|error| self.error("cannot be read").with_source(error))?;
        let mut lines = Lines { list: self.clone(), reader: BufReader::new(file), number: 0, last: None };
        let head = lines.next_line()?.unwrap_or_default();
        let schema = serde_json::from_slice::<serde_json::Value>(&head).ok();
        if schema.as_ref().and_then(|head| head.get("schema")).and_then(|schema| schema.as_str())
            != Some(SCHEMA)
        {
            return Err(self.error("does not begin with a line of the schema diskwright-files/1"));
        }
        Ok(lines)
    }

    fn error(&self, text: &str) -> Error {
        let text = format!("the list of digests {text}");
        Error::new(ErrorKind::Source, text).with_path(self.path.as_os_str().as_encoded_bytes())
    }
}

/// Reads entries in their order.
struct Lines {
    list: FileDigests,
    reader: BufReader<File>,
    number: u64,
    last: Option<TreePath>,
}

impl Lines {
    /// The next line, which is bounded; `None` at the end.
    fn next_line(&mut self) -> Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        self.number = self.number.saturating_add(1);
        let mut bounded = (&mut self.reader).take(MAX_LINE);
        let read = bounded.read_until(b'\n', &mut line);
        let length = read.map_err(|error| self.list.error("cannot be read").with_source(error))?;
        if length == 0 {
            return Ok(None);
        }
        if line.last() != Some(&b'\n') {
            return Err(self.list.error(&format!("is cut off, or too long, in line {}", self.number)));
        }
        Ok(Some(line))
    }

    fn next_entry(&mut self) -> Result<Option<EntryLine>> {
        let Some(line) = self.next_line()? else { return Ok(None) };
        let bad = |text: &str| self.list.error(&format!("{text} in line {}", self.number));
        let entry: EntryLine =
            serde_json::from_slice(&line).map_err(|error| bad("has no entry").with_source(error))?;
        let path = TreePath(entry.tree_path()?);
        if self.last.as_ref().is_some_and(|last| *last >= path) {
            return Err(bad("is not in the order of a tree"));
        }
        self.last = Some(path);
        Ok(Some(entry))
    }
}

impl Listing for FileDigests {
    fn resolve(&self, mount_point: &str) -> Vec<u8> {
        relative(mount_point.as_bytes())
    }

    fn entries<'a>(&'a self, mount: &'a Mount) -> Result<Entries<'a>> {
        let mut lines = self.lines()?;
        // By path of an inode's first name.
        let mut identities: HashMap<Vec<u8>, u64> = HashMap::new();
        let mut next = move || -> Result<Option<super::Expected>> {
            while let Some(line) = lines.next_entry()? {
                let mut expected = line.expected()?;
                let first = match &line.hard_link {
                    Some(first) => path_of(first)?,
                    None => expected.path.0.clone(),
                };
                if line.hard_link.is_some() {
                    let fresh = len64(identities.len());
                    expected.identity = Some(*identities.entry(first).or_insert(fresh));
                }
                if mount.holds(&expected.path) {
                    return Ok(Some(expected));
                }
            }
            Ok(None)
        };
        let mut has_failed = false;
        Ok(Box::new(std::iter::from_fn(move || {
            if has_failed {
                return None;
            }
            let entry = next().transpose();
            has_failed = matches!(entry, Some(Err(_)));
            entry
        })))
    }

    fn contents(&self, paths: &BTreeSet<Vec<u8>>) -> Result<BTreeMap<Vec<u8>, Content>> {
        let mut contents = BTreeMap::new();
        let mut lines = self.lines()?;
        while let Some(line) = lines.next_entry()? {
            let path = line.tree_path()?;
            if paths.contains(&path) {
                contents.insert(path, line.expected()?.content);
            }
        }
        Ok(contents)
    }
}

/// Writes the list of a tree: every entry with everything that an image shows of it, files with their SHA-256.
///
/// Cost: reads every file once; 16 bytes an inode of several names.
///
/// # Errors
/// `ErrorKind::Source` when a file cannot be read, `ErrorKind::Sink` when the list cannot be written,
/// `ErrorKind::Cancelled` soon after `monitor` is cancelled.
pub fn write_file_digests(tree: &FileTree, to: &mut dyn Write, monitor: &Monitor) -> Result<()> {
    let failed =
        |error| Error::new(ErrorKind::Sink, "the list of digests cannot be written").with_source(error);
    let mut put = |line: Vec<u8>| to.write_all(&line).and_then(|()| to.write_all(b"\n")).map_err(failed);
    put(json!({"schema": SCHEMA}).to_string().into_bytes())?;
    let mut first_names: HashMap<InodeId, NodeId> = HashMap::new();
    for node in tree.subtree(NodeId::ROOT) {
        monitor.check()?;
        let id = tree.inode_of(node);
        let inode = tree.inode(id);
        let mut record = EntryRecord::of(tree, node);
        if matches!(inode.object, Object::File { .. }) {
            record.sha256 = Some(content_digest(tree, id, monitor)?);
        }
        let is_shared = inode.links > 1 && inode.object != Object::Directory;
        if is_shared {
            let first = *first_names.entry(id).or_insert(node);
            record.hard_link = Some(EntryRecord::shown(&tree.path(first)));
        }
        let line = serde_json::to_vec(&record)
            .map_err(|error| Error::new(ErrorKind::Internal, "an entry is no JSON").with_source(error))?;
        put(line)?;
    }
    to.flush().map_err(failed)
}

fn content_digest(tree: &FileTree, inode: InodeId, monitor: &Monitor) -> Result<String> {
    let content = tree.open(inode)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; len(content.size()).min(PIECE)];
    let mut at = 0;
    while at < content.size() {
        monitor.check()?;
        let part = len(content.size() - at).min(PIECE);
        let Some(piece) = buffer.get_mut(..part) else { break };
        content.read_exact_at(at, piece).map_err(|error| {
            let error = Error::new(ErrorKind::Source, "cannot read the file's content").with_source(error);
            error.with_path(tree.path_of(inode)).with_offset(at)
        })?;
        hash.update(&*piece);
        at = at.saturating_add(len64(part));
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

const SCHEMA: &str = "diskwright-files/1";
/// Attributes of 64 KiB each, in digits, are long; more than this is no list.
const MAX_LINE: u64 = 64 << 20;
