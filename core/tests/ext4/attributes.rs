//! Extended attributes and access control lists.

use diskwright_core::ErrorKind;
use diskwright_core::filesystem::ext4::{Ext4Features, Ext4Plan};
use diskwright_core::scan::{Attributes, EntryObject, FLAG_APPEND, FLAG_IMMUTABLE, FLAG_NODUMP};

use crate::compare::assert_same;
use crate::directories::assert_lives_on;
use crate::image::{ALL, Image, MIB, options};
use crate::scan::{Scan, plain, with_xattrs};

/// An access control list as getxattr gives it.
pub(crate) fn acl(entries: &[(u16, u16, u32)]) -> Vec<u8> {
    let mut wire = vec![2, 0, 0, 0];
    for (tag, permissions, id) in entries {
        wire.extend_from_slice(&tag.to_le_bytes());
        wire.extend_from_slice(&permissions.to_le_bytes());
        wire.extend_from_slice(&id.to_le_bytes());
    }
    wire
}

const NONE: u32 = u32::MAX;
const LABEL: (&str, &[u8]) = ("security.selinux", b"system_u:object_r:usr_t:s0\0");
/// cap_net_raw=ep, revision 2.
const CAPABILITY: (&str, &[u8]) =
    ("security.capability", &[1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

fn named() -> Vec<u8> {
    acl(&[
        (1, 7, NONE),
        (2, 5, 1000),
        (2, 4, 70_000),
        (4, 5, NONE),
        (8, 1, 100),
        (16, 5, NONE),
        (32, 0, NONE),
    ])
}

#[test]
fn attributes_of_every_namespace_are_shown_by_the_kernel() {
    let mut scan = Scan::new();
    scan.put("", EntryObject::Directory, with_xattrs(0o755, &[LABEL, ("user.root", b"yes")]));
    scan.file_with("labelled", 10, None, with_xattrs(0o644, &[LABEL]));
    scan.file_with("capable", 10, None, with_xattrs(0o755, &[LABEL, CAPABILITY]));
    scan.file_with("empty-value", 10, None, with_xattrs(0o644, &[("user.empty", b"")]));
    let access = named();
    let of_acl: &[(&str, &[u8])] = &[("system.posix_acl_access", &access), LABEL];
    scan.file_with("acl", 10, None, with_xattrs(0o750, of_acl));
    let default = acl(&[(1, 7, NONE), (4, 5, NONE), (32, 5, NONE)]);
    let of_default: &[(&str, &[u8])] =
        &[("system.posix_acl_access", &access), ("system.posix_acl_default", &default)];
    scan.put("d", EntryObject::Directory, with_xattrs(0o750, of_default));
    scan.put("link", EntryObject::Symlink(b"x".to_vec()), with_xattrs(0o777, &[LABEL]));
    scan.put(
        "long",
        EntryObject::Symlink(vec![b'x'; 100]),
        with_xattrs(0o777, &[LABEL, ("trusted.t", &[1; 500])]),
    );
    scan.put("fifo", EntryObject::Fifo, with_xattrs(0o600, &[LABEL, ("trusted.t", &[9; 100])]));
    scan.file_with(
        "high",
        1,
        None,
        with_xattrs(0o644, &[("user.größe", b"1"), ("user.x", "größe".as_bytes())]),
    );
    let long_name = format!("user.{}", "n".repeat(250));
    scan.file_with("long-name", 1, None, with_xattrs(0o644, &[(&long_name, b"v")]));
    let view = scan.view();
    for features in ALL {
        let image = Image::new(&view, options(features), 16 * MIB);
        image.assert_clean();
        if let Some(mounted) = image.mount("loop,ro") {
            assert_same(&view, &mounted);
        }
    }
}

#[test]
fn sets_of_every_size_up_to_the_limit_are_kept() {
    let mut scan = Scan::new();
    for len in (0..=100).chain((0..4).map(|at| 4036 - at)).chain([2000]) {
        let value = vec![b'v'; len];
        scan.file_with(format!("value-{len}"), 3, None, with_xattrs(0o644, &[("user.v", &value)]));
    }
    for count in [2, 3, 5, 40, 120] {
        let names: Vec<String> = (0..count).map(|at| format!("user.{at}-{}", "n".repeat(at % 11))).collect();
        let xattrs: Vec<(&str, &[u8])> =
            names.iter().map(|name| (name.as_str(), &name.as_bytes()[..name.len() % 8])).collect();
        scan.file_with(format!("count-{count}"), 3, None, with_xattrs(0o644, &xattrs));
    }
    // 88 bytes in the inode and 4060 in the block, both to the last.
    let full: &[(&str, &[u8])] = &[("user.a", &[1; 68]), ("user.b", &[2; 4040])];
    scan.file_with("full", 3, None, with_xattrs(0o644, full));
    let view = scan.view();
    for features in [Ext4Features::Modern, Ext4Features::Ext3] {
        let image = Image::new(&view, options(features), 16 * MIB);
        image.assert_clean();
        if let Some(mounted) = image.mount("loop,ro") {
            assert_same(&view, &mounted);
        }
    }
}

#[test]
fn a_set_that_is_too_large_is_refused_with_path_and_limit() {
    let mut scan = Scan::new();
    scan.dir("d").file_with("d/big", 3, None, with_xattrs(0o644, &[LABEL, ("user.v", &[0; 4041])]));
    let error = Ext4Plan::new(scan.view(), options(Ext4Features::Modern), 16 * MIB).err().unwrap();
    assert_eq!((error.kind(), error.path()), (ErrorKind::LimitExceeded, Some(&b"d/big"[..])));
    assert!(error.to_string().contains("4060"), "{error}");
}

#[test]
fn a_malformed_access_control_list_is_refused_with_its_path() {
    let mut bad = named();
    bad.pop();
    let mut scan = Scan::new();
    scan.file_with("bad", 3, None, with_xattrs(0o644, &[("system.posix_acl_access", &bad)]));
    let error = scan.try_tree().unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::Source, Some(&b"bad"[..])));
}

#[test]
fn equal_sets_share_blocks_up_to_the_limit() {
    let mut scan = Scan::new();
    for at in 0..2500 {
        scan.file_with(format!("f{at}"), 0, None, with_xattrs(0o644, &[("user.v", &[5; 1000])]));
    }
    let view = scan.view();
    // With inodes for what is made there later.
    let size = 96 * MIB;
    let image = Image::new(&view, options(Ext4Features::Modern), size);
    image.assert_clean();
    if let Some(mounted) = image.mount("loop,ro") {
        assert_same(&view, &mounted);
    }
    let plain_free = {
        let mut scan = Scan::new();
        (0..2500).for_each(|at| {
            scan.file(format!("f{at}"), 0);
        });
        Ext4Plan::new(scan.view(), options(Ext4Features::Modern), size).unwrap().summary().free
    };
    let free = Ext4Plan::new(view, options(Ext4Features::Modern), size).unwrap().summary().free;
    assert_eq!(plain_free - free, 3 * 4096);
    let deleted: Vec<Vec<u8>> = (0..500).map(|at| format!("f{at}").into_bytes()).collect();
    assert_lives_on(&image, "", &deleted);
}

#[test]
fn flags_are_kept_and_those_that_special_files_cannot_have_are_refused() {
    let flagged = |flags| Attributes { flags, ..plain(0o644) };
    let mut scan = Scan::new();
    scan.file_with("fixed", 3, None, flagged(FLAG_IMMUTABLE));
    scan.file_with("log", 3, None, flagged(FLAG_APPEND | FLAG_NODUMP));
    scan.put("fifo", EntryObject::Fifo, flagged(FLAG_NODUMP));
    let image = Image::new(&scan.view(), options(Ext4Features::Modern), 16 * MIB);
    image.assert_clean();
    for (path, flags) in [("fixed", "0x80010"), ("log", "0x80060"), ("fifo", "0x40")] {
        let Some(shown) = image.ask("debugfs", &["-R", &format!("stat /{path}")]) else { return };
        assert!(shown.contains(&format!("Flags: {flags}\n")), "{path}: {shown}");
    }
    scan.put("pipe", EntryObject::Fifo, flagged(FLAG_IMMUTABLE));
    let error = Ext4Plan::new(scan.view(), options(Ext4Features::Modern), 16 * MIB).err().unwrap();
    assert_eq!(error.path(), Some(&b"pipe"[..]));
}
