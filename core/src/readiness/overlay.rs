use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use sha2::Digest;

use super::booster;
use super::kernel::ReadRamdisk;
use super::residue::Residue;
use crate::initramfs::{CpioWriter, Flavour, Packing};
use crate::modules::{KernelModules, module_name};
use crate::tree::{AppendedBytes, FileTree};
use crate::{Error, ErrorKind, Result, Timestamp};

/// An archive for the end of an initial RAM disk.
pub(super) struct Archive {
    pub(super) appended: AppendedBytes,
    /// Names of what is in it, without directories.
    pub(super) names: Vec<String>,
}

/// Makes the archive with the modules `added` of the tree, tables that know them, and the mended settings; padding is in
/// front of it, so that it begins where the kernel looks for it.
///
/// Only files, links and missing directories are in it: an entry for a directory where a link stands would take the
/// link's place and hide all below.
///
/// # Errors
/// `ErrorKind::Source` naming a module that cannot be read or unpacked; `ErrorKind::LimitExceeded` for one that unpacks
/// to more than 64 MiB.
///
/// # Reference
/// Linux, "initramfs buffer format"; newc: cpio(5).
pub(super) fn archive(
    tree: &FileTree,
    ramdisk: &ReadRamdisk,
    modules: Option<&KernelModules>,
    added: &BTreeSet<String>,
    residue: &Residue,
    timestamp: Timestamp,
) -> Result<Archive> {
    let mut contents: BTreeMap<Vec<u8>, Content> = BTreeMap::new();
    let file = |name: &(Vec<u8>, Vec<u8>)| (name.0.clone(), Content::File(name.1.clone()));
    contents.extend(residue.files.iter().map(file));
    let null = || Content::Link(b"/dev/null".to_vec());
    contents.extend(residue.masked.iter().map(|name| (name.clone(), null())));
    if let Some(modules) = modules.filter(|_| !added.is_empty()) {
        add_modules(tree, ramdisk, modules, added, &mut contents)?;
    }
    let mut writer = CpioWriter::new(timestamp.seconds);
    let mut made: BTreeSet<Vec<u8>> = BTreeSet::new();
    let mut names = Vec::new();
    for (name, content) in &contents {
        let slashes = name.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        for above in slashes.filter_map(|end| name.get(..end)) {
            if ramdisk.tree.item(above).is_none() && made.insert(above.to_vec()) {
                writer.directory(above);
            }
        }
        names.push(String::from_utf8_lossy(name).into_owned());
        match content {
            Content::File(bytes) => writer.file(name, bytes),
            Content::Link(target) => writer.symlink(name, target),
        }
    }
    // The kernel takes four zero bytes for the end of lz4's blocks.
    let padded = (ramdisk.size + 4).next_multiple_of(ALIGNMENT);
    let mut bytes = vec![0; (padded - ramdisk.size) as usize];
    bytes.extend(writer.finish());
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    let mut digest = ramdisk.digest.clone();
    digest.update(&bytes);
    let appended = AppendedBytes { bytes: bytes.into(), sha256: digest.finalize().into() };
    Ok(Archive { appended, names })
}

enum Content {
    File(Vec<u8>),
    Link(Vec<u8>),
}

fn add_modules(
    tree: &FileTree,
    ramdisk: &ReadRamdisk,
    modules: &KernelModules,
    added: &BTreeSet<String>,
    contents: &mut BTreeMap<Vec<u8>, Content>,
) -> Result<()> {
    let below = |file: &str| [ramdisk.directory.as_slice(), b"/", file.as_bytes()].concat();
    let is_booster = ramdisk.flavour == Flavour::Booster;
    // Where each module is in the initial RAM disk.
    let mut places = ramdisk.modules.clone();
    for name in added {
        let Some(module) = modules.module(name) else { continue };
        let place = if is_booster { format!("{name}.ko") } else { unpacked_path(&module.path).to_owned() };
        contents.insert(below(&place), Content::File(module_bytes(tree, modules, &module.path)?));
        places.insert(name.clone(), place);
    }
    if is_booster {
        for (name, content) in booster::settings(ramdisk, modules, added) {
            contents.insert(name, Content::File(content));
        }
        return Ok(());
    }
    let place = |path: &str| {
        let known = module_name(path).and_then(|name| places.get(&name).cloned());
        known.unwrap_or_else(|| path.to_owned())
    };
    let present = |name: &str| ramdisk.modules.contains_key(name);
    let own = ramdisk.own_tables().unwrap_or_else(|| modules.clone().only(&present));
    let more = modules.clone().only(&|name| added.contains(name));
    for (name, table) in own.joined(&more).with_paths(&place).to_files() {
        contents.insert(below(name), Content::File(table));
    }
    Ok(())
}

/// The bytes of a module, unpacked: whatever loads modules in the initial RAM disk, it can read those.
fn module_bytes(tree: &FileTree, modules: &KernelModules, path: &str) -> Result<Vec<u8>> {
    let path = [modules.directory(), b"/", path.as_bytes()].concat();
    let missing = || {
        let text = "modules.dep names a module whose file is not there";
        Error::new(ErrorKind::Source, text).with_path(&path)
    };
    let node = tree.resolve(&path).ok_or_else(missing)?;
    let packed = tree.read(tree.inode_of(node), MAX_MODULE)?;
    let packing = Packing::detect(&packed).filter(|packing| *packing != Packing::Plain);
    let Some(packing) = packing else { return Ok(packed) };
    let failed = |error| {
        let text = "the module cannot be unpacked";
        Error::new(ErrorKind::Source, text).with_path(&path).with_source(error)
    };
    let mut bytes = Vec::new();
    let decoder = packing.decoder(packed.as_slice()).map_err(failed)?;
    decoder.take(MAX_MODULE + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_MODULE {
        let text = "the module unpacks to more than 64 MiB";
        return Err(Error::new(ErrorKind::LimitExceeded, text).with_path(&path));
    }
    Ok(bytes)
}

fn unpacked_path(path: &str) -> &str {
    let endings = [".gz", ".xz", ".zst", ".bz2", ".lz4"];
    endings.iter().find_map(|ending| path.strip_suffix(ending)).unwrap_or(path)
}

/// As boot loaders and other tools pad such files.
const ALIGNMENT: u64 = 512;
const MAX_MODULE: u64 = 64 << 20;
