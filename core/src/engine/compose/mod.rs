//! From a tree and what is asked to disks: settings, partitions, identifiers, edits, layout.

mod changed;
mod content;
mod disk;
mod entries;
mod groups;
mod kept_ids;
mod sizes;
mod tree_facts;
mod tree_volumes;
mod volumes;

use std::collections::BTreeSet;
use std::sync::Arc;

use changed::ChangedContent;
use disk::{ArrangedDisks, Ingredients};
use kept_ids::KeptPartitionIds;
use volumes::DiskPlan;

use super::report::{DiskEntry, MachineEntry, OutputEntry, Report, RunEntry};
use super::{Order, Scanned, Sources};
use crate::boot::{BootLoaders, BootRequest, EspPlan};
use crate::filesystem::ext4::Ext4Features;
use crate::filesystem::fat32::{self, Fat32File};
use crate::format::{Firmware, Machine, OperatingSystem, OutputRole, TargetFormat};
use crate::guest::{self, Edit, Ext4Generation, GuestFacts, GuestSettings, GuestWorkspace, IdentifierMap};
use crate::layout::DiskLayout;
use crate::partition::SectorSize;
use crate::profile::{
    BootPolicy, FirmwareParts, IdentityPolicy, Layer, Origin, PartitionPlan, PartitionRole, Settings,
};
use crate::readiness::{self, Amendment, Answer, EarlyRamdisks, Question, Readiness};
use crate::tree::{EntryRecord, FileTree, Finding, Findings, Severity, TreeView};
use crate::{Error, ErrorKind, Result};

/// Everything about an order but its outputs.
pub(super) struct Composition {
    /// The guest with all edits.
    pub(super) tree: Arc<FileTree>,
    pub(super) disks: Vec<DiskLayout>,
    pub(super) machine: Machine,
    pub(super) settings: Settings,
    boots_under: Vec<Firmware>,
    disk_entries: Vec<DiskEntry>,
    edits: Vec<Edit>,
    changed: Vec<EntryRecord>,
    readiness: Readiness,
    findings: Vec<Finding>,
}

/// Decides and lays out.
pub(super) fn compose(scanned: Scanned, sources: &Sources<'_>) -> Result<Composition> {
    let Sources { order, monitor, .. } = sources;
    let Scanned { tree, findings: told, machine: report, early } = scanned;
    let mut findings = Findings::new(order.strictness);
    let tree = Arc::new(tree);
    let mut workspace = GuestWorkspace::new(&tree);
    let facts = GuestFacts::of(&workspace)?;
    monitor.check()?;
    let cmdline = report.as_ref().and_then(|report| report.cmdline.as_deref());
    let tree_facts = tree_facts::tree_facts(&workspace, &facts, report.as_ref(), &mut findings)?;
    let mut settings = Settings::resolve(&layers(order), report.as_ref(), &tree_facts)?;
    for note in &order.notes {
        findings.record(Severity::Note, "request", b"", note)?;
    }
    for note in &settings.notes {
        findings.record(Severity::Note, "machine-report", b"", note)?;
    }
    for note in &settings.unused_lists {
        findings.record(Severity::Note, "lists-not-used", b"", note)?;
    }
    let name = settings.name.value.clone().unwrap_or_else(|| order.name.clone());
    let donor = sources.donor_tree()?;
    let loaders = BootLoaders::find(&tree, donor.as_ref(), facts.architecture, &mut findings)?;
    let boots = loaders.choose(
        settings.firmware.value,
        settings.boot.value,
        settings.sector_size.value,
        &mut findings,
    )?;
    if boots.bios && !loaders.reads_lvm() && workspace.is_directory(b"/boot") {
        settings.keep_boot_apart();
    }
    let partitions = fitting_partitions(&tree, &facts, &mut settings, boots, sources, &mut findings)?;
    let identities = facts.identities();
    let kept = KeptPartitionIds::of(&settings, &partitions, &identities, &mut findings)?;
    let plan = DiskPlan::new(&partitions, &kept, &order.seed)?;
    let volumes = plan.volumes();
    tree_facts::check_lvm(&workspace, &settings, &partitions, &volumes, &mut findings)?;
    let identifiers = match settings.identity.value {
        IdentityPolicy::Keep => IdentifierMap::new(),
        IdentityPolicy::New | IdentityPolicy::Clone => IdentifierMap::between(&identities, &volumes)?,
    };
    let guest_settings = guest_settings(&settings, order, identifiers)?;
    guest::make_true(&mut workspace, &volumes, &guest_settings, &mut findings)
        .map_err(|refusal| settings.as_written(refusal))?;
    let mut parameters = settings.kernel_parameters.value.clone();
    let naming = guest::naming_parameters(settings.nics.value.as_deref().unwrap_or_default());
    parameters.extend(naming.into_iter().filter(|one| !settings.kernel_parameters.value.contains(one)));
    parameters
        .extend(guest::resume_parameter(&facts.resume, &volumes).filter(|one| !parameters.contains(one)));
    let request = BootRequest {
        disk: &volumes,
        identifiers: &guest_settings.identifiers,
        parameters: &parameters,
        scanned_cmdline: cmdline,
    };
    let initrds = loaders.kernels().iter().flat_map(|kernel| &kernel.initrds);
    let edited = initrds.filter(|path| !workspace.is_as_scanned(path.as_bytes())).cloned().collect();
    let question = readiness_question(sources, (&tree, &early), &loaders, &settings, boots, &request, edited);
    let Answer { readiness, amendments } = readiness::answer(&question)?;
    for Amendment { path, appended, after } in amendments {
        let reason = "the initial RAM disk lacks what the new machine needs to come up";
        workspace.append(path.as_bytes(), appended, after, reason)?;
    }
    let boot = loaders
        .prepare(boots, &mut workspace, &request, &mut findings)
        .map_err(|refusal| settings.as_written(refusal))?;
    drop(question);
    drop(early);
    drop(loaders);
    monitor.check()?;

    let (changes, edits) = workspace.finish();
    let changed = ChangedContent::of(&changes);
    let tree = Arc::into_inner(tree)
        .ok_or_else(|| Error::new(ErrorKind::Internal, "something still holds the tree before its edits"))?;
    let tree = Arc::new(tree.with_changes(changes, order.timestamp)?);
    let changed = changed.entries(&tree);
    monitor.check()?;
    let ingredients = Ingredients {
        tree: &tree,
        settings: &settings,
        seed: &order.seed,
        timestamp: order.timestamp,
        features: ext4_features(&facts),
        esp: boot.esp(),
        esp_files: esp_files(&plan, boot.esp(), &tree, order, &mut findings)?,
        monitor,
    };
    content::record_fat_losses(&plan, &ingredients, &mut findings)?;
    let arranged = ArrangedDisks::new(&plan, &ingredients)?;
    if let Some(text) = arranged.note() {
        findings.record(Severity::Note, "less-room", b"", text)?;
    }
    let bios = arranged.bios(&boot)?;
    let disks = arranged.lay_out(&ingredients, bios.as_ref())?;
    monitor.check()?;
    let disk_entries = entries::disk_entries(&plan, &arranged, &ingredients, bios.as_ref())?;
    let machine = machine(order, name, &settings, &facts, boots);
    let findings = told.into_iter().chain(findings.into_vec()).collect();
    Ok(Composition {
        tree,
        disks,
        machine,
        settings,
        boots_under: firmwares(boots),
        disk_entries,
        edits,
        changed,
        readiness,
        findings,
    })
}

/// The partitions that are asked for; one root file system where the tree's own volumes do not fit the first disk.
fn fitting_partitions(
    tree: &Arc<FileTree>,
    facts: &GuestFacts,
    settings: &mut Settings,
    boots: FirmwareParts,
    sources: &Sources<'_>,
    findings: &mut Findings,
) -> Result<PartitionPlan> {
    let Sources { order, monitor, .. } = sources;
    let partitions = PartitionPlan::new(settings, boots)?;
    let details = (&order.seed, order.timestamp, ext4_features(facts));
    if sizes::division_fits(tree, settings, &partitions, details, monitor)? {
        return Ok(partitions);
    }
    let text = "the disk is too small for the tree's volumes side by side: what is on them stands on one root partition";
    findings.record(Severity::Note, "lvm-not-kept", b"/etc/fstab", text)?;
    settings.forget_logical_volumes();
    PartitionPlan::new(settings, boots)
}

fn ext4_features(facts: &GuestFacts) -> Ext4Features {
    match facts.ext4.generation {
        Ext4Generation::Modern => Ext4Features::Modern,
        Ext4Generation::Legacy => Ext4Features::Legacy,
    }
}

/// What decides whether the image boots; nothing is asked of a disk that is for data only.
fn readiness_question<'a>(
    sources: &Sources<'a>,
    (tree, early): (&'a FileTree, &'a EarlyRamdisks),
    loaders: &'a BootLoaders<'_>,
    settings: &Settings,
    boots: FirmwareParts,
    request: &'a BootRequest<'a>,
    edited: BTreeSet<String>,
) -> Question<'a> {
    let order = sources.order;
    let is_for_data = settings.boot.value == BootPolicy::None;
    let target = |target: &Arc<dyn TargetFormat>| readiness::Target {
        id: target.info().id,
        hardware: target.hardware(),
        asked: &order.controllers,
    };
    let [bios, uefi] = loaders.lacks().map(|lack| lack.map(str::to_owned));
    let large_sectors = (settings.sector_size.value == SectorSize::Bytes4096)
        .then(|| "a BIOS cannot boot from a disk with sectors of 4096 bytes".to_owned());
    Question {
        tree,
        early,
        kernels: if is_for_data { &[] } else { loaders.kernels() },
        targets: if is_for_data { Vec::new() } else { order.targets.iter().map(target).collect() },
        request,
        boots,
        lacks: [large_sectors.or(bios), uefi],
        firmware: settings.firmware.value,
        machine: machine_firmware(settings, boots),
        brings_kernels: loaders.brings_kernels(),
        edited,
        policy: order.initramfs,
        timestamp: order.timestamp,
        monitor: sources.monitor,
    }
}

/// What the machine of the image is set to.
fn machine_firmware(settings: &Settings, boots: FirmwareParts) -> Firmware {
    let prefers_uefi = settings.scanned_firmware == Some(crate::profile::Firmware::Uefi);
    if boots.uefi && (prefers_uefi || !boots.bios) { Firmware::Uefi } else { Firmware::Bios }
}

impl Composition {
    /// The report, without what only a run knows.
    pub(super) fn report(&self, order: &Order, outputs: Vec<OutputEntry>) -> Report {
        let driver = |format: &str| {
            order.targets.iter().map(|target| target.info()).find(|info| info.id == format)?.qemu
        };
        let bare_disks = outputs.iter().filter(|output| output.role == OutputRole::Disk);
        let qemu = match bare_disks.clone().find_map(|output| Some((output.format, driver(output.format)?))) {
            Some((format, driver)) => {
                let disks = bare_disks.filter(|output| output.format == format);
                self.qemu(disks.map(|output| output.path.as_str()), driver)
            }
            None => Vec::new(),
        };
        Report {
            schema: "diskwright-report/1",
            tool: concat!("diskwright ", env!("CARGO_PKG_VERSION")).to_owned(),
            seed: order.seed.text().to_owned(),
            timestamp: order.timestamp.seconds,
            profile: self.settings.clone(),
            machine: MachineEntry {
                name: self.machine.name.clone(),
                memory: self.machine.memory,
                cpus: self.machine.cpus,
                network_adapters: self.machine.adapters,
                firmware: self.machine.firmware,
                boots_under: self.boots_under.clone(),
                operating_system: self.machine.operating_system.clone(),
                qemu,
            },
            disks: self.disk_entries.clone(),
            outputs,
            edits: self.edits.clone(),
            changed: self.changed.clone(),
            readiness: self.readiness.clone(),
            warnings: self.findings.clone(),
            run: RunEntry::default(),
        }
    }

    /// How QEMU runs bare disks.
    fn qemu<'a>(&self, disks: impl Iterator<Item = &'a str>, driver: &str) -> Vec<String> {
        let mut words = vec![
            "qemu-system-x86_64".to_owned(),
            "-m".to_owned(),
            format!("{}M", self.machine.memory >> 20),
            "-smp".to_owned(),
            self.machine.cpus.to_string(),
        ];
        for path in disks {
            words.extend(["-drive".to_owned(), format!("file={path},format={driver},if=virtio")]);
        }
        // Without the option QEMU gives a machine one.
        if self.machine.adapters > 1 {
            words.extend((0..self.machine.adapters).flat_map(|_| ["-nic".to_owned(), "user".to_owned()]));
        }
        if self.machine.firmware == Firmware::Uefi {
            words.extend(["-bios".to_owned(), "/usr/share/ovmf/OVMF.fd".to_owned()]);
        }
        words
    }
}

fn layers(order: &Order) -> [Layer<'_>; 3] {
    [
        Layer { origin: Origin::Flag, profile: &order.flags },
        Layer { origin: Origin::Request, profile: &order.request },
        Layer { origin: Origin::Profile, profile: &order.profile },
    ]
}

/// What the profile asks of the guest, passwords hashed.
fn guest_settings(settings: &Settings, order: &Order, identifiers: IdentifierMap) -> Result<GuestSettings> {
    let users = settings.users.value.iter().map(|user| user.clone().with_hash(&order.seed));
    Ok(GuestSettings {
        hostname: settings.hostname.value.clone(),
        identifiers,
        root: settings.root.value.clone().map(|root| root.with_hash(&order.seed)).transpose()?,
        users: users.collect::<Result<_>>()?,
        day: order.timestamp.seconds.div_euclid(86_400),
        timezone: settings.timezone.value.clone(),
        keyboard: settings.keyboard.value.clone(),
        welcome_message: settings.welcome_message.value.clone(),
        nics: settings.nics.value.clone(),
        firewall: settings.firewall.value,
        selinux: settings.selinux.value,
        is_clone: settings.identity.value == IdentityPolicy::Clone,
    })
}

/// What stands on the EFI system partition: the loaders chosen, with the scanned partition's files; without loaders
/// only the latter.
fn esp_files(
    plan: &DiskPlan,
    esp: Option<&EspPlan>,
    tree: &Arc<FileTree>,
    order: &Order,
    findings: &mut Findings,
) -> Result<Vec<Fat32File>> {
    if let Some(esp) = esp {
        return esp.fat32_files(tree, order.timestamp, findings);
    }
    let mount_point =
        plan.of_role(PartitionRole::Esp).and_then(|draft| draft.content.planned.mount_point.as_deref());
    match mount_point.and_then(|path| tree.resolve(path.as_bytes())) {
        Some(node) => fat32::files_of(&TreeView::new(Arc::clone(tree), node, &[]), findings),
        None => Ok(Vec::new()),
    }
}

fn machine(
    order: &Order,
    name: String,
    settings: &Settings,
    facts: &GuestFacts,
    boots: FirmwareParts,
) -> Machine {
    let mut machine = Machine::new(name, order.seed.clone(), order.timestamp);
    machine.memory = settings.memory.value.bytes();
    machine.cpus = settings.cpus.value;
    let nics = settings.nics.value.as_ref().map_or(1, Vec::len).max(1);
    machine.adapters = u32::try_from(nics).unwrap_or(u32::MAX);
    machine.sector_size = settings.sector_size.value;
    machine.firmware = machine_firmware(settings, boots);
    let os = facts.os.clone().unwrap_or_default();
    machine.operating_system = OperatingSystem {
        id: os.id,
        version: os.version_id,
        architecture: facts.architecture.map_or(String::new(), |architecture| architecture.name().to_owned()),
    };
    machine
}

fn firmwares(parts: FirmwareParts) -> Vec<Firmware> {
    let of = |present, firmware| if present { Some(firmware) } else { None };
    of(parts.bios, Firmware::Bios).into_iter().chain(of(parts.uefi, Firmware::Uefi)).collect()
}

#[cfg(test)]
mod tests;
