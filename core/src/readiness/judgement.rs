use std::collections::{BTreeMap, BTreeSet};

use super::amending::{Amending, Made, amending, amendment, with_cause};
use super::assess::Question;
use super::kernel::{Drives, ExaminedKernel, Ramdisk, ReadRamdisk, is_of_the_content};
use super::needs::{self, Need};
use super::residue::{self, Residue};
use super::{Finding, Severity, Verdict};
use crate::Result;
use crate::error::EscapePath;
use crate::format::DiskController;
use crate::guest::has_lvm_filters;
use crate::tree::Object;

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
    /// What it lacks and what else there is to know, in the order in which it was found.
    pub(super) findings: Vec<Finding>,
    pub(super) made: Option<Made>,
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
            for controller in target.controllers() {
                match controllers.iter_mut().find(|(known, _)| *known == controller) {
                    Some((_, targets)) => targets.push(target.id),
                    None => controllers.push((controller, vec![target.id])),
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
        if disk.starts_on_logical_volume() {
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

/// Foretells what a kernel does, and makes what its initial RAM disk lacks, which `made` has for other kernels.
///
/// Of the kernels that do not boot by default nothing is blocking.
///
/// # Errors
/// Faults of the medium under a module. Modules that cannot be understood are a finding, and nothing is made.
pub(super) fn judge(
    question: &Question<'_>,
    wanted: &Wanted,
    kernel: &ExaminedKernel,
    is_default: bool,
    made: &[Made],
) -> Result<Judged> {
    let judge = |amending| Judge {
        question,
        kernel,
        amending,
        gravest: if is_default { Severity::Blocking } else { Severity::Warning },
        added: BTreeSet::new(),
        findings: Vec::new(),
    };
    let Ramdisk::Read(ramdisk) = &kernel.ramdisk else {
        return Ok(judge(Amending::Kept).judged(wanted, None).0);
    };
    let residue = residue::of(ramdisk, question.request)?;
    let read = Some((ramdisk.as_ref(), &residue));
    let amending = amending(question, kernel, ramdisk, made);
    let is_to_be_made = matches!(amending, Amending::Done);
    let (mut judged, added) = judge(amending).judged(wanted, read);
    let is_nothing = added.is_empty() && residue.files.is_empty() && residue.masked.is_empty();
    if !is_to_be_made || is_nothing {
        return Ok(judged);
    }
    match amendment(question, kernel, ramdisk, &added, &residue) {
        Ok(amendment) => {
            let (inode, release) = (ramdisk.inode, kernel.release.clone());
            judged.made = Some(Made { inode, release, added, amendment });
            Ok(judged)
        }
        Err(error) if is_of_the_content(&error) => {
            Ok(judge(Amending::Refused(with_cause(&error))).judged(wanted, read).0)
        }
        Err(error) => Err(error),
    }
}

struct Judge<'a> {
    question: &'a Question<'a>,
    kernel: &'a ExaminedKernel,
    amending: Amending,
    /// What blocks.
    gravest: Severity,
    /// Modules that the initial RAM disk is to get.
    added: BTreeSet<String>,
    findings: Vec<Finding>,
}

impl Judge<'_> {
    /// What is foretold, and the modules that it takes.
    fn judged(
        mut self,
        wanted: &Wanted,
        ramdisk: Option<(&ReadRamdisk, &Residue)>,
    ) -> (Judged, BTreeSet<String>) {
        let mut all = self.ramdisk().max(self.asked_root());
        for need in &wanted.volumes {
            all = all.max(self.needs(&[*need], None, &[]));
        }
        let mut controllers = BTreeMap::new();
        for (controller, targets) in &wanted.controllers {
            let verdict = self.needs(needs::of_controller(*controller), Some(*controller), targets);
            controllers.insert(*controller, verdict);
        }
        if let Some((ramdisk, residue)) = ramdisk {
            self.residue(residue, ramdisk);
            if self.question.request.disk.starts_on_logical_volume() {
                all = all.max(self.logical_volumes(ramdisk));
            }
        }
        (Judged { all, controllers, findings: self.findings, made: None }, self.added)
    }

    /// What there is to say of the initial RAM disk itself.
    fn ramdisk(&mut self) -> Verdict {
        let image = &self.kernel.image;
        let mut verdict = Verdict::Boots;
        for path in &self.kernel.too_large {
            let path = format!("/{}", path.escape_ascii_path());
            let what = format!("{path} is too large to be read: what it says of {image} is not known");
            self.tell(Finding::new("table-too-large", Severity::Warning, what, "").at(path));
        }
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
                verdict = self.root_without_ramdisk();
            }
            Ramdisk::Unreadable { path, error } => {
                let what = format!("{path} cannot be looked into: {}", with_cause(error));
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

    /// Whether a kernel finds the root by itself: it knows partitions, and neither file systems' identifiers nor volumes.
    ///
    /// # Reference
    /// Linux, `block/early-lookup.c`, `early_lookup_bdev`.
    fn root_without_ramdisk(&mut self) -> Verdict {
        let request = self.question.request;
        let is_on_volume = request.disk.mounted_at(b"/").is_some_and(|root| root.logical_volume.is_some());
        let image = &self.kernel.image;
        let remedy = "make one in the machine, or name the root by root=PARTUUID=";
        let (what, severity, verdict) = match (is_on_volume, needs::root_partition(request)) {
            (false, Some(true)) => return Verdict::Boots,
            (false, None) => {
                let what = format!("{image} has no initial RAM disk, and nothing says how it finds the root");
                (what, Severity::Warning, Verdict::Unknown)
            }
            (true, _) | (false, Some(false)) => {
                let named = if is_on_volume { "is a logical volume" } else { "is named by what is in it" };
                let what = format!("the root {named}: {image} finds it with an initial RAM disk only");
                (what, self.gravest, Verdict::DoesNotBoot)
            }
        };
        self.tell(Finding::new("root-without-initramfs", severity, what, remedy));
        verdict
    }

    /// Whether a root that the order's kernel parameters name is on the disk. Menus' own options are made true; parameters
    /// are passed as they are, and come last.
    ///
    /// # Reference
    /// Linux, `Documentation/admin-guide/kernel-parameters.txt`, `root=`.
    fn asked_root(&mut self) -> Verdict {
        let request = self.question.request;
        let Some(option) = needs::asked_root(request) else { return Verdict::Boots };
        if request.true_options(option).is_ok_and(|made_true| made_true == option) {
            return Verdict::Boots;
        }
        let value = option.trim_start_matches("root=");
        // Whether a disk is called so depends on the machine, and whether an initial RAM disk makes a logical volume active that it is
        // not given the path of depends on its scripts.
        let is_device = value.strip_prefix("/dev/").is_some_and(|name| !name.contains('/'));
        let is_root = request.names_root(value);
        let (severity, verdict) = match is_device || is_root {
            true => (Severity::Warning, Verdict::Unknown),
            false => (self.gravest, Verdict::DoesNotBoot),
        };
        let what = match is_root {
            true => format!(
                "the kernel parameter {option} names the root's logical volume by what is in it, not by its path"
            ),
            false => format!("the kernel parameter {option} does not name the new disk's root file system"),
        };
        let remedy = "leave it out: boot menus name the root of the new disk";
        self.tell(Finding::new("stale-root", severity, what, remedy));
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
                let (why, remedy) = match &self.kernel.ramdisk {
                    Ramdisk::Unreadable { .. } => {
                        ("its initial RAM disk cannot be looked into", "look whether it boots")
                    }
                    _ => ("nothing says what is in it", "scan the machine with /lib/modules"),
                };
                let text = format!("whether {image} drives {} cannot be told: {why}", need.what);
                self.tell(finding(Severity::Warning, text, remedy.to_owned()));
                Verdict::Unknown
            }
            Lack::Driver(need) => {
                let text =
                    format!("the tree has no driver of {} for {image}: it does not find {what}", need.what);
                let remedy = "choose another controller for this target, or install the kernel's package with all modules";
                self.tell(finding(self.gravest, text, remedy.to_owned()));
                Verdict::DoesNotBoot
            }
            Lack::Modules(modules) => match &self.kernel.ramdisk {
                Ramdisk::Read(ramdisk) => {
                    let (verdict, made) = self.lacking(ramdisk, &what, modules);
                    if let Some((severity, text, remedy)) = made {
                        let is_refused = matches!(self.amending, Amending::Refused(_) | Amending::Shared(_));
                        let made = finding(severity, text, remedy);
                        let id = if is_refused { "initramfs-not-amended" } else { id };
                        self.tell(Finding { id, ..made });
                    }
                    verdict
                }
                Ramdisk::Unreadable { .. } => Verdict::Unknown,
                Ramdisk::None => {
                    let names = in_words(&modules);
                    let text = format!("{image} has no initial RAM disk to load {names} from, for {what}");
                    self.tell(finding(self.gravest, text, "make one in the machine".to_owned()));
                    Verdict::DoesNotBoot
                }
            },
        }
    }

    /// What it means that an initial RAM disk lacks modules, and how it is told.
    fn lacking(
        &mut self,
        ramdisk: &ReadRamdisk,
        what: &str,
        modules: BTreeSet<String>,
    ) -> (Verdict, Option<(Severity, String, String)>) {
        let lacks = format!(
            "/{} lacks what {} needs for {what}: {}",
            ramdisk.path,
            self.kernel.image,
            in_words(&modules)
        );
        let rebuild = ramdisk.flavour.rebuild();
        match &self.amending {
            Amending::Done => {
                self.added.extend(modules);
                let remedy = "the modules are appended to it with all that they need".to_owned();
                (Verdict::Boots, Some((Severity::Mended, lacks, remedy)))
            }
            Amending::Kept => {
                let remedy = format!("let it be amended (--initramfs amend), or {rebuild}");
                (Verdict::DoesNotBoot, Some((self.gravest, lacks, remedy)))
            }
            Amending::Shared(given) if modules.is_subset(given) => (Verdict::Boots, None),
            Amending::Shared(_) => {
                let text = format!("{lacks}; it is amended for another kernel that has it too");
                (Verdict::DoesNotBoot, Some((self.gravest, text, rebuild.to_owned())))
            }
            Amending::Refused(cause) => {
                let text = format!("{lacks}; it cannot be amended: {cause}");
                (Verdict::DoesNotBoot, Some((self.gravest, text, rebuild.to_owned())))
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
            let node = path.and_then(|path| self.question.tree.resolve(&path));
            let inode = node.map(|node| self.question.tree.inode(self.question.tree.inode_of(node)));
            inode.is_some_and(|inode| matches!(inode.object, Object::File { .. }))
        };
        names.iter().all(has_file)
    }

    /// Tells what of the initial RAM disk's settings is stale: mended where that is wanted.
    fn residue(&mut self, residue: &Residue, ramdisk: &ReadRamdisk) {
        let rebuild = ramdisk.flavour.rebuild();
        let (severity, remedy) = match &self.amending {
            Amending::Done => (Severity::Mended, "the setting is replaced in it".to_owned()),
            Amending::Kept => {
                (Severity::Warning, format!("let it be amended (--initramfs amend), or {rebuild}"))
            }
            // It was told of the other kernel.
            Amending::Shared(_) => return,
            Amending::Refused(_) => (Severity::Warning, rebuild.to_owned()),
        };
        for finding in &residue.findings {
            let remedy = remedy.clone();
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
        if devices || has_lvm_filters(settings) {
            let which =
                if devices { "etc/lvm/devices/system.devices" } else { "the filter in etc/lvm/lvm.conf" };
            let what = format!("{which} in {path} may hide the new disk from LVM");
            self.tell(
                Finding::new("lvm-filter", Severity::Warning, what, ramdisk.flavour.rebuild()).at(path),
            );
        }
        Verdict::Boots
    }

    fn tell(&mut self, finding: Finding) {
        self.findings.push(finding);
    }
}

fn in_words(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// What an initial RAM disk mounts itself.
const MOUNTED_EARLY: [&[u8]; 2] = [b"/", b"/usr"];
