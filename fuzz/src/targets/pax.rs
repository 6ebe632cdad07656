//! Archives made of members and of extended headers that say odd things of them.

use arbitrary::{Arbitrary, Unstructured};

use crate::archive::{BLOCK, Header, check, push, record};
use crate::target::Reach;

#[derive(Arbitrary, Debug)]
struct Member {
    kind: u8,
    name: Vec<u8>,
    link: Vec<u8>,
    extended: Vec<Record>,
    is_global: bool,
    /// Laid over the header at a place.
    patch: Option<(u16, [u8; 8])>,
    content: Vec<u8>,
    /// What the header says of the content's length, beside the truth.
    claimed: Option<u32>,
}

#[derive(Arbitrary, Debug)]
enum Record {
    Known {
        keyword: u8,
        value: Vec<u8>,
    },
    Named {
        keyword: Vec<u8>,
        value: Vec<u8>,
    },
    Number {
        keyword: u8,
        number: u64,
        fraction: Option<u32>,
    },
    /// Bytes in the place of a record.
    Raw(Vec<u8>),
}

const KINDS: [(u8, &[u8]); 12] = [
    (b'0', b"ustar\x0000"),
    (b'\0', b"ustar\x0000"),
    (b'5', b"ustar\x0000"),
    (b'1', b"ustar\x0000"),
    (b'2', b"ustar\x0000"),
    (b'3', b"ustar\x0000"),
    (b'6', b"ustar\x0000"),
    (b'7', b"ustar\x0000"),
    (b'0', b"ustar  \0"),
    (b'S', b"ustar  \0"),
    (b'L', b"ustar  \0"),
    (b'K', b"ustar  \0"),
];

const KEYWORDS: [&[u8]; 26] = [
    b"path",
    b"linkpath",
    b"size",
    b"uid",
    b"gid",
    b"uname",
    b"mtime",
    b"atime",
    b"charset",
    b"hdrcharset",
    b"comment",
    b"GNU.sparse.major",
    b"GNU.sparse.minor",
    b"GNU.sparse.name",
    b"GNU.sparse.realsize",
    b"GNU.sparse.size",
    b"GNU.sparse.numblocks",
    b"GNU.sparse.offset",
    b"GNU.sparse.numbytes",
    b"GNU.sparse.map",
    b"SCHILY.xattr.user.x",
    b"SCHILY.xattr.security.capability",
    b"SCHILY.acl.access",
    b"SCHILY.acl.default",
    b"LIBARCHIVE.xattr.user.y",
    b"SCHILY.realsize",
];

/// The archive that is meant, read.
pub(crate) fn run(bytes: &[u8]) -> Reach {
    let Ok(members) = Vec::<Member>::arbitrary_take_rest(Unstructured::new(bytes)) else {
        return Reach::Refused;
    };
    let mut archive = Vec::new();
    for member in members.iter().take(40) {
        add(&mut archive, member);
    }
    archive.extend([0; 2 * BLOCK]);
    Reach::of(check(&archive).is_some())
}

fn add(archive: &mut Vec<u8>, member: &Member) {
    let extended: Vec<u8> = member.extended.iter().flat_map(of).collect();
    if !extended.is_empty() {
        let flag = if member.is_global { b'g' } else { b'x' };
        let header = Header { name: b"x", link: b"", flag, size: extended.len() as u64, patches: &[] };
        push(archive, &header, &extended);
    }
    let (flag, magic) = KINDS[usize::from(member.kind) % KINDS.len()];
    let patch = member.patch.map_or((0, [0; 8]), |(at, bytes)| (usize::from(at) % BLOCK, bytes));
    let mut patches: Vec<(usize, &[u8])> = vec![(257, magic)];
    if member.patch.is_some() {
        patches.push((patch.0, &patch.1));
    }
    let size = member.claimed.map_or(member.content.len() as u64, u64::from);
    let header = Header { name: &member.name, link: &member.link, flag, size, patches: &patches };
    push(archive, &header, &member.content);
}

fn of(one: &Record) -> Vec<u8> {
    let known = |keyword: u8| KEYWORDS[usize::from(keyword) % KEYWORDS.len()];
    match one {
        Record::Known { keyword, value } => record(known(*keyword), value),
        Record::Named { keyword, value } => record(keyword, value),
        Record::Number { keyword, number, fraction } => {
            let fraction = fraction.map(|fraction| format!(".{fraction}")).unwrap_or_default();
            record(known(*keyword), format!("{number}{fraction}").as_bytes())
        }
        Record::Raw(bytes) => bytes.clone(),
    }
}
