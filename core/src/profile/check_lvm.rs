//! What volume groups and their physical volumes must fulfil.

use super::check::{Problems, check_label, check_mount_point, role_problems, size_problems};
use super::plan::{file_system_of, role_of};
use super::plan_lvm::content_request;
use super::size::quoted;
use super::{ByteSize, LogicalVolumeRequest, Origin, PartitionRole, Settings, VolumeGroupRequest};
use crate::ErrorKind;
use crate::lvm::{EXTENT_SIZES, LogicalVolumeName, check_logical_volume_name, check_volume_name};

/// Problems of the groups that the profile lists, and of the partitions that are for them.
pub(super) fn group_problems(settings: &Settings, problems: &mut Problems) {
    let origin = settings.table_origin();
    let groups = settings.volume_groups.value.as_deref().unwrap_or_default();
    physical_problems(settings, groups, problems);
    for (at, group) in groups.iter().enumerate() {
        let field = |name: &str| format!("volume_groups[{at}].{name}");
        if let Err(message) = check_volume_name(&group.name) {
            problems.invalid(origin, &field("name"), format!("{}: {message}", quoted(&group.name)));
        } else if groups.iter().take(at).any(|earlier| earlier.name == group.name) {
            problems.invalid(origin, &field("name"), format!("a second group {}", quoted(&group.name)));
        }
        if let Some(size) = group.extent_size
            && (!EXTENT_SIZES.contains(&size.bytes()) || !size.bytes().is_power_of_two())
        {
            let message = format!("{size} is not a power of two from 1M to 1G");
            problems.invalid(origin, &field("extent_size"), message);
        }
        if group.volumes.is_empty() {
            problems.invalid(origin, &field("volumes"), "a group has at least one volume");
        }
        for (number, volume) in group.volumes.iter().enumerate() {
            let place = format!("volume_groups[{at}].volumes[{number}]");
            let earlier = group.volumes.get(..number).unwrap_or_default();
            name_problems(origin, group, volume, earlier, &place, problems);
            volume_problems(settings, volume, &place, problems);
        }
        let mut growing = group.volumes.iter().enumerate().filter(|(_, volume)| volume.grow == Some(true));
        if let Some((second, _)) = growing.nth(1) {
            let place = format!("volume_groups[{at}].volumes[{second}].grow");
            problems.invalid(origin, &place, "only one volume can take the rest of its group");
        }
    }
    if groups.iter().map(|group| group.volumes.len()).fold(0, usize::saturating_add) > MOST_VOLUMES {
        let message = format!("more than {MOST_VOLUMES} logical volumes");
        problems.push(ErrorKind::Unsupported, origin, "volume_groups", message);
    }
    mount_point_problems(settings, groups, problems);
}

/// Problems of the partitions that are for groups, on whatever disk.
fn physical_problems(settings: &Settings, groups: &[VolumeGroupRequest], problems: &mut Problems) {
    let origin = settings.table_origin();
    let mut open: Vec<&str> = Vec::new();
    for disk in settings.listed_disks() {
        for (at, partition) in disk.listed().iter().enumerate() {
            let field = |name: &str| format!("{}partitions[{at}].{name}", disk.place);
            match (role_of(partition), &partition.volume_group) {
                (PartitionRole::Lvm, None) => {
                    let message = "an lvm partition belongs to a volume group";
                    problems.invalid(origin, &field("volume_group"), message);
                }
                (PartitionRole::Lvm, Some(name)) => {
                    if !groups.iter().any(|group| group.name == *name) {
                        let message = format!("there is no volume group {}", quoted(name));
                        problems.invalid(origin, &field("volume_group"), message);
                    }
                    if partition.size.is_none() && open.contains(&name.as_str()) {
                        let message = "only one partition of a volume group can be without a size";
                        problems.invalid(origin, &field("size"), message);
                    }
                    open.extend(Some(name.as_str()).filter(|_| partition.size.is_none()));
                }
                (role, Some(_)) => {
                    let message = format!("a {role} partition is in no volume group");
                    problems.invalid(origin, &field("volume_group"), message);
                }
                (_, None) => {}
            }
        }
    }
}

fn name_problems(
    origin: Origin,
    group: &VolumeGroupRequest,
    volume: &LogicalVolumeRequest,
    earlier: &[LogicalVolumeRequest],
    place: &str,
    problems: &mut Problems,
) {
    let field = format!("{place}.name");
    let name = quoted(&volume.name);
    if let Err(message) = check_logical_volume_name(&volume.name) {
        problems.invalid(origin, &field, format!("{name}: {message}"));
    } else if earlier.iter().any(|other| other.name == volume.name) {
        problems.invalid(origin, &field, format!("a second volume {name} of the group"));
    }
    let mapped = LogicalVolumeName::new(&group.name, &volume.name);
    if !mapped.fits_device_mapper() {
        let len = mapped.mapped().len();
        let message = format!("with its group's name {len} bytes in /dev/mapper, at most 127 can be");
        problems.invalid(origin, &field, message);
    }
}

fn volume_problems(settings: &Settings, volume: &LogicalVolumeRequest, place: &str, problems: &mut Problems) {
    let origin = settings.table_origin();
    let field = |name: &str| format!("{place}.{name}");
    let request = content_request(volume);
    role_problems(settings, settings.partition_table.value, &request, &field, problems);
    size_problems(settings, &request, &field, problems);
    if volume.size == Some(ByteSize::ZERO) {
        problems.invalid(origin, &field("size"), "a volume has at least one extent");
    }
    if let Some(label) = &volume.label
        && let Err(message) = check_label(file_system_of(&request), label)
    {
        problems.invalid(origin, &field("label"), message);
    }
}

/// A mount point is that of one file system, and one that can be.
fn mount_point_problems(settings: &Settings, groups: &[VolumeGroupRequest], problems: &mut Problems) {
    let origin = settings.table_origin();
    let disks = settings.listed_disks();
    let list = disks.iter().flat_map(|disk| disk.listed());
    let mut taken: Vec<&str> = list.filter_map(|partition| partition.mount_point.as_deref()).collect();
    for (at, group) in groups.iter().enumerate() {
        for (number, volume) in group.volumes.iter().enumerate() {
            let Some(mount_point) = volume.mount_point.as_deref() else { continue };
            let field = format!("volume_groups[{at}].volumes[{number}].mount_point");
            if let Err(message) = check_mount_point(mount_point) {
                problems.invalid(origin, &field, message);
            } else if taken.contains(&mount_point) {
                let message = format!("{} is also that of another file system", quoted(mount_point));
                problems.invalid(origin, &field, message);
            } else if matches!(mount_point, "/boot/efi" | "/efi") {
                let message = "firmware reads no logical volumes: the EFI system partition is a partition";
                problems.push(ErrorKind::Unsupported, origin, &field, message);
            }
            taken.push(mount_point);
        }
    }
}

/// More than any machine has; the metadata of all of them has its room.
pub(crate) const MOST_VOLUMES: usize = 256;
