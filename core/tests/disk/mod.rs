//! Trees in memory, disks in temporary files, and tools run on them.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]

pub mod fat;

use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use diskwright_core::layout::{DiskLayout, LayoutBuilder};
use diskwright_core::scan::{Entry, ScanSource, ScanSummary, ScanVisitor, SourceContent};
use diskwright_core::tree::{FileTree, Findings, TreeBuilder, Whiteouts};
use diskwright_core::{BytesReader, Error, ErrorKind, ReadAt, Result};

/// A scan that is in memory: contents are numbered by their place.
pub struct MemorySource {
    pub entries: Vec<Entry>,
    pub contents: Vec<Arc<[u8]>>,
}

impl ScanSource for MemorySource {
    fn scan(&self, visitor: &mut dyn ScanVisitor) -> Result<ScanSummary> {
        self.entries.iter().cloned().try_for_each(|entry| visitor.entry(entry))?;
        Ok(ScanSummary::default())
    }

    fn open(&self, content: SourceContent) -> Result<Arc<dyn ReadAt>> {
        let bytes = self.contents.get(content.0 as usize);
        let bytes = bytes.ok_or_else(|| Error::new(ErrorKind::Source, "no such content"))?;
        Ok(Arc::new(BytesReader(Arc::clone(bytes))))
    }
}

/// The tree of a scan.
pub fn tree_of(source: MemorySource) -> Arc<FileTree> {
    let mut builder = TreeBuilder::new(Findings::default());
    builder.add_source(Arc::new(source), Whiteouts::Plain).unwrap();
    Arc::new(builder.finish().unwrap().0)
}

/// A tree without files.
pub fn empty_tree() -> Arc<FileTree> {
    tree_of(MemorySource { entries: Vec::new(), contents: Vec::new() })
}

/// A disk in a temporary file.
pub struct Image {
    folder: tempfile::TempDir,
    pub path: PathBuf,
}

impl Image {
    /// Writes what is not zero.
    pub fn new(disk: &DiskLayout) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk.img");
        let file = std::fs::File::create_new(&path).unwrap();
        file.set_len(disk.size()).unwrap();
        let mut reader = disk.reader();
        let mut buf = vec![0; 1 << 20];
        for region in disk.regions().filter(|region| !region.is_zero) {
            let end = region.start + region.len;
            let mut at = region.start;
            while at < end {
                let len = buf.len().min((end - at) as usize);
                reader.read_exact_at(at, &mut buf[..len]).unwrap();
                file.write_all_at(&buf[..len], at).unwrap();
                at += len as u64;
            }
        }
        Self { folder, path }
    }

    /// A disk with one thing on it.
    pub fn of(tree: Arc<FileTree>, size: u64, append: impl FnOnce(&mut LayoutBuilder) -> Result<()>) -> Self {
        let mut builder = LayoutBuilder::new(tree);
        append(&mut builder).unwrap();
        assert_eq!(builder.position(), size);
        Self::new(&builder.finish(size).unwrap())
    }

    /// Turns bits of one byte over.
    pub fn damage(&self, offset: u64) {
        let file = std::fs::File::options().read(true).write(true).open(&self.path).unwrap();
        let mut byte = [0];
        file.read_exact_at(&mut byte, offset).unwrap();
        file.write_all_at(&[byte[0] ^ 0x0f], offset).unwrap();
    }

    /// A folder beside it for what tools write.
    pub fn folder(&self, name: &str) -> PathBuf {
        let folder = self.folder.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        folder
    }
}

/// Runs a tool, which must succeed; its standard output.
pub fn run(tool: &Path, arguments: &[&str]) -> String {
    let output = run_unchecked(tool, arguments);
    let shown = format!("{tool:?} {arguments:?}: {output:?}");
    assert!(output.status.success(), "{shown}");
    assert!(output.stderr.is_empty(), "{shown}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a tool in a fixed locale and time zone.
pub fn run_unchecked(tool: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(tool);
    command.args(arguments).env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
    command.output().unwrap()
}
