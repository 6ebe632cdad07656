//! What the report says of the guest's entries that are not as they were scanned, and of what is in no file of the guest:
//! enough to check an image against scan and report.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::super::report::{BiosBootEntry, FatFileEntry, hex};
use crate::boot::grub_bios::BiosBoot;
use crate::filesystem::fat32::{Fat32Content, Fat32File};
use crate::tree::{Change, EntryRecord, FileTree, InodeId, NodeId};

/// Where the content of changed entries comes from, taken before the changes are laid on the tree.
pub(super) struct ChangedContent(BTreeMap<Vec<u8>, Content>);

enum Content {
    Digest(String),
    CopyOf(Vec<u8>),
    /// Not a file.
    None,
}

impl ChangedContent {
    pub(super) fn of(changes: &BTreeMap<Vec<u8>, Change>) -> Self {
        let content = |change: &Change| match change {
            Change::Write(file) => Some(Content::Digest(sha256(&file.bytes))),
            Change::Append(tail) => Some(Content::Digest(hex(&tail.sha256))),
            Change::CopyOf(from) => Some(Content::CopyOf(from.clone())),
            Change::Symlink(..) | Change::Directory(_) => Some(Content::None),
            Change::Remove => None,
        };
        Self(changes.iter().filter_map(|(path, change)| Some((path.clone(), content(change)?))).collect())
    }

    /// The entries as they are on the disk, by path; every name of a changed inode has one.
    pub(super) fn entries(&self, tree: &FileTree) -> Vec<EntryRecord> {
        let mut changed: BTreeMap<NodeId, &Content> = BTreeMap::new();
        let mut linked: BTreeMap<InodeId, &Content> = BTreeMap::new();
        for (path, content) in &self.0 {
            let Some(node) = tree.lookup(path) else { continue };
            let inode = tree.inode_of(node);
            if tree.inode(inode).links > 1 {
                linked.insert(inode, content);
            }
            changed.insert(node, content);
        }
        if !linked.is_empty() {
            let nodes = tree.subtree(NodeId::ROOT);
            changed.extend(nodes.filter_map(|node| Some((node, *linked.get(&tree.inode_of(node))?))));
        }
        changed.into_iter().map(|(node, content)| record(tree, node, content)).collect()
    }
}

fn record(tree: &FileTree, node: NodeId, content: &Content) -> EntryRecord {
    let mut record = EntryRecord::of(tree, node);
    match content {
        Content::Digest(digest) => record.sha256 = Some(digest.clone()),
        Content::CopyOf(from) => record.copy_of = Some(EntryRecord::shown(from)),
        Content::None => {}
    }
    record
}

/// What stands on an EFI system partition.
pub(super) fn fat_files(files: &[Fat32File], tree: &FileTree) -> Vec<FatFileEntry> {
    let mut paths: BTreeMap<InodeId, Option<NodeId>> = BTreeMap::new();
    for file in files {
        if let Fat32Content::File { inode, .. } = file.content {
            paths.insert(inode, None);
        }
    }
    for node in tree.subtree(NodeId::ROOT) {
        if let Some(path) = paths.get_mut(&tree.inode_of(node)) {
            path.get_or_insert(node);
        }
    }
    let entry = |file: &Fat32File| {
        let mut entry = FatFileEntry {
            path: format!("/{}", file.path.join("/")),
            mtime: file.modified.seconds,
            mtime_nanos: file.modified.nanos,
            size: None,
            sha256: None,
            copy_of: None,
        };
        match &file.content {
            Fat32Content::Directory => {}
            Fat32Content::File { inode, size } => {
                entry.size = Some(*size);
                let node = paths.get(inode).copied().flatten();
                entry.copy_of = node.map(|node| EntryRecord::shown(&tree.path(node)));
            }
            Fat32Content::Bytes(bytes) => {
                entry.size = Some(bytes.len() as u64);
                entry.sha256 = Some(sha256(bytes));
            }
        }
        entry
    };
    files.iter().map(entry).collect()
}

/// What a BIOS starts.
pub(super) fn bios_boot(bios: &BiosBoot, core_start: u64) -> BiosBootEntry {
    BiosBootEntry {
        boot_code_sha256: sha256(&bios.boot_code),
        core_start,
        core_size: bios.core.len() as u64,
        core_sha256: sha256(&bios.core),
    }
}

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}
