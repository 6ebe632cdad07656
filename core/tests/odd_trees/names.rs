//! Names and paths: cases 1 to 15.

use diskwright_core::tree::NodeId;

use crate::memory::{Memory, base, kind};
use crate::table::Expect::{Kept, Normalised, Refused};
use crate::table::{case, checked, run, tar};
use crate::tar_support::Archive;

#[test]
fn names_and_paths() {
    let deep = |depth: usize| vec!["d"; depth].join("/");
    run(vec![
        case("1: a name of 255 bytes", base().file("n".repeat(255)), Kept),
        case("2: a name of 256 bytes", base().file("n".repeat(256)), Refused("255 bytes")),
        case("2: a directory's name of 256 bytes", base().file("n".repeat(256) + "/f"), Refused("255 bytes")),
        checked("3: a name that is not UTF-8", base().file(b"\xff\xfe"), Kept, |tree| {
            assert!(tree.lookup(b"\xff\xfe").is_some());
        }),
        case("4: control characters", base().file("a\nb\tc\x1bd\x7f"), Kept),
        case("5: only spaces, trailing dot, option", base().file("   ").file("dot.").file("-rf"), Kept),
        case("6: NUL in a path", base().file("a\0b"), Refused("NUL")),
        tar(
            "6: NUL in a pax path",
            Archive::default().pax(b'x', &[("path", b"a\0b")]).file("a", "").end(),
            Refused("path"),
        ),
        checked("7: a component \".\"", base().dir("a").file("a/./b"), Normalised("dot-component"), |tree| {
            assert_eq!(kind(tree, "a/b"), "file");
        }),
        case("7: a component \"..\"", base().file("a/../b"), Refused("\"..\"")),
        case("7: \"..\" at the start", base().file("../../etc/passwd"), Refused("\"..\"")),
        case("7: a hard link to \"..\"", base().file("x").link("a", "../x"), Refused("\"..\"")),
        checked("8: an absolute path", base().file("/etc/passwd"), Normalised("absolute-path"), |tree| {
            assert_eq!(kind(tree, "etc/passwd"), "file");
        }),
        checked("9: doubled slashes", base().dir("a").file("a//b").dir("a///"), Kept, |tree| {
            assert_eq!(kind(tree, "a/b"), "file");
        }),
        checked(
            "9: the root by \"./\"",
            Memory::default().dir("./").with(|root| root.mode = 0o700),
            Kept,
            |tree| {
                assert_eq!(tree.inode(tree.inode_of(NodeId::ROOT)).mode, 0o700);
            },
        ),
        case("10: a path of 4096 bytes and more", base().file(vec!["name45678"; 500].join("/")), Kept),
        case("11: a depth of 2048", base().file(deep(2048)), Kept),
        case("12: a depth of 10000", base().file(deep(10_000)), Refused("deeper than")),
        case("13-15: names of other systems", base().file("a\\b").file("C:").file("CON").file("con"), Kept),
    ]);
}
