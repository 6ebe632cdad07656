use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::size::quoted;
use super::{
    BootPolicy, ByteSize, DiskRequest, FileSystemKind, Firmware, IdentityPolicy, LogicalVolumeRequest,
    LvmPolicy, NicRequest, PartitionFlag, PartitionRole, RootAccount, RouteRequest, SectorSize, SelinuxMode,
    TableKind, UserAccount, VolumeGroupRequest,
};
use crate::{Error, ErrorKind, Result, Seed};

/// What somebody asks of the new machine: a profile file, a request, or command line flags.
///
/// Every field may be absent; what is absent is taken from the next layer (see [`super::Settings::resolve`]).
/// Its JSON form is described by `docs/profile.schema.json`; unknown fields are refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Name of the machine and of the files made: `[A-Za-z0-9._-]{1,64}`. Default: from the scan's file name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Memory of the machine: whole MiB, 4 MiB to 16 TiB. Default: 1 GiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<ByteSize>,
    /// Number of CPUs: 1 to 512. Default: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus: Option<u32>,
    /// Exact size of the first disk, from which the machine starts: whole sectors, 16 MiB to 64 TiB. Default: fitted to the tree, with spare room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_size: Option<ByteSize>,
    /// Size of the swap partition; zero means none. Default: none, unless the tree's fstab names a swap partition, and
    /// the profile lists neither partitions of the first disk nor groups nor a swap partition elsewhere: then as much as
    /// the memory, at most 8 GiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swap_size: Option<ByteSize>,
    /// Bytes of a logical sector: 512 or 4096. Default: 512.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sector_size: Option<SectorSize>,
    /// Firmware under which the disk must boot: `auto`, `bios`, `uefi` or `both`. Default: `auto`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware: Option<Firmware>,
    /// What happens if it boots under none: `required`, `optional` or `none`. Default: `required`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<BootPolicy>,
    /// Kind of partition table of the first disk: `gpt` or `mbr`. Default: `gpt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition_table: Option<TableKind>,
    /// All partitions of the first disk, in disk order, in place of the usual ones; the tree is split by their mount points.
    /// The partitions without which the disk could not boot are added where the list lacks them.
    /// Default: those that booting needs, swap, and one root file system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitions: Option<Vec<PartitionRequest>>,
    /// Disks beside the first, at most 14: the tree is split by the mount points of all. The first disk stays as it is, less
    /// what they hold. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub further_disks: Option<Vec<DiskRequest>>,
    /// Volume groups with their logical volumes, on partitions of one disk or of several. One that no partition listed is
    /// for gets one, behind the others of the first disk.
    /// Default: none where partitions of the first disk are listed or another disk has the root, else those on which the
    /// tree has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_groups: Option<Vec<VolumeGroupRequest>>,
    /// What becomes of volume groups: `keep`, or `flatten` for partitions in their place. Default: `keep`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lvm: Option<LvmPolicy>,
    /// Parameters added to the kernel's command line in every boot entry, one a list item. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_parameters: Option<Vec<String>>,
    /// Host name written into the tree: at most 64 characters, letters, digits, `-`, parts joined by dots.
    /// Default: the tree's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// What becomes of the root account. Default: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<RootAccount>,
    /// Users to make or to change, at most 100. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<Vec<UserAccount>>,
    /// Time zone, a name below the tree's `/usr/share/zoneinfo`: `Europe/Paris`. Default: the tree's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// Keyboard, a console keymap's name: `us`, `uk`, `de-latin1`. Default: the tree's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyboard: Option<String>,
    /// Text shown after a login (`/etc/motd`): at most 64 KiB. Default: the tree's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub welcome_message: Option<String>,
    /// Network interfaces, in place of those that the tree configures; at most one. Default: the tree's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nics: Option<Vec<NicRequest>>,
    /// Whether the tree's firewall service starts with the machine. Default: as the tree has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firewall: Option<bool>,
    /// Mode of SELinux: `enforcing`, `permissive` or `disabled`. Default: the tree's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selinux: Option<SelinuxMode>,
    /// Room left free on the root file system. Default: a quarter of its content, at least 1 GiB, where the disk's
    /// size is fitted; whatever is left where it is exact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spare: Option<ByteSize>,
    /// What becomes of the identifiers that the tree names, and of what else makes two machines one: `keep`, `new` or
    /// `clone`. Default: `keep`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<IdentityPolicy>,
    /// Text from which every new identifier is derived: 1 to 256 characters. Default: random, shown in the report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<String>,
    /// Creation time of everything made: seconds since 1970-01-01T00:00:00Z. Default: `SOURCE_DATE_EPOCH`, else now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<i64>,
}

/// One partition that a profile asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartitionRequest {
    /// Where the file system is mounted: an absolute path; needed for role `data`, possible for `esp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mount_point: Option<String>,
    /// `data`, `swap`, `esp`, `bios-boot` or `lvm`. Default: `lvm` with a `volume_group`, `swap` for the file system
    /// `swap`, `esp` for `fat32` at `/boot/efi` or `/efi`, else `data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<PartitionRole>,
    /// `ext4`, `ext3`, `ext2`, `fat32` or `swap`. Default: what the role demands, `ext4` for `data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_system: Option<FileSystemKind>,
    /// The volume group of which the partition is a physical volume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_group: Option<String>,
    /// Size: whole sectors; with `grow` the least size. Default: `data` as its content needs, with spare room; `swap`
    /// as the profile's `swap_size`; `esp` 512 MiB; `bios-boot` 1 MiB; `lvm` as the group's volumes need, which only one
    /// partition of a group can leave open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<ByteSize>,
    /// Whether it takes the rest of its disk; at most one of a disk does. Default, if it has no size and no other of the
    /// disk grows: the root file system or the group that has it; on a further disk without these the only one that can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grow: Option<bool>,
    /// Label of the file system: ext 16 bytes, swap 15 bytes, FAT 11 capital letters, digits and the like.
    /// Default: the one by which the tree's fstab names it, else none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Flags of the partition table entry. MBR: `active`. GPT: the others. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flags: Option<Vec<PartitionFlag>>,
}

impl Profile {
    /// Reads the JSON form, at most 1 MiB of it.
    ///
    /// # Errors
    /// All problems at once, each naming its field: `ErrorKind::InvalidProfile`; `ErrorKind::Unsupported` for a
    /// value that is known but cannot be honoured; `ErrorKind::LimitExceeded` for a longer document.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        if json.len() > MAX_DOCUMENT {
            return Err(Error::new(ErrorKind::LimitExceeded, "the profile is longer than 1 MiB"));
        }
        let first = match serde_json::from_slice(json) {
            Ok(profile) => return Ok(profile),
            Err(first) => first,
        };
        if let Ok(Value::Object(fields)) = serde_json::from_slice(json) {
            Error::collect(field_problems(fields))?;
        }
        Err(Error::new(ErrorKind::InvalidProfile, format!("the profile cannot be read: {first}")))
    }

    /// The same with the hash of every password in the place of the password, for a profile that is kept.
    ///
    /// # Errors
    /// As [`super::Secret::hashed`].
    pub fn with_hashed_passwords(mut self, seed: &Seed) -> Result<Self> {
        self.root = self.root.map(|root| root.with_hash(seed)).transpose()?;
        if let Some(users) = self.users {
            self.users = Some(users.into_iter().map(|user| user.with_hash(seed)).collect::<Result<_>>()?);
        }
        Ok(self)
    }

    /// The same without passwords and their hashes, for a profile that is shown.
    pub fn without_secrets(mut self) -> Self {
        if let Some(root) = &mut self.root {
            (root.password, root.password_hash) = (None, None);
        }
        for user in self.users.iter_mut().flatten() {
            (user.password, user.password_hash) = (None, None);
        }
        self
    }

    /// The JSON form, indented, with all secrets; absent fields are left out.
    pub fn to_json(&self) -> String {
        // OK to fall back: a plain struct with text keys always has a JSON form.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

/// What is wrong with each field by itself: serde stops at the first.
fn field_problems(fields: Map<String, Value>) -> Vec<Error> {
    let mut problems = Vec::new();
    for (name, value) in fields {
        match value {
            Value::Array(items) if name == "partitions" => {
                list_problems::<PartitionRequest>("partitions", items, &mut problems);
            }
            Value::Array(items) if name == "users" => {
                list_problems::<UserAccount>("users", items, &mut problems);
            }
            Value::Array(items) if name == "nics" => nic_problems(items, &mut problems),
            Value::Array(items) if name == "volume_groups" => {
                nested_problems::<VolumeGroupRequest, LogicalVolumeRequest>(
                    (&name, "volumes"),
                    items,
                    &mut problems,
                );
            }
            Value::Array(items) if name == "further_disks" => {
                nested_problems::<DiskRequest, PartitionRequest>((&name, "partitions"), items, &mut problems);
            }
            value @ Value::Object(_) if name == "root" => {
                item_problems::<RootAccount>("root", value, &mut problems);
            }
            value => try_field::<Profile>(&name, &name, value, &mut problems),
        }
    }
    problems
}

fn nic_problems(items: Vec<Value>, problems: &mut Vec<Error>) {
    for (at, mut item) in items.into_iter().enumerate() {
        let place = format!("nics[{at}]");
        let routes = item.as_object_mut().and_then(|fields| fields.remove("routes"));
        item_problems::<NicRequest>(&place, item, problems);
        match routes {
            Some(Value::Array(routes)) => {
                for (at, route) in routes.into_iter().enumerate() {
                    if let Err(error) = serde_json::from_value::<RouteRequest>(route) {
                        let place = format!("{place}.routes[{at}]");
                        problems.push(problem(&place, &error.to_string(), ErrorKind::InvalidProfile));
                    }
                }
            }
            Some(other) => try_field::<NicRequest>(&format!("{place}.routes"), "routes", other, problems),
            None => {}
        }
    }
}

/// Of a list whose items have lists themselves.
fn nested_problems<Outer: for<'de> Deserialize<'de>, Inner: for<'de> Deserialize<'de>>(
    (list, inner): (&str, &str),
    items: Vec<Value>,
    problems: &mut Vec<Error>,
) {
    for (at, mut item) in items.into_iter().enumerate() {
        let place = format!("{list}[{at}]");
        let nested = item.as_object_mut().and_then(|fields| fields.remove(inner));
        item_problems::<Outer>(&place, item, problems);
        match nested {
            Some(Value::Array(nested)) => {
                list_problems::<Inner>(&format!("{place}.{inner}"), nested, problems);
            }
            Some(other) => try_field::<Outer>(&format!("{place}.{inner}"), inner, other, problems),
            None => {}
        }
    }
}

fn list_problems<T: for<'de> Deserialize<'de>>(name: &str, items: Vec<Value>, problems: &mut Vec<Error>) {
    for (at, item) in items.into_iter().enumerate() {
        item_problems::<T>(&format!("{name}[{at}]"), item, problems);
    }
}

fn item_problems<T: for<'de> Deserialize<'de>>(place: &str, item: Value, problems: &mut Vec<Error>) {
    match item {
        Value::Object(fields) => {
            for (name, value) in fields {
                try_field::<T>(&format!("{place}.{name}"), &name, value, problems);
            }
        }
        other => {
            if let Err(error) = serde_json::from_value::<T>(other) {
                problems.push(problem(place, &error.to_string(), ErrorKind::InvalidProfile));
            }
        }
    }
}

/// Reads a document of this one field.
fn try_field<T: for<'de> Deserialize<'de>>(place: &str, name: &str, value: Value, problems: &mut Vec<Error>) {
    // A text that the type refuses is a wish that cannot be honoured; another JSON type is a mistake.
    let kind = match &value {
        Value::String(_) if VALUES_BY_NAME.contains(&name) => ErrorKind::Unsupported,
        _ => ErrorKind::InvalidProfile,
    };
    // What serde says of a wrong value has the value in it.
    if matches!(name, "password" | "password_hash") && !value.is_string() {
        problems.push(problem(place, "a text is expected", ErrorKind::InvalidProfile));
        return;
    }
    let mut document = Map::new();
    document.insert(name.to_owned(), value);
    if let Err(error) = serde_json::from_value::<T>(Value::Object(document)) {
        let message = error.to_string();
        if message.starts_with("unknown field") {
            problems.push(problem(place, "no such field", ErrorKind::InvalidProfile));
        } else {
            problems.push(problem(place, &message, kind));
        }
    }
}

fn problem(place: &str, message: &str, kind: ErrorKind) -> Error {
    // A field's name is input of any length.
    let field = if place.len() > 200 || place.chars().any(char::is_control) {
        quoted(place)
    } else {
        place.to_owned()
    };
    Error::new(kind, message).with_field(field)
}

/// Fields whose values are names from a list.
const VALUES_BY_NAME: [&str; 10] = [
    "file_system",
    "role",
    "firmware",
    "boot",
    "partition_table",
    "identity",
    "lvm",
    "sudo",
    "method",
    "selinux",
];

/// Longer than any sensible profile; a profile is read whole.
const MAX_DOCUMENT: usize = 1 << 20;
