use diskwright::profile::{
    ByteSize, DiskRequest, NicRequest, PartitionRequest, Profile, RootAccount, SelinuxMode, TableKind,
    UserAccount, VolumeGroupRequest,
};
use serde::Deserialize;

/// What a finished image is, read from its report: in the same way whether it was made just now or found after a crash.
#[derive(Debug, Deserialize)]
pub(crate) struct Made {
    profile: Settings,
    machine: Machine,
    disks: Vec<Disk>,
    outputs: Vec<Output>,
    warnings: Vec<Warning>,
}

#[derive(Debug, Deserialize)]
struct Settings {
    swap_size: Setting<ByteSize>,
    partition_table: Setting<TableKind>,
    partitions: Setting<Option<Vec<PartitionRequest>>>,
    /// Left out where there are none.
    further_disks: Option<Setting<Vec<DiskRequest>>>,
    volume_groups: Setting<Option<Vec<VolumeGroupRequest>>>,
    kernel_parameters: Setting<Vec<String>>,
    root: Setting<Option<RootAccount>>,
    users: Setting<Vec<UserAccount>>,
    timezone: Setting<Option<String>>,
    keyboard: Setting<Option<String>>,
    welcome_message: Setting<Option<String>>,
    nics: Setting<Option<Vec<NicRequest>>>,
    firewall: Setting<Option<bool>>,
    selinux: Setting<Option<SelinuxMode>>,
}

#[derive(Debug, Deserialize)]
struct Setting<T> {
    value: T,
}

#[derive(Debug, Deserialize)]
struct Machine {
    memory: u64,
    boots_under: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Warning {
    code: String,
    text: String,
}

#[derive(Debug, Deserialize)]
struct Disk {
    size: u64,
}

/// A file of an image.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Output {
    pub(crate) path: String,
    /// `package`: one file that holds everything.
    role: String,
    /// Bytes.
    pub(crate) length: u64,
    pub(crate) sha256: Option<String>,
}

impl Made {
    /// Reads a report.
    pub(crate) fn parse(report: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(report)
    }

    /// The profile in effect.
    pub(crate) fn profile(&self) -> Profile {
        let settings = &self.profile;
        Profile {
            memory: Some(ByteSize::from_bytes(self.machine.memory)),
            disk_size: self.disks.first().map(|disk| ByteSize::from_bytes(disk.size)),
            swap_size: Some(settings.swap_size.value),
            partition_table: Some(settings.partition_table.value),
            partitions: settings.partitions.value.clone(),
            further_disks: self.further_disks(),
            volume_groups: settings.volume_groups.value.clone(),
            kernel_parameters: Some(settings.kernel_parameters.value.clone()).filter(|list| !list.is_empty()),
            root: settings.root.value.clone(),
            users: Some(settings.users.value.clone()).filter(|users| !users.is_empty()),
            timezone: settings.timezone.value.clone(),
            keyboard: settings.keyboard.value.clone(),
            welcome_message: settings.welcome_message.value.clone(),
            nics: settings.nics.value.clone(),
            firewall: settings.firewall.value,
            selinux: settings.selinux.value,
            ..Profile::default()
        }
        .without_secrets()
    }

    /// The disks beside the first, with the sizes that they got.
    fn further_disks(&self) -> Option<Vec<DiskRequest>> {
        let mut further = self.profile.further_disks.as_ref()?.value.clone();
        for (asked, made) in further.iter_mut().zip(self.disks.iter().skip(1)) {
            asked.size = Some(ByteSize::from_bytes(made.size));
        }
        Some(further)
    }

    /// What there is to say about it, first that it is there: what does not boot must not look as if it did.
    pub(crate) fn message(&self) -> String {
        let is_about_booting = |warning: &&Warning| warning.code == "does-not-boot";
        let mut sentences = vec!["Image generated"];
        sentences.extend(self.warnings.iter().filter(is_about_booting).map(|warning| warning.text.as_str()));
        if self.machine.boots_under.is_empty() && sentences.len() == 1 {
            sentences.push("the disk is laid out for data only and boots under no firmware");
        }
        sentences.join("; ")
    }

    /// The one file that can be downloaded; none unless one was asked for.
    pub(crate) fn download(&self) -> Option<&Output> {
        self.outputs.iter().find(|output| output.role == "package")
    }

    /// Bytes of all files but the report.
    pub(crate) fn total(&self) -> u64 {
        self.outputs.iter().fold(0, |sum, output| sum.saturating_add(output.length))
    }
}
