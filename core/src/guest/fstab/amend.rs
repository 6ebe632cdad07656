use super::options::{for_new_type, is_tied_to_old_device};
use super::{
    DEVICE, Device, EntryKind, FS_TYPE, FSTAB_PATH, Fstab, FstabEntry, Line, OPTIONS, PASS,
    normal_mount_point,
};
use crate::Result;
use crate::error::EscapePath;
use crate::guest::identity::{IdentifierMap, replace_identifiers};
use crate::guest::volumes::{Volume, VolumesOfTheDisk};
use crate::guest::workspace::GuestWorkspace;
use crate::lvm::LogicalVolumeName;
use crate::tree::{Findings, Severity};

/// Makes `/etc/fstab` true for the new disk. What is true already is not touched; nothing to change is no edit.
///
/// # Errors
/// As [`Fstab::parse`] and [`GuestWorkspace::write`]; in strict mode `ErrorKind::Source` for what is worth a warning.
pub(in crate::guest) fn amend(
    workspace: &mut GuestWorkspace<'_>,
    disk: &VolumesOfTheDisk,
    identifiers: &IdentifierMap,
    findings: &mut Findings,
) -> Result<Fstab> {
    let fstab = Fstab::parse(&workspace.read(FSTAB_PATH.as_bytes())?.unwrap_or_default())?;
    let mut amendment = Amendment {
        unmatched: disk.volumes.iter().collect(),
        replaced: Vec::new(),
        reasons: Vec::new(),
        systemd: SYSTEMD.iter().any(|path| workspace.exists(path)),
        fstab,
        workspace,
        findings,
    };
    amendment.new_identifiers(identifiers);
    amendment.mounted_volumes();
    amendment.swap_volumes();
    amendment.other_entries(disk)?;
    amendment.missing_entries();
    let Amendment { fstab, reasons, .. } = amendment;
    if !reasons.is_empty() {
        workspace.write(FSTAB_PATH.as_bytes(), fstab.to_bytes(), &reasons.join("; "))?;
    }
    Ok(fstab)
}

struct Amendment<'a, 'w, 't> {
    fstab: Fstab,
    /// Volumes that no line mounts so far.
    unmatched: Vec<&'a Volume>,
    /// What the lines of the new disk's volumes named before.
    replaced: Vec<(Device, &'a Volume)>,
    reasons: Vec<String>,
    systemd: bool,
    workspace: &'w GuestWorkspace<'t>,
    findings: &'w mut Findings,
}

/// What becomes of a line whose device is not a volume of the new disk by its mount point.
enum Fate<'a> {
    Keep,
    CommentOut(String),
    /// A second mount of a volume of the new disk.
    SecondMount(&'a Volume),
    /// Boot must not wait for the device or fail without it.
    Optional,
}

impl<'a> Amendment<'a, '_, '_> {
    /// Identifiers that changed keep their form: a `PARTUUID=` stays one.
    fn new_identifiers(&mut self, identifiers: &IdentifierMap) {
        for line in &mut self.fstab.lines {
            let Line::Entry(entry) = line else { continue };
            if let Some(text) = replace_identifiers(entry.field(DEVICE), identifiers) {
                entry.replace(DEVICE, text);
                self.reasons.push(format!("{}: the volume has a new identifier", subject(entry)));
            }
        }
    }

    /// Lines at the mount points of volumes name these volumes: of several the first that mounts a block device.
    fn mounted_volumes(&mut self) {
        for only_blocks in [true, false] {
            for line in &mut self.fstab.lines {
                let Line::Entry(entry) = line else { continue };
                let kind = entry.kind();
                if entry.settled || kind == EntryKind::Swap || (only_blocks && kind != EntryKind::Block) {
                    continue;
                }
                let mount_point = entry.mount_point();
                let is_here = |volume: &&Volume| {
                    volume.mount_point().is_some_and(|path| normal_mount_point(path) == mount_point)
                };
                let Some(position) = self.unmatched.iter().position(is_here) else { continue };
                let volume = self.unmatched.remove(position);
                self.replaced.push((entry.device(), volume));
                make_true(entry, volume, self.workspace, &mut self.reasons);
            }
        }
    }

    /// Swap lines name the swap areas: first those that do already, then the others in order.
    fn swap_volumes(&mut self) {
        for only_true in [true, false] {
            for line in &mut self.fstab.lines {
                let Line::Entry(entry) = line else { continue };
                if entry.settled || !is_swap_partition(entry) {
                    continue;
                }
                let device = entry.device();
                // A second line for an area that has one is left to swapon, which says so and goes on.
                if self.replaced.iter().any(|(_, volume)| names(&device, volume)) {
                    entry.settled = true;
                    continue;
                }
                let fits = |volume: &&Volume| is_swap(volume) && (!only_true || names(&device, volume));
                let Some(position) = self.unmatched.iter().position(fits) else { continue };
                let volume = self.unmatched.remove(position);
                self.replaced.push((device, volume));
                make_true(entry, volume, self.workspace, &mut self.reasons);
            }
        }
    }

    /// Lines about anything else: true, merged, gone, or of another device.
    fn other_entries(&mut self, disk: &'a VolumesOfTheDisk) -> Result<()> {
        let mut at = 0;
        while let Some(line) = self.fstab.lines.get(at) {
            let fate = match line {
                Line::Entry(entry) if !entry.settled => {
                    let entry = entry.clone();
                    self.fate(&entry, disk)?
                }
                _ => Fate::Keep,
            };
            match fate {
                Fate::Keep => {}
                Fate::CommentOut(reason) => {
                    self.comment_out(at, &reason);
                    at += 1;
                }
                Fate::SecondMount(volume) => self.second_mount(at, volume),
                Fate::Optional => self.make_optional(at),
            }
            at += 1;
        }
        Ok(())
    }

    fn fate(&mut self, entry: &FstabEntry, disk: &'a VolumesOfTheDisk) -> Result<Fate<'a>> {
        let mount_point = entry.mount_point();
        let shown = mount_point.escape_ascii_path();
        match entry.kind() {
            EntryKind::Swap if is_swap_partition(entry) && !is_optional(entry) => {
                return Ok(Fate::CommentOut("this swap area is not on the new disk".to_owned()));
            }
            EntryKind::Swap => return Ok(Fate::Keep),
            EntryKind::Local if mount_point != b"/" => return Ok(Fate::Keep),
            EntryKind::HostShare if is_optional(entry) => return Ok(Fate::Keep),
            EntryKind::HostShare => return Ok(Fate::Optional),
            EntryKind::Network if mount_point != b"/" => {
                let text = format!("the network mount {shown} is kept as it is");
                self.findings.record(Severity::Note, "fstab-network-mount", FSTAB_PATH.as_bytes(), text)?;
                return Ok(Fate::Keep);
            }
            EntryKind::Block | EntryKind::Local | EntryKind::Network => {}
        }
        if !mount_point.starts_with(b"/") {
            return Ok(Fate::Keep);
        }
        if disk.mounted_at(&mount_point).is_some() {
            let text =
                format!("line {}: {shown} is mounted a second time; the first line counts", entry.number);
            self.findings.record(Severity::Warning, "fstab-mounted-twice", FSTAB_PATH.as_bytes(), text)?;
            return Ok(Fate::CommentOut("mounted a second time, the line above counts".to_owned()));
        }
        let device = entry.device();
        let replaced = self.replaced.iter().filter(|(old, _)| device.is_same(old)).map(|(_, volume)| *volume);
        let named = disk.volumes.iter().filter(|volume| names(&device, volume));
        if let Some(volume) = replaced.chain(named).find(|volume| !is_swap(volume)) {
            let is_part = entry.has_option("subvol") || entry.has_option("subvolid");
            if has_type(entry, &volume.fs_type) && !is_part {
                return Ok(Fate::SecondMount(volume));
            }
            return Ok(Fate::CommentOut(
                "its file system has become one of the new disk's volumes".to_owned(),
            ));
        }
        self.fate_of_other_device(entry, &mount_point, &device)
    }

    fn fate_of_other_device(
        &mut self,
        entry: &FstabEntry,
        mount_point: &[u8],
        device: &Device,
    ) -> Result<Fate<'a>> {
        if entry.has_option("noauto") {
            return Ok(Fate::Keep);
        }
        if ESP_MOUNT_POINTS.contains(&mount_point) {
            return Ok(Fate::CommentOut("the new disk has no EFI system partition for it".to_owned()));
        }
        if !device.is_removable() && self.workspace.has_content(mount_point) {
            let text = format!("its content is part of {} now", self.holder(mount_point));
            return Ok(Fate::CommentOut(text));
        }
        if entry.has_option("nofail") {
            return Ok(Fate::Keep);
        }
        let text = format!(
            "{} is mounted from a device that is not on the new disk and whose content the scan does not have: \
             the machine boots without it",
            mount_point.escape_ascii_path()
        );
        let severity = if device.is_removable() { Severity::Note } else { Severity::Warning };
        self.findings.record(severity, "fstab-other-device", FSTAB_PATH.as_bytes(), text)?;
        Ok(Fate::Optional)
    }

    /// The mount point of the new disk's volume that holds a path.
    fn holder(&self, path: &[u8]) -> String {
        let volumes = self.replaced.iter().map(|(_, volume)| *volume).chain(self.unmatched.iter().copied());
        let above = volumes.filter_map(Volume::mount_point).filter(|above| super::lies_below(path, above));
        match above.max_by_key(|above| above.len()) {
            Some(b"/") | None => "the root file system".to_owned(),
            Some(above) => format!("the file system at {}", above.escape_ascii_path()),
        }
    }

    fn comment_out(&mut self, at: usize, reason: &str) {
        if let Some(Line::Entry(entry)) = self.fstab.lines.get(at) {
            self.reasons.push(format!("{}: {reason}", subject(entry)));
            self.fstab.comment_out(at, reason);
        }
    }

    fn second_mount(&mut self, at: usize, volume: &Volume) {
        if let Some(Line::Entry(entry)) = self.fstab.lines.get_mut(at) {
            make_true(entry, volume, self.workspace, &mut self.reasons);
        }
    }

    fn make_optional(&mut self, at: usize) {
        let Some(Line::Entry(entry)) = self.fstab.lines.get_mut(at) else { return };
        let mut options: Vec<Vec<u8>> = entry.options().map(<[u8]>::to_vec).collect();
        options.push(b"nofail".to_vec());
        let waits = entry.kind() == EntryKind::Block && entry.device().is_block();
        if self.systemd && waits && !entry.has_option(DEVICE_TIMEOUT) {
            options.push(format!("{DEVICE_TIMEOUT}=10s").into_bytes());
        }
        entry.replace(OPTIONS, options.join(&b','));
        let shown = subject(entry);
        self.reasons
            .push(format!("{shown}: its device is not on the new disk, boot must not fail without it"));
    }

    /// Adds lines for volumes that none mounts.
    fn missing_entries(&mut self) {
        for volume in std::mem::take(&mut self.unmatched) {
            let device = volume.specification();
            let entry = match volume.mount_point() {
                None => FstabEntry::new(&device, b"none", "swap", "sw", "0"),
                Some(path) => {
                    let path = normal_mount_point(path);
                    let is_esp = ESP_MOUNT_POINTS.contains(&path.as_slice()) && volume.fs_type == "vfat";
                    let options = if is_esp { "umask=0077,nofail" } else { "defaults" };
                    let pass = if path == b"/" || is_esp { "1" } else { "2" };
                    FstabEntry::new(&device, &path, &volume.fs_type, options, pass)
                }
            };
            let shown = match volume.mount_point() {
                Some(path) => path.escape_ascii_path(),
                None => "swap".to_owned(),
            };
            self.reasons.push(format!("{shown}: a volume of the new disk that no line named"));
            self.fstab.add(entry);
        }
    }
}

/// Changes those fields of an entry that are not true of `volume`.
fn make_true(
    entry: &mut FstabEntry,
    volume: &Volume,
    workspace: &GuestWorkspace<'_>,
    reasons: &mut Vec<String>,
) {
    entry.settled = true;
    let shown = subject(entry);
    if !names(&entry.device(), volume) {
        entry.replace(DEVICE, volume.specification().into_bytes());
        reasons.push(format!("{shown}: the device is a volume of the new disk"));
    }
    if volume.mount_point().is_none() {
        return;
    }
    let old_type = entry.fs_type().into_owned();
    let is_new_type = !has_type(entry, &volume.fs_type);
    let old_options: Vec<&[u8]> = entry.options().collect();
    let mut options = old_options.clone();
    options.retain(|option| !is_tied_to_old_device(option));
    if is_new_type {
        options = for_new_type(options.into_iter(), &old_type, &volume.fs_type);
    }
    if options.len() != old_options.len() {
        let text = if options.is_empty() { b"defaults".to_vec() } else { options.join(&b',') };
        entry.replace(OPTIONS, text);
        reasons.push(format!("{shown}: mount options that the new file system does not have are left out"));
    }
    if is_new_type {
        entry.replace(FS_TYPE, volume.fs_type.clone().into_bytes());
        reasons.push(format!("{shown}: the file system is {} now", volume.fs_type));
        if entry.pass().iter().all(|digit| *digit == b'0') && is_checkable(volume, workspace) {
            let pass = if volume.mount_point() == Some(b"/") { b"1" } else { b"2" };
            entry.replace(PASS, pass.to_vec());
        }
    }
}

/// Whether a device field is true of a volume of the new disk.
pub(in crate::guest) fn names(device: &Device, volume: &Volume) -> bool {
    let same_id = |given: &str, id: Option<&str>| id.is_some_and(|id| id.eq_ignore_ascii_case(given));
    match device {
        Device::Uuid(uuid) => same_id(uuid, Some(&volume.uuid)),
        Device::PartUuid(uuid) => same_id(uuid, volume.partition_uuid.as_deref()),
        Device::Label(label) => volume.label.as_deref() == Some(label),
        Device::PartLabel(label) => volume.partition_label.as_deref() == Some(label),
        Device::Path(path) => match (&volume.logical_volume, std::str::from_utf8(path)) {
            (Some(name), Ok(path)) => LogicalVolumeName::of_device(path).as_ref() == Some(name),
            _ => false,
        },
        Device::Other(_) => false,
    }
}

fn has_type(entry: &FstabEntry, fs_type: &str) -> bool {
    let named = entry.fs_type();
    named == "auto" || named.split(',').any(|name| name == fs_type)
}

fn is_optional(entry: &FstabEntry) -> bool {
    entry.has_option("nofail") || entry.has_option("noauto")
}

fn is_swap(volume: &Volume) -> bool {
    volume.mount_point().is_none()
}

/// Whether an entry's swap area lies on a block device, not in a file or in compressed memory.
fn is_swap_partition(entry: &FstabEntry) -> bool {
    let device = entry.device();
    let in_memory = matches!(&device, Device::Path(path) if path.starts_with(b"/dev/zram") || path.starts_with(b"/dev/ram"));
    entry.kind() == EntryKind::Swap && device.is_block() && !in_memory
}

/// What a reason is about.
fn subject(entry: &FstabEntry) -> String {
    match entry.kind() {
        EntryKind::Swap => "swap".to_owned(),
        _ => entry.mount_point().escape_ascii_path(),
    }
}

/// Whether the tree has the program that checks the volume's file system at boot.
fn is_checkable(volume: &Volume, workspace: &GuestWorkspace<'_>) -> bool {
    ["/sbin", "/usr/sbin"]
        .iter()
        .any(|directory| workspace.exists(format!("{directory}/fsck.{}", volume.fs_type).as_bytes()))
}

const DEVICE_TIMEOUT: &str = "x-systemd.device-timeout";
const ESP_MOUNT_POINTS: [&[u8]; 3] = [b"/boot/efi", b"/efi", b"/boot/EFI"];
const SYSTEMD: [&[u8]; 2] = [b"/usr/lib/systemd/systemd", b"/lib/systemd/systemd"];
