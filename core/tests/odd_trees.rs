//! The catalogue of odd and hostile trees: what a tree keeps, refuses, warns of and normalises, in both modes.

mod odd_trees_support;
mod tar_support;

use std::sync::Arc;

use diskwright_core::scan::{
    DataRange, DeviceNumber, EntryObject, FLAG_APPEND, FLAG_IMMUTABLE, FLAG_NODUMP, ScanSource,
};
use diskwright_core::tree::{
    FileTree, Finding, Findings, NodeId, Object, Severity, Strictness, TreeBuilder, Whiteouts,
};
use diskwright_core::{ErrorKind, Result, Timestamp};
use odd_trees_support::{Memory, base, content, kind};
use tar_support::{Archive, GNU, Head, base256};

/// What becomes of a case.
#[derive(Clone, Copy, Debug)]
enum Expect {
    /// K: kept exactly, in both modes.
    Kept,
    /// F: refused in both modes, with this in the message.
    Refused(&'static str),
    /// W: kept or dropped with a warning of this code; refused if strict.
    Warned(&'static str),
    /// N: normalised with a finding of this code; refused if strict.
    Normalised(&'static str),
}
use Expect::{Kept, Normalised, Refused, Warned};

struct Case {
    number: &'static str,
    source: Arc<dyn ScanSource>,
    expect: Expect,
    check: fn(&FileTree),
}

fn case(number: &'static str, source: impl ScanSource + 'static, expect: Expect) -> Case {
    Case { number, source: Arc::new(source), expect, check: |_| () }
}

fn checked(
    number: &'static str,
    source: impl ScanSource + 'static,
    expect: Expect,
    check: fn(&FileTree),
) -> Case {
    Case { check, ..case(number, source, expect) }
}

fn tar(number: &'static str, archive: Archive, expect: Expect) -> Case {
    let (source, place) = archive.source();
    // The archive is held open; its name is not needed.
    drop(place);
    case(number, source, expect)
}

fn build(source: &Arc<dyn ScanSource>, strictness: Strictness) -> Result<(FileTree, Vec<Finding>)> {
    let mut builder = TreeBuilder::new(Findings::new(strictness));
    builder.add_source(Arc::clone(source), Whiteouts::Plain)?;
    builder.finish()
}

/// Runs all cases in both modes and tells all that went otherwise.
fn run(cases: Vec<Case>) {
    let mut wrong = Vec::new();
    for case in &cases {
        let lenient = build(&case.source, Strictness::Lenient);
        let strict = build(&case.source, Strictness::Strict);
        let told = |code: &str, severity| match &lenient {
            Ok((_, findings)) => {
                findings.iter().any(|found| found.code == code && found.severity == severity)
            }
            Err(_) => false,
        };
        let loud = |findings: &[Finding]| findings.iter().any(|finding| finding.severity > Severity::Note);
        let as_expected = match case.expect {
            Kept => {
                lenient.as_ref().is_ok_and(|(_, findings)| !loud(findings))
                    && strict.as_ref().is_ok_and(|(_, findings)| !loud(findings))
            }
            Refused(text) => [&lenient, &strict].iter().all(|result| {
                result.as_ref().is_err_and(|error| {
                    error.kind() != ErrorKind::Internal && error.to_string().contains(text)
                })
            }),
            Warned(code) => told(code, Severity::Warning) && strict.is_err(),
            Normalised(code) => told(code, Severity::Normalised) && strict.is_err(),
        };
        if !as_expected {
            let shown = |result: &Result<(FileTree, Vec<Finding>)>| match result {
                Ok((tree, findings)) => format!("{tree:?} {findings:?}"),
                Err(error) => format!("{error:?}"),
            };
            wrong.push(format!(
                "case {}: expected {:?}\n  lenient: {}\n  strict: {}",
                case.number,
                case.expect,
                shown(&lenient),
                shown(&strict)
            ));
        }
        if let Ok((tree, _)) = &lenient {
            (case.check)(tree);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn links(tree: &FileTree, path: &str) -> u32 {
    tree.inode(tree.inode_of(tree.lookup(path.as_bytes()).unwrap())).links
}

fn mode(tree: &FileTree, path: &str) -> u16 {
    tree.inode(tree.inode_of(tree.lookup(path.as_bytes()).unwrap())).mode
}

fn xattrs(tree: &FileTree, path: &str) -> Vec<String> {
    let inode = tree.inode(tree.inode_of(tree.lookup(path.as_bytes()).unwrap()));
    inode
        .xattrs
        .iter()
        .map(|(name, value)| format!("{}={}", name.escape_ascii(), value.escape_ascii()))
        .collect()
}

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

#[test]
fn special_files_and_modes() {
    let device = |major, minor| EntryObject::CharDevice(DeviceNumber { major, minor });
    let block = |major, minor| EntryObject::BlockDevice(DeviceNumber { major, minor });
    run(vec![
        checked("42: a socket", base().add("s", EntryObject::Socket), Warned("socket"), |tree| {
            assert_eq!(kind(tree, "s"), "Socket");
        }),
        case("43: a named pipe", base().add("p", EntryObject::Fifo), Kept),
        case(
            "44: devices",
            base().add("a", device(0, 0)).add("b", block(255, 255)).add("c", device(4095, 1_048_575)),
            Kept,
        ),
        case("45: a major number of 13 bits", base().add("a", device(4096, 0)), Refused("4095:1048575")),
        case("45: a minor number of 21 bits", base().add("a", block(1, 1 << 20)), Refused("4095:1048575")),
        checked(
            "46-47: modes of all twelve bits and of none",
            base()
                .file("a")
                .with(|a| a.mode = 0o7777)
                .file("b")
                .with(|b| b.mode = 0)
                .dir("c")
                .with(|c| c.mode = 0o1777),
            Kept,
            |tree| assert_eq!((mode(tree, "a"), mode(tree, "b"), mode(tree, "c")), (0o7777, 0, 0o1777)),
        ),
        checked(
            "48: a mode with type bits",
            base().file("a").with(|a| a.mode = 0o100_644),
            Normalised("mode-bits"),
            |tree| {
                assert_eq!(mode(tree, "a"), 0o644);
            },
        ),
    ]);
}

#[test]
fn extended_attributes() {
    let acl = |entries: &[(u16, u16, u32)]| {
        let mut wire = 2_u32.to_le_bytes().to_vec();
        for (tag, permissions, id) in entries {
            wire.extend(tag.to_le_bytes());
            wire.extend(permissions.to_le_bytes());
            wire.extend(id.to_le_bytes());
        }
        wire
    };
    let none = u32::MAX;
    let good = acl(&[(1, 6, none), (2, 4, 1000), (4, 4, none), (16, 6, none), (32, 4, none)]);
    let bad: Vec<Vec<u8>> = vec![
        vec![],
        good[..good.len() - 1].to_vec(),
        [&[1][..], &good[1..]].concat(),
        acl(&[(1, 6, none), (4, 4, none)]),
        acl(&[(1, 6, none), (2, 4, 1000), (4, 4, none), (32, 4, none)]),
        acl(&[(32, 6, none), (4, 4, none), (1, 4, none)]),
        acl(&[(1, 8, none), (4, 4, none), (32, 4, none)]),
        acl(&[(1, 6, none), (2, 4, none), (4, 4, none), (16, 6, none), (32, 4, none)]),
    ];
    let mut cases = vec![
        case("49: a value of no bytes", base().file("a").xattr("user.empty", ""), Kept),
        case("50: a value of 64 KiB", base().file("a").xattr("user.big", vec![1; 65_536]), Kept),
        case(
            "50: a value of 65537 bytes",
            base().file("a").xattr("user.big", vec![1; 65_537]),
            Refused("at most 65536"),
        ),
        case(
            "52: a name of 255 bytes",
            base().file("a").xattr(format!("user.{}", "n".repeat(250)), "v"),
            Kept,
        ),
        case(
            "52: a name of 256 bytes",
            base().file("a").xattr(format!("user.{}", "n".repeat(251)), "v"),
            Refused("at most 255"),
        ),
        case("52: a name that is not UTF-8", base().file("a").xattr(b"user.\xff", "v"), Kept),
        case("52: a bare namespace", base().file("a").xattr("user.", "v"), Refused("bare namespace")),
        case(
            "53: namespaces of the kernel",
            base()
                .file("a")
                .xattr("trusted.x", "v")
                .xattr("security.selinux", "u:r:t:s0\0")
                .xattr("system.posix_acl_access", &good),
            Kept,
        ),
        case(
            "53: capabilities",
            base().file("a").xattr("security.capability", [&[1, 0, 0, 2][..], &[0; 16]].concat()),
            Kept,
        ),
        case(
            "53: capabilities of a user namespace",
            base().file("a").xattr("security.capability", [&[1, 0, 0, 3][..], &[0; 20]].concat()),
            Kept,
        ),
        case(
            "53: malformed capabilities",
            base().file("a").xattr("security.capability", [0; 20]),
            Refused("capabilities"),
        ),
        case("53: a default list", base().dir("a").xattr("system.posix_acl_default", &good), Kept),
        checked(
            "54: one name twice",
            base().file("a").xattr("user.b", "0").xattr("user.a", "1").xattr("user.b", "2"),
            Kept,
            |tree| {
                assert_eq!(xattrs(tree, "a"), ["user.a=1", "user.b=2"]);
            },
        ),
        checked(
            "55: an unknown namespace",
            base().file("a").xattr("com.apple.x", "v"),
            Warned("xattr-namespace"),
            |tree| {
                assert_eq!(xattrs(tree, "a"), [""; 0]);
            },
        ),
        checked(
            "55: on the root, a symbolic link, a device",
            Memory::default()
                .dir("")
                .xattr("user.r", "r")
                .symlink("s", "x")
                .xattr("trusted.s", "s")
                .add("p", EntryObject::Fifo)
                .xattr("trusted.p", "p"),
            Kept,
            |tree| {
                assert_eq!(
                    (xattrs(tree, ""), xattrs(tree, "s")),
                    (vec!["user.r=r".to_owned()], vec!["trusted.s=s".to_owned()])
                )
            },
        ),
    ];
    for wire in bad {
        cases.push(case(
            "53: a malformed list",
            base().file("a").xattr("system.posix_acl_access", wire),
            Refused("access control list"),
        ));
    }
    let many = (0..40_000)
        .fold(base().file("a"), |memory, number| memory.xattr(format!("user.{}", number % 20_000), "v"));
    cases.push(checked("54: 40000 attributes, each name twice", many, Kept, |tree| {
        assert_eq!(xattrs(tree, "a").len(), 20_000);
    }));
    run(cases);
}

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
        case("72: lost+found as a file", base().file("lost+found"), Kept),
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
