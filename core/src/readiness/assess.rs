use std::collections::BTreeSet;

use super::amending::Made;
use super::early::EarlyRamdisks;
use super::judgement::{Judged, Wanted, judge};
use super::kernel::{Drives, ExaminedKernel};
use super::needs;
use super::{Finding, InitramfsPolicy, Prediction, Readiness, Severity, Verdict};
use crate::boot::{BootRequest, Kernel};
use crate::format::{DiskController, Firmware, Hardware, NetworkAdapter};
use crate::profile::{Firmware as WantedFirmware, FirmwareParts};
use crate::tree::{AppendedBytes, FileTree};
use crate::{Monitor, Result, Timestamp};

/// What is asked.
pub(crate) struct Question<'a> {
    pub(crate) tree: &'a FileTree,
    /// What was unpacked during the scan.
    pub(crate) early: &'a EarlyRamdisks,
    /// Newest first: the first one boots by default.
    pub(crate) kernels: &'a [Kernel],
    pub(crate) targets: Vec<Target<'a>>,
    pub(crate) request: &'a BootRequest<'a>,
    /// The firmwares for which the disk gets a loader.
    pub(crate) boots: FirmwareParts,
    /// What is missing for BIOS and for UEFI.
    pub(crate) lacks: [Option<String>; 2],
    /// What the order asks for.
    pub(crate) firmware: WantedFirmware,
    /// What the machine of the image has.
    pub(crate) machine: Firmware,
    /// Whether the loader for UEFI has kernels of its own.
    pub(crate) brings_kernels: bool,
    /// Initial RAM disks that edits of the guest have changed already, by their paths in the tree.
    pub(crate) edited: BTreeSet<String>,
    pub(crate) policy: InitramfsPolicy,
    pub(crate) timestamp: Timestamp,
    pub(crate) monitor: &'a Monitor,
}

/// A target of the order.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    /// Id of its format.
    pub(crate) id: &'static str,
    pub(crate) hardware: Hardware,
    /// Controllers that the order asks for besides those of its machines.
    pub(crate) asked: &'a [DiskController],
}

impl Target<'_> {
    /// Each controller once: those of its machines, then those that the order asks for.
    pub(super) fn controllers(&self) -> Vec<DiskController> {
        let mut controllers: Vec<DiskController> = Vec::new();
        for controller in self.hardware.controllers.iter().chain(self.asked) {
            if !controllers.contains(controller) {
                controllers.push(*controller);
            }
        }
        controllers
    }
}

/// What is foretold, and what makes it so.
pub(crate) struct Answer {
    pub(crate) readiness: Readiness,
    pub(crate) amendments: Vec<Amendment>,
}

/// What an initial RAM disk gets.
pub(crate) struct Amendment {
    /// Path in the tree, without a leading slash.
    pub(crate) path: String,
    pub(crate) appended: AppendedBytes,
    /// What it is, for the report.
    pub(crate) after: String,
}

/// Foretells whether the machines of the targets boot, and makes what their initial RAM disks lack.
///
/// Cost: reads the tables of up to four kernels, about 3 MiB each, and unpacks their initial RAM disks.
///
/// # Errors
/// Those of reading the tree, faults of the medium under an initial RAM disk or a module too. What stands there and cannot
/// be understood is a finding.
pub(crate) fn answer(question: &Question<'_>) -> Result<Answer> {
    let mut findings = Vec::new();
    let wanted = Wanted::of(question);
    let mut made: Vec<Made> = Vec::new();
    let mut first: Option<Judged> = None;
    for (at, kernel) in question.kernels.iter().take(MAX_KERNELS).enumerate() {
        question.monitor.check()?;
        let examined =
            ExaminedKernel::read(question.tree, kernel, question.early, &|| question.monitor.check())?;
        let mut judged = judge(question, &wanted, &examined, at == 0, &made)?;
        findings.append(&mut judged.findings);
        if at == 0 {
            network(question, &examined, &mut findings);
        }
        made.extend(judged.made.take());
        first.get_or_insert(judged);
    }
    if question.kernels.len() > MAX_KERNELS {
        let text =
            format!("only the newest {MAX_KERNELS} of {} kernels were looked into", question.kernels.len());
        findings.push(Finding::new("kernels-omitted", Severity::Note, text, ""));
    }
    if !question.targets.is_empty() {
        firmware(question, &mut findings);
    }
    let predictions = predictions(question, first.as_ref());
    let kernel = question.kernels.first().map(|kernel| format!("/{}", kernel.image));
    let readiness = Readiness { initramfs: question.policy, kernel, predictions, findings };
    Ok(Answer { readiness, amendments: made.into_iter().map(|made| made.amendment).collect() })
}

/// Loaders and kernels that are missing.
fn firmware(question: &Question<'_>, findings: &mut Vec<Finding>) {
    let boots_at_all = question.boots.bios || question.boots.uefi;
    for (firmware, lack) in [Firmware::Bios, Firmware::Uefi].into_iter().zip(&question.lacks) {
        if !is_wanted(question, firmware) || boots(question, firmware) {
            continue;
        }
        let lack = lack.as_deref().unwrap_or("the order asks for no loader");
        let severity = if boots_at_all { Severity::Note } else { Severity::Blocking };
        let what = format!("the disk does not boot under {}: {lack}", name_of(firmware));
        let remedy = "install such a loader in the machine, or give a directory that has one (--boot-files)";
        let finding = Finding::new("no-loader", severity, what, remedy);
        findings.push(Finding { firmware: Some(firmware), ..finding });
    }
    if question.brings_kernels && question.boots.uefi {
        let what = "the files of the scanned EFI system partition start a kernel of their own, which is not looked into";
        let finding = Finding::new("own-kernel", Severity::Note, what, "");
        findings.push(Finding { firmware: Some(Firmware::Uefi), ..finding });
    } else if question.kernels.is_empty() {
        let what = "the tree has no Linux kernel (/boot/vmlinuz-*) that the disk could boot";
        findings.push(Finding::new("no-kernel", Severity::Blocking, what, "scan the machine with its /boot"));
    }
}

/// Adapters that the kernel has no driver for: the machine boots, and nobody reaches it.
fn network(question: &Question<'_>, kernel: &ExaminedKernel, findings: &mut Vec<Finding>) {
    let mut adapters: Vec<NetworkAdapter> = Vec::new();
    for adapter in question.targets.iter().flat_map(|target| target.hardware.adapters) {
        if !adapters.contains(adapter) {
            adapters.push(*adapter);
        }
    }
    for adapter in adapters {
        let missing = needs::of_adapter(adapter).iter().find(|need| kernel.drives(need) == Drives::No);
        let Some(need) = missing else { continue };
        let what = format!("{} has no driver of {}", kernel.image, need.what);
        let remedy =
            "choose another adapter for this target, or install the kernel's package with all modules";
        let has = |target: &&Target| target.hardware.adapters.contains(&adapter);
        let targets = question.targets.iter().filter(has).map(|target| target.id).collect();
        let finding = Finding::new("network-driver", Severity::Warning, what, remedy);
        findings.push(Finding { targets, adapter: Some(adapter), ..finding });
    }
}

fn predictions(question: &Question<'_>, first: Option<&Judged>) -> Vec<Prediction> {
    let mut predictions = Vec::new();
    for target in &question.targets {
        let mut controllers: Vec<Option<DiskController>> =
            target.controllers().into_iter().map(Some).collect();
        if target.hardware.controllers.is_empty() {
            controllers.insert(0, None);
        }
        for controller in controllers {
            for firmware in [Firmware::Bios, Firmware::Uefi] {
                if !is_wanted(question, firmware) {
                    continue;
                }
                let verdict = match (boots(question, firmware), first) {
                    (false, _) => Verdict::DoesNotBoot,
                    (true, _) if firmware == Firmware::Uefi && question.brings_kernels => Verdict::Unknown,
                    (true, None) => Verdict::DoesNotBoot,
                    (true, Some(judged)) => judged.verdict(controller),
                };
                let expected = question.firmware != WantedFirmware::Auto || firmware == question.machine;
                predictions.push(Prediction { target: target.id, controller, firmware, expected, verdict });
            }
        }
    }
    predictions
}

/// Whether an order may want to boot under a firmware.
fn is_wanted(question: &Question<'_>, firmware: Firmware) -> bool {
    match question.firmware {
        WantedFirmware::Auto | WantedFirmware::Both => true,
        WantedFirmware::Bios => firmware == Firmware::Bios,
        WantedFirmware::Uefi => firmware == Firmware::Uefi,
    }
}

fn boots(question: &Question<'_>, firmware: Firmware) -> bool {
    match firmware {
        Firmware::Bios => question.boots.bios,
        Firmware::Uefi => question.boots.uefi,
    }
}

fn name_of(firmware: Firmware) -> &'static str {
    match firmware {
        Firmware::Bios => "BIOS",
        Firmware::Uefi => "UEFI",
    }
}

/// Machines keep two or three; each costs a second.
pub(super) const MAX_KERNELS: usize = 4;
