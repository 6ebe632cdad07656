//! Archives judged by GNU tar, bsdtar, Python and 7-Zip.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use diskwright_conformance::corpus::{Disk, noise, text};
use diskwright_core::{ErrorKind, Timestamp};
use diskwright_format_gce::{Gce, GceOptions};
use diskwright_oracle::{altered, path, run, tool, write, write_disks};

const GIB: u64 = 1 << 30;

/// A disk with more parts than the header and one block hold, or with few.
fn disk(parts: u64, ends_with_data: bool) -> Disk {
    let mut all: Vec<(u64, Vec<u8>)> =
        (0..parts).map(|part| (part * (10 << 20) + 512, text(5000 + part as usize))).collect();
    if ends_with_data {
        all.push((GIB - 700_000, noise(700_000, 3)));
    }
    Disk { size: GIB, parts: all }
}

fn written(disk: &Disk, folder: &Path) -> std::path::PathBuf {
    write_disks(&Gce::default(), &[disk.layout()], folder, 2).unwrap();
    folder.join("disk.tar.gz")
}

fn assert_is(disk: &Disk, raw: &Path) {
    assert_eq!(raw.metadata().unwrap().len(), disk.size);
    let file = std::fs::File::open(raw).unwrap();
    for (start, bytes) in &disk.parts {
        let from = start.saturating_sub(1 << 20);
        let len = (start + bytes.len() as u64 + (1 << 20)).min(disk.size) - from;
        let mut found = vec![0; len as usize];
        std::os::unix::fs::FileExt::read_exact_at(&file, &mut found, from).unwrap();
        assert!(found == disk.bytes(from, len), "the bytes from {from} on differ");
    }
}

#[test]
fn gnu_tar_unpacks_a_sparse_file_of_any_number_of_parts() {
    let Some(tar) = tool("tar") else { return };
    for (parts, ends_with_data) in
        [(0, false), (1, true), (4, false), (5, true), (25, false), (26, false), (70, true)]
    {
        let folder = tempfile::tempdir().unwrap();
        let disk = disk(parts, ends_with_data);
        let archive = written(&disk, folder.path());
        let listed = run(&tar, &["--list", "--verbose", "--gzip", "--file", path(&archive)]);
        assert!(listed.starts_with("-rw-r--r-- 0/0") && listed.contains("1073741824"), "{listed}");
        run(&tar, &["-xzf", path(&archive), "-C", path(folder.path())]);
        let raw = folder.path().join("disk.raw");
        assert_is(&disk, &raw);
        let blocks = raw.metadata().unwrap().blocks();
        assert!(blocks * 512 <= (parts + 2) << 20, "{blocks} blocks for {parts} parts");
    }
}

#[test]
fn bsdtar_python_and_7_zip_unpack_the_same() {
    let (Some(bsdtar), Some(python), Some(seven_zip)) = (tool("bsdtar"), tool("python3"), tool("7zz")) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let disk = disk(30, false);
    let archive = written(&disk, folder.path());
    let raw = folder.path().join("disk.raw");
    run(&bsdtar, &["-xf", path(&archive), "-C", path(folder.path())]);
    assert_is(&disk, &raw);
    std::fs::remove_file(&raw).unwrap();
    let script = "import sys, tarfile\ntarfile.open(sys.argv[1]).extract('disk.raw', sys.argv[2])";
    run(&python, &["-c", script, path(&archive), path(folder.path())]);
    assert_is(&disk, &raw);
    std::fs::remove_file(&raw).unwrap();
    let to = format!("-o{}", path(folder.path()));
    run(&seven_zip, &["e", "-y", "-tgzip", &to, path(&archive)]);
    run(&seven_zip, &["e", "-y", "-ttar", &to, path(&folder.path().join("disk.tar"))]);
    assert_is(&disk, &raw);
}

/// What `tar --format=oldgnu -S` says of the header of the same file, but for names, mode and times.
#[test]
fn the_header_is_that_of_gnu_tar() {
    let (Some(tar), Some(gzip)) = (tool("tar"), tool("gzip")) else { return };
    let folder = tempfile::tempdir().unwrap();
    let disk = disk(3, false);
    let archive = written(&disk, folder.path());
    run(&tar, &["-xzf", path(&archive), "-C", path(folder.path())]);
    let theirs = folder.path().join("theirs.tar");
    let at = path(folder.path());
    run(
        &tar,
        &[
            "-cSf",
            path(&theirs),
            "--format=oldgnu",
            "--owner=:0",
            "--group=:0",
            "--mode=0644",
            "--mtime=@0",
            "-C",
            at,
            "disk.raw",
        ],
    );
    let theirs = std::fs::read(theirs).unwrap();
    let ours = Command::new(gzip).arg("-dc").arg(&archive).output().unwrap().stdout;
    // Name to mode, type to magic; whether there are more parts, and the size.
    for field in [0..148, 156..265, 482..495] {
        assert_eq!(ours[field.clone()], theirs[field.clone()], "{field:?}");
    }
}

#[test]
fn gzip_finds_nothing_wrong() {
    let Some(gzip) = tool("gzip") else { return };
    let folder = tempfile::tempdir().unwrap();
    let archive = written(&disk(30, true), folder.path());
    run(&gzip, &["-t", path(&archive)]);
}

#[test]
fn what_compute_engine_does_not_take_is_refused_by_the_plan() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = |size: u64| {
        let disk = Disk { size, parts: vec![] };
        let error = write_disks(&Gce::default(), &[disk.layout()], folder.path(), 1).unwrap_err();
        assert_eq!(error.field(), Some("disk_size"));
        error.kind()
    };
    assert_eq!(refusal(GIB - (1 << 20)), ErrorKind::Unsupported);
    assert_eq!(refusal(65 << 40), ErrorKind::LimitExceeded);
    let machine = altered("disk", |machine| machine.timestamp = Timestamp::from_seconds(-1));
    let disk = Disk { size: GIB, parts: vec![] };
    let error = write(&Gce::default(), &machine, &[disk.layout()], folder.path(), 1).unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Unsupported, Some("timestamp")));
    let error = Gce::new(GceOptions::default().with_level(13)).unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidOption, Some("gce.level")));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
