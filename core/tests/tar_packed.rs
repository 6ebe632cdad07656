//! Packed archives: cut anywhere, read in any order, changed while they are read, on a failing host.

mod support;
mod tar_support;

use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use diskwright_core::scan::{Entry, EntryObject, ScanSource, ScanVisitor, SourceContent, TarSource};
use diskwright_core::{Error, ErrorKind, Files, Result};
use support::FailAt;
use tar_support::{Archive, GNU, Head, octal, record, source};

const PACKINGS: [&str; 4] = ["gzip", "zstd", "xz", "bzip2"];

fn pack(packing: &str, bytes: &[u8]) -> Vec<u8> {
    match packing {
        "gzip" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        "bzip2" => {
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        "xz" => {
            let mut encoder =
                lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(0)).unwrap();
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        _ => {
            let mut packed = Vec::with_capacity(zstd_safe::compress_bound(bytes.len()));
            zstd_safe::compress(&mut packed, bytes, 1).unwrap();
            packed
        }
    }
}

/// One archive of each way to write headers.
fn flavours() -> Vec<(&'static str, Archive)> {
    let long = "long/".repeat(40);
    let data = vec![b'd'; 700];
    let entries = [octal(0, 12), octal(512, 12), octal(1024, 12), octal(188, 12)].concat();
    let old_sparse =
        Head::new(b'S', "s").magic(GNU).size(700).patch(386, entries).patch(483, octal(1212, 12));
    let in_data = [
        record("GNU.sparse.major", b"1"),
        record("GNU.sparse.minor", b"0"),
        record("GNU.sparse.name", b"s"),
        record("GNU.sparse.realsize", b"1212"),
    ]
    .concat();
    let mut body = b"2\n0\n512\n1024\n188\n".to_vec();
    body.resize(512, 0);
    body.extend(&data);
    let archive = Archive::default;
    vec![
        ("ustar", archive().dir("d").file("d/a", "1").file("d/b", &data).symlink("l", "d").end()),
        (
            "gnu",
            archive()
                .long(b'L', long.clone() + "f")
                .head(Head::new(b'0', "x").magic(GNU).size(700))
                .data(&data)
                .end(),
        ),
        (
            "pax",
            archive()
                .pax(b'x', &[("path", long.as_bytes()), ("mtime", b"1.5")])
                .dir("x")
                .file("y", &data)
                .end(),
        ),
        ("old sparse", archive().head(old_sparse).data(&data).end()),
        ("sparse 1.0", archive().pax_body(b'x', &in_data).file("x", body).end()),
    ]
}

fn scan(path: &Path) -> Result<()> {
    source(path).scan(&mut |_: Entry| Ok(())).map(|_| ())
}

#[test]
fn an_archive_cut_anywhere_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("cut");
    for (name, archive) in flavours() {
        let bytes = &archive.0;
        std::fs::write(&path, bytes).unwrap();
        scan(&path).unwrap();
        let odd = (1..200).map(|at| at * 7919 % bytes.len());
        for cut in (0..bytes.len()).step_by(512).chain(odd).chain([bytes.len() - 1]) {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            let error = scan(&path).expect_err(name);
            assert_eq!(error.kind(), ErrorKind::Source, "{name} cut at {cut}: {error}");
        }
    }
}

#[test]
fn a_packed_archive_cut_at_any_byte_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("cut");
    let (_, archive) = flavours().swap_remove(0);
    for packing in PACKINGS {
        let bytes = pack(packing, &archive.0);
        std::fs::write(&path, &bytes).unwrap();
        scan(&path).unwrap();
        for cut in 0..bytes.len() {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            let error = scan(&path).expect_err(packing);
            assert_eq!(error.kind(), ErrorKind::Source, "{packing} cut at {cut}: {error}");
        }
        let longer = [&bytes[..], b"garbage"].concat();
        std::fs::write(&path, longer).unwrap();
        scan(&path).expect_err(packing);
    }
}

/// An archive of files whose content tells their names, larger than all that a stream keeps.
fn large(names: &[String]) -> Archive {
    names.iter().fold(Archive::default(), |archive, name| archive.file(name, content_of(name))).end()
}

fn content_of(name: &str) -> Vec<u8> {
    name.bytes().cycle().take(300_000 + name.len() * 1000).collect()
}

fn names() -> Vec<String> {
    let mut names: Vec<String> = (0..80).map(|number| format!("d{}/f{number:02}", number / 20)).collect();
    names.push("d3.x".to_owned());
    names
}

fn contents(source: &TarSource) -> Vec<(String, SourceContent)> {
    let mut contents = Vec::new();
    source
        .scan(&mut |entry: Entry| {
            if let EntryObject::File { content, .. } = entry.object {
                contents.push((String::from_utf8(entry.path).unwrap(), content));
            }
            Ok(())
        })
        .unwrap();
    contents
}

fn check(source: &TarSource, (name, content): &(String, SourceContent)) {
    let reader = source.open(*content).unwrap();
    let mut bytes = vec![0; reader.size() as usize];
    reader.read_exact_at(0, &mut bytes).unwrap();
    assert!(bytes == content_of(name), "{name}");
    let mut part = [0; 100];
    reader.read_exact_at(1000, &mut part).unwrap();
    assert!(part == content_of(name)[1000..1100], "{name}");
    assert!(reader.read_exact_at(reader.size() - 1, &mut part).is_err());
}

#[test]
fn an_archive_in_our_order_is_streamed_and_any_other_is_spooled() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("archive");
    let mut sorted = names();
    // Depth first: "d3/…" comes before "d3.x", though '.' is less than '/'.
    std::fs::write(&path, pack("zstd", &large(&sorted).0)).unwrap();
    let streamed = source(&path);
    let files = contents(&streamed);
    assert!(!streamed.spooled());
    files.iter().for_each(|file| check(&streamed, file));
    // Backwards is slow and right.
    files.iter().rev().step_by(20).for_each(|file| check(&streamed, file));

    sorted.reverse();
    std::fs::write(&path, pack("zstd", &large(&sorted).0)).unwrap();
    let spooled = source(&path);
    let summary = spooled.scan(&mut |_: Entry| Ok(())).unwrap();
    assert!(spooled.spooled());
    assert!(summary.findings.iter().any(|finding| finding.code == "archive-spooled"));
    contents(&spooled).iter().for_each(|file| check(&spooled, file));
    let left: Vec<_> = std::fs::read_dir(place.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "the spool has a name: {left:?}");
}

/// Counts entries and checkpoints, and lets no more of these pass than `most`.
struct Impatient {
    entries: usize,
    checks: usize,
    most: usize,
}

impl ScanVisitor for Impatient {
    fn entry(&mut self, _: Entry) -> Result<()> {
        self.entries += 1;
        Ok(())
    }

    fn check(&mut self) -> Result<()> {
        self.checks += 1;
        if self.checks > self.most {
            return Err(Error::new(ErrorKind::Cancelled, "no patience"));
        }
        Ok(())
    }
}

#[test]
fn a_scan_can_be_cancelled_while_it_skips_a_large_file_and_while_it_spools() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("archive");
    let file = vec![7; 3 << 20];
    // Not in our order: it is spooled after the last entry.
    std::fs::write(&path, pack("gzip", &Archive::default().file("b", &file).file("a", &file).end().0))
        .unwrap();
    let scan = |most| {
        let mut visitor = Impatient { entries: 0, checks: 0, most };
        let scanned = source(&path).scan(&mut visitor);
        (visitor, scanned)
    };
    let (patient, scanned) = scan(usize::MAX);
    scanned.unwrap();
    let mut cancelled_at = [0; 3];
    for most in 0..patient.checks {
        let (visitor, scanned) = scan(most);
        assert_eq!(scanned.unwrap_err().kind(), ErrorKind::Cancelled, "after {most} checkpoints");
        cancelled_at[visitor.entries] += 1;
    }
    // None before the first entry, many within each file; as many again while spooling.
    assert!(
        cancelled_at[0] == 0 && cancelled_at[1] > 20 && cancelled_at[2] > cancelled_at[1],
        "{cancelled_at:?}"
    );
}

#[test]
fn threads_read_a_stream_a_little_out_of_order() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("archive");
    std::fs::write(&path, pack("gzip", &large(&names()).0)).unwrap();
    let source = source(&path);
    let files = contents(&source);
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    check(&source, file);
                }
            });
        }
    });
    assert!(!source.spooled());
}

#[test]
fn small_configuration_files_are_kept_without_a_second_pass() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("archive");
    let archive =
        Archive::default().file("etc/fstab", "UUID=1 / ext4\n").file("usr/big", vec![7; 900_000]).end();
    std::fs::write(&path, pack("xz", &archive.0)).unwrap();
    let source = source(&path);
    let files = contents(&source);
    for (name, content) in [&files[1], &files[0], &files[1], &files[0]] {
        let reader = source.open(*content).unwrap();
        let mut bytes = vec![0; reader.size() as usize];
        reader.read_exact_at(0, &mut bytes).unwrap();
        match name.as_str() {
            "etc/fstab" => assert_eq!(bytes, b"UUID=1 / ext4\n"),
            _ => assert!(bytes == vec![7; 900_000]),
        }
    }
}

#[test]
fn an_archive_that_unpacks_to_more_than_its_limit_is_refused_where_it_says_so() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("archive");
    let archive = Archive::default().file("a", vec![b'a'; 4096]).file("b", "b").end();
    for packing in PACKINGS {
        std::fs::write(&path, pack(packing, &archive.0)).unwrap();
        let limited = |limit| source(&path).with_unpacked_limit(limit).scan(&mut |_| Ok(()));
        limited(archive.0.len() as u64).unwrap();
        // Header of a, its content, header and content of b, the end mark.
        for limit in [0, 511, 512, 4607, 4608, 5119, 5632, archive.0.len() as u64 - 1] {
            let error = limited(limit).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{packing} {limit}: {error}");
        }
    }
    // The content itself is not there: what the header says is enough.
    let bomb = Archive::default().head(Head::new(b'0', "bomb").size(1 << 32));
    std::fs::write(&path, pack("gzip", &bomb.0)).unwrap();
    let error = source(&path).with_unpacked_limit(1 << 20).scan(&mut |_| Ok(())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
}

#[test]
fn an_archive_that_changes_after_its_scan_is_not_read() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("archive");
    let plain = large(&names()[..3]).0;
    for bytes in [plain.clone(), pack("gzip", &plain), pack("zstd", &plain)] {
        std::fs::write(&path, &bytes).unwrap();
        let source = source(&path);
        let files = contents(&source);
        let open = source.open(files[0].1).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.write_all_at(&bytes[700..701], 700).unwrap();
        match source.open(files[1].1) {
            Err(error) => assert_eq!(error.kind(), ErrorKind::Source, "{error}"),
            Ok(late) => assert!(late.read_exact_at(0, &mut [0; 10]).is_err()),
        }
        open.read_exact_at(0, &mut [0; 10]).unwrap_err();
        source.scan(&mut |_: Entry| Ok(())).unwrap_err();
    }
}

#[test]
fn every_failing_file_operation_is_an_error() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("archive");
    let mut names = names();
    names.truncate(12);
    for reversed in [false, true] {
        if reversed {
            names.reverse();
        }
        let plain = large(&names).0;
        for bytes in [plain.clone(), pack("gzip", &plain), pack("zstd", &plain)] {
            std::fs::write(&path, &bytes).unwrap();
            for number in 1.. {
                let gate = FailAt::new(number);
                let outcome = read_all(&Files::gated(Arc::clone(&gate) as _), &path, place.path());
                if gate.count() < number {
                    outcome.unwrap();
                    assert!(number > 5);
                    break;
                }
                let error = outcome.expect_err("a failed operation was not noticed");
                let kind = error.kind();
                assert!(matches!(kind, ErrorKind::Source | ErrorKind::Sink), "operation {number}: {error:?}");
                assert_eq!(
                    std::fs::read_dir(place.path()).unwrap().count(),
                    1,
                    "operation {number} left a file"
                );
            }
        }
    }
}

fn read_all(files: &Files, path: &Path, spool: &Path) -> Result<()> {
    let source = TarSource::new(files, path, spool)?;
    let mut contents = Vec::new();
    source.scan(&mut |entry: Entry| {
        if let EntryObject::File { content, .. } = entry.object {
            contents.push(content);
        }
        Ok(())
    })?;
    contents.into_iter().try_for_each(|content| support::read(&source, content).map(|_| ()))
}

#[test]
fn files_below_boot_of_an_archive_that_is_not_packed_are_read_before_the_scan_is_over() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("archive");
    let archive = large(&["boot/initrd.img".to_owned(), "etc/fstab".to_owned()]).0;
    for (bytes, is_packed) in [(pack("gzip", &archive), true), (archive, false)] {
        std::fs::write(&path, bytes).unwrap();
        let source = source(&path);
        let mut opened = Vec::new();
        source
            .scan(&mut |entry: Entry| {
                if let EntryObject::File { content, .. } = entry.object {
                    let name = String::from_utf8(entry.path).unwrap();
                    match source.open(content) {
                        Ok(_) => check(&source, &(name.clone(), content)),
                        Err(error) => assert_eq!(error.kind(), ErrorKind::Internal),
                    }
                    opened.push((name, source.open(content).is_ok()));
                }
                Ok(())
            })
            .unwrap();
        assert_eq!(opened, [("boot/initrd.img".to_owned(), !is_packed), ("etc/fstab".to_owned(), false)]);
        contents(&source).iter().for_each(|file| check(&source, file));
    }
}
