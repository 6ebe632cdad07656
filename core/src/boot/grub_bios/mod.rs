//! GRUB 2 for BIOS (i386-pc), put together from the files of one GRUB build.
//!
//! ```text
//! disk:  [boot.img]  …  [diskboot.img | decompressor | LZMA( kernel | modules | configuration | prefix )]
//!         sector 0       BIOS boot partition (GPT) or sector 1 on (MBR)
//! ```
//!
//! The core finds the file system with GRUB's directory by its UUID and loads everything else from there, so that it
//! need not change when partitions move.

mod core_image;
mod elf;
mod lzma;
mod modules;
mod payload;

pub use core_image::{BiosBoot, GrubCore};

use crate::tree::{FileTree, NodeId, Object};
use crate::{Error, ErrorKind, Result};
use core_image::{OldCore, SECTOR};
use elf::{Elf32, array_at};
use modules::{Dependencies, module_dependencies, module_name};
use payload::Payload;

/// The parts of one GRUB build that a core is made of, all from one directory.
#[derive(Debug)]
pub struct GrubBuild {
    boot_image: [u8; SECTOR],
    disk_boot: [u8; SECTOR],
    decompressor: Vec<u8>,
    /// As it stands in memory.
    kernel: Vec<u8>,
    /// Module files, each after what it needs.
    modules: Vec<Vec<u8>>,
}

/// What the core does first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoreSearch<'a> {
    /// Identifier of the file system with GRUB's directory, as `search --fs-uuid` takes it.
    pub file_system: &'a str,
    /// GRUB's directory within that file system: `/boot/grub`, or `/grub` when `/boot` is a file system of its own.
    pub prefix: &'a str,
}

impl GrubBuild {
    /// Reads the parts from the directory `path` of `tree`: one with `kernel.img` as packages have it, or one that
    /// `grub-install` filled, whose old `core.img` is taken apart.
    ///
    /// Cost: reads about ten files; a module file may have at most 1 MiB.
    ///
    /// # Errors
    /// `ErrorKind::Source` naming the file that is missing or is not what its name says; `ErrorKind::Unsupported` when
    /// the directory holds no build for i386-pc.
    pub fn load(tree: &FileTree, path: &[u8]) -> Result<Self> {
        Self::load_with(tree, path, CORE_MODULES)
    }

    /// As [`GrubBuild::load`], with these modules (and what they need) in the core.
    ///
    /// # Errors
    /// As [`GrubBuild::load`].
    pub fn load_with(tree: &FileTree, path: &[u8], modules: &[&str]) -> Result<Self> {
        let directory = Directory::find(tree, path, modules)?;
        if directory.has(b"kernel.img") { directory.load_build() } else { directory.load_installed() }
    }

    /// The core image that looks for its file system with `search`.
    ///
    /// # Errors
    /// `ErrorKind::InvalidProfile` when the search holds characters that GRUB's rescue parser does not take as they
    /// are; `ErrorKind::Unsupported` when the core passes a limit of GRUB.
    pub fn assemble(&self, search: CoreSearch<'_>) -> Result<GrubCore> {
        let CoreSearch { file_system, prefix } = search;
        let plain =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'/' | b'.' | b'@');
        if file_system.is_empty() || !file_system.bytes().chain(prefix.bytes()).all(plain) {
            let text =
                "GRUB's core takes only letters, digits and -_/.@ in a file system's identifier and a path";
            return Err(Error::new(ErrorKind::InvalidProfile, text));
        }
        let config = format!("search.fs_uuid {file_system} root\nset prefix=($root){prefix}\n");
        let payload = Payload { kernel: &self.kernel, modules: &self.modules, config: &config, prefix };
        let payload = payload.encode()?;
        Ok(GrubCore::new(self.boot_image, self.disk_boot, &self.decompressor, &payload)?)
    }

    /// The first sector of disks that boot this build, as its `boot.img` is.
    pub fn boot_image(&self) -> &[u8] {
        &self.boot_image
    }
}

/// The modules that find GRUB's directory on our disks; everything else is loaded from there.
pub const CORE_MODULES: &[&str] = &["biosdisk", "part_gpt", "part_msdos", "ext2", "search_fs_uuid"];

/// A directory with files of GRUB.
struct Directory<'a> {
    tree: &'a FileTree,
    node: NodeId,
    path: &'a [u8],
    /// Modules that the core needs.
    wanted: &'a [&'a str],
}

impl<'a> Directory<'a> {
    fn find(tree: &'a FileTree, path: &'a [u8], wanted: &'a [&'a str]) -> Result<Self> {
        let node = tree.resolve(path).ok_or_else(|| Error::from(Damage::NoBuild).with_path(path))?;
        Ok(Self { tree, node, path, wanted })
    }

    /// From `kernel.img` and `lzma_decompress.img`.
    fn load_build(&self) -> Result<GrubBuild> {
        let kernel = self.parse(b"kernel.img", |file| Elf32::parse(file)?.raw_kernel())?;
        let decompressor = self.read(b"lzma_decompress.img")?;
        let disk_boot = self.sector(b"diskboot.img")?;
        let modules = self.modules_after(Vec::new())?;
        Ok(GrubBuild { boot_image: self.sector(b"boot.img")?, disk_boot, decompressor, kernel, modules })
    }

    /// From an installed `core.img`.
    fn load_installed(&self) -> Result<GrubBuild> {
        if !self.has(b"core.img") {
            return Err(Error::from(Damage::NoBuild).with_path(self.path));
        }
        let (old, kernel, modules) = self.parse(b"core.img", |file| {
            let old = OldCore::parse(file)?;
            let (kernel, modules) = payload::take_apart(&old.payload)?;
            Ok((old, kernel, modules))
        })?;
        let modules = self.modules_after(modules)?;
        let OldCore { disk_boot, decompressor, .. } = old;
        Ok(GrubBuild { boot_image: self.sector(b"boot.img")?, disk_boot, decompressor, kernel, modules })
    }

    /// The modules `present` and behind them those wanted, with what they need, that are missing.
    fn modules_after(&self, mut present: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>> {
        let names: Vec<String> = present
            .iter()
            .map(|module| module_name(module))
            .collect::<Result<_, _>>()
            .map_err(|damage| self.damaged(b"core.img", damage))?;
        let wanted: Vec<&str> =
            self.wanted.iter().copied().filter(|name| !names.iter().any(|known| known == name)).collect();
        for name in self.load_order(&wanted)? {
            if !names.contains(&name) {
                let file = format!("{name}.mod");
                present.push(self.parse(file.as_bytes(), |module| {
                    if module_name(module)? == name { Ok(module.to_vec()) } else { Err(Damage::ModuleName) }
                })?);
            }
        }
        Ok(present)
    }

    fn load_order(&self, wanted: &[&str]) -> Result<Vec<String>> {
        if self.has(b"moddep.lst") {
            return self.parse(b"moddep.lst", |list| Dependencies::parse(list)?.load_order(wanted));
        }
        let mut dependencies = Dependencies::default();
        let mut open: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
        let mut known = std::collections::BTreeSet::new();
        while let Some(name) = open.pop() {
            if known.insert(name.clone()) {
                let needed = self.parse(format!("{name}.mod").as_bytes(), module_dependencies)?;
                open.extend(needed.iter().cloned());
                dependencies.add(&name, needed);
            }
        }
        Ok(dependencies.load_order(wanted)?)
    }

    fn has(&self, name: &[u8]) -> bool {
        self.file(name).is_some()
    }

    fn file(&self, name: &[u8]) -> Option<NodeId> {
        let path = [self.tree.path(self.node).as_slice(), name].join(&b'/');
        let node = self.tree.resolve(&path)?;
        matches!(self.tree.inode(self.tree.inode_of(node)).object, Object::File { .. }).then_some(node)
    }

    fn read(&self, name: &[u8]) -> Result<Vec<u8>> {
        let node = self.file(name).ok_or_else(|| self.damaged(name, Damage::Missing))?;
        self.tree.read(self.tree.inode_of(node), MAX_FILE)
    }

    fn parse<T>(&self, name: &[u8], parse: impl FnOnce(&[u8]) -> Result<T, Damage>) -> Result<T> {
        parse(&self.read(name)?).map_err(|damage| self.damaged(name, damage))
    }

    fn sector(&self, name: &[u8]) -> Result<[u8; SECTOR]> {
        self.parse(name, |file| array_at(file, 0).filter(|_| file.len() == SECTOR).ok_or(Damage::NoSector))
    }

    fn damaged(&self, name: &[u8], damage: Damage) -> Error {
        Error::from(damage).with_path([self.path, name].join(&b'/'))
    }
}

/// What is wrong with a file of GRUB, or with what would be made of them.
#[derive(Debug, thiserror::Error)]
enum Damage {
    #[error("there is no GRUB build for i386-pc here")]
    NoBuild,
    #[error("this file of GRUB is missing")]
    Missing,
    #[error("not an ELF file for i386")]
    NotElf,
    #[error("the section table of the ELF file is damaged")]
    SectionTable,
    #[error("the kernel is not linked for the addresses of i386-pc")]
    KernelAddress,
    #[error("the module names itself or what it needs otherwise than it may")]
    ModuleName,
    #[error("the list of dependencies is damaged")]
    ModuleList,
    #[error("GRUB's module {0} is not in the list of dependencies")]
    ModuleMissing(String),
    #[error("the list of dependencies is endless")]
    TooManyModules,
    #[error("not a boot sector of one sector")]
    NoSector,
    #[error("not a boot sector of GRUB 2")]
    BootImage,
    #[error("the decompressor is shorter than its own fields")]
    Decompressor,
    #[error("not a core image of GRUB 2")]
    OldCore,
    #[error("the core image holds no modules")]
    NoModuleInfo,
    #[error("the list of modules in the core image is damaged")]
    ModuleObject,
    #[error("the core's LZMA stream is damaged")]
    Compression,
    #[error("GRUB's core image passes the size that GRUB can load")]
    TooLarge,
    #[error("GRUB's core image cannot stand at sector {0}")]
    Place(u64),
}

impl From<Damage> for Error {
    fn from(damage: Damage) -> Self {
        let kind = match damage {
            Damage::NoBuild | Damage::TooLarge => ErrorKind::Unsupported,
            Damage::Place(_) => ErrorKind::Internal,
            _ => ErrorKind::Source,
        };
        Self::new(kind, damage.to_string()).with_source(damage)
    }
}

/// GRUB's largest module has 130 KiB.
const MAX_FILE: u64 = 1 << 20;

#[cfg(test)]
mod tests;
