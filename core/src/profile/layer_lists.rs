//! Lists of partitions, disks and volume groups in the layers of a profile: one layer has all.

use super::plan::role_of;
use super::{DiskRequest, Layer, PartitionRole, Profile, Settings};

/// Whether a layer says what the disks are divided into.
pub(super) fn divides(layer: &Layer<'_>) -> bool {
    !lists_of(layer).is_empty()
}

/// The lists by which a layer says what the disks are divided into, by the names that they have there.
fn lists_of(layer: &Layer<'_>) -> Vec<String> {
    let Profile { partitions, further_disks, volume_groups, .. } = layer.profile;
    let lists = [
        ("partitions", partitions.is_some()),
        ("further_disks", further_disks.as_ref().is_some_and(|disks| !disks.is_empty())),
        ("volume_groups", volume_groups.is_some()),
    ];
    let given = lists.into_iter().filter(|(_, is_given)| *is_given);
    given.map(|(name, _)| Settings::field(layer.origin, name)).collect()
}

/// What goes unused of the layers behind the first that divides the disks.
pub(super) fn unused_lists(layers: &[Layer<'_>]) -> Vec<String> {
    let mut dividing = layers.iter().map(lists_of).filter(|lists| !lists.is_empty());
    let Some(used) = dividing.next() else { return Vec::new() };
    let text = |lists: Vec<String>| {
        format!("not used: {}; {} says what is on all disks", lists.join(", "), used.join(", "))
    };
    dividing.map(text).collect()
}

/// Whether such a layer also says what is swap: its list of the first disk's partitions is complete, and so are its groups.
pub(super) fn decides_swap(layer: &Layer<'_>) -> bool {
    let Profile { partitions, further_disks, volume_groups, .. } = layer.profile;
    partitions.is_some()
        || volume_groups.as_ref().is_some_and(|groups| !groups.is_empty())
        || further_disks.as_deref().is_some_and(have_swap)
}

/// Whether one of these disks has a swap area.
pub(super) fn have_swap(disks: &[DiskRequest]) -> bool {
    disks.iter().flat_map(|disk| &disk.partitions).any(|request| role_of(request) == PartitionRole::Swap)
}
