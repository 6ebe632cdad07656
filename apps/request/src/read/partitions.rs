use diskwright_core::profile::{
    ByteSize, DiskRequest, FileSystemKind, PartitionFlag, PartitionRequest, Profile, SectorSize, TableKind,
};

use super::element::Element;
use super::fields::{Fields, Findings};
use super::volume_groups::{self, Physical};
use crate::text::quoted;

/// Reads a partition table into the profile: disks, with the volume groups on them.
pub(crate) fn read(path: &str, element: &Element, profile: &mut Profile, findings: &mut Findings) {
    let mut fields = Fields::new(path, element, findings);
    let mut listed = Listed::default();
    for (number, (place, disk)) in in_order(fields.list("disks", "disk", findings)).into_iter().enumerate() {
        listed.begin(number == 0, place.clone(), profile);
        read_disk(&place, disk, profile, &mut listed, findings);
    }
    let Listed { mut disks, physical } = listed;
    let groups = volume_groups::read(&mut fields, &physical, &mut disks, findings);
    if !groups.is_empty() {
        profile.volume_groups = Some(groups);
    }
    let mut disks = disks.into_iter();
    let first = disks.next().map(|disk| disk.request.partitions).unwrap_or_default();
    if !first.is_empty() {
        profile.partitions = Some(first);
    }
    let further: Vec<ListedDisk> = disks.collect();
    for disk in further.iter().filter(|disk| disk.request.partitions.is_empty()) {
        findings.invalid(&disk.place, "a disk beside the first without partitions");
    }
    if !further.is_empty() {
        profile.further_disks = Some(further.into_iter().map(|disk| disk.request).collect());
    }
    fields.refuse(&["btrfsStoragePools", "btrfsSubvolumes"], findings);
    fields.finish(ECHOED_TABLE, findings);
}

/// The disks by their names, sda before sdb; in the order of the list where one has none.
fn in_order(mut disks: Vec<(String, &Element)>) -> Vec<(String, &Element)> {
    let name = |element: &Element| {
        let named = element.children.iter().find(|child| child.name == "name" && !child.is_foreign);
        named.map(|name| name.text.clone()).filter(|name| !name.is_empty())
    };
    if disks.iter().all(|(_, element)| name(element).is_some()) {
        disks.sort_by_key(|(_, element)| name(element));
    }
    disks
}

/// The disks as they were read.
#[derive(Default)]
struct Listed<'e> {
    disks: Vec<ListedDisk>,
    physical: Vec<Physical<'e>>,
}

/// A disk as it was read.
pub(super) struct ListedDisk {
    /// Its full name in the document.
    place: String,
    is_mbr: bool,
    /// Of the first disk only the partitions.
    pub(super) request: DiskRequest,
}

impl Listed<'_> {
    /// The disk that is read next; what is not said of a further one is as it is of the first.
    fn begin(&mut self, is_first: bool, place: String, profile: &Profile) {
        // A GPT has no name: beside an MBR it is what absence means.
        let gpt = Some(TableKind::Gpt).filter(|_| profile.partition_table == Some(TableKind::Mbr));
        let request = DiskRequest { partition_table: gpt.filter(|_| !is_first), ..DiskRequest::default() };
        self.disks.push(ListedDisk { place, is_mbr: false, request });
    }
}

fn read_disk<'e>(
    path: &str,
    element: &'e Element,
    profile: &mut Profile,
    listed: &mut Listed<'e>,
    findings: &mut Findings,
) {
    let is_first = listed.disks.len() <= 1;
    let mut fields = Fields::new(path, element, findings);
    let size = fields.mib("size", findings);
    let kind = read_kind(&mut fields, is_first, findings);
    read_sectors(&mut fields, profile, findings);
    let Some(disk) = listed.disks.last_mut() else { return };
    if is_first {
        let differs = size.filter(|size| profile.disk_size.is_some_and(|stated| stated != *size));
        if let Some(size) = differs {
            let message = format!("{size}, but installProfile.diskSize says otherwise");
            findings.invalid(&fields.place("size"), message);
        }
        profile.disk_size = size.or(profile.disk_size);
        if let Kind::Table(table) = kind {
            profile.partition_table = Some(table);
        }
    } else {
        disk.request.size = size;
        if let Kind::Table(table) = kind {
            disk.request.partition_table = Some(table);
        }
    }
    let table = if is_first { profile.partition_table } else { disk.request.partition_table };
    disk.is_mbr = table == Some(TableKind::Mbr);
    let partitions = fields.list("partitions", "partition", findings);
    let uri = fields.text("uri", findings);
    fields.finish(&["name", "partitionsUri", "partitionTableUri", "partitionUris"], findings);
    if kind == Kind::Physical {
        if !partitions.is_empty() {
            findings.invalid(path, "a disk of the kind LVM has no partitions: it is one physical volume");
        }
        findings.note(format!("request: {path} is made with one partition, for its volume group"));
        disk.request.partitions.push(PartitionRequest { grow: Some(true), ..Default::default() });
        let place = path.to_owned();
        listed.physical.push(Physical {
            disk: listed.disks.len().saturating_sub(1),
            at: 0,
            place,
            uri,
            is_disk: true,
        });
        return;
    }
    for (place, partition) in partitions {
        read_partition(&place, partition, listed, findings);
    }
}

/// How a disk is divided.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unsaid,
    Table(TableKind),
    /// It is a physical volume.
    Physical,
}

fn read_kind(fields: &mut Fields<'_>, is_first: bool, findings: &mut Findings) -> Kind {
    match fields.text("partitionType", findings) {
        Some(kind) if kind.eq_ignore_ascii_case("msdos") => Kind::Table(TableKind::Mbr),
        Some(kind) if kind.eq_ignore_ascii_case("gpt") => Kind::Table(TableKind::Gpt),
        Some(kind) if kind.eq_ignore_ascii_case("lvm") && !is_first => Kind::Physical,
        Some(kind) if kind.eq_ignore_ascii_case("lvm") => {
            let message = "a whole disk as physical volume has no room for a boot loader: MSDOS, GPT";
            findings.unsupported(&fields.place("partitionType"), message);
            Kind::Unsaid
        }
        Some(kind) => {
            let message = format!("{} is not supported: MSDOS, GPT", quoted(kind));
            findings.unsupported(&fields.place("partitionType"), message);
            Kind::Unsaid
        }
        None => Kind::Unsaid,
    }
}

/// All disks of a machine have sectors of one size here.
fn read_sectors(fields: &mut Fields<'_>, profile: &mut Profile, findings: &mut Findings) {
    let Some(bytes) = fields.number("blockSize", findings) else { return };
    let Ok(size) = SectorSize::from_bytes(bytes) else {
        findings.unsupported(&fields.place("blockSize"), format!("{bytes} is not supported: 512, 4096"));
        return;
    };
    if let Some(other) = profile.sector_size.filter(|other| *other != size) {
        let message = format!("{bytes}, but another disk has {}: all have one", other.bytes());
        findings.unsupported(&fields.place("blockSize"), message);
    }
    profile.sector_size = Some(size);
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
    let number = listed.disks.len().saturating_sub(1);
    let Some(disk) = listed.disks.last_mut() else { return };
    if is_physical {
        let (place, uri) = (path.to_owned(), fields.text("uri", findings));
        let at = disk.request.partitions.len();
        listed.physical.push(Physical { disk: number, at, place, uri, is_disk: false });
    }
    if fields.boolean("mbrBoot", findings) == Some(true) {
        if disk.is_mbr {
            request.flags = Some(vec![PartitionFlag::Active]);
        } else {
            findings.note(format!("request: {path}.mbrBoot has no meaning on a GPT disk"));
        }
    }
    fields.refuse_when(true, &["defaultSubvolume"], findings);
    fields.refuse(&["logicalPartitions"], findings);
    fields.finish(ECHOED_PARTITION, findings);
    disk.request.partitions.push(request);
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
