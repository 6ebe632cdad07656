//! Stream-optimised: compressed grains and markers in the order in which they are read.

use diskwright_core::{ReadAt, Result};

use crate::bytes::{le32, le64, read};
use crate::inflate::{Decoded, zlib};
use crate::report::{Findings, Location};
use crate::rules::vmdk as rules;

use super::header::Header;
use super::{SECTOR, SECTOR_BYTES, named};

/// Walks the stream, then compares the tables with what was met.
pub(crate) fn check(source: &dyn ReadAt, header: &Header, f: &mut Findings) -> Result<()> {
    let mut walk = Walk { source, header, grains: 0, last: None, footer: None };
    walk.run(f)?;
    let directory = if header.has_footer() {
        walk.check_footer(f)?.map(|footer| footer.directory)
    } else {
        Some(header.directory)
    };
    let Some(directory) = directory else { return Ok(()) };
    let named = named::check(source, header, directory, f)?;
    if named.is_some_and(|named| named < walk.grains) {
        let text = format!("{} grains are stored and {} named by tables", walk.grains, named.unwrap_or(0));
        f.add(&rules::UNREFERENCED, Location::Whole, text);
    }
    if header.is_redundant() && header.redundant_directory != directory {
        named::check(source, header, header.redundant_directory, f)?;
    }
    Ok(())
}

struct Walk<'a> {
    source: &'a dyn ReadAt,
    header: &'a Header,
    grains: u64,
    last: Option<u64>,
    /// Where the footer stands.
    footer: Option<u64>,
}

impl Walk<'_> {
    fn run(&mut self, f: &mut Findings) -> Result<()> {
        let mut at = self.header.overhead.saturating_mul(SECTOR_BYTES);
        loop {
            let Some(sector) = read(self.source, at, SECTOR)? else {
                let text = match self.source.size().saturating_sub(at) {
                    0 => "the file ends without an end-of-stream marker".to_owned(),
                    rest => format!("the file ends with {rest} bytes that are no sector"),
                };
                f.add(&rules::END_OF_STREAM, Location::Offset(at), text);
                return Ok(());
            };
            let (value, size) = (le64(&sector, 0), le32(&sector, 8));
            let length = if size > 0 {
                self.grain(at, value, size, f)?
            } else {
                match self.marker(at, value, le32(&sector, 12), f) {
                    Some(length) => length,
                    None => return Ok(()),
                }
            };
            at = match length.and_then(|length| at.checked_add(length)) {
                Some(next) => next,
                None => return Ok(()),
            };
        }
    }

    /// Checks a marker; nothing where the stream ends, and no length where it cannot go on.
    fn marker(&mut self, at: u64, value: u64, kind: u32, f: &mut Findings) -> Option<Option<u64>> {
        let end = at + SECTOR_BYTES;
        let sectors = match kind {
            END if value == 0 => {
                let rest = self.source.size().saturating_sub(end);
                if rest > 0 {
                    let text = format!("{rest} bytes follow the end-of-stream marker");
                    f.add(&rules::TRAILING_BYTES, Location::Offset(end), text);
                }
                return None;
            }
            TABLE | DIRECTORY => value,
            FOOTER if value == 1 => {
                self.footer = Some(end);
                value
            }
            // An export of vSphere tells its progress in between.
            PROGRESS => 0,
            _ => {
                let text = format!("a marker of type {kind} announces {value} sectors");
                f.add(&rules::MARKER, Location::Offset(at), text);
                return None;
            }
        };
        Some(sectors.checked_add(1).and_then(|sectors| sectors.checked_mul(SECTOR_BYTES)))
    }

    /// Checks a grain and gives its length in the file, as long as it is plausible.
    fn grain(&mut self, at: u64, address: u64, size: u32, f: &mut Findings) -> Result<Option<u64>> {
        let place = Location::Offset(at);
        if !address.is_multiple_of(self.header.grain) || address >= self.header.capacity {
            let text =
                format!("a grain has the address {address} in a disk of {} sectors", self.header.capacity);
            f.add(&rules::GRAIN_ADDRESS, place.clone(), text);
        }
        if self.last.is_some_and(|last| address <= last) {
            let last = self.last.unwrap_or_default();
            let text = format!("the grain of address {address} follows that of address {last}");
            f.add(&rules::GRAIN_ORDER, place.clone(), text);
        }
        self.last = Some(address);
        self.grains += 1;
        let length = (u64::from(size) + GRAIN_HEAD).next_multiple_of(SECTOR_BYTES);
        if size > MAX_STORED {
            let text = format!("the grain of address {address} is stored in {size} bytes");
            f.add(&rules::GRAIN_STORED_SIZE, place, text);
            return Ok(Some(length));
        }
        let stored = usize::try_from(size).unwrap_or(0);
        let Some(data) = read(self.source, at + GRAIN_HEAD, stored)? else {
            f.add(&rules::TRUNCATED, place, format!("the file ends within the grain of address {address}"));
            return Ok(None);
        };
        self.data(at, address, &data, f);
        Ok(Some(length))
    }

    fn data(&self, at: u64, address: u64, data: &[u8], f: &mut Findings) {
        let place = Location::Offset(at + GRAIN_HEAD);
        let full = usize::try_from(self.header.grain_bytes()).unwrap_or(0);
        let (rule, text) = match zlib(data, full) {
            Decoded::Ended { len, used } if len == full && used == data.len() => return,
            Decoded::Ended { len, .. } if len == full => {
                (&rules::GRAIN_DATA, "has bytes after its end".to_owned())
            }
            Decoded::Ended { len, .. } => {
                (&rules::GRAIN_LENGTH, format!("inflates to {len} bytes, not {full}"))
            }
            Decoded::TooLong => (&rules::GRAIN_LENGTH, format!("inflates to more than {full} bytes")),
            Decoded::Cut { .. } => (&rules::GRAIN_DATA, "ends before its zlib stream does".to_owned()),
            Decoded::Corrupt => (&rules::GRAIN_DATA, "is no zlib stream, or a damaged one".to_owned()),
        };
        f.add(rule, place, format!("the grain of address {address} {text}"));
    }

    /// The footer, if there is one; it must stand right before the end-of-stream marker that ends the file.
    fn check_footer(&self, f: &mut Findings) -> Result<Option<Header>> {
        let footer = match self.footer {
            Some(at) => read(self.source, at, SECTOR)?.map(|bytes| (at, Header::parse(&bytes))),
            None => None,
        };
        let Some((at, footer)) = footer else {
            f.add(
                &rules::FOOTER,
                Location::Whole,
                "the header has no grain directory, and there is no footer",
            );
            return Ok(None);
        };
        let expected = self.source.size().saturating_sub(2 * SECTOR_BYTES);
        if at != expected {
            let text = format!("the footer stands at {at:#x}, where readers look for it at {expected:#x}");
            f.add(&rules::FOOTER, Location::Offset(at), text);
        }
        self.header.check_footer(&footer, at, f);
        Ok(Some(footer))
    }
}

/// Address and size before the data of a grain.
const GRAIN_HEAD: u64 = 12;
/// VirtualBox's buffer of 66048 bytes less the head.
const MAX_STORED: u32 = 66_036;
const END: u32 = 0;
const TABLE: u32 = 1;
const DIRECTORY: u32 = 2;
const FOOTER: u32 = 3;
const PROGRESS: u32 = 4;
