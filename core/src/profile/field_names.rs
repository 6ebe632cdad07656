//! What fields are called where they were asked for: on the command line, in a request's document, in a profile.

use super::{Origin, Settings};
use crate::Error;

impl Settings {
    /// A refusal by a format or the tree, which names settings of the machine as [`crate::format::Machine`] and
    /// [`Profile`] do, with their fields as the user wrote them.
    pub(crate) fn as_written(&self, refusal: Error) -> Error {
        refusal.map_fields(&|field| {
            let top = field.split(['.', '[']).next().unwrap_or_default();
            let origin = match top {
                "hostname" => self.hostname.origin,
                "partitions" => self.partitions.origin,
                "further_disks" => self.further_disks.origin,
                "volume_groups" => self.volume_groups.origin,
                "lvm" => self.lvm.origin,
                "root" => self.root.origin,
                "users" => self.users.origin,
                "timezone" => self.timezone.origin,
                "keyboard" => self.keyboard.origin,
                "welcome_message" => self.welcome_message.origin,
                "nics" => self.nics.origin,
                "firewall" => self.firewall.origin,
                "selinux" => self.selinux.origin,
                "name" => self.name.origin,
                "memory" => self.memory.origin,
                "cpus" => self.cpus.origin,
                "firmware" => self.firmware.origin,
                "disk_size" => self.disk_size.origin,
                "sector_size" => self.sector_size.origin,
                "timestamp" => self.timestamp.origin,
                _ => return field,
            };
            Self::field(origin, &field)
        })
    }

    /// A field as its user wrote it: `--disk-size`, `diskSize`, `disk_size`.
    pub(super) fn field(origin: Origin, field: &str) -> String {
        match origin {
            Origin::Flag if field == "kernel_parameters" => "--kernel-parameter".into(),
            Origin::Flag => flag(field),
            Origin::Request => match field {
                "memory" => "memorySize".into(),
                "disk_size" => "diskSize".into(),
                "swap_size" => "swapSize".into(),
                "kernel_parameters" => "kernelParameters".into(),
                "partition_table" => "partitionTable".into(),
                other if other.starts_with("volume_groups") => groups_in_document(other),
                other if other.starts_with("further_disks") => disks_in_document(other),
                "welcome_message" => "welcomeMsg".into(),
                "firewall" => "firewallEnabled".into(),
                "selinux" => "seLinuxMode".into(),
                other => match other.strip_prefix("root.") {
                    Some(below) => format!("rootUser.{}", in_document(below)),
                    None if other.starts_with("users[") || other.starts_with("nics[") => in_document(other),
                    None => other.into(),
                },
            },
            Origin::Machine => format!("machine report, {field}"),
            Origin::Tree => format!("fstab, {field}"),
            Origin::Profile | Origin::Default => field.into(),
        }
    }
}

/// `volume_groups[0].volumes[1].mount_point`: groups and volumes stand apart in the document.
fn groups_in_document(field: &str) -> String {
    let below = field.strip_prefix("volume_groups").unwrap_or(field);
    let (group, below) = below.split_once('.').unwrap_or((below, ""));
    if group.is_empty() {
        return "partitionTable.logicalGroups".into();
    }
    let Some(volume) = below.strip_prefix("volumes[") else {
        return match below {
            "" => format!("partitionTable.logicalGroups.logicalGroup{group}"),
            "volumes" => format!("partitionTable.logicalVolumes (of logicalGroup{group})"),
            _ => format!("partitionTable.logicalGroups.logicalGroup{group}.{below}"),
        };
    };
    let (number, name) = volume.split_once("].").unwrap_or((volume.trim_end_matches(']'), ""));
    let name = content_in_document(name);
    let dot = if name.is_empty() { "" } else { "." };
    format!("partitionTable.logicalVolumes (volume[{number}] of logicalGroup{group}){dot}{name}")
}

/// `further_disks[0].partitions[1].mount_point`: the document has all disks in one list.
fn disks_in_document(field: &str) -> String {
    let below = field.strip_prefix("further_disks[").unwrap_or_default();
    let Some((number, below)) = below.split_once(']') else { return "partitionTable.disks".into() };
    let number = number.parse::<usize>().unwrap_or_default().saturating_add(1);
    let disk = format!("partitionTable.disks.disk[{number}]");
    let below = below.strip_prefix('.').unwrap_or(below);
    let Some(partition) = below.strip_prefix("partitions[") else {
        return match below {
            "" => disk,
            "partition_table" => format!("{disk}.partitionType"),
            other => format!("{disk}.{other}"),
        };
    };
    let (number, name) = partition.split_once("].").unwrap_or((partition.trim_end_matches(']'), ""));
    let dot = if name.is_empty() { "" } else { "." };
    format!("{disk}.partitions.partition[{number}]{dot}{}", content_in_document(name))
}

/// The names of what stands in a partition or logical volume.
fn content_in_document(name: &str) -> &str {
    match name {
        "mount_point" => "mpoint",
        "file_system" => "fstype",
        "grow" => "growable",
        other => other,
    }
}

/// `--disk-size`, `--root-password-file`; of a list the option that gives its items, of an item the rest in words:
/// `--user [0] shell`.
fn flag(field: &str) -> String {
    let words = |rest: &str| rest.replace('.', " ").replace('_', "-");
    let lists = [
        ("users", "--user"),
        ("nics", "--nic"),
        ("partitions", "--partition"),
        ("further_disks", "--further-disk"),
        ("volume_groups", "--volume"),
    ];
    for (name, flag) in lists {
        match field.strip_prefix(name) {
            Some("") => return flag.into(),
            Some(rest) if !rest.starts_with('[') => {}
            Some(rest) if name == "volume_groups" => return flag_of_group(rest),
            Some(rest) => return format!("{flag} {}", words(rest)),
            None => {}
        }
    }
    match field {
        "root.authorized_keys" => "--root-ssh-key-file".into(),
        "root.password" => "--root-password-file".into(),
        "welcome_message" => "--welcome-message-file".into(),
        _ => format!("--{}", words(field).replace(' ', "-")),
    }
}

/// `[0].volumes[1].size`: options give volumes, and with them their groups.
fn flag_of_group(rest: &str) -> String {
    let (group, below) = rest.split_once('.').unwrap_or((rest, ""));
    if below == "extent_size" {
        return format!("--extent-size of group {group}");
    }
    let Some((volume, name)) = below.strip_prefix("volumes").and_then(|below| below.split_once(']')) else {
        return format!("--volume of group {group} {}", below.replace('_', "-")).trim_end().to_owned();
    };
    let name = name.replace('.', " ").replace('_', "-");
    format!("--volume {volume}] of group {group}{name}")
}

/// The names of an account's and an interface's fields in the API's document.
fn in_document(field: &str) -> String {
    let names = [
        ("authorized_keys", "sshKeys"),
        ("disable_password_login", "disablePasswordLogin"),
        ("password_hash", "password"),
        ("full_name", "fullName"),
        ("primary_group", "primaryGroup"),
        (".groups", ".secondaryGroups"),
        (".home", ".homeDir"),
        (".uid", ".userId"),
        (".addresses", ".ipAddresses"),
        (".gateways", ".ipAddresses"),
        (".method", ".ipv4Method"),
    ];
    names.iter().fold(field.to_owned(), |field, (ours, theirs)| field.replace(ours, theirs))
}
