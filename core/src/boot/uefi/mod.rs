//! What stands on the EFI system partition so that a machine without boot variables starts the tree's Linux.
//!
//! ```text
//! \EFI\BOOT\BOOTX64.EFI   shim, GRUB or systemd-boot: what firmware starts when it knows nothing
//! \EFI\BOOT\grubx64.efi   GRUB, where a shim starts it
//! \EFI\BOOT\grub.cfg      finds the file system with the menu; the same in \EFI\<vendor>
//! \…                      what the machine's own partition held
//! ```

mod loaders;
mod names;
mod systemd_boot;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::files::{BootFiles, Found, Owner};
use super::kernels::Kernel;
use super::menu::MenuRequest;
use crate::filesystem::fat32::{Fat32Content, Fat32File, files_of};
use crate::guest::{Architecture, GuestWorkspace, OsRelease};
use crate::tree::{FileTree, Findings, Object, Severity, TreeView};
use crate::{Error, ErrorKind, Result, Timestamp};
use loaders::Loader;
use names::Names;

/// A loader for UEFI that was found.
#[derive(Clone, Debug)]
pub(super) struct UefiLoader {
    names: Names,
    loader: Loader,
    /// Where the tree keeps the files of its EFI system partition, if it has such a directory.
    esp: Option<String>,
}

/// The files of an EFI system partition.
#[derive(Clone, Debug)]
pub struct EspPlan {
    /// Made or chosen for this disk; they go before scanned ones of the same path.
    files: Vec<EspFile>,
    /// Directory of the tree with the scanned ones.
    scanned: Option<String>,
    /// Bytes of all of them.
    content_size: u64,
}

/// A file for the EFI system partition.
#[derive(Clone, Debug, PartialEq, Eq)]
struct EspFile {
    /// From the partition's root, with slashes.
    path: String,
    content: EspContent,
}

/// What an [`EspFile`] holds.
#[derive(Clone, Debug, PartialEq, Eq)]
enum EspContent {
    /// A file of the tree.
    Tree {
        path: Vec<u8>,
        size: u64,
    },
    Bytes(Arc<[u8]>),
}

/// What a disk lacks to boot under a firmware, in words that follow "because".
pub(super) type Lack = String;

/// Looks for a loader in the tree, else in the donor.
pub(super) fn find(
    files: &BootFiles<'_>,
    architecture: Architecture,
    kernels: &[Kernel],
) -> Result<Result<UefiLoader, Lack>> {
    let Some(names) = Names::of(architecture) else {
        return Ok(Err(format!("UEFI does not boot {} machines from disks made here", architecture.name())));
    };
    let esp = esp_directory(files.tree);
    let Some(loader) = loaders::find(files, &names, esp.as_deref())? else {
        let (shim, grub, systemd) = (names.file("shim"), names.file("grub"), names.file("systemd-boot"));
        return Ok(Err(format!(
            "there is no loader for UEFI: neither {shim}.signed with {grub}.signed (packages shim-signed and \
             grub-efi-*-signed), nor /usr/lib/grub/{}/monolithic/{grub} (grub-efi-*-bin), nor {systemd} \
             (systemd-boot-efi), nor the files of an EFI system partition in /boot/efi",
            names.grub_platform
        )));
    };
    if let Loader::SystemdBoot(_) = loader
        && let Some(kernel) = kernels.first()
        && !is_executable(files.tree, &kernel.image)?
    {
        return Ok(Err(format!("systemd-boot cannot start /{}: it has no EFI stub", kernel.image)));
    }
    Ok(Ok(UefiLoader { names, loader, esp }))
}

impl UefiLoader {
    /// Whether the loader brings kernels of its own.
    pub(super) fn is_self_contained(&self) -> bool {
        self.loader == Loader::Scanned
    }

    /// Chooses the files of the partition. `grub_directory` is GRUB's in the tree.
    pub(super) fn prepare(
        &self,
        files: &BootFiles<'_>,
        workspace: &mut GuestWorkspace<'_>,
        request: &MenuRequest<'_>,
        grub_directory: &str,
        kernels: &[Kernel],
        findings: &mut Findings,
    ) -> Result<EspPlan> {
        if let Some(esp) = &self.esp {
            super::menu::update_scanned_esp(workspace, request, esp)?;
        }
        let mut made = match &self.loader {
            Loader::Grub { shim, grub, mok_manager, vendor } => {
                let mut made = self.grub_files(files, shim.as_ref(), grub, mok_manager.as_ref())?;
                let vendor = vendor.clone().or(vendor_of(workspace)?);
                let stub = stub(request, grub_directory);
                let folders = [Some("BOOT".to_owned()), vendor].into_iter().flatten();
                made.extend(folders.map(|folder| text_file(&format!("EFI/{folder}/grub.cfg"), stub.clone())));
                made
            }
            Loader::SystemdBoot(found) => {
                self.systemd_boot_files(files, found, workspace, request, kernels)?
            }
            Loader::Scanned => {
                let text = "the machine's own loader at the removable path is kept; whether it starts this disk is not known";
                findings.record(Severity::Warning, "scanned-loader", b"boot/efi", text)?;
                Vec::new()
            }
        };
        made.retain(
            |file| !matches!(&file.content, EspContent::Tree { path, .. } if self.is_there(path, &file.path)),
        );
        Ok(self.plan(workspace.tree(), made))
    }

    fn plan(&self, tree: &FileTree, files: Vec<EspFile>) -> EspPlan {
        let scanned = self.esp.clone();
        let mut content_size: u64 = files.iter().map(EspFile::size).fold(0, u64::saturating_add);
        if let Some(node) = scanned.as_ref().and_then(|esp| tree.resolve(esp.as_bytes())) {
            for node in tree.subtree(node) {
                if let Object::File { size, .. } = tree.inode(tree.inode_of(node)).object {
                    content_size = content_size.saturating_add(size);
                }
            }
        }
        EspPlan { files, scanned, content_size }
    }

    /// Whether a file of the scanned partition stands at just this place already.
    fn is_there(&self, path: &[u8], esp_path: &str) -> bool {
        self.esp.as_ref().is_some_and(|esp| path == format!("{esp}/{esp_path}").as_bytes())
    }

    fn grub_files(
        &self,
        files: &BootFiles<'_>,
        shim: Option<&Found>,
        grub: &Found,
        mok_manager: Option<&Found>,
    ) -> Result<Vec<EspFile>> {
        let removable = format!("EFI/BOOT/{}", self.names.removable);
        let beside = |name: &str| format!("EFI/BOOT/{}", self.names.file(name));
        let Some(shim) = shim else { return Ok(vec![copied(files, removable, grub)?]) };
        let mut made = vec![copied(files, removable, shim)?, copied(files, beside("grub"), grub)?];
        if let Some(mok_manager) = mok_manager {
            made.push(copied(files, beside("mm"), mok_manager)?);
        }
        Ok(made)
    }

    fn systemd_boot_files(
        &self,
        files: &BootFiles<'_>,
        found: &Found,
        workspace: &GuestWorkspace<'_>,
        request: &MenuRequest<'_>,
        kernels: &[Kernel],
    ) -> Result<Vec<EspFile>> {
        let own = format!("EFI/systemd/{}", self.names.file("systemd-boot"));
        let mut made = vec![
            copied(files, format!("EFI/BOOT/{}", self.names.removable), found)?,
            copied(files, own, found)?,
        ];
        let has_entries = self.esp.as_ref().is_some_and(|esp| {
            let entries = super::files::names(files.tree, &format!("{esp}/loader/entries"));
            entries.iter().any(|name| name.ends_with(".conf"))
        });
        if !has_entries {
            let name = OsRelease::of(workspace)?.map_or_else(String::new, |os| os.pretty_name);
            let title = if name.is_empty() { "Linux" } else { &name };
            made.extend(systemd_boot::files(workspace, request, kernels, title)?);
        }
        Ok(made)
    }
}

impl EspPlan {
    /// Bytes of the files, without what the file system adds.
    pub fn content_size(&self) -> u64 {
        self.content_size
    }

    /// Directory of the tree whose content goes to the partition, without a leading slash: the root file system shows
    /// it empty, as a mount point.
    pub fn scanned_directory(&self) -> Option<&str> {
        self.scanned.as_deref()
    }

    /// The files for the FAT32 file system, with those of the scanned partition. `tree` is the tree with all edits,
    /// `modified` the time of files made here.
    ///
    /// # Errors
    /// As [`files_of`]; `ErrorKind::Internal` when a file of the plan is not in the tree.
    pub fn fat32_files(
        &self,
        tree: &Arc<FileTree>,
        modified: Timestamp,
        findings: &mut Findings,
    ) -> Result<Vec<Fat32File>> {
        let mut files = BTreeMap::new();
        if let Some(node) = self.scanned.as_ref().and_then(|path| tree.resolve(path.as_bytes())) {
            for file in files_of(&TreeView::new(Arc::clone(tree), node, &[]), findings)? {
                let path = file.path.join("/").to_ascii_lowercase();
                if !NEVER_KEPT.iter().any(|name| path == *name || is_fallback(&path)) {
                    files.insert(path, file);
                }
            }
        }
        for file in &self.files {
            let content = match &file.content {
                EspContent::Bytes(bytes) => Fat32Content::Bytes(Arc::clone(bytes)),
                EspContent::Tree { path, .. } => {
                    let node = tree.resolve(path);
                    let gone =
                        || Error::new(ErrorKind::Internal, "a file of the EFI system partition went away");
                    let inode = node.map(|node| tree.inode_of(node)).ok_or_else(|| gone().with_path(path))?;
                    match tree.inode(inode).object {
                        Object::File { size, .. } => Fat32Content::File { inode, size },
                        _ => return Err(gone().with_path(path)),
                    }
                }
            };
            let key = file.path.to_ascii_lowercase();
            // A directory or file that the scan writes otherwise keeps its name.
            let path = match files.get(&key) {
                Some(scanned) => scanned.path.clone(),
                None => self.cased_path(&file.path, &files),
            };
            files.insert(key, Fat32File { path, content, modified });
        }
        Ok(files.into_values().collect())
    }

    /// The path with its directories as the scanned partition writes them.
    fn cased_path(&self, path: &str, files: &BTreeMap<String, Fat32File>) -> Vec<String> {
        let mut names: Vec<String> = path.split('/').map(str::to_owned).collect();
        for depth in 1..names.len() {
            let directory = format!("{}/", names[..depth].join("/").to_ascii_lowercase());
            let known = files.range(directory.clone()..).next();
            if let Some((key, file)) = known
                && key.starts_with(&directory)
                && let Some(name) = file.path.get(depth - 1)
            {
                names[depth - 1].clone_from(name);
            }
        }
        names
    }
}

impl EspFile {
    fn size(&self) -> u64 {
        match &self.content {
            EspContent::Tree { size, .. } => *size,
            EspContent::Bytes(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        }
    }
}

/// Where a tree keeps the files of its EFI system partition.
pub(super) fn esp_directory(tree: &FileTree) -> Option<String> {
    let holds_loaders = |path: &&&str| {
        let node = tree.resolve(path.as_bytes());
        node.is_some_and(|node| {
            tree.children(node).any(|child| tree.name(child).eq_ignore_ascii_case(b"EFI"))
        })
    };
    ["boot/efi", "efi"].iter().find(holds_loaders).map(|path| (*path).to_owned())
}

/// Finds the file system with the menu, whatever disk and partition it is on.
fn stub(request: &MenuRequest<'_>, grub_directory: &str) -> String {
    format!(
        "search --no-floppy --fs-uuid --set=root {}\nset prefix=($root){}\nexport prefix\nconfigfile $prefix/grub.cfg\n",
        request.boot_uuid(),
        request.path_of(grub_directory)
    )
}

/// The directory below `/EFI` that the distribution uses, for a GRUB that has none built in.
fn vendor_of(workspace: &GuestWorkspace<'_>) -> Result<Option<String>> {
    let id = OsRelease::of(workspace)?.map_or_else(String::new, |os| os.id);
    let vendor = match id.as_str() {
        "rhel" | "ol" => "redhat",
        id if id.starts_with("opensuse") => "opensuse",
        "sles" | "sled" => "sles",
        id => id,
    };
    let plain = vendor.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    Ok((plain && (1..=32).contains(&vendor.len())).then(|| vendor.to_owned()))
}

fn copied(files: &BootFiles<'_>, path: String, found: &Found) -> Result<EspFile> {
    let content = match found.owner {
        Owner::Tree => EspContent::Tree { path: found.path.clone(), size: found.size },
        Owner::Donor => EspContent::Bytes(Arc::from(files.read(found)?)),
    };
    Ok(EspFile { path, content })
}

fn text_file(path: &str, text: String) -> EspFile {
    EspFile { path: path.to_owned(), content: EspContent::Bytes(Arc::from(text.into_bytes())) }
}

/// Whether a kernel is a PE executable, as its EFI stub makes it.
fn is_executable(tree: &FileTree, path: &str) -> Result<bool> {
    let Some(node) = tree.resolve(path.as_bytes()) else { return Ok(false) };
    let content = tree.open(tree.inode_of(node))?;
    let mut magic = [0; 2];
    let read = content.size() >= 2 && content.read_exact_at(0, &mut magic).is_ok();
    Ok(read && magic == *b"MZ")
}

/// Beside the removable loader a shim would start it, which writes boot variables and resets the machine.
fn is_fallback(path: &str) -> bool {
    path.strip_prefix("efi/boot/fb").is_some_and(|rest| rest.ends_with(".efi"))
}

/// Every clone would start with the same random numbers.
const NEVER_KEPT: &[&str] = &["loader/random-seed"];

#[cfg(test)]
mod tests;
