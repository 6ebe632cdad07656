//! What a machine report, the settings of an order and the files of a tree say, as documents.

use diskwright_core::profile::{
    LvmPolicy, MachineDisk, MachineNic, MachineOs, MachinePartition, MachineReport, Profile, Settings,
};

use crate::{
    Architecture, Disk, DiskName, Distribution, DistributionName, FamilyName, FileSystemName, InstallProfile,
    Nic, NicKind, Partition, PartitionKind, PartitionTable,
};

impl InstallProfile {
    /// The settings in effect for an order: the whole of them, as far as the schema can express them.
    pub fn of_settings(settings: &Settings) -> Self {
        // The schema has no word for groups that become partitions.
        let groups = settings.volume_groups.value.clone();
        let is_shown = groups.is_none() || settings.lvm.value == LvmPolicy::Keep;
        Self::of_profile(&Profile {
            memory: Some(settings.memory.value),
            disk_size: settings.disk_size.value,
            swap_size: Some(settings.swap_size.value),
            sector_size: Some(settings.sector_size.value),
            partition_table: Some(settings.partition_table.value),
            partitions: settings.partitions.value.clone().filter(|_| is_shown),
            further_disks: Some(settings.further_disks.value.clone())
                .filter(|disks| is_shown && !disks.is_empty()),
            volume_groups: groups.filter(|_| is_shown),
            kernel_parameters: Some(settings.kernel_parameters.value.clone()).filter(|list| !list.is_empty()),
            ..Profile::default()
        })
    }

    /// What was seen of a scanned machine. Sizes are rounded up to whole MiB; disks after the sixth have no name.
    pub fn of_machine(machine: &MachineReport) -> Self {
        let swaps: Vec<u64> = machine
            .disks
            .iter()
            .flat_map(|disk| &disk.partitions)
            .filter(|partition| file_system(partition) == FileSystemName::named("linux-swap"))
            .filter_map(|partition| partition.size)
            .collect();
        let swap_size = swaps.iter().fold(0_u64, |sum, size| sum.saturating_add(*size));
        let disks: Vec<Disk> = machine.disks.iter().map(disk).collect();
        let root_disk = machine.root_disk().and_then(|disk| disk.size);
        Self {
            disk_size: root_disk.map(mib),
            kernel_parameters: machine.cmdline.as_deref().map(own_parameters).filter(|text| !text.is_empty()),
            memory_size: machine.memory_bytes.map(mib),
            nics: Some(machine.nics.iter().enumerate().map(nic).collect()),
            partition_table: (!disks.is_empty())
                .then(|| PartitionTable { disks: Some(disks), ..PartitionTable::default() }),
            swap_size: (!swaps.is_empty()).then(|| mib(swap_size)),
            ..Self::default()
        }
    }
}

impl Distribution {
    /// The operating system of a scanned machine; a name or architecture that the schema does not have stays absent.
    pub fn of_machine(os: &MachineOs) -> Self {
        Self::of_os(
            os.id.as_deref().unwrap_or_default(),
            os.version.as_deref().unwrap_or_default(),
            os.arch.as_deref().unwrap_or_default(),
        )
    }

    /// The operating system that `os-release` names so, on an architecture as the kernel or a package system names it;
    /// what is empty, or not in the schema, stays absent.
    pub fn of_os(id: &str, version: &str, arch: &str) -> Self {
        let name = DistributionName::of_os(id);
        let package_kind = name.and_then(|name| match name.name() {
            "Debian" | "Ubuntu" => Some("DEB"),
            "Windows" => None,
            _ => Some("RPM"),
        });
        let family = if name.is_some_and(|name| name.name() == "Windows") { "windows" } else { "linux" };
        Self {
            arch: Architecture::of_machine(arch),
            family: FamilyName::named(family),
            name,
            package_kind: package_kind.map(str::to_owned),
            version: Some(version.to_owned()).filter(|version| !version.is_empty()),
            ..Self::default()
        }
    }
}

fn mib(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 20)
}

fn disk(disk: &MachineDisk) -> Disk {
    let is_mbr = matches!(disk.table.as_deref(), Some("dos" | "mbr"));
    Disk {
        block_size: disk.sector_size.and_then(|bytes| i32::try_from(bytes).ok()),
        name: disk.name.as_deref().and_then(DiskName::named),
        partitions: Some(partitions(&disk.partitions, is_mbr)),
        partition_kind: PartitionKind::named("MSDOS").filter(|_| is_mbr),
        size: disk.size.map(mib),
        ..Disk::default()
    }
}

/// The partitions of a disk; on an MBR disk the logical ones stand in the extended one.
fn partitions(all: &[MachinePartition], is_mbr: bool) -> Vec<Partition> {
    let is_logical =
        |partition: &MachinePartition| is_mbr && partition.number.is_some_and(|number| number > 4);
    let has_extended = is_mbr && all.iter().any(is_extended);
    let mut shown = Vec::new();
    for one in all.iter().filter(|one| !has_extended || !is_logical(one)) {
        let mut partition = partition(one);
        if is_mbr && is_extended(one) {
            partition.file_system = FileSystemName::named("Extended");
            partition.logical_partitions =
                Some(all.iter().filter(|one| is_logical(one)).map(self::partition).collect());
        }
        shown.push(partition);
    }
    shown
}

fn partition(partition: &MachinePartition) -> Partition {
    Partition {
        file_system: file_system(partition),
        label: partition.fs.as_ref().and_then(|fs| fs.label.clone()),
        mount_point: partition.mount.clone(),
        name: partition.number.map(|number| number.to_string()),
        size: partition.size.map(mib),
        ..Partition::default()
    }
}

/// Type byte 05, 0F or 85, however it is written.
fn is_extended(partition: &MachinePartition) -> bool {
    let kind = partition.kind.as_deref().unwrap_or_default().to_ascii_lowercase();
    let digits = kind.strip_prefix("0x").unwrap_or(&kind).trim_start_matches('0');
    matches!(digits, "5" | "f" | "85")
}

fn file_system(partition: &MachinePartition) -> Option<FileSystemName> {
    partition.fs.as_ref()?.kind.as_deref().and_then(FileSystemName::of_type)
}

fn nic((at, nic): (usize, &MachineNic)) -> Nic {
    Nic {
        name: nic.name.clone(),
        kind: NicKind::named("ETHERNET"),
        order: i32::try_from(at.saturating_add(1)).ok(),
        ..Nic::default()
    }
}

/// The words of a command line that are not about where this one kernel and its root stood.
fn own_parameters(command_line: &str) -> String {
    let is_own = |word: &&str| {
        let name = word.split('=').next().unwrap_or_default();
        !matches!(name, "BOOT_IMAGE" | "initrd" | "ro" | "root" | "rw")
    };
    command_line.split_whitespace().filter(is_own).collect::<Vec<&str>>().join(" ")
}
