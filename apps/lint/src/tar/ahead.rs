//! Headers that stand before a member's own.

use diskwright_core::{ReadAt, Result};

use crate::bytes::read;
use crate::report::shown;

use super::Flaw;
use super::sparse::MAX_PARTS;

/// What the headers before a member's own say of it.
#[derive(Default)]
pub(super) struct Ahead {
    name: Option<String>,
    /// The name of a sparse file, whose other name is made up.
    sparse_name: Option<String>,
    pub(super) size: Option<u64>,
    /// Whether one of them is of pax.
    pub(super) has_pax: bool,
    pub(super) sparse: Option<PaxSparse>,
    /// How many such headers there were.
    count: u32,
}

/// A sparse file as pax headers tell it, in one of GNU's three ways.
///
/// # Reference
/// GNU tar manual, "Storing Sparse Files", "PAX Format".
#[derive(Default)]
pub(super) struct PaxSparse {
    /// Whether the map is the first of what is stored, which is so since version 1.0.
    pub(super) is_in_data: bool,
    /// Bytes of the file.
    pub(super) size: Option<u64>,
    /// Offsets and lengths.
    pub(super) parts: Vec<(u64, u64)>,
    /// The offset whose length comes next.
    offset: Option<u64>,
}

impl Ahead {
    /// Reads a header of that kind, whose content of `len` bytes stands at `data`; gives what is wrong with it.
    pub(super) fn read(
        &mut self,
        source: &dyn ReadAt,
        kind: u8,
        data: u64,
        len: u64,
    ) -> Result<Option<(Flaw, String)>> {
        self.count += 1;
        self.has_pax |= matches!(kind, b'x' | b'g');
        if self.count > MAX_AHEAD {
            return Ok(Some((Flaw::Truncated, "more headers than any member has".to_owned())));
        }
        if !matches!(kind, b'x' | b'L') {
            return Ok(None);
        }
        let Some(len) = usize::try_from(len).ok().filter(|len| *len <= MAX_RECORDS) else {
            let text = format!("a header of {len} bytes before a member is longer than any is read");
            return Ok(Some((Flaw::Number, text)));
        };
        let bytes = read(source, data, len)?.unwrap_or_default();
        if kind == b'x' {
            return Ok(self.read_records(&bytes).map(|text| (Flaw::Number, text)));
        }
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        self.name = Some(String::from_utf8_lossy(&bytes[..end]).into_owned());
        Ok(None)
    }

    /// Reads the records of a pax header; gives what is wrong with them.
    fn read_records(&mut self, bytes: &[u8]) -> Option<String> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let Some((line, behind)) = record(rest) else {
                return Some("a pax header is no list of records".to_owned());
            };
            rest = behind;
            // What is no text is of no key that is looked at.
            let record = std::str::from_utf8(line).ok().and_then(|line| line.split_once('='));
            if let Some((key, value)) = record
                && self.read_record(key, value).is_none()
            {
                return Some(format!("\"{}\" of a pax header is \"{}\"", shown(key), shown(value)));
            }
        }
        None
    }

    /// Nothing if the value is no number where there should be one.
    fn read_record(&mut self, key: &str, value: &str) -> Option<()> {
        match key {
            "path" => self.name = Some(value.to_owned()),
            "GNU.sparse.name" => self.sparse_name = Some(value.to_owned()),
            // An empty value takes back what another header said.
            "size" if value.is_empty() => self.size = None,
            "size" => self.size = Some(value.parse().ok()?),
            _ => {
                if let Some(key) = key.strip_prefix("GNU.sparse.") {
                    self.sparse.get_or_insert_default().read_record(key, value)?;
                }
            }
        }
        Some(())
    }

    /// The member's name, if it is told; of one longer than any path the beginning.
    pub(super) fn into_name(self) -> Option<String> {
        let mut name = self.sparse_name.or(self.name)?;
        name.truncate(name.floor_char_boundary(MAX_NAME));
        name.shrink_to_fit();
        Some(name)
    }
}

impl PaxSparse {
    fn read_record(&mut self, key: &str, value: &str) -> Option<()> {
        match key {
            "major" => self.is_in_data = value == "1",
            "size" | "realsize" => self.size = Some(value.parse().ok()?),
            "map" => value.split(',').for_each(|number| self.read_number(number)),
            "offset" | "numbytes" => self.read_number(value),
            _ => {}
        }
        Some(())
    }

    fn read_number(&mut self, text: &str) {
        // What is no number makes a part that cannot be.
        let number = text.parse().unwrap_or(u64::MAX);
        match self.offset.take() {
            Some(_) if self.parts.len() > MAX_PARTS => {}
            Some(offset) => self.parts.push((offset, number)),
            None => self.offset = Some(number),
        }
    }
}

/// The first record of a pax header, `LENGTH KEY=VALUE` and a newline, without its length, which is that of all this; and
/// what follows.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = bytes.iter().position(|byte| *byte == b' ')?;
    let len: usize = std::str::from_utf8(&bytes[..space]).ok()?.parse().ok()?;
    let (line, rest) = bytes.split_at_checked(len)?;
    Some((line.get(space + 1..)?.strip_suffix(b"\n")?, rest))
}

/// Headers before a member's own.
const MAX_AHEAD: u32 = 64;
const MAX_RECORDS: usize = 1 << 20;
const MAX_NAME: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_until_one_is_none() {
        let mut ahead = Ahead::default();
        assert_eq!(ahead.read_records(b"14 path=a=b c\n9 size=7\n8 k=\xff\xfe\xfd\n"), None);
        assert_eq!((ahead.name.as_deref(), ahead.size), (Some("a=b c"), Some(7)));
        assert_eq!(ahead.read_records(b"8 size=\n"), None);
        assert_eq!(ahead.size, None);
        for text in [
            &b" "[..],
            b"0 a=b\n",
            b"1 a=b\n",
            b"2 ",
            b"99999999999999999999 a=b\n",
            b"\xff a=b\n",
            b"5 a=b",
            b"9 a=b",
        ] {
            let found = ahead.read_records(&[b"9 size=8\n", text].concat());
            assert_eq!(found.as_deref(), Some("a pax header is no list of records"), "{text:?}");
            assert_eq!(ahead.size.take(), Some(8));
        }
        for text in [&b"9 size=x\n"[..], b"26 GNU.sparse.realsize=-1\n", b"22 GNU.sparse.size=-1\n"] {
            assert!(ahead.read_records(text).unwrap().ends_with('"'), "{text:?}");
        }
    }

    #[test]
    fn all_three_ways_of_pax_to_tell_holes_are_read() {
        let mut first = Ahead::default();
        for (key, value) in [("size", "9000"), ("numblocks", "2"), ("offset", "0"), ("numbytes", "512")] {
            first.read_record(&format!("GNU.sparse.{key}"), value).unwrap();
        }
        first.read_record("GNU.sparse.offset", "4096").unwrap();
        first.read_record("GNU.sparse.numbytes", "1").unwrap();
        let mut second = Ahead::default();
        second.read_record("GNU.sparse.map", "0,512,4096,1").unwrap();
        for ahead in [first, second] {
            let sparse = ahead.sparse.unwrap();
            assert_eq!((sparse.parts, sparse.is_in_data), (vec![(0, 512), (4096, 1)], false));
        }
        let mut third = Ahead::default();
        for (key, value) in [("GNU.sparse.major", "1"), ("GNU.sparse.name", "disk"), ("path", "made/up")] {
            third.read_record(key, value).unwrap();
        }
        assert!(third.sparse.as_ref().unwrap().is_in_data);
        assert_eq!(third.into_name().as_deref(), Some("disk"));
    }
}
