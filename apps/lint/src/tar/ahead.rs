//! Headers that stand before a member's own.

use diskwright_core::{ReadAt, Result};

use crate::bytes::read;

use super::sparse::MAX_PARTS;

/// What the headers before a member's own say of it.
#[derive(Default)]
pub(super) struct Ahead {
    name: Option<String>,
    /// The name of a sparse file, whose other name is made up.
    sparse_name: Option<String>,
    pub(super) size: Option<u64>,
    pub(super) has_pax: bool,
    pub(super) sparse: Option<PaxSparse>,
    /// How many such headers there were.
    pub(super) count: u32,
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
    /// Reads a header of that kind, whose content stands at `data`.
    pub(super) fn read(&mut self, source: &dyn ReadAt, kind: u8, data: u64, len: u64) -> Result<()> {
        self.count += 1;
        self.has_pax |= matches!(kind, b'x' | b'g');
        let Some(len) = usize::try_from(len).ok().filter(|len| *len <= MAX_RECORDS) else { return Ok(()) };
        let bytes = read(source, data, len)?.unwrap_or_default();
        match kind {
            b'L' => {
                let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
                self.name = Some(String::from_utf8_lossy(&bytes[..end]).into_owned());
            }
            b'x' => records(&bytes).for_each(|(key, value)| self.read_record(key, value)),
            _ => {}
        }
        Ok(())
    }

    fn read_record(&mut self, key: &str, value: &str) {
        match key {
            "path" => self.name = Some(value.to_owned()),
            "GNU.sparse.name" => self.sparse_name = Some(value.to_owned()),
            "size" => self.size = value.parse().ok(),
            _ => {
                if let Some(key) = key.strip_prefix("GNU.sparse.") {
                    self.sparse.get_or_insert_default().read_record(key, value);
                }
            }
        }
    }

    /// The member's name, if it is told; of one longer than any path the beginning.
    pub(super) fn into_name(self) -> Option<String> {
        let name = self.sparse_name.or(self.name)?;
        Some(name.chars().take(MAX_NAME).collect())
    }
}

impl PaxSparse {
    fn read_record(&mut self, key: &str, value: &str) {
        match key {
            "major" => self.is_in_data = value == "1",
            "size" | "realsize" => self.size = value.parse().ok(),
            "map" => value.split(',').for_each(|number| self.read_number(number)),
            "offset" | "numbytes" => self.read_number(value),
            _ => {}
        }
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

/// Keys and values of a pax header: lines of `LENGTH KEY=VALUE`, the length being that of the line.
fn records(bytes: &[u8]) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = bytes;
    let lines = std::iter::from_fn(move || {
        let space = rest.iter().position(|byte| *byte == b' ')?;
        let len: usize = std::str::from_utf8(&rest[..space]).ok()?.parse().ok()?;
        let line = rest.get(..len).filter(|_| len > space + 1)?;
        rest = &rest[len..];
        Some(&line[space + 1..len - 1])
    });
    lines.filter_map(|line| std::str::from_utf8(line).ok()?.split_once('='))
}

const MAX_RECORDS: usize = 1 << 20;
const MAX_NAME: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_until_one_is_none() {
        let text = b"14 path=a=b c\n9 size=7\n99 cut=";
        assert_eq!(records(text).collect::<Vec<_>>(), [("path", "a=b c"), ("size", "7")]);
        for text in
            [&b""[..], b" ", b"0 a=b\n", b"1 a=b\n", b"2 ", b"99999999999999999999 a=b\n", b"\xff a=b\n"]
        {
            assert_eq!(records(text).count(), 0, "{text:?}");
        }
    }

    #[test]
    fn all_three_ways_of_pax_to_tell_holes_are_read() {
        let mut first = Ahead::default();
        for (key, value) in [("size", "9000"), ("numblocks", "2"), ("offset", "0"), ("numbytes", "512")] {
            first.read_record(&format!("GNU.sparse.{key}"), value);
        }
        first.read_record("GNU.sparse.offset", "4096");
        first.read_record("GNU.sparse.numbytes", "1");
        let mut second = Ahead::default();
        second.read_record("GNU.sparse.map", "0,512,4096,1");
        for ahead in [first, second] {
            let sparse = ahead.sparse.unwrap();
            assert_eq!((sparse.parts, sparse.is_in_data), (vec![(0, 512), (4096, 1)], false));
        }
        let mut third = Ahead::default();
        for (key, value) in [("GNU.sparse.major", "1"), ("GNU.sparse.name", "disk"), ("path", "made/up")] {
            third.read_record(key, value);
        }
        assert!(third.sparse.as_ref().unwrap().is_in_data);
        assert_eq!(third.into_name().as_deref(), Some("disk"));
    }
}
