use diskwright_core::Timestamp;
use diskwright_core::scan::{Attributes, FLAG_APPEND, FLAG_IMMUTABLE, FLAG_NODUMP};

use super::chance::Chance;

type Xattrs = Vec<(Vec<u8>, Vec<u8>)>;
/// Tag, permissions and id.
type AclEntry = (u16, u16, u32);

/// What an entry is, as far as its attributes depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nature {
    Directory,
    File,
    Link,
    Special,
}

/// The attribute sets of one tree: few of them, so that entries share them.
pub(super) struct Wardrobe {
    /// Of files and directories.
    open: Vec<Xattrs>,
    /// Of everything: the kernel keeps `user.` from links and special files.
    closed: Vec<Xattrs>,
    /// Named users and groups of ACLs: tag, permissions, id.
    named: Vec<Vec<AclEntry>>,
}

impl Wardrobe {
    pub(super) fn new(chance: &mut Chance) -> Self {
        let sets = |chance: &mut Chance, prefixes: &[&str]| {
            (0..chance.count(1..6)).map(|_| xattrs(chance, prefixes)).collect()
        };
        let named = (0..3).map(|_| named_entries(chance)).collect();
        Self {
            open: sets(chance, &["user.", "user.", "trusted.", "security."]),
            closed: sets(chance, &["trusted.", "security."]),
            named,
        }
    }

    /// Attributes for an entry.
    pub(super) fn dress(&self, chance: &mut Chance, nature: Nature) -> Attributes {
        let mode = match nature {
            Nature::Link => 0o777,
            _ => *chance.pick(&MODES),
        };
        let mut xattrs = Vec::new();
        if chance.one_in(4) {
            let sets = match nature {
                Nature::Directory | Nature::File => &self.open,
                Nature::Link | Nature::Special => &self.closed,
            };
            xattrs.clone_from(chance.pick(sets));
        }
        if nature != Nature::Link && chance.one_in(8) {
            xattrs.push((b"system.posix_acl_access".to_vec(), acl(chance, mode, &self.named)));
        }
        if nature == Nature::Directory && chance.one_in(8) {
            let mode = *chance.pick(&MODES);
            xattrs.push((b"system.posix_acl_default".to_vec(), acl(chance, mode, &self.named)));
        }
        if nature == Nature::File && chance.one_in(12) {
            xattrs.push((b"security.capability".to_vec(), capability(chance)));
        }
        let may_have_flags = matches!(nature, Nature::Directory | Nature::File);
        let flags = match chance.next() % 60 {
            0 if may_have_flags => FLAG_IMMUTABLE,
            1 if may_have_flags => FLAG_APPEND,
            2 if may_have_flags => FLAG_NODUMP,
            3 if may_have_flags => FLAG_IMMUTABLE | FLAG_APPEND | FLAG_NODUMP,
            _ => 0,
        };
        Attributes {
            mode,
            uid: *chance.pick(&OWNERS),
            gid: *chance.pick(&OWNERS),
            mtime: time(chance),
            flags,
            xattrs,
        }
    }
}

/// A set of attributes that fits the inode and one block of ext4.
fn xattrs(chance: &mut Chance, prefixes: &[&str]) -> Xattrs {
    let mut set: Xattrs = Vec::new();
    let mut room: usize = *chance.pick(&[60, 200, 1000, 3200]);
    for _ in 0..chance.count(1..12) {
        let name_len = match chance.next() % 8 {
            0 => chance.count(1..240),
            _ => chance.count(1..20),
        };
        let mut name = chance.pick(prefixes).as_bytes().to_vec();
        let is_text = !chance.one_in(4);
        name.extend((0..name_len).map(|_| match chance.next() as u8 {
            byte if is_text => b'a' + byte % 26,
            byte => byte.max(1),
        }));
        let value_len = match chance.next() % 8 {
            0 => 0,
            1 => chance.count(1..3000),
            _ => chance.count(1..80),
        };
        // An entry of 16 bytes, name and value each rounded up to 4.
        let cost = 16 + name.len() + 4 + value_len + 4;
        if cost > room || set.iter().any(|(known, _)| *known == name) || is_reserved(&name) {
            continue;
        }
        room -= cost;
        set.push((name, chance.bytes(value_len)));
    }
    set
}

/// Names whose values the kernel checks.
fn is_reserved(name: &[u8]) -> bool {
    [
        "security.capability",
        "security.evm",
        "security.ima",
        "security.selinux",
        "security.SMACK64",
        "security.apparmor",
    ]
    .iter()
    .any(|reserved| name.starts_with(reserved.as_bytes()))
}

fn named_entries(chance: &mut Chance) -> Vec<AclEntry> {
    let mut entries = Vec::new();
    for tag in [ACL_USER, ACL_GROUP] {
        let mut ids: Vec<u32> = (0..chance.count(1..5)).map(|_| *chance.pick(&OWNERS)).collect();
        ids.sort_unstable();
        ids.dedup();
        entries.extend(ids.into_iter().map(|id| (tag, (chance.next() % 8) as u16, id)));
    }
    entries
}

/// An ACL in the kernel's wire form that agrees with `mode`.
///
/// # Reference
/// `linux/posix_acl_xattr.h`.
fn acl(chance: &mut Chance, mode: u16, named: &[Vec<AclEntry>]) -> Vec<u8> {
    let named = chance.pick(named);
    let group = (chance.next() % 8) as u16;
    let of = |tag| named.iter().copied().filter(move |entry| entry.0 == tag);
    let mut entries = vec![(ACL_USER_OBJ, mode >> 6 & 7, u32::MAX)];
    entries.extend(of(ACL_USER));
    entries.push((ACL_GROUP_OBJ, group, u32::MAX));
    entries.extend(of(ACL_GROUP));
    entries.push((ACL_MASK, mode >> 3 & 7, u32::MAX));
    entries.push((ACL_OTHER, mode & 7, u32::MAX));
    let mut wire = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        wire.extend(tag.to_le_bytes());
        wire.extend(permissions.to_le_bytes());
        wire.extend(id.to_le_bytes());
    }
    wire
}

/// File capabilities of version 2, or of version 3 with the root user of a namespace.
///
/// # Reference
/// `linux/capability.h`, `struct vfs_ns_cap_data`.
fn capability(chance: &mut Chance) -> Vec<u8> {
    let has_root = chance.one_in(2);
    let effective = u32::from(chance.one_in(2));
    let version: u32 = if has_root { 0x0300_0000 } else { 0x0200_0000 };
    let permitted = chance.next();
    let mut bytes = (version | effective).to_le_bytes().to_vec();
    bytes.extend((permitted as u32).to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(((permitted >> 32) as u32 & 0x1ff).to_le_bytes());
    bytes.extend([0; 4]);
    if has_root {
        bytes.extend(100_000_u32.to_le_bytes());
    }
    bytes
}

fn time(chance: &mut Chance) -> Timestamp {
    let seconds = match chance.next() % 4 {
        0 => *chance.pick(&SECONDS),
        // 1902 to 2446.
        1 => match chance.within(0..17_000_000_000).cast_signed() - 2_140_000_000 {
            // e2fsck takes 2310-04-04 to 2378-04-22 for mistakes of old kernels about times before 1970.
            doubted @ 10_737_418_240..12_884_901_888 => doubted - (1 << 32),
            other => other,
        },
        _ => chance.within(1_000_000_000..1_800_000_000).cast_signed(),
    };
    let nanos = match chance.next() % 4 {
        0 => 0,
        1 => 999_999_999,
        _ => chance.within(0..1_000_000_000) as u32,
    };
    Timestamp { seconds, nanos }
}

const ACL_USER_OBJ: u16 = 0x01;
const ACL_USER: u16 = 0x02;
const ACL_GROUP_OBJ: u16 = 0x04;
const ACL_GROUP: u16 = 0x08;
const ACL_MASK: u16 = 0x10;
const ACL_OTHER: u16 = 0x20;

const MODES: [u16; 12] = [0o644, 0o644, 0o644, 0o755, 0o755, 0o600, 0o400, 0o4755, 0o2755, 0o1777, 0, 0o7777];
const OWNERS: [u32; 9] = [0, 0, 0, 1, 1000, 65_535, 65_536, 0x8000_0000, u32::MAX - 1];
/// Edges of what 32 and 34 bits hold; the kernel rounds times at the very edge of its own range.
const SECONDS: [i64; 14] = [
    -(1 << 31) + 1,
    -1,
    0,
    1,
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 1,
    1 << 32,
    (1 << 32) + (1 << 31) - 1,
    1 << 33,
    (1 << 33) + (1 << 31) - 1,
    3 << 32,
    (1 << 34) - (1 << 31) - 2,
    4_300_000_000,
];
