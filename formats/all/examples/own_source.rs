//! A scan source of one's own: a tree that stands nowhere but in memory becomes a QCOW2 disk.
//!
//! `cargo run --example own_source -- OUTPUT-DIRECTORY`

use std::sync::Arc;

use diskwright::engine::{Engine, Order};
use diskwright::profile::{BootPolicy, Profile};
use diskwright::scan::{Attributes, Entry, EntryObject, ScanSource, ScanSummary, ScanVisitor, SourceContent};
use diskwright::sink::{DirectorySink, Overwrite};
use diskwright::{BytesReader, Error, ErrorKind, Files, Monitor, ReadAt, Seed, Timestamp};

/// Files and directories, whose paths need no order.
struct Tree {
    directories: Vec<&'static str>,
    files: Vec<(&'static str, Arc<[u8]>)>,
}

impl ScanSource for Tree {
    fn scan(&self, visitor: &mut dyn ScanVisitor) -> diskwright::Result<ScanSummary> {
        for path in &self.directories {
            visitor.entry(entry(path, 0o755, EntryObject::Directory))?;
        }
        for (number, (path, bytes)) in self.files.iter().enumerate() {
            // The number is all that the engine keeps of the content until it reads it.
            let content = SourceContent(number as u64);
            let object = EntryObject::File { content, size: bytes.len() as u64, data: None };
            visitor.entry(entry(path, 0o644, object))?;
        }
        Ok(ScanSummary::default())
    }

    fn open(&self, content: SourceContent) -> diskwright::Result<Arc<dyn ReadAt>> {
        let number = usize::try_from(content.0).ok();
        match number.and_then(|number| self.files.get(number)) {
            Some((_, bytes)) => Ok(Arc::new(BytesReader(Arc::clone(bytes)))),
            None => Err(Error::new(ErrorKind::Internal, "no file of this scan has this number")),
        }
    }
}

fn entry(path: &str, mode: u16, object: EntryObject) -> Entry {
    let attributes =
        Attributes { mode, mtime: Timestamp::from_seconds(1_700_000_000), ..Attributes::default() };
    Entry { path: path.as_bytes().to_vec(), object, attributes }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let output = std::env::args_os().nth(1).ok_or("usage: own_source OUTPUT-DIRECTORY")?;
    let tree = Tree {
        directories: vec!["", "etc", "srv"],
        files: vec![
            ("etc/hostname", b"from-memory\n".as_slice().into()),
            ("srv/numbers", (1..200_000_u32).flat_map(|number| number.to_le_bytes()).collect()),
        ],
    };
    let qcow2 = diskwright::builtin_registry()?.configure("qcow2", true, &[])?;
    let order = Order::new(
        Arc::new(tree),
        vec![qcow2],
        "memory",
        Seed::from_text("example"),
        Timestamp::from_seconds(1_700_000_000),
    )
    .with_profile(Profile { boot: Some(BootPolicy::None), ..Profile::default() });
    let sink = DirectorySink::create(Files::default(), output, Overwrite::Refuse)?;
    let report = Engine::new().run(&order, Box::new(sink), &Monitor::new())?;
    for output in &report.outputs {
        println!("{} {} bytes, digest {}", output.path, output.length, output.digest());
    }
    Ok(())
}
