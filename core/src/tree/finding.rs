use serde::Serialize;

use crate::error::EscapePath;
use crate::{Error, ErrorKind, Result};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Kept exactly; worth knowing.
    Note,
    /// Changed into what it can only have meant.
    Normalised,
    /// Kept or dropped in a way that the user may mind.
    Warning,
}

/// Something about the scan that the report tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// Stable name, for programs.
    pub code: &'static str,
    /// Path in the tree, escaped where it is not printable.
    pub path: String,
    /// One sentence for people.
    pub text: String,
}

/// What warnings and normalisations do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strictness {
    /// They are recorded.
    #[default]
    Lenient,
    /// They refuse the scan.
    Strict,
}

impl Strictness {
    /// Whether a finding of this severity refuses the scan.
    pub fn refuses(self, severity: Severity) -> bool {
        self == Self::Strict && severity > Severity::Note
    }
}

/// Collects findings.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    strictness: Strictness,
    list: Vec<Finding>,
    /// Bytes of paths and texts in the list.
    bytes: usize,
    omitted: u64,
    /// The gravest of those that are not in the list.
    omitted_severity: Option<Severity>,
}

impl Findings {
    /// An empty collection.
    pub fn new(strictness: Strictness) -> Self {
        Self { strictness, list: Vec::new(), bytes: 0, omitted: 0, omitted_severity: None }
    }

    /// Records a finding.
    ///
    /// # Errors
    /// `ErrorKind::Source` naming the path when it is more than a note and the collection is strict.
    pub fn record(
        &mut self,
        severity: Severity,
        code: &'static str,
        path: &[u8],
        text: impl Into<String>,
    ) -> Result<()> {
        let text = text.into();
        if self.strictness.refuses(severity) {
            return Err(Error::new(ErrorKind::Source, format!("{text} (refused: strict)")).with_path(path));
        }
        let bytes = self.bytes + path.len() + text.len();
        if self.list.len() < MAX_KEPT && bytes <= MAX_KEPT_BYTES {
            self.bytes = bytes;
            self.list.push(Finding { severity, code, path: path.escape_ascii_path(), text });
        } else {
            self.omitted += 1;
            self.omitted_severity = self.omitted_severity.max(Some(severity));
        }
        Ok(())
    }

    /// All findings, in the order of their discovery; the last tells how many more there were.
    pub fn into_vec(mut self) -> Vec<Finding> {
        if let Some(severity) = self.omitted_severity {
            let text = format!("{} more findings are not listed", self.omitted);
            self.list.push(Finding { severity, code: "findings-omitted", path: "/".into(), text });
        }
        self.list
    }
}

/// A scan of a million odd entries must not fill the memory with messages.
const MAX_KEPT: usize = 10_000;
const MAX_KEPT_BYTES: usize = 4 << 20;
