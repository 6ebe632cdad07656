//! Whether the machine of an image will come up: does its firmware find a loader, its kernel the disk, and the root file
//! system be mounted? Told without running anything of the guest; what is missing in an initial RAM disk is appended to it.
//!
//! ```text
//! kernels ─ modules.dep, .alias, .builtin, config ─┐
//! initial RAM disks ─ names, settings ─────────────┼─> drives it? ─> predictions, findings, an archive to append
//! controllers of the targets, file systems ────────┘
//! ```

mod amending;
mod assess;
mod booster;
mod early;
mod judgement;
mod kernel;
mod needs;
mod overlay;
mod residue;

use serde::Serialize;

use crate::format::{DiskController, Firmware, NetworkAdapter};

pub(crate) use assess::{Amendment, Answer, Question, Target, answer};
pub(crate) use early::EarlyRamdisks;

/// What may be done to initial RAM disks that would not find the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum InitramfsPolicy {
    /// An archive with what is missing is appended.
    #[default]
    Amend,
    /// They stay as they are.
    Keep,
}

/// What is foretold of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Readiness {
    /// What was done to initial RAM disks.
    pub initramfs: InitramfsPolicy,
    /// The kernel that boots by default, by its path; `None` without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// For each target, each controller of its machines and each firmware: whether it boots.
    pub predictions: Vec<Prediction>,
    /// Why, and what else there is to know.
    pub findings: Vec<Finding>,
}

/// Whether one kind of machine boots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Prediction {
    /// Id of the target's format.
    pub target: &'static str,
    /// What the disk hangs on; `None` where the format does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub controller: Option<DiskController>,
    /// What starts it.
    pub firmware: Firmware,
    /// Whether the order asks for this firmware, or the machine that the image describes has it.
    pub expected: bool,
    /// Whether it boots.
    pub verdict: Verdict,
}

/// Whether a machine boots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing that it needs is missing.
    Boots,
    /// The scan does not tell.
    Unknown,
    /// A finding says why.
    DoesNotBoot,
}

/// Something that decides whether an image boots, or how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Stable name, for programs.
    pub id: &'static str,
    /// How grave it is.
    pub severity: Severity,
    /// Ids of the formats that it concerns; none for all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<&'static str>,
    /// The controller, where it concerns one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub controller: Option<DiskController>,
    /// The adapter, where it concerns one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adapter: Option<NetworkAdapter>,
    /// The firmware, where it concerns one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub firmware: Option<Firmware>,
    /// The file that it is about, with a leading slash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What is so, in one sentence.
    pub what: String,
    /// What the user can do, or what was done; empty where there is nothing to do.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub remedy: String,
}

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// It would have mattered, and was mended.
    Mended,
    /// The machine may boot slowly, or not in every case.
    Warning,
    /// The machine does not boot.
    Blocking,
}

impl Readiness {
    /// The worst of what is foretold of machines that the order expects to boot; `Unknown` when it expects none.
    pub fn verdict(&self) -> Verdict {
        let expected = self.predictions.iter().filter(|prediction| prediction.expected);
        expected.map(|prediction| prediction.verdict).max().unwrap_or(Verdict::Unknown)
    }
}

impl Verdict {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Boots => "boots",
            Self::Unknown => "unknown",
            Self::DoesNotBoot => "does not boot",
        }
    }
}

impl Severity {
    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Mended => "mended",
            Self::Warning => "warning",
            Self::Blocking => "blocking",
        }
    }
}

impl Finding {
    /// A finding about everything.
    fn new(id: &'static str, severity: Severity, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            id,
            severity,
            targets: Vec::new(),
            controller: None,
            adapter: None,
            firmware: None,
            path: None,
            what: what.into(),
            remedy: remedy.into(),
        }
    }

    fn at(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }
}

#[cfg(test)]
mod tests;
