//! The boot menu: `grub.cfg`, entries of the Boot Loader Specification, and the files from which they are made.
//!
//! A menu that is true for the new disk stays to the byte; one that is not is mended; one that could boot nothing is
//! made anew from the kernels of the tree.

mod defaults;
mod entries;
mod environment;
mod generate;
mod options;
mod script;

use super::kernels::Kernel;
use crate::guest::GuestWorkspace;
use crate::tree::{Findings, Severity};
use crate::{Error, ErrorKind, Result};
use defaults::Defaults;
use options::OptionRules;
use script::Usability;

/// What menus must know of the new disk.
#[derive(Clone, Copy, Debug)]
pub struct MenuRequest<'a> {
    /// UUID of the root file system.
    pub root_uuid: &'a str,
    /// UUID of the file system at `/boot`, when that is one of its own.
    pub separate_boot_uuid: Option<&'a str>,
    /// UUID of the swap space, if there is one.
    pub swap_uuid: Option<&'a str>,
    /// How options of a kernel name the root file system, where not by its UUID: the path of a logical volume.
    pub root_device: Option<&'a str>,
    /// How they name the swap space, where not by its UUID.
    pub swap_device: Option<&'a str>,
    /// Further device specifications that are true on the new disk: `LABEL=…`, `PARTUUID=…`, `UUID=…`.
    pub known: &'a [String],
    /// Those of them that name the root file system.
    pub root_names: &'a [String],
    /// Those of them that name swap space.
    pub swap_names: &'a [String],
    /// Identifiers that change: old, new.
    pub renamed: &'a [(String, String)],
    /// Kernel parameters of the profile.
    pub parameters: &'a [String],
    /// The command line that the machine ran with, from its report.
    pub scanned_cmdline: Option<&'a str>,
}

/// Where the menu came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MenuOrigin {
    /// The tree's own, unchanged.
    Kept,
    /// The tree's own, mended.
    Fixed,
    /// Made from the kernels of the tree.
    Generated,
    /// There is no kernel to boot and no menu.
    Missing,
}

/// The menu that was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Menu {
    /// GRUB's directory in the tree: `boot/grub` or `boot/grub2`.
    pub directory: &'static str,
    /// Where its `grub.cfg` came from.
    pub origin: MenuOrigin,
}

impl MenuRequest<'_> {
    /// UUID of the file system that holds `/boot`.
    pub fn boot_uuid(&self) -> &str {
        self.separate_boot_uuid.unwrap_or(self.root_uuid)
    }

    /// The root file system as an option of a kernel: `root=…`.
    pub fn root_option(&self) -> String {
        match self.root_device {
            Some(device) => format!("root={device}"),
            None => format!("root=UUID={}", self.root_uuid),
        }
    }

    /// The path of a file of the tree within the file system that holds it.
    pub fn path_of(&self, path: &str) -> String {
        self.place_of(path).1
    }

    /// The file system that holds a file of the tree, and the file's path there.
    fn place_of(&self, path: &str) -> (&str, String) {
        match (self.separate_boot_uuid, path.strip_prefix("boot/")) {
            (Some(boot), Some(path)) => (boot, format!("/{path}")),
            _ => (self.root_uuid, format!("/{path}")),
        }
    }
}

/// Checks that kernel parameters can stand in every menu as they are.
///
/// # Errors
/// `ErrorKind::InvalidProfile` naming a parameter with white space, quotes or other characters special to GRUB or the
/// shell, all such parameters at once.
pub fn check_parameters(parameters: &[String]) -> Result<()> {
    let refused =
        parameters.iter().filter(|parameter| parameter.is_empty() || !generate::is_plain_option(parameter));
    let problems = refused.map(|parameter| {
        let text = format!("the kernel parameter {parameter:?} has characters that boot menus cannot hold");
        Error::new(ErrorKind::InvalidProfile, text).with_field("kernelParameters")
    });
    Error::collect(problems.collect())
}

/// Keeps, mends or makes the menu of the tree, through edits of `workspace`.
///
/// # Errors
/// As [`check_parameters`]; those of reading the tree; in strict mode `ErrorKind::Source` where a menu had to be
/// replaced.
pub fn prepare(
    workspace: &mut GuestWorkspace<'_>,
    request: &MenuRequest<'_>,
    kernels: &[Kernel],
    findings: &mut Findings,
) -> Result<Menu> {
    check_parameters(request.parameters)?;
    let rules = rules(request);
    let defaults = Defaults::read(workspace)?;
    let directory = grub_directory(workspace);
    let path = format!("{directory}/grub.cfg").into_bytes();
    let origin = match usable_script(workspace, &path, kernels, findings)? {
        Some(script) => {
            let fixed = script::fixed(&script, workspace, request, &rules);
            let origin = if fixed == script { MenuOrigin::Kept } else { MenuOrigin::Fixed };
            let reason = "the boot menu must find this disk's file systems and pass the options asked for";
            workspace.write(&path, fixed.into_bytes(), reason)?;
            origin
        }
        None if kernels.is_empty() => MenuOrigin::Missing,
        None => {
            let menu = generate::generated(workspace, request, &rules, &defaults, kernels)?;
            let reason = "there is no boot menu that starts a kernel of the tree";
            workspace.write(&path, menu.into_bytes(), reason)?;
            MenuOrigin::Generated
        }
    };
    entries::update(workspace, request, &rules)?;
    update_environment(workspace, directory, &rules, findings)?;
    defaults::update(workspace, &rules, request.parameters)?;
    Ok(Menu { directory, origin })
}

/// The options for kernels behind `root=`, as a new menu passes them.
pub(super) fn kernel_options(workspace: &GuestWorkspace<'_>, request: &MenuRequest<'_>) -> Result<String> {
    Ok(generate::kernel_options(request, &rules(request), &Defaults::read(workspace)?))
}

/// Makes menus and entries on the scanned EFI system partition, below the directory `esp`, true for the new disk.
pub(super) fn update_scanned_esp(
    workspace: &mut GuestWorkspace<'_>,
    request: &MenuRequest<'_>,
    esp: &str,
) -> Result<()> {
    let rules = rules(request);
    let reason = "what the EFI system partition starts must be on this disk";
    for path in esp_scripts(workspace, esp) {
        if let Some(Ok(script)) = workspace.read(&path)?.map(String::from_utf8) {
            let fixed = script::fixed(&script, workspace, request, &rules);
            workspace.write(&path, fixed.into_bytes(), reason)?;
        }
    }
    for path in defaults::files_below(workspace, format!("{esp}/loader/entries").as_bytes()) {
        if let Some(Ok(entry)) = workspace.read(&path)?.map(String::from_utf8) {
            let fixed = entries::fixed(&entry, &rules, str::to_owned);
            workspace.write(&path, fixed.into_bytes(), reason)?;
        }
    }
    Ok(())
}

/// Options of a kernel's command line, made true for the new disk; the profile's parameters are not appended.
pub(super) fn true_options(request: &MenuRequest<'_>, options: &str) -> String {
    rules(request).without_appended().fixed(options)
}

/// Whether one of `names` is the device specification `spec`, however either is written.
pub(super) fn is_among(names: &[String], spec: &str) -> bool {
    names.iter().any(|name| options::normal_spec(name) == options::normal_spec(spec))
}

fn rules<'a>(request: &MenuRequest<'a>) -> OptionRules<'a> {
    let MenuRequest { root_uuid, swap_uuid, known, renamed, parameters, separate_boot_uuid, .. } = *request;
    let boot = separate_boot_uuid.map(|uuid| format!("UUID={uuid}"));
    let known: Vec<String> = known.iter().cloned().chain(boot).collect();
    OptionRules::new(root_uuid, swap_uuid, &known, renamed, parameters)
        .with_names(request.root_names, request.swap_names)
        .with_logical_volumes(request.root_device, request.swap_device)
}

/// Paths of all `grub.cfg` of the vendors of an EFI system partition.
fn esp_scripts(workspace: &GuestWorkspace<'_>, esp: &str) -> Vec<Vec<u8>> {
    let vendors = super::files::names(workspace.tree(), &format!("{esp}/EFI"));
    let scripts = vendors.into_iter().map(|vendor| format!("{esp}/EFI/{vendor}/grub.cfg").into_bytes());
    scripts.filter(|path| workspace.exists(path)).collect()
}

/// Where the distribution keeps GRUB's files.
pub(super) fn grub_directory(workspace: &GuestWorkspace<'_>) -> &'static str {
    let exists = |path: &str| workspace.exists(path.as_bytes());
    let tools_are_grub2 = exists("usr/sbin/grub2-mkconfig") || exists("usr/bin/grub2-editenv");
    match (exists("boot/grub/grub.cfg"), exists("boot/grub2/grub.cfg")) {
        (true, false) => "boot/grub",
        (false, true) => "boot/grub2",
        _ if tools_are_grub2 => "boot/grub2",
        (false, false) if exists("boot/grub2") && !exists("boot/grub") => "boot/grub2",
        _ => "boot/grub",
    }
}

/// The tree's `grub.cfg`, if it boots something.
fn usable_script(
    workspace: &GuestWorkspace<'_>,
    path: &[u8],
    kernels: &[Kernel],
    findings: &mut Findings,
) -> Result<Option<String>> {
    let Some(bytes) = workspace.read(path)? else { return esp_menu(workspace) };
    let why = match String::from_utf8(bytes) {
        Err(_) => "it is not UTF-8",
        Ok(script) => match script::usability(&script, workspace) {
            Usability::Usable => return Ok(Some(script)),
            Usability::ReadsEntries if entries::any_is_usable(workspace)? => return Ok(Some(script)),
            Usability::ReadsEntries => "none of /boot/loader/entries starts a kernel of the tree",
            // Without a kernel nothing better can be made.
            Usability::Useless(_) if kernels.is_empty() => return Ok(Some(script)),
            Usability::Useless(why) => why,
        },
    };
    let text = format!("the tree's boot menu is replaced by a new one: {why}");
    findings.record(Severity::Warning, "menu-replaced", path, text)?;
    Ok(None)
}

/// A whole menu that the distribution keeps on the EFI system partition (RHEL 7 and 8), in commands for any firmware.
fn esp_menu(workspace: &GuestWorkspace<'_>) -> Result<Option<String>> {
    for path in esp_scripts(workspace, "boot/efi") {
        let Some(Ok(script)) = workspace.read(&path)?.map(String::from_utf8) else { continue };
        let usable = match script::usability(&script, workspace) {
            Usability::Usable => true,
            Usability::ReadsEntries => entries::any_is_usable(workspace)?,
            Usability::Useless(_) => false,
        };
        if usable {
            return Ok(Some(script.replace("linuxefi", "linux").replace("initrdefi", "initrd")));
        }
    }
    Ok(None)
}

fn update_environment(
    workspace: &mut GuestWorkspace<'_>,
    directory: &str,
    rules: &OptionRules<'_>,
    findings: &mut Findings,
) -> Result<()> {
    let path = format!("{directory}/grubenv").into_bytes();
    let Some(bytes) = workspace.read(&path)? else { return Ok(()) };
    match environment::fixed(&bytes, rules) {
        Some(fixed) => {
            let reason =
                "options that GRUB keeps there must be true for this disk; old boot failures are forgotten";
            workspace.write(&path, fixed, reason)
        }
        None => {
            let text = "GRUB's environment block is damaged or full: it stays as it is";
            findings.record(Severity::Warning, "grubenv", &path, text)
        }
    }
}

#[cfg(test)]
mod tests;
