use std::collections::BTreeSet;

use uuid::Uuid;

use super::fstab::{Device, EntryKind, Fstab};
use super::resume::ResumeSetting;
use super::volumes::VolumePlace;
use crate::Result;
use crate::lvm::LogicalVolumeName;
use crate::partition::TableKind;
use crate::tree::{Findings, Severity};

/// The identifiers by which the tree names its volumes: given to the new ones, what names them stays true.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptIdentities {
    /// The root first, then the other mount points and swap areas in the order of fstab; each mount point once.
    pub volumes: Vec<KeptIdentity>,
}

/// What the tree calls one volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptIdentity {
    /// Where it is used.
    pub place: VolumePlace,
    /// `UUID=` as written.
    pub uuid: Option<String>,
    /// `LABEL=` as written.
    pub label: Option<String>,
    /// `PARTUUID=` as written.
    pub partition_uuid: Option<String>,
    /// `PARTLABEL=` as written.
    pub partition_label: Option<String>,
    /// The logical volume that a path below `/dev` names.
    pub logical_volume: Option<LogicalVolumeName>,
}

/// A volume that asks for its old identifiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedIdentity {
    /// Where it is used.
    pub place: VolumePlace,
    /// What will hold them.
    pub holder: IdentityHolder,
    /// The partition table of its disk.
    pub table: TableKind,
}

/// What limits the identifiers of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityHolder {
    /// ext2, ext3, ext4: a UUID, a label of 16 bytes.
    Ext,
    /// FAT: 32 bits, a label of 11 characters.
    Fat,
    /// Swap: a UUID, a label of 16 bytes.
    Swap,
}

/// The old identifiers that a new volume can have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsableIdentity {
    /// For ext and swap.
    pub uuid: Option<Uuid>,
    /// For FAT.
    pub fat_volume_id: Option<u32>,
    /// Label inside the volume.
    pub label: Option<String>,
    /// For GPT.
    pub partition_guid: Option<Uuid>,
    /// For GPT.
    pub partition_label: Option<String>,
    /// For MBR: true only if the partition has this number and the disk this signature.
    pub mbr_partition: Option<MbrPartitionId>,
}

/// `PARTUUID` of an MBR partition: `1a2b3c4d-02`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MbrPartitionId {
    /// The disk's signature.
    pub signature: u32,
    /// The partition's number, from 1.
    pub number: u8,
}

impl KeptIdentities {
    /// What fstab and the resume settings say.
    ///
    /// An identifier that fstab has at several mount points (btrfs subvolumes) belongs to the root, else to the first.
    pub fn of(fstab: &Fstab, resume: &[ResumeSetting]) -> Self {
        let mut kept = Self::default();
        let mut taken = BTreeSet::new();
        for entry in fstab.entries() {
            let place = match entry.kind() {
                EntryKind::Block => VolumePlace::MountPoint(entry.mount_point()),
                EntryKind::Swap if entry.device().is_block() => VolumePlace::Swap,
                _ => continue,
            };
            if place == VolumePlace::Swap || taken.insert(place.clone()) {
                kept.add(place, &entry.device());
            }
        }
        let has_swap = kept.volumes.iter().any(|volume| volume.place == VolumePlace::Swap);
        for setting in resume.iter().filter(|_| !has_swap) {
            kept.add(VolumePlace::Swap, &setting.device());
        }
        kept.volumes.sort_by_key(|volume| volume.mount_point() != Some(b"/"));
        kept
    }

    /// The identity of the volume mounted at exactly this path.
    pub fn mounted_at(&self, mount_point: &[u8]) -> Option<&KeptIdentity> {
        self.volumes.iter().find(|volume| volume.mount_point() == Some(mount_point))
    }

    /// The identities of the swap areas, in order.
    pub fn swaps(&self) -> impl Iterator<Item = &KeptIdentity> {
        self.volumes.iter().filter(|volume| volume.place == VolumePlace::Swap)
    }

    /// What each of `wanted` can have, in their order: the n-th swap area gets what the tree calls its n-th. Each
    /// identifier is given once, to the root before all others. What cannot be kept is noted.
    ///
    /// # Errors
    /// As [`Findings::record`].
    pub fn assign(&self, wanted: &[WantedIdentity], findings: &mut Findings) -> Result<Vec<UsableIdentity>> {
        let mut usable = vec![UsableIdentity::default(); wanted.len()];
        let mut swaps = self.swaps();
        let mut pairs: Vec<(usize, &WantedIdentity, &KeptIdentity)> = Vec::new();
        for (at, wanted) in wanted.iter().enumerate() {
            let kept = match &wanted.place {
                VolumePlace::MountPoint(path) => self.mounted_at(path),
                VolumePlace::Swap => swaps.next(),
            };
            pairs.extend(kept.map(|kept| (at, wanted, kept)));
        }
        pairs.sort_by_key(|(_, wanted, _)| wanted.place != VolumePlace::MountPoint(b"/".to_vec()));
        let mut given = Vec::new();
        for (at, wanted, kept) in pairs {
            let mut assignment = Assignment { given: &mut given, findings };
            let identity = assignment.of(kept, wanted)?;
            if let Some(slot) = usable.get_mut(at) {
                *slot = identity;
            }
        }
        Ok(usable)
    }

    fn add(&mut self, place: VolumePlace, device: &Device) {
        let mut kept = KeptIdentity {
            place,
            uuid: None,
            label: None,
            partition_uuid: None,
            partition_label: None,
            logical_volume: None,
        };
        match device.clone() {
            Device::Uuid(uuid) => kept.uuid = Some(uuid),
            Device::Label(label) => kept.label = Some(label),
            Device::PartUuid(uuid) => kept.partition_uuid = Some(uuid),
            Device::PartLabel(label) => kept.partition_label = Some(label),
            Device::Path(path) => {
                let path = String::from_utf8_lossy(&path);
                kept.logical_volume = LogicalVolumeName::of_device(&path);
            }
            Device::Other(_) => {}
        }
        self.volumes.push(kept);
    }
}

impl KeptIdentity {
    /// The mount point of a file system; `None` for swap.
    pub fn mount_point(&self) -> Option<&[u8]> {
        match &self.place {
            VolumePlace::MountPoint(path) => Some(path),
            VolumePlace::Swap => None,
        }
    }

    fn shown(&self) -> String {
        use crate::error::EscapePath;
        self.mount_point().map_or_else(|| "swap".to_owned(), EscapePath::escape_ascii_path)
    }
}

/// One round of giving out identifiers.
struct Assignment<'a> {
    given: &'a mut Vec<String>,
    findings: &'a mut Findings,
}

impl Assignment<'_> {
    fn of(&mut self, kept: &KeptIdentity, wanted: &WantedIdentity) -> Result<UsableIdentity> {
        let WantedIdentity { holder, table, .. } = *wanted;
        let mut usable = UsableIdentity::default();
        if let Some(text) = self.fresh(kept, "UUID", kept.uuid.as_deref())? {
            match holder {
                IdentityHolder::Fat => usable.fat_volume_id = fat_volume_id(text),
                IdentityHolder::Ext | IdentityHolder::Swap => usable.uuid = uuid(text),
            }
            if usable.fat_volume_id.is_none() && usable.uuid.is_none() {
                self.note(
                    kept,
                    "UUID",
                    text,
                    "the new volume's file system has identifiers of another form",
                )?;
            }
        }
        if let Some(text) = self.fresh(kept, "LABEL", kept.label.as_deref())? {
            match fits_label(text, holder) {
                true => usable.label = Some(text.to_owned()),
                false => self.note(kept, "LABEL", text, "the new volume's file system cannot hold it")?,
            }
        }
        if let Some(text) = self.fresh(kept, "PARTUUID", kept.partition_uuid.as_deref())? {
            match table {
                TableKind::Gpt => usable.partition_guid = uuid(text),
                TableKind::Mbr => usable.mbr_partition = mbr_partition(text),
            }
            if usable.partition_guid.is_none() && usable.mbr_partition.is_none() {
                self.note(kept, "PARTUUID", text, "it belongs to another kind of partition table")?;
            }
        }
        if let Some(text) = self.fresh(kept, "PARTLABEL", kept.partition_label.as_deref())? {
            match table == TableKind::Gpt && !text.is_empty() && text.encode_utf16().count() <= 36 {
                true => usable.partition_label = Some(text.to_owned()),
                false => self.note(kept, "PARTLABEL", text, "the partition table cannot hold it")?,
            }
        }
        Ok(usable)
    }

    /// The identifier unless another volume of the new disks has it already.
    fn fresh<'k>(
        &mut self,
        kept: &KeptIdentity,
        tag: &str,
        text: Option<&'k str>,
    ) -> Result<Option<&'k str>> {
        let Some(text) = text else { return Ok(None) };
        let key = format!("{tag}={}", text.to_ascii_lowercase());
        if self.given.contains(&key) {
            self.note(kept, tag, text, "another volume of the new machine has it")?;
            return Ok(None);
        }
        self.given.push(key);
        Ok(Some(text))
    }

    fn note(&mut self, kept: &KeptIdentity, tag: &str, text: &str, why: &str) -> Result<()> {
        let text = format!("{}: {tag}={text} is not kept: {why}", kept.shown());
        self.findings.record(Severity::Note, "identity-not-kept", b"/etc/fstab", text)
    }
}

/// A UUID in its usual form, and not all zeros, which stands for none.
fn uuid(text: &str) -> Option<Uuid> {
    let is_usual = text.len() == 36;
    Uuid::try_parse(text).ok().filter(|uuid| is_usual && !uuid.is_nil())
}

fn fat_volume_id(text: &str) -> Option<u32> {
    let (high, low) = text.split_once('-')?;
    let digits = format!("{high}{low}");
    let is_usual = high.len() == 4 && low.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u32::from_str_radix(&digits, 16).ok().filter(|id| is_usual && *id != 0)
}

fn mbr_partition(text: &str) -> Option<MbrPartitionId> {
    let (signature, number) = text.split_once('-')?;
    let is_hexadecimal = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if signature.len() != 8 || number.len() != 2 || !is_hexadecimal(signature) || !is_hexadecimal(number) {
        return None;
    }
    let signature = u32::from_str_radix(signature, 16).ok().filter(|signature| *signature != 0)?;
    let number = u8::from_str_radix(number, 16).ok().filter(|number| *number != 0)?;
    Some(MbrPartitionId { signature, number })
}

fn fits_label(label: &str, holder: IdentityHolder) -> bool {
    match holder {
        IdentityHolder::Ext | IdentityHolder::Swap => !label.is_empty() && label.len() <= 16,
        IdentityHolder::Fat => {
            let fits = |byte: u8| (byte == b' ' || byte.is_ascii_graphic()) && !FAT_FORBIDDEN.contains(&byte);
            !label.is_empty() && label.len() <= 11 && label.bytes().all(fits)
        }
    }
}

/// Characters that a FAT volume label cannot have.
const FAT_FORBIDDEN: &[u8] = b"\"*+,./:;<=>?[\\]|";
