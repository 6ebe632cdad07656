//! Hard links and many entries: cases 16 to 31.

use std::sync::Arc;

use diskwright_core::Timestamp;
use diskwright_core::scan::ScanSource;
use diskwright_core::tree::Strictness;

use crate::memory::{base, content, kind};
use crate::table::Expect::{Kept, Normalised, Refused, Warned};
use crate::table::{build, case, checked, links, mode, run};

#[test]
fn hard_links() {
    let chain = |count: usize| {
        (0..count).rev().fold(base(), |memory, number| {
            memory.link(format!("c{:06}", number + 1), format!("c{number:06}"))
        })
    };
    run(vec![
        case("25: to something missing", base().link("a", "b"), Refused("which the scan does not have")),
        checked("26: to a later entry", base().link("a", "b").file("b"), Kept, |tree| {
            assert_eq!((links(tree, "a"), content(tree, "a")), (2, "b".to_owned()));
        }),
        case("27: to itself", base().link("a", "a"), Refused("back to itself")),
        checked(
            "27: to itself, over a file",
            base().file("a").link("a", "./a"),
            Normalised("self-link"),
            |tree| {
                assert_eq!((links(tree, "a"), content(tree, "a")), (1, "a".to_owned()));
            },
        ),
        case("27: a ring", base().link("a", "b").link("b", "c").link("c", "a"), Refused("back to itself")),
        checked("28: a chain", base().file("a").link("b", "a").link("c", "b"), Kept, |tree| {
            assert_eq!(links(tree, "c"), 3);
        }),
        checked("28: a chain backwards", base().link("c", "b").link("b", "a").file("a"), Kept, |tree| {
            assert_eq!((links(tree, "c"), tree.inode_count()), (3, 2));
        }),
        checked("28: a chain of 20000 backwards", chain(20_000).file("c000000"), Kept, |tree| {
            assert_eq!((links(tree, "c020000"), tree.inode_count()), (20_001, 2));
        }),
        case("29: to a directory", base().dir("d").link("a", "d"), Refused("hard link to a directory")),
        case("29: to a later directory", base().link("a", "d").dir("d"), Refused("hard link to a directory")),
        checked("30: to a symbolic link", base().symlink("s", "x").link("a", "s"), Kept, |tree| {
            assert_eq!((kind(tree, "a"), links(tree, "s")), ("symlink x".to_owned(), 2));
        }),
        checked(
            "31: a target replaced later",
            base().file("f").link("a", "f").symlink("f", "x"),
            Kept,
            |tree| {
                assert_eq!((content(tree, "a"), links(tree, "a")), ("f".to_owned(), 1));
            },
        ),
        checked("31: a link replaced later", base().file("f").link("a", "f").file("a"), Kept, |tree| {
            assert_eq!((content(tree, "a"), links(tree, "f")), ("a".to_owned(), 1));
        }),
        case(
            "a link below a link that comes later",
            base().link("a", "x/y").file("x"),
            Refused("does not have"),
        ),
        checked(
            "attributes given with a link do not count",
            base().file("f").link("a", "f").with(|link| link.mtime = Timestamp::from_seconds(1 << 40)),
            Kept,
            |tree| assert_eq!(mode(tree, "a"), 0o644),
        ),
    ]);
}

#[test]
fn many_entries() {
    let many =
        |count: usize| (0..count).fold(base().dir("d"), |memory, number| memory.dir(format!("d/{number}")));
    for count in [64_999, 65_000, 65_001, 200_000] {
        let (tree, _) = build(&(Arc::new(many(count)) as Arc<dyn ScanSource>), Strictness::Strict).unwrap();
        let node = tree.lookup(b"d").unwrap();
        assert_eq!(tree.children(node).count(), count, "16-18: {count} subdirectories");
    }
    let linked = |count: usize| {
        (1..count)
            .fold(base().file("00000000"), |memory, number| memory.link(format!("{number:08}"), "00000000"))
    };
    run(vec![
        checked("22: 65000 names of one file", linked(65_000), Kept, |tree| {
            assert_eq!((links(tree, "00000000"), tree.inode_count()), (65_000, 2));
        }),
        checked("23: 65001 names", linked(65_001), Warned("too-many-links"), |tree| {
            assert_eq!(
                (links(tree, "00000000"), links(tree, "00065000"), tree.inode_count()),
                (65_000, 1, 3)
            );
            assert_eq!(content(tree, "00065000"), "00000000");
        }),
        checked("24: 130001 names", linked(130_001), Warned("too-many-links"), |tree| {
            assert_eq!((links(tree, "00129999"), links(tree, "00130000")), (65_000, 1));
        }),
    ]);
}
