use std::sync::Arc;

use super::test_tree::{Item, file, tree};
use super::*;
use crate::scan::Attributes;
use crate::tree::{FileTree, Findings, TreeBuilder};
use crate::{ErrorKind, Timestamp};

/// The tree with the workspace's edits laid on it.
fn applied(items: Vec<(&str, Item)>, edit: impl FnOnce(&mut GuestWorkspace<'_>)) -> (FileTree, Vec<Edit>) {
    let tree = tree(items);
    let mut workspace = GuestWorkspace::new(&tree);
    edit(&mut workspace);
    let (changes, edits) = workspace.finish();
    (tree.with_changes(changes, Timestamp::from_seconds(7)).unwrap(), edits)
}

fn text(tree: &FileTree, path: &str) -> Option<String> {
    let workspace = GuestWorkspace::new(tree);
    workspace.read(path.as_bytes()).unwrap().map(|text| String::from_utf8(text).unwrap())
}

#[test]
fn a_written_file_keeps_what_it_has_and_a_new_one_is_labelled_as_its_directory() {
    let items = vec![
        ("/etc", Item::LabelledDirectory("system_u:object_r:etc_t:s0")),
        ("/etc/shadow", Item::Labelled(b"a\nb\nc\n".to_vec(), 0o640, 7, "system_u:object_r:shadow_t:s0")),
    ];
    let (tree, edits) = applied(items, |workspace| {
        workspace.write(b"/etc/shadow", b"a\nB\nc\n".to_vec(), "why").unwrap();
        workspace.write(b"/etc/new", b"x\n".to_vec(), "why").unwrap();
    });
    let label = |path: &[u8]| {
        let inode = tree.inode(tree.inode_of(tree.lookup(path).unwrap()));
        let xattrs: Vec<&[u8]> = inode.xattrs.iter().map(|(_, value)| &**value).collect();
        (inode.mode, inode.uid, inode.mtime.seconds, xattrs.concat())
    };
    assert_eq!(label(b"etc/shadow"), (0o640, 7, 7, b"system_u:object_r:shadow_t:s0".to_vec()));
    assert_eq!(label(b"etc/new"), (0o644, 0, 7, b"system_u:object_r:etc_t:s0".to_vec()));
    assert_eq!((&*edits[0].path, edits[0].action), ("/etc/shadow", EditAction::Changed));
    assert_eq!((&*edits[0].before, &*edits[0].after, &*edits[0].reason), ("b", "B", "why"));
    assert_eq!((&*edits[1].before, &*edits[1].after, edits[1].action), ("", "x", EditAction::Added));
}

#[test]
fn links_are_followed_inside_the_tree_only() {
    let items = vec![
        ("/etc/link", Item::Link("/real/file")),
        ("/etc/out", Item::Link("../../../real/file2")),
        ("/real/file", file("old")),
        ("/etc/loop", Item::Link("loop")),
    ];
    let (tree, edits) = applied(items, |workspace| {
        workspace.write(b"/etc/link", b"new".to_vec(), "").unwrap();
        workspace.write(b"/etc/out", b"made".to_vec(), "").unwrap();
        let error = workspace.write(b"/etc/loop", Vec::new(), "").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Source);
    });
    assert_eq!(text(&tree, "/real/file").as_deref(), Some("new"));
    assert_eq!(text(&tree, "/real/file2").as_deref(), Some("made"));
    assert_eq!(edits.iter().map(|edit| &*edit.path).collect::<Vec<_>>(), ["/real/file", "/real/file2"]);
}

#[test]
fn edits_see_the_edits_before_them() {
    let items = vec![
        ("/etc/resolv.conf", Item::Link("../run/resolv.conf")),
        ("/run/resolv.conf", file("from run")),
        ("/opt/a/x", file("x")),
        ("/opt/b", file("b")),
    ];
    let (tree, _) = applied(items, |workspace| {
        // A removed link is no longer followed, and what comes in its place is a file.
        workspace.remove(b"/etc/resolv.conf", "");
        assert!(!workspace.exists(b"/etc/resolv.conf"));
        assert_eq!(workspace.read(b"/etc/resolv.conf").unwrap(), None);
        workspace.write(b"/etc/resolv.conf", b"mine".to_vec(), "").unwrap();
        // A new link is followed.
        workspace.symlink(b"/etc/b", b"/opt/b", "").unwrap();
        assert_eq!(workspace.read(b"/etc/b").unwrap().as_deref(), Some(&b"b"[..]));
        // What was below a removed directory is gone, edits there too.
        workspace.write(b"/opt/a/y", b"y".to_vec(), "").unwrap();
        assert_eq!(workspace.names(b"/opt/a"), [b"x", b"y"]);
        workspace.remove(b"/opt/a", "");
        assert!(
            !workspace.exists(b"/opt/a/x") && !workspace.exists(b"/opt/a/y") && !workspace.exists(b"/opt/a")
        );
        let known = workspace.edits().len();
        workspace.remove(b"/opt/a/x", "");
        workspace.remove(b"/opt/a", "");
        assert_eq!(workspace.edits().len(), known);
        workspace.directory(b"/opt/a", 0o700, "").unwrap();
        assert_eq!(workspace.names(b"/opt/a"), Vec::<Vec<u8>>::new());
        // Parents come into being with what is put below them.
        workspace.write(b"/srv/deep/file", b"z".to_vec(), "").unwrap();
        assert!(workspace.exists(b"/srv/deep"));
        assert_eq!(workspace.names(b"/srv"), [b"deep"]);
    });
    assert_eq!(text(&tree, "/etc/resolv.conf").as_deref(), Some("mine"));
    assert_eq!(text(&tree, "/run/resolv.conf").as_deref(), Some("from run"));
    assert_eq!(text(&tree, "/etc/b").as_deref(), Some("b"));
    assert_eq!(text(&tree, "/srv/deep/file").as_deref(), Some("z"));
    let empty = tree.lookup(b"opt/a").unwrap();
    assert_eq!(tree.children(empty).count(), 0);
}

#[test]
fn a_file_in_the_way_is_refused() {
    let items = vec![("/etc", file("no directory")), ("/dir/x", file("x"))];
    applied(items, |workspace| {
        let errors = [
            workspace.write(b"/etc/fstab", Vec::new(), ""),
            workspace.write(b"/dir", Vec::new(), ""),
            workspace.symlink(b"/etc/a", b"b", ""),
            workspace.directory(b"/etc", 0o755, ""),
            workspace.copy(b"/dir/x", b"/dir", ""),
        ];
        for error in errors {
            assert_eq!(error.unwrap_err().kind(), ErrorKind::Source);
        }
        workspace.remove(b"/etc/fstab", "");
        assert!(!workspace.exists(b"/etc/fstab"));
        assert_eq!(workspace.copy(b"/dir", b"/x", "").unwrap_err().kind(), ErrorKind::Internal);
        assert_eq!(workspace.edits(), &[]);
    });
}

#[test]
fn what_changes_nothing_is_no_edit() {
    let items = vec![("/a", file("a")), ("/link", Item::Link("a")), ("/d", Item::Directory)];
    let (_, edits) = applied(items, |workspace| {
        workspace.write(b"/a", b"a".to_vec(), "").unwrap();
        let same = workspace.attributes(b"/a");
        workspace.write_with(b"/a", b"a".to_vec(), same, "").unwrap();
        workspace.symlink(b"/link", b"a", "").unwrap();
        workspace.directory(b"/d", 0o700, "").unwrap();
        workspace.remove(b"/gone", "");
    });
    assert_eq!(edits, []);
    let (_, edits) = applied(vec![("/a", file("a"))], |workspace| {
        workspace.copy(b"/a", b"/b", "").unwrap();
        workspace.copy(b"/a", b"/b", "").unwrap();
    });
    assert_eq!(edits.len(), 1);
}

#[test]
fn directories_that_come_with_an_entry_are_edits_of_their_own() {
    let (tree, edits) = applied(vec![("/a", file("a"))], |workspace| {
        workspace.copy(b"/a", b"/one/two/copy", "modules").unwrap();
        workspace.symlink(b"/one/link", b"two", "modules").unwrap();
    });
    let paths: Vec<&str> = edits.iter().map(|edit| edit.path.as_str()).collect();
    assert_eq!(paths, ["/one", "/one/two", "/one/two/copy", "/one/link"]);
    let inode = tree.inode(tree.inode_of(tree.lookup(b"one/two").unwrap()));
    assert_eq!(inode.mode, 0o755);
}

#[test]
fn attributes_given_with_a_write_stay_with_later_ones() {
    let (tree, edits) = applied(vec![("/key", file("old"))], |workspace| {
        let attributes = Attributes { mode: 0o600, uid: 5, ..Attributes::default() };
        workspace.write_with(b"/key", b"new".to_vec(), Some(attributes), "").unwrap();
        workspace.write(b"/key", b"newer".to_vec(), "").unwrap();
        assert_eq!(workspace.attributes(b"/key").map(|it| (it.mode, it.uid)), Some((0o600, 5)));
    });
    let inode = tree.inode(tree.inode_of(tree.lookup(b"key").unwrap()));
    assert_eq!((inode.mode, inode.uid, text(&tree, "/key").as_deref()), (0o600, 5, Some("newer")));
    assert_eq!(edits.len(), 2);
}

#[test]
fn all_names_of_a_hard_linked_file_get_the_content() {
    let items = vec![("/a", file("old")), ("/b", Item::SameAs("a"))];
    let (tree, _) = applied(items, |workspace| workspace.write(b"/a", b"new".to_vec(), "").unwrap());
    assert_eq!(text(&tree, "/b").as_deref(), Some("new"));
}

#[test]
fn content_is_anything_but_directories() {
    let tree = tree(vec![("/home/a/b", Item::Directory), ("/srv/x/y", Item::Link("z"))]);
    let workspace = GuestWorkspace::new(&tree);
    assert!(
        !workspace.has_content(b"/home")
            && workspace.has_content(b"/srv")
            && !workspace.has_content(b"/gone")
    );
}

#[test]
fn changes_are_shown_as_the_lines_that_differ_and_cut_when_long() {
    let items = vec![("/a", file("x")), ("/b", file(b"\xff\xfe"))];
    let (_, edits) = applied(items, |workspace| {
        workspace.write(b"/a", "é".repeat(5000).into_bytes(), "").unwrap();
        workspace.write(b"/b", b"\xff".to_vec(), "").unwrap();
    });
    assert_eq!((edits[0].after.chars().count(), edits[0].after.ends_with(" …")), (4002, true));
    assert_eq!((&*edits[1].before, &*edits[1].after), ("2 bytes", "1 bytes"));
}

#[test]
fn a_tree_with_nothing_in_it_can_be_written_to() {
    let empty = Arc::new(TreeBuilder::new(Findings::default()).finish().unwrap().0);
    let mut workspace = GuestWorkspace::new(&empty);
    workspace.write(b"/etc/fstab", b"x".to_vec(), "").unwrap();
    assert_eq!(workspace.read(b"etc//fstab").unwrap().as_deref(), Some(&b"x"[..]));
}

#[test]
fn a_file_is_as_scanned_until_one_of_its_names_is_edited() {
    let items = vec![
        ("/boot/a", file("a")),
        ("/boot/b", Item::SameAs("boot/a")),
        ("/boot/c", file("c")),
        ("/boot/d", file("d")),
        ("/link", Item::Link("boot/c")),
    ];
    let tree = tree(items);
    let mut workspace = GuestWorkspace::new(&tree);
    assert!(workspace.is_as_scanned(b"boot/a") && workspace.is_as_scanned(b"link"));
    workspace.write(b"/boot/b", b"other".to_vec(), "why").unwrap();
    workspace.write(b"/boot/c", b"other".to_vec(), "why").unwrap();
    workspace.remove(b"/boot/d", "why");
    for path in ["boot/a", "boot/b", "boot/c", "link", "boot/d", "boot", "nothing"] {
        assert!(!workspace.is_as_scanned(path.as_bytes()), "{path}");
    }
}
