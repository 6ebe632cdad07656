//! Mount options when a volume's file system is no longer the one that they were written for.

/// The options that stay true when a file system of type `old` becomes one of type `new`: those of the kernel's common
/// layer and of user-space tools, and those of `old` that `new` has too. In order, without those that are dropped.
pub(super) fn for_new_type<'a>(
    options: impl Iterator<Item = &'a [u8]>,
    old: &str,
    new: &str,
) -> Vec<&'a [u8]> {
    let both_ext = old.split(',').any(is_ext) && is_ext(new);
    options
        .filter(|option| {
            let name = option.split(|byte| *byte == b'=').next().unwrap_or_default();
            let is = |list: &[&str]| list.iter().any(|known| known.as_bytes() == name);
            if name.starts_with(b"x-") || name.starts_with(b"X-") || is(&COMMON) {
                return true;
            }
            is_ext(new) && (is(&QUOTA) || (both_ext && !is(&EXT_FORMER)))
        })
        .collect()
}

/// Whether an option ties a file system to hardware or devices that a new volume does not have.
pub(super) fn is_tied_to_old_device(option: &[u8]) -> bool {
    let name = option.split(|byte| *byte == b'=').next().unwrap_or_default();
    TIED.iter().any(|tied| tied.as_bytes() == name) || matches!(option, b"dax" | b"dax=always")
}

fn is_ext(fs_type: &str) -> bool {
    matches!(fs_type, "ext2" | "ext3" | "ext4")
}

/// Options that mount(8) lists as independent of the file system, or that only user space reads.
const COMMON: [&str; 45] = [
    "_netdev",
    "async",
    "atime",
    "auto",
    "comment",
    "context",
    "defaults",
    "defcontext",
    "dev",
    "diratime",
    "dirsync",
    "discard",
    "exec",
    "fscontext",
    "group",
    "iversion",
    "lazytime",
    "loud",
    "mand",
    "noatime",
    "noauto",
    "nodev",
    "nodiratime",
    "noexec",
    "nofail",
    "noiversion",
    "nolazytime",
    "nomand",
    "norelatime",
    "nostrictatime",
    "nosuid",
    "nosymfollow",
    "nouser",
    "owner",
    "relatime",
    "remount",
    "ro",
    "rootcontext",
    "rw",
    "silent",
    "strictatime",
    "suid",
    "sync",
    "user",
    "users",
];
const QUOTA: [&str; 6] = ["grpjquota", "grpquota", "jqfmt", "quota", "usrjquota", "usrquota"];
/// Options of ext2 and ext3 that the ext4 driver refuses or only warns of.
const EXT_FORMER: [&str; 10] =
    ["bh", "check", "nobh", "nocheck", "noreservation", "oldalloc", "orlov", "reservation", "stripe", "xip"];
const TIED: [&str; 5] = ["journal_dev", "journal_path", "logdev", "rtdev", "sb"];
