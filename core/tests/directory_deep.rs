//! Trees deeper than PATH_MAX and than the limit of open descriptors: in a process of their own for that limit's sake.

mod support;

use std::os::fd::OwnedFd;
use std::sync::Arc;

use diskwright_core::tree::{Findings, TreeBuilder, Whiteouts};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Resource, Rlimit};
use support::*;

#[test]
fn a_tree_of_2048_levels_is_scanned_with_few_descriptors() {
    let made = Directory::new();
    let name = "thirty bytes of a component ..";
    let mode = Mode::from_raw_mode(0o755);
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let mut directory: OwnedFd = rustix::fs::open(made.root.path(), flags, mode).unwrap();
    for level in 0..2048 {
        rustix::fs::mkdirat(&directory, name, mode).unwrap();
        let sibling = rustix::fs::openat(&directory, "zz", OFlags::CREATE | OFlags::WRONLY, mode).unwrap();
        rustix::io::write(&sibling, format!("level {level}").as_bytes()).unwrap();
        directory = rustix::fs::openat(&directory, name, flags, mode).unwrap();
    }
    drop(directory);

    let limit = Rlimit { current: Some(128), maximum: Some(128) };
    rustix::process::setrlimit(Resource::Nofile, limit).unwrap();
    let mut builder = TreeBuilder::new(Findings::default());
    builder.add_source(Arc::new(made.source()), Whiteouts::Plain).unwrap();
    let (tree, _) = builder.finish().unwrap();
    assert_eq!(tree.node_count(), 1 + 2 * 2048);
    for level in [0, 1, 131, 132, 133, 2046, 2047] {
        let path = format!("{}zz", format!("{name}/").repeat(level));
        let inode = tree.inode_of(tree.lookup(path.as_bytes()).unwrap());
        assert_eq!(tree.read(inode, 100).unwrap(), format!("level {level}").as_bytes(), "{level}");
    }
}
