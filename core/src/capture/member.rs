use crate::scan::archive_limits::{MAX_RANGES, MAX_RECORDS};
use crate::scan::{Attributes, DataRange, DeviceNumber, FLAG_APPEND, FLAG_IMMUTABLE, FLAG_NODUMP};
use crate::{Error, ErrorKind, Result, Timestamp};
use std::borrow::Cow;

/// Bytes of a tar block.
pub(super) const BLOCK: usize = 512;

/// A member of an archive: what stands in front of its content.
///
/// # Reference
/// POSIX.1-2017, pax, "ustar Interchange Format" and "pax Extended Header"; GNU tar manual, appendix "Storing Sparse Files",
/// format 1.0; the `SCHILY` keywords as star(5) describes them.
pub(super) struct Member<'a> {
    /// Below the root, without slashes around it; empty for the root.
    pub(super) path: &'a [u8],
    pub(super) object: Object<'a>,
    pub(super) attributes: &'a Attributes,
}

/// What a member is.
pub(super) enum Object<'a> {
    Directory,
    /// A regular file all of which is stored.
    File {
        /// Bytes.
        stored: u64,
    },
    /// A regular file with holes.
    Sparse(&'a SparseMap),
    Symlink(&'a [u8]),
    HardLink(&'a [u8]),
    CharDevice(DeviceNumber),
    BlockDevice(DeviceNumber),
    Fifo,
}

/// Which ranges of a file with holes are stored.
pub(super) struct SparseMap {
    ranges: Vec<DataRange>,
    size: u64,
    /// The map in its stored form, filled up to a block.
    text: Vec<u8>,
}

impl SparseMap {
    /// The map of a file of `size` bytes that has data in `ranges`, ascending; `None` when it has more of them than readers take.
    pub(super) fn new(data: &[DataRange], size: u64) -> Option<Self> {
        let mut ranges: Vec<DataRange> = Vec::new();
        for range in data {
            // A range that another follows must fill its blocks.
            let block = BLOCK as u64;
            let start = range.offset / block * block;
            let end = range.offset.checked_add(range.len)?.checked_next_multiple_of(block)?.min(size);
            match ranges.last_mut().filter(|last| last.offset + last.len >= start) {
                Some(last) => last.len = end.checked_sub(last.offset)?,
                None => ranges.push(DataRange { offset: start, len: end.checked_sub(start)? }),
            }
        }
        // One more may come at the end.
        if ranges.len() >= MAX_RANGES - 1 {
            return None;
        }
        let reaches_end = ranges.last().is_some_and(|last| last.offset + last.len == size);
        // An empty range at the end says how long the file is.
        let end = (!reaches_end).then_some(DataRange { offset: size, len: 0 });
        let mut text = format!("{}\n", ranges.len() + usize::from(end.is_some())).into_bytes();
        for DataRange { offset, len } in ranges.iter().chain(&end) {
            text.extend_from_slice(format!("{offset}\n{len}\n").as_bytes());
        }
        text.resize(text.len().next_multiple_of(BLOCK), 0);
        Some(Self { ranges, size, text })
    }

    /// What is stored, ascending; starts are multiples of a block.
    pub(super) fn ranges(&self) -> &[DataRange] {
        &self.ranges
    }
}

impl Member<'_> {
    /// Extended header and header, and the map of a sparse file.
    ///
    /// # Errors
    /// `ErrorKind::LimitExceeded` for a path and extended attributes of more bytes together than readers take.
    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        let records = self.records();
        if records.len() as u64 > MAX_RECORDS {
            let text = format!(
                "path and extended attributes have more than {MAX_RECORDS} bytes, which no reader takes"
            );
            return Err(Error::new(ErrorKind::LimitExceeded, text).with_path(self.path));
        }
        let mut encoded = Vec::new();
        if !records.is_empty() {
            let name = [b"PaxHeaders/", last_name(self.path)].concat();
            let head = Head {
                name: name.into(),
                flag: b'x',
                size: records.len() as u64,
                mode: 0o644,
                ..Head::default()
            };
            encoded.extend_from_slice(&head.encode());
            encoded.extend_from_slice(&records);
            encoded.resize(encoded.len().next_multiple_of(BLOCK), 0);
        }
        encoded.extend_from_slice(&self.head().encode());
        if let Object::Sparse(map) = &self.object {
            encoded.extend_from_slice(&map.text);
        }
        Ok(encoded)
    }

    /// The path as it stands in an archive.
    fn stored_path(&self) -> Vec<u8> {
        match (&self.object, self.path) {
            (_, b"") => b"./".to_vec(),
            (Object::Directory, path) => [path, b"/"].concat(),
            (_, path) => path.to_vec(),
        }
    }

    fn link(&self) -> &[u8] {
        match self.object {
            Object::Symlink(target) | Object::HardLink(target) => target,
            _ => &[],
        }
    }

    /// Bytes behind the headers.
    fn stored_size(&self) -> u64 {
        match &self.object {
            Object::File { stored } => *stored,
            Object::Sparse(map) => {
                map.ranges.iter().fold(map.text.len() as u64, |sum, range| sum.saturating_add(range.len))
            }
            _ => 0,
        }
    }

    fn head(&self) -> Head<'_> {
        let Attributes { mode, uid, gid, mtime, .. } = *self.attributes;
        let (flag, device) = match &self.object {
            Object::File { .. } | Object::Sparse(_) => (b'0', None),
            Object::HardLink(_) => (b'1', None),
            Object::Symlink(_) => (b'2', None),
            Object::CharDevice(number) => (b'3', Some(*number)),
            Object::BlockDevice(number) => (b'4', Some(*number)),
            Object::Directory => (b'5', None),
            Object::Fifo => (b'6', None),
        };
        let size = self.stored_size();
        let name = match &self.object {
            // Readers that know no sparse files unpack the map with it, and shall not take it for the file.
            Object::Sparse(_) => [b"GNUSparseFile.0/", last_name(self.path)].concat(),
            _ => self.stored_path(),
        };
        Head {
            name: name.into(),
            flag,
            mode,
            // What does not fit stands in the records, which come first with every reader.
            uid: if is_octal(uid.into(), ID_DIGITS) { uid } else { 0 },
            gid: if is_octal(gid.into(), ID_DIGITS) { gid } else { 0 },
            size: if is_octal(size, SIZE_DIGITS) { size } else { 0 },
            mtime: u64::try_from(mtime.seconds).ok().filter(|time| is_octal(*time, SIZE_DIGITS)).unwrap_or(0),
            link: self.link(),
            device,
        }
    }

    fn records(&self) -> Vec<u8> {
        let mut records = Records(Vec::new());
        let Attributes { uid, gid, mtime, flags, ref xattrs, .. } = *self.attributes;
        let (path, link) = (self.stored_path(), self.link());
        if [&path[..], link].iter().any(|text| std::str::from_utf8(text).is_err()) {
            records.push(b"hdrcharset", b"BINARY");
        }
        let is_sparse = matches!(self.object, Object::Sparse(_));
        if let Object::Sparse(map) = &self.object {
            records.push(b"GNU.sparse.major", b"1");
            records.push(b"GNU.sparse.minor", b"0");
            records.push(b"GNU.sparse.name", &path);
            records.push(b"GNU.sparse.realsize", map.size.to_string().as_bytes());
        }
        if path.len() > NAME_LEN && !is_sparse {
            records.push(b"path", &path);
        }
        if link.len() > NAME_LEN {
            records.push(b"linkpath", link);
        }
        let number = |records: &mut Records, keyword: &[u8], value: u64, digits| {
            if !is_octal(value, digits) {
                records.push(keyword, value.to_string().as_bytes());
            }
        };
        number(&mut records, b"uid", uid.into(), ID_DIGITS);
        number(&mut records, b"gid", gid.into(), ID_DIGITS);
        number(&mut records, b"size", self.stored_size(), SIZE_DIGITS);
        let plain =
            mtime.nanos == 0 && u64::try_from(mtime.seconds).is_ok_and(|time| is_octal(time, SIZE_DIGITS));
        if !plain {
            records.push(b"mtime", time(mtime).as_bytes());
        }
        let names = [(FLAG_IMMUTABLE, "immutable"), (FLAG_APPEND, "append"), (FLAG_NODUMP, "nodump")];
        let names: Vec<&str> =
            names.iter().filter(|(flag, _)| flags & flag != 0).map(|(_, name)| *name).collect();
        if !names.is_empty() {
            records.push(b"SCHILY.fflags", names.join(",").as_bytes());
        }
        for (attribute, keyword) in ACLS {
            // GNU tar and libarchive make access lists of the text; the attribute itself comes after it and counts here.
            let value = xattrs.iter().find(|(name, _)| name == attribute);
            if let Some(text) = value.and_then(|(_, value)| acl_text(value)) {
                records.push(keyword, text.as_bytes());
            }
        }
        for (name, value) in xattrs {
            records.push(&[b"SCHILY.xattr.", &escape(name)[..]].concat(), value);
        }
        records.0
    }
}

/// The records of an extended header.
struct Records(Vec<u8>);

impl Records {
    /// Adds `LENGTH KEYWORD=VALUE\n`; the length counts itself.
    fn push(&mut self, keyword: &[u8], value: &[u8]) {
        let rest = keyword.len() + value.len() + 3;
        let mut len = rest + 1;
        while rest + len.to_string().len() != len {
            len = rest + len.to_string().len();
        }
        self.0.extend_from_slice(format!("{len} ").as_bytes());
        self.0.extend_from_slice(keyword);
        self.0.push(b'=');
        self.0.extend_from_slice(value);
        self.0.push(b'\n');
    }
}

/// The fields of a ustar header.
#[derive(Default)]
struct Head<'a> {
    name: Cow<'a, [u8]>,
    flag: u8,
    mode: u16,
    uid: u32,
    gid: u32,
    size: u64,
    mtime: u64,
    link: &'a [u8],
    device: Option<DeviceNumber>,
}

impl Head<'_> {
    fn encode(&self) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        let mut text = |at: usize, len: usize, text: &[u8]| {
            for (to, from) in block.iter_mut().skip(at).take(len).zip(text) {
                *to = *from;
            }
        };
        let octal = |value: u64, digits: usize| format!("{value:0digits$o}").into_bytes();
        let name = self.name.as_ref();
        let name = match name.get(..NAME_LEN) {
            // Cut: all of it stands in the records. A slash at its end would make it a directory to some.
            Some(cut) if name.len() > NAME_LEN => cut.trim_ascii_end().strip_suffix(b"/").unwrap_or(cut),
            _ => name,
        };
        text(0, NAME_LEN, name); // name
        text(100, 7, &octal(self.mode.into(), 7)); // mode
        text(108, 7, &octal(self.uid.into(), 7)); // uid
        text(116, 7, &octal(self.gid.into(), 7)); // gid
        text(124, 11, &octal(self.size, 11)); // size
        text(136, 11, &octal(self.mtime, 11)); // mtime
        text(148, 8, b"        "); // chksum, while it is summed
        text(156, 1, &[self.flag]); // typeflag
        text(157, NAME_LEN, self.link); // linkname
        text(257, 8, b"ustar\x0000"); // magic, version
        let DeviceNumber { major, minor } = self.device.unwrap_or(DeviceNumber { major: 0, minor: 0 });
        text(329, 7, &octal(major.into(), 7)); // devmajor
        text(337, 7, &octal(minor.into(), 7)); // devminor
        let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
        for (to, from) in block.iter_mut().skip(148).zip(format!("{sum:06o}\0 ").bytes()) {
            *to = from;
        }
        block
    }
}

/// The last name of a path, cut so that it fits a header behind a made-up directory.
fn last_name(path: &[u8]) -> &[u8] {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    match name {
        b"" => b"root",
        name => name.get(..64).unwrap_or(name),
    }
}

/// Whether a number has at most so many octal digits.
fn is_octal(value: u64, digits: u32) -> bool {
    value >> (3 * digits) == 0
}

/// Seconds with nine decimals, or none.
fn time(time: Timestamp) -> String {
    match (time.seconds, time.nanos) {
        (seconds, 0) => seconds.to_string(),
        (seconds @ 0.., nanos) => format!("{seconds}.{nanos:09}"),
        // Nanoseconds count forward, decimals away from zero.
        (seconds, nanos) => {
            format!(
                "-{}.{:09}",
                seconds.saturating_add(1).unsigned_abs(),
                1_000_000_000_u32.saturating_sub(nanos)
            )
        }
    }
}

/// The two escapes that GNU tar makes in attribute names.
fn escape(name: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(name.len());
    for byte in name {
        match byte {
            b'=' => escaped.extend_from_slice(b"%3D"),
            b'%' => escaped.extend_from_slice(b"%25"),
            byte => escaped.push(*byte),
        }
    }
    escaped
}

/// The text form of an access list with numbers in place of names; `None` for bytes that are none.
///
/// # Reference
/// Linux `posix_acl_xattr.h` (wire); POSIX 1003.1e draft 17, 23.3 (text).
fn acl_text(wire: &[u8]) -> Option<String> {
    let entries = wire.strip_prefix(&2_u32.to_le_bytes())?;
    let mut lines = Vec::new();
    for entry in entries.chunks(8) {
        let entry: [u8; 8] = entry.try_into().ok()?;
        let [t0, t1, p0, p1, id @ ..] = entry;
        let (permissions, id) = (u16::from_le_bytes([p0, p1]), u32::from_le_bytes(id));
        let (tag, id) = match u16::from_le_bytes([t0, t1]) {
            0x01 => ("user", String::new()),
            0x02 => ("user", id.to_string()),
            0x04 => ("group", String::new()),
            0x08 => ("group", id.to_string()),
            0x10 => ("mask", String::new()),
            0x20 => ("other", String::new()),
            _ => return None,
        };
        let letter = |bit, letter| if permissions & bit != 0 { letter } else { '-' };
        lines.push(format!("{tag}:{id}:{}{}{}", letter(4, 'r'), letter(2, 'w'), letter(1, 'x')));
    }
    // Fewer say no more than the mode, and no reader takes such a text.
    (lines.len() >= 3).then(|| lines.join(","))
}

const NAME_LEN: usize = 100;
const ID_DIGITS: u32 = 7;
const SIZE_DIGITS: u32 = 11;
const ACLS: [(&[u8], &[u8]); 2] = [
    (b"system.posix_acl_access", b"SCHILY.acl.access"),
    (b"system.posix_acl_default", b"SCHILY.acl.default"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_count_their_own_length() {
        for len in [0, 1, 85, 86, 87, 980, 985, 990, 9980] {
            let mut records = Records(Vec::new());
            records.push(b"path", &vec![b'x'; len]);
            let text = String::from_utf8(records.0).unwrap();
            assert_eq!(text.split_once(' ').unwrap().0.parse::<usize>().unwrap(), text.len(), "{len}");
        }
    }

    #[test]
    fn times_before_1970_have_their_decimals_away_from_zero() {
        let at = |seconds, nanos| time(Timestamp { seconds, nanos });
        assert_eq!(at(12, 5), "12.000000005");
        assert_eq!(at(-2, 750_000_000), "-1.250000000");
        assert_eq!(at(-1, 999_999_999), "-0.000000001");
        assert_eq!(at(-3, 0), "-3");
    }

    #[test]
    fn ranges_are_widened_to_blocks_and_joined() {
        let range = |offset, len| DataRange { offset, len };
        let map = SparseMap::new(&[range(100, 10), range(400, 200), range(5000, 10)], 5010).unwrap();
        assert_eq!(map.ranges(), [range(0, 1024), range(4608, 402)]);
        assert!(map.text.starts_with(b"2\n0\n1024\n4608\n402\n\0"));
        let map = SparseMap::new(&[], 1 << 40).unwrap();
        assert!(map.text.starts_with(b"1\n1099511627776\n0\n\0"));
        assert_eq!(map.text.len(), BLOCK);
    }
}
