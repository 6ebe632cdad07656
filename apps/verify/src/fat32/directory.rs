//! The tree of a volume.

use diskwright_core::Result;

use super::boot::label;
use super::table::FileContent;
use super::time::fat_time;
use super::{ENTRY, FatFile, Volume, most_directory_bytes, structure};
use crate::bytes::{array, first_difference, first_nonzero, hex, len, put, u16_le, u32_le};
use crate::expect::Content;
use crate::finding::Findings;
use diskwright_core::ReadAt;

/// A directory that is still to be read.
struct Directory {
    path: Vec<u8>,
    first: u64,
    /// As `..` says it: 0 for the root.
    parent: u64,
    mtime: (i64, u32),
    depth: usize,
}

/// What a long name's slots have said so far.
#[derive(Default)]
struct LongName {
    units: Vec<u16>,
    /// Ordinal of the slot that must come next; 0 when all are there.
    next: u8,
    checksum: u8,
}

impl Volume<'_> {
    /// Reads every directory, and holds each entry against what should be there.
    pub(super) fn walk(&mut self, findings: &mut Findings) -> Result<()> {
        let created = (self.timestamp, 0);
        let mut left = vec![Directory { path: Vec::new(), first: 2, parent: 0, mtime: created, depth: 0 }];
        while let Some(directory) = left.pop() {
            if findings.is_full() {
                break;
            }
            findings.path = Some(directory.path.clone());
            let name = structure("directory", directory.first);
            let chain = self.chain(directory.first, &name, findings)?;
            let size = chain.clusters().saturating_mul(self.geometry.cluster_size);
            if size > most_directory_bytes().saturating_add(self.geometry.cluster_size)
                || directory.depth > MAX_DEPTH
            {
                findings.add(
                    "fat-directory",
                    &*name,
                    None,
                    "at most 65536 entries, 128 levels",
                    format!("{size} bytes"),
                );
                continue;
            }
            let content = FileContent {
                disk: self.disk,
                data: self.offset(2),
                cluster: self.geometry.cluster_size,
                chain: &chain,
                size,
            };
            let mut bytes = vec![0; len(size)];
            content.read_exact_at(0, &mut bytes).map_err(|error| {
                diskwright_core::Error::new(diskwright_core::ErrorKind::Source, "the disk cannot be read")
                    .with_source(error)
            })?;
            self.entries(&directory, &bytes, &mut left, findings)?;
        }
        Ok(())
    }

    fn entries(
        &mut self,
        directory: &Directory,
        bytes: &[u8],
        left: &mut Vec<Directory>,
        findings: &mut Findings,
    ) -> Result<()> {
        let name = structure("directory", directory.first);
        let mut slots = bytes.chunks_exact(ENTRY).enumerate().peekable();
        for (expected, what) in self.own_entries(directory) {
            let found = slots.next().map_or(&[][..], |(_, slot)| slot);
            if let Some(at) = first_difference(found, &expected) {
                let shown = |bytes: &[u8]| hex(bytes.get(at..).unwrap_or_default());
                findings.add(
                    "fat-directory",
                    format!("{what} of {name}"),
                    None,
                    shown(&expected),
                    shown(found),
                );
            }
        }
        let mut long = LongName::default();
        for (at, slot) in slots {
            if slot[0] == 0 {
                let rest = bytes.get(at * ENTRY..).unwrap_or_default();
                if first_nonzero(rest).is_some() {
                    findings.add("fat-directory", &*name, None, "zeros after the last entry", "bytes");
                }
                break;
            }
            if slot[11] == 0x0f {
                if !long.add(slot) {
                    findings.add("fat-directory", &*name, None, "slots of a long name in order", hex(slot));
                }
                continue;
            }
            let long = std::mem::take(&mut long);
            self.entry(directory, slot, &long, left, findings)?;
        }
        findings.path = Some(directory.path.clone());
        if long.next != 0 || !long.units.is_empty() {
            findings.add("fat-directory", &*name, None, "an entry after a long name", "none");
        }
        Ok(())
    }

    /// The label in the root; `.` and `..` in any other directory.
    fn own_entries(&self, directory: &Directory) -> Vec<([u8; ENTRY], &'static str)> {
        let created = (self.timestamp, 0);
        if directory.depth > 0 {
            let own = |name, cluster| self.short_entry(name, (0x10, 0), directory.mtime, (cluster, 0));
            return vec![
                (own(*b".          ", directory.first), "."),
                (own(*b"..         ", directory.parent), ".."),
            ];
        }
        if self.label.is_empty() {
            return Vec::new();
        }
        vec![(self.short_entry(label(self.label), (0x08, 0), created, (0, 0)), "label")]
    }

    fn short_entry(
        &self,
        name: [u8; 11],
        (attributes, case): (u8, u8),
        mtime: (i64, u32),
        (cluster, size): (u64, u32),
    ) -> [u8; ENTRY] {
        let (created_date, created_time, hundredths) = fat_time((self.timestamp, 0));
        let (date, time, _) = fat_time(mtime);
        let [low0, low1, high0, high1, ..] = cluster.to_le_bytes();
        let mut entry = [0; ENTRY];
        put(&mut entry, 0, &name);
        put(&mut entry, 11, &[attributes, case, hundredths]);
        put(&mut entry, 14, &created_time.to_le_bytes());
        put(&mut entry, 16, &created_date.to_le_bytes());
        put(&mut entry, 18, &date.to_le_bytes());
        put(&mut entry, 20, &[high0, high1]);
        put(&mut entry, 22, &time.to_le_bytes());
        put(&mut entry, 24, &date.to_le_bytes());
        put(&mut entry, 26, &[low0, low1]);
        put(&mut entry, 28, &size.to_le_bytes());
        entry
    }

    fn entry(
        &mut self,
        directory: &Directory,
        slot: &[u8],
        long: &LongName,
        left: &mut Vec<Directory>,
        findings: &mut Findings,
    ) -> Result<()> {
        let short: [u8; 11] = array(slot, 0);
        let name = match long.name(&short) {
            Some(Ok(name)) => name,
            Some(Err(problem)) => {
                findings.path = Some(directory.path.clone());
                findings.add(
                    "fat-directory",
                    "long name",
                    None,
                    "one that belongs to its short name",
                    problem,
                );
                return Ok(());
            }
            None => short_name(&short, slot[12]),
        };
        let mut path = directory.path.clone();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(&name);
        findings.path = Some(path.clone());
        let is_directory = slot[11] == 0x10;
        let cluster = u64::from(u16_le(slot, 26)) | u64::from(u16_le(slot, 20)) << 16;
        let size = u32_le(slot, 28);
        let expected = self.take_expected(&path, is_directory, findings);
        let created = (self.timestamp, 0);
        let mtime = expected.as_ref().map_or(created, |file| file.mtime);
        let case = if long.units.is_empty() { slot[12] & case_flags(&short) } else { 0 };
        let attributes = if is_directory { 0x10 } else { 0x20 };
        let wanted = self.short_entry(
            short,
            (attributes, case),
            mtime,
            (cluster, if is_directory { 0 } else { size }),
        );
        self.compare_entry(array(slot, 0), &wanted, findings);
        if is_directory {
            let parent = if directory.depth == 0 { 0 } else { directory.first };
            left.push(Directory { path, first: cluster, parent, mtime, depth: directory.depth + 1 });
            return Ok(());
        }
        if let Some(wanted) =
            expected.as_ref().and_then(|file| file.size).filter(|wanted| *wanted != u64::from(size))
        {
            findings.entry("size", format!("{wanted} bytes"), format!("{size} bytes"));
        }
        let chain = self.chain(cluster, &structure("file", cluster), findings)?;
        self.check_file(&chain, u64::from(size), expected.as_ref().map(|file| &file.content), findings)
    }

    fn compare_entry(&self, mut found: [u8; ENTRY], wanted: &[u8; ENTRY], findings: &mut Findings) {
        if self.files.is_none() {
            // Nothing is known of its time.
            put(&mut found, 18, &wanted[18..20]);
            put(&mut found, 22, &wanted[22..26]);
        }
        if let Some(at) = first_difference(&found, wanted) {
            findings.add(
                "fat-directory",
                "directory entry",
                None,
                format!("{} at {at}", hex(&wanted[at..])),
                format!("{} at {at}", hex(&found[at..])),
            );
        }
    }

    /// What should be at a path; what stands above a file needs no entry of its own.
    fn take_expected(&mut self, path: &[u8], is_directory: bool, findings: &mut Findings) -> Option<FatFile> {
        let files = self.files.as_mut()?;
        let implied = FatFile { size: None, mtime: (self.timestamp, 0), content: Content::Unknown };
        let prefix = [path, b"/"].concat();
        let has_below =
            || files.range(prefix.clone()..).next().is_some_and(|(below, _)| below.starts_with(&prefix));
        let expected = match files.get(path) {
            Some(file) => Some(file.clone()),
            None if is_directory && has_below() => Some(implied),
            None => None,
        };
        files.remove(path);
        let what = |is_directory: bool| if is_directory { "a directory" } else { "a file" };
        match &expected {
            None => findings.entry("unexpected-entry", "nothing", what(is_directory)),
            Some(file) if file.size.is_none() != is_directory => {
                findings.entry("kind", what(file.size.is_none()), what(is_directory));
            }
            Some(_) => {}
        }
        expected
    }
}

impl LongName {
    /// Takes a slot, the last part of the name first; whether it is one that must come now.
    ///
    /// # Reference
    /// FAT overview 1.03, "FAT Long Directory Entries".
    fn add(&mut self, slot: &[u8]) -> bool {
        let (ordinal, checksum) = (slot[0], slot[13]);
        let is_first = ordinal & 0x40 != 0;
        let number = ordinal & 0x3f;
        let is_next = if is_first {
            self.units.is_empty() && number > 0
        } else {
            number > 0 && number == self.next && checksum == self.checksum
        };
        let is_plain = slot[12] == 0 && slot[26] == 0 && slot[27] == 0 && ordinal & 0x80 == 0;
        let units = [1..11, 14..26, 28..32]
            .into_iter()
            .flat_map(|range| slot.get(range).unwrap_or_default().chunks_exact(2));
        let mut units: Vec<u16> = units.map(|unit| u16_le(unit, 0)).collect();
        let mut is_filled = true;
        if is_first && let Some(end) = units.iter().position(|unit| *unit == 0) {
            is_filled = units.iter().skip(end + 1).all(|unit| *unit == 0xffff) && end > 0;
            units.truncate(end);
        }
        units.append(&mut self.units);
        *self = Self { units, next: number.saturating_sub(1), checksum };
        is_next && is_plain && is_filled
    }

    /// The name, if there is one; an error when it does not belong to the short name.
    fn name(&self, short: &[u8; 11]) -> Option<Result<Vec<u8>, String>> {
        if self.units.is_empty() && self.next == 0 {
            return None;
        }
        let sum = short.iter().fold(0_u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte));
        if self.next != 0 || sum != self.checksum {
            return Some(Err(format!(
                "checksum {:#x} of {}, {} slots missing",
                self.checksum,
                short.escape_ascii(),
                self.next
            )));
        }
        Some(String::from_utf16(&self.units).map(String::into_bytes).map_err(|error| error.to_string()))
    }
}

/// A name that is short: base and extension, either in lower case if its flag says so.
fn short_name(short: &[u8; 11], case: u8) -> Vec<u8> {
    let part = |bytes: &[u8], is_lower: bool| -> Vec<u8> {
        let text = bytes.trim_ascii_end().to_vec();
        if is_lower { text.to_ascii_lowercase() } else { text }
    };
    let (base, extension) = (part(&short[..8], case & 8 != 0), part(&short[8..], case & 16 != 0));
    if extension.is_empty() { base } else { [base, extension].join(&b'.') }
}

/// The flags for lower case that mean something: of parts that have a letter.
fn case_flags(short: &[u8; 11]) -> u8 {
    let has_letter = |bytes: &[u8]| bytes.iter().any(u8::is_ascii_alphabetic);
    u8::from(has_letter(&short[..8])) << 3 | u8::from(has_letter(&short[8..])) << 4
}

const MAX_DEPTH: usize = 128;
