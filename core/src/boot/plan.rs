use super::bios::{self, BiosLoader, CoreNeeds, LvmNeed};
use super::files::BootFiles;
use super::grub_bios::{BiosBoot, CoreSearch, GrubCore};
use super::kernels::{self, Kernel};
use super::menu::{self, Menu, MenuOrigin, MenuRequest};
use super::uefi::{self, EspPlan, UefiLoader};
use crate::guest::{Architecture, GuestWorkspace, IdentifierMap, Volume, VolumesOfTheDisk};
use crate::lvm::LogicalVolumeName;
use crate::partition::SectorSize;
use crate::profile::{BootPolicy, Firmware, FirmwareParts};
use crate::tree::{FileTree, Findings, Severity};
use crate::{Error, ErrorKind, Result};

/// The kernels and loaders that a tree, or a donor for what it lacks, brings.
///
/// ```text
/// BootLoaders::find ─> choose (firmware) ─> prepare (edits) ─> BootPlan ─> bios(lba), esp().fat32_files(tree)
/// ```
#[derive(Debug)]
pub struct BootLoaders<'a> {
    files: BootFiles<'a>,
    kernels: Vec<Kernel>,
    bios: Result<BiosLoader, String>,
    uefi: Result<UefiLoader, String>,
}

/// What the disk's menus and loaders must know.
#[derive(Clone, Copy, Debug)]
pub struct BootRequest<'a> {
    /// The volumes of the new disk, the root file system among them.
    pub disk: &'a VolumesOfTheDisk,
    /// Identifiers that are new on this disk.
    pub identifiers: &'a IdentifierMap,
    /// Kernel parameters of the profile.
    pub parameters: &'a [String],
    /// The command line that the machine ran with, from its report.
    pub scanned_cmdline: Option<&'a str>,
}

/// How the disk boots, decided.
#[derive(Clone, Debug)]
pub struct BootPlan {
    firmware: FirmwareParts,
    kernels: Vec<Kernel>,
    menu: Option<Menu>,
    core: Option<GrubCore>,
    esp: Option<EspPlan>,
}

impl<'a> BootLoaders<'a> {
    /// Looks for kernels and loaders. `architecture` is that of the tree's programs; x86-64 where they do not tell.
    ///
    /// Cost: reads the kernels' directory, GRUB's core files and the loaders for UEFI, about 5 MiB.
    ///
    /// # Errors
    /// Those of reading the tree or donor; in strict mode `ErrorKind::Source` for what is worth a warning.
    pub fn find(
        tree: &'a FileTree,
        donor: Option<&'a FileTree>,
        architecture: Option<Architecture>,
        findings: &mut Findings,
    ) -> Result<Self> {
        let files = BootFiles { tree, donor };
        let architecture = architecture.unwrap_or(Architecture::X86_64);
        let kernels = kernels::find(tree, findings)?;
        let bios = bios::find(&files, architecture, findings)?;
        let uefi = uefi::find(&files, architecture, &kernels)?;
        Ok(Self { files, kernels, bios, uefi })
    }

    /// The firmwares for which there are loaders.
    pub fn available(&self) -> FirmwareParts {
        FirmwareParts { bios: self.bios.is_ok(), uefi: self.uefi.is_ok() }
    }

    /// The kernels, newest first.
    pub fn kernels(&self) -> &[Kernel] {
        &self.kernels
    }

    /// What is missing to boot under BIOS, and what under UEFI, in words that follow "because"; `None` for nothing.
    pub fn lacks(&self) -> [Option<&str>; 2] {
        [self.bios.as_ref().err().map(String::as_str), self.uefi.as_ref().err().map(String::as_str)]
    }

    /// Whether the loader for BIOS, where there is one, reads logical volumes.
    pub fn reads_lvm(&self) -> bool {
        self.bios.as_ref().is_ok_and(|loader| loader.reads_lvm(&self.files))
    }

    /// Whether the loader for UEFI brings kernels of its own, which are not looked into.
    pub fn brings_kernels(&self) -> bool {
        self.uefi.as_ref().is_ok_and(UefiLoader::is_self_contained)
    }

    /// The firmwares under which the disk will boot.
    ///
    /// # Errors
    /// `ErrorKind::Unsupported`, all problems at once: a demanded firmware for which something is missing, BIOS on a
    /// disk with sectors of 4096 bytes, and with `BootPolicy::Required` a disk that boots under no firmware or has no
    /// kernel; in strict mode `ErrorKind::Source` where a disk is built that boots under none.
    pub fn choose(
        &self,
        firmware: Firmware,
        policy: BootPolicy,
        sector_size: SectorSize,
        findings: &mut Findings,
    ) -> Result<FirmwareParts> {
        if policy == BootPolicy::None {
            return Ok(FirmwareParts::default());
        }
        let large_sectors = (sector_size == SectorSize::Bytes4096)
            .then(|| "a BIOS cannot boot from a disk with sectors of 4096 bytes".to_owned());
        let lack_bios = large_sectors.or_else(|| self.bios.as_ref().err().cloned());
        let lack_uefi = self.uefi.as_ref().err().cloned();
        let demanded = FirmwareParts {
            bios: matches!(firmware, Firmware::Bios | Firmware::Both),
            uefi: matches!(firmware, Firmware::Uefi | Firmware::Both),
        };
        let mut problems = Vec::new();
        for (is_demanded, name, lack) in
            [(demanded.bios, "BIOS", &lack_bios), (demanded.uefi, "UEFI", &lack_uefi)]
        {
            if let Some(lack) = lack.as_ref().filter(|_| is_demanded) {
                let text = format!("the disk cannot boot under {name}: {lack}");
                problems.push(Error::new(ErrorKind::Unsupported, text).with_field("firmware"));
            }
        }
        let chosen = match firmware {
            Firmware::Auto => FirmwareParts { bios: lack_bios.is_none(), uefi: lack_uefi.is_none() },
            _ => demanded,
        };
        for text in self.obstacles(chosen, lack_bios.as_deref(), lack_uefi.as_deref()) {
            if policy == BootPolicy::Required {
                problems.push(Error::new(ErrorKind::Unsupported, text).with_field("boot"));
            } else {
                findings.record(Severity::Warning, "does-not-boot", b"/boot", text)?;
            }
        }
        Error::collect(problems)?;
        Ok(chosen)
    }

    /// Why the disk would not boot at all.
    fn obstacles(
        &self,
        chosen: FirmwareParts,
        lack_bios: Option<&str>,
        lack_uefi: Option<&str>,
    ) -> Vec<String> {
        let mut obstacles = Vec::new();
        if chosen == FirmwareParts::default() {
            let (bios, uefi) = (lack_bios.unwrap_or_default(), lack_uefi.unwrap_or_default());
            obstacles.push(format!("the disk boots under no firmware: for BIOS {bios}; for UEFI {uefi}"));
        }
        let brings_kernel = chosen.uefi && self.uefi.as_ref().is_ok_and(UefiLoader::is_self_contained);
        if self.kernels.is_empty() && !brings_kernel {
            obstacles
                .push("the tree has no Linux kernel (/boot/vmlinuz-*) that the disk could boot".to_owned());
        }
        obstacles
    }

    /// Makes the menus true, installs what loaders need in the tree, and chooses what stands outside of it, for the
    /// firmwares that [`BootLoaders::choose`] gave.
    ///
    /// With neither firmware only menus and defaults that are there are mended.
    ///
    /// # Errors
    /// `ErrorKind::InvalidProfile` for a kernel parameter that menus cannot hold; `ErrorKind::Unsupported` when GRUB's
    /// core passes its limits; those of reading the tree; in strict mode `ErrorKind::Source` for what is worth a
    /// warning; `ErrorKind::Internal` without a root volume.
    pub fn prepare(
        &self,
        chosen: FirmwareParts,
        workspace: &mut GuestWorkspace<'_>,
        request: &BootRequest<'_>,
        findings: &mut Findings,
    ) -> Result<BootPlan> {
        let facts = DiskFacts::of(request)?;
        let menus = facts.menu_request(request);
        let boots = chosen.bios || chosen.uefi;
        let kernels = if boots { self.kernels.as_slice() } else { &[] };
        let menu = menu::prepare(workspace, &menus, kernels, findings)?;
        let core = match &self.bios {
            Ok(loader) if chosen.bios => {
                let prefix = menus.path_of(menu.directory);
                let search = CoreSearch { file_system: menus.boot_uuid(), prefix: &prefix };
                let core = loader.core(&self.files, search, facts.core_needs)?;
                loader.install(&self.files, workspace, menu.directory, &core)?;
                Some(core)
            }
            _ => None,
        };
        let esp = match &self.uefi {
            Ok(loader) if chosen.uefi => {
                Some(loader.prepare(&self.files, workspace, &menus, menu.directory, kernels, findings)?)
            }
            _ => None,
        };
        let menu = (menu.origin != MenuOrigin::Missing).then_some(menu);
        Ok(BootPlan { firmware: chosen, kernels: kernels.to_vec(), menu, core, esp })
    }
}

impl BootRequest<'_> {
    /// Options of a kernel's command line that stand elsewhere than in a menu, made true for the new disk.
    ///
    /// # Errors
    /// `ErrorKind::Internal` without a root volume.
    pub(crate) fn true_options(&self, options: &str) -> Result<String> {
        let facts = DiskFacts::of(self)?;
        Ok(menu::true_options(&facts.menu_request(self), options))
    }

    /// Whether a device specification (`UUID=…`, a path below `/dev`) names the root file system of the new disk.
    pub(crate) fn names_root(&self, spec: &str) -> bool {
        self.disk.mounted_at(b"/").is_some_and(|root| menu::is_among(&specifications(root), spec))
    }
}

impl BootPlan {
    /// The firmwares under which the disk boots.
    pub fn firmware(&self) -> FirmwareParts {
        self.firmware
    }

    /// The kernels in the menu, newest first.
    pub fn kernels(&self) -> &[Kernel] {
        &self.kernels
    }

    /// The menu; `None` when there is none.
    pub fn menu(&self) -> Option<&Menu> {
        self.menu.as_ref()
    }

    /// Bytes that GRUB's core needs in a BIOS boot partition (GPT) or before the first partition (MBR, from sector 1
    /// on); `None` when the disk does not boot under BIOS.
    pub fn core_size(&self) -> Option<u64> {
        self.core.as_ref().map(|core| core.sectors().saturating_mul(512))
    }

    /// Boot code and core for a core that starts at sector `lba` of 512 bytes; `None` when the disk does not boot under
    /// BIOS.
    ///
    /// # Errors
    /// As [`GrubCore::at`].
    pub fn bios(&self, lba: u64) -> Result<Option<BiosBoot>> {
        self.core.as_ref().map(|core| core.at(lba)).transpose()
    }

    /// The files of the EFI system partition; `None` when the disk does not boot under UEFI.
    pub fn esp(&self) -> Option<&EspPlan> {
        self.esp.as_ref()
    }
}

/// The request in the words of menus.
struct DiskFacts {
    root_uuid: String,
    separate_boot_uuid: Option<String>,
    core_needs: CoreNeeds,
    swap_uuid: Option<String>,
    root_device: Option<String>,
    swap_device: Option<String>,
    known: Vec<String>,
    root_names: Vec<String>,
    swap_names: Vec<String>,
    renamed: Vec<(String, String)>,
}

impl DiskFacts {
    fn of(request: &BootRequest<'_>) -> Result<Self> {
        let root = request
            .disk
            .mounted_at(b"/")
            .ok_or_else(|| Error::new(ErrorKind::Internal, "the disk has no root file system"))?;
        let boot = request.disk.mounted_at(b"/boot");
        let device = |volume: &Volume| volume.logical_volume.as_ref().map(LogicalVolumeName::mapper_path);
        let is_logical = boot.unwrap_or(root).logical_volume.is_some();
        let swap = request.disk.swaps().next();
        Ok(Self {
            root_uuid: root.uuid.clone(),
            separate_boot_uuid: boot.map(|boot| boot.uuid.clone()),
            core_needs: CoreNeeds {
                fat: boot.is_some_and(|boot| boot.fs_type == "vfat"),
                lvm: match (is_logical, request.disk.lvm) {
                    (true, _) => LvmNeed::Boot,
                    (false, true) => LvmNeed::Others,
                    (false, false) => LvmNeed::None,
                },
            },
            swap_uuid: swap.map(|swap| swap.uuid.clone()),
            root_device: device(root),
            swap_device: swap.and_then(device),
            known: request.disk.volumes.iter().flat_map(specifications).collect(),
            root_names: specifications(root),
            swap_names: request.disk.swaps().flat_map(specifications).collect(),
            renamed: request.identifiers.pairs().map(|(old, new)| (old.to_owned(), new.to_owned())).collect(),
        })
    }

    fn menu_request<'b>(&'b self, request: &BootRequest<'b>) -> MenuRequest<'b> {
        MenuRequest {
            root_uuid: &self.root_uuid,
            separate_boot_uuid: self.separate_boot_uuid.as_deref(),
            swap_uuid: self.swap_uuid.as_deref(),
            root_device: self.root_device.as_deref(),
            swap_device: self.swap_device.as_deref(),
            known: &self.known,
            root_names: &self.root_names,
            swap_names: &self.swap_names,
            renamed: &self.renamed,
            parameters: request.parameters,
            scanned_cmdline: request.scanned_cmdline,
        }
    }
}

/// All ways in which options of a kernel may name a volume.
fn specifications(volume: &Volume) -> Vec<String> {
    let spec = |tag: &str, value: &Option<String>| value.as_ref().map(|value| format!("{tag}={value}"));
    [
        Some(format!("UUID={}", volume.uuid)),
        spec("LABEL", &volume.label),
        spec("PARTUUID", &volume.partition_uuid),
        spec("PARTLABEL", &volume.partition_label),
        volume.logical_volume.as_ref().map(LogicalVolumeName::mapper_path),
    ]
    .into_iter()
    .flatten()
    .collect()
}
