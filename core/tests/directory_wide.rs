//! Many threads in a tree of many branches: in a process of their own for the sake of the limit of open descriptors.

mod support;

use std::sync::Arc;

use diskwright_core::tree::{Findings, TreeBuilder, Whiteouts};
use rustix::process::{Resource, Rlimit};
use support::*;

#[test]
fn eight_threads_scan_many_branches_with_few_descriptors() {
    let made = Directory::new();
    for at in 0..2000 {
        // Deeper than helpers go for one errand: each branch would stay open.
        let branch = format!("{:02}/{:02}/c/d/e/f", at / 50, at % 50);
        std::fs::create_dir_all(made.path(&branch)).unwrap();
        made.file(format!("{branch}/file"), format!("{at}"));
    }
    let limit = Rlimit { current: Some(256), maximum: Some(256) };
    rustix::process::setrlimit(Resource::Nofile, limit).unwrap();
    for _ in 0..2 {
        let mut builder = TreeBuilder::new(Findings::default());
        builder.add_source(Arc::new(made.source().with_threads(8)), Whiteouts::Plain).unwrap();
        let (tree, _) = builder.finish().unwrap();
        assert_eq!(tree.node_count(), 1 + 40 + 2000 * 6);
        let inode = tree.inode_of(tree.lookup(b"39/49/c/d/e/f/file").unwrap());
        assert_eq!(tree.read(inode, 100).unwrap(), b"1999");
    }
}
