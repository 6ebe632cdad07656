use std::collections::HashMap;

use super::finding::{Findings, Severity};
use super::{NONE, Xattr, XattrSet};
use crate::{Error, ErrorKind, Result};

/// The distinct sets of extended attributes of a tree that is being built.
#[derive(Default)]
pub(super) struct XattrSets {
    sets: Vec<XattrSet>,
    known: HashMap<XattrSet, u32>,
}

impl XattrSets {
    pub(super) fn from_vec(sets: Vec<XattrSet>) -> Self {
        let known = (0..).zip(&sets).map(|(at, set)| (set.clone(), at)).collect();
        Self { sets, known }
    }

    pub(super) fn into_vec(self) -> Vec<XattrSet> {
        self.sets
    }

    /// The number of a set with the attributes `given` to the entry at `path`; `NONE` for no attributes.
    ///
    /// # Errors
    /// `ErrorKind::Source` for an attribute that Linux would not take; in strict mode also for one of no namespace that
    /// ext4 has.
    pub(super) fn intern(
        &mut self,
        given: &[(Vec<u8>, Vec<u8>)],
        path: &[u8],
        findings: &mut Findings,
    ) -> Result<u32> {
        let mut set: Vec<Xattr> = Vec::with_capacity(given.len());
        for (name, value) in given {
            let shown = || name[..name.len().min(255)].escape_ascii();
            if !PREFIXES.iter().any(|prefix| name.starts_with(prefix)) && !ACL_NAMES.contains(&&**name) {
                let text =
                    format!("extended attribute {} is of no namespace that ext4 has: dropped", shown());
                findings.record(Severity::Warning, "xattr-namespace", path, text)?;
                continue;
            }
            if let Some(problem) = problem(name, value) {
                let text = format!("extended attribute {} {problem}", shown());
                return Err(Error::new(ErrorKind::Source, text).with_path(path));
            }
            set.push((name.as_slice().into(), value.as_slice().into()));
        }
        if set.is_empty() {
            return Ok(NONE);
        }
        // Of one name the last counts: a stable sort keeps it last among its equals.
        set.sort_by(|(a, _), (b, _)| a.cmp(b));
        set.reverse();
        set.dedup_by(|(later, _), (kept, _)| later == kept);
        set.reverse();
        let set: XattrSet = set.into();
        if let Some(known) = self.known.get(&set) {
            return Ok(*known);
        }
        let at = u32::try_from(self.sets.len()).ok().filter(|at| *at != NONE);
        let at =
            at.ok_or_else(|| Error::new(ErrorKind::LimitExceeded, "too many sets of extended attributes"))?;
        self.known.insert(set.clone(), at);
        self.sets.push(set);
        Ok(at)
    }
}

/// Why Linux would not take an attribute.
fn problem(name: &[u8], value: &[u8]) -> Option<String> {
    if name.len() > 255 || name.contains(&0) || PREFIXES.contains(&name) {
        return Some(format!(
            "has a name of {} bytes (at most 255, no NUL, not a bare namespace)",
            name.len()
        ));
    }
    if value.len() > MAX_VALUE {
        return Some(format!("has {} bytes (at most {MAX_VALUE})", value.len()));
    }
    if ACL_NAMES.contains(&name) && !is_acl(value) {
        return Some("is not an access control list of the kernel's form".to_owned());
    }
    if name == b"security.capability" && !is_capability(value) {
        return Some("is not a set of capabilities of version 1, 2 or 3".to_owned());
    }
    None
}

/// Whether the kernel would take `value` for an ACL.
///
/// # Reference
/// Linux `fs/posix_acl.c`, `posix_acl_from_xattr`, `posix_acl_valid`; `uapi/linux/posix_acl_xattr.h`.
fn is_acl(value: &[u8]) -> bool {
    let Some(entries) = value.strip_prefix(&[2, 0, 0, 0]) else { return false };
    let (entries, rest) = entries.as_chunks::<8>();
    if !rest.is_empty() {
        return false;
    }
    let tags = || entries.iter().map(|entry| u16::from_le_bytes([entry[0], entry[1]]));
    let count = |tag| tags().filter(|other| *other == tag).count();
    let named = count(ACL_USER) + count(ACL_GROUP);
    let fields_fit = entries.iter().all(|entry| {
        let tag = u16::from_le_bytes([entry[0], entry[1]]);
        let has_id = entry[4..] != [0xff; 4];
        entry[2] <= 7
            && entry[3] == 0
            && matches!(tag, ACL_USER_OBJ | ACL_USER | ACL_GROUP_OBJ | ACL_GROUP | ACL_MASK | ACL_OTHER)
            && (has_id || !matches!(tag, ACL_USER | ACL_GROUP))
    });
    fields_fit
        && tags().is_sorted()
        && [ACL_USER_OBJ, ACL_GROUP_OBJ, ACL_OTHER].iter().all(|tag| count(*tag) == 1)
        && count(ACL_MASK) <= 1
        && (named == 0 || count(ACL_MASK) == 1)
}

/// Whether the kernel would take `value` for file capabilities.
///
/// # Reference
/// `uapi/linux/capability.h`, `VFS_CAP_REVISION_…`, `XATTR_CAPS_SZ_…`.
fn is_capability(value: &[u8]) -> bool {
    let Some([_, _, _, revision]) = value.first_chunk::<4>() else { return false };
    matches!((revision, value.len()), (1, 12) | (2, 20) | (3, 24))
}

/// XATTR_SIZE_MAX.
const MAX_VALUE: usize = 65_536;
const PREFIXES: [&[u8]; 3] = [b"user.", b"trusted.", b"security."];
const ACL_NAMES: [&[u8]; 2] = [b"system.posix_acl_access", b"system.posix_acl_default"];
const ACL_USER_OBJ: u16 = 0x01;
const ACL_USER: u16 = 0x02;
const ACL_GROUP_OBJ: u16 = 0x04;
const ACL_GROUP: u16 = 0x08;
const ACL_MASK: u16 = 0x10;
const ACL_OTHER: u16 = 0x20;
