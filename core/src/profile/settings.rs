use serde::{Serialize, Serializer};

use super::check::settings_problems;
use super::layer_lists::{decides_swap, divides, have_swap, unused_lists};
use super::size::{GIB, MIB, quoted};
use super::{
    BootPolicy, ByteSize, DiskRequest, Firmware, FirmwareParts, IdentityPolicy, LvmPolicy, MachineReport,
    NicRequest, PartitionRequest, Profile, RootAccount, SectorSize, SelinuxMode, TableKind, UserAccount,
    VolumeGroupRequest,
};
use crate::lvm::LogicalVolumeName;
use crate::{Error, Result};

/// Where a setting's value comes from; the first that has it wins, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// A command line flag.
    Flag,
    /// The scan-image API's request.
    Request,
    /// A profile file.
    Profile,
    /// The machine report.
    Machine,
    /// The tree itself: fstab, boot configuration.
    Tree,
    /// Nobody asked.
    Default,
}

impl Origin {
    /// Whether a person asked for it, as opposed to a fact or a default.
    pub const fn is_explicit(self) -> bool {
        matches!(self, Self::Flag | Self::Request | Self::Profile)
    }
}

/// A profile and where it came from.
#[derive(Clone, Copy, Debug)]
pub struct Layer<'a> {
    /// [`Origin::Flag`], [`Origin::Request`] or [`Origin::Profile`]: it also chooses how errors name a field.
    pub origin: Origin,
    /// What it asks.
    pub profile: &'a Profile,
}

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Setting<T> {
    /// The value in effect.
    pub value: T,
    /// Who chose it.
    pub origin: Origin,
}

/// What resolution needs to know of the tree's own configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TreeFacts {
    /// File systems that fstab mounts from block devices, in its order.
    pub mounts: Vec<TreeMount>,
    /// Swap partitions (not files) that fstab or `resume=` names, in that order.
    pub swaps: Vec<TreeSwap>,
}

/// A file system that the tree's fstab mounts from a block device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TreeMount {
    /// Absolute path, without a slash at the end.
    pub mount_point: String,
    /// File system as fstab names it: `ext4`, `xfs`, `vfat`, `auto` …
    pub file_system: String,
    /// `UUID=`, as it is written there.
    pub uuid: Option<String>,
    /// `LABEL=`, as it is written there.
    pub label: Option<String>,
    /// The logical volume that fstab or, for the root, the boot configuration names; left out where the tree has none of
    /// its content, or no programs of LVM.
    pub logical_volume: Option<LogicalVolumeName>,
}

/// A swap partition that the tree names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TreeSwap {
    /// `UUID=`, as it is written there.
    pub uuid: Option<String>,
    /// `LABEL=`, as it is written there.
    pub label: Option<String>,
    /// The logical volume, where it is one.
    pub logical_volume: Option<LogicalVolumeName>,
}

/// The effective profile: every setting, with its origin; checked.
///
/// Its serialised form is what a report shows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Settings {
    /// Name of the machine; `None`: the caller derives one from the scan's file name.
    pub name: Setting<Option<String>>,
    /// Memory, in whole MiB.
    pub memory: Setting<ByteSize>,
    /// Number of CPUs.
    pub cpus: Setting<u32>,
    /// Exact size of the first disk; `None`: fitted to the tree by [`super::fitted_disk_size`].
    pub disk_size: Setting<Option<ByteSize>>,
    /// Size of the swap partition; zero: none.
    pub swap_size: Setting<ByteSize>,
    /// Bytes of a logical sector.
    pub sector_size: Setting<SectorSize>,
    /// Firmware under which the disk must boot.
    pub firmware: Setting<Firmware>,
    /// What happens if it boots under none.
    pub boot: Setting<BootPolicy>,
    /// Kind of partition table of the first disk.
    pub partition_table: Setting<TableKind>,
    /// The custom partition list of the first disk; `None`: the usual partitions.
    pub partitions: Setting<Option<Vec<PartitionRequest>>>,
    /// The disks beside the first.
    #[serde(skip_serializing_if = "has_none")]
    pub further_disks: Setting<Vec<DiskRequest>>,
    /// The volume groups that stand beside the lists.
    pub volume_groups: Setting<Option<Vec<VolumeGroupRequest>>>,
    /// What becomes of volume groups.
    pub lvm: Setting<LvmPolicy>,
    /// Parameters added to every boot entry.
    pub kernel_parameters: Setting<Vec<String>>,
    /// Host name to write; `None`: the tree's own stays.
    pub hostname: Setting<Option<String>>,
    /// What becomes of the root account; shown without its secrets.
    #[serde(serialize_with = "root_without_secrets")]
    pub root: Setting<Option<RootAccount>>,
    /// Users to make or change; shown without their secrets.
    #[serde(serialize_with = "users_without_secrets")]
    pub users: Setting<Vec<UserAccount>>,
    /// Time zone to set.
    pub timezone: Setting<Option<String>>,
    /// Keyboard to set.
    pub keyboard: Setting<Option<String>>,
    /// Text to show after a login.
    pub welcome_message: Setting<Option<String>>,
    /// Network interfaces in place of the tree's own.
    pub nics: Setting<Option<Vec<NicRequest>>>,
    /// Whether the firewall starts.
    pub firewall: Setting<Option<bool>>,
    /// Mode of SELinux.
    pub selinux: Setting<Option<SelinuxMode>>,
    /// Room to leave on the root file system; `None`: [`super::spare_room`] where the disk is fitted.
    pub spare: Setting<Option<ByteSize>>,
    /// What becomes of the tree's identifiers.
    pub identity: Setting<IdentityPolicy>,
    /// Text of the seed; `None`: the caller chooses one.
    pub seed: Setting<Option<String>>,
    /// Creation time, seconds since the epoch; `None`: the caller chooses one.
    pub timestamp: Setting<Option<i64>>,
    /// The firmware under which the scanned machine ran (`bios` or `uefi`): which one the new machine should offer
    /// where the disk boots under both.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scanned_firmware: Option<Firmware>,
    /// What was seen in the machine report and could not be used, a sentence each.
    #[serde(skip)]
    pub notes: Vec<String>,
    /// Lists that are not used, for an earlier layer says what the disks are divided into; a sentence for each layer.
    #[serde(skip)]
    pub unused_lists: Vec<String>,
    /// The tree's volumes, then those that only the machine report knows.
    #[serde(skip)]
    pub(super) volumes: Vec<TreeMount>,
    /// The tree's swap partitions, then those that only the machine report knows.
    #[serde(skip)]
    pub(super) swaps: Vec<TreeSwap>,
    /// Whether volume groups of the tree leave `/boot` to a partition, whatever it was on.
    #[serde(skip)]
    pub(super) boot_apart: bool,
}

impl Settings {
    /// Finds every setting in the first place that has it: `layers` in their order, machine report, tree, default.
    ///
    /// Sizes from a machine report are rounded up to whole MiB. Its firmware is never a demand.
    ///
    /// # Errors
    /// All problems at once, each naming its field in the terms of its layer: `ErrorKind::InvalidProfile`,
    /// `ErrorKind::Unsupported`, `ErrorKind::DoesNotFit` where stated sizes contradict each other.
    pub fn resolve(layers: &[Layer<'_>], machine: Option<&MachineReport>, tree: &TreeFacts) -> Result<Self> {
        let mut notes = machine.map(MachineReport::notes).unwrap_or_default();
        let reported = Reported::from(machine, &mut notes);
        let (volumes, swaps) = known_volumes(machine, tree);
        // Lists of partitions and the groups beside them are one thing: one layer has all.
        let table = layers.iter().find(|layer| divides(layer)).copied();
        let memory = first(layers, reported.memory, ByteSize::from_bytes(DEFAULT_MEMORY), |p| p.memory);
        let settings = Self {
            name: optional(layers, None, |p| p.name.clone()),
            cpus: first(layers, reported.cpus, 1, |p| p.cpus),
            disk_size: optional(layers, reported.disk_size, |p| p.disk_size),
            swap_size: swap_size(layers, table.as_ref(), &reported, tree, memory.value),
            sector_size: first(layers, reported.sector_size, SectorSize::Bytes512, |p| p.sector_size),
            firmware: first(layers, None, Firmware::Auto, |p| p.firmware),
            boot: first(layers, None, BootPolicy::Required, |p| p.boot),
            partition_table: first(layers, reported.table, TableKind::Gpt, |p| p.partition_table),
            partitions: optional(table.as_slice(), None, |p| p.partitions.clone()),
            further_disks: first(table.as_slice(), None, Vec::new(), |p| p.further_disks.clone()),
            volume_groups: optional(table.as_slice(), None, |p| p.volume_groups.clone()),
            lvm: first(layers, None, LvmPolicy::Keep, |p| p.lvm),
            kernel_parameters: first(layers, None, Vec::new(), |p| p.kernel_parameters.clone()),
            hostname: optional(layers, None, |p| p.hostname.clone()),
            root: optional(layers, None, |p| p.root.clone()),
            users: first(layers, None, Vec::new(), |p| p.users.clone()),
            timezone: optional(layers, None, |p| p.timezone.clone()),
            keyboard: optional(layers, None, |p| p.keyboard.clone()),
            welcome_message: optional(layers, None, |p| p.welcome_message.clone()),
            nics: optional(layers, None, |p| p.nics.clone()),
            firewall: optional(layers, None, |p| p.firewall),
            selinux: optional(layers, None, |p| p.selinux),
            spare: optional(layers, None, |p| p.spare),
            identity: first(layers, None, IdentityPolicy::Keep, |p| p.identity),
            seed: optional(layers, None, |p| p.seed.clone()),
            timestamp: optional(layers, None, |p| p.timestamp),
            scanned_firmware: reported.firmware,
            memory,
            notes,
            unused_lists: unused_lists(layers),
            volumes,
            swaps,
            boot_apart: false,
        };
        Error::collect(settings_problems(&settings))?;
        Ok(settings)
    }

    /// The firmwares for which the disk gets partitions and loaders, if those in `available` can be had.
    ///
    /// With `auto` whatever is available, without BIOS where sectors have 4096 bytes; with a demand what is demanded,
    /// available or not; with `--boot none` nothing.
    pub fn wanted_firmware(&self, available: FirmwareParts) -> FirmwareParts {
        if self.boot.value == BootPolicy::None {
            return FirmwareParts::default();
        }
        match self.firmware.value {
            Firmware::Auto => {
                let bios = available.bios && self.sector_size.value == SectorSize::Bytes512;
                FirmwareParts { bios, uefi: available.uefi }
            }
            Firmware::Bios => FirmwareParts { bios: true, uefi: false },
            Firmware::Uefi => FirmwareParts { bios: false, uefi: true },
            Firmware::Both => FirmwareParts { bios: true, uefi: true },
        }
    }

    /// The logical volume on which the tree has its root file system.
    pub(super) fn root_volume(&self) -> Option<&LogicalVolumeName> {
        let root = self.volumes.iter().find(|volume| volume.mount_point == "/")?;
        root.logical_volume.as_ref()
    }

    /// Lays nothing out as the tree's volume groups have it.
    pub(crate) fn forget_logical_volumes(&mut self) {
        self.volumes.iter_mut().for_each(|volume| volume.logical_volume = None);
        self.swaps.iter_mut().for_each(|swap| swap.logical_volume = None);
    }

    /// Gives `/boot` a partition of its own beside volume groups of the tree: the boot loader reads none.
    pub(crate) fn keep_boot_apart(&mut self) {
        self.boot_apart = true;
        let boot = self.volumes.iter_mut().find(|volume| volume.mount_point == "/boot");
        if let Some(boot) = boot {
            boot.logical_volume = None;
        }
    }

    /// Whether swap is where it usually is: no list says another place.
    pub(super) fn has_usual_swap(&self) -> bool {
        let groups = self.volume_groups.value.as_deref().unwrap_or_default();
        self.partitions.value.is_none() && groups.is_empty() && !have_swap(&self.further_disks.value)
    }

    /// Who gave the lists of partitions, and the groups beside them.
    pub(super) fn table_origin(&self) -> Origin {
        match self.partitions.value {
            Some(_) => self.partitions.origin,
            None if !self.further_disks.value.is_empty() => self.further_disks.origin,
            None => self.volume_groups.origin,
        }
    }
}

fn root_without_secrets<S: Serializer>(
    root: &Setting<Option<RootAccount>>,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    let value = root.value.as_ref().map(RootAccount::without_secrets);
    Setting { value, origin: root.origin }.serialize(serializer)
}

fn users_without_secrets<S: Serializer>(
    users: &Setting<Vec<UserAccount>>,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    let value: Vec<UserAccount> = users.value.iter().map(UserAccount::without_secrets).collect();
    Setting { value, origin: users.origin }.serialize(serializer)
}

/// What the machine report says about settings.
#[derive(Default)]
struct Reported {
    memory: Option<ByteSize>,
    cpus: Option<u32>,
    disk_size: Option<ByteSize>,
    swap_size: Option<ByteSize>,
    sector_size: Option<SectorSize>,
    table: Option<TableKind>,
    firmware: Option<Firmware>,
}

impl Reported {
    fn from(machine: Option<&MachineReport>, notes: &mut Vec<String>) -> Self {
        let Some(machine) = machine else { return Self::default() };
        let mut unused = |field: &str, value: &str| {
            notes.push(format!("machine report: {field} {} is not one that can be built", quoted(value)));
        };
        let disk = machine.root_disk();
        let sector_size = disk.and_then(|disk| disk.sector_size).and_then(|bytes| {
            let known = SectorSize::from_bytes(bytes).ok();
            if known.is_none() {
                unused("sector_size", &bytes.to_string());
            }
            known
        });
        let table = disk.and_then(|disk| disk.table.as_deref()).and_then(|table| match table {
            "gpt" => Some(TableKind::Gpt),
            "dos" | "mbr" => Some(TableKind::Mbr),
            other => {
                unused("table", other);
                None
            }
        });
        let firmware = machine.firmware.as_deref().and_then(|firmware| match firmware {
            "bios" => Some(Firmware::Bios),
            "uefi" | "efi" => Some(Firmware::Uefi),
            other => {
                unused("firmware", other);
                None
            }
        });
        let is_swap = |kind: Option<&str>| kind == Some("swap");
        let swap = machine.partitions().find(|p| is_swap(p.fs.as_ref().and_then(|fs| fs.kind.as_deref())));
        Self {
            memory: machine.memory_bytes.and_then(whole_mib),
            cpus: machine.cpus,
            disk_size: disk.and_then(|disk| disk.size).and_then(whole_mib),
            swap_size: swap.and_then(|partition| partition.size).and_then(whole_mib),
            sector_size,
            table,
            firmware,
        }
    }
}

fn has_none(further: &Setting<Vec<DiskRequest>>) -> bool {
    further.value.is_empty()
}

fn whole_mib(bytes: u64) -> Option<ByteSize> {
    bytes.checked_next_multiple_of(MIB).map(ByteSize::from_bytes)
}

/// The first layer's value, else the machine report's, else the default.
fn first<T>(
    layers: &[Layer<'_>],
    reported: Option<T>,
    default: T,
    field: impl Fn(&Profile) -> Option<T>,
) -> Setting<T> {
    for layer in layers {
        if let Some(value) = field(layer.profile) {
            return Setting { value, origin: layer.origin };
        }
    }
    match reported {
        Some(value) => Setting { value, origin: Origin::Machine },
        None => Setting { value: default, origin: Origin::Default },
    }
}

/// The same for settings that may be left open.
fn optional<T>(
    layers: &[Layer<'_>],
    reported: Option<T>,
    field: impl Fn(&Profile) -> Option<T>,
) -> Setting<Option<T>> {
    first(layers, reported.map(Some), None, |profile| field(profile).map(Some))
}

/// To what `table` says of swap facts and defaults add none.
fn swap_size(
    layers: &[Layer<'_>],
    table: Option<&Layer<'_>>,
    reported: &Reported,
    tree: &TreeFacts,
    memory: ByteSize,
) -> Setting<ByteSize> {
    let asked = first(layers, None, ByteSize::ZERO, |profile| profile.swap_size);
    if asked.origin.is_explicit() || table.is_some_and(decides_swap) {
        return asked;
    }
    if let Some(value) = reported.swap_size {
        return Setting { value, origin: Origin::Machine };
    }
    if tree.swaps.is_empty() {
        return asked;
    }
    Setting { value: memory.min(ByteSize::from_bytes(MAX_DEFAULT_SWAP)), origin: Origin::Tree }
}

/// What the tree names comes first: that is what must stay true.
fn known_volumes(machine: Option<&MachineReport>, tree: &TreeFacts) -> (Vec<TreeMount>, Vec<TreeSwap>) {
    let mut volumes = tree.mounts.clone();
    let mut swaps = tree.swaps.clone();
    for partition in machine.iter().flat_map(|machine| machine.partitions()) {
        let Some(fs) = &partition.fs else { continue };
        if fs.kind.as_deref() == Some("swap") {
            if swaps.is_empty() {
                swaps.push(TreeSwap {
                    uuid: fs.uuid.clone(),
                    label: fs.label.clone(),
                    ..TreeSwap::default()
                });
            } else if let [only] = swaps.as_mut_slice()
                && only.uuid.is_none()
            {
                only.uuid = fs.uuid.clone();
            }
        } else if let Some(mount_point) = &partition.mount {
            match volumes.iter_mut().find(|known| known.mount_point == *mount_point) {
                Some(known) => {
                    known.uuid = known.uuid.take().or_else(|| fs.uuid.clone());
                    known.label = known.label.take().or_else(|| fs.label.clone());
                }
                None => volumes.push(TreeMount {
                    mount_point: mount_point.clone(),
                    file_system: fs.kind.clone().unwrap_or_default(),
                    uuid: fs.uuid.clone(),
                    label: fs.label.clone(),
                    logical_volume: None,
                }),
            }
        }
    }
    (volumes, swaps)
}

const DEFAULT_MEMORY: u64 = GIB;
const MAX_DEFAULT_SWAP: u64 = 8 * GIB;
