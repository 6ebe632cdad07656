//! Archives of a real directory by GNU tar and bsdtar give the tree that the directory gives.

mod support;
mod tar_support;

use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use diskwright_core::scan::{Entry, ScanSource};
use diskwright_core::tree::Object;
use rustix::fs::FileType;
use support::Directory;
use tar_support::{run, source, tree, tree_lines};

/// What every format can hold.
fn plain_directory() -> Directory {
    let made = Directory::new();
    let big: Vec<u8> = (0..300_000_u32).map(|at| (at % 251) as u8).collect();
    made.dir("etc/ssl").dir("usr/bin").dir("empty");
    made.file("etc/fstab", "/dev/sda1 / ext4\n").file("etc/ssl/key", "").file("big", &big);
    made.file("usr/bin/tool", vec![7; 512]).file("usr/bin/odd", vec![9; 513]);
    made.hard_link("usr/bin/again", "usr/bin/tool").hard_link("zz", "big");
    made.link("bin", b"usr/bin").link("dangling", b"/nowhere/at all").link("loop", b"loop");
    made.mode("usr/bin/tool", 0o4755).mode("etc/ssl/key", 0o0).mode("empty", 0o1777).mode(".", 0o755);
    made.file("name with \n and \t", "x").file([b'n', 0xff, 0xfe], "not UTF-8");
    for path in ["etc/fstab", "big", "etc", ".", "empty", "bin"] {
        made.time(path, 1_600_000_000, 123_456_789);
    }
    made
}

/// What GNU and pax formats can hold besides.
fn full_directory() -> Directory {
    let made = plain_directory();
    let long: String = std::iter::repeat_n("d123456789", 12).collect();
    made.dir(format!("{long}/{long}/{long}")).file(format!("{long}/{long}/{long}/f"), "deep");
    made.file("n".repeat(255), "long name").link("longlink", "t".repeat(200).as_bytes());
    made.link("l".repeat(200), "t".repeat(300).as_bytes());
    made.hard_link("h".repeat(180), "n".repeat(255));
    made.node("fifo", FileType::Fifo, (0, 0));
    if support::is_root() {
        made.node("char", FileType::CharacterDevice, (5, 1)).node(
            "block",
            FileType::BlockDevice,
            (259, 70_000),
        );
        made.owner("big", 70_000, 3_000_000_000).owner("bin", 12, 34);
    }
    made
}

fn archive(made: &Directory, place: &Path, tool: &str, arguments: &[&str]) -> Option<PathBuf> {
    let path = place.join("scan.tar");
    let directory = made.root.path().to_str().unwrap();
    let mut all = vec!["-cf", path.to_str().unwrap()];
    all.extend(arguments);
    all.extend(["-C", directory, "."]);
    run(tool, &all).map(|_| path)
}

/// Whether the archive gives the directory's tree; with `seconds` times are compared without their fraction.
fn compare(made: &Directory, tool: &str, arguments: &[&str], seconds: bool) {
    let place = tempfile::tempdir().unwrap();
    let Some(path) = archive(made, place.path(), tool, arguments) else { return };
    let from_tar = tree_lines(&tree(Arc::new(source(&path))).unwrap(), seconds);
    let from_directory = tree_lines(&tree(Arc::new(made.source())).unwrap(), seconds);
    for (ours, theirs) in from_tar.iter().zip(&from_directory) {
        assert_eq!(ours, theirs, "{tool} {arguments:?}");
    }
    assert_eq!(from_tar.len(), from_directory.len(), "{tool} {arguments:?}");
}

#[test]
fn v7_and_ustar_archives_give_the_directorys_tree() {
    let made = plain_directory();
    for format in ["--format=v7", "--format=ustar"] {
        compare(&made, "tar", &[format, "--sort=name"], true);
    }
    compare(&made, "bsdtar", &["--format=ustar"], true);
    compare(&made, "bsdtar", &["--format=v7"], true);
}

#[test]
fn gnu_and_pax_archives_give_the_directorys_tree() {
    let made = full_directory();
    compare(&made, "tar", &["--format=gnu"], true);
    compare(&made, "tar", &["--format=oldgnu"], true);
    compare(&made, "tar", &["--format=pax", "--numeric-owner"], false);
    compare(&made, "bsdtar", &["--format=pax"], false);
    compare(&made, "bsdtar", &["--format=gnutar"], true);
    // Writes extended headers only where ustar does not suffice.
    compare(&made, "bsdtar", &["--format=rpax"], true);
}

#[test]
fn times_before_1970_and_after_2106_come_with_their_nanoseconds() {
    let made = plain_directory();
    made.time("etc/fstab", -1, 999_999_999).time("big", -86_400, 1).time("usr", 10_000_000_000, 5);
    compare(&made, "tar", &["--format=pax"], false);
    made.time("big", -86_400, 0).time("etc/fstab", -1, 0);
    // bsdtar writes fractions before 1970 with the wrong sign.
    compare(&made, "bsdtar", &["--format=pax"], false);
    compare(&made, "tar", &["--format=gnu"], true);
}

#[test]
fn extended_attributes_and_access_lists_come_from_both_archivers() {
    if !support::is_root() {
        return;
    }
    let made = plain_directory();
    made.xattr("etc/fstab", "user.comment", b"a\0b=\n%25").xattr("etc", "trusted.x", b"");
    made.xattr("big", "user.per%cent=name", b"1").xattr(".", "user.root", b"r");
    let capability = [&[1, 0, 0, 2][..], &[0, 4, 0, 0], &[0; 12]].concat();
    made.xattr("usr/bin/odd", "security.capability", &capability);
    let pax = ["--format=pax", "--xattrs", "--xattrs-include=*"];
    compare(&made, "tar", &pax, false);
    let path = made.path("etc/fstab");
    let path = path.to_str().unwrap();
    if run("setfacl", &["-m", "u:1234:rw,g:5678:---", path]).is_none() {
        return;
    }
    let etc = made.path("etc");
    run("setfacl", &["-d", "-m", "u:4001:r-x", etc.to_str().unwrap()]);
    compare(&made, "tar", &pax, false);
    compare(&made, "tar", &[&pax[..], &["--acls", "--numeric-owner"]].concat(), false);
    compare(&made, "bsdtar", &["--format=pax", "--acls", "--xattrs"], false);
}

#[test]
fn every_kind_of_sparse_file_keeps_content_and_holes() {
    let made = Directory::new();
    let file = std::fs::File::create(made.path("sparse")).unwrap();
    file.set_len(8 << 20).unwrap();
    for at in 0..40_u64 {
        file.write_all_at(&[at as u8 + 1; 5000], at * 131_072 + 8192).unwrap();
    }
    let all_hole = std::fs::File::create(made.path("hole")).unwrap();
    all_hole.set_len(1 << 20).unwrap();
    let odd_end = std::fs::File::create(made.path("odd")).unwrap();
    odd_end.write_all_at(b"end", (1 << 20) + 77).unwrap();
    made.file("plain", "plain");
    for arguments in [
        &["--format=gnu", "--sparse"][..],
        &["--format=oldgnu", "--sparse"],
        &["--format=pax", "--sparse", "--sparse-version=0.0"],
        &["--format=pax", "--sparse", "--sparse-version=0.1"],
        &["--format=pax", "--sparse", "--sparse-version=1.0"],
    ] {
        let place = tempfile::tempdir().unwrap();
        let Some(path) = archive(&made, place.path(), "tar", arguments) else { return };
        let from_tar = tree(Arc::new(source(&path))).unwrap();
        let sparse = from_tar.lookup(b"sparse").unwrap();
        let Object::File { data: Some(data), size } = from_tar.inode(from_tar.inode_of(sparse)).object else {
            panic!("{arguments:?}: no holes");
        };
        let stored: u64 = data.iter().map(|range| range.len).sum();
        assert_eq!((data.len(), size), (40, 8 << 20), "{arguments:?}");
        assert!(stored <= 40 * 12_288, "{arguments:?}: {stored}");
        compare(&made, "tar", arguments, !arguments.contains(&"--format=pax"));
    }
    compare(&made, "bsdtar", &["--format=pax"], false);
    compare(&made, "bsdtar", &["--format=pax", "--read-sparse"], false);
}

#[test]
fn every_packing_gives_the_same_tree() {
    let made = full_directory();
    for packing in ["--gzip", "--zstd", "--xz", "--bzip2"] {
        compare(&made, "tar", &["--format=pax", packing], false);
        compare(&made, "tar", &["--format=pax", "--sort=name", packing], false);
    }
}

#[test]
fn members_streams_and_frames_follow_each_other() {
    let place = tempfile::tempdir().unwrap();
    let made = plain_directory();
    let Some(plain) = archive(&made, place.path(), "tar", &["--format=pax"]) else { return };
    let bytes = std::fs::read(&plain).unwrap();
    let expected = tree_lines(&tree(Arc::new(source(&plain))).unwrap(), false);
    let part = place.path().join("part");
    for (tool, arguments) in [
        ("gzip", &["-c"][..]),
        ("zstd", &["-c", "-q", "--check"]),
        ("xz", &["-c", "-0", "--block-size=100000"]),
        ("bzip2", &["-c"]),
    ] {
        let mut packed = Vec::new();
        for piece in bytes.chunks(99_999) {
            std::fs::write(&part, piece).unwrap();
            let mut all = arguments.to_vec();
            all.push(part.to_str().unwrap());
            let Some(output) = run(tool, &all) else { return };
            packed.extend(output);
            if tool == "zstd" {
                packed.extend(b"\x53\x2a\x4d\x18\x05\x00\x00\x00skips");
            }
            if tool == "xz" {
                packed.extend([0; 8]);
            }
        }
        let path = place.path().join(format!("packed.{tool}"));
        std::fs::write(&path, &packed).unwrap();
        assert_eq!(tree_lines(&tree(Arc::new(source(&path))).unwrap(), false), expected, "{tool}");
        // A flipped bit near the end, in a checksum or in the zeros behind the last member, is seen.
        let last = packed.len() - 30;
        packed[last] ^= 1;
        std::fs::write(&path, &packed).unwrap();
        source(&path).scan(&mut |_: Entry| Ok(())).expect_err(tool);
    }
}
