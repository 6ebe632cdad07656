//! Special files, modes and extended attributes: cases 42 to 55.

use diskwright_core::scan::{DeviceNumber, EntryObject};

use crate::memory::{Memory, base, kind};
use crate::table::Expect::{Kept, KeptButNotLaidOut, Normalised, Refused, Warned};
use crate::table::{case, checked, mode, run, xattrs};

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
        case(
            "50: a value of 64 KiB",
            base().file("a").xattr("user.big", vec![1; 65_536]),
            KeptButNotLaidOut("without ea_inode has 4060"),
        ),
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
    cases.push(checked(
        "54: 40000 attributes, each name twice",
        many,
        KeptButNotLaidOut("without ea_inode has 4060"),
        |tree| {
            assert_eq!(xattrs(tree, "a").len(), 20_000);
        },
    ));
    run(cases);
}
