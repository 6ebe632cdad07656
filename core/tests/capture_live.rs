//! A capture of a tree that others go on changing.

mod support;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use diskwright_core::capture::{Capture, Captured};
use diskwright_core::scan::TarSource;
use diskwright_core::{FileOp, Files, Gate, Monitor};
use support::*;

/// What somebody does to a file at an operation on it: how often it was read, opened and examined so far is the second.
type Change = dyn Fn(&Path, Kind, usize) + Send + Sync;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Open,
    Read,
}

/// Calls `change` before each operation on the file of interest.
struct Meddler {
    path: PathBuf,
    opened: Mutex<usize>,
    read: Mutex<usize>,
    change: Box<Change>,
}

impl Gate for Meddler {
    fn admit(&self, op: &FileOp<'_>) -> io::Result<usize> {
        let (kind, count, path) = match op {
            FileOp::Open { path } => (Kind::Open, &self.opened, path),
            FileOp::ReadAt { path, .. } => (Kind::Read, &self.read, path),
            _ => return Ok(usize::MAX),
        };
        if **path == self.path {
            let number = {
                let mut count = count.lock().unwrap();
                *count += 1;
                *count
            };
            (self.change)(path, kind, number);
        }
        Ok(usize::MAX)
    }
}

/// Kernels before 6.13 stamp files with a clock that moves every few milliseconds.
fn wait_for_the_clock() {
    std::thread::sleep(std::time::Duration::from_millis(20));
}

/// Captures a tree while `change` happens to its file `name`; what the archive then has, path and content.
fn captured(
    made: &Directory,
    name: &str,
    change: impl Fn(&Path, Kind, usize) + Send + Sync + 'static,
) -> (Captured, Vec<(String, Vec<u8>)>) {
    let place = tempfile::tempdir().unwrap();
    let archive = place.path().join("scan.tar.zst");
    let gate = Meddler {
        path: made.path(name),
        opened: Mutex::default(),
        read: Mutex::default(),
        change: Box::new(change),
    };
    let files = Files::gated(Arc::new(gate));
    let captured = Capture::new(made.root.path()).run(&files, &archive, &Monitor::new()).unwrap();
    let source = TarSource::new(&Files::default(), &archive, place.path()).unwrap();
    let found = entries(&source).unwrap().into_iter().filter_map(|entry| match entry.object {
        diskwright_core::scan::EntryObject::File { content, .. } => {
            Some((String::from_utf8(entry.path.clone()).unwrap(), read(&source, content).unwrap()))
        }
        _ => None,
    });
    (captured, found.collect())
}

fn codes(captured: &Captured) -> Vec<(&'static str, String)> {
    captured.findings.iter().map(|found| (found.code, found.path.clone())).collect()
}

#[test]
fn a_file_that_changes_twice_while_it_is_read_is_whole_as_it_is_in_the_end() {
    // Read in one go, and in several.
    for len in [1000, 3 << 20] {
        let made = Directory::new();
        made.file("a", "before").file("hot", vec![0; len]).file("z", "after");
        let (captured, found) = captured(&made, "hot", move |path, kind, number| {
            let readings = len.div_ceil(1 << 20);
            // In the first and in the second reading.
            if kind == Kind::Read && (number == 1 || number == 1 + readings) {
                wait_for_the_clock();
                std::fs::write(path, vec![number as u8; len - number]).unwrap();
            }
        });
        assert!(captured.findings.is_empty(), "{:?}", captured.findings);
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a", "hot", "z"]);
        let (_, hot) = &found[1];
        assert_eq!(hot, &std::fs::read(made.path("hot")).unwrap(), "{len}");
        assert_eq!(found[2].1, b"after");
    }
}

#[test]
fn a_file_that_changes_whenever_it_is_read_is_stored_as_read_last_and_listed() {
    for len in [1000, 3 << 20] {
        let made = Directory::new();
        made.file("a", "before").file("hot", vec![0; len]).file("z", "after");
        let (captured, found) = captured(&made, "hot", move |path, kind, number| {
            if kind == Kind::Read {
                wait_for_the_clock();
                std::fs::write(path, vec![number as u8; len]).unwrap();
            }
        });
        assert_eq!(codes(&captured), [("changed", "hot".to_owned())]);
        assert_eq!(captured.machine.capture.unwrap().changed, ["/hot"]);
        let (_, hot) = &found[1];
        assert_eq!(hot.len(), len);
        // Bytes of the third reading alone.
        let first = 1 + 2 * len.div_ceil(1 << 20);
        assert!(hot.iter().all(|byte| usize::from(*byte) >= first), "{len}");
        assert_eq!(found[2].1, b"after");
    }
}

#[test]
fn a_large_file_that_shrinks_whenever_it_is_read_has_zeros_where_it_was_cut() {
    let made = Directory::new();
    made.file("hot", vec![7; 8 << 20]).file("z", "after");
    let (captured, found) = captured(&made, "hot", move |path, kind, _| {
        if kind == Kind::Read {
            wait_for_the_clock();
            let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
            file.set_len(file.metadata().unwrap().len() / 2).unwrap();
        }
    });
    assert_eq!(codes(&captured), [("changed", "hot".to_owned())]);
    assert!(found[0].1.iter().all(|byte| matches!(byte, 0 | 7)));
    assert_eq!(found[1].1, b"after");
}

#[test]
fn a_file_that_vanishes_is_left_out_and_listed() {
    for at in 1..=3 {
        let made = Directory::new();
        made.file("a", "before").file("gone", "x").file("z", "after");
        let (captured, found) = captured(&made, "gone", move |path, kind, number| {
            if kind == Kind::Open && number == at {
                std::fs::remove_file(path).unwrap();
            }
        });
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a", "z"]);
        // One that is gone in the first walk, which only counts, was never there.
        let expected = if at == 1 { vec![] } else { vec![("vanished", "gone".to_owned())] };
        assert_eq!(codes(&captured), expected, "gone at open {at}");
    }
}

#[test]
fn a_file_with_two_names_that_loses_its_first_is_stored_under_the_second() {
    let made = Directory::new();
    made.file("a", "content").hard_link("z", "a");
    let (captured, found) = captured(&made, "a", move |path, kind, number| {
        if kind == Kind::Open && number == 3 {
            std::fs::remove_file(path).unwrap();
        }
    });
    assert_eq!(codes(&captured), [("vanished", "a".to_owned())]);
    assert_eq!(found, [("z".to_owned(), b"content".to_vec())]);
}

#[test]
fn a_file_that_is_replaced_under_its_first_name_is_stored_under_both() {
    let made = Directory::new();
    made.file("a", "old").hard_link("z", "a").file("new", "new");
    let new = made.path("new");
    let (captured, found) = captured(&made, "a", move |path, kind, number| {
        if kind == Kind::Open && number == 3 {
            std::fs::write(new.with_extension("x"), "newer").unwrap();
            std::fs::rename(new.with_extension("x"), path).unwrap();
        }
    });
    assert!(captured.findings.is_empty(), "{:?}", captured.findings);
    let contents: Vec<(&str, &[u8])> =
        found.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    assert_eq!(contents, [("a", &b"newer"[..]), ("new", b"new"), ("z", b"old")]);
}

#[test]
fn a_file_that_is_replaced_while_it_is_read_lends_no_other_name_its_content() {
    for len in [1000, 3 << 20] {
        let made = Directory::new();
        made.file("a", vec![1; len])
            .hard_link("z", "a")
            .hard_link("zz", "a")
            .file("new", vec![2; len])
            .hard_link("x", "new");
        let new = made.path("new");
        let (captured, found) = captured(&made, "a", move |path, kind, number| {
            if kind == Kind::Read && number == 1 {
                wait_for_the_clock();
                // The name goes to another file with several names, and the old one is written to.
                std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(1).unwrap();
                std::fs::rename(&new, path).unwrap();
            }
        });
        assert_eq!(codes(&captured), [("vanished", "new".to_owned())], "{len}");
        let sizes: Vec<(&str, usize, u8)> =
            found.iter().map(|(name, bytes)| (name.as_str(), bytes.len(), bytes[0])).collect();
        assert_eq!(sizes, [("a", len, 2), ("x", len, 2), ("z", 1, 1), ("zz", 1, 1)], "{len}");
    }
}

#[test]
fn a_second_name_that_is_gone_or_no_file_any_more_is_left_out() {
    for is_gone in [true, false] {
        let made = Directory::new();
        made.file("a", "content").hard_link("z", "a").link("b", b"a").hard_link("y", "b");
        let (captured, found) = captured(&made, "z", move |path, kind, number| {
            if kind == Kind::Open && number == 3 {
                std::fs::remove_file(path).unwrap();
                if !is_gone {
                    std::os::unix::fs::symlink("a", path).unwrap();
                }
            }
        });
        assert_eq!(codes(&captured), [("vanished", "z".to_owned())]);
        assert_eq!(found, [("a".to_owned(), b"content".to_vec())]);
        assert_eq!(captured.entries, 4, "root, a, b and its other name");
    }
}

#[test]
fn a_file_that_is_written_to_whenever_it_is_opened_ends_no_capture() {
    for is_sparse in [false, true] {
        let made = Directory::new();
        made.file("log", "first").file("z", "after");
        let log = std::fs::OpenOptions::new().write(true).open(made.path("log")).unwrap();
        log.set_len(if is_sparse { 1 << 20 } else { 5 }).unwrap();
        let (_, found) = captured(&made, "log", move |_, kind, _| {
            if kind == Kind::Open {
                wait_for_the_clock();
                // Longer, or cut where a hole was.
                let len = log.metadata().unwrap().len();
                log.set_len(if is_sparse { len / 2 } else { len + 1 }).unwrap();
            }
        });
        assert!(found[0].1.starts_with(b"first"));
        assert_eq!(found[1].1, b"after");
    }
}

#[test]
fn progress_ends_at_the_total_however_often_a_file_is_read() {
    let made = Directory::new();
    made.file("hot", vec![0; 3 << 20]).file("z", vec![0; 1 << 20]);
    let place = tempfile::tempdir().unwrap();
    let gate = Meddler {
        path: made.path("hot"),
        opened: Mutex::default(),
        read: Mutex::default(),
        change: Box::new(|path, kind, number| {
            if kind == Kind::Read {
                wait_for_the_clock();
                std::fs::write(path, vec![number as u8; (3 << 20) + number]).unwrap();
            }
        }),
    };
    let monitor = Monitor::new();
    let files = Files::gated(Arc::new(gate));
    Capture::new(made.root.path()).run(&files, &place.path().join("scan.tar"), &monitor).unwrap();
    let status = monitor.status();
    assert_eq!((status.done, status.total), (4 << 20, 4 << 20));
}

#[test]
fn a_directory_that_goes_away_is_left_out() {
    let made = Directory::new();
    made.dir("d/e").file("d/e/f", "x").file("z", "after");
    let (captured, found) = captured(&made, "d/e", move |path, kind, number| {
        if kind == Kind::Open && number == 2 {
            std::fs::remove_dir_all(path).unwrap();
        }
    });
    assert_eq!(codes(&captured), [("vanished", "d/e".to_owned())]);
    assert_eq!(found, [("z".to_owned(), b"after".to_vec())]);
}

#[test]
fn a_fifo_in_the_place_of_a_file_is_never_waited_for() {
    let made = Directory::new();
    made.file("a", "x").file("z", "after");
    let (captured, found) = captured(&made, "a", move |path, kind, number| {
        if kind == Kind::Open && number == 3 {
            std::fs::remove_file(path).unwrap();
            let mode = rustix::fs::Mode::from_raw_mode(0o600);
            rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        }
    });
    assert_eq!(codes(&captured), [("vanished", "a".to_owned())]);
    assert_eq!(found, [("z".to_owned(), b"after".to_vec())]);
}
