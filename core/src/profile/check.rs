//! What a resolved profile must fulfil before anything is laid out.

use super::plan::{file_system_of, role_of, volume_minimum};
use super::size::{MIB, TIB, quoted};
use super::{
    BootPolicy, ByteSize, FileSystemKind, Firmware, Origin, PartitionFlag, PartitionRequest, PartitionRole,
    SectorSize, Setting, Settings, TableKind,
};
use crate::{Error, ErrorKind};

/// All problems of the settings, in the order of their fields.
pub(super) fn settings_problems(settings: &Settings) -> Vec<Error> {
    let mut problems = Problems(Vec::new());
    text_problems(settings, &mut problems);
    machine_problems(settings, &mut problems);
    super::check_guest::guest_problems(settings, &mut problems);
    disk_problems(settings, &mut problems);
    if let Some(list) = &settings.partitions.value {
        list_problems(settings, list, &mut problems);
    }
    super::check_lvm::group_problems(settings, &mut problems);
    if settings.table_origin().is_explicit() {
        swap_problems(settings, &mut problems);
    }
    problems.0
}

pub(super) struct Problems(Vec<Error>);

impl Problems {
    pub(super) fn invalid(&mut self, origin: Origin, field: &str, message: impl Into<String>) {
        self.push(ErrorKind::InvalidProfile, origin, field, message);
    }

    pub(super) fn push(&mut self, kind: ErrorKind, origin: Origin, field: &str, message: impl Into<String>) {
        self.0.push(Error::new(kind, message).with_field(Settings::field(origin, field)));
    }
}

fn text_problems(settings: &Settings, problems: &mut Problems) {
    if let Setting { value: Some(name), origin } = &settings.name
        && !is_file_name(name)
    {
        let message =
            format!("{} is not 1 to 64 letters, digits, dots, underscores and hyphens", quoted(name));
        problems.invalid(*origin, "name", message);
    }
    if let Setting { value: Some(hostname), origin } = &settings.hostname
        && !is_hostname(hostname)
    {
        let message = format!(
            "{} is not a host name: at most 64 letters, digits and hyphens, in parts joined by dots",
            quoted(hostname)
        );
        problems.invalid(*origin, "hostname", message);
    }
    if let Setting { value: Some(seed), origin } = &settings.seed
        && !(1..=256).contains(&seed.chars().count())
    {
        problems.invalid(*origin, "seed", "a seed has 1 to 256 characters");
    }
    let Setting { value: parameters, origin } = &settings.kernel_parameters;
    for parameter in parameters {
        if !is_kernel_parameter(parameter) {
            let message = format!(
                "{} is not one kernel parameter: printable ASCII without blanks outside of double quotes",
                quoted(parameter)
            );
            problems.invalid(*origin, "kernel_parameters", message);
        }
    }
    // The x86 kernel reads 2047 bytes; the tree's own parameters need a part of them.
    if parameters.iter().fold(0_usize, |sum, p| sum.saturating_add(p.len()).saturating_add(1)) > 1024 {
        problems.invalid(*origin, "kernel_parameters", "more than 1024 bytes of kernel parameters");
    }
}

fn machine_problems(settings: &Settings, problems: &mut Problems) {
    let Setting { value: memory, origin } = settings.memory;
    if !memory.bytes().is_multiple_of(MIB) {
        problems.invalid(origin, "memory", format!("{memory} is not a whole number of MiB"));
    } else if !(4 * MIB..=16 * TIB).contains(&memory.bytes()) {
        problems.invalid(origin, "memory", format!("{memory} is not between 4M and 16T"));
    }
    let Setting { value: cpus, origin } = settings.cpus;
    if !(1..=512).contains(&cpus) {
        problems.invalid(origin, "cpus", format!("{cpus} is not between 1 and 512"));
    }
    let Setting { value: firmware, origin } = settings.firmware;
    let demands_bios = matches!(firmware, Firmware::Bios | Firmware::Both);
    if demands_bios && settings.sector_size.value == SectorSize::Bytes4096 {
        let message = "a BIOS cannot boot from a disk with sectors of 4096 bytes: choose uefi, or 512";
        problems.push(ErrorKind::Unsupported, origin, "firmware", message);
    }
    if firmware != Firmware::Auto && settings.boot.value == BootPolicy::None {
        let field = Settings::field(settings.boot.origin, "boot");
        problems.invalid(origin, "firmware", format!("{firmware} is demanded, but {field} is none"));
    }
}

fn disk_problems(settings: &Settings, problems: &mut Problems) {
    let sector = settings.sector_size.value;
    if let Setting { value: Some(size), origin } = settings.disk_size {
        check_sectors(size, sector, origin, "disk_size", problems);
        let largest = match settings.partition_table.value {
            TableKind::Gpt => MAX_DISK,
            TableKind::Mbr => MAX_DISK.min(sector.bytes().saturating_mul(1 << 32)),
        };
        if size.bytes() < MIN_DISK {
            problems.invalid(origin, "disk_size", format!("{size} is below the least size of a disk, 16M"));
        } else if size.bytes() > largest {
            let table = settings.partition_table.value;
            let largest = ByteSize::from_bytes(largest);
            problems.invalid(
                origin,
                "disk_size",
                format!("{size} is more than {largest}, the limit with {table}"),
            );
        }
    }
    let Setting { value: swap, origin } = settings.swap_size;
    if swap != ByteSize::ZERO {
        check_sectors(swap, sector, origin, "swap_size", problems);
        check_least(swap, volume_minimum(PartitionRole::Swap, sector), origin, "swap_size", problems);
    }
    if let (Some(disk), false) = (settings.disk_size.value, settings.table_origin().is_explicit())
        && swap >= disk
    {
        let message = format!("{swap} of swap do not fit on a disk of {disk}");
        problems.push(ErrorKind::DoesNotFit, origin, "swap_size", message);
    }
    if let Setting { value: Some(spare), origin } = settings.spare
        && settings.disk_size.value.is_some_and(|disk| spare >= disk)
    {
        problems.push(ErrorKind::DoesNotFit, origin, "spare", format!("{spare} do not fit on the disk"));
    }
}

fn check_sectors(size: ByteSize, sector: SectorSize, origin: Origin, field: &str, problems: &mut Problems) {
    if !size.bytes().is_multiple_of(sector.bytes()) {
        problems.invalid(
            origin,
            field,
            format!("{size} is not a whole number of sectors of {} bytes", sector.bytes()),
        );
    }
}

fn check_least(size: ByteSize, least: u64, origin: Origin, field: &str, problems: &mut Problems) {
    if size.bytes() < least {
        let least = ByteSize::from_bytes(least);
        problems.invalid(origin, field, format!("{size} is below the least size, {least}"));
    }
}

/// Problems of a custom partition list.
fn list_problems(settings: &Settings, list: &[PartitionRequest], problems: &mut Problems) {
    let origin = settings.table_origin();
    for (at, partition) in list.iter().enumerate() {
        let field = |name: &str| format!("partitions[{at}].{name}");
        role_problems(settings, partition, &field, problems);
        size_problems(settings, partition, &field, problems);
        if let Some(label) = &partition.label
            && let Err(message) = check_label(file_system_of(partition), label)
        {
            problems.invalid(origin, &field("label"), message);
        }
        flag_problems(settings, partition, &field, problems);
        if let Some(mount_point) = &partition.mount_point {
            let earlier = list.iter().take(at).position(|p| p.mount_point.as_ref() == Some(mount_point));
            if let Err(message) = check_mount_point(mount_point) {
                problems.invalid(origin, &field("mount_point"), message);
            } else if let Some(earlier) = earlier {
                let message = format!("{} is also that of partitions[{earlier}]", quoted(mount_point));
                problems.invalid(origin, &field("mount_point"), message);
            }
        }
    }
    let groups = settings.volume_groups.value.iter().flatten();
    let volumes = groups.flat_map(|group| &group.volumes).map(|volume| &volume.mount_point);
    let mut mount_points = list.iter().map(|partition| &partition.mount_point).chain(volumes);
    if !mount_points.any(|mount_point| mount_point.as_deref() == Some("/")) {
        problems.invalid(origin, "partitions", "none has the mount point /");
    }
    for role in [PartitionRole::Esp, PartitionRole::BiosBoot] {
        let mut of_role = list.iter().enumerate().filter(|(_, p)| role_of(p) == role).skip(1);
        if let Some((at, _)) = of_role.next() {
            problems.invalid(origin, &format!("partitions[{at}].role"), format!("a second {role} partition"));
        }
    }
    let mut growing = list.iter().enumerate().filter(|(_, p)| p.grow == Some(true)).skip(1);
    if let Some((at, _)) = growing.next() {
        problems.invalid(
            origin,
            &format!("partitions[{at}].grow"),
            "only one partition can take the rest of the disk",
        );
    }
    let mut active = list.iter().enumerate().filter(|(_, p)| has_flag(p, PartitionFlag::Active)).skip(1);
    if let Some((at, _)) = active.next() {
        problems.invalid(origin, &format!("partitions[{at}].flags"), "only one partition can be active");
    }
    sum_problems(settings, list, problems);
}

pub(super) fn role_problems(
    settings: &Settings,
    partition: &PartitionRequest,
    field: &dyn Fn(&str) -> String,
    problems: &mut Problems,
) {
    let origin = settings.table_origin();
    let role = role_of(partition);
    let file_system = partition.file_system;
    let fits = match (role, file_system) {
        (_, None) => true,
        (PartitionRole::Data, Some(FileSystemKind::Fat32)) => partition.mount_point.as_deref() != Some("/"),
        (PartitionRole::Data, Some(kind)) => kind.is_ext(),
        (PartitionRole::Swap, Some(kind)) => kind == FileSystemKind::Swap,
        (PartitionRole::Esp, Some(kind)) => kind == FileSystemKind::Fat32,
        (PartitionRole::BiosBoot | PartitionRole::Lvm, Some(_)) => false,
    };
    if let (false, Some(kind)) = (fits, file_system) {
        let what = if partition.mount_point.as_deref() == Some("/") { "root" } else { role.name() };
        problems.invalid(origin, &field("file_system"), format!("a {what} partition cannot hold {kind}"));
    }
    match (role, &partition.mount_point) {
        (PartitionRole::Data, None) => {
            problems.invalid(origin, &field("mount_point"), "a file system needs a mount point");
        }
        (PartitionRole::Swap | PartitionRole::BiosBoot | PartitionRole::Lvm, Some(_)) => {
            problems.invalid(origin, &field("mount_point"), format!("a {role} partition has no mount point"));
        }
        (PartitionRole::Esp, Some(mount_point)) if mount_point == "/" => {
            problems.invalid(
                origin,
                &field("role"),
                "the root file system cannot be the EFI system partition",
            );
        }
        _ => {}
    }
    if role == PartitionRole::BiosBoot {
        if settings.partition_table.value == TableKind::Mbr {
            let message =
                "an MBR disk has no BIOS boot partition: the loader stands before the first partition";
            problems.invalid(origin, &field("role"), message);
        } else if settings.sector_size.value == SectorSize::Bytes4096 {
            let message = "a BIOS cannot boot from a disk with sectors of 4096 bytes";
            problems.push(ErrorKind::Unsupported, origin, &field("role"), message);
        }
    }
}

pub(super) fn size_problems(
    settings: &Settings,
    partition: &PartitionRequest,
    field: &dyn Fn(&str) -> String,
    problems: &mut Problems,
) {
    let origin = settings.table_origin();
    let role = role_of(partition);
    let sector = settings.sector_size.value;
    if let Some(size) = partition.size {
        check_sectors(size, sector, origin, &field("size"), problems);
        let least = match partition.file_system {
            Some(FileSystemKind::Fat32) => volume_minimum(PartitionRole::Esp, sector),
            _ => volume_minimum(role, sector),
        };
        check_least(size, least, origin, &field("size"), problems);
    }
    if partition.grow == Some(true) && !matches!(role, PartitionRole::Data | PartitionRole::Lvm) {
        problems.invalid(
            origin,
            &field("grow"),
            format!("a {role} partition cannot take the rest of the disk"),
        );
    }
    let dropped = settings.swap_size.origin < origin;
    let no_swap_size = settings.swap_size.value == ByteSize::ZERO && !dropped;
    if role == PartitionRole::Swap && partition.size.is_none() && no_swap_size {
        problems.invalid(origin, &field("size"), "a swap partition needs a size, here or as swap_size");
    }
}

fn flag_problems(
    settings: &Settings,
    partition: &PartitionRequest,
    field: &dyn Fn(&str) -> String,
    problems: &mut Problems,
) {
    let origin = settings.table_origin();
    let table = settings.partition_table.value;
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
fn sum_problems(settings: &Settings, list: &[PartitionRequest], problems: &mut Problems) {
    let origin = settings.table_origin();
    let most = match settings.partition_table.value {
        TableKind::Gpt => MAX_GPT_LISTED,
        TableKind::Mbr => MAX_MBR_LISTED,
    };
    if list.len() > most {
        let table = settings.partition_table.value;
        problems.invalid(
            origin,
            "partitions",
            format!("{} are more than the {most} of a {table} disk", list.len()),
        );
    }
    let Some(disk) = settings.disk_size.value else { return };
    let sector = settings.sector_size.value;
    let least = |partition: &PartitionRequest| match partition.size {
        Some(size) => size.bytes(),
        None => volume_minimum(role_of(partition), sector),
    };
    let sum = list.iter().fold(0_u64, |sum, partition| sum.saturating_add(least(partition)));
    // The first MiB and, with GPT, the backup table at the end.
    if sum.saturating_add(2 * MIB) > disk.bytes() {
        let message =
            format!("{} and the partition table do not fit on a disk of {disk}", ByteSize::from_bytes(sum));
        problems.push(ErrorKind::DoesNotFit, origin, "partitions", message);
    }
}

/// A swap size beside a list: it is that of the one swap partition without its own.
fn swap_problems(settings: &Settings, problems: &mut Problems) {
    let Setting { value: swap, origin } = settings.swap_size;
    if !origin.is_explicit() {
        return;
    }
    let list = settings.partitions.value.iter().flatten().enumerate();
    let partitions = list
        .filter(|(_, partition)| role_of(partition) == PartitionRole::Swap)
        .map(|(at, partition)| (format!("partitions[{at}]"), partition.size));
    let groups = settings.volume_groups.value.iter().flatten().flat_map(|group| {
        let swaps = group.volumes.iter().filter(|v| v.file_system == Some(FileSystemKind::Swap));
        swaps.map(|volume| (format!("volume {}/{}", group.name, volume.name), volume.size))
    });
    let swaps: Vec<(String, Option<ByteSize>)> = partitions.chain(groups).collect();
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

/// Whether a file system can have the label; the error says why not.
pub(super) fn check_label(file_system: Option<FileSystemKind>, label: &str) -> Result<(), String> {
    if label.is_empty() || label.chars().any(char::is_control) {
        return Err(format!("{} is empty or has control characters", quoted(label)));
    }
    let most = match file_system {
        None => return Err("a bios-boot partition has no file system to label".into()),
        Some(FileSystemKind::Fat32) => 11,
        Some(FileSystemKind::Swap) => 15,
        Some(_) => 16,
    };
    if label.len() > most {
        return Err(format!("{} has more than {most} bytes", quoted(label)));
    }
    let of_fat = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || " $%'-_@~`!(){}^#&".contains(c);
    if file_system == Some(FileSystemKind::Fat32) && (!label.chars().all(of_fat) || label.starts_with(' ')) {
        return Err(format!(
            "{} has characters that a FAT label cannot have: use capitals and digits",
            quoted(label)
        ));
    }
    Ok(())
}

pub(crate) fn check_mount_point(path: &str) -> Result<(), String> {
    if path == "/" {
        return Ok(());
    }
    let Some(below) = path.strip_prefix('/') else {
        return Err(format!("{} is not an absolute path", quoted(path)));
    };
    if path.len() > 255 || path.chars().any(char::is_control) {
        return Err(format!("{} is longer than 255 bytes or has control characters", quoted(path)));
    }
    if below.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(format!("{} has empty or relative parts", quoted(path)));
    }
    let top = below.split('/').next().unwrap_or_default();
    if matches!(top, "proc" | "sys" | "dev" | "run") {
        return Err(format!("{} is the kernel's, not a disk's", quoted(path)));
    }
    // Without these the system cannot come so far as to read its fstab.
    if matches!(below, "etc" | "bin" | "sbin" | "lib" | "lib64") {
        return Err(format!("{} must stand on the root file system", quoted(path)));
    }
    Ok(())
}

fn is_file_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=64).contains(&name.len()) && name.bytes().all(allowed)
}

fn is_hostname(name: &str) -> bool {
    let part = |part: &str| {
        (1..=63).contains(&part.len())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    name.len() <= 64 && name.split('.').all(part)
}

fn is_kernel_parameter(parameter: &str) -> bool {
    let mut in_quotes = false;
    for byte in parameter.bytes() {
        match byte {
            b'"' => in_quotes = !in_quotes,
            b' ' if in_quotes => {}
            0x21..=0x7e => {}
            _ => return false,
        }
    }
    !parameter.is_empty() && !in_quotes
}

const MIN_DISK: u64 = 16 * MIB;
const MAX_DISK: u64 = 64 * TIB;
/// 128 table entries, less those that booting and swap may add.
const MAX_GPT_LISTED: usize = 125;
/// Four primary places, one of them extended; logical ones are numbered as far as fdisk and sfdisk read them.
const MAX_MBR_LISTED: usize = 57;

#[cfg(test)]
mod name_tests;
