use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::check::check_label;
use super::plan_lvm::{Division, PlannedGroup, PlannedVolume};
use super::size::{GIB, MIB};
use super::{
    ByteSize, FileSystemKind, FirmwareParts, Origin, PartitionFlag, PartitionRequest, PartitionRole,
    SectorSize, Settings, TableKind, TreeMount, TreeSwap,
};
use crate::lvm::LogicalVolumeName;
use crate::{Error, ErrorKind, Result};

/// The disks to lay out, before content decides the sizes of what is on them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartitionPlan {
    /// Bytes of a logical sector.
    pub sector_size: SectorSize,
    /// The disks; the machine starts from the first. Of their partitions and the volumes of the groups exactly one has the
    /// mount point `/`.
    pub disks: Vec<PlannedDisk>,
    /// The volume groups that the partitions of role `lvm`, on whatever disk, make up.
    pub volume_groups: Vec<PlannedGroup>,
}

/// One disk to lay out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedDisk {
    /// Kind of partition table.
    pub table: TableKind,
    /// Exact bytes; `None`: fitted to what it holds.
    pub size: Option<u64>,
    /// Its partitions, in disk order.
    pub partitions: Vec<PlannedPartition>,
}

/// One partition to lay out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedPartition {
    /// What it is for.
    pub role: PartitionRole,
    /// Name of the GPT entry, unique on all disks, at most 36 characters; the label under which a seed gives its
    /// identifiers, too.
    pub name: String,
    /// Which part of the tree it holds; `None` for an EFI system partition that the tree does not mount.
    pub mount_point: Option<String>,
    /// What stands in it; `None` for a BIOS boot partition.
    pub file_system: Option<FileSystemKind>,
    /// How its size is found.
    pub size: SizeRule,
    /// Label of the file system.
    pub label: Option<String>,
    /// Identifier of the file system that shall be kept; `None`: a new one from the seed.
    pub volume_id: Option<VolumeId>,
    /// Flags of the table entry.
    pub flags: Vec<PartitionFlag>,
    /// The volume group of which it is a physical volume.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_group: Option<String>,
    /// Who asked for it; [`Origin::Default`] where booting or the usual layout needs it.
    pub origin: Origin,
}

/// How the size of a partition is found, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SizeRule {
    /// Just so.
    Exact(u64),
    /// As its content needs with spare room, but no less than `minimum`; and with `grow` all that is left on the disk.
    AtLeast {
        /// Bytes.
        minimum: u64,
        /// Whether it takes the rest of the disk.
        grow: bool,
    },
}

/// A file system's identifier, as `blkid` and fstab write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VolumeId {
    /// Of ext and swap: `6b1c6d3e-…`.
    Uuid(Uuid),
    /// Of FAT: `1A2B-3C4D`.
    Fat(u32),
}

impl PartitionPlan {
    /// The disks for `settings`, with the partitions that the firmwares in `wanted` need on the first
    /// (see [`Settings::wanted_firmware`]).
    ///
    /// The first disk without a custom list: BIOS boot (GPT only), EFI system partition, swap, root, in this order; where the tree has
    /// its root on a logical volume, its volume groups in the place of the latter two. With one, its own order, after
    /// whatever of these it lacks (swap only if a swap size is asked for). The EFI system partition on an MBR disk is an
    /// ordinary partition of type 0xEF.
    ///
    /// # Errors
    /// `ErrorKind::Unsupported` when BIOS is wanted on a disk with sectors of 4096 bytes.
    pub fn new(settings: &Settings, wanted: FirmwareParts) -> Result<Self> {
        let sector_size = settings.sector_size.value;
        if wanted.bios && sector_size == SectorSize::Bytes4096 {
            let message = "a BIOS cannot boot from a disk with sectors of 4096 bytes";
            let field = Settings::field(settings.firmware.origin, "firmware");
            return Err(Error::new(ErrorKind::Unsupported, message).with_field(field));
        }
        let division = Division::of(settings);
        let mut disks = Vec::new();
        let mut names = Vec::new();
        for listed in settings.listed_disks() {
            let table = listed.table;
            let mut partitions = match listed.number {
                0 => added(settings, &division, table, wanted),
                _ => Vec::new(),
            };
            names.resize_with(names.len().saturating_add(partitions.len()), || None);
            let growing = division.default_growth(listed.number);
            let asked = division.origin_of(listed.number);
            let takes_swap_size = division.takes_swap_size(settings, listed.number) && asked.is_explicit();
            let requests = division.disks.get(listed.number).map(|requests| requests.iter());
            for (at, request) in requests.into_iter().flatten().enumerate() {
                let is_swap = role_of(request) == PartitionRole::Swap;
                let origin = if is_swap && takes_swap_size { settings.swap_size.origin } else { asked };
                partitions.push(plan_one(settings, request, origin, growing == Some(at)));
                names.push(division.names.get(&(listed.number, at)).cloned());
            }
            disks.push(PlannedDisk { table, size: listed.size.map(ByteSize::bytes), partitions });
        }
        let mut volume_groups = division.planned_groups(settings);
        for group in &volume_groups {
            let name = |volume: &PlannedVolume| LogicalVolumeName::new(&group.name, &volume.name);
            names.extend(group.volumes.iter().map(|volume| Some(name(volume))));
        }
        let volumes = volume_groups.iter_mut().flat_map(|group| &mut group.volumes);
        let partitions = disks.iter_mut().flat_map(|disk| &mut disk.partitions);
        let mut all: Vec<&mut PlannedPartition> =
            partitions.chain(volumes.map(|volume| &mut volume.content)).collect();
        number_names(&mut all);
        keep_volume_ids(settings, &mut all, &names);
        Ok(Self { sector_size, disks, volume_groups })
    }

    /// The root file system, in a partition or a logical volume.
    pub fn root(&self) -> Option<&PlannedPartition> {
        self.contents().find(|content| content.mount_point.as_deref() == Some("/"))
    }

    /// The partitions and what stands in logical volumes.
    pub fn contents(&self) -> impl Iterator<Item = &PlannedPartition> {
        let volumes = self.volume_groups.iter().flat_map(|group| &group.volumes);
        self.partitions().chain(volumes.map(|volume| &volume.content))
    }

    /// The partitions of all disks, in their order.
    pub fn partitions(&self) -> impl Iterator<Item = &PlannedPartition> {
        self.disks.iter().flat_map(|disk| &disk.partitions)
    }

    /// The first partition of that role.
    pub fn of_role(&self, role: PartitionRole) -> Option<&PlannedPartition> {
        self.partitions().find(|partition| partition.role == role)
    }
}

/// Room to leave on a file system with `content` bytes of content where the profile does not say:
/// a quarter of it, at least 1 GiB.
pub fn spare_room(content: u64) -> u64 {
    content.div_ceil(4).max(GIB)
}

/// The size of a disk that is fitted: `least`, the bytes of all partitions with their spare room, of tables and gaps, rounded up
/// to whole GiB.
///
/// # Errors
/// `ErrorKind::DoesNotFit` above 64 TiB.
pub fn fitted_disk_size(least: u64) -> Result<u64> {
    least
        .checked_next_multiple_of(GIB)
        .filter(|size| *size <= LARGEST_DISK)
        .ok_or_else(|| Error::new(ErrorKind::DoesNotFit, "the tree needs a disk of more than 64 TiB"))
}

impl FromStr for VolumeId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = || Error::new(ErrorKind::InvalidProfile, "not a file system identifier");
        match text.split_once('-') {
            Some((high, low)) if high.len() == 4 && low.len() == 4 => {
                let hexadecimal = text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
                let digits = format!("{high}{low}");
                let number = u32::from_str_radix(&digits, 16).ok().filter(|_| hexadecimal);
                number.map(Self::Fat).ok_or_else(refuse)
            }
            _ if text.len() == 36 => Uuid::try_parse(text).map(Self::Uuid).map_err(|_| refuse()),
            _ => Err(refuse()),
        }
    }
}

impl fmt::Display for VolumeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uuid(uuid) => uuid.hyphenated().fmt(f),
            Self::Fat(id) => write!(f, "{:04X}-{:04X}", id >> 16, id & 0xffff),
        }
    }
}

impl Serialize for VolumeId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The role that a request states or means.
pub(super) fn role_of(request: &PartitionRequest) -> PartitionRole {
    match (request.role, request.file_system, request.mount_point.as_deref()) {
        (Some(role), _, _) => role,
        _ if request.volume_group.is_some() => PartitionRole::Lvm,
        (None, Some(FileSystemKind::Swap), _) => PartitionRole::Swap,
        (None, Some(FileSystemKind::Fat32), Some("/boot/efi" | "/efi")) => PartitionRole::Esp,
        _ => PartitionRole::Data,
    }
}

/// The file system that a request states or its role demands.
pub(super) fn file_system_of(request: &PartitionRequest) -> Option<FileSystemKind> {
    match role_of(request) {
        PartitionRole::BiosBoot | PartitionRole::Lvm => None,
        PartitionRole::Esp => Some(FileSystemKind::Fat32),
        PartitionRole::Swap => Some(FileSystemKind::Swap),
        PartitionRole::Data => Some(request.file_system.unwrap_or(FileSystemKind::Ext4)),
    }
}

/// The least size of a partition, in bytes.
///
/// # Reference
/// FAT: Microsoft FAT specification 1.03, "FAT Type Determination": FAT32 has at least 65 525 clusters, and a cluster
/// at least one sector.
pub(super) fn volume_minimum(role: PartitionRole, sector: SectorSize) -> u64 {
    match (role, sector) {
        (PartitionRole::BiosBoot, _) => MIB,
        (PartitionRole::Swap, _) => MIB,
        (PartitionRole::Esp, SectorSize::Bytes512) => 34 * MIB,
        (PartitionRole::Esp, SectorSize::Bytes4096) => 260 * MIB,
        (PartitionRole::Data, _) => 8 * MIB,
        // The label and metadata, and an extent.
        (PartitionRole::Lvm, _) => 2 * MIB,
    }
}

fn of_role(role: PartitionRole) -> PartitionRequest {
    PartitionRequest { role: Some(role), ..Default::default() }
}

/// The partitions that the first disk gets beside those that are asked for.
fn added(
    settings: &Settings,
    division: &Division<'_>,
    table: TableKind,
    wanted: FirmwareParts,
) -> Vec<PlannedPartition> {
    let lacks = |role| !division.has_role(role);
    let mut roles = Vec::new();
    if wanted.bios && table == TableKind::Gpt && lacks(PartitionRole::BiosBoot) {
        roles.push((PartitionRole::BiosBoot, Origin::Default));
    }
    if wanted.uefi && lacks(PartitionRole::Esp) {
        roles.push((PartitionRole::Esp, Origin::Default));
    }
    if settings.swap_size.value != ByteSize::ZERO && lacks(PartitionRole::Swap) {
        roles.push((PartitionRole::Swap, settings.swap_size.origin));
    }
    roles.into_iter().map(|(role, origin)| plan_one(settings, &of_role(role), origin, false)).collect()
}

pub(super) fn plan_one(
    settings: &Settings,
    request: &PartitionRequest,
    origin: Origin,
    grows_by_default: bool,
) -> PlannedPartition {
    let role = role_of(request);
    let grow = request.grow.unwrap_or(grows_by_default);
    let default_size = match role {
        PartitionRole::BiosBoot => Some(MIB),
        PartitionRole::Esp => Some(DEFAULT_ESP),
        PartitionRole::Swap => Some(settings.swap_size.value.bytes()),
        PartitionRole::Data | PartitionRole::Lvm => None,
    };
    let least = match request.file_system {
        Some(FileSystemKind::Fat32) => volume_minimum(PartitionRole::Esp, settings.sector_size.value),
        _ => volume_minimum(role, settings.sector_size.value),
    };
    let size = match (request.size.map(ByteSize::bytes).or(default_size), grow) {
        (Some(size), false) => SizeRule::Exact(size),
        (size, grow) => SizeRule::AtLeast { minimum: size.unwrap_or(least), grow },
    };
    let name = match role {
        PartitionRole::BiosBoot => "BIOS boot".to_owned(),
        PartitionRole::Esp => "EFI system".to_owned(),
        PartitionRole::Swap => "swap".to_owned(),
        PartitionRole::Lvm => "LVM".to_owned(),
        PartitionRole::Data => data_name(request.mount_point.as_deref().unwrap_or_default()),
    };
    PlannedPartition {
        role,
        name,
        mount_point: request.mount_point.clone(),
        file_system: file_system_of(request),
        size,
        label: request.label.clone(),
        volume_id: None,
        flags: request.flags.clone().unwrap_or_default(),
        volume_group: request.volume_group.clone(),
        origin,
    }
}

/// `root`, or the mount point without its first slash, cut to what a GPT entry and its number leave.
fn data_name(mount_point: &str) -> String {
    match mount_point.trim_start_matches('/') {
        "" => "root".into(),
        // 30 UTF-16 units: a character above U+FFFF takes two.
        below => {
            let mut units = 0_usize;
            below
                .chars()
                .take_while(|c| {
                    units = units.saturating_add(c.len_utf16());
                    units <= 30
                })
                .collect()
        }
    }
}

/// Identifiers come from names, so no two may be the same.
fn number_names(partitions: &mut [&mut PlannedPartition]) {
    let mut taken: Vec<String> = Vec::with_capacity(partitions.len());
    for partition in partitions {
        let mut name = partition.name.clone();
        let mut number = 1_u32;
        while taken.contains(&name) {
            number = number.saturating_add(1);
            name = format!("{} {number}", partition.name);
        }
        taken.push(name.clone());
        partition.name = name;
    }
}

/// Gives volumes the identifiers and labels by which the tree knows them. `names` are those of the logical volumes that
/// they are or were.
fn keep_volume_ids(
    settings: &Settings,
    partitions: &mut [&mut PlannedPartition],
    names: &[Option<LogicalVolumeName>],
) {
    let keep = settings.identity.value.keeps_identifiers();
    let mut swaps = known_swaps(settings, partitions, names).into_iter();
    let taken: Vec<String> =
        partitions.iter().filter_map(|partition| partition.mount_point.clone()).collect();
    for partition in partitions {
        let known = match partition.role {
            PartitionRole::BiosBoot | PartitionRole::Lvm => None,
            PartitionRole::Swap => swaps.next().flatten().map(|swap| (&swap.uuid, &swap.label)),
            PartitionRole::Esp => {
                let volume = known_esp(&settings.volumes, partition.mount_point.as_deref(), &taken);
                if let Some(volume) = volume {
                    partition.mount_point.get_or_insert_with(|| volume.mount_point.clone());
                }
                volume.map(|volume| (&volume.uuid, &volume.label))
            }
            PartitionRole::Data => {
                let is_it = |volume: &&TreeMount| {
                    Some(volume.mount_point.as_str()) == partition.mount_point.as_deref()
                };
                settings.volumes.iter().find(is_it).map(|volume| (&volume.uuid, &volume.label))
            }
        };
        let Some((uuid, label)) = known.filter(|_| keep) else { continue };
        let id = uuid.as_deref().and_then(|uuid| uuid.parse::<VolumeId>().ok());
        let is_fat = partition.file_system == Some(FileSystemKind::Fat32);
        partition.volume_id = id.filter(|id| matches!(id, VolumeId::Fat(_)) == is_fat);
        if partition.label.is_none() {
            partition.label =
                label.as_ref().filter(|label| check_label(partition.file_system, label).is_ok()).cloned();
        }
    }
}

/// What the tree knows each swap area as, in their order: a logical volume that of its name, the others what is left.
fn known_swaps<'a>(
    settings: &'a Settings,
    partitions: &[&mut PlannedPartition],
    names: &[Option<LogicalVolumeName>],
) -> Vec<Option<&'a TreeSwap>> {
    let mut left: Vec<Option<&TreeSwap>> = settings.swaps.iter().map(Some).collect();
    let areas = partitions.iter().zip(names).filter(|(area, _)| area.role == PartitionRole::Swap);
    let mut by_name = |(_, name): (_, &Option<LogicalVolumeName>)| {
        let is_it = |swap: &&mut Option<&TreeSwap>| {
            name.is_some() && swap.is_some_and(|swap| swap.logical_volume == *name)
        };
        left.iter_mut().find(is_it).and_then(Option::take)
    };
    let mut known: Vec<Option<&TreeSwap>> = areas.map(&mut by_name).collect();
    let mut rest = left.into_iter().flatten();
    for area in known.iter_mut().filter(|area| area.is_none()) {
        *area = rest.next();
    }
    known
}

/// The tree's own EFI system partition: a FAT file system where such a thing is mounted.
fn known_esp<'a>(
    volumes: &'a [TreeMount],
    mount_point: Option<&str>,
    taken: &[String],
) -> Option<&'a TreeMount> {
    let is_fat =
        |volume: &&TreeMount| matches!(volume.file_system.as_str(), "vfat" | "fat" | "msdos" | "fat32");
    let is_there = |volume: &&TreeMount| match mount_point {
        Some(mount_point) => volume.mount_point == mount_point,
        None => {
            matches!(volume.mount_point.as_str(), "/boot/efi" | "/efi" | "/boot")
                && !taken.contains(&volume.mount_point)
        }
    };
    volumes.iter().filter(is_fat).find(is_there)
}

/// Room for several loaders; 4 KiB clusters.
const DEFAULT_ESP: u64 = 512 * MIB;
const LARGEST_DISK: u64 = 64 << 40;
