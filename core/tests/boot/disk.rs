//! A disk laid out by us, as the engine composes it: BIOS boot partition or gap, ESP, root.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use diskwright_core::boot::{BootLoaders, BootRequest};
use diskwright_core::filesystem::ext4::{Ext4Options, Ext4Plan};
use diskwright_core::filesystem::fat32::{Fat32Options, Fat32Plan};
use diskwright_core::guest::{Edit, GuestWorkspace, IdentifierMap, Volume, VolumePlace, VolumesOfTheDisk};
use diskwright_core::layout::LayoutBuilder;
use diskwright_core::partition::{PartitionEntry, PartitionKind, PartitionTable, SectorSize, TableKind};
use diskwright_core::profile::{BootPolicy, Firmware};
use diskwright_core::tree::{FileTree, Finding, Findings, NodeId, TreeView};
use diskwright_core::{Result, Seed, Timestamp};

#[derive(Clone, Debug)]
pub struct DiskRequest {
    pub firmware: Firmware,
    pub policy: BootPolicy,
    pub table: TableKind,
    pub root_uuid: &'static str,
    pub parameters: Vec<String>,
    pub root_size: u64,
}

impl Default for DiskRequest {
    fn default() -> Self {
        Self {
            firmware: Firmware::Auto,
            policy: BootPolicy::Required,
            table: TableKind::Gpt,
            root_uuid: "6d1f6a0e-52a3-4f0b-9c39-0f2b7a5f4c11",
            parameters: Vec::new(),
            root_size: 256 << 20,
        }
    }
}

pub struct Written {
    pub edits: Vec<Edit>,
    pub findings: Vec<Finding>,
}

pub fn write_disk(
    tree: FileTree,
    donor: Option<FileTree>,
    request: &DiskRequest,
    disk: &Path,
) -> Result<Written> {
    let seed = Seed::from_text("test");
    let mut findings = Findings::default();
    let now = Timestamp { seconds: 1_700_000_000, nanos: 0 };
    let volumes = VolumesOfTheDisk {
        volumes: vec![Volume {
            place: VolumePlace::MountPoint(b"/".to_vec()),
            fs_type: "ext4".to_owned(),
            uuid: request.root_uuid.to_owned(),
            label: None,
            partition_uuid: None,
            partition_label: None,
            logical_volume: None,
        }],
        lvm: false,
    };
    let identifiers = IdentifierMap::new();
    let (plan, changes, edits) = {
        let loaders = BootLoaders::find(&tree, donor.as_ref(), None, &mut findings)?;
        let chosen = loaders.choose(request.firmware, request.policy, SectorSize::Bytes512, &mut findings)?;
        let mut workspace = GuestWorkspace::new(&tree);
        let facts = BootRequest {
            disk: &volumes,
            identifiers: &identifiers,
            parameters: &request.parameters,
            scanned_cmdline: None,
        };
        let plan = loaders.prepare(chosen, &mut workspace, &facts, &mut findings)?;
        let (changes, edits) = workspace.finish();
        (plan, changes, edits)
    };
    let tree = Arc::new(tree.with_changes(changes, now)?);
    let esp_files = plan.esp().map(|esp| esp.fat32_files(&tree, now, &mut findings)).transpose()?;

    let mib = 1 << 20;
    let (esp_start, esp_size) = (2 * mib, 64 * mib);
    let root_start = esp_start + esp_size;
    let size = root_start + request.root_size + mib;
    let core_lba = if request.table == TableKind::Gpt { 2048 } else { 1 };
    let bios = plan.bios(core_lba)?;
    let boot_code = bios.as_ref().map_or(&[][..], |bios| &bios.boot_code);
    let mut entries = vec![
        PartitionEntry::new(2, esp_start, esp_size, PartitionKind::EfiSystem),
        PartitionEntry::new(3, root_start, request.root_size, PartitionKind::LinuxFilesystem),
    ];
    let table = match request.table {
        TableKind::Gpt => {
            entries.push(PartitionEntry::new(1, mib, mib, PartitionKind::BiosBoot));
            for entry in &mut entries {
                entry.guid = Some(seed.uuid(&format!("partition {}", entry.number)));
            }
            PartitionTable::gpt(size, SectorSize::Bytes512, seed.uuid("disk"), boot_code, &entries)?
        }
        TableKind::Mbr => {
            PartitionTable::mbr(size, SectorSize::Bytes512, seed.u32("disk"), boot_code, &entries)?
        }
    };

    let mut builder = LayoutBuilder::new(Arc::clone(&tree));
    let (before, after): (Vec<_>, Vec<_>) =
        table.into_regions().into_iter().partition(|region| region.offset < esp_start);
    for region in before {
        builder.zeros_to(region.offset, "unused")?;
        builder.bytes(region.bytes, region.label)?;
    }
    if let Some(bios) = bios {
        builder.zeros_to(core_lba * 512, "unused")?;
        builder.bytes(bios.core, "GRUB core")?;
    }
    builder.zeros_to(esp_start, "unused")?;
    if let Some(files) = esp_files {
        let options = Fat32Options {
            label: String::new(),
            volume_id: 0x5c1a_77e3,
            created: now,
            sector_size: SectorSize::Bytes512,
            hidden_sectors: (esp_start / 512) as u32,
        };
        Fat32Plan::new(files, &options, esp_size)?.append(&mut builder)?;
    }
    builder.zeros_to(root_start, "unused")?;
    let mount_points: Vec<NodeId> = plan
        .esp()
        .and_then(|esp| esp.scanned_directory())
        .and_then(|path| tree.resolve(path.as_bytes()))
        .into_iter()
        .collect();
    let view = TreeView::new(Arc::clone(&tree), NodeId::ROOT, &mount_points);
    let options = Ext4Options::new(request.root_uuid.parse().unwrap(), seed.uuid("hash"), now);
    Ext4Plan::new(view, options, request.root_size)?.append(&mut builder)?;
    for region in after {
        builder.zeros_to(region.offset, "unused")?;
        builder.bytes(region.bytes, region.label)?;
    }
    let layout = builder.finish(size)?;

    let file = File::create(disk).unwrap();
    file.set_len(size).unwrap();
    let mut reader = layout.reader();
    let mut buffer = vec![0; 1 << 20];
    for region in layout.regions().filter(|region| !region.is_zero) {
        let mut at = region.start;
        let end = region.start + region.len;
        while at < end {
            let len = (end - at).min(buffer.len() as u64) as usize;
            reader.read_exact_at(at, &mut buffer[..len])?;
            file.write_all_at(&buffer[..len], at).unwrap();
            at += len as u64;
        }
    }
    Ok(Written { edits, findings: findings.into_vec() })
}
