//! Paths of a scan, cleaned and checked.

use std::borrow::Cow;

use super::TreeBuilder;
use super::names::LastParent;
use crate::tree::components;
use crate::tree::finding::Severity;
use crate::{Error, ErrorKind, Result};

impl TreeBuilder {
    /// A path from a scan as its components with slashes between them, none before or after.
    ///
    /// # Errors
    /// `ErrorKind::Source` for a NUL byte, a component `..` or a name of more than 255 bytes, `ErrorKind::LimitExceeded` for
    /// more of either than a path may have; in a strict tree, whatever is left out.
    pub(super) fn normal_path<'a>(&mut self, path: &'a [u8]) -> Result<Cow<'a, [u8]>> {
        // As most archivers begin paths.
        let short = path.strip_prefix(b"./").unwrap_or(path);
        if self.last_parent.is_parent_of(short) {
            return Ok(Cow::Borrowed(short));
        }
        let refuse = |text: &str| Error::new(ErrorKind::Source, text).with_path(path);
        if path.contains(&0) {
            return Err(refuse("a path with a NUL byte"));
        }
        if path.starts_with(b"/") && !self.absolute_seen {
            self.absolute_seen = true;
            let text = "absolute paths are taken from the root of the tree (told once)";
            self.findings.record(Severity::Normalised, "absolute-path", path, text)?;
        }
        let (mut depth, mut is_normal) = (0, true);
        for (at, name) in path.split(|byte| *byte == b'/').enumerate() {
            match name {
                b"" => is_normal = false,
                b".." => return Err(refuse("a path with a component \"..\"")),
                b"." => {
                    is_normal = false;
                    if at > 0 && depth > 0 {
                        let text = "a component \".\" inside a path is left out";
                        self.findings.record(Severity::Normalised, "dot-component", path, text)?;
                    }
                }
                _ if name.len() > MAX_NAME => return Err(refuse("a name of more than 255 bytes")),
                _ => depth += 1,
            }
        }
        if depth > MAX_DEPTH || path.len() > MAX_PATH {
            let text = format!("a path deeper than {MAX_DEPTH} directories or longer than {MAX_PATH} bytes");
            let shown = &path[..path.len().min(256)];
            return Err(Error::new(ErrorKind::LimitExceeded, text).with_path(shown));
        }
        if is_normal {
            return Ok(Cow::Borrowed(path));
        }
        Ok(Cow::Owned(components(path).collect::<Vec<_>>().join(&b'/')))
    }
}

impl LastParent {
    /// Whether the path is a name in this directory, so that nothing of it has to be changed.
    fn is_parent_of(&self, path: &[u8]) -> bool {
        let name = path.strip_prefix(self.path.as_slice()).and_then(|rest| rest.strip_prefix(b"/"));
        let is_name = |name: &[u8]| {
            !matches!(name, b"" | b"." | b"..")
                && name.len() <= MAX_NAME
                && !name.iter().any(|byte| matches!(byte, 0 | b'/'))
        };
        !self.path.is_empty() && path.len() <= MAX_PATH && name.is_some_and(is_name)
    }
}

/// Components of a path.
const MAX_DEPTH: usize = 4096;
/// Bytes of a name.
const MAX_NAME: usize = 255;
/// Bytes of a path.
const MAX_PATH: usize = 65_536;
