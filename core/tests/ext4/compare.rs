//! Every attribute of a mounted volume against the tree.

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use diskwright_core::tree::{FileTree, Inode, InodeId, NodeId, Object, TreeView};

use crate::image::{BLOCK, Mounted};

/// Asserts that the mounted volume shows the view and nothing else but `lost+found`.
pub(crate) fn assert_same(view: &TreeView, mounted: &Mounted) {
    let tree = view.tree();
    let mut numbers: HashMap<InodeId, u64> = HashMap::new();
    let mut names: HashMap<InodeId, u64> = HashMap::new();
    for node in view.nodes() {
        *names.entry(tree.inode_of(node)).or_default() += 1;
    }
    let prefix = tree.path(view.root()).len();
    for node in view.nodes() {
        let below = tree.path(node)[prefix..].to_vec();
        let below = below.strip_prefix(b"/").unwrap_or(&below);
        let path = mounted.path(below);
        let inode = tree.inode(tree.inode_of(node));
        let found = path.symlink_metadata().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let shown = path.display();
        assert_eq!((found.uid(), found.gid()), (inode.uid, inode.gid), "{shown}");
        assert_eq!(found.mode() & 0o7777, u32::from(inode.mode), "{shown}");
        assert_eq!(
            (found.mtime(), found.mtime_nsec()),
            (inode.mtime.seconds, i64::from(inode.mtime.nanos)),
            "{shown}"
        );
        assert_eq!((found.ctime(), found.ctime_nsec()), (found.mtime(), found.mtime_nsec()), "{shown}");
        assert_eq!((found.atime(), found.atime_nsec()), (found.mtime(), found.mtime_nsec()), "{shown}");
        let known = *numbers.entry(tree.inode_of(node)).or_insert(found.ino());
        assert_eq!(found.ino(), known, "{shown}: names of one inode");
        if !found.is_dir() {
            assert_eq!(found.nlink(), names[&tree.inode_of(node)], "{shown}");
        }
        assert_object(tree, node, &inode, &found, &path, view);
        assert_xattrs(&inode, &path);
    }
    let distinct: std::collections::HashSet<u64> = numbers.values().copied().collect();
    assert_eq!(distinct.len(), numbers.len(), "inodes are told apart");
}

fn assert_object(
    tree: &FileTree,
    node: NodeId,
    inode: &Inode<'_>,
    found: &std::fs::Metadata,
    path: &Path,
    view: &TreeView,
) {
    let shown = path.display();
    let kind = found.mode() & 0o170_000;
    let device =
        |number: diskwright_core::scan::DeviceNumber| rustix::fs::makedev(number.major, number.minor);
    match inode.object {
        Object::Directory => {
            assert_eq!(kind, 0o040_000, "{shown}");
            assert_children(view, node, found, path);
        }
        Object::File { size, .. } => {
            assert_eq!((kind, found.len()), (0o100_000, size), "{shown}");
            assert_content(tree, tree.inode_of(node), inode, found, path);
        }
        Object::Symlink(target) => {
            assert_eq!(kind, 0o120_000, "{shown}");
            assert_eq!(std::fs::read_link(path).unwrap().as_os_str().as_bytes(), target, "{shown}");
        }
        Object::CharDevice(number) => {
            assert_eq!((kind, found.rdev()), (0o020_000, device(number)), "{shown}")
        }
        Object::BlockDevice(number) => {
            assert_eq!((kind, found.rdev()), (0o060_000, device(number)), "{shown}")
        }
        Object::Fifo => assert_eq!(kind, 0o010_000, "{shown}"),
        Object::Socket => assert_eq!(kind, 0o140_000, "{shown}"),
    }
}

fn assert_children(view: &TreeView, node: NodeId, found: &std::fs::Metadata, path: &Path) {
    let tree = view.tree();
    let mut expected: Vec<Vec<u8>> = view.children(node).map(|child| tree.name(child).to_vec()).collect();
    let is_directory = |child: &NodeId| matches!(tree.inode(tree.inode_of(*child)).object, Object::Directory);
    let mut directories = view.children(node).filter(is_directory).count() as u64;
    if node == view.root() && !expected.iter().any(|name| name == b"lost+found") {
        expected.push(b"lost+found".to_vec());
        expected.sort();
        directories += 1;
    }
    let entries = std::fs::read_dir(path).unwrap();
    let mut listed: Vec<Vec<u8>> =
        entries.map(|entry| entry.unwrap().file_name().as_bytes().to_vec()).collect();
    listed.sort();
    assert!(listed == expected, "{}: {} names, expected {}", path.display(), listed.len(), expected.len());
    let links = if directories > 64_998 { 1 } else { directories + 2 };
    assert_eq!(found.nlink(), links, "{}", path.display());
}

fn assert_content(tree: &FileTree, inode: InodeId, of: &Inode<'_>, found: &std::fs::Metadata, path: &Path) {
    let Object::File { size, data } = of.object else { return };
    let shown = path.display();
    let content = tree.open(inode).unwrap();
    let file = std::fs::File::open(path).unwrap();
    let mut ranges: Vec<(u64, u64)> = match data {
        None => vec![(0, size)],
        // Whole blocks around the data, which show what stands beside it.
        Some(map) => map
            .iter()
            .map(|range| {
                let start = range.offset / BLOCK * BLOCK;
                (start, (range.offset + range.len).next_multiple_of(BLOCK).min(size) - start)
            })
            .collect(),
    };
    ranges.retain(|(_, len)| *len > 0);
    let mut blocks: Vec<u64> = Vec::new();
    for (start, len) in ranges {
        let mut at = start;
        while at < start + len {
            let part = (start + len - at).min(1 << 20);
            let [mut here, mut there] = [vec![0; part as usize], vec![0; part as usize]];
            file.read_exact_at(&mut here, at).unwrap();
            content.read_exact_at(at, &mut there).unwrap();
            assert!(here == there, "{shown}: content at {at}");
            at += part;
        }
        blocks.extend([start / BLOCK, (start + len).div_ceil(BLOCK)]);
    }
    // Data and, at most, the blocks of its extent tree or block map, and of attributes.
    let mut data_blocks = 0;
    let mut end = 0;
    for range in blocks.chunks(2) {
        data_blocks += range[1].max(end) - range[0].max(end);
        end = range[1].max(end);
    }
    let taken = found.blocks() / 8;
    let pointers = (1 + data_blocks / 300).max(most_indirect_blocks(&blocks));
    assert!(taken >= data_blocks && taken <= data_blocks + 1 + pointers, "{shown}: {taken} blocks");
    if let Some(last) = data.and_then(|map| map.last()).filter(|last| last.offset + last.len + BLOCK < size) {
        let hole = rustix::fs::seek(&file, rustix::fs::SeekFrom::Hole(last.offset)).unwrap();
        assert_eq!(hole, (last.offset + last.len).next_multiple_of(BLOCK), "{shown}");
    }
}

/// Blocks that lead to runs of a file's blocks, given by start and end, in a block map; or a few more.
fn most_indirect_blocks(runs: &[u64]) -> u64 {
    let mut leaves = 0;
    let mut next = 0;
    for run in runs.chunks(2).filter(|run| run[1] > 12) {
        let first = run[0].saturating_sub(12) / 1024;
        let end = (run[1] - 1 - 12) / 1024 + 1;
        leaves += end.max(next) - first.max(next);
        next = end.max(next);
    }
    // At worst every leaf has a double indirect block to itself, and there is one triple.
    if leaves > 0 { 2 * leaves + 1 } else { 0 }
}

fn assert_xattrs(inode: &Inode<'_>, path: &Path) {
    let shown = path.display();
    let mut list = vec![0_u8; 65_536];
    let len = rustix::fs::llistxattr(path, &mut list).unwrap();
    let mut names: Vec<&[u8]> =
        list[..len].split(|byte| *byte == 0).filter(|name| !name.is_empty()).collect();
    // The kernel shows the host's own label on every file of a system with one; the tree decides here.
    names.sort();
    let expected: Vec<&[u8]> = inode.xattrs.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, expected, "{shown}");
    for (name, value) in inode.xattrs {
        let mut found = vec![0_u8; 65_536];
        let len = rustix::fs::lgetxattr(path, std::ffi::OsStr::from_bytes(name), &mut found).unwrap();
        assert!(found[..len] == **value, "{shown}: {}", String::from_utf8_lossy(name));
    }
}
