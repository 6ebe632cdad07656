use super::acl;
use super::sparse::SparseRecords;
use crate::scan::{FLAG_APPEND, FLAG_IMMUTABLE, FLAG_NODUMP};
use crate::{Error, ErrorKind, Result, Timestamp};

/// What the records of extended headers say.
///
/// # Reference
/// POSIX.1-2017, pax, "pax Extended Header".
#[derive(Clone, Debug, Default)]
pub(super) struct Records {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link_path: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    pub(super) mtime: Option<Timestamp>,
    pub(super) device_major: Option<u32>,
    pub(super) device_minor: Option<u32>,
    pub(super) flags: Option<u32>,
    /// The nine permission bits that go with an access ACL.
    pub(super) permissions: Option<u16>,
    pub(super) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) sparse: SparseRecords,
    /// Keywords of other vendors, which no reader applies.
    pub(super) ignored: Vec<Vec<u8>>,
}

/// To what a header's records apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// The next file.
    File,
    /// All files that follow.
    Global,
}

impl Records {
    /// Takes the body of an extended header apart.
    ///
    /// # Errors
    /// `ErrorKind::Source` for a body that is not made of records or a value that is no value of its keyword;
    /// `ErrorKind::Unsupported` naming a keyword that would change a file's meaning and is not known, or that is given
    /// for all files where readers differ.
    pub(super) fn parse(&mut self, body: &[u8], scope: Scope) -> Result<()> {
        let mut rest = body;
        let mut unnumbered = Vec::new();
        while !rest.is_empty() {
            let (keyword, value, after) = split_record(rest)
                .ok_or_else(|| Error::new(ErrorKind::Source, "an extended header with a malformed record"))?;
            match self.take(keyword, value, scope) {
                Err(error) if keyword.starts_with(ACL_TEXT) && error.kind() == ErrorKind::Unsupported => {
                    unnumbered.push((keyword, error));
                }
                taken => taken?,
            }
            rest = after;
        }
        // GNU tar writes an ACL twice: as text with the names of its host, and as the kernel's bytes, which are exact.
        let is_exact = |keyword: &[u8]| {
            let name = if keyword == b"SCHILY.acl.default" { DEFAULT_ACL } else { ACCESS_ACL };
            self.xattrs.iter().any(|(known, _)| known == name)
        };
        unnumbered.into_iter().find(|(keyword, _)| !is_exact(keyword)).map_or(Ok(()), |(_, error)| Err(error))
    }

    /// These records over those of global headers.
    pub(super) fn over(self, globals: &Self) -> Self {
        let mut xattrs = globals.xattrs.clone();
        xattrs.extend(self.xattrs);
        Self {
            uid: self.uid.or(globals.uid),
            gid: self.gid.or(globals.gid),
            mtime: self.mtime.or(globals.mtime),
            flags: self.flags.or(globals.flags),
            xattrs,
            ..self
        }
    }

    fn take(&mut self, keyword: &[u8], value: &[u8], scope: Scope) -> Result<()> {
        let shown = || String::from_utf8_lossy(keyword).into_owned();
        let malformed =
            || Error::new(ErrorKind::Source, format!("extended header: bad value of {}", shown()));
        if scope == Scope::Global && (PER_FILE.contains(&keyword) || keyword.starts_with(b"GNU.sparse.")) {
            let text = format!("a global extended header with {}, which readers treat differently", shown());
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        let given = !value.is_empty() && !value.contains(&0);
        match keyword {
            b"path" => {
                // GNU tar itself writes a made-up path behind the name of a sparse file, and Python takes it for
                // the name; any other path there is ambiguous.
                let made_up =
                    value.split(|byte| *byte == b'/').any(|name| name.starts_with(b"GNUSparseFile."));
                let given = given && (made_up || self.sparse.name().is_none());
                set_once(&mut self.path, value.to_vec(), given).ok_or_else(malformed)?;
            }
            b"linkpath" => set_once(&mut self.link_path, value.to_vec(), given).ok_or_else(malformed)?,
            b"size" => {
                let size = decimal(value).filter(|size| i64::try_from(*size).is_ok());
                set_once(&mut self.size, size.ok_or_else(malformed)?, given).ok_or_else(malformed)?;
            }
            b"uid" => self.uid = Some(decimal_u32(value).ok_or_else(malformed)?),
            b"gid" => self.gid = Some(decimal_u32(value).ok_or_else(malformed)?),
            b"mtime" => self.mtime = Some(time(value).ok_or_else(malformed)?),
            b"SCHILY.devmajor" => self.device_major = Some(decimal_u32(value).ok_or_else(malformed)?),
            b"SCHILY.devminor" => self.device_minor = Some(decimal_u32(value).ok_or_else(malformed)?),
            b"SCHILY.fflags" => self.flags = Some(file_flags(value)?),
            b"SCHILY.acl.access" => {
                let access = acl::parse_access(value)?;
                self.permissions = Some(access.permissions);
                self.push_acl(ACCESS_ACL, access.wire);
            }
            b"SCHILY.acl.default" => self.push_acl(DEFAULT_ACL, acl::parse_default(value)?),
            // Written without the NUL that the attribute has.
            b"RHT.security.selinux" => self.xattrs.push((SELINUX.to_vec(), [value, b"\0"].concat())),
            b"hdrcharset" if !HEADER_CHARSETS.contains(&value) => return Err(malformed()),
            _ if WITHOUT_MEANING.contains(&keyword) => {}
            _ => self.take_by_prefix(keyword, value).ok_or_else(malformed)??,
        }
        Ok(())
    }

    /// Takes keywords that carry a name; `None` for a malformed value.
    fn take_by_prefix(&mut self, keyword: &[u8], value: &[u8]) -> Option<Result<()>> {
        if let Some(name) = keyword.strip_prefix(b"SCHILY.xattr.") {
            self.xattrs.push((unescape_gnu(name), value.to_vec()));
        } else if let Some(name) = keyword.strip_prefix(b"LIBARCHIVE.xattr.") {
            self.xattrs.push((unescape_url(name)?, base64(value)?));
        } else if let Some(name) = keyword.strip_prefix(b"GNU.sparse.") {
            self.sparse.take(name, value)?;
        } else if KNOWN_VENDORS.iter().any(|vendor| keyword.starts_with(vendor)) || !keyword.contains(&b'.') {
            let text = format!("extended header keyword {}", String::from_utf8_lossy(keyword));
            return Some(Err(Error::new(ErrorKind::Unsupported, text)));
        } else if !self.ignored.iter().any(|known| known == keyword) && self.ignored.len() < MAX_IGNORED {
            self.ignored.push(keyword.to_vec());
        }
        Some(Ok(()))
    }

    fn push_acl(&mut self, name: &[u8], acl: Option<Vec<u8>>) {
        if let Some(acl) = acl {
            self.xattrs.push((name.to_vec(), acl));
        }
    }
}

/// Splits `LENGTH KEYWORD=VALUE\n` off; the length counts all of it.
fn split_record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = bytes.iter().take(MAX_LENGTH_DIGITS + 1).position(|byte| *byte == b' ')?;
    let len = usize::try_from(decimal(&bytes[..space])?).ok()?;
    let (record, after) = bytes.split_at_checked(len)?;
    let (last, record) = record.get(space + 1..)?.split_last()?;
    let equals = record.iter().position(|byte| *byte == b'=').filter(|at| *at > 0)?;
    let keyword = &record[..equals];
    (*last == b'\n' && !keyword.contains(&0) && bytes[0] != b'0').then_some((
        keyword,
        &record[equals + 1..],
        after,
    ))
}

fn set_once<T>(slot: &mut Option<T>, value: T, allowed: bool) -> Option<()> {
    (allowed && slot.is_none()).then(|| *slot = Some(value))
}

/// A decimal number of digits only.
pub(super) fn decimal(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

fn decimal_u32(value: &[u8]) -> Option<u32> {
    decimal(value).and_then(|value| u32::try_from(value).ok())
}

/// Seconds with up to nine decimals; before 1970 with a minus sign.
fn time(value: &[u8]) -> Option<Timestamp> {
    let (negative, value) = match value.strip_prefix(b"-") {
        Some(value) => (true, value),
        None => (false, value),
    };
    let (whole, fraction) = match value.iter().position(|byte| *byte == b'.') {
        Some(point) => (&value[..point], &value[point + 1..]),
        None => (value, &b"0"[..]),
    };
    let seconds = i64::try_from(decimal(whole)?).ok()?;
    let significant = fraction.len() - fraction.iter().rev().take_while(|byte| **byte == b'0').count();
    if fraction.is_empty()
        || fraction.len() > 9 && significant > 9
        || !fraction.iter().all(u8::is_ascii_digit)
    {
        return None;
    }
    let nanos = (0..9)
        .fold(0_u32, |nanos, at| nanos * 10 + fraction.get(at).map_or(0, |digit| u32::from(digit - b'0')));
    Some(match (negative, nanos) {
        (false, nanos) => Timestamp { seconds, nanos },
        (true, 0) => Timestamp { seconds: -seconds, nanos },
        (true, nanos) => Timestamp { seconds: -seconds - 1, nanos: 1_000_000_000 - nanos },
    })
}

/// File flags by the names that libarchive gives them on Linux.
fn file_flags(value: &[u8]) -> Result<u32> {
    value.split(|byte| *byte == b',').filter(|name| !name.is_empty()).try_fold(0, |flags, name| match name {
        b"sappnd" | b"sappend" | b"append" => Ok(flags | FLAG_APPEND),
        b"schg" | b"schange" | b"simmutable" | b"immutable" => Ok(flags | FLAG_IMMUTABLE),
        b"nodump" => Ok(flags | FLAG_NODUMP),
        // Kept by no scan: they tune how ext4 stores a file.
        b"noatime" | b"compress" | b"sync" | b"dirsync" | b"journal" | b"secdel" | b"securedeletion"
        | b"undel" | b"tail" | b"topdir" | b"projinherit" | b"nocow" => Ok(flags),
        _ => {
            let text = format!("file flag {}", String::from_utf8_lossy(name));
            Err(Error::new(ErrorKind::Unsupported, text))
        }
    })
}

/// Undoes the two escapes that GNU tar makes in attribute names.
fn unescape_gnu(name: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((first, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(b"%3D") {
            plain.push(b'=');
            rest = after;
        } else if let Some(after) = rest.strip_prefix(b"%25") {
            plain.push(b'%');
            rest = after;
        } else {
            plain.push(*first);
            rest = after;
        }
    }
    plain
}

fn unescape_url(name: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            plain.push(*first);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
        plain.push(u8::from_str_radix(digits, 16).ok()?);
        rest = after;
    }
    Some(plain)
}

/// Base64 of the standard alphabet, padded or not.
fn base64(value: &[u8]) -> Option<Vec<u8>> {
    let end = value.len() - value.iter().rev().take_while(|byte| **byte == b'=').count();
    if value.len() - end > 2 || end % 4 == 1 {
        return None;
    }
    let mut bytes = Vec::with_capacity(end / 4 * 3 + 2);
    for group in value[..end].chunks(4) {
        let mut bits = 0_u32;
        for at in 0..4 {
            bits = bits << 6 | group.get(at).map_or(Some(0), |digit| base64_digit(*digit))?;
        }
        let [_, first, second, third] = bits.to_be_bytes();
        bytes.extend_from_slice(&[first, second, third][..group.len() - 1]);
    }
    Some(bytes)
}

fn base64_digit(digit: u8) -> Option<u32> {
    let value = match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

const ACL_TEXT: &[u8] = b"SCHILY.acl.";
const ACCESS_ACL: &[u8] = b"system.posix_acl_access";
const DEFAULT_ACL: &[u8] = b"system.posix_acl_default";
const SELINUX: &[u8] = b"security.selinux";
/// Seven digits count past the limit of a header's size.
const MAX_LENGTH_DIGITS: usize = 7;
/// Distinct keywords of other vendors that are remembered for the report.
const MAX_IGNORED: usize = 64;
/// Keywords that belong to one file; libarchive ignores them in global headers, GNU tar and Python do not.
const PER_FILE: [&[u8]; 7] = [
    b"path",
    b"linkpath",
    b"size",
    b"SCHILY.devmajor",
    b"SCHILY.devminor",
    b"SCHILY.acl.access",
    b"SCHILY.acl.default",
];
/// Vendors whose keywords change what a file is: one that is not known must not be passed over.
const KNOWN_VENDORS: [&[u8]; 3] = [b"GNU.", b"SCHILY.", b"LIBARCHIVE."];
const HEADER_CHARSETS: [&[u8]; 3] = [b"BINARY", b"ISO-IR 10646 2000 UTF-8", b"UTF-8"];
/// Standard and vendor keywords that say nothing about a tree as it is laid on a disk: names of owners (numbers count),
/// other times, numbers of the scanned file system.
const WITHOUT_MEANING: [&[u8]; 19] = [
    b"atime",
    b"ctime",
    b"comment",
    b"charset",
    b"hdrcharset",
    b"uname",
    b"gname",
    b"SCHILY.dev",
    b"SCHILY.ino",
    b"SCHILY.nlink",
    b"SCHILY.filetype",
    b"SCHILY.realsize",
    b"SCHILY.archtype",
    b"SCHILY.offset",
    b"SCHILY.tarfiletype",
    b"SCHILY.release",
    b"LIBARCHIVE.creationtime",
    b"LIBARCHIVE.symlinktype",
    b"LIBARCHIVE.macos.creationtime",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_nanoseconds_on_both_sides_of_1970() {
        let at = |seconds, nanos| Some(Timestamp { seconds, nanos });
        assert_eq!(time(b"12.5"), at(12, 500_000_000));
        assert_eq!(time(b"-1.25"), at(-2, 750_000_000));
        assert_eq!(time(b"-3"), at(-3, 0));
        assert_eq!(time(b"7.000000001"), at(7, 1));
        assert_eq!(time(b"7.0000000010000"), at(7, 1));
    }

    #[test]
    fn times_that_cannot_be_kept_are_refused() {
        for value in [
            &b"NaN"[..],
            b"",
            b"1e5",
            b"123456789012345678901234567890",
            b"1.0000000001",
            b"1.",
            b".5",
            b"--1",
            b"+1",
        ] {
            assert_eq!(time(value), None, "{}", String::from_utf8_lossy(value));
        }
    }

    #[test]
    fn records_are_split_by_their_length() {
        let mut records = Records::default();
        records.parse(b"12 path=a\nb\n26 SCHILY.xattr.user.a=1\0\n", Scope::File).unwrap();
        assert_eq!(records.path.as_deref(), Some(&b"a\nb"[..]));
        assert_eq!(records.xattrs, [(b"user.a".to_vec(), b"1\0".to_vec())]);
    }

    #[test]
    fn malformed_records_are_refused_at_every_cut() {
        let body = b"12 path=a\nb\n26 SCHILY.xattr.user.a=1\0\n13 mtime=1.5\n";
        for cut in (1..body.len()).filter(|cut| ![12, 38].contains(cut)) {
            assert!(Records::default().parse(&body[..cut], Scope::File).is_err(), "cut at {cut}");
        }
        for body in
            [&b"0 a=b\n"[..], b"6 a=bc\n", b"5 a=b\n", b"x a=b\n", b"6 =ab\n", b"6 abc\n", b"06 a=b\n"]
        {
            assert!(Records::default().parse(body, Scope::File).is_err(), "{}", body.escape_ascii());
        }
    }

    #[test]
    fn libarchive_attributes_are_decoded() {
        let mut records = Records::default();
        records.parse(b"36 LIBARCHIVE.xattr.user.a%3Db=AAEC\n", Scope::File).unwrap();
        assert_eq!(records.xattrs, [(b"user.a=b".to_vec(), vec![0, 1, 2])]);
        assert_eq!(base64(b"AA=="), Some(vec![0]));
        assert_eq!(base64(b"AA"), Some(vec![0]));
        assert_eq!(base64(b"A"), None);
        assert_eq!(base64(b"A*A="), None);
    }

    #[test]
    fn global_records_that_libarchive_ignores_are_refused() {
        let error = Records::default().parse(b"10 path=x\n", Scope::Global).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        let mut globals = Records::default();
        globals.parse(b"9 uid=12\n15 comment=abc\n", Scope::Global).unwrap();
        let mut records = Records::default();
        records.parse(b"8 gid=3\n", Scope::File).unwrap();
        let records = records.over(&globals);
        assert_eq!((records.uid, records.gid), (Some(12), Some(3)));
    }

    #[test]
    fn keywords_that_change_meaning_are_named_when_unknown() {
        let error = Records::default().parse(b"19 GNU.dumpdir=abc\n", Scope::File).unwrap_err();
        assert!(error.to_string().contains("GNU.dumpdir"), "{error}");
        let mut records = Records::default();
        records.parse(b"15 ACME.what=x\n", Scope::File).unwrap();
        assert_eq!(records.ignored, [b"ACME.what".to_vec()]);
    }

    #[test]
    fn names_in_an_acl_are_refused_unless_the_exact_acl_stands_beside_them() {
        let record = |keyword: &str, value: &str| {
            let rest = format!(" {keyword}={value}\n");
            let digits = (rest.len() + 3).to_string().len();
            format!("{}{rest}", rest.len() + digits)
        };
        let named =
            record("SCHILY.acl.default", "user::rwx\ngroup::r-x\ngroup:staff:r-x\nmask::r-x\nother::---\n");
        let exact = record("SCHILY.xattr.system.posix_acl_default", "exact");
        let other = record("SCHILY.xattr.system.posix_acl_access", "exact");
        let refused =
            |body: &str| Records::default().parse(body.as_bytes(), Scope::File).map_err(|e| e.kind());
        assert_eq!(refused(&named), Err(ErrorKind::Unsupported));
        assert_eq!(refused(&format!("{named}{other}")), Err(ErrorKind::Unsupported));
        for body in [format!("{named}{exact}"), format!("{exact}{named}")] {
            let mut records = Records::default();
            records.parse(body.as_bytes(), Scope::File).unwrap();
            assert_eq!(records.xattrs, [(DEFAULT_ACL.to_vec(), b"exact".to_vec())]);
        }
    }
}
