use super::os_release::OsRelease;
use super::workspace::GuestWorkspace;
use crate::{ErrorKind, Result};

/// Which features of ext4 the guest's own tools know.
///
/// The kernel may know more: what counts is that the guest's e2fsck refuses unknown features at boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ext4Generation {
    /// `metadata_csum` and `64bit`: e2fsprogs 1.43 and later.
    Modern,
    /// `uninit_bg`, 32-bit block numbers: anything older.
    Legacy,
}

/// The generation and how it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ext4Choice {
    /// What the guest can check and repair.
    pub generation: Ext4Generation,
    /// Version of the guest's e2fsprogs as its package database has it.
    pub e2fsprogs: Option<String>,
    /// One clause for the report.
    pub reason: String,
}

impl Ext4Choice {
    /// Decides from the package database of dpkg, apk or pacman, else from the system's version, else from whether the
    /// tree has an e2fsck at all.
    ///
    /// # Errors
    /// As [`GuestWorkspace::read`].
    pub(super) fn of(workspace: &GuestWorkspace<'_>, os: Option<&OsRelease>) -> Result<Self> {
        let e2fsprogs = installed_version(workspace)?;
        if let Some(version) = &e2fsprogs
            && let Some(numbers) = leading_numbers(version)
        {
            let generation = modern_if(numbers >= FIRST_MODERN);
            let reason = format!("the guest's e2fsprogs is {version}");
            return Ok(Self { generation, e2fsprogs, reason });
        }
        let (generation, reason) = match os.filter(|os| !os.id.is_empty()) {
            Some(os) => {
                (modern_if(is_modern_system(os)), format!("the guest is {} {}", os.id, os.version_id))
            }
            None if E2FSCK.iter().any(|path| workspace.exists(path)) => {
                (Ext4Generation::Legacy, "the tree has an e2fsck of unknown version".to_owned())
            }
            None => (Ext4Generation::Modern, "the tree has no e2fsck that could refuse a feature".to_owned()),
        };
        Ok(Self { generation, e2fsprogs, reason: reason.trim_end().to_owned() })
    }
}

fn modern_if(condition: bool) -> Ext4Generation {
    match condition {
        true => Ext4Generation::Modern,
        false => Ext4Generation::Legacy,
    }
}

/// Whether a release of a system came with e2fsprogs 1.43 or later. Systems that are not listed are younger than it.
fn is_modern_system(os: &OsRelease) -> bool {
    let version = os.version();
    if os.version_id.is_empty() {
        return true;
    }
    let first = match os.id.as_str() {
        "debian" | "raspbian" => (9, 0),
        "ubuntu" => (18, 4),
        "linuxmint" => (19, 0),
        "fedora" => (25, 0),
        // 2018.03 has e2fsprogs 1.43, 2 has 1.42.
        "amzn" if version.0 >= 2000 => return version.0 >= 2018,
        "amzn" => (3, 0),
        "opensuse" | "opensuse-leap" if version.0 == 42 => return false,
        "sles" | "sled" | "sles_sap" | "opensuse" | "opensuse-leap" => (15, 0),
        "rhel" | "centos" | "rocky" | "almalinux" | "ol" | "scientific" => (8, 0),
        "alpine" => (3, 5),
        _ if os.is_like("rhel") || os.is_like("centos") => (8, 0),
        _ => return true,
    };
    version >= first
}

fn installed_version(workspace: &GuestWorkspace<'_>) -> Result<Option<String>> {
    if let Some(status) = read_database(workspace, b"/var/lib/dpkg/status")? {
        return Ok(dpkg_version(&status));
    }
    for path in [&b"/lib/apk/db/installed"[..], b"/usr/lib/apk/db/installed"] {
        if let Some(installed) = read_database(workspace, path)? {
            return Ok(apk_version(&installed));
        }
    }
    let names = workspace.names(b"/var/lib/pacman/local");
    Ok(names.iter().find_map(|name| {
        let version = std::str::from_utf8(name).ok()?.strip_prefix("e2fsprogs-")?;
        version.starts_with(|c: char| c.is_ascii_digit()).then(|| version.to_owned())
    }))
}

/// A package database; one that is too large to be read does not count.
fn read_database(workspace: &GuestWorkspace<'_>, path: &[u8]) -> Result<Option<Vec<u8>>> {
    match workspace.read(path) {
        Err(error) if error.kind() == ErrorKind::LimitExceeded => Ok(None),
        other => other,
    }
}

fn dpkg_version(status: &[u8]) -> Option<String> {
    let field = |stanza: &[&[u8]], name: &[u8]| {
        stanza.iter().find_map(|line| line.strip_prefix(name)).map(|value| value.trim_ascii().to_vec())
    };
    let lines: Vec<&[u8]> = status.split(|byte| *byte == b'\n').collect();
    lines
        .split(|line| line.is_empty())
        .filter(|stanza| stanza.contains(&&b"Package: e2fsprogs"[..]))
        .filter(|stanza| field(stanza, b"Status:").is_some_and(|status| status.ends_with(b" installed")))
        .find_map(|stanza| String::from_utf8(field(stanza, b"Version:")?).ok())
}

fn apk_version(installed: &[u8]) -> Option<String> {
    let lines: Vec<&[u8]> = installed.split(|byte| *byte == b'\n').collect();
    let package =
        lines.split(|line| line.is_empty()).find(|package| package.contains(&&b"P:e2fsprogs"[..]))?;
    let version = package.iter().find_map(|line| line.strip_prefix(b"V:"))?;
    String::from_utf8(version.to_vec()).ok()
}

/// The first two numbers of a package version, without its epoch.
fn leading_numbers(version: &str) -> Option<(u32, u32)> {
    let version = version.split_once(':').map_or(version, |(_, version)| version);
    let mut numbers = version.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

const FIRST_MODERN: (u32, u32) = (1, 43);
const E2FSCK: [&[u8]; 2] = [b"/sbin/e2fsck", b"/usr/sbin/e2fsck"];
