use std::collections::HashSet;

use diskwright_core::scan::EntryObject;
use diskwright_core::tree::{Findings, TreeBuilder, Whiteouts};

use super::*;

#[test]
fn a_seed_gives_the_same_tree_again_and_another_seed_another_tree() {
    let text = |seed| format!("{:?}", Tree::random(seed, Shape::Any));
    assert_eq!(text(3), text(3));
    assert_ne!(text(3), text(4));
    assert_ne!(text(3), format!("{:?}", Tree::random(3, Shape::Host)));
}

#[test]
fn every_tree_is_complete_and_free_of_conflicts() {
    for (seed, shape) in (0..60).flat_map(|seed| [(seed, Shape::Any), (seed, Shape::Host)]) {
        let tree = Arc::new(Tree::random(seed, shape));
        let mut seen = HashSet::new();
        for entry in tree.entries() {
            let parent = entry.path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
            assert!(entry.path.is_empty() || seen.contains(&entry.path[..parent]), "seed {seed}");
            if let EntryObject::HardLink(target) = &entry.object {
                assert!(seen.contains(&target[..]), "seed {seed}");
            }
            assert!(seen.insert(&entry.path[..]), "seed {seed} has a path twice");
        }
        let mut builder = TreeBuilder::new(Findings::default());
        builder.add_source(tree.clone(), Whiteouts::Plain).unwrap();
        let (built, findings) = builder.finish().unwrap();
        assert_eq!(built.node_count(), tree.entries().len());
        assert!(findings.iter().all(|found| found.code == "socket"), "seed {seed}: {findings:?}");
    }
}

#[test]
fn trees_have_every_kind_of_entry_and_attribute() {
    let mut seen = HashSet::new();
    for seed in 0..60 {
        for entry in Tree::random(seed, Shape::Any).entries() {
            seen.insert(match &entry.object {
                EntryObject::Directory => "directory",
                EntryObject::File { data: None, .. } => "file",
                EntryObject::File { data: Some(ranges), .. } if ranges.len() > 340 => "many ranges",
                EntryObject::File { data: Some(_), .. } => "holes",
                EntryObject::Symlink(_) => "symlink",
                EntryObject::HardLink(_) => "hard link",
                EntryObject::CharDevice(_) => "character device",
                EntryObject::BlockDevice(_) => "block device",
                EntryObject::Fifo => "fifo",
                EntryObject::Socket => "socket",
            });
            let attributes = &entry.attributes;
            for (name, _) in &attributes.xattrs {
                let kinds = ["system.posix_acl_access", "system.posix_acl_default", "security.capability"];
                seen.extend(kinds.iter().find(|kind| name == kind.as_bytes()));
                let prefixes = ["user.", "trusted.", "security."];
                seen.extend(prefixes.iter().find(|prefix| name.starts_with(prefix.as_bytes())));
            }
            let is = |what, is: bool| is.then_some(what);
            seen.extend(is("before 1970", attributes.mtime.seconds < 0));
            seen.extend(is("after 2106", attributes.mtime.seconds >= 1 << 32));
            seen.extend(is("flags", attributes.flags != 0));
            let name = entry.path.rsplit(|byte| *byte == b'/').next().unwrap_or(&[]);
            seen.extend(is("longest name", name.len() == 255));
            seen.extend(is("not UTF-8", std::str::from_utf8(name).is_err()));
        }
    }
    assert_eq!(seen.len(), 21, "{seen:?}");
}
