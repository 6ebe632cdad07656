use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use sha2::{Digest, Sha256};

use super::booster;
use super::kernel::ReadRamdisk;
use super::residue::Residue;
use crate::initramfs::{CpioWriter, Flavour, Packing};
use crate::modules::{KernelModules, module_name};
use crate::tree::{AppendedBytes, FileTree, InodeId, Object};
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
/// Cost: the archive in memory twice, and one packed module; reads the initial RAM disk once for its digest.
///
/// # Errors
/// `ErrorKind::Source` naming the initial RAM disk that cannot be read, or a module that cannot be read or unpacked;
/// `ErrorKind::LimitExceeded` when all of them have more than 24 MiB, packed or unpacked; that of `check`, which is
/// asked for each MiB.
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
    check: &dyn Fn() -> Result<()>,
) -> Result<Archive> {
    let mut contents: BTreeMap<Vec<u8>, Content> = BTreeMap::new();
    let file = |name: &(Vec<u8>, Vec<u8>)| (name.0.clone(), Content::File(name.1.clone()));
    contents.extend(residue.files.iter().map(file));
    let null = || Content::Link(b"/dev/null".to_vec());
    contents.extend(residue.masked.iter().map(|name| (name.clone(), null())));
    if let Some(modules) = modules.filter(|_| !added.is_empty()) {
        add_modules(ramdisk, modules, added, &mut contents);
    }
    let mut files = ModuleFiles { tree, left: MAX_ADDED, check };
    files.check_sizes(contents.values())?;
    // The kernel takes four zero bytes for the end of lz4's blocks.
    let padded = (ramdisk.size + 4).next_multiple_of(ALIGNMENT);
    let mut writer = CpioWriter::behind((padded - ramdisk.size) as usize, timestamp.seconds);
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
            Content::Module(path) => writer.file_from(name, &mut |bytes| files.unpack(path, bytes))?,
        }
    }
    let mut bytes = writer.finish();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    let mut digest = digest_of_file(tree, ramdisk, check)?;
    digest.update(&bytes);
    let appended = AppendedBytes { bytes: bytes.into(), sha256: digest.finalize().into() };
    Ok(Archive { appended, names })
}

/// Of all bytes of an initial RAM disk; more can be added to it. A file that nothing is appended to needs none.
fn digest_of_file(tree: &FileTree, ramdisk: &ReadRamdisk, check: &dyn Fn() -> Result<()>) -> Result<Sha256> {
    let file = tree.open(ramdisk.inode)?;
    let mut digest = Sha256::new();
    let mut piece = vec![0; PIECE];
    let mut offset = 0;
    while offset < ramdisk.size {
        check()?;
        let len = (ramdisk.size - offset).min(PIECE as u64) as usize;
        file.read_exact_at(offset, &mut piece[..len]).map_err(|error| {
            Error::new(ErrorKind::Source, "cannot read the initial RAM disk")
                .with_path(&ramdisk.path)
                .with_offset(offset)
                .with_source(error)
        })?;
        digest.update(&piece[..len]);
        offset += len as u64;
    }
    Ok(digest)
}

enum Content {
    File(Vec<u8>),
    Link(Vec<u8>),
    /// The module of that path in the scanned tree, unpacked.
    Module(Vec<u8>),
}

fn add_modules(
    ramdisk: &ReadRamdisk,
    modules: &KernelModules,
    added: &BTreeSet<String>,
    contents: &mut BTreeMap<Vec<u8>, Content>,
) {
    let below = |file: &str| [ramdisk.directory.as_slice(), b"/", file.as_bytes()].concat();
    let is_booster = ramdisk.flavour == Flavour::Booster;
    // Where each module is in the initial RAM disk.
    let mut places = ramdisk.modules.clone();
    for name in added {
        let Some(module) = modules.module(name) else { continue };
        let place = if is_booster { format!("{name}.ko") } else { unpacked_path(&module.path).to_owned() };
        let path = [modules.directory(), b"/", module.path.as_bytes()].concat();
        contents.insert(below(&place), Content::Module(path));
        places.insert(name.clone(), place);
    }
    if is_booster {
        for (name, content) in booster::settings(ramdisk, modules, added) {
            contents.insert(name, Content::File(content));
        }
        return;
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
}

/// Reads modules of the scanned tree, of all together no more than the rest of a budget.
struct ModuleFiles<'a> {
    tree: &'a FileTree,
    /// Bytes that may still be added, unpacked.
    left: u64,
    check: &'a dyn Fn() -> Result<()>,
}

impl ModuleFiles<'_> {
    /// Refuses modules that are too large as they stand in the tree, before any is read.
    fn check_sizes<'c>(&self, contents: impl Iterator<Item = &'c Content>) -> Result<()> {
        let mut left = self.left;
        for content in contents {
            if let Content::Module(path) = content {
                let (_, size) = self.find(path)?;
                left = left.checked_sub(size).ok_or_else(|| too_much(path))?;
            }
        }
        Ok(())
    }

    /// Puts a module's bytes behind those that are there, unpacked: whatever loads modules in the initial RAM disk, it can
    /// read those.
    fn unpack(&mut self, path: &[u8], bytes: &mut Vec<u8>) -> Result<()> {
        let (inode, size) = self.find(path)?;
        if size > self.left {
            return Err(too_much(path));
        }
        (self.check)()?;
        let packed = self.tree.read(inode, self.left)?;
        let start = bytes.len();
        match Packing::detect(&packed).filter(|packing| *packing != Packing::Plain) {
            None => bytes.extend_from_slice(&packed),
            Some(packing) => {
                let failed = |error| {
                    let text = "the module cannot be unpacked";
                    Error::new(ErrorKind::Source, text).with_path(path).with_source(error)
                };
                let mut decoder = packing.decoder(packed.as_slice()).map_err(failed)?;
                while decoder.by_ref().take(MIB).read_to_end(bytes).map_err(failed)? > 0 {
                    (self.check)()?;
                    if (bytes.len() - start) as u64 > self.left {
                        return Err(too_much(path));
                    }
                }
            }
        }
        self.left = self.left.saturating_sub((bytes.len() - start) as u64);
        Ok(())
    }

    fn find(&self, path: &[u8]) -> Result<(InodeId, u64)> {
        let missing = || {
            let text = "modules.dep names a module whose file is not there";
            Error::new(ErrorKind::Source, text).with_path(path)
        };
        let inode = self.tree.inode_of(self.tree.resolve(path).ok_or_else(missing)?);
        match self.tree.inode(inode).object {
            Object::File { size, .. } => Ok((inode, size)),
            _ => Err(missing()),
        }
    }
}

fn too_much(path: &[u8]) -> Error {
    let text = "with this module more than 24 MiB of modules would be appended";
    Error::new(ErrorKind::LimitExceeded, text).with_path(path)
}

fn unpacked_path(path: &str) -> &str {
    let endings = [".gz", ".xz", ".zst", ".bz2", ".lz4"];
    endings.iter().find_map(|ending| path.strip_suffix(ending)).unwrap_or(path)
}

/// As boot loaders and other tools pad such files.
const ALIGNMENT: u64 = 512;
/// An initial RAM disk must fit into the memory of the machine, unpacked.
const MAX_ADDED: u64 = 24 << 20;
const MIB: u64 = 1 << 20;
/// Bytes that are digested between two checks.
const PIECE: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::boot::test_tree::tree;

    #[test]
    fn unpacking_a_module_ends_where_it_is_cancelled() {
        let mut xz = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(0)).unwrap();
        xz.write_all(&vec![7; 4 << 20]).unwrap();
        let packed = xz.finish().unwrap();
        let tree = tree(&[("a.ko.xz", &packed)]);
        let asked = std::cell::Cell::new(0);
        let check = || {
            asked.set(asked.get() + 1);
            match asked.get() {
                1..=2 => Ok(()),
                _ => Err(Error::new(ErrorKind::Cancelled, "cancelled")),
            }
        };
        let mut files = ModuleFiles { tree: &tree, left: MAX_ADDED, check: &check };
        let mut bytes = Vec::new();
        let error = files.unpack(b"a.ko.xz", &mut bytes).unwrap_err();
        assert_eq!((error.kind(), bytes.len()), (ErrorKind::Cancelled, 2 << 20));
    }
}
