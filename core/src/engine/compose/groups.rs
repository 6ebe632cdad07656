//! Volume groups: how large their volumes and partitions are, and where everything in them stands.

use super::content::{content_size, sized_with_spare};
use super::disk::{Ingredients, too_large};
use super::sizes::Thrift;
use super::volumes::{DiskPlan, GroupDraft};
use crate::lvm::{self, DATA_START, LogicalVolume, PhysicalVolume, Segment, VolumeGroup};
use crate::partition::Placement;
use crate::profile::SizeRule;
use crate::{Error, ErrorKind, Result};

/// What the volumes of a group need before partitions have their sizes.
pub(super) struct GroupNeeds {
    /// Extents of each volume.
    extents: Vec<u64>,
    /// The volume that takes the rest.
    growing: Option<usize>,
}

impl GroupNeeds {
    /// Sizes every volume of a group. A growing volume gets spare room only where its group's partitions have no sizes of
    /// their own: what is left there is the room.
    pub(super) fn of(
        plan: &DiskPlan,
        group: &GroupDraft,
        ingredients: &Ingredients<'_>,
        thrift: Thrift,
    ) -> Result<Self> {
        let is_bounded = group.physical.iter().all(|(at, _)| match partition_rule(plan, *at) {
            SizeRule::Exact(_) => true,
            SizeRule::AtLeast { grow, .. } => grow && plan.has_exact_size(*at),
        });
        let mut extents = Vec::new();
        let mut growing = None;
        for (at, (_, volume)) in group.volumes.iter().enumerate() {
            let bytes = match volume.planned.size {
                SizeRule::Exact(size) => thrift.size(size, volume),
                SizeRule::AtLeast { minimum, grow } => {
                    if grow {
                        growing = Some(at);
                    }
                    let content = || content_size(plan, volume, ingredients);
                    let room = thrift.room(ingredients.settings, volume, grow && is_bounded, content)?;
                    sized_with_spare(plan, volume, ingredients, room)?.max(minimum)
                }
            };
            extents.push(bytes.div_ceil(group.extent_size).max(1));
        }
        Ok(Self { extents, growing })
    }

    /// The least size of the partition `at` of the plan, which may be larger: of the one without a stated size what the
    /// others of its group leave, of one that states its least size and grows no more than that.
    pub(super) fn open_partition(&self, plan: &DiskPlan, group: &GroupDraft, at: usize) -> Result<u64> {
        let least = |(at, _): &(usize, _)| match partition_rule(plan, *at) {
            SizeRule::AtLeast { minimum, .. } => Some((minimum, *at)),
            SizeRule::Exact(_) => None,
        };
        // The least minimum is that of no stated size.
        let open = group.physical.iter().filter_map(least).min();
        if open.is_some_and(|(_, open)| open != at) {
            return Ok(0);
        }
        let others = group.physical.iter().filter(|(other, _)| *other != at);
        let stated = others.fold(0_u64, |sum, (other, _)| match partition_rule(plan, *other) {
            SizeRule::Exact(size) | SizeRule::AtLeast { minimum: size, .. } => {
                sum.saturating_add(lvm::extents_of(size, group.extent_size))
            }
        });
        let missing = self.sum().saturating_sub(stated).max(1);
        missing
            .checked_mul(group.extent_size)
            .and_then(|bytes| bytes.checked_add(DATA_START))
            .ok_or_else(too_large)
    }

    /// Bytes of the volume `at`.
    #[cfg(test)]
    pub(super) fn bytes_of(&self, at: usize, extent_size: u64) -> u64 {
        self.extents[at] * extent_size
    }

    fn sum(&self) -> u64 {
        self.extents.iter().fold(0, |sum, extents| sum.saturating_add(*extents))
    }

    /// The group on partitions with their places.
    ///
    /// # Errors
    /// `ErrorKind::DoesNotFit` naming the group.
    pub(super) fn placed(
        self,
        group: &GroupDraft,
        placements: &[Placement],
        created: i64,
    ) -> Result<VolumeGroup> {
        let members = group.physical.iter().filter_map(|(at, id)| Some((placements.get(*at)?, *id)));
        let physical: Vec<PhysicalVolume> =
            members.map(|(placement, id)| PhysicalVolume { id, size: placement.size }).collect();
        let room: Vec<u64> =
            physical.iter().map(|physical| lvm::extents_of(physical.size, group.extent_size)).collect();
        let total = room.iter().fold(0_u64, |sum, extents| sum.saturating_add(*extents));
        let rest = total.saturating_sub(self.sum());
        let (mut extents, growing) = (self.extents, self.growing);
        if let Some(growing) = growing.and_then(|at| extents.get_mut(at)) {
            *growing = growing.saturating_add(rest);
        }
        let places = lvm::allocate(&room, &extents)
            .map_err(|error| error.with_field(format!("volume group {}", group.name)))?;
        let logical = group.volumes.iter().zip(places).map(|((id, volume), segments)| {
            let name = volume.logical.as_ref().map(|name| name.volume.clone()).unwrap_or_default();
            LogicalVolume { name, id: *id, segments }
        });
        Ok(VolumeGroup {
            name: group.name.clone(),
            id: group.id,
            extent_size: group.extent_size,
            created,
            logical: logical.collect(),
            physical,
        })
    }
}

/// Where extents of a group stand: in the partition `partition` of the plan, `len` bytes from byte `start` of its disk on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) partition: usize,
    pub(super) start: u64,
    pub(super) len: u64,
}

/// Where extents of a group stand.
pub(super) fn place_of(
    group: &VolumeGroup,
    draft: &GroupDraft,
    placements: &[Placement],
    segment: &Segment,
) -> Result<Place> {
    let place = || {
        let (partition, _) = *draft.physical.get(segment.physical)?;
        let inside = segment.first.checked_mul(group.extent_size)?.checked_add(DATA_START)?;
        let start = placements.get(partition)?.start.checked_add(inside)?;
        Some(Place { partition, start, len: segment.extents.checked_mul(group.extent_size)? })
    };
    place().ok_or_else(|| Error::new(ErrorKind::Internal, "a segment is on no partition of its group"))
}

fn partition_rule(plan: &DiskPlan, at: usize) -> SizeRule {
    let draft = plan.partitions.get(at);
    draft.map_or(SizeRule::Exact(0), |draft| draft.content.planned.size)
}
