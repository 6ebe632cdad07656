use std::collections::{BTreeMap, BTreeSet};

use super::assess::{Amendment, Question};
use super::kernel::{Drives, ExaminedKernel, Ramdisk, ReadRamdisk};
use super::needs::{self, Need};
use super::overlay::archive;
use super::residue::{self, Residue};
use super::{Finding, InitramfsPolicy, Severity, Verdict};
use crate::Result;
use crate::error::EscapePath;
use crate::format::DiskController;

/// What a kernel must drive for the order's targets.
pub(super) struct Wanted {
    /// Each controller once, with the ids of the targets that have it.
    controllers: Vec<(DiskController, Vec<&'static str>)>,
    /// The root file system and what lies below it.
    volumes: Vec<Need>,
}

/// What is foretold of one kernel.
pub(super) struct Judged {
    /// What does not depend on the controller.
    all: Verdict,
    controllers: BTreeMap<DiskController, Verdict>,
    pub(super) amendment: Option<Amendment>,
}

/// What a kernel lacks for something.
enum Lack {
    Nothing,
    Modules(BTreeSet<String>),
    Driver(Need),
    Unknown(Need),
}

impl Wanted {
    pub(super) fn of(question: &Question<'_>) -> Self {
        let mut controllers: Vec<(DiskController, Vec<&'static str>)> = Vec::new();
        for target in &question.targets {
            for controller in target.hardware.controllers {
                match controllers.iter_mut().find(|(known, _)| known == controller) {
                    Some((_, targets)) => targets.push(target.id),
                    None => controllers.push((*controller, vec![target.id])),
                }
            }
        }
        let disk = question.request.disk;
        let mounted = MOUNTED_EARLY.iter().filter_map(|path| disk.mounted_at(path));
        let mut volumes: Vec<Need> = Vec::new();
        for need in mounted.filter_map(|volume| needs::of_file_system(&volume.fs_type)) {
            if !volumes.contains(&need) {
                volumes.push(need);
            }
        }
        if disk.lvm {
            volumes.push(needs::DEVICE_MAPPER);
        }
        Self { controllers, volumes }
    }
}

impl Judged {
    /// Whether the kernel comes up with its disk on a controller.
    pub(super) fn verdict(&self, controller: Option<DiskController>) -> Verdict {
        let found = controller.and_then(|controller| self.controllers.get(&controller).copied());
        self.all.max(found.unwrap_or(Verdict::Unknown))
    }
}

/// Foretells what a kernel does, makes what its initial RAM disk lacks, and tells it.
///
/// Of the kernels that do not boot by default nothing is blocking.
pub(super) fn judge(
    question: &Question<'_>,
    wanted: &Wanted,
    kernel: &ExaminedKernel,
    is_default: bool,
    findings: &mut Vec<Finding>,
) -> Result<Judged> {
    let mut judge = Judge {
        question,
        kernel,
        gravest: if is_default { Severity::Blocking } else { Severity::Warning },
        added: BTreeSet::new(),
        findings: Vec::new(),
    };
    let mut all = judge.ramdisk();
    for need in &wanted.volumes {
        all = all.max(judge.needs(&[*need], None, &[]));
    }
    let mut controllers = BTreeMap::new();
    for (controller, targets) in &wanted.controllers {
        let verdict = judge.needs(needs::of_controller(*controller), Some(*controller), targets);
        controllers.insert(*controller, verdict);
    }
    let mut amendment = None;
    if let Ramdisk::Read(ramdisk) = &kernel.ramdisk {
        let residue = residue::of(ramdisk, question.request)?;
        judge.residue(&residue, ramdisk);
        if question.request.disk.lvm {
            all = all.max(judge.logical_volumes(ramdisk));
        }
        amendment = judge.amend(ramdisk, &residue)?;
    }
    findings.append(&mut judge.findings);
    Ok(Judged { all, controllers, amendment })
}

struct Judge<'a> {
    question: &'a Question<'a>,
    kernel: &'a ExaminedKernel,
    /// What blocks.
    gravest: Severity,
    /// Modules that the initial RAM disk is to get.
    added: BTreeSet<String>,
    findings: Vec<Finding>,
}

impl Judge<'_> {
    /// What there is to say of the initial RAM disk itself.
    fn ramdisk(&mut self) -> Verdict {
        let image = &self.kernel.image;
        let mut verdict = Verdict::Boots;
        if self.kernel.modules.is_none() && self.kernel.config.is_none() {
            let what = format!(
                "the tree has neither the modules of {image} (/lib/modules/{}) nor its configuration",
                self.kernel.release
            );
            let remedy = "scan the machine with /lib/modules, or look whether it boots";
            self.tell(Finding::new("no-modules", Severity::Warning, what, remedy));
        }
        match &self.kernel.ramdisk {
            Ramdisk::None => {
                let what = format!("{image} has no initial RAM disk: it must drive everything itself");
                self.tell(Finding::new("no-initramfs", Severity::Note, what, ""));
            }
            Ramdisk::Unreadable { path, error } => {
                let cause = std::error::Error::source(error).map(|cause| format!(" ({cause})"));
                let what = format!("{path} cannot be looked into: {error}{}", cause.unwrap_or_default());
                let remedy = "make it anew in the machine, or look whether it boots";
                let finding = Finding::new("initramfs-unreadable", Severity::Warning, what, remedy);
                self.tell(finding.at(path.clone()));
                verdict = Verdict::Unknown;
            }
            Ramdisk::Read(ramdisk) => {
                if let Some(sign) = residue::host_only(ramdisk) {
                    let what = format!(
                        "/{} was made by {} for the scanned machine only ({sign})",
                        ramdisk.path,
                        ramdisk.flavour.name()
                    );
                    let remedy = format!("to have it for every machine, {}", ramdisk.flavour.rebuild());
                    let finding = Finding::new("host-only-initramfs", Severity::Note, what, remedy);
                    self.tell(finding.at(format!("/{}", ramdisk.path)));
                }
            }
        }
        verdict
    }

    /// Whether all of `needs` are met, perhaps with modules that are added.
    fn needs(
        &mut self,
        needs: &[Need],
        controller: Option<DiskController>,
        targets: &[&'static str],
    ) -> Verdict {
        let (id, what) = match (controller, needs) {
            (Some(controller), _) => ("storage-driver", format!("disks on {}", controller.name())),
            (None, [need]) if *need == needs::DEVICE_MAPPER => ("lvm-driver", need.what.to_owned()),
            (None, _) => ("file-system-driver", needs.first().map_or("", |need| need.what).to_owned()),
        };
        let finding = |severity, text: String, remedy: String| Finding {
            controller,
            targets: targets.to_vec(),
            ..Finding::new(id, severity, text, remedy)
        };
        let image = &self.kernel.image;
        match self.lack(needs) {
            Lack::Nothing => Verdict::Boots,
            Lack::Unknown(need) => {
                let text = format!(
                    "whether {image} drives {} cannot be told: nothing says what is in it",
                    need.what
                );
                self.tell(finding(Severity::Warning, text, "scan the machine with /lib/modules".to_owned()));
                Verdict::Unknown
            }
            Lack::Driver(need) => {
                let text =
                    format!("the tree has no driver of {} for {image}: it does not find {what}", need.what);
                let remedy = "choose another controller for this target, or install the kernel's package with all modules";
                self.tell(finding(self.gravest, text, remedy.to_owned()));
                Verdict::DoesNotBoot
            }
            Lack::Modules(modules) => {
                let names = modules.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
                match (&self.kernel.ramdisk, self.question.policy) {
                    (Ramdisk::Read(ramdisk), InitramfsPolicy::Amend) => {
                        let text = format!("/{} lacks what {image} needs for {what}: {names}", ramdisk.path);
                        let remedy = "the modules are appended to it with all that they need".to_owned();
                        self.added.extend(modules);
                        self.tell(finding(Severity::Mended, text, remedy));
                        Verdict::Boots
                    }
                    (Ramdisk::Read(ramdisk), InitramfsPolicy::Keep) => {
                        let text = format!("/{} lacks what {image} needs for {what}: {names}", ramdisk.path);
                        let remedy = format!(
                            "let it be amended (--initramfs amend), or {}",
                            ramdisk.flavour.rebuild()
                        );
                        self.tell(finding(self.gravest, text, remedy));
                        Verdict::DoesNotBoot
                    }
                    (Ramdisk::Unreadable { .. }, _) => Verdict::Unknown,
                    (Ramdisk::None, _) => {
                        let text =
                            format!("{image} has no initial RAM disk to load {names} from, for {what}");
                        self.tell(finding(self.gravest, text, "make one in the machine".to_owned()));
                        Verdict::DoesNotBoot
                    }
                }
            }
        }
    }

    fn lack(&self, needs: &[Need]) -> Lack {
        let mut modules = BTreeSet::new();
        let mut unknown = None;
        for need in needs {
            match self.kernel.drives(need) {
                Drives::Yes => {}
                Drives::WithModules(missing) if self.has_files(&missing) => modules.extend(missing),
                Drives::WithModules(_) | Drives::No => return Lack::Driver(*need),
                Drives::Unknown => unknown = unknown.or(Some(*need)),
            }
        }
        match unknown {
            Some(need) => Lack::Unknown(need),
            None if modules.is_empty() => Lack::Nothing,
            None => Lack::Modules(modules),
        }
    }

    /// Whether the tree has the files of all these modules.
    fn has_files(&self, names: &BTreeSet<String>) -> bool {
        let Some(modules) = &self.kernel.modules else { return false };
        let has_file = |name: &String| {
            let module = modules.module(name);
            let path = module.map(|module| [modules.directory(), b"/", module.path.as_bytes()].concat());
            path.is_some_and(|path| self.question.tree.resolve(&path).is_some())
        };
        names.iter().all(has_file)
    }

    /// Tells what of the initial RAM disk's settings is stale: mended where that is wanted.
    fn residue(&mut self, residue: &Residue, ramdisk: &ReadRamdisk) {
        for finding in &residue.findings {
            let (severity, remedy) = match self.question.policy {
                InitramfsPolicy::Amend => (Severity::Mended, "the setting is replaced in it".to_owned()),
                InitramfsPolicy::Keep => (
                    Severity::Warning,
                    format!("let it be amended (--initramfs amend), or {}", ramdisk.flavour.rebuild()),
                ),
            };
            let path = Some(format!("/{}", ramdisk.path));
            self.tell(Finding { severity, remedy, path, ..finding.clone() });
        }
    }

    /// What keeps logical volumes from being found.
    fn logical_volumes(&mut self, ramdisk: &ReadRamdisk) -> Verdict {
        let path = format!("/{}", ramdisk.path);
        if !["sbin/lvm", "usr/sbin/lvm", "usr/bin/lvm"].iter().any(|program| ramdisk.has(program)) {
            let what = format!("{path} has no lvm program to activate the volumes");
            let finding = Finding::new("lvm-program", self.gravest, what, ramdisk.flavour.rebuild());
            self.tell(finding.at(path));
            return Verdict::DoesNotBoot;
        }
        let devices = ramdisk.tree.content(b"etc/lvm/devices/system.devices").is_some();
        let settings = ramdisk.tree.content(b"etc/lvm/lvm.conf").unwrap_or_default();
        let is_filter = |line: &[u8]| {
            let line = line.trim_ascii_start();
            line.starts_with(b"filter") || line.starts_with(b"global_filter")
        };
        if devices || settings.split(|byte| *byte == b'\n').any(is_filter) {
            let which =
                if devices { "etc/lvm/devices/system.devices" } else { "the filter in etc/lvm/lvm.conf" };
            let what = format!("{which} in {path} may hide the new disk from LVM");
            self.tell(
                Finding::new("lvm-filter", Severity::Warning, what, ramdisk.flavour.rebuild()).at(path),
            );
        }
        Verdict::Boots
    }

    fn amend(&mut self, ramdisk: &ReadRamdisk, residue: &Residue) -> Result<Option<Amendment>> {
        let is_nothing = self.added.is_empty() && residue.files.is_empty() && residue.masked.is_empty();
        if self.question.policy == InitramfsPolicy::Keep || is_nothing {
            return Ok(None);
        }
        let modules = self.kernel.modules.as_ref();
        let (tree, timestamp) = (self.question.tree, self.question.timestamp);
        let archive = archive(tree, ramdisk, modules, &self.added, residue, timestamp)?;
        let after = format!(
            "{} bytes behind what was there, an archive with {}",
            archive.appended.bytes.len(),
            archive.names.join(", ").as_bytes().escape_ascii_path()
        );
        Ok(Some(Amendment { path: ramdisk.path.clone(), appended: archive.appended, after }))
    }

    fn tell(&mut self, finding: Finding) {
        self.findings.push(finding);
    }
}

/// What an initial RAM disk mounts itself.
const MOUNTED_EARLY: [&[u8]; 2] = [b"/", b"/usr"];
