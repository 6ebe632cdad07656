//! Sizes, holes, targets, times, owners, flags, and roots: cases 56 to 72.

use diskwright_core::Timestamp;
use diskwright_core::scan::{DataRange, FLAG_APPEND, FLAG_IMMUTABLE, FLAG_NODUMP};
use diskwright_core::tree::Object;

use crate::memory::{Memory, base};
use crate::table::Expect::{Kept, KeptButNotLaidOut, Normalised, Refused};
use crate::table::{case, checked, run, tar};
use crate::tar_support::{Archive, GNU, Head, base256};

#[test]
fn sizes_and_holes() {
    let range = |offset, len| DataRange { offset, len };
    let largest = (1_u64 << 44) - 4096;
    let holes = (0..100_000).map(|at| range(at * 8192, 4096)).collect();
    run(vec![
        checked(
            "56: 1 TiB with 4 KiB of data",
            base().sparse("s", 1 << 40, vec![range(1 << 39, 4096)]),
            Kept,
            |tree| {
                let object = tree.inode(tree.inode_of(tree.lookup(b"s").unwrap())).object;
                assert_eq!(
                    object,
                    Object::File { size: 1 << 40, data: Some(&[DataRange { offset: 1 << 39, len: 4096 }]) }
                );
            },
        ),
        case("57: 16 TiB - 4 KiB", base().sparse("s", largest, vec![]), Kept),
        case("57: 16 TiB", base().sparse("s", largest + 4096, vec![]), Refused("at most")),
        case("57: 2^64 - 1", base().sparse("s", u64::MAX, vec![]), Refused("at most")),
        case("58: 100000 holes", base().sparse("s", 100_000 * 8192, holes), Kept),
        case(
            "58: ranges that overlap",
            base().sparse("s", 8192, vec![range(0, 4096), range(4095, 1)]),
            Refused("ascend"),
        ),
        case("58: a range past the end", base().sparse("s", 8192, vec![range(8192, 1)]), Refused("ascend")),
        case("58: an empty range", base().sparse("s", 8192, vec![range(0, 0)]), Refused("ascend")),
        case(
            "58: a range that overflows",
            base().sparse("s", 8192, vec![range(1, u64::MAX)]),
            Refused("ascend"),
        ),
    ]);
}

#[test]
fn targets_times_owners_and_flags() {
    let at = |seconds, nanos| base().file("a").with(|a| a.mtime = Timestamp { seconds, nanos });
    let owner = |uid, gid| base().file("a").with(move |a| (a.uid, a.gid) = (uid, gid));
    let pax = |keyword, value: &str| {
        Archive::default().pax(b'x', &[(keyword, value.as_bytes())]).file("a", "").end()
    };
    let target = |len| base().symlink("s", "t".repeat(len));
    run(vec![
        case(
            "63: targets of 1, 59, 60 and 4095 bytes",
            target(1)
                .symlink("b", "t".repeat(59))
                .symlink("c", "t".repeat(60))
                .symlink("d", "t".repeat(4095)),
            Kept,
        ),
        case("64: a target of 4096 bytes", target(4096), Refused("4096 bytes")),
        case("64: an empty target", target(0), Refused("0 bytes")),
        case("64: a target with NUL", base().symlink("s", "a\0b"), Refused("NUL")),
        case("65: the earliest time", at(-(1 << 31), 0), Kept),
        case("65: the last time", at((1 << 34) - (1 << 31) - 1, 999_999_999), Kept),
        case("65: -1 and a nanosecond", at(-1, 1), Kept),
        checked(
            "66: a time too early",
            at(-(1 << 31) - 1, 999_999_999),
            Normalised("time-out-of-range"),
            |tree| {
                assert_eq!(tree.inode(tree.inode_of(tree.lookup(b"a").unwrap())).mtime, Timestamp::EXT4_MIN);
            },
        ),
        checked(
            "66: a time too late",
            at((1 << 34) - (1 << 31), 0),
            Normalised("time-out-of-range"),
            |tree| {
                assert_eq!(tree.inode(tree.inode_of(tree.lookup(b"a").unwrap())).mtime, Timestamp::EXT4_MAX);
            },
        ),
        case("66: nanoseconds of a second", at(0, 1_000_000_000), Refused("nanoseconds")),
        tar("67: a time of 30 digits", pax("mtime", "123456789012345678901234567890"), Refused("mtime")),
        tar("67: a time that is no number", pax("mtime", "NaN"), Refused("mtime")),
        case("68: owners of 32 bits", owner(65_536, u32::MAX - 1), Kept),
        case("69: the owner that is none", owner(u32::MAX, 0), Refused("4294967295")),
        case("69: the group that is none", owner(0, u32::MAX), Refused("4294967295")),
        tar("69: an owner of 33 bits", pax("uid", "4294967296"), Refused("uid")),
        tar("69: a negative owner", pax("gid", "-1"), Refused("gid")),
        tar(
            "69: a negative owner in base 256",
            Archive::default().head(Head { uid: base256(-2, 8), ..Head::new(b'0', "a").magic(GNU) }).end(),
            Refused("owner"),
        ),
        tar(
            "69: no owner but a name",
            Archive::default()
                .head(Head { uid: b"        ".to_vec(), ..Head::new(b'0', "a") }.patch(265, "lizard"))
                .end(),
            Refused("malformed number"),
        ),
        checked(
            "70: flags",
            base().file("a").with(|a| a.flags = FLAG_IMMUTABLE | FLAG_APPEND | FLAG_NODUMP),
            Kept,
            |tree| {
                let flags = tree.inode(tree.inode_of(tree.lookup(b"a").unwrap())).flags;
                assert_eq!(flags, FLAG_IMMUTABLE | FLAG_APPEND | FLAG_NODUMP);
            },
        ),
    ]);
}

#[test]
fn trees_that_cannot_boot_are_still_trees() {
    run(vec![
        case("72: lost+found as a file", base().file("lost+found"), KeptButNotLaidOut("not a directory")),
        checked("72: /boot as a loop", base().symlink("boot", "boot"), Kept, |tree| {
            assert_eq!(tree.resolve(b"boot/grub"), None);
        }),
        checked("72: an empty tree", base(), Kept, |tree| {
            assert_eq!((tree.node_count(), tree.inode_count()), (1, 1))
        }),
        checked("72: an archive of nothing", Memory::default(), Kept, |tree| {
            assert_eq!(tree.node_count(), 1)
        }),
        case("72: the root as a symbolic link", base().symlink("", "/elsewhere"), Refused("root of a tree")),
        case("72: the root as a file", Memory::default().file("./"), Refused("root of a tree")),
        case("72: the root as a hard link", base().file("a").link(".", "a"), Refused("root of a tree")),
    ]);
}
