//! What the disks and the partitions listed for them must fulfil.

use super::check::{
    Problems, check_label, check_least, check_mount_point, check_sectors, role_problems, size_problems,
};
use super::disk::{ListedDisk, MOST_DISKS};
use super::plan::{file_system_of, role_of, volume_minimum};
use super::size::{MIB, TIB, quoted};
use super::{
    ByteSize, FileSystemKind, PartitionFlag, PartitionRequest, PartitionRole, Setting, Settings, TableKind,
};
use crate::ErrorKind;

/// Problems of the disks and of what is listed for them.
pub(super) fn disk_problems(settings: &Settings, problems: &mut Problems) {
    let disks = settings.listed_disks();
    for disk in &disks {
        disk_size_problems(settings, disk, problems);
    }
    swap_size_problems(settings, problems);
    if let Setting { value: Some(spare), origin } = settings.spare
        && room_of_root(settings, &disks).is_some_and(|room| spare.bytes() >= room)
    {
        problems.push(ErrorKind::DoesNotFit, origin, "spare", format!("{spare} do not fit on the disk"));
    }
    if disks.len() > MOST_DISKS {
        let message = format!("{} disks, at most {MOST_DISKS} can be", disks.len());
        problems.push(ErrorKind::Unsupported, settings.further_disks.origin, "further_disks", message);
    }
    let mut taken = Vec::new();
    for disk in &disks {
        list_problems(settings, disk, &mut taken, problems);
    }
    let groups = settings.volume_groups.value.iter().flatten();
    let volumes = groups.flat_map(|group| &group.volumes).filter_map(|volume| volume.mount_point.as_deref());
    let mut mount_points = taken.iter().map(|(_, mount_point)| *mount_point).chain(volumes);
    if settings.partitions.value.is_some() && !mount_points.any(|mount_point| mount_point == "/") {
        problems.invalid(settings.table_origin(), "partitions", "none has the mount point /");
    }
}

fn disk_size_problems(settings: &Settings, disk: &ListedDisk<'_>, problems: &mut Problems) {
    let Some(size) = disk.size else { return };
    let (origin, field) = (disk.size_origin, disk.size_field());
    let sector = settings.sector_size.value;
    check_sectors(size, sector, origin, &field, problems);
    let largest = match disk.table {
        TableKind::Gpt => MAX_DISK,
        TableKind::Mbr => MAX_DISK.min(sector.bytes().saturating_mul(1 << 32)),
    };
    if size.bytes() < MIN_DISK {
        problems.invalid(origin, &field, format!("{size} is below the least size of a disk, 16M"));
    } else if size.bytes() > largest {
        let (table, largest) = (disk.table, ByteSize::from_bytes(largest));
        problems.invalid(origin, &field, format!("{size} is more than {largest}, the limit with {table}"));
    }
}

fn swap_size_problems(settings: &Settings, problems: &mut Problems) {
    let Setting { value: swap, origin } = settings.swap_size;
    let sector = settings.sector_size.value;
    if swap != ByteSize::ZERO {
        check_sectors(swap, sector, origin, "swap_size", problems);
        check_least(swap, volume_minimum(PartitionRole::Swap, sector), origin, "swap_size", problems);
    }
    if let Some(disk) = settings.disk_size.value
        && settings.has_usual_swap()
        && swap >= disk
    {
        let message = format!("{swap} of swap do not fit on a disk of {disk}");
        problems.push(ErrorKind::DoesNotFit, origin, "swap_size", message);
    }
}

/// Bytes that the root file system has at most; `None` where a disk is fitted to it.
fn room_of_root(settings: &Settings, disks: &[ListedDisk<'_>]) -> Option<u64> {
    let is_root = |mount_point: &Option<String>| mount_point.as_deref() == Some("/");
    let has_root =
        |disk: &&ListedDisk<'_>| disk.listed().iter().any(|partition| is_root(&partition.mount_point));
    if let Some(disk) = disks.iter().find(has_root) {
        return disk.size.map(ByteSize::bytes);
    }
    let mut groups = settings.volume_groups.value.iter().flatten();
    if groups.any(|group| group.volumes.iter().any(|volume| is_root(&volume.mount_point))) {
        let sizes = disks.iter().map(|disk| disk.size.map(ByteSize::bytes));
        return sizes.sum::<Option<u64>>();
    }
    settings.disk_size.value.map(ByteSize::bytes)
}

/// Problems of the partitions listed for a disk; `taken` has the mount points of all disks so far, with their partitions.
fn list_problems<'a>(
    settings: &Settings,
    disk: &ListedDisk<'a>,
    taken: &mut Vec<(String, &'a str)>,
    problems: &mut Problems,
) {
    let Some(list) = disk.partitions else { return };
    let origin = settings.table_origin();
    let field = |name: &str| format!("{}{name}", disk.place);
    for (at, partition) in list.iter().enumerate() {
        let field = |name: &str| format!("{}partitions[{at}].{name}", disk.place);
        role_problems(settings, disk.table, partition, &field, problems);
        size_problems(settings, partition, &field, problems);
        if let Some(label) = &partition.label
            && let Err(message) = check_label(file_system_of(partition), label)
        {
            problems.invalid(origin, &field("label"), message);
        }
        flag_problems(settings, disk.table, partition, &field, problems);
        if let Some(mount_point) = &partition.mount_point {
            let earlier = taken.iter().find(|(_, other)| other == mount_point);
            if let Err(message) = check_mount_point(mount_point) {
                problems.invalid(origin, &field("mount_point"), message);
            } else if let Some((earlier, _)) = earlier {
                let message = format!("{} is also that of {earlier}", quoted(mount_point));
                problems.invalid(origin, &field("mount_point"), message);
            }
            taken.push((format!("{}partitions[{at}]", disk.place), mount_point));
        }
        let role = role_of(partition);
        if disk.number > 0 && matches!(role, PartitionRole::Esp | PartitionRole::BiosBoot) {
            let message = format!("the machine starts from its first disk: a {role} partition stands there");
            problems.push(ErrorKind::Unsupported, origin, &field("role"), message);
        }
    }
    if list.is_empty() && disk.number > 0 {
        problems.invalid(origin, &field("partitions"), "a further disk has at least one partition");
    }
    for role in [PartitionRole::Esp, PartitionRole::BiosBoot] {
        let mut of_role = list.iter().enumerate().filter(|(_, p)| role_of(p) == role).skip(1);
        if let Some((at, _)) = of_role.next().filter(|_| disk.number == 0) {
            problems.invalid(origin, &format!("partitions[{at}].role"), format!("a second {role} partition"));
        }
    }
    let mut growing = list.iter().enumerate().filter(|(_, p)| p.grow == Some(true)).skip(1);
    if let Some((at, _)) = growing.next() {
        problems.invalid(
            origin,
            &field(&format!("partitions[{at}].grow")),
            "only one partition can take the rest of the disk",
        );
    }
    let mut active = list.iter().enumerate().filter(|(_, p)| has_flag(p, PartitionFlag::Active)).skip(1);
    if let Some((at, _)) = active.next() {
        let place = field(&format!("partitions[{at}].flags"));
        problems.invalid(origin, &place, "only one partition can be active");
    }
    sum_problems(settings, disk, list, problems);
}

fn flag_problems(
    settings: &Settings,
    table: TableKind,
    partition: &PartitionRequest,
    field: &dyn Fn(&str) -> String,
    problems: &mut Problems,
) {
    let origin = settings.table_origin();
    for flag in partition.flags.iter().flatten() {
        let of_mbr = *flag == PartitionFlag::Active;
        if of_mbr != (table == TableKind::Mbr) {
            problems.invalid(origin, &field("flags"), format!("a {table} disk has no flag {flag}"));
        }
    }
}

fn has_flag(partition: &PartitionRequest, flag: PartitionFlag) -> bool {
    partition.flags.iter().flatten().any(|own| *own == flag)
}

/// Stated sizes must leave room for each other and for the tables.
fn sum_problems(
    settings: &Settings,
    disk: &ListedDisk<'_>,
    list: &[PartitionRequest],
    problems: &mut Problems,
) {
    let origin = settings.table_origin();
    let field = format!("{}partitions", disk.place);
    let most = match disk.table {
        TableKind::Gpt => MAX_GPT_LISTED,
        TableKind::Mbr => MAX_MBR_LISTED,
    };
    if list.len() > most {
        let table = disk.table;
        problems.invalid(
            origin,
            &field,
            format!("{} are more than the {most} of a {table} disk", list.len()),
        );
    }
    let Some(size) = disk.size else { return };
    let sector = settings.sector_size.value;
    let least = |partition: &PartitionRequest| match partition.size {
        Some(size) => size.bytes(),
        None => volume_minimum(role_of(partition), sector),
    };
    let sum = list.iter().fold(0_u64, |sum, partition| sum.saturating_add(least(partition)));
    // The first MiB and, with GPT, the backup table at the end.
    if sum.saturating_add(2 * MIB) > size.bytes() {
        let message =
            format!("{} and the partition table do not fit on a disk of {size}", ByteSize::from_bytes(sum));
        problems.push(ErrorKind::DoesNotFit, origin, &field, message);
    }
}

/// A swap size beside a list: it is that of the one swap partition without its own.
pub(super) fn swap_problems(settings: &Settings, problems: &mut Problems) {
    let Setting { value: swap, origin } = settings.swap_size;
    if !origin.is_explicit() {
        return;
    }
    let mut swaps: Vec<(String, Option<ByteSize>)> = Vec::new();
    for disk in settings.listed_disks() {
        let list = disk.listed().iter().enumerate();
        let areas = list.filter(|(_, partition)| role_of(partition) == PartitionRole::Swap);
        swaps
            .extend(areas.map(|(at, partition)| (format!("{}partitions[{at}]", disk.place), partition.size)));
    }
    for group in settings.volume_groups.value.iter().flatten() {
        let areas = group.volumes.iter().filter(|v| v.file_system == Some(FileSystemKind::Swap));
        swaps.extend(areas.map(|volume| (format!("volume {}/{}", group.name, volume.name), volume.size)));
    }
    let overrides = origin < settings.table_origin();
    match swaps.as_slice() {
        [] => {}
        [(place, stated)] => {
            if let Some(stated) = stated.filter(|stated| !overrides && *stated != swap) {
                problems.invalid(origin, "swap_size", format!("{swap}, but {place} has {stated}"));
            }
        }
        _ => problems.invalid(
            origin,
            "swap_size",
            "several swap partitions are listed: state their sizes there",
        ),
    }
}

const MIN_DISK: u64 = 16 * MIB;
const MAX_DISK: u64 = 64 * TIB;
/// 128 table entries, less those that booting and swap may add.
const MAX_GPT_LISTED: usize = 125;
/// Four primary places, one of them extended; logical ones are numbered as far as fdisk and sfdisk read them.
const MAX_MBR_LISTED: usize = 57;
