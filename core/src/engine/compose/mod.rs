//! From a tree and what is asked to a disk: settings, partitions, identifiers, edits, layout.

mod disk;
mod volumes;

use std::sync::Arc;

use disk::{ArrangedDisk, BiosBoot, Ingredients};
use volumes::{DiskPlan, KeptPartitionIds, fs_type};

use super::report::{DiskEntry, FileSystemEntry, MachineEntry, OutputEntry, PartitionEntry, Report, RunEntry};
use super::Order;
use crate::filesystem::ext4::Ext4Features;
use crate::filesystem::fat32;
use crate::format::{Firmware, Machine, OperatingSystem};
use crate::guest::{Edit, GuestWorkspace};
use crate::layout::DiskLayout;
use crate::profile::{FirmwareParts, Layer, Origin, PartitionPlan, Settings, TreeFacts};
use crate::tree::{FileTree, Finding, Findings};
use crate::{Error, ErrorKind, Monitor, Result};

/// Everything about an order but its outputs.
pub(super) struct Composition {
    pub(super) disks: Vec<DiskLayout>,
    pub(super) machine: Machine,
    settings: Settings,
    boots_under: Vec<Firmware>,
    disk_entries: Vec<DiskEntry>,
    edits: Vec<Edit>,
    findings: Vec<Finding>,
}

/// Decides and lays out.
pub(super) fn compose(
    tree: FileTree,
    mut told: Vec<Finding>,
    order: &Order,
    monitor: &Monitor,
) -> Result<Composition> {
    let mut findings = Findings::new(order.strictness);
    let facts = TreeFacts::default();
    let settings = Settings::resolve(&layers(order), order.machine.as_ref(), &facts)?;
    let name = settings.name.value.clone().unwrap_or_else(|| order.name.clone());
    let boots = FirmwareParts::default();
    let partitions = PartitionPlan::new(&settings, boots)?;
    let plan = DiskPlan::new(&partitions, &KeptPartitionIds::default(), &order.seed)?;
    monitor.check()?;

    let workspace = GuestWorkspace::new(&tree);
    let (changes, edits) = workspace.finish();
    let tree = Arc::new(tree.with_changes(changes, order.timestamp)?);
    monitor.check()?;

    let esp_files = Vec::new();
    let ingredients = Ingredients {
        tree: &tree,
        settings: &settings,
        seed: &order.seed,
        timestamp: order.timestamp,
        features: Ext4Features::Modern,
        esp_files,
        fat_files: &|view| fat32::files_of(view, &mut Findings::default()),
    };
    let arranged = ArrangedDisk::new(&plan, &ingredients)?;
    let bios: Option<BiosBoot> = None;
    let layout = arranged.lay_out(&ingredients, bios)?;
    let disk_entries = vec![disk_entry(&plan, &arranged)];
    told.extend(findings.into_vec());
    let machine = machine(order, name, &settings, boots);
    Ok(Composition {
        disks: vec![layout],
        machine,
        settings,
        boots_under: firmwares(boots),
        disk_entries,
        edits,
        findings: told,
    })
}

impl Composition {
    /// The report, without what only a run knows.
    pub(super) fn report(&self, order: &Order, outputs: Vec<OutputEntry>) -> Report {
        let bare_disk = order.targets.iter().find(|target| target.info().id == "raw" || target.info().id == "qcow2");
        let qemu = bare_disk.and_then(|target| outputs.iter().find(|output| output.format == target.info().id));
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
                firmware: self.machine.firmware,
                boots_under: self.boots_under.clone(),
                operating_system: self.machine.operating_system.clone(),
                qemu: qemu.map_or(Vec::new(), |output| self.qemu(output)),
            },
            disks: self.disk_entries.clone(),
            outputs,
            edits: self.edits.clone(),
            warnings: self.findings.clone(),
            run: RunEntry::default(),
        }
    }

    /// How QEMU runs a bare disk.
    fn qemu(&self, output: &OutputEntry) -> Vec<String> {
        let mut words = vec![
            "qemu-system-x86_64".to_owned(),
            "-m".to_owned(),
            format!("{}M", self.machine.memory >> 20),
            "-smp".to_owned(),
            self.machine.cpus.to_string(),
            "-drive".to_owned(),
            format!("file={},format={},if=virtio", output.path, output.format),
        ];
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

fn machine(order: &Order, name: String, settings: &Settings, boots: FirmwareParts) -> Machine {
    let mut machine = Machine::new(name, order.seed.clone(), order.timestamp);
    machine.memory = settings.memory.value.bytes();
    machine.cpus = settings.cpus.value;
    let prefers_uefi = settings.scanned_firmware == Some(crate::profile::Firmware::Uefi);
    machine.firmware = if boots.uefi && (prefers_uefi || !boots.bios) { Firmware::Uefi } else { Firmware::Bios };
    machine.operating_system = OperatingSystem::default();
    machine
}

fn firmwares(parts: FirmwareParts) -> Vec<Firmware> {
    let of = |present, firmware| if present { Some(firmware) } else { None };
    of(parts.bios, Firmware::Bios).into_iter().chain(of(parts.uefi, Firmware::Uefi)).collect()
}

fn disk_entry(plan: &DiskPlan, arranged: &ArrangedDisk<'_>) -> DiskEntry {
    let partitions = arranged
        .partitions()
        .map(|(draft, placement)| PartitionEntry {
            number: draft.number,
            start: placement.start,
            size: placement.size,
            role: draft.planned.role.name().to_owned(),
            id: draft.id.to_string(),
            name: draft.planned.name.clone(),
            file_system: draft.planned.file_system.zip(draft.volume).map(|(kind, id)| FileSystemEntry {
                kind: fs_type(kind).to_owned(),
                uuid: id.to_string(),
                label: draft.label.clone(),
                mount_point: draft.planned.mount_point.clone(),
            }),
        })
        .collect();
    DiskEntry {
        size: arranged.size(),
        sector_size: plan.sector_size.bytes(),
        table: plan.table.name().to_owned(),
        id: match plan.table {
            crate::partition::TableKind::Gpt => plan.guid.hyphenated().to_string(),
            crate::partition::TableKind::Mbr => format!("{:08x}", plan.signature),
        },
        partitions,
    }
}
