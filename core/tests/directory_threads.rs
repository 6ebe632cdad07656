//! Several threads look at directories as one does.

mod support;

use std::path::Path;
use std::sync::Arc;

use diskwright_core::scan::{DirectorySource, Entry, OneFileSystem, ScanSource};
use diskwright_core::{ErrorKind, FileOp, Files, Gate, Result};
use rustix::fs::FileType;
use support::*;

#[test]
fn entries_their_order_and_their_contents_do_not_depend_on_the_threads() {
    let made = large();
    let expected = seen(&made, 1, Files::default()).0;
    assert_eq!(expected.len(), 1 + 3 + 5 * NAMES + 5 * SMALL);
    for threads in [2, 3, 8, 1000] {
        let source = source(&made, Files::default()).with_threads(threads);
        let mut found = Vec::new();
        source
            .scan(&mut |entry: Entry| {
                found.push(format!("{entry:?}"));
                Ok(())
            })
            .unwrap();
        assert!(found == expected, "{threads} threads see something else");
        assert_eq!(scan_and_read(&source, b"many/150-file").unwrap(), b"content of 150", "{threads}");
    }
}

#[test]
fn an_entry_that_fails_ends_the_scan_where_it_stands_for_any_number_of_threads() {
    struct Fails(&'static str);
    impl Gate for Fails {
        fn admit(&self, operation: &FileOp<'_>) -> std::io::Result<usize> {
            match operation {
                FileOp::Open { path } if path.ends_with(Path::new(self.0)) => {
                    Err(std::io::Error::other("broken"))
                }
                _ => Ok(usize::MAX),
            }
        }
    }
    let made = large();
    // Examined by the walk itself, by the first helper in its first turn and in a later one, and in a directory below.
    let names = [
        "many/001-file",
        "many/020-file",
        "many/150-link",
        "many/030-dir/inner-039",
        "small/003/below/file",
        "small/140/below/file",
    ];
    for name in names {
        let (entries, result) = seen(&made, 1, Files::gated(Arc::new(Fails(name))));
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Source);
        let path = String::from_utf8(error.path().unwrap().to_vec()).unwrap();
        assert!(path.ends_with(name), "{path} is not {name}");
        for threads in [2, 5] {
            let (found, again) = seen(&made, threads, Files::gated(Arc::new(Fails(name))));
            assert!(found == entries, "{threads} threads: others came before {name}");
            assert_eq!(again.unwrap_err().to_string(), error.to_string());
        }
    }
}

#[test]
fn a_scan_that_is_broken_off_ends_while_helpers_are_at_work() {
    let made = large();
    let source = source(&made, Files::default()).with_threads(4);
    let mut left = 30;
    let result = source.scan(&mut |_: Entry| {
        left -= 1;
        if left == 0 {
            return Err(diskwright_core::Error::new(ErrorKind::Cancelled, "enough"));
        }
        Ok(())
    });
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled);
}

/// A directory with hundreds of names of every kind, one of them a large directory, and one with as many small directories.
fn large() -> Directory {
    let made = Directory::new();
    made.dir("many");
    for number in 0..NAMES {
        let name = |kind: &str| format!("many/{number:03}-{kind}");
        made.file(name("file"), format!("content of {number}"));
        made.link(name("link"), format!("{number:03}-file").as_bytes()).hard_link(name("twin"), name("file"));
        made.dir(name("dir"));
        let sparse = std::fs::File::create(made.path(name("sparse"))).unwrap();
        sparse.set_len(1 << 20).unwrap();
    }
    // In the place of a few, so that the number of entries stays.
    for inner in 0..40 {
        std::fs::remove_file(made.path(format!("many/{inner:03}-twin"))).unwrap();
        made.file(format!("many/030-dir/inner-{inner:03}"), "x");
    }
    made.node("fifo", FileType::Fifo, (0, 0));
    made.dir("small");
    for number in 0..SMALL {
        made.dir(format!("small/{number:03}")).dir(format!("small/{number:03}/below"));
        made.file(format!("small/{number:03}/below/file"), "x").file(format!("small/{number:03}/a"), "a");
        made.link(format!("small/{number:03}/z"), b"a");
    }
    made
}

fn source(made: &Directory, files: Files) -> DirectorySource {
    DirectorySource::new(made.root.path(), OneFileSystem::Stay, files).unwrap()
}

/// What a scan by `threads` shows, and how it ends.
fn seen(made: &Directory, threads: usize, files: Files) -> (Vec<String>, Result<()>) {
    let mut entries = Vec::new();
    let result = source(made, files).with_threads(threads).scan(&mut |entry: Entry| {
        entries.push(format!("{entry:?}"));
        Ok(())
    });
    (entries, result.map(drop))
}

const NAMES: usize = 200;
const SMALL: usize = 150;
