//! A stream-optimised extent, walked marker by marker.

use diskwright_core::{Error, ErrorKind, Result};

use super::super::inflate::inflate_zlib;
use super::{DESCRIPTOR_SECTORS, GRAIN, GRAIN_SECTORS, Header, SECTOR, TABLE_LEN, TABLE_SECTORS, cut_off};
use crate::bytes::{first_nonzero, hex, len, len64, u32_le, u64_le};
use crate::disk::{Disk, expect_zeros, read};
use crate::finding::Findings;

/// What the walk has seen.
struct Walk<'a> {
    file: &'a dyn Disk,
    /// Next byte of the file.
    at: u64,
    /// Sector of each grain; 0 for zeros.
    grains: Vec<u32>,
    /// Sector of each table; 0 for none.
    tables: Vec<u32>,
    /// The last grain that came.
    last: Option<u64>,
    /// Grains of the table that is open.
    open: Option<u64>,
}

/// The sector of each grain.
///
/// # Errors
/// `ErrorKind::Source` when the file is cut off or a grain cannot be unpacked.
///
/// # Reference
/// VMware, Virtual Disk Format 5.0, "Stream-Optimized Compressed Sparse Extents".
pub(super) fn grains(file: &dyn Disk, header: &Header, findings: &mut Findings) -> Result<Vec<u32>> {
    let (grains, tables) = (len(header.grains()), len(header.tables()));
    let mut walk = Walk {
        file,
        at: GRAIN_SECTORS * SECTOR,
        grains: Vec::new(),
        tables: Vec::new(),
        last: None,
        open: None,
    };
    let fits = walk.grains.try_reserve_exact(grains).is_ok() && walk.tables.try_reserve_exact(tables).is_ok();
    if !fits || header.grains() > MAX_GRAINS {
        return Err(Error::new(ErrorKind::LimitExceeded, format!("a disk of {} grains", header.grains())));
    }
    walk.grains.resize(grains, 0);
    walk.tables.resize(tables, 0);
    findings.equal("vmdk-header", "header", 48, ("rgdOffset", header.redundant_directory, 0));
    findings.equal("vmdk-header", "header", 56, ("gdOffset", header.directory, u64::MAX));
    findings.equal("vmdk-header", "header", 64, ("overHead", header.overhead, GRAIN_SECTORS));
    let after = (1 + DESCRIPTOR_SECTORS) * SECTOR;
    if walk.at > file.size() {
        return Err(cut_off("the first grain", walk.at));
    }
    expect_zeros(file, after, walk.at, ("vmdk-gap", "before the first grain"), findings)?;
    walk.run(header, findings)?;
    Ok(walk.grains)
}

impl Walk<'_> {
    fn run(&mut self, header: &Header, findings: &mut Findings) -> Result<()> {
        loop {
            let marker = self.take(SECTOR, "a marker")?;
            let (value, size, kind) = (u64_le(&marker, 0), u32_le(&marker, 8), u32_le(&marker, 12));
            let place = self.at - SECTOR;
            if size > 0 {
                self.grain(place, value, size, &marker, findings)?;
                continue;
            }
            if first_nonzero(marker.get(16..).unwrap_or_default()).is_some() {
                findings.add(
                    "vmdk-marker",
                    "marker",
                    Some(place),
                    "zeros after its type",
                    hex(&marker[16..]),
                );
            }
            match (kind, value) {
                (1, TABLE_SECTORS) => self.table(place, findings)?,
                (2, sectors) if sectors == header.directory_sectors() => {
                    return self.end(header, place, findings);
                }
                _ => {
                    let text = format!("a marker of type {kind} before {value} sectors");
                    return Err(Error::new(ErrorKind::Source, text).with_offset(place));
                }
            }
        }
    }

    fn take(&mut self, size: u64, what: &str) -> Result<Vec<u8>> {
        let end = self.at.saturating_add(size);
        if end > self.file.size() {
            return Err(cut_off(what, self.at));
        }
        let bytes = read(self.file, self.at, len(size))?;
        self.at = end;
        Ok(bytes)
    }

    fn grain(
        &mut self,
        place: u64,
        lba: u64,
        size: u32,
        _marker: &[u8],
        findings: &mut Findings,
    ) -> Result<()> {
        let number = lba / GRAIN_SECTORS;
        let is_next = lba.is_multiple_of(GRAIN_SECTORS)
            && self.last.is_none_or(|last| last < number)
            && number < len64(self.grains.len());
        if !is_next {
            let text = format!("a grain of sector {lba}, which cannot come here");
            return Err(Error::new(ErrorKind::Source, text).with_offset(place));
        }
        if self.open.is_some_and(|open| open != number / TABLE_LEN) {
            findings.add(
                "vmdk-marker",
                "grain",
                Some(place),
                "the table of the grains before",
                format!("grain {number}"),
            );
        }
        let data = place + 12;
        let end = data.saturating_add(u64::from(size));
        if end > self.file.size() || u64::from(size) > 2 * len64(GRAIN) {
            return Err(cut_off("a grain", data));
        }
        let packed = read(self.file, data, len(u64::from(size)))?;
        match inflate_zlib(&packed, GRAIN) {
            Ok((_, used)) if used == packed.len() => {}
            Ok((_, used)) => {
                findings.add(
                    "vmdk-grain",
                    format!("grain {number}"),
                    Some(place),
                    format!("{size} bytes"),
                    format!("{used} used"),
                );
            }
            Err(error) => {
                let text = format!("grain {number} cannot be unpacked");
                return Err(Error::new(ErrorKind::Source, text).with_offset(data).with_source(error));
            }
        }
        let next = end.next_multiple_of(SECTOR);
        if next > self.file.size() {
            return Err(cut_off("a grain", data));
        }
        expect_zeros(self.file, end, next, ("vmdk-gap", "after a grain"), findings)?;
        let sector = u32::try_from(place / SECTOR).unwrap_or(0);
        if let Some(slot) = self.grains.get_mut(len(number)) {
            *slot = sector;
        }
        (self.last, self.open, self.at) = (Some(number), Some(number / TABLE_LEN), next);
        Ok(())
    }

    fn table(&mut self, place: u64, findings: &mut Findings) -> Result<()> {
        let start = self.at / SECTOR;
        let bytes = self.take(TABLE_SECTORS * SECTOR, "a grain table")?;
        let Some(open) = self.open.take() else {
            findings.add("vmdk-table", "grain table", Some(place), "grains before it", "none");
            return Ok(());
        };
        for (at, entry) in (0..).zip(bytes.chunks_exact(4)) {
            let wanted = self.grains.get(len(open * TABLE_LEN + at)).copied().unwrap_or(0);
            let name = format!("grain table {open}");
            findings.equal(
                "vmdk-table",
                &name,
                start * SECTOR + 4 * at,
                ("sector", u32_le(entry, 0), wanted),
            );
        }
        if let Some(slot) = self.tables.get_mut(len(open)) {
            *slot = u32::try_from(start).unwrap_or(0);
        }
        Ok(())
    }

    /// The directory, the footer and the end of the stream.
    fn end(&mut self, header: &Header, place: u64, findings: &mut Findings) -> Result<()> {
        if self.open.is_some() {
            findings.add(
                "vmdk-marker",
                "grain directory",
                Some(place),
                "the table of the last grains",
                "none",
            );
        }
        let start = self.at / SECTOR;
        let bytes = self.take(header.directory_sectors() * SECTOR, "the grain directory")?;
        for (at, entry) in (0..).zip(bytes.chunks_exact(4)) {
            let wanted = self.tables.get(len(at)).copied().unwrap_or(0);
            findings.equal(
                "vmdk-table",
                "grain directory",
                start * SECTOR + 4 * at,
                ("sector", u32_le(entry, 0), wanted),
            );
        }
        let marker = self.take(SECTOR, "the footer's marker")?;
        let mut wanted = vec![0; len(SECTOR)];
        crate::bytes::put(&mut wanted, 0, &[1]);
        crate::bytes::put(&mut wanted, 12, &[3]);
        if marker != wanted {
            findings.add(
                "vmdk-marker",
                "footer",
                Some(self.at - SECTOR),
                "a marker of one sector, type 3",
                hex(&marker),
            );
        }
        let at = self.at;
        self.take(SECTOR, "the footer")?;
        let footer = Header::read(self.file, at, "footer", findings)?;
        let fields = [
            ("capacity", footer.capacity, header.capacity),
            ("rgdOffset", footer.redundant_directory, 0),
            ("gdOffset", footer.directory, start),
            ("overHead", footer.overhead, GRAIN_SECTORS),
            ("version", u64::from(footer.is_stream), 1),
        ];
        for field in fields {
            findings.equal("vmdk-header", "footer", at, field);
        }
        let last = self.take(SECTOR, "the end of the stream")?;
        if first_nonzero(&last).is_some() || self.at != self.file.size() {
            let found = format!("{}, {} bytes after it", hex(&last), self.file.size() - self.at);
            findings.add(
                "vmdk-marker",
                "end of the stream",
                Some(self.at - SECTOR),
                "a sector of zeros, the last",
                found,
            );
        }
        Ok(())
    }
}

/// 62 TiB in grains of 64 KiB.
const MAX_GRAINS: u64 = 1 << 30;
