//! A captured tree reads back as the directory that it was, by our own reader and by other archivers.

mod support;

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use diskwright_core::capture::{Capture, Captured};
use diskwright_core::profile::MachineReport;
use diskwright_core::scan::{
    DirectorySource, Entry, EntryObject, Excluded, OneFileSystem, ScanSource, TarSource,
};
use diskwright_core::tree::Severity;
use diskwright_core::{ErrorKind, Files, Monitor, Phase, Result};
use rustix::fs::FileType;
use support::*;

fn capture(capture: &Capture, archive: &Path) -> Result<Captured> {
    capture.run(&Files::default(), archive, &Monitor::new())
}

/// A tree with everything that a file system of Linux can hold, as far as this user may make it.
fn odd_tree() -> Directory {
    let made = Directory::new();
    let long = "n".repeat(255);
    let deep = ["directory-with-a-name"; 14].join("/");
    made.dir("a/b")
        .dir(&deep)
        .dir("empty")
        .file("a/b/file", "content")
        .file(format!("a/{long}"), "long name");
    made.file(format!("{deep}/leaf"), "deep").file("a/empty", "").file(b"a/\xff\xfe=%\n", "no text");
    made.file("a/two mebibytes", noise(2 << 20)).file("a/blocks", noise(1024));
    made.hard_link("a/second", "a/b/file").hard_link("z-third", "a/b/file");
    made.link("a/link", b"b/file").link("a/far", "t".repeat(1000).as_bytes()).link(b"a/\xfelink", b"\xfd");
    made.hard_link("a/link again", "a/link").node("a/fifo", FileType::Fifo, (0, 0));
    made.mode("a/b/file", 0o6755).mode("empty", 0o1777).mode("a/empty", 0);
    made.time("a/b/file", 1_700_000_000, 123_456_789).time("a/link", 5, 1);
    made.time("a/blocks", -7, 0).time("a/fifo", 1 << 33, 999_999_999);
    made.file("a/named", "")
        .xattr("a/named", "user.name=with%25signs", b"\0\n=\xff")
        .time("a/named", -2, 750_000_000)
        .xattr("a/b", "user.empty", b"");
    made.xattr("a", "user.large", &noise(3000));
    let sparse = |name: &str, size: u64, pieces: &[(u64, &[u8])]| {
        let file = File::create(made.path(name)).unwrap();
        file.set_len(size).unwrap();
        for (offset, bytes) in pieces {
            file.write_all_at(bytes, *offset).unwrap();
        }
        file.sync_all().unwrap();
    };
    sparse("sparse-hole", 1 << 30, &[]);
    sparse("sparse-middle", 9 << 30, &[(4 << 30, &noise(5000))]);
    sparse("sparse-odd-end", (1 << 20) + 100, &[(0, b"start"), (1 << 20, &noise(100))]);
    sparse(&format!("{deep}/{long}"), 1 << 22, &[(1 << 21, b"sparse and long")]);
    if is_root() {
        made.node("char", FileType::CharacterDevice, (4095, 1_048_575)).mode("char", 0o620);
        made.node("block", FileType::BlockDevice, (8, 1)).hard_link("block again", "block");
        made.owner("a/b/file", 4_000_000_000, 2_097_152)
            .owner("a/link", 1, 2_097_151)
            .mode("a/b/file", 0o6755);
        made.xattr("char", "trusted.of-a-device", b"x").xattr("a/link", "trusted.of-a-link", b"y");
        made.xattr("a/b/file", "security.capability", &CAPABILITY);
        made.xattr("a/empty", "system.posix_acl_access", &ACL).xattr("a", "system.posix_acl_default", &ACL);
        flag(&made, "a/two mebibytes", "+d");
    }
    made
}

fn flag(made: &Directory, path: &str, flags: &str) {
    let done = Command::new("chattr").arg(flags).arg(made.path(path)).status();
    assert!(done.is_ok_and(|status| status.success()), "chattr {flags}");
}

/// Bytes that no packing makes much smaller.
fn noise(len: usize) -> Vec<u8> {
    let mut word = 1_u64;
    let mut next = || {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (word >> 56) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// An entry in words, with its content and in an order of its own.
fn line(source: &dyn ScanSource, entry: &Entry) -> String {
    let mut attributes = entry.attributes.clone();
    attributes.xattrs.reverse();
    attributes.xattrs.sort_by(|one, other| one.0.cmp(&other.0));
    attributes.xattrs.dedup_by(|one, other| one.0 == other.0);
    let object = match &entry.object {
        EntryObject::File { content, size, data } => {
            let reader = source.open(*content).unwrap();
            let ranges = data.clone().unwrap_or_default();
            let mut digest = 0_u64;
            let all = [(0, if data.is_none() { *size } else { 0 })];
            let ranges = ranges.iter().map(|range| (range.offset, range.len)).chain(all);
            for (offset, len) in ranges {
                let mut bytes = vec![0; usize::try_from(len).unwrap()];
                reader.read_exact_at(offset, &mut bytes).unwrap();
                digest = bytes.iter().fold(digest, |sum, byte| sum.wrapping_mul(31) + u64::from(*byte));
            }
            format!("file of {size} bytes, {data:?}, {digest:x}")
        }
        other => format!("{other:?}"),
    };
    format!("{} {object} {attributes:?}", plain(&entry.path).escape_ascii())
}

/// A path without what archives write around it.
fn plain(path: &[u8]) -> Vec<u8> {
    let names = path.split(|byte| *byte == b'/').filter(|name| !matches!(*name, b"" | b"."));
    names.collect::<Vec<_>>().join(&b'/')
}

fn paths(source: &dyn ScanSource) -> Vec<String> {
    entries(source).unwrap().iter().map(|entry| plain(&entry.path).escape_ascii().to_string()).collect()
}

fn lines(source: &dyn ScanSource) -> Vec<String> {
    entries(source).unwrap().iter().map(|entry| line(source, entry)).collect()
}

#[test]
fn a_capture_of_an_odd_tree_reads_back_as_the_directory_whatever_it_is_packed_with() {
    let made = odd_tree();
    let expected = lines(&made.source());
    assert!(expected.len() > 35);
    let place = tempfile::tempdir().unwrap();
    for name in ["scan.tar", "scan.tar.gz", "scan.tar.zst", "scan.TXZ"] {
        let archive = place.path().join(name);
        let captured = capture(&Capture::new(made.root.path()), &archive).unwrap();
        assert!(captured.findings.is_empty(), "{:?}", captured.findings);
        assert_eq!(captured.entries as usize, expected.len());
        let metadata = archive.metadata().unwrap();
        assert_eq!((metadata.len(), metadata.mode() & 0o7777), (captured.archive_bytes, 0o600));
        let source = TarSource::new(&Files::default(), &archive, place.path()).unwrap();
        let found = lines(&source);
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found, expected, "{name}");
        }
        assert_eq!(found.len(), expected.len());
        assert!(!source.spooled(), "{name} is not in the order of an image");
        assert!(source.ignored_keywords().is_empty());
        let report = MachineReport::from_json(source.machine_report().unwrap()).unwrap();
        assert_eq!(report, captured.machine);
        assert_eq!(report.format.as_deref(), Some(MachineReport::FORMAT));
        assert!(report.memory_bytes > Some(1 << 20) && report.cpus > Some(0), "{report:?}");
    }
}

#[test]
fn gnu_tar_and_bsdtar_list_and_unpack_a_capture_as_it_was() {
    let archivers = ["tar", "bsdtar"].map(diskwright_oracle::tool);
    let [Some(tar), Some(bsdtar)] = archivers else { return };
    if !is_root() {
        return;
    }
    let made = odd_tree();
    let expected = lines(&made.source());
    let place = tempfile::tempdir().unwrap();
    let archive = place.path().join("scan.tar.gz");
    capture(&Capture::new(made.root.path()), &archive).unwrap();
    let path = diskwright_oracle::path;
    for (archiver, flags) in [
        (&tar, &["--xattrs", "--xattrs-include=*", "--acls", "--numeric-owner", "--same-owner", "-p"][..]),
        (&bsdtar, &["--numeric-owner", "--xattrs", "--acls", "--same-owner", "-p"][..]),
    ] {
        let listed = diskwright_oracle::run(archiver, &["-tzf", path(&archive)]);
        assert!(listed.lines().any(|line| line == "a/b/file"), "{listed}");
        let unpacked = tempfile::tempdir().unwrap();
        let mut arguments = vec!["-xzf", path(&archive), "-C", path(unpacked.path())];
        arguments.extend(flags);
        diskwright_oracle::run(archiver, &arguments);
        std::fs::remove_dir_all(unpacked.path().join(".diskwright")).unwrap();
        let source = DirectorySource::new(unpacked.path(), OneFileSystem::Stay, Files::default()).unwrap();
        let (found, expected) = (lines(&source), expected.iter());
        assert_eq!(found.len(), expected.len(), "{archiver:?}");
        for (found, expected) in found.iter().zip(expected) {
            // GNU tar knows no flags and libarchive no escapes in names of attributes; the root's time is that of what was
            // removed from it just now.
            let is_other = ["a/two mebibytes ", "a/named ", " "].iter().any(|path| found.starts_with(path));
            assert!(is_other || found == expected, "{archiver:?}:\n{found}\n{expected}");
        }
    }
}

#[test]
fn what_is_mounted_is_taken_or_left_out_by_what_it_is() {
    if !is_root() {
        return;
    }
    let made = Directory::new();
    made.dir("run").dir("proc").dir("disk").file("run/hidden", "x");
    let volume = tempfile::NamedTempFile::new().unwrap();
    volume.as_file().set_len(4 << 20).unwrap();
    let image = diskwright_oracle::path(volume.path()).to_owned();
    let Some(mkfs) = diskwright_oracle::tool("mke2fs") else { return };
    diskwright_oracle::run(&mkfs, &["-q", "-F", &image]);
    let mounts = [
        Mount::new(&["-t", "tmpfs", "tmpfs"], &made.path("run")),
        Mount::new(&["-t", "proc", "proc"], &made.path("proc")),
        Mount::new(&["-o", "loop", &image], &made.path("disk")),
    ];
    if mounts.iter().any(Option::is_none) {
        return;
    }
    made.file("run/state", "x").file("disk/file", "own");
    let place = tempfile::tempdir().unwrap();
    let archive = place.path().join("scan.tar");
    let names = |capturing: Capture| {
        let captured =
            capture(&capturing.with_overwrite(diskwright_core::sink::Overwrite::Replace), &archive);
        let captured = captured.unwrap();
        let mut left: Vec<String> = captured.findings.iter().map(|found| found.path.clone()).collect();
        left.sort();
        let source = TarSource::new(&Files::default(), &archive, place.path()).unwrap();
        (paths(&source), left, captured.machine.capture.unwrap().left_out.len())
    };
    let (paths, left, told) = names(Capture::new(made.root.path()));
    assert_eq!(paths, ["", "disk", "disk/file", "disk/lost+found", "proc", "run"]);
    assert_eq!((left, told), (vec!["proc".to_owned(), "run".to_owned()], 2));
    let (paths, left, _) = names(Capture::new(made.root.path()).with_one_file_system(OneFileSystem::Stay));
    assert_eq!(paths, ["", "disk", "proc", "run"]);
    assert_eq!(left, ["disk", "proc", "run"]);
}

#[test]
fn files_that_are_mounted_are_taken_or_left_out_by_what_they_are() {
    if !is_root() {
        return;
    }
    let made = Directory::new();
    made.file("state", "").file("own", "").file("file", "content").dir("run");
    let Some(_run) = Mount::new(&["-t", "tmpfs", "tmpfs"], &made.path("run")) else { return };
    made.file("run/state", "in memory");
    let state = made.path("run/state");
    let own = made.path("file");
    let mounts = [
        Mount::new(&["--bind", state.to_str().unwrap()], &made.path("state")),
        Mount::new(&["--bind", own.to_str().unwrap()], &made.path("own")),
    ];
    if mounts.iter().any(Option::is_none) {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let archive = place.path().join("scan.tar");
    let captured = capture(&Capture::new(made.root.path()), &archive).unwrap();
    let left: Vec<&str> = captured.findings.iter().map(|found| found.path.as_str()).collect();
    assert_eq!(left, ["run", "state"]);
}

#[test]
fn other_names_of_sockets_are_left_out_as_the_first() {
    let made = Directory::new();
    let _socket = std::os::unix::net::UnixListener::bind(made.path("a")).unwrap();
    made.hard_link("b", "a");
    let place = tempfile::tempdir().unwrap();
    let archive = place.path().join("scan.tar");
    let captured = capture(&Capture::new(made.root.path()), &archive).unwrap();
    let left: Vec<&str> = captured.findings.iter().map(|found| found.path.as_str()).collect();
    assert_eq!(left, ["a", "b"]);
    let source = TarSource::new(&Files::default(), &archive, place.path()).unwrap();
    assert_eq!(paths(&source), [""]);
}

#[test]
fn a_report_of_many_long_paths_is_one_that_readers_take() {
    let made = Directory::new();
    // Four bytes each in a finding's text, five in the report.
    let deep = vec![vec![0xff_u8; 250]; 15].join(&b'/');
    made.dir(&deep[..]);
    let _sockets: Vec<_> = (0..40)
        .map(|number: u32| {
            let socket = made.path("socket");
            let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
            let name = [&deep[..], format!("/{number}").as_bytes()].concat();
            std::fs::rename(socket, made.path(name)).unwrap();
            listener
        })
        .collect();
    let place = tempfile::tempdir().unwrap();
    let archive = place.path().join("scan.tar");
    let captured = capture(&Capture::new(made.root.path()), &archive).unwrap();
    let told = captured.machine.capture.unwrap();
    assert_eq!(told.left_out.len() as u64 + told.unlisted, 40);
    assert!(!told.left_out.is_empty() && told.unlisted > 0);
    let source = TarSource::new(&Files::default(), &archive, place.path()).unwrap();
    let summary = source.scan(&mut |_: Entry| Ok(())).unwrap();
    assert!(summary.machine_report.unwrap().len() < 512 << 10);
}

#[test]
fn excluded_paths_sockets_reserved_names_and_the_archive_itself_are_left_out() {
    let made = Directory::new();
    made.dir("var/cache/apt").dir("work").dir(".diskwright").file(".diskwright/machine.json", "false");
    made.file("work/x", "x").file("var/cache/apt/x", "x").file("file.swp", "x").file("file", "x");
    let _socket = std::os::unix::net::UnixListener::bind(made.path("socket")).unwrap();
    let archive = made.path("scan.tar.zst");
    let excluded = Excluded::new(["/work", "/var/cache/*", "*.swp"]).unwrap();
    // One that is replaced is no more a part of itself than one that is new.
    std::fs::write(&archive, "old").unwrap();
    let capturing = Capture::new(made.root.path()).with_overwrite(diskwright_core::sink::Overwrite::Replace);
    let captured = capture(&capturing.with_excluded(excluded), &archive).unwrap();
    let mut found: Vec<_> = captured.findings.iter().map(|found| (found.code, found.severity)).collect();
    found.sort_by_key(|(code, _)| *code);
    assert_eq!(found, [("reserved", Severity::Warning), ("socket", Severity::Note)]);
    let source = TarSource::new(&Files::default(), &archive, made.root.path()).unwrap();
    assert_eq!(paths(&source), ["", "file", "var", "var/cache"]);
}

#[test]
fn a_name_that_is_taken_is_refused_and_what_a_killed_run_left_is_replaced() {
    let made = Directory::new();
    made.file("file", "x");
    let place = tempfile::tempdir().unwrap();
    let archive = place.path().join("scan.tar");
    let part = place.path().join("scan.tar.part");
    std::fs::write(&part, "left by a run that is gone").unwrap();
    let capturing = Capture::new(made.root.path());
    capture(&capturing, &archive).unwrap();
    assert!(!part.exists());
    let error = capture(&capturing, &archive).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Sink);
    let again = capturing.clone().with_overwrite(diskwright_core::sink::Overwrite::Replace);
    std::fs::set_permissions(&archive, std::fs::Permissions::from_mode(0o644)).unwrap();
    capture(&again, &archive).unwrap();
    assert_eq!(archive.metadata().unwrap().mode() & 0o777, 0o600);

    let mut other = File::create(&part).unwrap();
    other.write_all(b"of a run that goes on").unwrap();
    rustix::fs::flock(&other, rustix::fs::FlockOperation::LockExclusive).unwrap();
    assert_eq!(capture(&again, &archive).unwrap_err().kind(), ErrorKind::Sink);
    assert!(part.exists());
}

#[test]
fn a_name_that_says_no_packing_is_refused() {
    let made = Directory::new();
    for name in ["scan", "scan.zip", "scan.tar.bz2", ".tar", "tar"] {
        let error = capture(&Capture::new(made.root.path()), Path::new(name)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidOption, "{name}");
    }
}

#[test]
fn each_failing_operation_and_a_cancellation_leave_nothing() {
    let made = Directory::new();
    made.file("small", "x").file("large", noise(3 << 20));
    let place = tempfile::tempdir().unwrap();
    let archive = place.path().join("scan.tar.zst");
    let capturing = Capture::new(made.root.path());
    let left = || std::fs::read_dir(place.path()).unwrap().count();
    let monitor = Monitor::new();
    monitor.cancel();
    let error = capturing.run(&Files::default(), &archive, &monitor).unwrap_err();
    assert_eq!((error.kind(), monitor.status().phase, left()), (ErrorKind::Cancelled, Phase::Failed, 0));
    let mut number = 1;
    let mut failed = 0;
    loop {
        let gate = FailAt::new(number);
        let monitor = Monitor::new();
        let captured = capturing.run(&Files::gated(gate.clone()), &archive, &monitor);
        match captured {
            Ok(_) => {
                // What only describes the host, or only cleans up, is not missed.
                assert_eq!((monitor.status().phase, left()), (Phase::Finished, 1));
                std::fs::remove_file(&archive).unwrap();
                if gate.count() < number {
                    break;
                }
            }
            Err(error) => {
                let kind = error.kind();
                assert!(matches!(kind, ErrorKind::Sink | ErrorKind::Source), "operation {number}: {error:?}");
                assert_eq!(left(), 0, "operation {number}");
                failed += 1;
            }
        }
        number += 1;
    }
    assert!(failed > 15, "only {failed} operations failed a capture");
}

const CAPABILITY: [u8; 20] = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
/// `user::rw-`, `user:1000:r-x`, `group::r--`, `mask::r-x`, `other::---`.
const ACL: [u8; 44] = [
    2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 5, 0, 0xe8, 3, 0, 0, 4, 0, 4, 0, 255, 255, 255, 255,
    16, 0, 5, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255,
];
