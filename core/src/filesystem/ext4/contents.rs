//! What a volume has to hold, before its size is known.

use std::collections::HashMap;

use super::checksum::Checksum;
use super::directory::{Directories, LOST_FOUND_NAME};
use super::encode::blocks_for;
use super::extent::Ranges;
use super::hash::NameHash;
use super::numbering::Numbering;
use super::options::{Ext4Features, Ext4Options};
use super::xattr::{Attributes, MAX_REFERENCES, Xattr, XattrProblem};
use crate::scan::{FLAG_APPEND, FLAG_IMMUTABLE};
use crate::tree::{Inode, InodeId, NodeId, Object, TreeView};
use crate::{Error, ErrorKind, Result};

/// The survey of a view: what needs how many blocks, in which order.
pub(super) struct Contents {
    pub(super) view: TreeView,
    pub(super) numbering: Numbering,
    pub(super) directories: Directories,
    /// By rank: a directory's place in the list, a long link's in `long_links`, a file's first block in the area of
    /// file data.
    place: Vec<u32>,
    /// Ranks of symbolic links whose target needs a block, which are those blocks in order.
    pub(super) long_links: Vec<u32>,
    /// Blocks of attributes in order.
    pub(super) xattr_blocks: Vec<XattrBlock>,
    /// Rank and block of inodes with attributes in a block, by rank.
    xattr_uses: Vec<(u32, u32)>,
    /// Rank and names of inodes that have names outside the view too, by rank.
    links: Vec<(u32, u32)>,
    /// Blocks of all files' data.
    pub(super) data_blocks: u64,
}

/// A block of attributes: the rank of its first inode, and how many inodes share it.
#[derive(Clone, Copy)]
pub(super) struct XattrBlock {
    pub(super) rank: u32,
    pub(super) references: u32,
}

impl Contents {
    /// Surveys a view. Cost: O(names), plus sorting the names of each directory of several blocks.
    ///
    /// # Errors
    /// `ErrorKind::Unsupported`, `ErrorKind::LimitExceeded` and `ErrorKind::Source`, naming the path, for what ext4
    /// cannot hold.
    pub(super) fn survey(view: TreeView, options: &Ext4Options, checksum: &Checksum) -> Result<Self> {
        let tree = view.tree();
        let root = tree.inode_of(view.root());
        if !matches!(tree.inode(root).object, Object::Directory) {
            let text = "the root of a file system must be a directory";
            return Err(Error::new(ErrorKind::Unsupported, text).with_path(tree.path(view.root())));
        }
        let lost_found = lost_found(&view)?;
        let inodes = view.nodes().map(|node| tree.inode_of(node));
        let numbering = Numbering::new(tree.inode_count(), inodes, root, lost_found);
        if numbering.count() > u32::MAX - 16 {
            return Err(Error::new(ErrorKind::LimitExceeded, "more inodes than ext4 numbers"));
        }
        let directories =
            Directories::new(NameHash::new(options.hash_seed), checksum, !numbering.has_lost_found());
        let place = vec![0; numbering.count() as usize];
        let mut contents = Self {
            numbering,
            directories,
            place,
            long_links: Vec::new(),
            xattr_blocks: Vec::new(),
            xattr_uses: Vec::new(),
            links: Vec::new(),
            data_blocks: 0,
            view: view.clone(),
        };
        contents.add_names()?;
        contents.add_inodes(options.features)?;
        Ok(contents)
    }

    /// A directory's place in the list of directories.
    pub(super) fn directory(&self, rank: u32) -> usize {
        self.place[rank as usize] as usize
    }

    /// A file's first block in the area of file data, or a long link's in the area of targets.
    pub(super) fn first_block(&self, rank: u32) -> u64 {
        u64::from(self.place[rank as usize])
    }

    /// Names of an inode within the view, other than a directory.
    pub(super) fn link_count(&self, rank: u32, names: u32) -> u32 {
        match self.links.binary_search_by_key(&rank, |(rank, _)| *rank) {
            Ok(at) => self.links[at].1,
            Err(_) => names,
        }
    }

    /// The block of attributes that an inode uses.
    pub(super) fn xattr_block(&self, rank: u32) -> Option<u32> {
        let at = self.xattr_uses.binary_search_by_key(&rank, |(rank, _)| *rank).ok()?;
        Some(self.xattr_uses[at].1)
    }

    /// The blocks of a regular file that hold data.
    pub(super) fn ranges<'a>(object: &Object<'a>) -> Ranges<'a> {
        match object {
            Object::File { data: Some(map), .. } => Ranges::Map(map),
            Object::File { size, data: None } => Ranges::Whole(blocks_for(*size)),
            _ => Ranges::Whole(0),
        }
    }

    fn add_names(&mut self) -> Result<()> {
        let view = self.view.clone();
        let tree = view.tree();
        let mut scratch = Vec::new();
        let mut nodes = 0_usize;
        // Counts of the view are the tree's unless a name of the inode lies outside.
        let mut shared: HashMap<u32, u32> = HashMap::new();
        for node in view.nodes() {
            nodes += 1;
            let inode = tree.inode_of(node);
            let attributes = tree.inode(inode);
            match attributes.object {
                Object::Directory => {
                    let rank = self.numbering.rank(inode);
                    self.place[rank as usize] = self.directories.len() as u32;
                    self.directories.add(&view, node, rank, &mut scratch)?;
                }
                _ if attributes.links > 1 => {
                    *shared.entry(self.numbering.rank(inode)).or_default() += 1;
                }
                _ => {}
            }
        }
        self.directories.finish();
        if nodes < tree.node_count() {
            self.links = shared.into_iter().collect();
            self.links.sort_unstable();
        }
        Ok(())
    }

    fn add_inodes(&mut self, features: Ext4Features) -> Result<()> {
        let view = self.view.clone();
        let tree = view.tree();
        let mut sets = vec![SetUse::Unknown; tree.xattr_set_count()];
        let mut long_links = Vec::new();
        let mut data_blocks: u64 = 0;
        for (rank, inode) in (0_u32..).zip(self.numbering.inodes()) {
            let attributes = tree.inode(inode);
            if let Some(problem) = inode_problem(&attributes) {
                return Err(Error::new(ErrorKind::Source, problem).with_path(tree.path_of(inode)));
            }
            if let Some(text) = self.passed_limit(rank, &attributes, features) {
                return Err(Error::new(ErrorKind::LimitExceeded, text).with_path(tree.path_of(inode)));
            }
            match attributes.object {
                Object::File { .. } => {
                    self.place[rank as usize] = u32::try_from(data_blocks).map_err(|_| too_much())?;
                    data_blocks = data_blocks.saturating_add(Self::ranges(&attributes.object).blocks());
                }
                Object::Symlink(target) if target.len() >= INLINE_TARGET => {
                    self.place[rank as usize] = long_links.len() as u32;
                    long_links.push(rank);
                }
                _ => {}
            }
            let Some(set) = attributes.xattr_set else { continue };
            let block = use_set(&mut sets[set as usize], rank, attributes.xattrs, &mut self.xattr_blocks);
            match block {
                Ok(Some(block)) => self.xattr_uses.push((rank, block)),
                Ok(None) => {}
                Err(problem) => return Err(xattr_error(problem, tree.path_of(inode))),
            }
        }
        // Positions have room for a few areas besides.
        if data_blocks > u64::from(u32::MAX) {
            return Err(too_much());
        }
        self.data_blocks = data_blocks;
        self.long_links = long_links;
        self.long_links.shrink_to_fit();
        self.xattr_blocks.shrink_to_fit();
        self.xattr_uses.shrink_to_fit();
        Ok(())
    }
}

impl Contents {
    /// What an inode has more of than these features allow.
    fn passed_limit(&self, rank: u32, inode: &Inode<'_>, features: Ext4Features) -> Option<String> {
        let most = features.max_links();
        match inode.object {
            Object::Directory => {
                let count = self.directories.get(self.directory(rank)).subdirectories;
                let is_over = !features.has_dir_nlink() && count > most - 2;
                return is_over.then(|| {
                    let most = most - 2;
                    format!("{count} subdirectories; a directory of ext3 or ext2 has at most {most}")
                });
            }
            Object::File { size, .. } if size > features.max_file_size() => {
                let most = features.max_file_size();
                return Some(format!(
                    "a file of {size} bytes; the file system holds files of at most {most}"
                ));
            }
            _ => {}
        }
        let links = self.link_count(rank, inode.links);
        (links > most).then(|| format!("{links} hard links; the file system allows {most} for an inode"))
    }
}

/// What ext4 could not show, or e2fsck would not let stand.
fn inode_problem(inode: &Inode<'_>) -> Option<&'static str> {
    let may_be_fixed = matches!(inode.object, Object::File { .. } | Object::Directory);
    if !may_be_fixed && inode.flags & (FLAG_IMMUTABLE | FLAG_APPEND) != 0 {
        return Some("only files and directories can be immutable or append-only");
    }
    (inode.mtime.nanos >= 1_000_000_000).then_some("nanoseconds of a time are below 1000000000")
}

/// Where the attributes of a set stand, as far as is known.
#[derive(Clone, Copy)]
enum SetUse {
    Unknown,
    InInode,
    /// The block that the next inode shares.
    Block(u32),
}

/// Finds the block for one more inode with a set of attributes; `None` when they fit the inode.
fn use_set(
    state: &mut SetUse,
    rank: u32,
    xattrs: &[Xattr],
    blocks: &mut Vec<XattrBlock>,
) -> std::result::Result<Option<u32>, XattrProblem> {
    if matches!(state, SetUse::Unknown) && !Attributes::new(xattrs)?.needs_block() {
        *state = SetUse::InInode;
    }
    match *state {
        SetUse::InInode => return Ok(None),
        SetUse::Block(block) => {
            if let Some(known) =
                blocks.get_mut(block as usize).filter(|known| known.references < MAX_REFERENCES)
            {
                known.references += 1;
                return Ok(Some(block));
            }
        }
        SetUse::Unknown => {}
    }
    let block = blocks.len() as u32;
    blocks.push(XattrBlock { rank, references: 1 });
    *state = SetUse::Block(block);
    Ok(Some(block))
}

/// The directory `lost+found` of a view's root, if there is one.
fn lost_found(view: &TreeView) -> Result<Option<InodeId>> {
    let tree = view.tree();
    let found = view.children(view.root()).find(|child: &NodeId| tree.name(*child) == LOST_FOUND_NAME);
    let Some(node) = found else { return Ok(None) };
    let inode = tree.inode_of(node);
    if !matches!(tree.inode(inode).object, Object::Directory) {
        let text = "lost+found is not a directory, which every ext4 file system has there";
        return Err(Error::new(ErrorKind::Unsupported, text).with_path(tree.path(node)));
    }
    Ok(Some(inode))
}

fn xattr_error(problem: XattrProblem, path: Vec<u8>) -> Error {
    let kind = match problem {
        XattrProblem::TooLarge { .. } => ErrorKind::LimitExceeded,
        _ => ErrorKind::Source,
    };
    Error::new(kind, problem.to_string()).with_path(path)
}

fn too_much() -> Error {
    Error::new(ErrorKind::LimitExceeded, "the files hold more than 16 TiB of data")
}

/// A target this long does not fit i_block.
pub(super) const INLINE_TARGET: usize = 60;
