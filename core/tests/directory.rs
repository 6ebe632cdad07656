//! What a directory scan shows of each kind of entry.

mod support;

use diskwright_core::scan::{
    DataRange, DeviceNumber, Entry, EntryObject, FLAG_APPEND, FLAG_IMMUTABLE, FLAG_NODUMP, OneFileSystem,
    ScanSource,
};
use diskwright_core::tree::{Findings, Severity, TreeBuilder, Whiteouts};
use diskwright_core::{ErrorKind, Files, Timestamp};
use rustix::fs::{FileType, IFlags};
use support::*;

#[test]
fn every_kind_of_entry_comes_with_its_attributes() {
    if !is_root() {
        return;
    }
    let made = Directory::new();
    made.dir("dir").file("file", "content").link("link", b"dir/\xff target");
    made.node("null", FileType::CharacterDevice, (1, 3)).node(
        "far",
        FileType::BlockDevice,
        (4095, 1_048_575),
    );
    made.node("fifo", FileType::Fifo, (0, 0)).node("socket", FileType::Socket, (0, 0));
    made.owner("file", 65_536, 4_294_967_294).mode("file", 0o7777).owner("link", 7, 8).mode("fifo", 0);
    made.mode("dir", 0o1750).time("file", -1, 999_999_999).time("link", -2_147_483_647, 1);
    made.time("dir", 4_294_967_296, 123_456_789);

    let seen = by_path(&made.source());
    let kinds: Vec<String> = seen
        .values()
        .map(|entry| format!("{} {:?}", entry.path.escape_ascii(), entry.object))
        .map(|text| text.replace(&format!("{:?}", content_of(&seen[&b"file"[..]])), "ID"))
        .collect();
    let expected = [
        " Directory",
        "dir Directory",
        "far BlockDevice(DeviceNumber { major: 4095, minor: 1048575 })",
        "fifo Fifo",
        "file File { content: ID, size: 7, data: None }",
        "link Symlink([100, 105, 114, 47, 255, 32, 116, 97, 114, 103, 101, 116])",
        "null CharDevice(DeviceNumber { major: 1, minor: 3 })",
        "socket Socket",
    ];
    assert_eq!(kinds, expected);
    let of = |path: &str| {
        let attributes = &seen[path.as_bytes()].attributes;
        (attributes.mode, attributes.uid, attributes.gid)
    };
    assert_eq!(of("file"), (0o7777, 65_536, 4_294_967_294));
    assert_eq!(of("link"), (0o777, 7, 8));
    assert_eq!(of("fifo"), (0, 0, 0));
    assert_eq!(of("dir"), (0o1750, 0, 0));
    let time = |path: &str| seen[path.as_bytes()].attributes.mtime;
    assert_eq!(time("file"), Timestamp { seconds: -1, nanos: 999_999_999 });
    assert_eq!(time("link"), Timestamp { seconds: -2_147_483_647, nanos: 1 });
    assert_eq!(time("dir"), Timestamp { seconds: 4_294_967_296, nanos: 123_456_789 });
    let source = made.source();
    assert_eq!(scan_and_read(&source, b"file").unwrap(), b"content");
    assert!(matches!(seen[&b"null"[..]].object, EntryObject::CharDevice(DeviceNumber { major: 1, .. })));
}

#[test]
fn entries_come_depth_first_and_siblings_by_their_bytes() {
    let made = Directory::new();
    made.dir("a").file("a/z", "").file("a.b", "").file("B", "").file(b"\xff\xfe", "").file("\u{e9}", "");
    made.dir("a-").dir("a/empty").file("a\nb", "").file(" ", "");
    let order: Vec<Vec<u8>> = entries(&made.source()).unwrap().into_iter().map(|entry| entry.path).collect();
    let expected: [&[u8]; 11] =
        [b"", b" ", b"B", b"a", b"a/empty", b"a/z", b"a\nb", b"a-", b"a.b", b"\xc3\xa9", b"\xff\xfe"];
    assert_eq!(order, expected);
}

#[test]
fn extended_attributes_of_every_kind_of_entry_are_read() {
    if !is_root() {
        return;
    }
    // Two entries of version 2: user 1000 may read, mask read (linux/posix_acl_xattr.h).
    let acl = b"\x02\0\0\0\x01\0\x06\0\xff\xff\xff\xff\x02\0\x04\0\xe8\x03\0\0\x04\0\x04\0\xff\xff\xff\xff\
        \x10\0\x04\0\xff\xff\xff\xff\x20\0\x04\0\xff\xff\xff\xff";
    // Version 2 with CAP_NET_BIND_SERVICE effective (linux/capability.h).
    let capability = b"\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let made = Directory::new();
    made.dir("dir").file("file", "x").link("link", b"nowhere");
    made.node("device", FileType::CharacterDevice, (1, 3)).node("fifo", FileType::Fifo, (0, 0));
    made.xattr("", "trusted.root", b"r").xattr("dir", "system.posix_acl_default", acl);
    made.xattr("file", "user.empty", b"").xattr("file", "user.\u{e9}", &[0, 255]);
    made.xattr("file", "system.posix_acl_access", acl).xattr("file", "security.capability", capability);
    made.xattr("link", "trusted.link", b"l").xattr("device", "trusted.device", b"d");
    made.xattr("fifo", "trusted.fifo", b"f");

    let seen = by_path(&made.source());
    let of = |path: &str| {
        let mut xattrs = seen[path.as_bytes()].attributes.xattrs.clone();
        xattrs.retain(|(name, _)| !name.starts_with(b"security.selinux"));
        xattrs.sort();
        xattrs
    };
    let pair = |name: &str, value: &[u8]| (name.as_bytes().to_vec(), value.to_vec());
    assert_eq!(of(""), [pair("trusted.root", b"r")]);
    assert_eq!(of("dir"), [pair("system.posix_acl_default", acl)]);
    let expected = [
        pair("security.capability", capability),
        pair("system.posix_acl_access", acl),
        pair("user.empty", b""),
        pair("user.\u{e9}", &[0, 255]),
    ];
    assert_eq!(of("file"), expected);
    assert_eq!(of("link"), [pair("trusted.link", b"l")]);
    assert_eq!(of("device"), [pair("trusted.device", b"d")]);
    assert_eq!(of("fifo"), [pair("trusted.fifo", b"f")]);
}

#[test]
fn inode_flags_of_files_and_directories_are_read() {
    if !is_root() {
        return;
    }
    let made = Directory::new();
    made.dir("kept").file("fixed", "").file("log", "").file("plain", "");
    let set = |path: &str, flags: IFlags| {
        let open = std::fs::File::open(made.path(path)).unwrap();
        rustix::fs::ioctl_setflags(&open, rustix::fs::ioctl_getflags(&open)? | flags)
    };
    let done = [set("kept", IFlags::NODUMP), set("log", IFlags::APPEND), set("fixed", IFlags::IMMUTABLE)];
    let seen = by_path(&made.source());
    for path in ["log", "fixed"] {
        let open = std::fs::File::open(made.path(path)).unwrap();
        let flags = rustix::fs::ioctl_getflags(&open).unwrap_or(IFlags::empty());
        let _ = rustix::fs::ioctl_setflags(&open, flags - IFlags::APPEND - IFlags::IMMUTABLE);
    }
    if !require("a file system with inode flags", done.iter().all(Result::is_ok)) {
        return;
    }
    let of = |path: &str| seen[path.as_bytes()].attributes.flags;
    assert_eq!(
        [of("kept"), of("log"), of("fixed"), of("plain")],
        [FLAG_NODUMP, FLAG_APPEND, FLAG_IMMUTABLE, 0]
    );
}

#[test]
fn holes_are_found_and_dense_files_have_no_map() {
    let made = Directory::new();
    made.file("dense", vec![1; 100_000]).file("empty", "");
    let sparse = std::fs::File::create(made.path("sparse")).unwrap();
    sparse.set_len(10 << 20).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&sparse, &[7; 4096], 1 << 20).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&sparse, &[8; 4096], (10 << 20) - 4096).unwrap();
    std::fs::File::create(made.path("hollow")).unwrap().set_len(1 << 40).unwrap();
    let source = made.source();
    let seen = by_path(&source);
    let data = |path: &str| match &seen[path.as_bytes()].object {
        EntryObject::File { data, size, .. } => (*size, data.clone()),
        other => panic!("{other:?}"),
    };
    assert_eq!(data("dense"), (100_000, None));
    assert_eq!(data("empty"), (0, None));
    assert_eq!(data("hollow"), (1 << 40, Some(Vec::new())));
    let ranges =
        vec![DataRange { offset: 1 << 20, len: 4096 }, DataRange { offset: (10 << 20) - 4096, len: 4096 }];
    assert_eq!(data("sparse"), (10 << 20, Some(ranges)));
    let read = read(&source, content_of(&seen[&b"sparse"[..]])).unwrap();
    assert_eq!(read[(1 << 20) - 1..][..3], [0, 7, 7]);
    assert_eq!(read.len(), 10 << 20);
}

#[test]
fn the_first_name_of_an_inode_is_the_entry_and_the_others_are_links_to_it() {
    let made = Directory::new();
    made.dir("d").file("d/z", "same").hard_link("a", "d/z").hard_link("zz", "a");
    made.link("d/link", b"target").hard_link("other", "d/link").file("single", "");
    let source = made.source();
    let seen = by_path(&source);
    let target = |path: &str| match &seen[path.as_bytes()].object {
        EntryObject::HardLink(target) => Some(target.clone()),
        _ => None,
    };
    assert_eq!(target("a"), None);
    assert_eq!(target("d/z"), Some(b"a".to_vec()));
    assert_eq!(target("zz"), Some(b"a".to_vec()));
    assert_eq!(target("d/link"), None);
    assert_eq!(target("other"), Some(b"d/link".to_vec()));
    assert_eq!(target("single"), None);
    assert_eq!(read(&source, content_of(&seen[&b"a"[..]])).unwrap(), b"same");

    let mut builder = TreeBuilder::new(Findings::default());
    builder.add_source(std::sync::Arc::new(made.source()), Whiteouts::Plain).unwrap();
    let (tree, findings) = builder.finish().unwrap();
    let inode = tree.inode_of(tree.lookup(b"zz").unwrap());
    assert_eq!(tree.inode(inode).links, 3);
    assert_eq!(tree.read(inode, 100).unwrap(), b"same");
    assert_eq!(findings, []);
}

#[test]
fn a_root_that_is_a_link_or_relative_is_scanned_and_one_that_is_no_directory_is_refused() {
    let made = Directory::new();
    made.dir("tree").file("tree/inside", "x").link("alias", b"tree").file("plain", "");
    let new = |path: &std::path::Path| {
        diskwright_core::scan::DirectorySource::new(path, OneFileSystem::Stay, Files::default())
    };
    let through_link = new(&made.path("alias")).unwrap();
    assert_eq!(scan_and_read(&through_link, b"inside").unwrap(), b"x");
    let relative = new(std::path::Path::new(".")).unwrap();
    assert!(by_path(&relative).contains_key(&b"Cargo.toml"[..]));
    for path in [made.path("plain"), made.path("missing"), "/proc".into(), "/sys".into()] {
        let error = new(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Source);
        assert_eq!(error.path(), Some(path.as_os_str().as_encoded_bytes()));
    }
}

#[test]
fn another_file_system_is_left_out_unless_crossing_is_asked_for() {
    if !is_root() {
        return;
    }
    let made = Directory::new();
    made.dir("mounted").dir("mounted/hidden").dir("proc").file("bound", "hidden").file("other", "outside");
    let other = made.path("other");
    let mounts = [
        Mount::new(&["-t", "tmpfs", "none"], &made.path("mounted")),
        Mount::new(&["-t", "proc", "none"], &made.path("proc")),
        Mount::new(&["--bind", other.to_str().unwrap()], &made.path("bound")),
    ];
    if mounts.iter().any(Option::is_none) {
        return;
    }
    made.file("mounted/file", "there");
    let stay = made.source();
    let seen = by_path(&stay);
    let paths: Vec<&[u8]> = seen.keys().map(|path| &**path).collect();
    assert_eq!(paths, [&b""[..], b"bound", b"mounted", b"other", b"proc"]);
    assert_eq!(read(&stay, content_of(&seen[&b"bound"[..]])).unwrap(), b"");
    let found: Vec<_> = findings(&stay).into_iter().map(|found| (found.path, found.severity)).collect();
    let expected = [("bound", Severity::Warning), ("mounted", Severity::Note), ("proc", Severity::Note)];
    assert_eq!(found, expected.map(|(path, severity)| (path.to_owned(), severity)));

    let root = made.root.path();
    let cross = diskwright_core::scan::DirectorySource::new(root, OneFileSystem::Cross, Files::default());
    let cross = cross.unwrap();
    let seen = by_path(&cross);
    assert_eq!(read(&cross, content_of(&seen[&b"mounted/file"[..]])).unwrap(), b"there");
    assert_eq!(read(&cross, content_of(&seen[&b"bound"[..]])).unwrap(), b"outside");
    assert!(!seen.keys().any(|path| path.starts_with(b"proc/")));
    let found: Vec<_> = findings(&cross).into_iter().map(|found| found.path).collect();
    assert_eq!(found, ["proc"]);
}

#[test]
fn an_error_of_the_visitor_ends_the_scan_with_that_error() {
    let made = Directory::new();
    made.dir("d").file("d/f", "");
    let mut seen = 0;
    let error = made
        .source()
        .scan(&mut |_: Entry| {
            seen += 1;
            Err(diskwright_core::Error::new(ErrorKind::Cancelled, "enough"))
        })
        .unwrap_err();
    assert_eq!((error.kind(), seen), (ErrorKind::Cancelled, 1));
}

#[test]
fn unreadable_entries_are_errors_that_name_the_path() {
    const CHILD: &str = "DIRECTORY_SCANNED_AS_NOBODY";
    if let Some(root) = std::env::var_os(CHILD) {
        let root = std::path::PathBuf::from(root);
        let new = |path: &std::path::Path| {
            diskwright_core::scan::DirectorySource::new(path, OneFileSystem::Stay, Files::default()).unwrap()
        };
        for (below, denied) in [("file", "file/secret"), ("dir", "dir/closed")] {
            let error = entries(&new(&root.join(below))).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Source);
            assert_eq!(error.path(), Some(root.join(denied).as_os_str().as_encoded_bytes()));
        }
        // What is not opened needs no permission.
        assert_eq!(entries(&new(&root.join("special"))).unwrap().len(), 3);
        return;
    }
    if !is_root() {
        return;
    }
    let made = Directory::new();
    made.mode("", 0o755).dir("file").dir("dir/closed").dir("special");
    made.file("file/secret", "x").mode("file/secret", 0o600).mode("dir/closed", 0o700);
    made.node("special/fifo", FileType::Fifo, (0, 0)).link("special/link", b"x").mode("special/fifo", 0);
    std::fs::copy(std::env::current_exe().unwrap(), made.path("test")).unwrap();
    let mut child = std::process::Command::new(made.path("test"));
    std::os::unix::process::CommandExt::uid(&mut child, 65_534);
    child.args(["--exact", "unreadable_entries_are_errors_that_name_the_path"]);
    let done = child.env(CHILD, made.root.path()).current_dir("/").output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
    assert!(String::from_utf8_lossy(&done.stdout).contains("1 passed"));
}
