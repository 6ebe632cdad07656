//! How large everything on the disks is, and what gives way where a disk of a fixed size has less room.

use std::sync::Arc;

use super::content::{content_size, sized_with_spare};
use super::disk::{Ingredients, too_large};
use super::groups::GroupNeeds;
use super::kept_ids::KeptPartitionIds;
use super::volumes::{DiskPlan, VolumeDraft};
use crate::filesystem::ext4::Ext4Features;
use crate::lvm::DEFAULT_EXTENT;
use crate::partition::{self, ALIGNMENT, Growth, SizeRequest};
use crate::profile::{
    FileSystemKind, Origin, PartitionPlan, Settings, SizeRule, fitted_disk_size, spare_room,
};
use crate::tree::FileTree;
use crate::{ErrorKind, Monitor, Result, Seed, Timestamp};

/// The sizes of partitions and volumes.
pub(super) struct Sizes {
    /// Of the groups, in their order.
    pub(super) groups: Vec<GroupNeeds>,
    /// Of the partitions of each disk, in their order.
    pub(super) requests: Vec<Vec<SizeRequest>>,
    /// What gave way.
    pub(super) thrift: Thrift,
    /// Bytes of the smallest disks for them.
    least: Vec<u64>,
}

/// What volumes that only the tree asks for have less of than they had, on a disk that somebody else's wish or another
/// machine's report made as large as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Thrift {
    /// The most bytes of a swap area.
    swap: Option<u64>,
    /// How many quarters of their spare room volumes have that do not grow.
    quarters: u64,
}

impl Thrift {
    const NONE: Self = Self { swap: None, quarters: 4 };

    /// The size of a volume for which `size` bytes are asked.
    pub(super) fn size(self, size: u64, volume: &VolumeDraft) -> u64 {
        let is_swap = volume.planned.file_system == Some(FileSystemKind::Swap);
        match self.swap {
            Some(most) if is_swap && is_of_tree(volume) => size.min(most),
            _ => size,
        }
    }

    /// Bytes of room beside the content of a volume: what is asked for the root file system, nothing where the volume
    /// takes what is left, else the usual for `content` or what quarters of it there are.
    pub(super) fn room(
        self,
        settings: &Settings,
        volume: &VolumeDraft,
        takes_what_is_left: bool,
        content: impl FnOnce() -> Result<u64>,
    ) -> Result<u64> {
        let is_root = volume.planned.mount_point.as_deref() == Some("/");
        match settings.spare.value.filter(|_| is_root) {
            Some(spare) => Ok(spare.bytes()),
            None if takes_what_is_left => Ok(0),
            None if is_of_tree(volume) => Ok(spare_room(content()?).saturating_mul(self.quarters) / 4),
            None => Ok(spare_room(content()?)),
        }
    }

    /// What a report says of it.
    pub(super) fn note(self) -> Option<String> {
        let spare = match self.quarters {
            4 => None,
            0 => Some("volumes that do not grow have no spare room".to_owned()),
            some => Some(format!("volumes that do not grow have {some} quarters of the usual spare room")),
        };
        let swap = self.swap.map(|most| format!("swap areas have at most {} MiB", most >> 20));
        let parts: Vec<String> = [swap, spare].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| format!("to fit the disk, {}", parts.join(", and ")))
    }
}

impl Sizes {
    /// The usual sizes; where the tree's own division passes a disk of a fixed size, smaller swap areas, then also less
    /// spare room. The sizes may still pass the disk.
    pub(super) fn of(plan: &DiskPlan, ingredients: &Ingredients<'_>) -> Result<Self> {
        let usual = Self::with(plan, ingredients, Thrift::NONE)?;
        // The tree's own division is on the first disk.
        let Some(disk) = plan.disks.first().and_then(|disk| disk.size) else { return Ok(usual) };
        if usual.least_of(0) <= disk || !is_division_of_tree(plan) {
            return Ok(usual);
        }
        let least_swap = Some(LEAST_SWAP).filter(|_| !ingredients.settings.swap_size.origin.is_explicit());
        for quarters in (0..=4).rev() {
            let sizes = Self::with(plan, ingredients, Thrift { swap: least_swap, quarters })?;
            let Some(left) = disk.checked_sub(sizes.least_of(0)) else { continue };
            let is_swap = |volume: &&VolumeDraft| {
                volume.planned.file_system == Some(FileSystemKind::Swap) && is_of_tree(volume)
            };
            let areas = plan.contents().filter(is_swap).count() as u64;
            let more = left.checked_div(areas).unwrap_or(0) / DEFAULT_EXTENT * DEFAULT_EXTENT;
            if least_swap.is_none() || more == 0 {
                return Ok(sizes);
            }
            let swap = Some(LEAST_SWAP.saturating_add(more));
            let larger = Self::with(plan, ingredients, Thrift { swap, quarters })?;
            return Ok(if larger.least_of(0) <= disk { larger } else { sizes });
        }
        Ok(usual)
    }

    /// The size of a disk that is fitted; disks count from 0.
    ///
    /// # Errors
    /// As [`fitted_disk_size`].
    pub(super) fn fitted(&self, disk: usize) -> Result<u64> {
        fitted_disk_size(self.least_of(disk))
    }

    fn least_of(&self, disk: usize) -> u64 {
        self.least.get(disk).copied().unwrap_or(0)
    }

    fn with(plan: &DiskPlan, ingredients: &Ingredients<'_>, thrift: Thrift) -> Result<Self> {
        let groups = plan.groups.iter().map(|group| GroupNeeds::of(plan, group, ingredients, thrift));
        let groups: Vec<GroupNeeds> = groups.collect::<Result<_>>()?;
        let mut requests = vec![Vec::new(); plan.disks.len()];
        for (at, draft) in plan.partitions.iter().enumerate() {
            let group = plan.groups.iter().zip(&groups).find(|(group, _)| group.has_partition(at));
            let (size, growth) = match (draft.content.planned.size, group) {
                (SizeRule::Exact(size), _) => (thrift.size(size, &draft.content), Growth::Fixed),
                (SizeRule::AtLeast { minimum, grow }, Some((group, needs))) => {
                    let growth = if grow { Growth::Grow } else { Growth::Fixed };
                    (needs.open_partition(plan, group, at)?.max(minimum), growth)
                }
                (SizeRule::AtLeast { minimum, grow }, None) => {
                    let (volume, settings) = (&draft.content, ingredients.settings);
                    let content = content_size(plan, volume, ingredients)?;
                    let takes_what_is_left = grow && plan.has_exact_size(at);
                    let room = thrift.room(settings, volume, takes_what_is_left, || Ok(content))?;
                    let size = sized_with_spare(plan, volume, ingredients, room)?.max(minimum);
                    (size, if grow { Growth::Grow } else { Growth::Fixed })
                }
            };
            let size = size.checked_next_multiple_of(plan.sector_size.bytes()).ok_or_else(too_large)?;
            if let Some(requests) = requests.get_mut(draft.disk) {
                requests.push(SizeRequest { number: Some(draft.number), size, growth });
            }
        }
        let least = plan
            .disks
            .iter()
            .zip(&requests)
            .map(|(disk, requests)| partition::minimum_disk_size(disk.table, plan.sector_size, requests));
        let least = least.collect::<Result<_>>()?;
        Ok(Self { groups, requests, thrift, least })
    }
}

/// Whether a disk of a fixed size has room for the division that the tree asks for, at its smallest. True for every
/// other division. Asked before the tree is edited, so it leaves room for that.
pub(super) fn division_fits(
    tree: &Arc<FileTree>,
    settings: &Settings,
    partitions: &PartitionPlan,
    (seed, timestamp, features): (&Seed, Timestamp, Ext4Features),
    monitor: &Monitor,
) -> Result<bool> {
    let plan = DiskPlan::new(partitions, &KeptPartitionIds::default(), seed)?;
    let Some(disk) = settings.disk_size.value.filter(|_| is_division_of_tree(&plan)) else {
        return Ok(true);
    };
    let ingredients =
        Ingredients { tree, settings, seed, timestamp, features, esp: None, esp_files: Vec::new(), monitor };
    let swap = Some(LEAST_SWAP).filter(|_| !settings.swap_size.origin.is_explicit());
    match Sizes::with(&plan, &ingredients, Thrift { swap, quarters: 0 }) {
        Ok(sizes) => Ok(sizes.least_of(0).saturating_add(ROOM_FOR_EDITS) <= disk.bytes()),
        Err(error) if error.kind() == ErrorKind::Cancelled => Err(error),
        // An edit may make what is missing yet; else the same comes up behind them.
        Err(_) => Ok(true),
    }
}

fn is_of_tree(volume: &VolumeDraft) -> bool {
    volume.planned.origin == Origin::Tree
}

fn is_division_of_tree(plan: &DiskPlan) -> bool {
    plan.contents().any(|volume| volume.planned.mount_point.as_deref() == Some("/") && is_of_tree(volume))
}

/// Below that a swap area is of no use.
const LEAST_SWAP: u64 = 64 << 20;
/// GRUB's modules and what is appended to an initial RAM disk are smaller.
const ROOM_FOR_EDITS: u64 = 32 * ALIGNMENT;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::test_tree::{file, tree};
    use crate::lvm::LogicalVolumeName;
    use crate::profile::{FirmwareParts, Layer, Profile, TreeFacts, TreeMount, TreeSwap};

    const GIB: u64 = 1 << 30;

    fn facts() -> TreeFacts {
        let mount = |at: &str, volume: Option<&str>| TreeMount {
            mount_point: at.into(),
            file_system: "ext4".into(),
            logical_volume: volume.map(|volume| LogicalVolumeName::new("vg", volume)),
            ..Default::default()
        };
        TreeFacts {
            mounts: vec![mount("/", Some("root")), mount("/home", Some("home")), mount("/boot", None)],
            swaps: vec![TreeSwap {
                logical_volume: Some(LogicalVolumeName::new("vg", "swap")),
                ..Default::default()
            }],
        }
    }

    /// What `ask` says of the sizes, the settings, and whether the division fits at all.
    fn asked<T>(json: &str, ask: impl FnOnce(&Sizes, &Settings, bool) -> T) -> T {
        let profile = Profile::from_json(json.as_bytes()).unwrap();
        let layers = [Layer { origin: Origin::Profile, profile: &profile }];
        let settings = Settings::resolve(&layers, None, &facts()).unwrap();
        let partitions = PartitionPlan::new(&settings, FirmwareParts { bios: true, uefi: false }).unwrap();
        let items = ["etc/x", "home/x", "boot/x"].map(|path| (path, file("x")));
        let tree = Arc::new(tree(items.into()));
        let (seed, timestamp, monitor) =
            (Seed::from_text("sizes"), Timestamp::from_seconds(0), Monitor::new());
        let details = (&seed, timestamp, Ext4Features::Modern);
        let fits = division_fits(&tree, &settings, &partitions, details, &monitor).unwrap();
        let plan = DiskPlan::new(&partitions, &KeptPartitionIds::default(), &seed).unwrap();
        let ingredients = Ingredients {
            tree: &tree,
            settings: &settings,
            seed: &seed,
            timestamp,
            features: Ext4Features::Modern,
            esp: None,
            esp_files: Vec::new(),
            monitor: &monitor,
        };
        let sizes = Sizes::of(&plan, &ingredients).unwrap();
        ask(&sizes, &settings, fits)
    }

    /// Whether the division fits at all; swap's bytes, `/boot`'s bytes, and what the report says.
    fn sized(json: &str) -> (bool, u64, u64, Option<String>) {
        asked(json, |sizes, settings, fits| {
            let disk = settings.disk_size.value.unwrap().bytes();
            assert_eq!(sizes.least_of(0) <= disk, fits, "{json}: {} bytes", sizes.least_of(0));
            let swap = sizes.groups[0].bytes_of(2, DEFAULT_EXTENT);
            (fits, swap, sizes.requests[0][1].size, sizes.thrift.note())
        })
    }

    #[test]
    fn only_the_partition_without_a_size_takes_what_its_group_lacks() {
        let json = r#"{"disk_size": "20G",
            "partitions": [{"volume_group": "a", "size": "2G", "grow": true}, {"volume_group": "a"}],
            "volume_groups": [{"name": "a", "volumes": [{"name": "r", "mount_point": "/", "size": "3G"}]}]}"#;
        let sizes =
            asked(json, |sizes, _, _| sizes.requests[0].iter().map(|one| one.size).collect::<Vec<_>>());
        // An extent of the first goes to its label and metadata.
        assert_eq!(sizes, [1 << 20, 2 * GIB, GIB + DEFAULT_EXTENT + (1 << 20)]);
    }

    #[test]
    fn a_disk_with_room_for_all_leaves_sizes_alone() {
        let (fits, swap, boot, note) = sized(r#"{"disk_size": "10G", "memory": "1G"}"#);
        assert!(fits && swap == GIB && boot > GIB && note.is_none(), "{swap} {boot} {note:?}");
    }

    #[test]
    fn swap_gives_way_first_then_spare_room() {
        let (fits, swap, boot, note) = sized(r#"{"disk_size": "2560M", "memory": "1G"}"#);
        assert!(fits && swap > LEAST_SWAP && swap < GIB && boot > GIB, "{swap} {boot}");
        assert!(note.unwrap().contains("swap areas have at most"));
        let (fits, swap, boot, note) = sized(r#"{"disk_size": "1152M", "memory": "1G"}"#);
        assert!(fits && swap >= LEAST_SWAP && boot < GIB, "{swap} {boot}");
        assert!(note.unwrap().contains("quarters of the usual spare room"));
    }

    #[test]
    fn a_swap_size_that_is_asked_for_does_not_give_way() {
        let (fits, swap, ..) = sized(r#"{"disk_size": "1536M", "swap_size": "1G"}"#);
        assert!(fits && swap == GIB);
    }

    #[test]
    fn a_disk_too_small_for_the_least_sizes_is_told_before_edits() {
        assert!(!asked(r#"{"disk_size": "96M", "memory": "64M"}"#, |_, _, fits| fits));
    }
}
