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
    /// Who asks for what is on the first disk, and for the groups.
    origin: Origin,
    /// Who asks for what is on the others.
    further_origin: Origin,
    /// Of the partitions that were logical volumes of a group made flat the names, by their disks and places there.
    pub(super) names: BTreeMap<(usize, usize), LogicalVolumeName>,
}

impl<'a> Division<'a> {
    /// What the profile lists; on the first disk, where it lists nothing for it, the volume groups of the tree, else one
    /// root file system.
    pub(super) fn of(settings: &'a Settings) -> Self {
        let listed = settings.partitions.value.as_deref();
        let groups = settings.volume_groups.value.as_deref();
        let further: Vec<&[PartitionRequest]> =
            settings.further_disks.value.iter().map(|disk| disk.partitions.as_slice()).collect();
        let further_origin = settings.table_origin();
        let of_the_tree = match (listed, groups) {
            (None, None) => of_the_tree(settings, &further),
            _ => None,
        };
        let (first, groups, origin) = match of_the_tree {
            Some((first, groups)) => (Cow::Owned(first), Cow::Owned(groups), Origin::Tree),
            None => {
                let groups = groups.unwrap_or_default();
                (with_physical(listed, &further, groups), Cow::Borrowed(groups), further_origin)
            }
        };
        let disks = std::iter::once(first).chain(further.into_iter().map(Cow::Borrowed)).collect();
        let division = Self { disks, groups, origin, further_origin, names: BTreeMap::new() };
        let division = division.with_swap_of(settings);
        match settings.lvm.value {
            LvmPolicy::Keep => division,
            LvmPolicy::Flatten => division.flattened(),
        }
    }

    /// Who asks for what is on a disk; disks count from 0.
    pub(super) fn origin_of(&self, disk: usize) -> Origin {
        if disk == 0 { self.origin } else { self.further_origin }
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

    /// Whether the profile's swap size goes before those of swap areas on a disk; disks count from 0.
    pub(super) fn takes_swap_size(&self, settings: &Settings, disk: usize) -> bool {
        settings.swap_size.origin < self.origin_of(disk)
    }

    /// Swap areas, in partitions and volumes alike, without sizes where the profile's goes before them, and none where
    /// that is nothing. A group that has no volume left goes with its partitions.
    fn with_swap_of(mut self, settings: &Settings) -> Self {
        let overrides: Vec<bool> =
            (0..self.disks.len()).map(|disk| self.takes_swap_size(settings, disk)).collect();
        let none = settings.swap_size.value == ByteSize::ZERO;
        let is_swap = |request: &PartitionRequest| role_of(request) == PartitionRole::Swap;
        for (disk, overrides) in self.disks.iter_mut().zip(overrides) {
            let decides =
                |request: &PartitionRequest| is_swap(request) && (overrides || request.size.is_none());
            if !disk.iter().any(decides) {
                continue;
            }
            let partitions = disk.to_mut();
            partitions.retain(|request| !(none && decides(request)));
            for request in partitions.iter_mut().filter(|request| decides(request)) {
                request.size = None;
            }
        }
        let overrides = self.takes_swap_size(settings, 0);
        let decides = |volume: &LogicalVolumeRequest| {
            is_swap(&content_request(volume)) && (overrides || volume.size.is_none())
        };
        if self.groups.iter().flat_map(|group| &group.volumes).any(decides) {
            let groups = self.groups.to_mut();
            for group in groups.iter_mut() {
                group.volumes.retain(|volume| !(none && decides(volume)));
                for volume in group.volumes.iter_mut().filter(|volume| decides(volume)) {
                    volume.size = None;
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
        Self { disks, groups: Cow::Borrowed(&[]), names, ..self }
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

/// The groups on which the tree has its root and what else its fstab names, each on one partition, behind a `/boot` that
/// keeps a partition of its own where it has one; without what is on one of the `further` disks. `None` where the root is.
fn of_the_tree(
    settings: &Settings,
    further: &[&[PartitionRequest]],
) -> Option<(Vec<PartitionRequest>, Vec<VolumeGroupRequest>)> {
    let others = || further.iter().flat_map(|disk| disk.iter());
    let is_elsewhere = |at: &str| others().any(|request| request.mount_point.as_deref() == Some(at));
    settings.root_volume().filter(|_| !is_elsewhere("/"))?;
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
    let here = settings.volumes.iter().filter(|volume| !is_elsewhere(&volume.mount_point));
    let (root, rest): (Vec<_>, Vec<_>) = here.partition(|volume| volume.mount_point == "/");
    for mount in root.into_iter().chain(rest) {
        if let Some(name) = &mount.logical_volume {
            let mount_point = Some(mount.mount_point.clone());
            add(name, LogicalVolumeRequest { name: name.volume.clone(), mount_point, ..Default::default() });
        }
    }
    let has_swap = others().any(|request| role_of(request) == PartitionRole::Swap);
    let swaps = settings.swaps.iter().filter(|_| !has_swap);
    for name in swaps.filter_map(|swap| swap.logical_volume.as_ref()) {
        let file_system = Some(FileSystemKind::Swap);
        add(name, LogicalVolumeRequest { name: name.volume.clone(), file_system, ..Default::default() });
    }
    let boot = settings.volumes.iter().find(|volume| volume.mount_point == "/boot");
    let is_fat = |kind: &str| matches!(kind, "vfat" | "fat" | "msdos" | "fat32");
    let has_boot = settings.boot_apart
        || boot.is_some_and(|boot| boot.logical_volume.is_none() && !is_fat(&boot.file_system));
    let boot = PartitionRequest { mount_point: Some("/boot".into()), ..Default::default() };
    let mut partitions = Vec::new();
    partitions.extend(Some(boot).filter(|_| has_boot && !is_elsewhere("/boot")));
    partitions.extend(groups.iter().map(|group| physical_volume(&group.name)));
    Some((partitions, groups))
}
