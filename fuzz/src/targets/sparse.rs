//! Sparse members in all four forms, compared with what their maps say.

use arbitrary::{Arbitrary, Unstructured};
use diskwright::scan::{EntryObject, ScanSource};

use crate::archive::{BLOCK, Header, check, push, record};
use crate::target::Reach;

#[derive(Arbitrary, Debug)]
struct Input {
    form: Form,
    /// Length of the hole before a range, and of the range.
    ranges: Vec<(u32, u16)>,
    /// The hole at the end.
    tail: u32,
    /// Whether ranges but the last are whole blocks, as archivers write them.
    is_whole: bool,
    /// Added to an offset (even) or a length (odd) of the map, to the file's size, and to what is stored.
    wrong: Option<(u8, i64)>,
    wrong_size: Option<i64>,
    wrong_stored: Option<i8>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Form {
    OldGnu,
    V00,
    V01,
    V10,
}

/// A map with its file.
struct Sparse {
    map: Vec<(u64, u64)>,
    size: u64,
    stored: Vec<u8>,
}

/// The archive of one sparse file, read and compared.
pub(crate) fn run(bytes: &[u8]) -> Reach {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(bytes)) else { return Reach::Refused };
    let sparse = sparse(&input);
    let archive = archive(input.form, &sparse);
    let read = check(&archive);
    let Some(expected) = sparse.expected() else {
        assert!(read.is_none(), "{input:?}: accepted, although the map makes no sense");
        return Reach::Refused;
    };
    let Some(read) = read else { panic!("{input:?}: refused") };
    let EntryObject::File { content, size, .. } = &read.entries[0].object else { panic!("no file") };
    assert_eq!(*size, sparse.size);
    let content = read.source.open(*content).unwrap();
    for (offset, bytes) in expected {
        let mut found = vec![0; bytes.len()];
        content.read_exact_at(offset, &mut found).unwrap();
        assert!(found == bytes, "{input:?}: the range at {offset}");
    }
    Reach::Whole
}

fn sparse(input: &Input) -> Sparse {
    let mut map = Vec::new();
    let (mut end, mut total) = (0_u64, 0);
    let ranges = input.ranges.get(..input.ranges.len().min(40)).unwrap();
    for (number, (hole, len)) in ranges.iter().enumerate() {
        let is_last = number + 1 == ranges.len();
        let len = match u64::from(*len) % 2048 {
            len if input.is_whole && !is_last => len.next_multiple_of(BLOCK as u64),
            len => len,
        };
        let offset = end + u64::from(*hole);
        map.push((offset, len));
        end = offset + len;
        total += len;
    }
    let mut size = end;
    if input.tail > 0 || map.is_empty() {
        size += u64::from(input.tail);
        map.push((size, 0));
    }
    if let Some((place, by)) = input.wrong {
        let at = usize::from(place / 2) % map.len();
        let field = if place % 2 == 0 { &mut map[at].0 } else { &mut map[at].1 };
        *field = field.saturating_add_signed(by);
    }
    size = input.wrong_size.map_or(size, |by| size.saturating_add_signed(by)).min(1 << 62);
    let stored = input.wrong_stored.map_or(total, |by| total.saturating_add_signed(by.into()));
    Sparse { map, size, stored: (0..stored).map(|at| (at % 251) as u8 + 1).collect() }
}

impl Sparse {
    /// The ranges with what they hold; `None` for a map that GNU tar, libarchive or Python would read in its own way.
    fn expected(&self) -> Option<Vec<(u64, &[u8])>> {
        let mut rest = &self.stored[..];
        let mut expected = Vec::new();
        let mut end = 0;
        for (offset, len) in &self.map {
            if *offset < end {
                return None;
            }
            end = offset.checked_add(*len).filter(|end| *end <= self.size)?;
            let taken = usize::try_from(*len).ok()?;
            if taken > 0 && !(self.stored.len() - rest.len()).is_multiple_of(BLOCK) {
                return None;
            }
            let (range, left) = rest.split_at_checked(taken)?;
            expected.push((*offset, range));
            rest = left;
        }
        (rest.is_empty() && end == self.size).then_some(expected)
    }
}

fn archive(form: Form, sparse: &Sparse) -> Vec<u8> {
    let mut archive = Vec::new();
    let number = |value: u64| value.to_string().into_bytes();
    let size = number(sparse.size);
    let count = number(sparse.map.len() as u64);
    match form {
        Form::OldGnu => old_gnu(&mut archive, sparse),
        Form::V00 => {
            let mut records = record(b"GNU.sparse.size", &size);
            records.extend(record(b"GNU.sparse.numblocks", &count));
            for (offset, len) in &sparse.map {
                records.extend(record(b"GNU.sparse.offset", &number(*offset)));
                records.extend(record(b"GNU.sparse.numbytes", &number(*len)));
            }
            extended(&mut archive, &records, &sparse.stored);
        }
        Form::V01 => {
            let map = sparse.map.iter().flat_map(|(offset, len)| [offset.to_string(), len.to_string()]);
            let map = map.collect::<Vec<_>>().join(",");
            let mut records = record(b"GNU.sparse.size", &size);
            records.extend(record(b"GNU.sparse.numblocks", &count));
            records.extend(record(b"GNU.sparse.map", map.as_bytes()));
            records.extend(record(b"GNU.sparse.name", b"file"));
            extended(&mut archive, &records, &sparse.stored);
        }
        Form::V10 => {
            let mut records = record(b"GNU.sparse.major", b"1");
            records.extend(record(b"GNU.sparse.minor", b"0"));
            records.extend(record(b"GNU.sparse.name", b"file"));
            records.extend(record(b"GNU.sparse.realsize", &size));
            let lines = sparse.map.iter().map(|(offset, len)| format!("{offset}\n{len}\n"));
            let mut content = format!("{}\n{}", sparse.map.len(), lines.collect::<String>()).into_bytes();
            content.resize(content.len().next_multiple_of(BLOCK), 0);
            content.extend(&sparse.stored);
            extended(&mut archive, &records, &content);
        }
    }
    archive.extend([0; 2 * BLOCK]);
    archive
}

fn extended(archive: &mut Vec<u8>, records: &[u8], content: &[u8]) {
    let header = Header { name: b"x", link: b"", flag: b'x', size: records.len() as u64, patches: &[] };
    push(archive, &header, records);
    let header = Header { name: b"file", link: b"", flag: b'0', size: content.len() as u64, patches: &[] };
    push(archive, &header, content);
}

/// Four ranges stand in the header, 21 in each block behind it.
fn old_gnu(archive: &mut Vec<u8>, sparse: &Sparse) {
    let entries: Vec<[u8; 24]> = sparse.map.iter().map(|(offset, len)| entry(*offset, *len)).collect();
    let first = entries.get(..entries.len().min(4)).unwrap().concat();
    let rest = entries.get(4..).unwrap_or_default();
    let real_size = base_256(sparse.size);
    let patches: &[(usize, &[u8])] =
        &[(257, b"ustar  \0"), (386, &first), (482, &[u8::from(!rest.is_empty())]), (483, &real_size)];
    let size = sparse.stored.len() as u64;
    archive.extend(Header { name: b"file", link: b"", flag: b'S', size, patches }.block());
    for (number, part) in rest.chunks(21).enumerate() {
        let mut block = part.concat();
        block.resize(BLOCK, 0);
        block[504] = u8::from((number + 1) * 21 < rest.len());
        archive.extend(block);
    }
    archive.extend(&sparse.stored);
    archive.resize(archive.len().next_multiple_of(BLOCK), 0);
}

fn entry(offset: u64, len: u64) -> [u8; 24] {
    let mut entry = [0; 24];
    entry[..12].copy_from_slice(&base_256(offset));
    entry[12..].copy_from_slice(&base_256(len));
    entry
}

/// A number in a field of 12 bytes: octal digits, or base 256 where they do not suffice.
fn base_256(value: u64) -> [u8; 12] {
    let mut field = [0; 12];
    if value < 1 << 33 {
        field[..11].copy_from_slice(format!("{value:011o}").as_bytes());
    } else {
        field[0] = 0x80;
        field[4..].copy_from_slice(&value.to_be_bytes());
    }
    field
}
