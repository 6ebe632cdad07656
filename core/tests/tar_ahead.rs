//! Archives that two threads read: one follows the headers by their sizes, the other takes them apart.

mod tar_support;

use std::path::Path;
use std::sync::{Arc, Mutex};

use diskwright_core::scan::{Entry, ScanSource, TarSource};
use diskwright_core::{Error, ErrorKind, FileOp, Files, Gate, Result};
use tar_support::{Archive, GNU, Head};

/// Members near each other and far apart, with all that can stand before them.
fn archive() -> Archive {
    let mut archive = Archive::default().dir("d");
    for number in 0..300_usize {
        let name = format!("d/{number:04}");
        archive = match number % 6 {
            0 => archive.file(name, vec![b'a'; number * 40]),
            1 => archive.pax(b'x', &[("mtime", b"1700000000.5")]).file(name, vec![b'b'; number]),
            2 => archive.long(b'L', "n".repeat(150) + &name).file("n", vec![b'c'; 70_000]),
            3 => archive.dir(name),
            4 => archive.pax(b'x', &[("SCHILY.xattr.user.a", &vec![b'v'; number * 100])]).file(name, b""),
            _ => archive.symlink(name, "0000"),
        };
    }
    archive.end()
}

/// Reads of an archive, by offset and length, one of which fails.
#[derive(Default)]
struct Reads {
    seen: Mutex<Vec<(u64, usize)>>,
    fails: Option<usize>,
}

impl Gate for Reads {
    fn admit(&self, op: &FileOp<'_>) -> std::io::Result<usize> {
        let FileOp::ReadAt { offset, len, .. } = op else { return Ok(usize::MAX) };
        let mut seen = self.seen.lock().unwrap();
        seen.push((*offset, *len));
        match self.fails == Some(seen.len()) {
            true => Err(std::io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error())),
            false => Ok(usize::MAX),
        }
    }
}

fn scan(path: &Path, gate: &Arc<Reads>, threads: usize) -> Result<usize> {
    let files = Files::gated(gate.clone());
    let source = TarSource::new(&files, path, path.parent().unwrap())?.with_threads(threads);
    let mut entries = 0;
    source.scan(&mut |_: Entry| {
        entries += 1;
        Ok(())
    })?;
    Ok(entries)
}

/// Where the archive lies, for as long as the directory is there.
fn placed() -> (std::path::PathBuf, tempfile::TempDir) {
    let (_, place) = archive().source();
    (place.path().join("scan.tar"), place)
}

#[test]
fn two_threads_find_what_one_finds() {
    // Compares both.
    assert_eq!(archive().listing().unwrap().len(), 301);
}

#[test]
fn two_threads_read_what_one_reads_and_no_byte_of_it_twice() {
    let (path, _place) = placed();
    let reads = |threads| {
        let gate = Arc::new(Reads::default());
        assert_eq!(scan(&path, &gate, threads).unwrap(), 301);
        // The first one looks how the archive is packed.
        let mut seen = gate.seen.lock().unwrap().split_off(1);
        seen.sort_unstable();
        seen
    };
    let (alone, together) = (reads(1), reads(2));
    assert!(alone.len() > 100);
    assert_eq!(alone, together);
    let mut end = 0;
    for (offset, len) in together {
        assert!(offset >= end, "{offset} was read before");
        end = offset + len as u64;
    }
}

#[test]
fn what_cannot_be_foretold_is_read_all_the_same() {
    let content = vec![b'x'; 100_000];
    let mut archive = Archive::default();
    for number in 0..50 {
        // The size of the header is wrong, and old sparse maps go on behind it.
        let head = Head::new(b'0', format!("large-{number}")).size(0);
        archive = archive.pax(b'x', &[("size", b"100000")]).head(head).data(&content);
        let entry =
            |offset: u64, len: u64| [tar_support::octal(offset, 12), tar_support::octal(len, 12)].concat();
        let map: Vec<u8> = (0..4).flat_map(|at| entry(at * 4096, 512)).collect();
        let sparse = Head::new(b'S', format!("sparse-{number}")).magic(GNU).size(5 * 512);
        let sparse = sparse.patch(386, map).patch(482, [1]).patch(483, tar_support::octal(16_896, 12));
        archive = archive.head(sparse).data(entry(16_384, 512)).data(vec![b's'; 5 * 512]);
    }
    assert_eq!(archive.end().listing().unwrap().len(), 100);
}

#[test]
fn an_archive_that_is_cut_is_refused_alike() {
    let whole = archive().0;
    for len in (0..whole.len()).step_by(whole.len() / 40).chain([511, 512, 513, whole.len() - 512]) {
        let error = Archive(whole[..len].to_vec()).listing().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Source, "{len}: {error}");
    }
}

#[test]
fn a_read_that_fails_is_told_whoever_reads() {
    let (path, _place) = placed();
    let gate = Arc::new(Reads::default());
    scan(&path, &gate, 2).unwrap();
    let reads = gate.seen.lock().unwrap().len();
    for fails in (1..=reads).step_by(7) {
        let gate = Arc::new(Reads { fails: Some(fails), ..Reads::default() });
        let error = scan(&path, &gate, 2).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Source, "{error}");
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("Input/output error"), "{fails} of {reads}: {cause}");
    }
}

#[test]
fn a_scan_that_is_broken_off_leaves_nobody_at_work() {
    let (path, _place) = placed();
    let source = tar_support::source(&path).with_threads(2);
    for after in [0, 1, 100] {
        let mut left = after;
        let stop = source.scan(&mut |_: Entry| match left {
            0 => Err(Error::new(ErrorKind::Cancelled, "enough")),
            _ => {
                left -= 1;
                Ok(())
            }
        });
        // It would not come back while its thread waited for somebody to listen.
        assert_eq!(stop.unwrap_err().kind(), ErrorKind::Cancelled);
    }
}
