use crate::tree::{FileTree, Object};
use crate::{Error, ErrorKind, Result};

/// The text files of a tree that say something of a kernel; those that are too large are passed over and known.
pub(crate) struct TableFiles<'a> {
    tree: &'a FileTree,
    /// Asked before each MiB: an error ends the reading.
    check: &'a dyn Fn() -> Result<()>,
    too_large: Vec<Vec<u8>>,
}

impl<'a> TableFiles<'a> {
    pub(crate) fn new(tree: &'a FileTree, check: &'a dyn Fn() -> Result<()>) -> Self {
        Self { tree, check, too_large: Vec::new() }
    }

    pub(crate) fn tree(&self) -> &'a FileTree {
        self.tree
    }

    /// Paths, without a leading slash, of files that were above their limit.
    pub(crate) fn too_large(&self) -> &[Vec<u8>] {
        &self.too_large
    }

    /// The text of the regular file that `path` leads to, what is no UTF-8 replaced; `None` when there is none, or when it
    /// has more than `limit` bytes.
    ///
    /// # Errors
    /// `ErrorKind::Source` when it cannot be read; those of the check.
    pub(crate) fn text(&mut self, path: &[u8], limit: u64) -> Result<Option<String>> {
        let Some(node) = self.tree.resolve(path) else { return Ok(None) };
        let inode = self.tree.inode_of(node);
        let Object::File { size, .. } = self.tree.inode(inode).object else { return Ok(None) };
        if size > limit {
            self.too_large.push(self.tree.path(node));
            return Ok(None);
        }
        let file = self.tree.open(inode)?;
        let mut bytes = vec![0; usize::try_from(size).unwrap_or_default()];
        let mut offset = 0;
        for part in bytes.chunks_mut(MIB) {
            (self.check)()?;
            file.read_exact_at(offset, part).map_err(|error| {
                Error::new(ErrorKind::Source, "cannot read the file's content")
                    .with_path(path)
                    .with_source(error)
            })?;
            offset += part.len() as u64;
        }
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }
}

const MIB: usize = 1 << 20;
