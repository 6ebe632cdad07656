use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::plan::{plan_one, role_of};
use super::{
    ByteSize, FileSystemKind, LogicalVolumeRequest, LvmPolicy, MOST_VOLUMES, Origin, PartitionRequest,
    PartitionRole, PlannedPartition, Settings, VolumeGroupRequest,
};
use crate::lvm::{DEFAULT_EXTENT, LogicalVolumeName};

/// A volume group to lay out, before content decides the sizes of its volumes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedGroup {
    /// Name.
    pub name: String,
    /// Bytes of an extent.
    pub extent_size: u64,
    /// Its volumes; at most one grows.
    pub volumes: Vec<PlannedVolume>,
}

/// A logical volume to lay out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedVolume {
    /// Name.
    pub name: String,
    /// What stands in it: of role `data` or `swap`. Its own `name` is only the label for the seed.
    pub content: PlannedPartition,
}

/// What the disks are divided into, whoever asks for it.
pub(super) struct Division<'a> {
    /// The partitions of each disk, in disk order.
    pub(super) disks: Vec<Cow<'a, [PartitionRequest]>>,
    pub(super) groups: Cow<'a, [VolumeGroupRequest]>,
    pub(super) origin: Origin,
    /// Of the partitions that were logical volumes of a group made flat the names, by their disks and places there.
    pub(super) names: BTreeMap<(usize, usize), LogicalVolumeName>,
}

impl<'a> Division<'a> {
    /// What the profile lists, else the volume groups of the tree, else one root file system.
    pub(super) fn of(settings: &'a Settings) -> Self {
        let listed = settings.partitions.value.as_deref();
        let groups = settings.volume_groups.value.as_deref();
        let further = settings.further_disks.value.as_slice();
        let division = match (listed, groups, further) {
            (None, None, []) => match of_the_tree(settings) {
                Some(division) => division,
                None => {
                    let root = PartitionRequest { mount_point: Some("/".into()), ..Default::default() };
                    Self {
                        disks: vec![Cow::Owned(vec![root])],
                        groups: Cow::Borrowed(&[]),
                        origin: Origin::Default,
                        names: BTreeMap::new(),
                    }
                }
            },
            (listed, groups, further) => {
                let groups = groups.unwrap_or_default();
                let further: Vec<&[PartitionRequest]> =
                    further.iter().map(|disk| disk.partitions.as_slice()).collect();
                let first = with_physical(listed, &further, groups);
                let disks = std::iter::once(first).chain(further.into_iter().map(Cow::Borrowed)).collect();
                let origin = settings.table_origin();
                Self { disks, groups: Cow::Borrowed(groups), origin, names: BTreeMap::new() }
            }
        };
        let division = division.with_swap_of(settings);
        match settings.lvm.value {
            LvmPolicy::Keep => division,
            LvmPolicy::Flatten => division.flattened(),
        }
    }

    pub(super) fn has_role(&self, role: PartitionRole) -> bool {
        let is_swap = |volume: &LogicalVolumeRequest| volume.file_system == Some(FileSystemKind::Swap);
        self.requests().any(|request| role_of(request) == role)
            || (role == PartitionRole::Swap
                && self.groups.iter().flat_map(|group| &group.volumes).any(is_swap))
    }

    /// Which partition of a disk grows by default, as no request says it.
    pub(super) fn default_growth(&self, disk: usize) -> Option<usize> {
        let partitions = self.disks.get(disk)?;
        if partitions.iter().any(|request| request.grow == Some(true)) {
            return None;
        }
        let is_root = |mount_point: &Option<String>| mount_point.as_deref() == Some("/");
        let holds_root = |group: &&VolumeGroupRequest| group.volumes.iter().any(|v| is_root(&v.mount_point));
        let grows = |group: &&VolumeGroupRequest| group.volumes.iter().any(|v| v.grow == Some(true));
        let is_open = |request: &&PartitionRequest| request.size.is_none() && request.grow.is_none();
        let root = partitions.iter().position(|request| is_root(&request.mount_point));
        if let Some(root) = root {
            return Some(root).filter(|at| partitions.get(*at).as_ref().is_some_and(is_open));
        }
        let group = self.groups.iter().find(holds_root).or_else(|| self.groups.iter().find(grows));
        let of_group = group.and_then(|group| {
            partitions
                .iter()
                .position(|request| request.volume_group.as_ref() == Some(&group.name) && is_open(&request))
        });
        if of_group.is_some() || disk == 0 {
            return of_group;
        }
        let can = |request: &PartitionRequest| {
            is_open(&request) && matches!(role_of(request), PartitionRole::Data | PartitionRole::Lvm)
        };
        let mut able = partitions.iter().enumerate().filter(|(_, request)| can(request)).map(|(at, _)| at);
        able.next().filter(|_| able.next().is_none())
    }

    /// The groups as they are planned.
    pub(super) fn planned_groups(&self, settings: &Settings) -> Vec<PlannedGroup> {
        let mut groups = Vec::new();
        for group in self.groups.iter() {
            let none_grows = !group.volumes.iter().any(|volume| volume.grow == Some(true));
            let mut volumes = Vec::new();
            for volume in &group.volumes {
                let request = content_request(volume);
                let is_root = request.mount_point.as_deref() == Some("/");
                let grows = is_root && request.size.is_none() && none_grows;
                let mut content = plan_one(settings, &request, self.origin, grows);
                let name = LogicalVolumeName::new(&group.name, &volume.name);
                content.name = format!("logical volume {name}");
                volumes.push(PlannedVolume { name: volume.name.clone(), content });
            }
            groups.push(PlannedGroup {
                name: group.name.clone(),
                extent_size: group.extent_size.map_or(DEFAULT_EXTENT, ByteSize::bytes),
                volumes,
            });
        }
        groups
    }

    /// Whether the profile's swap size goes before those of swap areas here.
    pub(super) fn takes_swap_size(&self, settings: &Settings) -> bool {
        settings.swap_size.origin < self.origin
    }

    /// Swap areas, in partitions and volumes alike, without sizes where the profile's goes before them, and none where
    /// that is nothing. A group that has no volume left goes with its partitions.
    fn with_swap_of(mut self, settings: &Settings) -> Self {
        let overrides = self.takes_swap_size(settings);
        let none = settings.swap_size.value == ByteSize::ZERO;
        let decides = |is_swap: bool, size: Option<ByteSize>| is_swap && (overrides || size.is_none());
        let is_swap = |request: &PartitionRequest| role_of(request) == PartitionRole::Swap;
        let is_swap_volume = |volume: &LogicalVolumeRequest| is_swap(&content_request(volume));
        for disk in &mut self.disks {
            if !disk.iter().any(|request| decides(is_swap(request), request.size)) {
                continue;
            }
            let partitions = disk.to_mut();
            partitions.retain(|request| !(none && decides(is_swap(request), request.size)));
            for request in partitions.iter_mut().filter(|request| decides(is_swap(request), request.size)) {
                request.size = None;
            }
        }
        let mut volumes = self.groups.iter().flat_map(|group| &group.volumes);
        if volumes.any(|volume| decides(is_swap_volume(volume), volume.size)) {
            let groups = self.groups.to_mut();
            for group in groups.iter_mut() {
                group.volumes.retain(|volume| !(none && decides(is_swap_volume(volume), volume.size)));
                for volume in &mut group.volumes {
                    volume.size = volume.size.filter(|_| !decides(is_swap_volume(volume), volume.size));
                }
            }
            groups.retain(|group| !group.volumes.is_empty());
            let is_left = |name: &String| groups.iter().any(|group| group.name == *name);
            for disk in &mut self.disks {
                disk.to_mut().retain(|request| request.volume_group.as_ref().is_none_or(is_left));
            }
        }
        self
    }

    /// Partitions in the place of every group's first physical volume.
    fn flattened(self) -> Self {
        let mut names = BTreeMap::new();
        let mut done: Vec<&str> = Vec::new();
        let mut disks = Vec::new();
        for (number, disk) in self.disks.iter().enumerate() {
            let mut partitions = Vec::new();
            for request in disk.iter() {
                let Some(name) = request.volume_group.as_deref() else {
                    partitions.push(request.clone());
                    continue;
                };
                if done.contains(&name) {
                    continue;
                }
                done.push(name);
                let group = self.groups.iter().find(|group| group.name == name);
                for volume in group.iter().flat_map(|group| &group.volumes) {
                    names.insert((number, partitions.len()), LogicalVolumeName::new(name, &volume.name));
                    partitions.push(content_request(volume));
                }
            }
            disks.push(Cow::Owned(partitions));
        }
        Self { disks, groups: Cow::Borrowed(&[]), origin: self.origin, names }
    }

    /// The partitions of all disks.
    fn requests(&self) -> impl Iterator<Item = &PartitionRequest> {
        self.disks.iter().flat_map(|disk| disk.iter())
    }
}

/// What stands in a logical volume, as in a partition.
pub(super) fn content_request(volume: &LogicalVolumeRequest) -> PartitionRequest {
    let role = match volume.file_system {
        Some(FileSystemKind::Swap) => PartitionRole::Swap,
        // One at /boot/efi, too: firmware reads no logical volumes.
        _ => PartitionRole::Data,
    };
    PartitionRequest {
        mount_point: volume.mount_point.clone(),
        role: Some(role),
        file_system: volume.file_system,
        size: volume.size,
        grow: volume.grow,
        label: volume.label.clone(),
        ..Default::default()
    }
}

/// The list of the first disk, with a root file system where there is no list and neither a group nor another disk has it,
/// and a partition for each group that has none on any disk.
fn with_physical<'a>(
    listed: Option<&'a [PartitionRequest]>,
    further: &[&[PartitionRequest]],
    groups: &[VolumeGroupRequest],
) -> Cow<'a, [PartitionRequest]> {
    let mut partitions = Cow::Borrowed(listed.unwrap_or_default());
    let others = || further.iter().flat_map(|disk| disk.iter());
    let volumes = groups.iter().flat_map(|group| &group.volumes).map(|volume| &volume.mount_point);
    let mut mount_points = volumes.chain(others().map(|partition| &partition.mount_point));
    if listed.is_none() && !mount_points.any(|mount_point| mount_point.as_deref() == Some("/")) {
        let root = PartitionRequest { mount_point: Some("/".into()), ..Default::default() };
        partitions.to_mut().push(root);
    }
    for group in groups {
        let is_for_it = |request: &PartitionRequest| request.volume_group.as_ref() == Some(&group.name);
        let has_one = partitions.iter().any(is_for_it) || others().any(is_for_it);
        if !has_one {
            partitions.to_mut().push(physical_volume(&group.name));
        }
    }
    partitions
}

fn physical_volume(group: &str) -> PartitionRequest {
    PartitionRequest { volume_group: Some(group.to_owned()), ..Default::default() }
}

/// The groups on which the tree has its root and what else its fstab names, each on one partition; `/boot` keeps a
/// partition of its own where it has one.
fn of_the_tree(settings: &Settings) -> Option<Division<'static>> {
    settings.root_volume()?;
    let mut groups: Vec<VolumeGroupRequest> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut taken: BTreeSet<LogicalVolumeName> = BTreeSet::new();
    let mut add = |name: &LogicalVolumeName, volume: LogicalVolumeRequest| {
        if taken.len() >= MOST_VOLUMES || !taken.insert(name.clone()) {
            return;
        }
        let at = *places.entry(name.group.clone()).or_insert(groups.len());
        if at == groups.len() {
            groups.push(VolumeGroupRequest { name: name.group.clone(), ..Default::default() });
        }
        if let Some(group) = groups.get_mut(at) {
            group.volumes.push(volume);
        }
    };
    let is_root = |at: &str| at == "/";
    let (root, others): (Vec<_>, Vec<_>) =
        settings.volumes.iter().partition(|volume| is_root(&volume.mount_point));
    for mount in root.into_iter().chain(others) {
        if let Some(name) = &mount.logical_volume {
            let mount_point = Some(mount.mount_point.clone());
            add(name, LogicalVolumeRequest { name: name.volume.clone(), mount_point, ..Default::default() });
        }
    }
    for name in settings.swaps.iter().filter_map(|swap| swap.logical_volume.as_ref()) {
        let file_system = Some(FileSystemKind::Swap);
        add(name, LogicalVolumeRequest { name: name.volume.clone(), file_system, ..Default::default() });
    }
    let boot = settings.volumes.iter().find(|volume| volume.mount_point == "/boot");
    let is_fat = |kind: &str| matches!(kind, "vfat" | "fat" | "msdos" | "fat32");
    let has_boot = settings.boot_apart
        || boot.is_some_and(|boot| boot.logical_volume.is_none() && !is_fat(&boot.file_system));
    let boot = PartitionRequest { mount_point: Some("/boot".into()), ..Default::default() };
    let mut partitions: Vec<PartitionRequest> = has_boot.then_some(boot).into_iter().collect();
    partitions.extend(groups.iter().map(|group| physical_volume(&group.name)));
    Some(Division {
        disks: vec![Cow::Owned(partitions)],
        groups: Cow::Owned(groups),
        origin: Origin::Tree,
        names: BTreeMap::new(),
    })
}
