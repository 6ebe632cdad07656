//! Names that come twice, children before their parents, whiteouts: cases 32 to 41.

use std::sync::Arc;

use diskwright_core::scan::ScanSource;
use diskwright_core::tree::Strictness;

use crate::memory::{base, content, kind};
use crate::table::Expect::{Kept, Normalised, Refused};
use crate::table::{build, case, checked, links, mode, run};

#[test]
fn duplicates_and_parents() {
    run(vec![
        checked("32: a file twice", base().file("f").symlink("g", "x").file("g").file("./f"), Kept, |tree| {
            assert_eq!((content(tree, "f"), kind(tree, "g")), ("./f".to_owned(), "file".to_owned()));
        }),
        checked("33: a file, then a directory", base().file("a").dir("a").file("a/b"), Kept, |tree| {
            assert_eq!(kind(tree, "a"), "directory");
        }),
        checked("34: an empty directory, then a file", base().dir("a").file("a"), Kept, |tree| {
            assert_eq!(kind(tree, "a"), "file");
        }),
        case(
            "34: a directory with entries, then a file",
            base().dir("a").file("a/b").file("a"),
            Refused("as a directory with entries"),
        ),
        case(
            "34: and as a hard link",
            base().file("f").file("a/b").link("a", "f"),
            Refused("as a directory with entries"),
        ),
        checked(
            "34: an empty directory, then a hard link",
            base().file("f").dir("a").link("a", "f"),
            Kept,
            |tree| {
                assert_eq!(links(tree, "f"), 2);
            },
        ),
        case(
            "35: a directory, a symbolic link in its place, an entry below",
            base().dir("a").symlink("a", "/etc").file("a/passwd"),
            Refused("not a directory"),
        ),
        checked(
            "36: a symbolic link, then a directory",
            base().symlink("a", "/etc").dir("a").file("a/b"),
            Normalised("link-then-directory"),
            |tree| assert_eq!(kind(tree, "a"), "directory"),
        ),
        checked(
            "37: a directory twice",
            base().dir("a").file("a/b").dir("a").with(|directory| directory.mode = 0o700),
            Kept,
            |tree| assert_eq!((mode(tree, "a"), kind(tree, "a/b")), (0o700, "file".to_owned())),
        ),
        checked(
            "38: a child before its parent",
            base().file("a/b").dir("a").with(|a| a.mode = 0o711),
            Kept,
            |tree| {
                assert_eq!(mode(tree, "a"), 0o711);
            },
        ),
        checked("38: a parent that is missing", base().file("a/b/c"), Kept, |tree| {
            assert_eq!((kind(tree, "a/b"), mode(tree, "a/b")), ("directory".to_owned(), 0o755));
        }),
        case("39: a parent that is a file", base().file("a").file("a/b"), Refused("not a directory")),
        case(
            "39: a parent that is a link to come",
            base().link("a", "d").dir("d").file("a/b"),
            Refused("not a directory"),
        ),
        checked(
            "40-41: whiteouts in a machine's scan",
            base().file("a").file(".wh.a").file(".wh..wh..opq"),
            Kept,
            |tree| {
                assert_eq!(
                    (kind(tree, "a"), kind(tree, ".wh..wh..opq")),
                    ("file".to_owned(), "file".to_owned())
                );
            },
        ),
    ]);
    let missing: Arc<dyn ScanSource> = Arc::new(base().file("a/b"));
    let (_, findings) = build(&missing, Strictness::Strict).unwrap();
    assert!(
        findings.iter().any(|finding| finding.code == "implied-directory" && finding.path == "a"),
        "{findings:?}"
    );
}
