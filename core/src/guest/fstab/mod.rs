//! `/etc/fstab`, line by line: what is not changed stays byte for byte.

mod amend;
mod device;
mod options;

use std::borrow::Cow;

pub(super) use amend::{amend, names};
pub use device::{Device, EntryKind};

use crate::{Error, ErrorKind, Result};

/// A file system table: comments, spacing, order and lines of unknown meaning are kept.
///
/// # Reference
/// fstab(5); getmntent(3) for the octal escapes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fstab {
    lines: Vec<Line>,
    /// Whether the last line ends with a newline.
    terminated: bool,
}

/// One line that mounts something or enables swap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FstabEntry {
    /// Line number from 1 in the file that was parsed; 0 for an added entry.
    number: usize,
    indent: Vec<u8>,
    fields: Vec<Field>,
    /// Whether it stands for a volume of the new disk, while the table is being amended.
    settled: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Line {
    /// A comment or blank line, without its newline.
    Other(Vec<u8>),
    Entry(FstabEntry),
}

/// A field as it is written and the blanks (or, after the last, whatever else) that follow it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Field {
    text: Vec<u8>,
    gap: Vec<u8>,
}

impl Fstab {
    /// Reads a table.
    ///
    /// # Errors
    /// `ErrorKind::Source` naming `/etc/fstab` and the line that the tools of Linux would not all read in the same way:
    /// fewer than three fields, a fifth or sixth that is no number, a NUL byte or a carriage return.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let terminated = bytes.is_empty() || bytes.ends_with(b"\n");
        let body = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let mut lines = Vec::new();
        if !bytes.is_empty() {
            for (at, line) in body.split(|byte| *byte == b'\n').enumerate() {
                lines.push(parse_line(line, at.saturating_add(1))?);
            }
        }
        Ok(Self { lines, terminated })
    }

    /// The table's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (at, line) in self.lines.iter().enumerate() {
            if at > 0 {
                bytes.push(b'\n');
            }
            match line {
                Line::Other(text) => bytes.extend_from_slice(text),
                Line::Entry(entry) => entry.write_to(&mut bytes),
            }
        }
        if self.terminated && !self.lines.is_empty() {
            bytes.push(b'\n');
        }
        bytes
    }

    /// The entries in the order of their lines.
    pub fn entries(&self) -> impl Iterator<Item = &FstabEntry> {
        self.lines.iter().filter_map(|line| match line {
            Line::Entry(entry) => Some(entry),
            Line::Other(_) => None,
        })
    }

    /// The first entry that mounts something at `mount_point`.
    pub fn mounted_at(&self, mount_point: &[u8]) -> Option<&FstabEntry> {
        let wanted = normal_mount_point(mount_point);
        self.entries().find(|entry| entry.kind() != EntryKind::Swap && entry.mount_point() == wanted)
    }

    /// The paths of the files that are used as swap.
    pub fn swap_files(&self) -> impl Iterator<Item = Vec<u8>> {
        self.entries().filter(|entry| entry.kind() == EntryKind::Swap).filter_map(|entry| {
            match entry.device() {
                Device::Other(path) if path.starts_with(b"/") => Some(path),
                _ => None,
            }
        })
    }

    /// Turns the entry at `at` into a comment, with a line before it that says why.
    fn comment_out(&mut self, at: usize, reason: &str) {
        let Some(line) = self.lines.get_mut(at) else { return };
        if let Line::Entry(entry) = &*line {
            let mut text = b"#".to_vec();
            entry.write_to(&mut text);
            *line = Line::Other(text);
            self.lines.insert(at, Line::Other(format!("# {reason}:").into_bytes()));
        }
    }

    /// Puts an entry before the first one that is mounted below it, or at the end.
    fn add(&mut self, entry: FstabEntry) {
        let mount_point = entry.mount_point();
        let below = |line: &Line| match line {
            Line::Entry(other) => {
                other.kind() != EntryKind::Swap && lies_below(&other.mount_point(), &mount_point)
            }
            Line::Other(_) => false,
        };
        let end = self.lines.len();
        let at = self.lines.iter().position(below).unwrap_or(end);
        if at == end {
            self.terminated = true;
        }
        self.lines.insert(at, Line::Entry(entry));
    }
}

impl FstabEntry {
    /// An entry with single blanks between its six fields; device and mount point are escaped.
    fn new(device: &str, mount_point: &[u8], fs_type: &str, options: &str, pass: &str) -> Self {
        let texts = [
            escape(device.as_bytes()),
            escape(mount_point),
            fs_type.as_bytes().to_vec(),
            options.as_bytes().to_vec(),
            b"0".to_vec(),
            pass.as_bytes().to_vec(),
        ];
        let mut fields: Vec<Field> =
            texts.into_iter().map(|text| Field { text, gap: b" ".to_vec() }).collect();
        if let Some(last) = fields.last_mut() {
            last.gap.clear();
        }
        Self { number: 0, indent: Vec::new(), fields, settled: true }
    }

    /// Line number from 1 in the file that was parsed; 0 for an entry that an edit added.
    pub fn line(&self) -> usize {
        self.number
    }

    /// What the first field names.
    pub fn device(&self) -> Device {
        Device::parse(&unescape(self.field(DEVICE)))
    }

    /// Where it is mounted, without escapes, doubled or trailing slashes; `none` or the like for swap.
    pub fn mount_point(&self) -> Vec<u8> {
        normal_mount_point(&unescape(self.field(MOUNT_POINT)))
    }

    /// The type field: a name, `auto`, or several names between commas.
    pub fn fs_type(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.field(FS_TYPE))
    }

    /// The mount options; none when the field is missing.
    pub fn options(&self) -> impl Iterator<Item = &[u8]> {
        self.field(OPTIONS).split(|byte| *byte == b',').filter(|option| !option.is_empty())
    }

    /// Whether an option of this name is there, with or without a value.
    pub fn has_option(&self, name: &str) -> bool {
        let name = name.as_bytes();
        self.options().any(|option| option.split(|byte| *byte == b'=').next() == Some(name))
    }

    /// The sixth field: when the file system is checked at boot; 0 for never, and when it is missing.
    pub fn pass(&self) -> &[u8] {
        match self.field(PASS) {
            b"" => b"0",
            text => text,
        }
    }

    /// What the entry is about.
    pub fn kind(&self) -> EntryKind {
        EntryKind::of(self)
    }

    fn field(&self, at: usize) -> &[u8] {
        self.fields.get(at).map_or(&[], |field| &field.text)
    }

    /// Replaces a field; missing ones up to it are added with what they mean when they are missing.
    fn replace(&mut self, at: usize, text: Vec<u8>) {
        while self.fields.len() <= at {
            let missing: &[u8] = if self.fields.len() == OPTIONS { b"defaults" } else { b"0" };
            let mut tail = Vec::new();
            if let Some(last) = self.fields.last_mut() {
                tail = std::mem::replace(&mut last.gap, b" ".to_vec());
            }
            self.fields.push(Field { text: missing.to_vec(), gap: tail });
        }
        if let Some(field) = self.fields.get_mut(at) {
            field.text = text;
        }
    }

    fn write_to(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.indent);
        for field in &self.fields {
            bytes.extend_from_slice(&field.text);
            bytes.extend_from_slice(&field.gap);
        }
    }
}

/// Whether `path` lies below the mount point `above`; both without trailing slashes.
pub(super) fn lies_below(path: &[u8], above: &[u8]) -> bool {
    if above == b"/" {
        return path != b"/" && path.starts_with(b"/");
    }
    path.strip_prefix(above).is_some_and(|rest| rest.starts_with(b"/"))
}

/// A mount point without doubled or trailing slashes; what does not begin with a slash stays as it is.
pub(super) fn normal_mount_point(path: &[u8]) -> Vec<u8> {
    if !path.starts_with(b"/") {
        return path.to_vec();
    }
    let mut normal = Vec::with_capacity(path.len());
    for name in path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
        normal.push(b'/');
        normal.extend_from_slice(name);
    }
    if normal.is_empty() {
        normal.push(b'/');
    }
    normal
}

fn parse_line(line: &[u8], number: usize) -> Result<Line> {
    let refuse =
        |text: &str| Error::new(ErrorKind::Source, format!("line {number}: {text}")).with_path(FSTAB_PATH);
    if line.contains(&0) {
        return Err(refuse("a NUL byte"));
    }
    let blanks = line.iter().take_while(|byte| is_blank(**byte)).count();
    let (indent, rest) = line.split_at_checked(blanks).unwrap_or((line, &[]));
    if rest.is_empty() || rest.starts_with(b"#") {
        return Ok(Line::Other(line.to_vec()));
    }
    if line.contains(&b'\r') {
        return Err(refuse("a carriage return"));
    }
    let fields = split_fields(rest);
    if fields.len() <= FS_TYPE {
        return Err(refuse("fewer than the three fields device, mount point and type"));
    }
    let entry = FstabEntry { number, indent: indent.to_vec(), fields, settled: false };
    for at in [DUMP, PASS] {
        if !entry.field(at).iter().all(u8::is_ascii_digit) {
            return Err(refuse("the fifth and sixth field must be numbers"));
        }
    }
    Ok(Line::Entry(entry))
}

/// The fields of a line; what follows the sixth, and a comment after the fourth or later, is the last one's gap.
fn split_fields(line: &[u8]) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    let mut rest = line;
    while !rest.is_empty() {
        let complete = fields.len() > PASS || (fields.len() > OPTIONS && rest.starts_with(b"#"));
        if let Some(last) = fields.last_mut().filter(|_| complete) {
            last.gap.extend_from_slice(rest);
            break;
        }
        let (text, after) = split_at_first(rest, is_blank);
        let (gap, after) = split_at_first(after, |byte| !is_blank(byte));
        fields.push(Field { text: text.to_vec(), gap: gap.to_vec() });
        rest = after;
    }
    fields
}

fn split_at_first(bytes: &[u8], ends: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| ends(*byte)).unwrap_or(bytes.len());
    bytes.split_at_checked(end).unwrap_or((bytes, &[]))
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// A field's text with its octal escapes decoded; a backslash before anything else is kept.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        let digits = after.get(..3).filter(|digits| *byte == b'\\' && digits.iter().all(is_octal_digit));
        let value =
            digits.map(|digits| digits.iter().fold(0_u16, |value, digit| value << 3 | u16::from(digit & 7)));
        match value.and_then(|value| u8::try_from(value).ok()) {
            Some(value) => {
                plain.push(value);
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                plain.push(*byte);
                rest = after;
            }
        }
    }
    plain
}

fn is_octal_digit(byte: &u8) -> bool {
    (b'0'..=b'7').contains(byte)
}

fn escape(plain: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(plain.len());
    for byte in plain {
        match byte {
            b' ' | b'\t' | b'\n' | b'\\' | b'#' => text.extend_from_slice(format!("\\{byte:03o}").as_bytes()),
            _ => text.push(*byte),
        }
    }
    text
}

/// Where the table stands in the tree.
pub(super) const FSTAB_PATH: &str = "/etc/fstab";

const DEVICE: usize = 0;
const MOUNT_POINT: usize = 1;
const FS_TYPE: usize = 2;
const OPTIONS: usize = 3;
const DUMP: usize = 4;
const PASS: usize = 5;

#[cfg(test)]
mod tests;
