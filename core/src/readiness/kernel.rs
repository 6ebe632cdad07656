use std::collections::{BTreeMap, BTreeSet};

use super::early::EarlyRamdisks;
use super::needs::Need;
use super::residue;
use crate::boot::Kernel;
use crate::initramfs::{Flavour, Initramfs, Item};
use crate::modules::{Driver, KernelConfig, KernelModules, TableFiles, Tables, module_name};
use crate::tree::{FileTree, InodeId, Object};
use crate::{Error, ErrorKind, Result};

/// A kernel of the tree with all that says what it can drive.
pub(super) struct ExaminedKernel {
    /// Its path in the tree, with a leading slash.
    pub(super) image: String,
    /// The directory of its modules is called so.
    pub(super) release: String,
    pub(super) modules: Option<KernelModules>,
    pub(super) config: Option<KernelConfig>,
    pub(super) ramdisk: Ramdisk,
    /// Tables and configurations that are too large to be read, by their paths in the tree.
    pub(super) too_large: Vec<Vec<u8>>,
}

/// The initial RAM disk of a kernel.
pub(super) enum Ramdisk {
    /// There is none.
    None,
    /// What is in it cannot be told.
    Unreadable {
        path: String,
        error: Error,
    },
    Read(Box<ReadRamdisk>),
}

/// An initial RAM disk that was read.
pub(super) struct ReadRamdisk {
    /// Path in the tree of the last file, without a leading slash: what is appended to it comes last.
    pub(super) path: String,
    /// What the path leads to: another kernel's may lead there too.
    pub(super) inode: InodeId,
    pub(super) tree: Initramfs,
    pub(super) flavour: Flavour,
    /// Bytes of that file.
    pub(super) size: u64,
    /// Where its modules are or go, links resolved.
    pub(super) directory: Vec<u8>,
    /// Names of its modules to their files, from that directory.
    pub(super) modules: BTreeMap<String, String>,
}

/// Whether a kernel drives something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Drives {
    /// From the start, or by what its initial RAM disk has.
    Yes,
    /// These modules of the tree are missing in its initial RAM disk.
    WithModules(BTreeSet<String>),
    /// There is no driver in the whole tree.
    No,
    /// The tree does not tell.
    Unknown,
}

impl ExaminedKernel {
    /// Reads the tables of a kernel and its initial RAM disk.
    ///
    /// # Errors
    /// Those of reading the tree, but an initial RAM disk that cannot be understood is none; that of `check`, which is asked
    /// for each MiB.
    pub(super) fn read(
        tree: &FileTree,
        kernel: &Kernel,
        early: &EarlyRamdisks,
        check: &dyn Fn() -> Result<()>,
    ) -> Result<Self> {
        let release = release(tree, kernel)?;
        let mut files = TableFiles::new(tree, check);
        let mut config = KernelConfig::load_from(&mut files, &release)?;
        if config.is_none() && kernel.version != release {
            config = KernelConfig::load_from(&mut files, &kernel.version)?;
        }
        let ramdisk = ramdisk(tree, kernel, &release, early, check)?;
        // In the order of the tree, in which a packed archive is read best.
        let modules = KernelModules::load_from(&mut files, &release)?;
        let too_large = files.too_large().to_vec();
        Ok(Self { image: format!("/{}", kernel.image), release, modules, config, ramdisk, too_large })
    }

    /// Whether the kernel drives what is needed with what is in its initial RAM disk.
    pub(super) fn drives(&self, need: &Need) -> Drives {
        let mut best = None;
        for (driver, option) in need.drivers {
            let drives = self.driver(need, driver, option);
            let is_better = match (&best, &drives) {
                (None, _) | (Some(Drives::No | Drives::Unknown), Drives::Yes | Drives::WithModules(_)) => {
                    true
                }
                (Some(Drives::WithModules(_)), Drives::Yes) | (Some(Drives::No), Drives::Unknown) => true,
                (Some(_), _) => false,
            };
            if is_better {
                best = Some(drives);
            }
        }
        match (best.unwrap_or(Drives::No), &self.ramdisk) {
            // The initial RAM disk may have what the tree has not.
            (Drives::No, Ramdisk::Unreadable { .. }) => Drives::Unknown,
            (drives, _) => drives,
        }
    }

    fn driver(&self, need: &Need, driver: &str, option: &str) -> Drives {
        let has_option = self.config.as_ref().is_some_and(|config| config.is_built_in(option));
        let is_present = self.is_present(driver);
        let Some(modules) = &self.modules else {
            return match (has_option || is_present, &self.config) {
                (true, _) => Drives::Yes,
                (false, Some(_)) => Drives::No,
                (false, None) => Drives::Unknown,
            };
        };
        if modules.is_built_in(driver) || (!modules.has_built_in_list() && has_option) {
            return Drives::Yes;
        }
        if modules.module(driver).is_none() {
            // Modules that the tree has lost may be left in the initial RAM disk.
            let is_known =
                modules.has_dependencies() && (modules.has_built_in_list() || self.config.is_some());
            return match (is_present, is_known) {
                (true, _) => Drives::Yes,
                (false, true) => Drives::No,
                (false, false) => Drives::Unknown,
            };
        }
        if !need.devices.is_empty() && !modules.has_aliases() {
            return Drives::Unknown;
        }
        let accepts = |device: &&str| modules.is_driver_of(driver, device);
        if !need.devices.is_empty() && !need.devices.iter().any(accepts) {
            return Drives::No;
        }
        match self.missing(modules, driver) {
            missing if missing.is_empty() => Drives::Yes,
            missing => Drives::WithModules(missing),
        }
    }

    /// The modules that must be loaded for a module, itself too, and that the initial RAM disk lacks.
    fn missing(&self, modules: &KernelModules, name: &str) -> BTreeSet<String> {
        let mut missing = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut left = vec![name.to_owned()];
        while let Some(name) = left.pop() {
            if !seen.insert(name.clone()) {
                continue;
            }
            let files = modules.closure(&name).unwrap_or_default();
            left.extend(files.iter().filter_map(|file| module_name(file)));
            if !self.is_present(&name) && !modules.is_built_in(&name) {
                missing.insert(name.clone());
            }
            let soft = modules.soft_dependencies(&name);
            for wanted in soft.iter().flat_map(|soft| &soft.before) {
                left.extend(self.soft_choice(modules, wanted));
            }
        }
        missing
    }

    /// The module to be loaded for a soft dependency: the first, unless one is there already or the kernel has it itself.
    fn soft_choice(&self, modules: &KernelModules, wanted: &str) -> Option<String> {
        let candidates = modules.named(wanted);
        let is_there = |driver: &Driver| match driver {
            Driver::BuiltIn(_) => true,
            Driver::Module(name) => self.is_present(name),
        };
        if candidates.iter().any(is_there) {
            return None;
        }
        // A generic implementation runs on every processor.
        let names: Vec<String> = candidates
            .into_iter()
            .filter_map(|driver| match driver {
                Driver::Module(name) => Some(name),
                Driver::BuiltIn(_) => None,
            })
            .collect();
        names.iter().find(|name| name.ends_with("_generic")).or(names.first()).cloned()
    }

    fn is_present(&self, name: &str) -> bool {
        match &self.ramdisk {
            Ramdisk::Read(ramdisk) => ramdisk.modules.contains_key(name),
            Ramdisk::None | Ramdisk::Unreadable { .. } => false,
        }
    }
}

impl ReadRamdisk {
    /// What its own tables of modules say, where it has them as text.
    pub(super) fn own_tables(&self) -> Option<KernelModules> {
        let table = |name: &str| {
            let path = [self.directory.as_slice(), b"/", name.as_bytes()].concat();
            self.tree.content(&path).map(|text| String::from_utf8_lossy(text).into_owned())
        };
        let dependencies = Some(table("modules.dep")?);
        let (aliases, soft_dependencies) = (Some(table("modules.alias")?), table("modules.softdep"));
        Some(KernelModules::of(&Tables { dependencies, aliases, soft_dependencies, ..Tables::default() }))
    }

    /// Whether a file or directory is there, links followed.
    pub(super) fn has(&self, path: &str) -> bool {
        self.tree.has(path.as_bytes())
    }
}

fn ramdisk(
    tree: &FileTree,
    kernel: &Kernel,
    release: &str,
    early: &EarlyRamdisks,
    check: &dyn Fn() -> Result<()>,
) -> Result<Ramdisk> {
    let Some(path) = kernel.initrds.last().filter(|path| !path.ends_with("-ucode.img")) else {
        return Ok(Ramdisk::None);
    };
    let mut unpacked = Initramfs::default();
    let mut last = None;
    for initrd in &kernel.initrds {
        let Some(node) = tree.resolve(initrd.as_bytes()) else { continue };
        let inode = tree.inode_of(node);
        let Object::File { size, .. } = tree.inode(inode).object else { continue };
        let found = match tree.scanned_content(inode).and_then(|content| early.take(content)) {
            Some(found) => found,
            None => Initramfs::unpack(tree.open(inode)?, &is_wanted, check),
        };
        match found.and_then(|above| unpacked.lay(above)) {
            Ok(()) => last = Some((inode, size)),
            // A scan that cannot be read would make no image either.
            Err(error) if !is_of_the_content(&error) => return Err(error.with_path(initrd)),
            Err(error) => return Ok(Ramdisk::Unreadable { path: format!("/{initrd}"), error }),
        }
    }
    let Some((inode, size)) = last else { return Ok(Ramdisk::None) };
    if let Some(image) = packed_root(&unpacked) {
        let text = format!("its files are in a file system ({image}) that is not looked into");
        let error = Error::new(ErrorKind::Unsupported, text);
        return Ok(Ramdisk::Unreadable { path: format!("/{path}"), error });
    }
    let flavour = Flavour::of(&unpacked);
    let directory = match flavour {
        Flavour::Booster => "usr/lib/modules".to_owned(),
        _ => format!("lib/modules/{release}"),
    };
    let Some(directory) = unpacked.resolve(directory.as_bytes()) else {
        let text = "the directory of its modules is no directory";
        let error = Error::new(ErrorKind::Source, text);
        return Ok(Ramdisk::Unreadable { path: format!("/{path}"), error });
    };
    let files = unpacked.names_below(&directory).filter_map(|name| {
        let file = String::from_utf8(name.get(directory.len() + 1..)?.to_vec()).ok()?;
        Some((module_name(&file)?, file))
    });
    let modules = files.collect();
    Ok(Ramdisk::Read(Box::new(ReadRamdisk {
        path: path.clone(),
        inode,
        tree: unpacked,
        flavour,
        size,
        directory,
        modules,
    })))
}

/// Whether the content of a file of an initial RAM disk is needed to tell what it drives and what it waits for.
pub(super) fn is_wanted(name: &[u8]) -> bool {
    is_module_table(name) || residue::is_wanted(name)
}

fn is_module_table(name: &[u8]) -> bool {
    let name = name.strip_prefix(b"usr/").unwrap_or(name);
    let mut parts = name.strip_prefix(b"lib/modules/").unwrap_or_default().splitn(2, |byte| *byte == b'/');
    let table = parts.nth(1).unwrap_or_default();
    [&b"modules.dep"[..], b"modules.alias", b"modules.softdep"].contains(&table)
}

/// The image of a file system from which dracut's init takes all else, by the names that its versions give it.
fn packed_root(ramdisk: &Initramfs) -> Option<&'static str> {
    let is_file = |name: &&&str| matches!(ramdisk.item(name.as_bytes()), Some(Item::File { .. }));
    PACKED_ROOTS.iter().find(is_file).copied()
}

/// Whether an error is of what stands on the medium, not of the medium itself: such a one leaves an image to be made.
pub(super) fn is_of_the_content(error: &Error) -> bool {
    let kinds = [ErrorKind::Source, ErrorKind::LimitExceeded, ErrorKind::Unsupported];
    kinds.contains(&error.kind()) && error.os_code().is_none()
}

/// The release that a kernel's modules are filed under: what its name says if there is such a directory, else what its
/// image says of itself.
fn release(tree: &FileTree, kernel: &Kernel) -> Result<String> {
    let has = |version: &str| {
        let places = [format!("lib/modules/{version}"), format!("usr/lib/modules/{version}")];
        !version.is_empty() && places.iter().any(|place| tree.resolve(place.as_bytes()).is_some())
    };
    if has(&kernel.version) {
        return Ok(kernel.version.clone());
    }
    Ok(release_in_image(tree, &kernel.image)?
        .filter(|release| has(release))
        .unwrap_or(kernel.version.clone()))
}

/// The first word of the text in an x86 kernel that says what it is.
///
/// # Reference
/// Linux/x86 Boot Protocol, "Details of Header Fields": `header` at 0x202, `kernel_version` at 0x20e.
fn release_in_image(tree: &FileTree, path: &str) -> Result<Option<String>> {
    let Some(node) = tree.resolve(path.as_bytes()) else { return Ok(None) };
    let inode = tree.inode_of(node);
    if !matches!(tree.inode(inode).object, Object::File { size, .. } if size >= SETUP) {
        return Ok(None);
    }
    let mut setup = vec![0; SETUP as usize];
    tree.open(inode)?.read_exact_at(0, &mut setup).map_err(|error| {
        Error::new(ErrorKind::Source, "cannot read the kernel's header").with_path(path).with_source(error)
    })?;
    if setup.get(0x202..0x206) != Some(b"HdrS") {
        return Ok(None);
    }
    let offset = usize::from(u16::from_le_bytes([setup[0x20e], setup[0x20f]])) + 0x200;
    let text = setup.get(offset..).unwrap_or_default();
    let word = text.split(|byte| matches!(byte, 0 | b' ')).next().unwrap_or_default();
    let is_plain = |byte: &u8| byte.is_ascii_graphic() && *byte != b'/';
    let is_release = !word.is_empty() && word.len() < 128 && word.iter().all(is_plain);
    Ok(is_release.then(|| String::from_utf8_lossy(word).into_owned()))
}

const PACKED_ROOTS: [&str; 8] = [
    "squash-root.img",
    "squashfs-root.img",
    "erofs-root.img",
    "squash/root.img",
    "squash/squash-root.img",
    "squash/squashfs-root.img",
    "squash/erofs-root.img",
    "erofs/root.img",
];
/// Bytes of a kernel image in which its version stands: the setup code has at most 32 KiB.
const SETUP: u64 = 32 << 10;
