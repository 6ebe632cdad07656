//! What a directory scan does when the tree changes under it, or the host fails.

mod support;

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use diskwright_core::scan::{DirectorySource, Entry, OneFileSystem, ScanSource, SourceContent};
use diskwright_core::tree::{Findings, TreeBuilder, Whiteouts};
use diskwright_core::{ErrorKind, FileOp, Files, Gate, Result};
use rustix::fs::FileType;
use support::*;

/// A tree with one file of interest, scanned; then changed by `change`; then the file is opened.
fn open_after(change: impl FnOnce(&Directory)) -> Result<Vec<u8>> {
    let made = Directory::new();
    made.dir("dir/sub").file("dir/sub/file", "0123456789");
    let source = made.source();
    let content = content_of(&by_path(&source)[&b"dir/sub/file"[..]]);
    wait_for_the_clock();
    change(&made);
    let read = read(&source, content);
    if let Err(error) = &read {
        assert_eq!(error.kind(), ErrorKind::Source, "{error}");
        let path = made.path("dir/sub/file");
        assert_eq!(error.path(), Some(path.as_os_str().as_encoded_bytes()), "{error}");
    }
    read
}

/// Kernels before 6.13 stamp files with a clock that moves every few milliseconds.
fn wait_for_the_clock() {
    std::thread::sleep(std::time::Duration::from_millis(20));
}

#[test]
fn a_file_that_changed_after_the_scan_is_refused() {
    let path = "dir/sub/file";
    let replace = |made: &Directory| std::fs::remove_file(made.path(path)).unwrap();
    assert_eq!(open_after(|_| ()).unwrap(), b"0123456789");
    open_after(|made| _ = made.file(path, "9876543210")).unwrap_err();
    open_after(|made| _ = made.file(path, "01234567890")).unwrap_err();
    open_after(|made| _ = made.file(path, "012")).unwrap_err();
    open_after(|made| _ = made.mode(path, 0o640)).unwrap_err();
    open_after(replace).unwrap_err();
    open_after(|made| {
        replace(made);
        made.file(path, "0123456789");
    })
    .unwrap_err();
    open_after(|made| {
        made.file("other", "0123456789");
        replace(made);
        made.link(path, b"../../other");
    })
    .unwrap_err();
    open_after(|made| {
        replace(made);
        made.dir(path);
    })
    .unwrap_err();
}

#[test]
fn a_file_that_became_a_fifo_is_refused_without_waiting() {
    open_after(|made| {
        std::fs::remove_file(made.path("dir/sub/file")).unwrap();
        made.node("dir/sub/file", FileType::Fifo, (0, 0));
    })
    .unwrap_err();
}

#[test]
fn a_directory_that_became_a_link_to_the_same_file_is_refused() {
    open_after(|made| {
        std::fs::rename(made.path("dir/sub"), made.path("moved")).unwrap();
        made.link("dir/sub", b"../moved");
    })
    .unwrap_err();
}

#[test]
fn a_file_that_changes_while_it_is_read_is_refused() {
    let changes: [fn(&std::fs::File); 3] = [
        |file| file.write_all_at(b"x", 0).unwrap(),
        |file| file.set_len(10).unwrap(),
        |file| file.set_len(1 << 20).unwrap(),
    ];
    for change in changes {
        let made = Directory::new();
        made.file("file", vec![5; 100_000]);
        let source = made.source();
        let content = content_of(&by_path(&source)[&b"file"[..]]);
        let reader = source.open(content).unwrap();
        let mut bytes = vec![0; 50_000];
        reader.read_exact_at(0, &mut bytes).unwrap();
        wait_for_the_clock();
        change(&std::fs::OpenOptions::new().write(true).open(made.path("file")).unwrap());
        reader.read_exact_at(50_000, &mut bytes).unwrap_err();
        assert_eq!(reader.size(), 100_000);
    }
}

#[test]
fn reads_past_the_end_are_refused_and_empty_reads_are_not() {
    let made = Directory::new();
    made.file("file", "0123456789");
    let source = made.source();
    let reader = source.open(content_of(&by_path(&source)[&b"file"[..]])).unwrap();
    assert!(reader.read_exact_at(5, &mut [0; 6]).is_err());
    assert!(reader.read_exact_at(u64::MAX, &mut [0; 2]).is_err());
    reader.read_exact_at(10, &mut []).unwrap();
    let mut last = [0; 1];
    reader.read_exact_at(9, &mut last).unwrap();
    assert_eq!(&last, b"9");
}

#[test]
fn contents_of_an_earlier_scan_are_refused() {
    let made = Directory::new();
    made.file("file", "x");
    let source = made.source();
    let old = content_of(&by_path(&source)[&b"file"[..]]);
    let new = content_of(&by_path(&source)[&b"file"[..]]);
    assert_eq!(read(&source, new).unwrap(), b"x");
    assert_eq!(source.open(old).err().unwrap().kind(), ErrorKind::Internal);
    assert_eq!(source.open(SourceContent(new.0 + 1)).err().unwrap().kind(), ErrorKind::Internal);
}

#[test]
fn reading_a_small_file_takes_four_operations() {
    struct Log(std::sync::Mutex<Vec<&'static str>>);
    impl Gate for Log {
        fn admit(&self, op: &FileOp<'_>) -> std::io::Result<usize> {
            self.0.lock().unwrap().push(match op {
                FileOp::Open { .. } => "open",
                FileOp::Stat { .. } => "stat",
                FileOp::ReadAt { .. } => "read",
                _ => "other",
            });
            Ok(usize::MAX)
        }
    }
    let made = Directory::new();
    made.dir("a/b/c").file("a/b/c/file", "x");
    let log = Arc::new(Log(Default::default()));
    let files = Files::gated(log.clone());
    let source = DirectorySource::new(made.root.path(), OneFileSystem::Stay, files).unwrap();
    let content = content_of(&by_path(&source)[&b"a/b/c/file"[..]]);
    log.0.lock().unwrap().clear();
    read(&source, content).unwrap();
    assert_eq!(*log.0.lock().unwrap(), ["open", "stat", "read", "stat"]);
}

#[test]
fn a_fault_of_any_operation_is_a_source_error() {
    let made = Directory::new();
    made.dir("dir/deep").file("dir/file", "content").link("link", b"dir").hard_link("again", "dir/file");
    made.file("dir/deep/user", "x").xattr("dir/deep/user", "user.a", b"1");
    made.node("fifo", FileType::Fifo, (0, 0));
    std::fs::File::create(made.path("sparse")).unwrap().set_len(1 << 20).unwrap();
    let run = |gate: Arc<FailAt>| -> Result<Vec<u8>> {
        let source = DirectorySource::new(made.root.path(), OneFileSystem::Stay, Files::gated(gate))?;
        let mut builder = TreeBuilder::new(Findings::default());
        builder.add_source(Arc::new(source), Whiteouts::Plain)?;
        let (tree, _) = builder.finish()?;
        let mut all = Vec::new();
        for path in [&b"dir/file"[..], b"dir/deep/user"] {
            all.extend(tree.read(tree.inode_of(tree.lookup(path).unwrap()), 100)?);
        }
        Ok(all)
    };
    let mut number = 1;
    loop {
        let gate = FailAt::new(number);
        match run(gate.clone()) {
            Ok(all) => {
                assert_eq!(all, b"contentx");
                assert!(gate.count() < number, "operation {number} failed and nobody noticed");
                break;
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Source, "operation {number}: {error}"),
        }
        number += 1;
    }
    assert!(number > 40, "only {number} operations pass the gate");
}

/// Swaps what stands at `tree/victim/…` again and again until told to stop.
fn mutate(root: &Path, stop: &AtomicBool) {
    let victim = root.join("tree/victim");
    let file = victim.join("file");
    let aside = root.join("aside");
    let mut round = 0;
    while !stop.load(Ordering::Relaxed) {
        round += 1;
        let clear = || {
            let _ = std::fs::remove_file(&file);
            let _ = std::fs::remove_dir(&file);
        };
        match round % 6 {
            0 => {
                clear();
                let _ = std::os::unix::fs::symlink(root.join("secret"), &file);
            }
            1 => {
                clear();
                let mode = rustix::fs::Mode::from_raw_mode(0o644);
                let _ = rustix::fs::mknodat(rustix::fs::CWD, &file, FileType::Fifo, mode, 0);
            }
            2 => {
                clear();
                let _ = std::fs::write(&file, vec![b'i'; 5000]);
            }
            3 => drop(std::fs::OpenOptions::new().append(true).open(&file).map(|mut file| {
                std::io::Write::write_all(&mut file, &[b'i'; 3000]).unwrap();
            })),
            4 => {
                if std::fs::rename(&victim, &aside).is_ok() {
                    let _ = std::os::unix::fs::symlink(root.join("outside"), &victim);
                    let _ = std::fs::remove_file(&victim);
                    let _ = std::fs::rename(&aside, &victim);
                }
            }
            _ => {
                clear();
                let _ = std::fs::create_dir(&file);
            }
        }
    }
}

#[test]
fn a_tree_that_is_swapped_under_the_scan_never_shows_what_is_outside_it() {
    let made = Directory::new();
    made.dir("tree/victim").file("tree/victim/file", "i").file("secret", "SECRET");
    made.dir("outside").file("outside/file", "SECRET");
    for number in 0..50 {
        made.dir(format!("tree/{number:02}")).file(format!("tree/{number:02}/file"), "i");
    }
    let stop = AtomicBool::new(false);
    let (mut clean, mut refused) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| mutate(made.root.path(), &stop));
        let started = std::time::Instant::now();
        // On a busy machine, until the two have met.
        for turn in 0..10_000 {
            if turn >= 300 && clean > 0 && refused > 0 {
                break;
            }
            let outcome = scan_all(&made.path("tree"));
            match outcome {
                Ok(contents) => {
                    clean += 1;
                    assert!(contents.iter().flatten().all(|byte| *byte == b'i'));
                }
                Err(error) => {
                    refused += 1;
                    assert_eq!(error.kind(), ErrorKind::Source, "{error}");
                }
            }
        }
        stop.store(true, Ordering::Relaxed);
        assert!(started.elapsed().as_secs() < 60, "a scan waits for something");
    });
    assert!(clean > 0 && refused > 0, "{clean} clean and {refused} refused scans prove nothing");
}

fn scan_all(root: &Path) -> Result<Vec<Vec<u8>>> {
    let source = DirectorySource::new(root, OneFileSystem::Stay, Files::default())?;
    let is_file = |entry: &Entry| matches!(entry.object, diskwright_core::scan::EntryObject::File { .. });
    let entries = entries(&source)?;
    entries.iter().filter(|entry| is_file(entry)).map(|entry| read(&source, content_of(entry))).collect()
}
