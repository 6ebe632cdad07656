use crate::{Error, ErrorKind, Result};

/// An access ACL.
pub(super) struct AccessAcl {
    /// The kernel's wire form; `None` for a list that says no more than the mode.
    pub(super) wire: Option<Vec<u8>>,
    /// The permission bits of a mode that goes with it: the kernel shows the mask as the group's.
    pub(super) permissions: u16,
}

/// Takes the text form of an access ACL apart.
///
/// # Errors
/// `ErrorKind::Unsupported` for an entry that names a user or group without its number; `ErrorKind::Source` for a text
/// that is no ACL.
///
/// # Reference
/// POSIX 1003.1e draft 17, 23.3 (text); Linux `posix_acl_xattr.h` (wire).
pub(super) fn parse_access(text: &[u8]) -> Result<AccessAcl> {
    let entries = parse(text)?;
    let of = |tag| entries.iter().find(|entry| entry.tag == tag).map(|entry| entry.permissions);
    let group = of(MASK).or(of(GROUP_OBJ)).unwrap_or(0);
    let permissions = of(USER_OBJ).unwrap_or(0) << 6 | group << 3 | of(OTHER).unwrap_or(0);
    Ok(AccessAcl { wire: (entries.len() > 3).then(|| to_wire(&entries)), permissions })
}

/// The text form of a default ACL in the kernel's wire form; `None` for an empty one.
///
/// # Errors
/// As [`parse_access`].
pub(super) fn parse_default(text: &[u8]) -> Result<Option<Vec<u8>>> {
    if text.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    Ok(Some(to_wire(&parse(text)?)))
}

/// Sorted as the kernel wants them: by tag, then by id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct AclEntry {
    tag: u16,
    id: u32,
    permissions: u16,
}

fn parse(text: &[u8]) -> Result<Vec<AclEntry>> {
    let malformed = || {
        let shown = String::from_utf8_lossy(&text[..text.len().min(200)]).into_owned();
        Error::new(ErrorKind::Source, format!("malformed access control list \"{shown}\""))
    };
    let mut entries = Vec::new();
    for line in text.split(|byte| matches!(byte, b',' | b'\n')) {
        let line = line.split(|byte| *byte == b'#').next().unwrap_or(line).trim_ascii();
        if line.is_empty() {
            continue;
        }
        entries.push(parse_entry(line)?.ok_or_else(malformed)?);
    }
    entries.sort_unstable();
    let count = |tag| entries.iter().filter(|entry| entry.tag == tag).count();
    let named = count(USER) + count(GROUP);
    let twice = entries.windows(2).any(|pair| pair[0].tag == pair[1].tag && pair[0].id == pair[1].id);
    let base = [USER_OBJ, GROUP_OBJ, OTHER].iter().all(|tag| count(*tag) == 1);
    if !base || twice || named > 0 && count(MASK) == 0 {
        return Err(malformed());
    }
    Ok(entries)
}

/// `[default:]TAG:[QUALIFIER]:PERMISSIONS[:ID]`; `None` when it is not that.
fn parse_entry(line: &[u8]) -> Result<Option<AclEntry>> {
    let line = line.strip_prefix(b"default:").unwrap_or(line);
    let mut fields = line.split(|byte| *byte == b':');
    let (Some(tag), Some(qualifier), Some(permissions)) = (fields.next(), fields.next(), fields.next())
    else {
        // `mask:rwx` and `other:r-x` have no qualifier in old texts; nothing that writes tar makes them.
        return Ok(None);
    };
    let id = fields.next();
    if fields.next().is_some() {
        return Ok(None);
    }
    let tag = match (tag, qualifier.is_empty()) {
        (b"user" | b"u", true) => USER_OBJ,
        (b"user" | b"u", false) => USER,
        (b"group" | b"g", true) => GROUP_OBJ,
        (b"group" | b"g", false) => GROUP,
        (b"mask" | b"m", true) => MASK,
        (b"other" | b"o", true) => OTHER,
        _ => return Ok(None),
    };
    let Some(permissions) = parse_permissions(permissions) else { return Ok(None) };
    let id = if matches!(tag, USER | GROUP) {
        let digits = id.unwrap_or(qualifier);
        match super::pax::decimal(digits).map(u32::try_from) {
            Some(Ok(id)) if id != UNDEFINED_ID => id,
            _ => {
                let name = String::from_utf8_lossy(qualifier).into_owned();
                let text = format!(
                    "an access control list that names {name} without a number \
                     (tar --xattrs --xattrs-include='*' writes numbers)"
                );
                return Err(Error::new(ErrorKind::Unsupported, text));
            }
        }
    } else {
        UNDEFINED_ID
    };
    Ok(Some(AclEntry { tag, id, permissions }))
}

fn parse_permissions(text: &[u8]) -> Option<u16> {
    let text = text.trim_ascii();
    let text: &[u8; 3] = text.get(..3).filter(|_| text.len() == 3)?.try_into().ok()?;
    text.iter().zip(*b"rwx").zip([4, 2, 1]).try_fold(0, |bits, ((given, letter), bit)| match *given {
        given if given == letter => Some(bits | bit),
        b'-' => Some(bits),
        _ => None,
    })
}

fn to_wire(entries: &[AclEntry]) -> Vec<u8> {
    let mut wire = VERSION.to_le_bytes().to_vec();
    for entry in entries {
        wire.extend(entry.tag.to_le_bytes());
        wire.extend(entry.permissions.to_le_bytes());
        wire.extend(entry.id.to_le_bytes());
    }
    wire
}

const VERSION: u32 = 2;
const USER_OBJ: u16 = 0x01;
const USER: u16 = 0x02;
const GROUP_OBJ: u16 = 0x04;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;
const OTHER: u16 = 0x20;
const UNDEFINED_ID: u32 = u32::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_both_archivers_become_the_same_wire_form() {
        let gnu = b"user::rw-\nuser:1000:r-x\ngroup::r--\nmask::r-x\nother::---\n";
        let bsd = b"user::rw-,group::r--,other::---,user:lizard:r-x:1000,mask::r-x";
        let acl = parse_access(gnu).unwrap();
        assert_eq!(acl.permissions, 0o650);
        let wire = acl.wire.unwrap();
        assert_eq!(Some(&wire), parse_access(bsd).unwrap().wire.as_ref());
        let expected = [
            &[2, 0, 0, 0][..],
            &[1, 0, 6, 0, 255, 255, 255, 255],
            &[2, 0, 5, 0, 0xe8, 3, 0, 0],
            &[4, 0, 4, 0, 255, 255, 255, 255],
            &[16, 0, 5, 0, 255, 255, 255, 255],
            &[32, 0, 0, 0, 255, 255, 255, 255],
        ]
        .concat();
        assert_eq!(wire, expected);
    }

    #[test]
    fn a_list_that_equals_the_mode_is_none() {
        assert_eq!(parse_access(b"user::rw-,group::r--,other::r--").unwrap().wire, None);
        assert_eq!(parse_default(b"").unwrap(), None);
        assert!(parse_default(b"user::rw-,group::r--,other::r--").unwrap().is_some());
    }

    #[test]
    fn names_without_numbers_and_malformed_lists_are_refused() {
        let text = b"user::rw-,user:lizard:r-x,group::r--,mask::r-x,other::---";
        let error = parse_access(text).map(|acl| acl.permissions).unwrap_err();
        assert!(error.to_string().contains("lizard"), "{error}");
        for text in [
            &b"user::rw-"[..],
            b"user::rw-,group::r--,other::r--,user:1:rwx",
            b"user::rw-,user::rw-,group::r--,other::r--",
            b"user::rwz,group::r--,other::r--",
            b"owner@::rwx",
            b"",
        ] {
            assert!(parse_access(text).is_err(), "{}", String::from_utf8_lossy(text));
        }
    }
}
