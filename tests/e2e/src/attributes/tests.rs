//! The comparison must see every kind of difference, or it proves nothing.

use std::fs::{self, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::time::{Duration, SystemTime};

use super::*;

#[test]
fn same_tree_twice_has_no_difference() {
    let directory = tempfile::tempdir().unwrap();
    populate(directory.path());
    let snapshot = super::snapshot(directory.path()).unwrap();
    assert_eq!(snapshot.len(), 7);
    assert_eq!(differences(&snapshot, &super::snapshot(directory.path()).unwrap()), []);
}

#[test]
fn every_kind_of_change_is_reported_at_its_path() {
    type Change = fn(&Path);
    let cases: [(&str, &str, Change); 11] = [
        ("mode", "plain", |root| {
            fs::set_permissions(root.join("plain"), Permissions::from_mode(0o4755)).unwrap()
        }),
        ("mtime", "directory", |root| set_mtime(&root.join("directory"), Duration::new(5, 1))),
        ("content", "plain", |root| rewrite(&root.join("plain"), b"Plain")),
        ("size", "plain", |root| rewrite(&root.join("plain"), b"longer than it was")),
        ("data runs", "sparse", |root| overwrite(&root.join("sparse"), &[0; 8192], 65536)),
        ("target", "link", |root| {
            fs::remove_file(root.join("link")).unwrap();
            symlink("nowhere", root.join("link")).unwrap();
        }),
        ("xattrs", "plain", |root| set_xattr(&root.join("plain"), b"other")),
        ("links", "first", |root| {
            fs::remove_file(root.join("directory/second")).unwrap();
            fs::write(root.join("directory/second"), "linked").unwrap();
        }),
        ("is missing", "sparse", |root| fs::remove_file(root.join("sparse")).unwrap()),
        ("was added", "new", |root| fs::write(root.join("new"), "").unwrap()),
        ("mode", "plain", |root| {
            fs::remove_file(root.join("plain")).unwrap();
            fs::create_dir(root.join("plain")).unwrap();
        }),
    ];
    for (what, path, change) in cases {
        let directory = tempfile::tempdir().unwrap();
        populate(directory.path());
        let before = super::snapshot(directory.path()).unwrap();
        change(directory.path());
        let found = differences(&before, &super::snapshot(directory.path()).unwrap());
        let expected = |one: &Difference| one.path == path && one.what.starts_with(what);
        assert!(found.iter().any(expected), "{what} of {path}: {found:?}");
    }
}

#[test]
fn names_of_one_file_are_a_group_whose_first_name_does_not_depend_on_the_order_of_reading() {
    let directory = tempfile::tempdir().unwrap();
    populate(directory.path());
    let snapshot = super::snapshot(directory.path()).unwrap();
    let expected = Some((OsString::from("directory/second"), 2));
    assert_eq!(snapshot[OsStr::new("first")].links, expected);
    assert_eq!(snapshot[OsStr::new("directory/second")].links, expected);
}

fn populate(root: &Path) {
    fs::create_dir(root.join("directory")).unwrap();
    fs::write(root.join("plain"), "plain").unwrap();
    set_xattr(&root.join("plain"), b"value");
    fs::write(root.join("first"), "linked").unwrap();
    fs::hard_link(root.join("first"), root.join("directory/second")).unwrap();
    symlink("plain", root.join("link")).unwrap();
    fs::write(root.join("sparse"), "").unwrap();
    overwrite(&root.join("sparse"), b"tail", 1 << 20);
    for name in ["directory", "plain", "first", "sparse", ""] {
        set_mtime(&root.join(name), Duration::new(1_000_000_000, 500));
    }
}

fn rewrite(path: &Path, content: &[u8]) {
    fs::write(path, content).unwrap();
}

fn overwrite(path: &Path, content: &[u8], offset: u64) {
    fs::OpenOptions::new().write(true).open(path).unwrap().write_all_at(content, offset).unwrap();
}

fn set_mtime(path: &Path, since_epoch: Duration) {
    File::open(path).unwrap().set_modified(SystemTime::UNIX_EPOCH + since_epoch).unwrap();
}

fn set_xattr(path: &Path, value: &[u8]) {
    rustix::fs::setxattr(path, "user.test", value, rustix::fs::XattrFlags::empty()).unwrap();
}
