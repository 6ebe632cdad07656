use diskwright_core::profile::{
    ByteSize, FileSystemKind, PartitionFlag, PartitionRequest, Profile, SectorSize, TableKind,
};

use super::element::Element;
use super::fields::{Fields, Findings};
use crate::text::quoted;

/// Reads a partition table into the profile: one disk, without volume groups.
pub(crate) fn read(path: &str, element: &Element, profile: &mut Profile, findings: &mut Findings) {
    let mut fields = Fields::new(path, element, findings);
    let disks = fields.list("disks", "disk", findings);
    for (place, _) in disks.iter().skip(1) {
        findings.unsupported(place, "a second disk is not supported");
    }
    if let Some((place, disk)) = disks.first() {
        read_disk(place, disk, profile, findings);
    }
    fields.refuse(&["logicalGroups", "logicalVolumes", "btrfsStoragePools", "btrfsSubvolumes"], findings);
    fields.finish(ECHOED_TABLE, findings);
}

fn read_disk(path: &str, element: &Element, profile: &mut Profile, findings: &mut Findings) {
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
    let is_mbr = profile.partition_table == Some(TableKind::Mbr);
    let mut partitions = Vec::new();
    for (place, partition) in fields.list("partitions", "partition", findings) {
        read_partition(&place, partition, is_mbr, &mut partitions, findings);
    }
    if !partitions.is_empty() {
        profile.partitions = Some(partitions);
    }
    fields.finish(&["name", "partitionsUri", "partitionTableUri", "partitionUris"], findings);
}

fn read_partition(
    path: &str,
    element: &Element,
    is_mbr: bool,
    into: &mut Vec<PartitionRequest>,
    findings: &mut Findings,
) {
    let mut fields = Fields::new(path, element, findings);
    let kind = fields.text("fstype", findings).unwrap_or_default();
    if kind.eq_ignore_ascii_case("extended") {
        let logical = fields.list("logicalPartitions", "logicalPartition", findings);
        if logical.is_empty() {
            findings.invalid(path, "an extended partition holds no logical one");
        }
        findings.note(format!("request: {path} is made as needed, when there are more than four partitions"));
        for (place, partition) in logical {
            read_partition(&place, partition, is_mbr, into, findings);
        }
        fields.finish(
            &[ECHOED_PARTITION, &["size", "partitionSize", "growable", "mbrBoot", "label", "mpoint"]]
                .concat(),
            findings,
        );
        return;
    }
    let mut request =
        PartitionRequest { file_system: file_system(kind, &fields, findings), ..Default::default() };
    let is_swap = request.file_system == Some(FileSystemKind::Swap);
    request.mount_point = fields
        .text("mpoint", findings)
        .filter(|mount_point| !(is_swap && matches!(*mount_point, "swap" | "none")))
        .map(str::to_owned);
    request.label = fields.text("label", findings).map(str::to_owned);
    let grows = fields.boolean("growable", findings) == Some(true);
    request.grow = grows.then_some(true);
    // A growing partition without a size of its own is sent with none or zero.
    request.size = size(&mut fields, findings).filter(|size| !(grows && *size == ByteSize::ZERO));
    if fields.boolean("mbrBoot", findings) == Some(true) {
        if is_mbr {
            request.flags = Some(vec![PartitionFlag::Active]);
        } else {
            findings.note(format!("request: {path}.mbrBoot has no meaning on a GPT disk"));
        }
    }
    fields.refuse_when(true, &["defaultSubvolume"], findings);
    fields.refuse(&["logicalPartitions"], findings);
    fields.finish(ECHOED_PARTITION, findings);
    into.push(request);
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

fn file_system(kind: &str, fields: &Fields<'_>, findings: &mut Findings) -> Option<FileSystemKind> {
    match kind.to_ascii_lowercase().as_str() {
        "" => None,
        "ext4" => Some(FileSystemKind::Ext4),
        "ext3" => Some(FileSystemKind::Ext3),
        "ext2" => Some(FileSystemKind::Ext2),
        "fat32" => Some(FileSystemKind::Fat32),
        "linux-swap" => Some(FileSystemKind::Swap),
        _ => {
            let message = format!("{} is not supported: ext4, ext3, ext2, fat32, linux-swap", quoted(kind));
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
const ECHOED_PARTITION: &[&str] = &[
    "dumpLocation",
    "logicalPartitionsUri",
    "logicalPartitionUris",
    "name",
    "partitionTableUri",
    "volumeOrder",
];
