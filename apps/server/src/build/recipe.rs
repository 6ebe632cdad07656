use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use diskwright::engine::Order;
use diskwright::format::{FormatEntry, Machine, OutputRole, Registry, TargetFormat};
use diskwright::layout::LayoutBuilder;
use diskwright::profile::{BootPolicy, MachineReport, Profile, Settings};
use diskwright::scan::{DirectorySource, OneFileSystem, ScanSource, TarSource};
use diskwright::tree::{Findings, TreeBuilder};
use diskwright::{Error, ErrorKind, Files, Result, Seed, Timestamp};
use diskwright_request::{FormatOptionList, ImageRequest};
use serde::{Deserialize, Serialize};

use crate::server::Server;
use crate::settings::Limits;
use crate::store::ImageTask;

/// What was asked of an image, as it is stored: the same order at every attempt, whatever becomes of the API's documents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recipe {
    /// Id of the format.
    pub(crate) format: String,
    pub(crate) compress: bool,
    pub(crate) options: FormatOptionList,
    pub(crate) profile: Profile,
    /// What the server does, if the disk boots under no firmware.
    pub(crate) boot: BootPolicy,
}

impl Recipe {
    /// What `request` asks, and the format.
    ///
    /// # Errors
    /// Everything that can be refused without the tree.
    pub(crate) fn new<'a>(
        request: &ImageRequest,
        registry: &'a Registry,
        boot: BootPolicy,
    ) -> Result<(Self, &'a FormatEntry)> {
        let entry = request.format(registry)?;
        let options = request.options(&[entry])?.pop().unwrap_or_default();
        let compress = request.compress == Some(true);
        let target = registry.configure(entry.info.id, compress, &options)?;
        let further = request.profile.further_disks.as_ref().map_or(0, Vec::len);
        if compress && further > 0 {
            check_one_file(target.as_ref(), further.saturating_add(1))?;
        }
        let format = entry.info.id.to_owned();
        Ok((Self { format, compress, options, profile: request.profile.clone(), boot }, entry))
    }

    /// VMware's hardware version, if one was asked for.
    pub(crate) fn hardware_type(&self) -> Option<&str> {
        let option = self.options.iter().find(|(key, _)| key == "hardware-version");
        option.map(|(_, value)| value.as_str())
    }

    /// The order for `task`, whose tree stands at `tree`; a packed archive is unpacked in `spool_directory`.
    pub(crate) fn order(
        self,
        server: &Server,
        task: &ImageTask,
        tree: &Path,
        spool_directory: &Path,
    ) -> Result<Order> {
        let target = server.registry().configure(&self.format, self.compress, &self.options)?;
        let seed = Seed::from_text(task.seed.clone());
        let timestamp = Timestamp::from_seconds(task.timestamp);
        let mut order = Order::new(
            open(tree, spool_directory, server.settings().limits)?,
            vec![target],
            &task.name,
            seed,
            timestamp,
        );
        order.request = self.profile;
        order.profile.boot = Some(self.boot);
        order.notes = serde_json::from_str(&task.notes).unwrap_or_default();
        if let Some(report) = &task.machine_report {
            order.machine = Some(MachineReport::from_json(report.as_bytes())?);
        }
        Ok(order)
    }
}

/// The profile in effect before anything is planned: what is `asked`, else what the scan's own profile says, else what
/// `settings` make of the request alone; without secrets.
pub(crate) fn effective(asked: &Profile, scan: Option<Profile>, settings: &Settings) -> Profile {
    let scan = scan.unwrap_or_default();
    // The disk of the scan's profile is that of its own partitions.
    let is_as_scanned = asked.partitions.is_none()
        && asked.further_disks.is_none()
        && asked.volume_groups.is_none()
        && asked.swap_size.is_none();
    Profile {
        memory: asked.memory.or(scan.memory).or(Some(settings.memory.value)),
        disk_size: asked.disk_size.or(scan.disk_size.filter(|_| is_as_scanned)).or(settings.disk_size.value),
        swap_size: asked.swap_size.or(scan.swap_size).or(Some(settings.swap_size.value)),
        partition_table: Some(settings.partition_table.value),
        partitions: settings.partitions.value.clone(),
        further_disks: Some(settings.further_disks.value.clone()).filter(|disks| !disks.is_empty()),
        volume_groups: settings.volume_groups.value.clone(),
        kernel_parameters: asked.kernel_parameters.clone().filter(|list| !list.is_empty()),
        root: asked.root.clone(),
        users: asked.users.clone(),
        timezone: asked.timezone.clone(),
        keyboard: asked.keyboard.clone(),
        welcome_message: asked.welcome_message.clone(),
        nics: asked.nics.clone(),
        firewall: asked.firewall,
        selinux: asked.selinux,
        ..Profile::default()
    }
    .without_secrets()
}

/// Refuses several disks where the format makes a file of each: one is downloaded.
fn check_one_file(target: &dyn TargetFormat, disks: usize) -> Result<()> {
    let (tree, _) = TreeBuilder::new(Findings::default()).finish()?;
    // A size that every format takes.
    let disk = LayoutBuilder::new(Arc::new(tree)).finish(1 << 30)?;
    let machine = Machine::new("disks", Seed::from_text("disks"), Timestamp::from_seconds(0));
    // What it refuses itself is told when the order is planned.
    let Ok(plan) = target.plan(&machine, &vec![disk; disks]) else { return Ok(()) };
    let packages = plan.outputs().iter().filter(|output| output.role == OutputRole::Package).count();
    if packages <= 1 {
        return Ok(());
    }
    let text = format!(
        "{} makes a file of each of the {disks} disks, and one can be downloaded: a machine of VirtualBox or VMware, or a box of \
         Vagrant, has all in one",
        target.info().id
    );
    Err(Error::new(ErrorKind::Unsupported, text).with_field("compress"))
}

fn open(tree: &Path, spool_directory: &Path, limits: Limits) -> Result<Arc<dyn ScanSource>> {
    let files = Files::default();
    let metadata = tree.metadata().map_err(|error| {
        let path = tree.as_os_str().as_bytes();
        Error::new(ErrorKind::Source, "cannot open the scan's tree").with_path(path).with_source(error)
    })?;
    if metadata.is_dir() {
        return Ok(Arc::new(DirectorySource::new(tree, OneFileSystem::Stay, files)?));
    }
    let limit = limits.unpacked_from(metadata.len());
    Ok(Arc::new(TarSource::new(&files, tree, spool_directory)?.with_unpacked_limit(limit)))
}
