use diskwright_core::lvm::DEFAULT_EXTENT;
use diskwright_core::profile::{
    ByteSize, FileSystemKind, PartitionFlag, PartitionRequest, PartitionRole, Profile, SectorSize, TableKind,
    VolumeGroupRequest,
};
use diskwright_core::{Error, ErrorKind, Result};

use crate::read::kernel_parameters;
use crate::{
    Disk, DiskName, FileSystemName, InstallProfile, LogicalGroup, LogicalVolume, Partition, PartitionKind,
    PartitionTable, SelinuxMode,
};

impl InstallProfile {
    /// What `profile` says.
    ///
    /// The partition table kind GPT has no name in the schema and is left out: it is what absence means.
    ///
    /// # Errors
    /// `ErrorKind::Unsupported` naming every field of the profile that the schema cannot express.
    pub fn from_profile(profile: &Profile) -> Result<Self> {
        let mut writer = Writer::default();
        let written = writer.install_profile(profile);
        Error::collect(writer.problems)?;
        Ok(written)
    }

    /// What of `profile` the schema can express; a size that is no whole number of MiB is rounded up.
    pub fn of_profile(profile: &Profile) -> Self {
        Writer::default().install_profile(profile)
    }
}

/// Writes what can be written and collects what cannot.
#[derive(Default)]
pub(crate) struct Writer {
    problems: Vec<Error>,
}

impl Writer {
    fn install_profile(&mut self, profile: &Profile) -> InstallProfile {
        self.refuse_what_the_schema_lacks(profile);
        let partition_table = self.partition_table(profile);
        InstallProfile {
            disk_size: profile.disk_size.map(|size| self.mib("disk_size", size)),
            kernel_parameters: profile.kernel_parameters.as_deref().map(|list| self.kernel_parameters(list)),
            memory_size: profile.memory.map(|memory| self.mib("memory", memory)),
            partition_table,
            swap_size: profile.swap_size.map(|swap| self.mib("swap_size", swap)),
            firewall_enabled: profile.firewall,
            keyboard: profile.keyboard.as_deref().and_then(|keymap| self.keyboard(keymap)),
            nics: profile.nics.as_deref().map(|nics| self.nics(nics)),
            root_user: profile.root.as_ref().map(|root| self.root(root)),
            timezone: profile.timezone.clone(),
            users: profile.users.as_deref().map(|users| self.users(users)),
            welcome_message: profile.welcome_message.clone(),
            selinux_mode: profile.selinux.and_then(|mode| SelinuxMode::named(mode.name())),
            ..InstallProfile::default()
        }
    }

    fn refuse_what_the_schema_lacks(&mut self, profile: &Profile) {
        let stated = [
            ("name", profile.name.is_some()),
            ("cpus", profile.cpus.is_some()),
            ("firmware", profile.firmware.is_some()),
            ("boot", profile.boot.is_some()),
            ("hostname", profile.hostname.is_some()),
            ("lvm", profile.lvm.is_some()),
            ("spare", profile.spare.is_some()),
            ("identity", profile.identity.is_some()),
            ("seed", profile.seed.is_some()),
            ("timestamp", profile.timestamp.is_some()),
        ];
        for (field, is_stated) in stated {
            if is_stated {
                self.refuse(field.into());
            }
        }
    }

    pub(crate) fn refuse(&mut self, field: String) {
        let error = Error::new(ErrorKind::Unsupported, "the image document cannot express it");
        self.problems.push(error.with_field(field));
    }

    fn mib(&mut self, field: &str, size: ByteSize) -> u64 {
        if !size.bytes().is_multiple_of(1 << 20) {
            self.refuse(field.into());
        }
        size.bytes().div_ceil(1 << 20)
    }

    fn kernel_parameters(&mut self, parameters: &[String]) -> String {
        let text = parameters.join(" ");
        if kernel_parameters(&text).as_deref() != Ok(parameters) {
            self.refuse("kernel_parameters".into());
        }
        text
    }

    fn partition_table(&mut self, profile: &Profile) -> Option<PartitionTable> {
        let is_mbr = profile.partition_table == Some(TableKind::Mbr);
        let further = profile.further_disks.as_deref().unwrap_or_default();
        let lists = profile.partitions.is_some() || profile.volume_groups.is_some() || !further.is_empty();
        if !lists && !is_mbr && profile.sector_size.is_none() {
            return None;
        }
        let block_size = profile.sector_size.and_then(|sector| i32::try_from(SectorSize::bytes(sector)).ok());
        let mut disks = vec![Disk {
            block_size,
            name: DiskName::nth(0),
            partitions: profile.partitions.as_ref().map(|list| self.partitions(0, list)),
            partition_kind: PartitionKind::named("MSDOS").filter(|_| is_mbr),
            size: profile.disk_size.map(|size| self.mib("disk_size", size)),
            ..Disk::default()
        }];
        for (number, disk) in (1..).zip(further) {
            let name = DiskName::nth(number);
            if name.is_none() {
                self.refuse(disk_place(number));
                break;
            }
            let is_mbr = disk.partition_table.map_or(is_mbr, |table| table == TableKind::Mbr);
            disks.push(Disk {
                block_size,
                name,
                partitions: Some(self.partitions(number, &disk.partitions)),
                partition_kind: PartitionKind::named("MSDOS").filter(|_| is_mbr),
                size: disk.size.map(|size| self.mib(&format!("{}.size", disk_place(number)), size)),
                ..Disk::default()
            });
        }
        let mut table = PartitionTable { disks: Some(disks), ..PartitionTable::default() };
        if let Some(groups) = &profile.volume_groups {
            self.volume_groups(profile, groups, &mut table);
        }
        Some(table)
    }

    fn partitions(&mut self, disk: usize, list: &[PartitionRequest]) -> Vec<Partition> {
        list.iter().enumerate().map(|(at, partition)| self.partition((disk, at), partition)).collect()
    }

    /// Groups name their partitions, and volumes their groups, by URIs that are true within the document.
    fn volume_groups(
        &mut self,
        profile: &Profile,
        groups: &[VolumeGroupRequest],
        table: &mut PartitionTable,
    ) {
        let first = profile.partitions.as_deref().unwrap_or_default();
        let further = profile.further_disks.iter().flatten().map(|disk| disk.partitions.as_slice());
        let disks = std::iter::once(first).chain(further).enumerate();
        let places: Vec<((usize, usize), &PartitionRequest)> = disks
            .flat_map(|(disk, list)| list.iter().enumerate().map(move |(at, one)| ((disk, at), one)))
            .collect();
        let (mut written, mut volumes) = (Vec::new(), Vec::new());
        for (at, group) in groups.iter().enumerate() {
            let place = |field: &str| format!("volume_groups[{at}].{field}");
            if group.extent_size.is_some_and(|size| size != ByteSize::from_bytes(DEFAULT_EXTENT)) {
                self.refuse(place("extent_size"));
            }
            let uri = format!("logicalGroups/{}", at.saturating_add(1));
            let members = places.iter().filter(|(_, p)| p.volume_group.as_ref() == Some(&group.name));
            written.push(LogicalGroup {
                name: Some(group.name.clone()),
                partition_uris: Some(members.map(|(at, _)| partition_uri(*at)).collect()),
                uri: Some(uri.clone()),
                ..LogicalGroup::default()
            });
            for (number, volume) in group.volumes.iter().enumerate() {
                let content = Partition {
                    file_system: volume.file_system.map(FileSystemName::from),
                    growable: volume.grow,
                    label: volume.label.clone(),
                    mount_point: volume.mount_point.clone(),
                    name: Some(volume.name.clone()),
                    size: volume.size.map(|size| self.mib(&place(&format!("volumes[{number}].size")), size)),
                    ..Partition::default()
                };
                volumes.push(LogicalVolume {
                    group_uri: Some(uri.clone()),
                    name: Some(volume.name.clone()),
                    volumes: Some(vec![content]),
                    ..LogicalVolume::default()
                });
            }
        }
        table.logical_groups = Some(written);
        table.logical_volumes = Some(volumes);
    }

    fn partition(&mut self, (disk, at): (usize, usize), partition: &PartitionRequest) -> Partition {
        let place = |field: &str| match disk {
            0 => format!("partitions[{at}].{field}"),
            _ => format!("{}.partitions[{at}].{field}", disk_place(disk)),
        };
        let mbr_boot = match partition.flags.as_deref() {
            None | Some([]) => None,
            Some([PartitionFlag::Active]) => Some(true),
            Some(_) => {
                self.refuse(place("flags"));
                None
            }
        };
        if partition.volume_group.is_some() {
            return Partition {
                file_system: FileSystemName::named("lvm2"),
                growable: partition.grow,
                name: Some(number(at)),
                size: partition.size.map(|size| self.mib(&place("size"), size)),
                uri: Some(partition_uri((disk, at))),
                mbr_boot,
                ..Partition::default()
            };
        }
        let Ok(file_system) = file_system(partition) else {
            self.refuse(place("role"));
            return Partition { name: Some(number(at)), ..Partition::default() };
        };
        Partition {
            file_system: file_system.map(FileSystemName::from),
            growable: partition.grow,
            label: partition.label.clone(),
            mount_point: partition.mount_point.clone(),
            name: Some(number(at)),
            size: partition.size.map(|size| self.mib(&place("size"), size)),
            mbr_boot,
            ..Partition::default()
        }
    }
}

/// By which a group of the same document names a partition of a disk.
fn partition_uri((disk, at): (usize, usize)) -> String {
    match disk {
        0 => format!("partitions/{}", number(at)),
        _ => format!("disks/{}/partitions/{}", number(disk), number(at)),
    }
}

/// What a profile calls a disk; the first has no name there.
fn disk_place(disk: usize) -> String {
    format!("further_disks[{}]", disk.saturating_sub(1))
}

fn number(at: usize) -> String {
    at.saturating_add(1).to_string()
}

/// The file system from which a reader infers the same role; an error where there is none.
fn file_system(partition: &PartitionRequest) -> Result<Option<FileSystemKind>, ()> {
    let at_esp = matches!(partition.mount_point.as_deref(), Some("/boot/efi" | "/efi"));
    match (partition.role, partition.file_system) {
        (Some(PartitionRole::Data), Some(FileSystemKind::Fat32)) if at_esp => Err(()),
        (None | Some(PartitionRole::Data), kind) => Ok(kind),
        (Some(PartitionRole::Swap), _) => Ok(Some(FileSystemKind::Swap)),
        (Some(PartitionRole::Esp), _) if at_esp => Ok(Some(FileSystemKind::Fat32)),
        (Some(PartitionRole::Esp | PartitionRole::BiosBoot | PartitionRole::Lvm), _) => Err(()),
    }
}
