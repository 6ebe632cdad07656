use std::collections::BTreeMap;

use super::*;
use crate::Result;
use crate::scan::{Attributes, Entry, EntryObject, ScanSummary, ScanVisitor};

/// A source whose files hold their own paths.
struct Given(Vec<Entry>);

impl ScanSource for Given {
    fn scan(&self, visitor: &mut dyn ScanVisitor) -> Result<ScanSummary> {
        self.0.iter().try_for_each(|entry| visitor.entry(entry.clone()))?;
        Ok(ScanSummary::default())
    }

    fn open(&self, content: SourceContent) -> Result<Arc<dyn ReadAt>> {
        Ok(Arc::new(BytesReader(self.0[content.0 as usize].path.clone().into())))
    }
}

/// A tree of paths: with a slash at the end a directory, with `->` a symbolic link, with `=>` a hard link, else a file.
fn tree(paths: &[&str]) -> FileTree {
    layered(&[paths]).0
}

/// The tree of several layers of such paths, and what was found.
fn layered(layers: &[&[&str]]) -> (FileTree, Vec<Finding>) {
    let mut builder = TreeBuilder::new(Findings::default());
    for paths in layers {
        builder.add_source(Arc::new(given(paths)), Whiteouts::Plain).unwrap();
    }
    builder.finish().unwrap()
}

fn given(paths: &[&str]) -> Given {
    let entries = paths.iter().enumerate().map(|(at, text)| {
        let bytes = |text: &str| text.as_bytes().to_vec();
        let (path, object) = if let Some((path, target)) = text.split_once("->") {
            (path, EntryObject::Symlink(bytes(target)))
        } else if let Some((path, target)) = text.split_once("=>") {
            (path, EntryObject::HardLink(bytes(target)))
        } else if text.ends_with('/') {
            (*text, EntryObject::Directory)
        } else {
            let content = SourceContent(at as u64);
            (*text, EntryObject::File { content, size: text.len() as u64, data: None })
        };
        let attributes = Attributes { mode: 0o640, uid: 7, ..Attributes::default() };
        Entry { path: bytes(path), object, attributes }
    });
    Given(entries.collect())
}

/// What becomes of files of these paths: the tree's, and the codes of the findings.
fn taken(paths_of_files: &[&[u8]]) -> Result<(Vec<String>, Vec<&'static str>)> {
    let file = |path: &&[u8]| Entry {
        path: path.to_vec(),
        object: EntryObject::File { content: SourceContent(0), size: 0, data: None },
        attributes: Attributes::default(),
    };
    let entries = Given(paths_of_files.iter().map(file).collect());
    let mut builder = TreeBuilder::new(Findings::default());
    builder.add_source(Arc::new(entries), Whiteouts::Plain)?;
    let (tree, findings) = builder.finish()?;
    let codes = findings.iter().map(|finding| finding.code).filter(|code| *code != "implied-directory");
    Ok((paths(&tree), codes.collect()))
}

fn paths(tree: &FileTree) -> Vec<String> {
    tree.subtree(NodeId::ROOT).map(|node| String::from_utf8(tree.path(node)).unwrap()).collect()
}

fn changed(tree: FileTree, changes: &[(&str, Change)]) -> FileTree {
    let changes: BTreeMap<Vec<u8>, Change> =
        changes.iter().map(|(path, change)| (path.as_bytes().to_vec(), change.clone())).collect();
    tree.with_changes(changes, Timestamp::from_seconds(99)).unwrap()
}

fn inode<'a>(tree: &'a FileTree, path: &str) -> Inode<'a> {
    tree.inode(tree.inode_of(tree.lookup(path.as_bytes()).unwrap()))
}

fn content(tree: &FileTree, path: &str) -> Vec<u8> {
    tree.read(tree.inode_of(tree.lookup(path.as_bytes()).unwrap()), 100).unwrap()
}

fn write(bytes: &[u8]) -> Change {
    Change::Write(NewFile { bytes: bytes.into(), attributes: None })
}

#[test]
fn nodes_come_depth_first_and_siblings_by_bytes() {
    let tree = tree(&["b", "a.x", "a/", "a/z", "a/\u{e9}", "a/Z", "a/b/c", "\u{1}"]);
    assert_eq!(paths(&tree), ["", "\u{1}", "a", "a/Z", "a/b", "a/b/c", "a/z", "a/\u{e9}", "a.x", "b"]);
    let a = tree.lookup(b"a").unwrap();
    let children: Vec<&[u8]> = tree.children(a).map(|child| tree.name(child)).collect();
    assert_eq!(children, [&b"Z"[..], b"b", b"z", "\u{e9}".as_bytes()]);
    assert_eq!(tree.subtree(a).len(), 6);
}

#[test]
fn inodes_are_numbered_by_their_first_name() {
    let tree = tree(&["z", "a=>z", "m", "z2=>m"]);
    let numbers: Vec<u32> = tree.subtree(NodeId::ROOT).map(|node| tree.inode_of(node).index()).collect();
    assert_eq!((numbers, tree.inode_count()), (vec![0, 1, 2, 1, 2], 3));
    assert_eq!((inode(&tree, "a").links, inode(&tree, "").links), (2, 1));
    assert_eq!(tree.path_of(InodeId::from_index(2)), b"m");
    assert_eq!(content(&tree, "a"), b"z");
}

#[test]
fn links_are_followed_within_the_tree_only() {
    let tree =
        tree(&["usr/bin/tool", "bin->usr/bin", "usr/up->../../../bin", "abs->/bin/tool", "loop->loop"]);
    let resolved = |path: &str| tree.resolve(path.as_bytes()).map(|node| tree.path(node));
    assert_eq!(resolved("bin/tool"), Some(b"usr/bin/tool".to_vec()));
    assert_eq!(resolved("usr/up/tool"), Some(b"usr/bin/tool".to_vec()));
    assert_eq!(resolved("abs"), Some(b"usr/bin/tool".to_vec()));
    assert_eq!((resolved("loop"), resolved("bin/none")), (None, None));
    assert_eq!(tree.lookup(b"bin/tool"), None);
}

#[test]
fn a_written_file_keeps_what_was_not_changed() {
    let tree = changed(
        tree(&["etc/fstab", "same=>etc/fstab"]),
        &[("etc/fstab", write(b"new")), ("var/x", write(b"n"))],
    );
    let fstab = inode(&tree, "etc/fstab");
    assert_eq!((fstab.mode, fstab.uid, fstab.mtime.seconds, fstab.links), (0o640, 7, 99, 2));
    assert_eq!((content(&tree, "etc/fstab"), content(&tree, "same")), (b"new".to_vec(), b"new".to_vec()));
    let new = inode(&tree, "var/x");
    assert_eq!((new.mode, new.uid, inode(&tree, "var").mode), (0o644, 0, 0o755));
}

#[test]
fn changes_copy_remove_link_and_make_directories() {
    let before = tree(&["a", "d/x", "d/y", "e", "keep/", "l->a"]);
    let after = changed(
        before,
        &[
            ("copy", Change::CopyOf(b"a".to_vec())),
            ("a", write(b"other")),
            ("d", Change::Remove),
            ("absent", Change::Remove),
            ("e", Change::Symlink(b"there".to_vec(), Attributes::default())),
            ("keep", Change::Directory(Attributes { mode: 0o700, ..Attributes::default() })),
            ("l", write(b"file")),
            ("n", Change::Directory(Attributes { mode: 0o711, ..Attributes::default() })),
        ],
    );
    assert_eq!(paths(&after), ["", "a", "copy", "e", "keep", "l", "n"]);
    assert_eq!((content(&after, "copy"), content(&after, "a")), (b"a".to_vec(), b"other".to_vec()));
    assert_eq!(inode(&after, "e").object, Object::Symlink(b"there"));
    assert_eq!((inode(&after, "keep").mode, inode(&after, "n").mode), (0o640, 0o711));
    assert_eq!(content(&after, "l"), b"file");
}

#[test]
fn a_view_leaves_out_what_lies_below_mount_points() {
    let tree = Arc::new(tree(&["boot/efi/EFI/x", "boot/k", "home/u/f", "z"]));
    let at = |path: &str| tree.lookup(path.as_bytes()).unwrap();
    let points = [at("home"), at("boot/efi"), at("boot")];
    let seen = |root: NodeId| -> Vec<Vec<u8>> {
        TreeView::new(Arc::clone(&tree), root, &points).nodes().map(|node| tree.path(node)).collect()
    };
    assert_eq!(seen(NodeId::ROOT), [&b""[..], b"boot", b"home", b"z"]);
    assert_eq!(seen(at("boot")), [&b"boot"[..], b"boot/efi", b"boot/k"]);
    let view = TreeView::new(Arc::clone(&tree), NodeId::ROOT, &points);
    assert_eq!((view.children(at("boot")).count(), view.children(NodeId::ROOT).count()), (0, 3));
}

#[test]
fn findings_do_not_fill_the_memory_and_strict_refuses_all_but_notes() {
    let mut findings = Findings::new(Strictness::Lenient);
    for _ in 0..100 {
        findings.record(Severity::Note, "long", &[b'x'; 60_000], "text").unwrap();
    }
    findings.record(Severity::Warning, "late", &[b'y'; 60_000], "text").unwrap();
    let list = findings.into_vec();
    let last = list.last().unwrap();
    assert_eq!((last.code, last.severity), ("findings-omitted", Severity::Warning));
    assert!(list.iter().map(|finding| finding.path.len()).sum::<usize>() <= 4 << 20);
    let mut strict = Findings::new(Strictness::Strict);
    strict.record(Severity::Note, "note", b"a", "text").unwrap();
    strict.record(Severity::Normalised, "changed", b"a", "text").unwrap_err();
}

#[test]
fn paths_are_taken_up_to_their_limits_and_refused_past_them() {
    let long_name = [b'n'; 255];
    assert_eq!(taken(&[&long_name]).unwrap().0[1].len(), 255);
    assert_eq!(taken(&[&[b'n'; 256]]).unwrap_err().kind(), ErrorKind::Source);
    let deep = |depth: usize| [b"d/".repeat(depth - 1), b"f".to_vec()].concat();
    assert_eq!(taken(&[&deep(4096)]).unwrap().0.len(), 4097);
    assert_eq!(taken(&[&deep(4097)]).unwrap_err().kind(), ErrorKind::LimitExceeded);
    let wide = |len: usize| [b"f".to_vec(), vec![b'/'; len - 1]].concat();
    assert_eq!(taken(&[&wide(65_536)]).unwrap().0, ["", "f"]);
    let error = taken(&[&wide(65_537)]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    // Of so long a path the error tells a beginning.
    assert!(error.to_string().len() < 1000, "{error}");
    assert!(error.to_string().contains(&"/".repeat(255)), "{error}");
}

#[test]
fn paths_are_cleaned_and_it_is_told() {
    let (found, codes) = taken(&[b"/a", b"//b//c", b"./d", b"././e"]).unwrap();
    assert_eq!((found, codes), (paths(&tree(&["a", "b/c", "d", "e"])), vec!["absolute-path"]));
    assert_eq!(taken(&[b"/a"]).unwrap(), (paths(&tree(&["a"])), vec!["absolute-path"]));
    let (found, codes) = taken(&[b"a/./b"]).unwrap();
    assert_eq!((found, codes), (paths(&tree(&["a/b"])), vec!["dot-component"]));
    for path in [&b"a/../b"[..], b"..", b"a/..", b"a\0b"] {
        assert_eq!(taken(&[path]).unwrap_err().kind(), ErrorKind::Source, "{}", path.escape_ascii());
    }
}

#[test]
fn entries_of_one_directory_come_together_however_their_paths_are_written() {
    let written: [&[u8]; 9] =
        [b"a/b/1", b"a/b/2", b"/a/b/3", b"a//b/4", b"a/./b/5", b"a/b/6/", b"a/b/./7", b"a/b/c/8", b"a/b/9"];
    let (paths, codes) = taken(&written).unwrap();
    let expected = [
        "", "a", "a/b", "a/b/1", "a/b/2", "a/b/3", "a/b/4", "a/b/5", "a/b/6", "a/b/7", "a/b/9", "a/b/c",
        "a/b/c/8",
    ];
    assert_eq!(paths, expected);
    assert_eq!(codes, ["absolute-path", "dot-component", "dot-component"]);
    for wrong in [&b"a/b/.."[..], b"a/b/x\0", &[&b"a/b/"[..], &[b'x'; 256]].concat()] {
        let error = taken(&[b"a/b/1", wrong]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Source, "{error}");
    }
}

#[test]
fn what_looks_like_a_name_in_the_last_directory_is_checked_as_any_other() {
    let refused = |paths: &[&[u8]]| taken(paths).unwrap_err();
    for paths in [[&b"a/1"[..], b"a/"], [b"a/1", b"a/."]] {
        let error = refused(&paths);
        assert!(error.to_string().contains("a directory with entries and as something else"), "{error}");
    }
    let directory = &[&[b'd'; 255][..]; 256].join(&b'/')[..65_500];
    let within = |name: &[u8]| [directory, b"/", name].concat();
    assert!(taken(&[&within(b"1"), &within(&[b'n'; 35])]).is_ok());
    let error = refused(&[&within(b"1"), &within(&[b'n'; 36])]);
    assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{error}");
}

#[test]
fn what_was_removed_with_all_below_it_takes_in_no_more() {
    let mut builder = TreeBuilder::from_tree(tree(&["a/", "a/b/", "a/b/1"]));
    let put = |builder: &mut TreeBuilder, path: &str| {
        let record = builder.checked_attributes(path.as_bytes(), &Attributes::default()).unwrap();
        builder.put(path.as_bytes(), InodeRecord { kind: Kind::Fifo, ..record }).unwrap();
    };
    put(&mut builder, "a/b/2");
    builder.remove(b"a/b");
    put(&mut builder, "a/b/3");
    put(&mut builder, "a/b/c/4");
    builder.remove(b"a/b");
    put(&mut builder, "a/b/c/5");
    assert_eq!(paths(&builder.finish().unwrap().0), ["", "a", "a/b", "a/b/c", "a/b/c/5"]);
}

#[test]
fn a_directory_that_was_replaced_comes_back_empty() {
    let (tree, _) = layered(&[&["d/", "d/x"], &["d"], &["d/"]]);
    assert_eq!(paths(&tree), ["", "d"]);
    assert_eq!(inode(&tree, "d").object, Object::Directory);
}

#[test]
fn a_file_in_place_of_an_implied_directory_is_not_implied() {
    let codes = |layers: &[&[&str]]| {
        let (_, findings) = layered(layers);
        let implied = findings.into_iter().filter(|finding| finding.code == "implied-directory");
        implied.map(|finding| finding.path).collect::<Vec<_>>()
    };
    assert_eq!(codes(&[&["d/x"]]), ["/", "d"]);
    assert_eq!(codes(&[&["d/x"], &["d"]]), ["/"]);
}

#[test]
fn a_hard_link_takes_the_place_of_a_lower_directory_before_its_target_comes() {
    let (tree, _) = layered(&[&["d/", "d/x"], &["d=>late", "late"]]);
    assert_eq!(paths(&tree), ["", "d", "late"]);
    assert_eq!((content(&tree, "d"), inode(&tree, "late").links), (b"late".to_vec(), 2));
}

#[test]
fn forty_links_in_a_row_are_followed_and_no_more() {
    let chain: Vec<String> =
        (0..41).map(|at| format!("l{at}->l{}", at + 1)).chain(["l41".to_owned()]).collect();
    let tree = tree(&chain.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(tree.resolve(b"l1").map(|node| tree.path(node)), Some(b"l41".to_vec()));
    assert_eq!(tree.resolve(b"l0"), None);
}
