//! Length and digests of the files that the report lists.

use std::path::Path;

use diskwright_core::{Error, ErrorKind, ReadAt, Result};
use sha2::{Digest, Sha256};

use crate::bytes::{len, len64};
use crate::container::HostFile;
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
    if output.tree_digest.as_deref().is_some_and(|digest| !digest.starts_with(BLAKE3)) {
        let text = format!(
            "the tree digest of {} is not one of BLAKE3: the report is of an earlier version",
            output.path
        );
        return Err(Error::new(ErrorKind::Unsupported, text).with_field("outputs"));
    }
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
    let mut compare = |what: &str, wanted: &str, found: String| {
        if wanted != found {
            findings.add("output", "file", None, format!("{what} {wanted}"), format!("{what} {found}"));
        }
    };
    if let Some(wanted) = &output.tree_digest {
        compare("tree digest", wanted, format!("{BLAKE3}{}", tree.finalize().to_hex()));
    }
    if let Some(wanted) = &output.sha256 {
        let digits = whole.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        compare("sha256", &wanted.to_ascii_lowercase(), digits);
    }
    Ok(())
}

/// What stands before the digits of a tree digest.
const BLAKE3: &str = "blake3:";
/// Pieces of the tree digest.
const PIECE: usize = 1 << 20;
