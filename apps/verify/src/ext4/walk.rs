//! The tree of a volume, in the order of names.

use diskwright_core::{ReadAt, Result};

use super::directory::Name;
use super::inode::{Inode, KEPT, structure};
use super::mapping::Mapping;
use super::superblock::Flavour;
use super::{BLOCK, Links, Volume};
use crate::bytes::{first_nonzero, len};
use crate::expect::{Actual, ActualKind, Comparison, Mount};
use crate::finding::Findings;

/// A directory whose names are being followed.
struct Frame {
    path: Vec<u8>,
    number: u32,
    names: std::vec::IntoIter<Name>,
    /// i_links_count, and subdirectories that came.
    links: u32,
    subdirectories: u32,
}

impl Volume<'_> {
    /// Follows every name, depth first, and holds each against the comparisons.
    pub(super) fn walk(
        &mut self,
        mount: &Mount,
        mut comparisons: Vec<Comparison<'_>>,
        findings: &mut Findings,
    ) -> Result<()> {
        let root = Name { name: Vec::new(), inode: ROOT, entry_type: 2 };
        let mut frames = Vec::new();
        frames.extend(self.visit(mount.root.clone(), &root, ROOT, &mut comparisons, findings)?);
        while let Some(frame) = frames.last_mut() {
            if findings.is_full() {
                break;
            }
            let Some(name) = frame.names.next() else {
                let Some(frame) = frames.pop() else { break };
                self.check_directory_links(&frame, findings);
                continue;
            };
            let mut path = frame.path.clone();
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(&name.name);
            let parent = frame.number;
            let below = self.visit(path, &name, parent, &mut comparisons, findings)?;
            if let (Some(frame), true) = (frames.last_mut(), name.entry_type == 2) {
                frame.subdirectories = frame.subdirectories.saturating_add(1);
            }
            frames.extend(below);
        }
        findings.path = None;
        if !findings.is_full() {
            for comparison in comparisons {
                comparison.finish(findings)?;
            }
        }
        Ok(())
    }

    /// Looks at what a name leads to; gives a directory to follow.
    fn visit(
        &mut self,
        path: Vec<u8>,
        name: &Name,
        parent: u32,
        comparisons: &mut [Comparison<'_>],
        findings: &mut Findings,
    ) -> Result<Option<Frame>> {
        findings.path = Some(path.clone());
        let number = name.inode;
        let is_reserved = number < FIRST_INODE && number != ROOT;
        if is_reserved || (number == ROOT && !name.name.is_empty()) {
            findings.add("ext4-directory", structure(number), None, "an inode for names", "a reserved one");
            return Ok(None);
        }
        if self.inodes.has(u64::from(number)) {
            self.visit_again(&path, name, comparisons, findings)?;
            return Ok(None);
        }
        let Some(inode) = self.inode(number, findings)? else { return Ok(None) };
        let _ = self.inodes.take(u64::from(number), 1);
        if inode.entry_type() != name.entry_type {
            let found = format!("type {} in the directory", name.entry_type);
            findings.add(
                "ext4-directory",
                structure(number),
                None,
                format!("type {}", inode.entry_type()),
                found,
            );
        }
        let mapping = self.mapping_of(&inode, findings)?;
        self.compare(&path, &inode, &mapping, comparisons, findings)?;
        if !inode.is_directory() {
            // Most files have one name: nothing is kept of those.
            if inode.links != 1 {
                let links = Links { counted: inode.links, seen: 1, path: Some(path) };
                self.links.insert(number, links);
            }
            return Ok(None);
        }
        let group = u64::from(number - 1).checked_div(self.superblock.inodes_per_group).unwrap_or(0);
        let count = self.directories.entry(group).or_default();
        *count = count.saturating_add(1);
        let names = self.names(&inode, &mapping, parent, findings)?.into_iter();
        Ok(Some(Frame { path, number, names, links: inode.links, subdirectories: 0 }))
    }

    /// Holds an inode against what should be there, and checks what belongs to it.
    fn compare(
        &mut self,
        path: &[u8],
        inode: &Inode,
        mapping: &Mapping,
        comparisons: &mut [Comparison<'_>],
        findings: &mut Findings,
    ) -> Result<()> {
        let number = inode.number;
        let xattrs = self.xattrs(inode, findings)?;
        self.check_blocks(inode, mapping, findings);
        let target = self.target(inode, mapping)?;
        let Some(kind) = inode.kind(target) else {
            findings.add("ext4-inode", structure(number), None, "a type", format!("{:#o}", inode.format));
            return Ok(());
        };
        self.check_slack(mapping, inode.size, findings)?;
        if !matches!(kind, ActualKind::Directory | ActualKind::File { .. } | ActualKind::Symlink(_)) {
            findings.equal("ext4-inode", &structure(number), self.start, ("i_size", inode.size, 0));
        }
        let content = matches!(kind, ActualKind::File { .. }).then(|| self.content(mapping, inode.size));
        let actual = Actual {
            path,
            kind,
            mode: inode.mode,
            uid: inode.uid,
            gid: inode.gid,
            mtime: inode.mtime,
            flags: inode.flags & KEPT,
            xattrs,
            inode: u64::from(number),
            is_again: false,
            content: content.as_ref().map(|content| content as &dyn ReadAt),
        };
        for comparison in comparisons {
            comparison.entry(&actual, findings)?;
        }
        Ok(())
    }

    /// One more name of an inode.
    fn visit_again(
        &mut self,
        path: &[u8],
        name: &Name,
        comparisons: &mut [Comparison<'_>],
        findings: &mut Findings,
    ) -> Result<()> {
        let number = name.inode;
        let fresh = || Links { counted: 1, seen: 1, path: Some(path.to_vec()) };
        let links = self.links.entry(number).or_insert_with(fresh);
        links.seen = links.seen.saturating_add(1);
        // Looked at before: this time only for its type.
        let Some(inode) = self.inode(number, &mut Findings::default())? else { return Ok(()) };
        if inode.is_directory() || inode.entry_type() != name.entry_type {
            findings.add(
                "ext4-directory",
                structure(number),
                None,
                "a directory named once",
                format!("type {} again", name.entry_type),
            );
        }
        let kind = inode.kind(None).unwrap_or(ActualKind::Socket);
        let actual = Actual {
            path,
            kind,
            mode: inode.mode,
            uid: inode.uid,
            gid: inode.gid,
            mtime: inode.mtime,
            flags: inode.flags & KEPT,
            xattrs: Vec::new(),
            inode: u64::from(number),
            is_again: true,
            content: None,
        };
        for comparison in comparisons {
            comparison.entry(&actual, findings)?;
        }
        Ok(())
    }

    /// The blocks of an inode, by extents or by a map; none for what has none by nature.
    pub(super) fn mapping_of(&mut self, inode: &Inode, findings: &mut Findings) -> Result<Mapping> {
        match (inode.has_blocks(), self.superblock.flavour) {
            (false, _) => Ok(Mapping::default()),
            (true, Flavour::Classic) => self.block_map(inode.number, &inode.bytes, findings),
            (true, _) => self.extents(inode.number, &inode.bytes, findings),
        }
    }

    fn check_blocks(&self, inode: &Inode, mapping: &Mapping, findings: &mut Findings) {
        let name = structure(inode.number);
        let own = mapping.blocks().saturating_add(mapping.pointers);
        let blocks = own.saturating_add(u64::from(inode.xattr_block != 0));
        findings.equal("ext4-inode", &name, self.start, ("i_blocks", inode.blocks, blocks));
        let most = inode.size.div_ceil(BLOCK);
        if mapping.end() > most {
            findings.add(
                "ext4-inode",
                name,
                None,
                format!("{most} blocks at most"),
                format!("block {}", mapping.end() - 1),
            );
        }
    }

    /// The target of a link that stands in a block.
    fn target(&self, inode: &Inode, mapping: &Mapping) -> Result<Option<Vec<u8>>> {
        if inode.format != 0xa000 || !inode.has_blocks() || inode.size > BLOCK {
            return Ok(None);
        }
        let Some(block) = mapping.block(0) else { return Ok(None) };
        let mut target = self.block(block)?;
        target.truncate(len(inode.size));
        Ok(first_nonzero(&target).map(|_| target))
    }

    fn check_directory_links(&self, frame: &Frame, findings: &mut Findings) {
        let links = frame.subdirectories.saturating_add(2);
        let most = if self.superblock.flavour == Flavour::Classic { 32_000 } else { 65_000 };
        // 1 stands for too many to count (dir_nlink).
        let wanted = if links > most { 1 } else { links };
        if frame.links != wanted {
            findings.path = Some(frame.path.clone());
            let found = format!("i_links_count {}", frame.links);
            findings.add(
                "ext4-links",
                structure(frame.number),
                None,
                format!("i_links_count {wanted}"),
                found,
            );
        }
    }
}

const ROOT: u32 = 2;
const FIRST_INODE: u32 = 11;
