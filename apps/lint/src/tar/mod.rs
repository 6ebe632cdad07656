//! Archives of every common kind: ustar, GNU with long names and sparse files, pax.
//!
//! Appliances have a stricter reader of their own.

mod ahead;
pub(crate) mod block;
mod sparse;

use diskwright_core::{ReadAt, Result};

use crate::Rule;
use crate::bytes::{Section, read, slice};
use crate::report::{Findings, Location, shown};
use ahead::Ahead;
use block::{BLOCK, BLOCK_BYTES, MAX_MEMBERS, name, number};
use sparse::{MAX_PARTS, Map, SparseFile};

/// A member, with what headers before its own say of it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    /// Where its own header stands.
    pub(crate) header: u64,
    /// The type's letter, with `0` for a file of old.
    pub(crate) kind: u8,
    /// Whether the header has GNU's magic.
    pub(crate) is_gnu: bool,
    /// Whether a pax header stands before it.
    pub(crate) has_pax: bool,
    /// Where its bytes begin.
    pub(crate) data: u64,
    /// Bytes in the archive.
    pub(crate) stored: u64,
    /// Whether only parts of it are stored, by its own header or by those before.
    pub(crate) is_sparse: bool,
    /// Of a sparse file where what is stored belongs; nothing if that cannot be read.
    map: Option<Map>,
}

impl Entry {
    /// Whether it is a file, sparse or not.
    pub(crate) fn is_file(&self) -> bool {
        matches!(self.kind, b'0' | b'7' | b'S')
    }

    /// Bytes of the file; of a sparse one with its holes.
    pub(crate) fn size(&self) -> u64 {
        self.map.as_ref().map_or(self.stored, |map| map.size)
    }

    /// Whether the first byte stored is the first of the file.
    pub(crate) fn begins_with_data(&self) -> bool {
        self.map.as_ref().map_or(!self.is_sparse, |map| map.begins_with_data)
    }

    /// The file's bytes, if its holes are known.
    pub(crate) fn content<'a>(&'a self, source: &'a dyn ReadAt) -> Option<Box<dyn ReadAt + 'a>> {
        let stored = Section::new(source, self.data, self.stored);
        if !self.is_sparse {
            return Some(Box::new(stored));
        }
        let map = self.map.as_ref()?;
        Some(Box::new(SparseFile::new(stored, map.parts.as_deref()?, map.size)))
    }
}

/// What may be wrong with an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    Truncated,
    Checksum,
    Number,
    SparseMap,
    End,
}

/// What an archive holds, and what is wrong with it.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) entries: Vec<Entry>,
    pub(crate) flaws: Vec<(Flaw, u64, String)>,
    /// Name of the member behind which nothing could be read.
    lost: Option<String>,
    /// Parts of sparse files that are kept.
    parts: usize,
}

/// Reads headers until the end, a flaw that hides the next header, or more members than any machine has.
pub(crate) fn list(source: &dyn ReadAt) -> Result<Listing> {
    let mut listing = Listing::default();
    let mut at = 0;
    let mut ahead = Ahead::default();
    loop {
        let Some(block) = read(source, at, BLOCK)? else {
            listing.flaw(Flaw::End, at, "the archive ends without two blocks of zeros");
            break;
        };
        if block.iter().all(|byte| *byte == 0) {
            if let Some((place, text)) = block::end_flaw(source, at)? {
                listing.flaw(Flaw::End, place, text);
            }
            break;
        }
        if listing.entries.len() >= MAX_MEMBERS {
            listing.flaw(Flaw::Truncated, at, "the archive has more members than any machine");
            break;
        }
        if !block::has_checksum(&block) {
            listing.flaw(Flaw::Checksum, at, "the header's checksum is wrong");
            break;
        }
        let Some(next) = listing.read_member(source, at, &block, &mut ahead)? else {
            listing.lost = Some(std::mem::take(&mut ahead).into_name().unwrap_or_else(|| name(&block)));
            break;
        };
        at = next;
    }
    Ok(listing)
}

impl Listing {
    /// The members' names, also that of the one that could not be read.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.name.as_str()).chain(self.lost.as_deref())
    }

    fn flaw(&mut self, flaw: Flaw, at: u64, text: impl Into<String>) {
        self.flaws.push((flaw, at, text.into()));
    }

    /// Reads what the header at `at` begins; gives where the next one stands.
    fn read_member(
        &mut self,
        source: &dyn ReadAt,
        at: u64,
        block: &[u8],
        ahead: &mut Ahead,
    ) -> Result<Option<u64>> {
        let kind = match block.get(156) {
            None | Some(0) => b'0',
            Some(kind) => *kind,
        };
        let Some(own) = number(slice(block, 124, 12)) else {
            let text = format!("the size \"{}\" is no number", slice(block, 124, 12).escape_ascii());
            self.flaw(Flaw::Number, at + 124, text);
            return Ok(None);
        };
        let is_header = matches!(kind, b'x' | b'g' | b'L' | b'K');
        let stored = ahead.size.filter(|_| !is_header).unwrap_or(own);
        let is_sparse = kind == b'S' || (!is_header && ahead.sparse.is_some());
        let map = if is_header { None } else { self.read_map(source, at, block, ahead, stored)? };
        if kind == b'S' && map.is_none() {
            return Ok(None);
        }
        // Blocks of the map stand before what is stored, or are the first of it.
        let data = map.as_ref().map_or(at + BLOCK_BYTES, |map| map.end - map.in_data);
        let next = stored.checked_next_multiple_of(BLOCK_BYTES).and_then(|len| data.checked_add(len));
        if data.checked_add(stored).is_none_or(|end| end > source.size()) {
            let text = format!("a member of {stored} bytes does not end within the archive");
            self.flaw(Flaw::Truncated, at, text);
            return Ok(None);
        }
        if is_header {
            let Some((flaw, text)) = ahead.read(source, kind, data, stored)? else { return Ok(next) };
            self.flaw(flaw, at, text);
            return Ok(None);
        }
        let has_pax = ahead.has_pax;
        let ahead = std::mem::take(ahead);
        let in_data = map.as_ref().map_or(0, |map| map.in_data);
        self.entries.push(Entry {
            name: ahead.into_name().unwrap_or_else(|| name(block)),
            header: at,
            kind,
            is_gnu: slice(block, 257, 8) == b"ustar  \0",
            has_pax,
            data: data + in_data,
            stored: stored.saturating_sub(in_data),
            is_sparse,
            map,
        });
        Ok(next)
    }

    /// The map of a sparse member's parts, wherever it stands; nothing if there is none, or it cannot be read.
    fn read_map(
        &mut self,
        source: &dyn ReadAt,
        at: u64,
        header: &[u8],
        ahead: &Ahead,
        stored: u64,
    ) -> Result<Option<Map>> {
        let room = MAX_PARTS - self.parts.min(MAX_PARTS);
        let map = if header.get(156) == Some(&b'S') {
            Map::of_header(source, at, header, room)?
        } else if let Some(sparse) = &ahead.sparse {
            Map::of_pax(source, at + BLOCK_BYTES, sparse, stored, room)?
        } else {
            return Ok(None);
        };
        let mut map = match map {
            Ok(map) => map,
            Err(flaw) => {
                self.flaws.push(flaw);
                return Ok(None);
            }
        };
        let left = stored.saturating_sub(map.in_data);
        if let Some(place) = map.flaw {
            self.flaw(Flaw::SparseMap, place, "a part lies over the one before it or outside of the file");
        } else if map.total != left {
            let text = format!("the parts have {} bytes, and {left} are stored", map.total);
            self.flaw(Flaw::SparseMap, at + 124, text);
        }
        if map.flaw.is_some() || map.total > left {
            // What is not stored cannot be read.
            map.parts = None;
        }
        self.parts += map.parts.as_ref().map_or(0, Vec::len);
        Ok(Some(map))
    }
}

/// Reports members, each its name and where its header stands, whose names others have that stand before.
pub(crate) fn check_repeated<'a>(
    members: impl Iterator<Item = (&'a str, u64)>,
    rule: &'static Rule,
    f: &mut Findings,
) {
    let mut members: Vec<(&str, u64)> = members.collect();
    members.sort_unstable();
    for pair in members.windows(2) {
        if let [(first, _), (second, at)] = pair
            && first == second
        {
            let text = format!("a second member is named \"{}\"", shown(second));
            f.add(rule, Location::Offset(*at), text);
        }
    }
}
