use super::files::{BootFiles, Found, Owner, names};
use super::grub_bios::{CORE_MODULES, CoreSearch, GrubBuild, GrubCore};
use crate::guest::{Architecture, GuestWorkspace};
use crate::tree::{Findings, Severity};
use crate::{Error, ErrorKind, Result};

/// A GRUB build for BIOS that was found.
#[derive(Debug)]
pub(super) struct BiosLoader {
    build: GrubBuild,
    owner: Owner,
    /// The build's directory in its owner's tree.
    directory: String,
}

/// What GRUB's core must read besides ext on a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CoreNeeds {
    /// GRUB's directory may be on a FAT file system.
    pub(super) fat: bool,
    /// What is on logical volumes.
    pub(super) lvm: LvmNeed,
}

/// Which of the disk's file systems are on logical volumes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum LvmNeed {
    /// None.
    #[default]
    None,
    /// Some, on which a menu may look for a font; not the one with GRUB's directory.
    Others,
    /// The one with GRUB's directory.
    Boot,
}

/// Looks for a GRUB build in the tree, else in the donor.
///
/// # Errors
/// In strict mode `ErrorKind::Source` for a damaged build where another one is used.
pub(super) fn find(
    files: &BootFiles<'_>,
    architecture: Architecture,
    findings: &mut Findings,
) -> Result<Result<BiosLoader, String>> {
    if !matches!(architecture, Architecture::X86 | Architecture::X86_64) {
        return Ok(Err(format!("{} machines have no BIOS", architecture.name())));
    }
    let mut damaged: Vec<(&str, String)> = Vec::new();
    for (owner, tree) in files.owners() {
        for &directory in directories(owner) {
            match GrubBuild::load(tree, directory.as_bytes()) {
                Ok(build) => {
                    for (path, text) in &damaged {
                        let text = format!("GRUB's files here are not used: {text}");
                        findings.record(Severity::Warning, "grub-build", path.as_bytes(), text)?;
                    }
                    return Ok(Ok(BiosLoader { build, owner, directory: directory.to_owned() }));
                }
                // Nothing is there.
                Err(error) if error.kind() == ErrorKind::Unsupported => {}
                Err(error) => damaged.push((directory, error.to_string())),
            }
        }
    }
    let mut lack =
        "there are no files of GRUB for BIOS in /usr/lib/grub/i386-pc or /boot/grub/i386-pc (package \
                    grub-pc-bin or grub2-pc-modules)"
            .to_owned();
    for (_, text) in damaged {
        lack.push_str(&format!("; {text}"));
    }
    Ok(Err(lack))
}

impl BiosLoader {
    /// Puts the build's modules, and images for the guest's own tools, into GRUB's directory of the tree.
    pub(super) fn install(
        &self,
        files: &BootFiles<'_>,
        workspace: &mut GuestWorkspace<'_>,
        grub_directory: &str,
        core: &GrubCore,
    ) -> Result<()> {
        let target = format!("{grub_directory}/i386-pc");
        let owner = files.tree_of(self.owner);
        for name in names(owner, &self.directory) {
            let wanted = [".mod", ".lst"].iter().any(|end| name.ends_with(end));
            let Some(found) = files.find(self.owner, &[format!("{}/{name}", self.directory)]) else {
                continue;
            };
            let path = format!("{target}/{name}");
            if wanted && !is_same(files, &found, &path)? {
                self.put(files, workspace, &found, &path)?;
            }
        }
        let reason = "GRUB's own tools look for the images that boot this disk";
        workspace.write(format!("{target}/boot.img").as_bytes(), self.build.boot_image().to_vec(), reason)?;
        workspace.write(format!("{target}/core.img").as_bytes(), core.image().to_vec(), reason)
    }

    /// Whether the build has the module that reads logical volumes.
    pub(super) fn reads_lvm(&self, files: &BootFiles<'_>) -> bool {
        files.find(self.owner, &[format!("{}/lvm.mod", self.directory)]).is_some()
    }

    /// The core that finds GRUB's directory.
    ///
    /// # Errors
    /// `ErrorKind::Unsupported` when that is on a logical volume and the build has no module for LVM.
    pub(super) fn core(
        &self,
        files: &BootFiles<'_>,
        search: CoreSearch<'_>,
        needs: CoreNeeds,
    ) -> Result<GrubCore> {
        let has_lvm = self.reads_lvm(files);
        if needs.lvm == LvmNeed::Boot && !has_lvm {
            let text = "GRUB's directory is on a logical volume, and its build for BIOS has no module lvm: give /boot a \
                        partition of its own, or make the groups flat (--lvm flatten)";
            let path = format!("{}/lvm.mod", self.directory);
            return Err(Error::new(ErrorKind::Unsupported, text).with_path(path).with_field("volume_groups"));
        }
        let mut modules = CORE_MODULES.to_vec();
        modules.extend(needs.fat.then_some("fat"));
        modules.extend((needs.lvm != LvmNeed::None && has_lvm).then_some("lvm"));
        if modules.len() == CORE_MODULES.len() {
            return self.build.assemble(search);
        }
        let tree = files.tree_of(self.owner);
        GrubBuild::load_with(tree, self.directory.as_bytes(), &modules)?.assemble(search)
    }

    fn put(
        &self,
        files: &BootFiles<'_>,
        workspace: &mut GuestWorkspace<'_>,
        found: &Found,
        path: &str,
    ) -> Result<()> {
        let reason = "GRUB loads its modules from here, of the same build as its core";
        match self.owner {
            Owner::Tree => workspace.copy(&found.path, path.as_bytes(), reason),
            Owner::Donor => workspace.write(path.as_bytes(), files.read(found)?, reason),
        }
    }
}

/// Whether the tree has the same content at `path`.
fn is_same(files: &BootFiles<'_>, found: &Found, path: &str) -> Result<bool> {
    match files.find(Owner::Tree, &[path.to_owned()]) {
        Some(standing) if standing.size == found.size => Ok(files.read(&standing)? == files.read(found)?),
        _ => Ok(false),
    }
}

/// Where distributions keep a build, packaged ones first.
fn directories(owner: Owner) -> &'static [&'static str] {
    match owner {
        Owner::Tree => PACKAGED.split_at(5).0,
        Owner::Donor => &PACKAGED,
    }
}

const PACKAGED: [&str; 7] = [
    "usr/lib/grub/i386-pc",
    "usr/share/grub2/i386-pc",
    "usr/lib/grub2/i386-pc",
    "boot/grub/i386-pc",
    "boot/grub2/i386-pc",
    "i386-pc",
    "",
];
