//! Small trees of every kind of entry.

use diskwright_core::filesystem::ext4::{Ext4Features, Ext4Plan};
use diskwright_core::scan::{Attributes, DeviceNumber, EntryObject};
use diskwright_core::tree::{NodeId, TreeView};
use diskwright_core::{ErrorKind, Timestamp};
use diskwright_oracle::tool;

use crate::compare::assert_same;
use crate::image::{ALL, Image, MIB, layout, options};
use crate::scan::{Scan, plain};

/// A little of everything.
pub(crate) fn varied() -> Scan {
    let mut scan = Scan::new();
    scan.dir("bin").dir("etc").dir("etc/empty").dir("var").dir("var/deep").dir("var/deep/er");
    scan.file("bin/sh", 123_456).file("etc/zero", 0).file("etc/one", 1).file("etc/block", 4096);
    scan.file("etc/block-and-one", 4097).file("var/deep/er/file", 5 * MIB + 17);
    scan.symlink("etc/short", "one").symlink("etc/dangling", "/nowhere");
    for len in [58, 59, 60, 61, 4095] {
        scan.symlink(format!("etc/link-{len}"), "t".repeat(len));
    }
    scan.hard_link("bin/bash", "bin/sh")
        .hard_link("var/sh", "bin/sh")
        .hard_link("etc/short-too", "etc/short");
    let device = |major, minor| DeviceNumber { major, minor };
    scan.put("dev-null", EntryObject::CharDevice(device(1, 3)), plain(0o666));
    scan.put("dev-big", EntryObject::CharDevice(device(4095, 1_048_575)), plain(0o600));
    scan.put("dev-none", EntryObject::CharDevice(device(0, 0)), plain(0o600));
    scan.put("dev-sda", EntryObject::BlockDevice(device(8, 255)), plain(0o660));
    scan.put("dev-nvme", EntryObject::BlockDevice(device(259, 70_000)), plain(0o660));
    scan.put("fifo", EntryObject::Fifo, plain(0o644)).put("socket", EntryObject::Socket, plain(0o755));
    let owners = [(65_535, 65_536), (100_000, 1 << 31), (u32::MAX - 1, u32::MAX - 1)];
    for (at, (uid, gid)) in owners.into_iter().enumerate() {
        let attributes = Attributes { uid, gid, ..plain(0o7777) };
        scan.file_with(format!("owned-{at}"), 10, None, attributes);
    }
    let times = [i64::from(i32::MIN), -1, 0, 1 << 31, 1 << 32, (1 << 33) + 5, (1 << 34) - (1 << 31) - 1];
    for (at, seconds) in times.into_iter().enumerate() {
        let mtime = Timestamp { seconds, nanos: 999_999_999 - at as u32 };
        scan.file_with(format!("time-{at}"), 10, None, Attributes { mtime, ..plain(0) });
    }
    for name in [&b"\xff\xfe latin"[..], "größe".as_bytes(), b"new\nline", b"-rf", b" ", b"C:\\x"] {
        scan.file(name, 3);
    }
    scan.file([b'n'; 255], 4);
    scan
}

#[test]
fn every_kind_of_entry_is_what_the_kernel_then_shows() {
    let view = varied().view();
    for features in ALL {
        let image = Image::new(&view, options(features), 64 * MIB);
        image.assert_clean();
        if let Some(mounted) = image.mount("loop,ro") {
            assert_same(&view, &mounted);
        }
    }
}

#[test]
fn an_empty_tree_is_a_volume_with_lost_and_found() {
    let view = Scan::new().view();
    let image = Image::new(&view, options(Ext4Features::Modern), 16 * MIB);
    image.assert_clean();
    if let Some(mounted) = image.mount("loop,ro") {
        assert_same(&view, &mounted);
        assert!(mounted.path("lost+found").is_dir());
    }
}

#[test]
fn the_volume_says_who_it_is_and_what_it_uses() {
    let image = Image::new(&varied().view(), options(Ext4Features::Modern), 64 * MIB);
    let Some(shown) = image.ask("dumpe2fs", &["-h"]) else { return };
    let features = "has_journal ext_attr dir_index filetype extent 64bit flex_bg sparse_super large_file huge_file \
                    dir_nlink extra_isize metadata_csum";
    for (field, value) in [
        ("Filesystem volume name", "diskwright"),
        ("Filesystem features", features),
        ("Filesystem state", "clean"),
        ("Journal backup", "inode blocks"),
        ("Block size", "4096"),
        ("Inode size", "256"),
        ("First inode", "11"),
        ("Reserved block count", "819"),
    ] {
        let line = shown.lines().find(|line| line.starts_with(&format!("{field}:")));
        let found = line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim());
        assert_eq!(found, Some(value), "{field}");
    }
}

#[test]
fn a_lost_and_found_of_the_tree_is_used() {
    for (content, number) in [(&[][..], 16_384), (&["lost+found/#12", "lost+found/#15"], 4096)] {
        let mut scan = Scan::new();
        scan.dir("a").put("lost+found", EntryObject::Directory, plain(0o700)).file("z", 7);
        for path in content {
            scan.file(path, 9);
        }
        let view = scan.view();
        let image = Image::new(&view, options(Ext4Features::Modern), 16 * MIB);
        image.assert_clean();
        if let Some(mounted) = image.mount("loop,ro") {
            use std::os::unix::fs::MetadataExt;
            assert_same(&view, &mounted);
            let found = mounted.path("lost+found").metadata().unwrap();
            assert_eq!((found.ino(), found.len()), (11, number));
        }
    }
}

#[test]
fn a_file_called_lost_and_found_is_refused() {
    let mut scan = Scan::new();
    scan.file("lost+found", 5);
    let error = Ext4Plan::new(scan.view(), options(Ext4Features::Modern), 16 * MIB).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(error.path(), Some(&b"lost+found"[..]));
}

#[test]
fn two_builds_are_equal_and_a_volume_may_stand_anywhere() {
    let view = varied().view();
    let bytes = |image: &Image| std::fs::read(&image.path).unwrap();
    let first = Image::new(&view, options(Ext4Features::Modern), 32 * MIB);
    let second = Image::new(&varied().view(), options(Ext4Features::Modern), 32 * MIB);
    assert!(bytes(&first) == bytes(&second));
    let plan = Ext4Plan::new(view.clone(), options(Ext4Features::Modern), 32 * MIB).unwrap();
    let mut builder = diskwright_core::layout::LayoutBuilder::new(view.tree().clone());
    builder.zeros(12_288, "before").unwrap();
    plan.append(&mut builder).unwrap();
    let disk = Image::write(&builder.finish(33 * MIB).unwrap());
    assert!(bytes(&disk)[12_288..][..32 << 20] == bytes(&first));
}

#[test]
fn a_view_of_a_part_has_its_own_numbers_and_link_counts() {
    let mut scan = Scan::new();
    scan.dir("a").file("a/x", 10_000).file("a/y", 5).dir("home").dir("home/u").dir("home/srv");
    scan.hard_link("home/u/x", "a/x")
        .hard_link("home/u/x2", "a/x")
        .file("home/srv/hidden", 3)
        .file("home/z", 6000);
    scan.hard_link("z-outside", "home/z");
    let tree = scan.tree();
    let node = |path: &str| tree.lookup(path.as_bytes()).unwrap();
    let view = TreeView::new(tree.clone(), node("home"), &[node("home/srv")]);
    let image = Image::new(&view, options(Ext4Features::Modern), 16 * MIB);
    image.assert_clean();
    if let Some(mounted) = image.mount("loop,ro") {
        assert_same(&view, &mounted);
    }
    let rest = TreeView::new(tree.clone(), NodeId::ROOT, &[node("home")]);
    let image = Image::new(&rest, options(Ext4Features::Legacy), 16 * MIB);
    image.assert_clean();
    if let Some(mounted) = image.mount("loop,ro") {
        assert_same(&rest, &mounted);
    }
}

#[test]
fn wrong_sizes_and_options_are_refused_by_name() {
    let view = Scan::new().view();
    let modern = || options(Ext4Features::Modern);
    let kind = |result: diskwright_core::Result<_>| result.map(drop).unwrap_err().kind();
    assert_eq!(kind(layout(&view, modern(), 16 * MIB + 512)), ErrorKind::InvalidProfile);
    assert_eq!(kind(layout(&view, modern(), 0)), ErrorKind::DoesNotFit);
    assert_eq!(kind(layout(&view, modern(), 8192)), ErrorKind::DoesNotFit);
    let error = layout(&view, modern().with_bytes_per_inode(100), 16 * MIB).unwrap_err();
    assert_eq!(error.field(), Some("bytes_per_inode"));
    let error = layout(&view, modern().with_reserved(9 * MIB), 16 * MIB).unwrap_err();
    assert_eq!(error.field(), Some("reserved"));
    let error = layout(&view, modern().with_grow_to(u64::MAX), 16 * MIB).unwrap_err();
    assert_eq!(error.field(), Some("grow_to"));
}

#[test]
fn the_oracle_notices_a_damaged_volume() {
    use std::os::unix::fs::FileExt;
    let image = Image::new(&varied().view(), options(Ext4Features::Modern), 32 * MIB);
    if tool("e2fsck").is_none() {
        return;
    }
    let file = std::fs::File::options().read(true).write(true).open(&image.path).unwrap();
    // A byte of the first group's descriptor.
    let mut byte = [0];
    file.read_exact_at(&mut byte, 4096 + 0x0c).unwrap();
    file.write_all_at(&[byte[0] ^ 1], 4096 + 0x0c).unwrap();
    assert!(std::panic::catch_unwind(|| image.assert_clean()).is_err());
}
