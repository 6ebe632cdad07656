use super::FstabEntry;

/// What the first field of an entry names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Device {
    /// `UUID=` or `/dev/disk/by-uuid/`: the identifier of a file system or swap area.
    Uuid(String),
    /// `LABEL=` or `/dev/disk/by-label/`.
    Label(String),
    /// `PARTUUID=` or `/dev/disk/by-partuuid/`.
    PartUuid(String),
    /// `PARTLABEL=` or `/dev/disk/by-partlabel/`.
    PartLabel(String),
    /// Any other path below `/dev/`, and `ID=`.
    Path(Vec<u8>),
    /// No device: a share, a dataset, a file, a word.
    Other(Vec<u8>),
}

/// What an entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A swap partition, swap file or compressed memory.
    Swap,
    /// A file system on a block device, or a dataset of a pool of such.
    Block,
    /// A share of another machine, or a block device that comes by the network (`_netdev`).
    Network,
    /// A directory that the hypervisor of the old machine shared.
    HostShare,
    /// A file system of the kernel, a bind mount, an overlay, an image file: nothing that a disk must hold.
    Local,
}

impl Device {
    /// Reads a first field whose octal escapes are decoded already.
    pub fn parse(text: &[u8]) -> Self {
        for (prefix, tag) in TAGS {
            if let Some(value) = text.strip_prefix(prefix.as_bytes()) {
                return tag(&String::from_utf8_lossy(unquoted(value)));
            }
        }
        for (prefix, tag) in LINKS {
            if let Some(value) = text.strip_prefix(prefix.as_bytes()) {
                return tag(&String::from_utf8_lossy(&decode_link_name(value)));
            }
        }
        if text.starts_with(b"/dev/") || text.starts_with(b"ID=") {
            return Self::Path(text.to_vec());
        }
        Self::Other(text.to_vec())
    }

    /// Whether it names a block device.
    pub fn is_block(&self) -> bool {
        match self {
            Self::Other(_) => false,
            Self::Path(path) => !NO_BLOCK_DEVICES.contains(&path.as_slice()),
            _ => true,
        }
    }

    /// Whether it names a drive for media that come and go.
    pub(super) fn is_removable(&self) -> bool {
        let Self::Path(path) = self else { return false };
        let Some(name) = path.strip_prefix(b"/dev/") else { return false };
        REMOVABLE.iter().any(|drive| {
            name.strip_prefix(drive.as_bytes()).is_some_and(|rest| rest.iter().all(u8::is_ascii_digit))
        })
    }

    /// Whether both name the same thing; identifiers are compared without regard to case.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Uuid(a), Self::Uuid(b)) | (Self::PartUuid(a), Self::PartUuid(b)) => {
                a.eq_ignore_ascii_case(b)
            }
            _ => self == other,
        }
    }
}

impl EntryKind {
    pub(super) fn of(entry: &FstabEntry) -> Self {
        let fs_type = entry.fs_type();
        let types = || fs_type.split(',').map(|name| name.strip_prefix("fuse.").unwrap_or(name));
        if fs_type == "swap" {
            return Self::Swap;
        }
        if fs_type == "ignore" || entry.has_option("bind") || entry.has_option("rbind") {
            return Self::Local;
        }
        if types().any(|name| HOST_SHARE_TYPES.contains(&name)) {
            return Self::HostShare;
        }
        if types().any(|name| NETWORK_TYPES.contains(&name)) || entry.has_option("_netdev") {
            return Self::Network;
        }
        let device = entry.device();
        if fs_type == "zfs" || (device.is_block() && !types().any(|name| LOCAL_TYPES.contains(&name))) {
            return Self::Block;
        }
        match device {
            Device::Other(text) if text.starts_with(b"//") => Self::Network,
            _ => Self::Local,
        }
    }
}

fn unquoted(value: &[u8]) -> &[u8] {
    for quote in [b"\"", b"'"] {
        if let Some(inner) = value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return inner;
        }
    }
    value
}

/// A name below `/dev/disk/by-…` as udev writes it: `\x20` for a blank.
fn decode_link_name(name: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((byte, after)) = rest.split_first() {
        let digits = rest.strip_prefix(b"\\x").and_then(|digits| digits.get(..2));
        let value = digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match value {
            Some(value) => {
                plain.push(value);
                rest = rest.get(4..).unwrap_or_default();
            }
            None => {
                plain.push(*byte);
                rest = after;
            }
        }
    }
    plain
}

type Tag = fn(&str) -> Device;

const TAGS: [(&str, Tag); 4] = [
    ("UUID=", |value| Device::Uuid(value.to_owned())),
    ("LABEL=", |value| Device::Label(value.to_owned())),
    ("PARTUUID=", |value| Device::PartUuid(value.to_owned())),
    ("PARTLABEL=", |value| Device::PartLabel(value.to_owned())),
];
const LINKS: [(&str, Tag); 4] = [
    ("/dev/disk/by-uuid/", |value| Device::Uuid(value.to_owned())),
    ("/dev/disk/by-label/", |value| Device::Label(value.to_owned())),
    ("/dev/disk/by-partuuid/", |value| Device::PartUuid(value.to_owned())),
    ("/dev/disk/by-partlabel/", |value| Device::PartLabel(value.to_owned())),
];
const NO_BLOCK_DEVICES: [&[u8]; 5] = [b"/dev/fuse", b"/dev/null", b"/dev/shm", b"/dev/pts", b"/dev/mqueue"];
const REMOVABLE: [&str; 8] = ["cdrom", "cdrw", "dvd", "dvdrw", "fd", "floppy", "scd", "sr"];
const HOST_SHARE_TYPES: [&str; 6] = ["9p", "prl_fs", "vboxsf", "virtiofs", "vmhgfs", "vmhgfs-fuse"];
const NETWORK_TYPES: [&str; 16] = [
    "afs",
    "ceph",
    "cifs",
    "coda",
    "davfs",
    "gfs2",
    "glusterfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "ocfs2",
    "pvfs2",
    "smb3",
    "smbfs",
    "sshfs",
];
/// File systems that no block device holds, though a device may stand in the first field.
const LOCAL_TYPES: [&str; 12] = [
    "aufs", "debugfs", "devpts", "devtmpfs", "mqueue", "none", "overlay", "proc", "ramfs", "sysfs", "tmpfs",
    "usbfs",
];
