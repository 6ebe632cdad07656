use super::TreeBuilder;
use crate::tree::finding::Severity;
use crate::{Error, ErrorKind, Result};

impl TreeBuilder {
    /// The components of a path from a scan.
    ///
    /// # Errors
    /// `ErrorKind::Source` for a NUL byte, a component `..` or a name of more than 255 bytes, `ErrorKind::LimitExceeded` for
    /// more of either than a path may have; in a strict tree, whatever is left out.
    pub(super) fn normal_path<'a>(&mut self, path: &'a [u8]) -> Result<Vec<&'a [u8]>> {
        let refuse = |text: &str| Error::new(ErrorKind::Source, text).with_path(path);
        if path.contains(&0) {
            return Err(refuse("a path with a NUL byte"));
        }
        if path.starts_with(b"/") && !self.absolute_seen {
            self.absolute_seen = true;
            let text = "absolute paths are taken from the root of the tree (told once)";
            self.findings.record(Severity::Normalised, "absolute-path", path, text)?;
        }
        let mut names = Vec::new();
        for (at, name) in path.split(|byte| *byte == b'/').enumerate() {
            match name {
                b"" => continue,
                b".." => return Err(refuse("a path with a component \"..\"")),
                b"." => {
                    if at > 0 && !names.is_empty() {
                        let text = "a component \".\" inside a path is left out";
                        self.findings.record(Severity::Normalised, "dot-component", path, text)?;
                    }
                }
                _ if name.len() > 255 => return Err(refuse("a name of more than 255 bytes")),
                _ => names.push(name),
            }
        }
        if names.len() > MAX_DEPTH || path.len() > MAX_PATH {
            let text = format!("a path deeper than {MAX_DEPTH} directories or longer than {MAX_PATH} bytes");
            let shown = &path[..path.len().min(256)];
            return Err(Error::new(ErrorKind::LimitExceeded, text).with_path(shown));
        }
        Ok(names)
    }
}

/// Components of a path.
const MAX_DEPTH: usize = 4096;
/// Bytes of a path.
const MAX_PATH: usize = 65_536;
