//! What a resolved profile must fulfil before anything is laid out.

use super::plan::{role_of, volume_minimum};
use super::size::{MIB, TIB, quoted};
use super::{
    BootPolicy, ByteSize, FileSystemKind, Firmware, Origin, PartitionRequest, PartitionRole, SectorSize,
    Setting, Settings, TableKind,
};
use crate::{Error, ErrorKind};

/// All problems of the settings, in the order of their fields.
pub(super) fn settings_problems(settings: &Settings) -> Vec<Error> {
    let mut problems = Problems(Vec::new());
    text_problems(settings, &mut problems);
    machine_problems(settings, &mut problems);
    super::check_guest::guest_problems(settings, &mut problems);
    super::check_disks::disk_problems(settings, &mut problems);
    super::check_lvm::group_problems(settings, &mut problems);
    if settings.table_origin().is_explicit() {
        super::check_disks::swap_problems(settings, &mut problems);
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

pub(super) fn check_sectors(
    size: ByteSize,
    sector: SectorSize,
    origin: Origin,
    field: &str,
    problems: &mut Problems,
) {
    if !size.bytes().is_multiple_of(sector.bytes()) {
        problems.invalid(
            origin,
            field,
            format!("{size} is not a whole number of sectors of {} bytes", sector.bytes()),
        );
    }
}

pub(super) fn check_least(size: ByteSize, least: u64, origin: Origin, field: &str, problems: &mut Problems) {
    if size.bytes() < least {
        let least = ByteSize::from_bytes(least);
        problems.invalid(origin, field, format!("{size} is below the least size, {least}"));
    }
}

pub(super) fn role_problems(
    settings: &Settings,
    table: TableKind,
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
        if table == TableKind::Mbr {
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

#[cfg(test)]
mod name_tests;
