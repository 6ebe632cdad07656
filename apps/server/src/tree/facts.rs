use diskwright::Result;
use diskwright::engine::Report;
use diskwright::guest::OsRelease;
use diskwright::profile::{
    ByteSize, FileSystemKind, MachineOs, MachineReport, PartitionRequest, PartitionRole, Profile,
};
use diskwright_request::{DistributionName, InstallProfile, Keyboard};
use serde::{Deserialize, Serialize};

use super::bounded::{Bounded, Noted};

/// What a tree says of its machine beside the install profile: stored with the scan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Facts {
    /// What the machine report says, given or in the archive, with what the tree adds.
    pub(crate) machine: MachineReport,
    /// The distribution as the API calls it, if it or one that it derives from has a name there.
    pub(crate) distribution: Option<String>,
    /// `Europe/London`.
    pub(crate) time_zone: Option<String>,
    /// As X calls it.
    pub(crate) keyboard: Option<String>,
    /// Why its disk would boot under no firmware, a sentence each; none if it boots.
    pub(crate) obstacles: Vec<String>,
}

impl Facts {
    pub(super) fn new(
        noted: &Noted,
        source: &Bounded,
        report: &Report,
        machine: Option<MachineReport>,
    ) -> Result<Self> {
        let release = match noted.text(source, "etc/os-release")? {
            Some(text) => Some(text),
            None => noted.text(source, "usr/lib/os-release")?,
        };
        let release = release.map(|text| OsRelease::parse(text.as_bytes())).unwrap_or_default();
        let mut machine = machine.unwrap_or_default();
        let system = &report.machine.operating_system;
        let told = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        // The tree knows better than whoever wrote the report.
        let os = machine.os.take().unwrap_or_default();
        machine.os = Some(MachineOs {
            id: told(&system.id).or(os.id),
            version: told(&system.version).or(os.version),
            arch: told(&system.architecture).or(os.arch),
            other: os.other,
        });
        let names = std::iter::once(system.id.as_str()).chain(release.id_like.iter().map(String::as_str));
        let zone = match noted.text(source, "etc/timezone")? {
            Some(zone) => Some(zone.trim().to_owned()),
            None => noted.local_time.as_deref().and_then(zone_of_link),
        };
        Ok(Self {
            machine,
            distribution: names.filter_map(distribution).next(),
            time_zone: zone.filter(|zone| is_zone(zone)),
            keyboard: noted.text(source, "etc/default/keyboard")?.as_deref().and_then(layout),
            obstacles: obstacles(report),
        })
    }

    /// Name, version and architecture of the operating system.
    pub(super) fn distribution(&self) -> [String; 3] {
        let os = self.machine.os.clone().unwrap_or_default();
        let name = self.distribution.clone().or(os.id).unwrap_or_default();
        [name, os.version.unwrap_or_default(), os.arch.unwrap_or_default()]
    }

    /// The document of the scan's install profile.
    pub(crate) fn document(&self, profile: &Profile) -> InstallProfile {
        let seen = InstallProfile::of_machine(&self.machine);
        let document = InstallProfile::of_profile(profile);
        InstallProfile {
            // Left out where the disk of the partition table has it: clients read it here.
            disk_size: profile.disk_size.map(|size| size.bytes().div_ceil(1 << 20)),
            kernel_parameters: document.kernel_parameters.or(seen.kernel_parameters),
            keyboard: self.keyboard.as_deref().and_then(Keyboard::of_layout),
            nics: seen.nics,
            timezone: self.time_zone.clone(),
            ..document
        }
    }
}

/// The install profile of the disk that would be made if nothing else were asked for, without what booting adds by itself.
pub(super) fn profile(report: &Report) -> Profile {
    let settings = &report.profile;
    let disk = report.disks.first();
    let partitions = disk.map(|disk| {
        let with_files = disk.partitions.iter().filter_map(|partition| {
            let file_system = partition.file_system.as_ref()?;
            let kind = match file_system.kind.as_str() {
                "vfat" => FileSystemKind::Fat32,
                other => other.parse().ok()?,
            };
            let role: PartitionRole = partition.role.parse().ok()?;
            Some(PartitionRequest {
                mount_point: file_system.mount_point.clone(),
                role: Some(role),
                file_system: Some(kind),
                size: Some(ByteSize::from_bytes(partition.size)),
                label: Some(file_system.label.clone()).filter(|label| !label.is_empty()),
                ..PartitionRequest::default()
            })
        });
        with_files.collect()
    });
    Profile {
        memory: Some(settings.memory.value),
        disk_size: disk.map(|disk| ByteSize::from_bytes(disk.size)),
        swap_size: Some(settings.swap_size.value),
        sector_size: Some(settings.sector_size.value),
        partition_table: Some(settings.partition_table.value),
        partitions,
        kernel_parameters: Some(settings.kernel_parameters.value.clone()).filter(|list| !list.is_empty()),
        ..Profile::default()
    }
}

fn obstacles(report: &Report) -> Vec<String> {
    let told = report.warnings.iter().filter(|finding| finding.code == "does-not-boot");
    told.map(|finding| finding.text.clone()).collect()
}

fn distribution(id: &str) -> Option<String> {
    DistributionName::of_os(id).map(|name| name.name().to_owned())
}

fn zone_of_link(target: &[u8]) -> Option<String> {
    let target = std::str::from_utf8(target).ok()?;
    target.split_once("zoneinfo/").map(|(_, zone)| zone.to_owned())
}

fn is_zone(zone: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-' | b'+');
    (1..=64).contains(&zone.len()) && zone.bytes().all(allowed)
}

/// `XKBLAYOUT` of keyboard(5), the first of several.
fn layout(text: &str) -> Option<String> {
    let value = text.lines().find_map(|line| line.trim().strip_prefix("XKBLAYOUT="))?;
    let layout = value.trim_matches('"').split(',').next().unwrap_or_default();
    Some(layout.to_owned()).filter(|layout| !layout.is_empty() && layout.len() <= 32)
}
