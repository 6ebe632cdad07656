//! Length and digests of the files that the report lists.

use std::path::Path;

use diskwright_core::{Error, ErrorKind, ReadAt, Result};
use sha2::{Digest, Sha256};

use crate::bytes::{len, len64};
use crate::container::HostFile;
use crate::escape::digest;
use crate::finding::Findings;
use crate::report::{ImageReport, OutputRecord};

/// Checks a file against the output of its name; one that the report does not list is not what it speaks of.
pub(crate) fn check(report: &ImageReport, path: &Path, findings: &mut Findings) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let Some(output) = report.outputs.iter().find(|output| output.path == name) else {
        findings.add("output", "report", None, "an output of this name", "none");
        return Ok(());
    };
    check_file(output, &HostFile::open(path)?, findings)
}

fn check_file(output: &OutputRecord, file: &HostFile, findings: &mut Findings) -> Result<()> {
    if file.size() != output.length {
        let found = format!("{} bytes", file.size());
        findings.add("output", "file", None, format!("{} bytes", output.length), found);
    }
    let (mut whole, mut tree) = (Sha256::new(), blake3::Hasher::new());
    let mut piece = vec![0; len(file.size()).min(PIECE)];
    let mut at = 0;
    while at < file.size() {
        let part = len(file.size() - at).min(PIECE);
        let Some(bytes) = piece.get_mut(..part) else { break };
        file.read_exact_at(at, bytes).map_err(|error| {
            Error::new(ErrorKind::Source, "the image cannot be read").with_offset(at).with_source(error)
        })?;
        if output.tree_digest.is_some() {
            tree.update(blake3::hash(bytes).as_bytes());
        }
        if output.sha256.is_some() {
            whole.update(&*bytes);
        }
        at = at.saturating_add(len64(part));
    }
    let mut compare = |what: &str, wanted: &str, digits: &str, found: &[u8]| {
        if digest(digits).as_ref().map(|wanted| &wanted[..]) != Some(found) {
            let digits: String = found.iter().map(|byte| format!("{byte:02x}")).collect();
            findings.add("output", "file", None, format!("{what} {wanted}"), format!("{what} {digits}"));
        }
    };
    if let Some(wanted) = &output.tree_digest {
        compare(
            "tree digest",
            wanted,
            digits_of_tree(wanted).unwrap_or_default(),
            tree.finalize().as_bytes(),
        );
    }
    if let Some(wanted) = &output.sha256 {
        compare("sha256", wanted, wanted, &whole.finalize());
    }
    Ok(())
}

/// The hexadecimal digits of a tree digest; none of one that is made otherwise than by BLAKE3.
pub(crate) fn digits_of_tree(digest: &str) -> Option<&str> {
    digest.strip_prefix("blake3:")
}

/// Pieces of the tree digest.
const PIECE: usize = 1 << 20;
