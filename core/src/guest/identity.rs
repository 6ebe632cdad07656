//! Old identifiers and new ones: where a clone gets new ones, every file that names an old one is rewritten.

use super::kept::KeptIdentities;
use super::volumes::{Volume, VolumesOfTheDisk};
use super::workspace::GuestWorkspace;
use crate::{Error, ErrorKind, Result};

/// Which identifier became which, in the order of their discovery.
///
/// Old identifiers are UUIDs, FAT volume ids (`1A2B-3C4D`) and MBR partition ids (`1a2b3c4d-02`): texts that nothing
/// else in a configuration file looks like. Each stands here once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdentifierMap {
    pairs: Vec<(String, String)>,
}

impl IdentifierMap {
    /// A map that changes nothing: identity is kept.
    pub fn new() -> Self {
        Self::default()
    }

    /// The identifiers that the tree names for volumes which the new disk has under others.
    ///
    /// # Errors
    /// As [`IdentifierMap::insert`].
    pub fn between(kept: &KeptIdentities, disk: &VolumesOfTheDisk) -> Result<Self> {
        let mut map = Self::new();
        let mut swaps = disk.swaps();
        for old in &kept.volumes {
            let volume: Option<&Volume> = match old.mount_point() {
                Some(path) => disk.mounted_at(path),
                None => swaps.next(),
            };
            let Some(volume) = volume else { continue };
            let partition = volume.partition_uuid.as_deref();
            let pairs = [
                (old.uuid.as_deref(), Some(volume.uuid.as_str())),
                (old.partition_uuid.as_deref(), partition),
            ];
            for (old, new) in pairs {
                if let (Some(old), Some(new)) = (old, new)
                    && is_identifier(old)
                    && map.get(old).is_none()
                {
                    map.insert(old, new)?;
                }
            }
        }
        Ok(map)
    }

    /// Adds a pair; one whose two sides are the same is left out.
    ///
    /// # Errors
    /// `ErrorKind::Internal` when the old text is not of an identifier's form, or stands in the map with another new one.
    pub fn insert(&mut self, old: &str, new: &str) -> Result<()> {
        if !is_identifier(old) {
            return Err(Error::new(
                ErrorKind::Internal,
                format!("{old:?} is not an identifier to be replaced"),
            ));
        }
        match self.get(old) {
            Some(known) if known.eq_ignore_ascii_case(new) => Ok(()),
            Some(known) => {
                let text = format!("identifier {old} is to become both {known} and {new}");
                Err(Error::new(ErrorKind::Internal, text))
            }
            None if old.eq_ignore_ascii_case(new) => Ok(()),
            None => {
                self.pairs.push((old.to_owned(), new.to_owned()));
                Ok(())
            }
        }
    }

    /// The new identifier for an old one, whatever the case of its letters.
    pub fn get(&self, old: &str) -> Option<&str> {
        self.pairs.iter().find(|(known, _)| known.eq_ignore_ascii_case(old)).map(|(_, new)| new.as_str())
    }

    /// Old and new, in order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(old, new)| (old.as_str(), new.as_str()))
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }
}

/// `text` with every old identifier replaced by its new one; `None` when it has none.
///
/// An identifier counts where it stands alone: no letter, digit, `-` or `_` before or after it. Letters match in either
/// case, and the new one is written in the case of the text it replaces. The form with `\x2d` for each hyphen, in which
/// systemd names units, is replaced too. Nothing is replaced twice.
pub fn replace_identifiers(text: &[u8], map: &IdentifierMap) -> Option<Vec<u8>> {
    let forms: Vec<(Vec<u8>, Vec<u8>)> = map
        .pairs()
        .flat_map(|(old, new)| {
            let escaped = |text: &str| text.replace('-', "\\x2d").into_bytes();
            [(old.as_bytes().to_vec(), new.as_bytes().to_vec()), (escaped(old), escaped(new))]
        })
        .collect();
    let mut replaced = Vec::with_capacity(text.len());
    let mut changed = false;
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        let alone =
            !replaced.last().is_some_and(is_part) || UNIT_NAMES.iter().any(|start| replaced.ends_with(start));
        let found = forms.iter().filter(|_| alone).find_map(|(old, new)| {
            let (here, after) = rest.split_at_checked(old.len())?;
            let matches = here.eq_ignore_ascii_case(old) && !after.first().is_some_and(is_part);
            matches.then(|| (in_case_of(here, new), after))
        });
        match found {
            Some((new, after)) => {
                replaced.extend(new);
                rest = after;
                changed = true;
            }
            None => {
                replaced.push(*byte);
                rest = after;
            }
        }
    }
    changed.then_some(replaced)
}

/// Rewrites the identifiers in the guest's files outside the boot loader's configuration and `/etc/fstab`.
///
/// # Errors
/// As [`GuestWorkspace::read`] and [`GuestWorkspace::write`].
pub(super) fn rewrite_files(workspace: &mut GuestWorkspace<'_>, map: &IdentifierMap) -> Result<()> {
    if map.is_empty() {
        return Ok(());
    }
    let mut paths: Vec<Vec<u8>> = FILES.iter().map(|path| path.as_bytes().to_vec()).collect();
    for (directory, suffixes) in DIRECTORIES {
        for name in workspace.names(directory.as_bytes()) {
            if suffixes.iter().any(|suffix| name.ends_with(suffix.as_bytes())) {
                paths.push([directory.as_bytes(), b"/", &name].concat());
            }
        }
    }
    for path in paths {
        let Some(text) = workspace.read(&path)? else { continue };
        if let Some(text) = replace_identifiers(&text, map) {
            workspace.write(&path, text, "it named volumes by identifiers that are new on this disk")?;
        }
    }
    Ok(())
}

/// Whether a text has the form of a UUID, a FAT volume id or an MBR partition id.
fn is_identifier(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    matches!(lengths.as_slice(), [8, 4, 4, 4, 12] | [4, 4] | [8, 2])
        && groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Whether a byte before or after an identifier makes both one longer word.
fn is_part(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || *byte == b'-' || *byte == b'_'
}

fn in_case_of(old: &[u8], new: &[u8]) -> Vec<u8> {
    let old: Vec<&u8> = old.iter().filter(|byte| byte.is_ascii_alphabetic() && **byte != b'x').collect();
    if old.is_empty() {
        return new.to_vec();
    }
    if old.iter().all(|byte| byte.is_ascii_lowercase()) {
        return new.to_ascii_lowercase();
    }
    if old.iter().all(|byte| byte.is_ascii_uppercase()) {
        return new
            .iter()
            .map(|byte| if *byte == b'x' { *byte } else { byte.to_ascii_uppercase() })
            .collect();
    }
    new.to_vec()
}

/// What stands before an identifier in the name of a systemd unit (systemd-escape(1)).
const UNIT_NAMES: [&[u8]; 2] = [b"by\\x2duuid-", b"by\\x2dpartuuid-"];
const FILES: [&str; 8] = [
    "/etc/crypttab",
    "/etc/default/kdump-tools",
    "/etc/initramfs-tools/conf.d/resume",
    "/etc/initramfs-tools/initramfs.conf",
    "/etc/kdump.conf",
    "/etc/suspend.conf",
    "/etc/uswsusp.conf",
    "/etc/dracut.conf",
];
/// Directories of such files, and how the names of these end.
const DIRECTORIES: [(&str, &[&str]); 4] = [
    ("/etc/dracut.conf.d", &[".conf"]),
    ("/etc/initramfs-tools/conf.d", &[""]),
    ("/etc/systemd/system", &[".mount", ".automount", ".swap", ".service"]),
    ("/etc/udev/rules.d", &[".rules"]),
];
