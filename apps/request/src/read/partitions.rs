use diskwright_core::profile::{
    ByteSize, FileSystemKind, PartitionFlag, PartitionRequest, Profile, SectorSize, TableKind,
};

use super::element::Element;
use super::fields::{Fields, Findings};
use super::volume_groups::{self, Physical};
use crate::text::quoted;

/// Reads a partition table into the profile: one disk, with its volume groups.
pub(crate) fn read(path: &str, element: &Element, profile: &mut Profile, findings: &mut Findings) {
    let mut fields = Fields::new(path, element, findings);
    let disks = fields.list("disks", "disk", findings);
    for (place, _) in disks.iter().skip(1) {
        findings.unsupported(place, "a second disk is not supported");
    }
    let mut listed = Listed::default();
    if let Some((place, disk)) = disks.first() {
        read_disk(place, disk, profile, &mut listed, findings);
    }
    let Listed { mut partitions, physical, .. } = listed;
    let groups = volume_groups::read(&mut fields, &physical, &mut partitions, findings);
    if !groups.is_empty() {
        profile.volume_groups = Some(groups);
    }
    if !partitions.is_empty() {
        profile.partitions = Some(partitions);
    }
    fields.refuse(&["btrfsStoragePools", "btrfsSubvolumes"], findings);
    fields.finish(ECHOED_TABLE, findings);
}

/// The partitions of a disk as they were read.
#[derive(Default)]
struct Listed<'e> {
    is_mbr: bool,
    partitions: Vec<PartitionRequest>,
    physical: Vec<Physical<'e>>,
}

fn read_disk<'e>(
    path: &str,
    element: &'e Element,
    profile: &mut Profile,
    listed: &mut Listed<'e>,
    findings: &mut Findings,
) {
    let mut fields = Fields::new(path, element, findings);
    if let Some(size) = fields.mib("size", findings) {
        if profile.disk_size.is_some_and(|stated| stated != size) {
            findings.invalid(
                &fields.place("size"),
                format!("{size}, but installProfile.diskSize says otherwise"),
            );
        }
        profile.disk_size = Some(size);
    }
    match fields.text("partitionType", findings) {
        Some(kind) if kind.eq_ignore_ascii_case("msdos") => profile.partition_table = Some(TableKind::Mbr),
        Some(kind) if kind.eq_ignore_ascii_case("gpt") => profile.partition_table = Some(TableKind::Gpt),
        Some(kind) if kind.eq_ignore_ascii_case("lvm") => {
            let message = "a whole disk as physical volume has no room for a boot loader: MSDOS, GPT";
            findings.unsupported(&fields.place("partitionType"), message);
        }
        Some(kind) => {
            let message = format!("{} is not supported: MSDOS, GPT", quoted(kind));
            findings.unsupported(&fields.place("partitionType"), message);
        }
        None => {}
    }
    if let Some(bytes) = fields.number("blockSize", findings) {
        profile.sector_size = SectorSize::from_bytes(bytes).ok();
        if profile.sector_size.is_none() {
            findings.unsupported(&fields.place("blockSize"), format!("{bytes} is not supported: 512, 4096"));
        }
    }
    listed.is_mbr = profile.partition_table == Some(TableKind::Mbr);
    for (place, partition) in fields.list("partitions", "partition", findings) {
        read_partition(&place, partition, listed, findings);
    }
    fields.finish(&["name", "partitionsUri", "partitionTableUri", "partitionUris"], findings);
}

fn read_partition<'e>(path: &str, element: &'e Element, listed: &mut Listed<'e>, findings: &mut Findings) {
    let mut fields = Fields::new(path, element, findings);
    let kind = element.children.iter().find(|child| child.name == "fstype" && !child.is_foreign);
    let kind = kind.map_or("", |kind| kind.text.as_str());
    if kind.eq_ignore_ascii_case("extended") {
        fields.text("fstype", findings);
        let logical = fields.list("logicalPartitions", "logicalPartition", findings);
        if logical.is_empty() {
            findings.invalid(path, "an extended partition holds no logical one");
        }
        findings.note(format!("request: {path} is made as needed, when there are more than four partitions"));
        for (place, partition) in logical {
            read_partition(&place, partition, listed, findings);
        }
        fields.finish(
            &[ECHOED_PARTITION, &["size", "partitionSize", "growable", "mbrBoot", "label", "mpoint"]]
                .concat(),
            findings,
        );
        return;
    }
    let is_physical = kind.eq_ignore_ascii_case("lvm2");
    let file_system = match is_physical {
        true => fields.text("fstype", findings).and(None),
        false => file_system_name(&mut fields, findings),
    };
    let mut request = content(&mut fields, file_system, findings);
    if is_physical {
        let uri = fields.text("uri", findings);
        listed.physical.push(Physical { at: listed.partitions.len(), place: path.to_owned(), uri });
    }
    if fields.boolean("mbrBoot", findings) == Some(true) {
        if listed.is_mbr {
            request.flags = Some(vec![PartitionFlag::Active]);
        } else {
            findings.note(format!("request: {path}.mbrBoot has no meaning on a GPT disk"));
        }
    }
    fields.refuse_when(true, &["defaultSubvolume"], findings);
    fields.refuse(&["logicalPartitions"], findings);
    fields.finish(ECHOED_PARTITION, findings);
    listed.partitions.push(request);
}

/// What stands in a partition or logical volume, how large it is, and whether it takes the rest.
pub(super) fn content(
    fields: &mut Fields<'_>,
    file_system: Option<FileSystemKind>,
    findings: &mut Findings,
) -> PartitionRequest {
    let mut request = PartitionRequest { file_system, ..Default::default() };
    let is_swap = file_system == Some(FileSystemKind::Swap);
    request.mount_point = fields
        .text("mpoint", findings)
        .filter(|mount_point| !(is_swap && matches!(*mount_point, "swap" | "none")))
        .map(str::to_owned);
    request.label = fields.text("label", findings).map(str::to_owned);
    let grows = fields.boolean("growable", findings) == Some(true);
    request.grow = grows.then_some(true);
    // A growing partition without a size of its own is sent with none or zero.
    request.size = size(fields, findings).filter(|size| !(grows && *size == ByteSize::ZERO));
    request
}

/// The seed version of the schema calls it `partitionSize`.
fn size(fields: &mut Fields<'_>, findings: &mut Findings) -> Option<ByteSize> {
    let [size, older] = ["size", "partitionSize"].map(|name| fields.mib(name, findings));
    if let (Some(size), Some(older)) = (size, older)
        && size != older
    {
        findings.invalid(&fields.place("partitionSize"), format!("{older}, but size says {size}"));
    }
    size.or(older)
}

/// The kind of file system that `fstype` names.
pub(super) fn file_system_name(fields: &mut Fields<'_>, findings: &mut Findings) -> Option<FileSystemKind> {
    let kind = fields.text("fstype", findings).unwrap_or_default();
    match kind.to_ascii_lowercase().as_str() {
        "" => None,
        "ext4" => Some(FileSystemKind::Ext4),
        "ext3" => Some(FileSystemKind::Ext3),
        "ext2" => Some(FileSystemKind::Ext2),
        "fat32" => Some(FileSystemKind::Fat32),
        "linux-swap" => Some(FileSystemKind::Swap),
        _ => {
            let message =
                format!("{} is not supported: ext4, ext3, ext2, fat32, linux-swap, lvm2", quoted(kind));
            findings.unsupported(&fields.place("fstype"), message);
            None
        }
    }
}

const ECHOED_TABLE: &[&str] = &[
    "installProfileUri",
    "btrfsStoragePoolsUri",
    "btrfsStoragePoolUris",
    "btrfsSubvolumesUri",
    "btrfsSubvolumeUris",
    "disksUri",
    "diskUris",
    "logicalGroupsUri",
    "logicalGroupUris",
    "logicalVolumesUri",
    "logicalVolumeUris",
];

/// `name` is the number, which the order in the list gives too.
pub(super) const ECHOED_PARTITION: &[&str] = &[
    "dumpLocation",
    "logicalPartitionsUri",
    "logicalPartitionUris",
    "name",
    "partitionTableUri",
    "volumeOrder",
];
