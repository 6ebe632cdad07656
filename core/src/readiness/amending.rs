//! What is done about initial RAM disks that lack something.

use std::collections::BTreeSet;

use super::InitramfsPolicy;
use super::assess::{Amendment, Question};
use super::kernel::{ExaminedKernel, ReadRamdisk};
use super::overlay::archive;
use super::residue::Residue;
use crate::error::EscapePath;
use crate::tree::InodeId;
use crate::{Error, Result};

/// An amendment with what it is for.
pub(super) struct Made {
    pub(super) inode: InodeId,
    /// Of the kernel that has the modules.
    pub(super) release: String,
    pub(super) added: BTreeSet<String>,
    pub(super) amendment: Amendment,
}

/// What is done about an initial RAM disk that lacks something.
pub(super) enum Amending {
    /// An archive is appended.
    Done,
    /// Nothing, for the order wants none.
    Kept,
    /// It is amended already for a kernel that has it too, and gets these modules of this kernel with that.
    Shared(BTreeSet<String>),
    /// Nothing can be, for this cause.
    Refused(String),
}

/// What is done about the initial RAM disk of a kernel, when others have what is `made` for them.
pub(super) fn amending(
    question: &Question<'_>,
    kernel: &ExaminedKernel,
    ramdisk: &ReadRamdisk,
    made: &[Made],
) -> Amending {
    if question.policy == InitramfsPolicy::Keep {
        return Amending::Kept;
    }
    if let Some(known) = made.iter().find(|known| known.inode == ramdisk.inode) {
        let is_for_both = known.release == kernel.release;
        return Amending::Shared(if is_for_both { known.added.clone() } else { BTreeSet::new() });
    }
    if question.edited.contains(&ramdisk.path) {
        return Amending::Refused("an edit of the guest changes it".to_owned());
    }
    Amending::Done
}

/// Makes what an initial RAM disk lacks.
///
/// # Errors
/// As [`archive`].
pub(super) fn amendment(
    question: &Question<'_>,
    kernel: &ExaminedKernel,
    ramdisk: &ReadRamdisk,
    added: &BTreeSet<String>,
    residue: &Residue,
) -> Result<Amendment> {
    let modules = kernel.modules.as_ref();
    let check = || question.monitor.check();
    let archive = archive(question.tree, ramdisk, modules, added, residue, question.timestamp, &check)?;
    let after = format!(
        "{} bytes behind what was there, an archive with {}",
        archive.appended.bytes.len(),
        archive.names.join(", ").as_bytes().escape_ascii_path()
    );
    Ok(Amendment { path: ramdisk.path.clone(), appended: archive.appended, after })
}

/// An error with what caused it, in one line.
pub(super) fn with_cause(error: &Error) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(" ({cause})"));
    format!("{error}{}", cause.unwrap_or_default())
}
