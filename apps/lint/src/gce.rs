//! Archives for Google Compute Engine: `disk.raw` in a tar archive, packed by gzip.

use diskwright_core::{ReadAt, Result};

use crate::bytes::read;
use crate::report::{Findings, Location, shown};
use crate::rules::gce as rules;
use crate::tar::{Entry, Flaw, Listing};

/// Checks the archive, which holds what `listing` says; `is_gzip`: how it was packed.
pub(crate) fn check(source: &dyn ReadAt, listing: &Listing, is_gzip: bool, f: &mut Findings) -> Result<()> {
    if !is_gzip {
        f.add(&rules::GZIP, Location::Whole, "the archive is not packed by gzip");
    }
    for (flaw, at, text) in &listing.flaws {
        let rule = match flaw {
            Flaw::Truncated => &rules::TRUNCATED,
            Flaw::Checksum => &rules::HEADER_CHECKSUM,
            Flaw::Number => &rules::NUMBER,
            Flaw::SparseMap => &rules::SPARSE_MAP,
            Flaw::End => &rules::END_BLOCKS,
        };
        f.add(rule, Location::Offset(*at), text.as_str());
    }
    let [disk, others @ ..] = &listing.entries[..] else { return Ok(()) };
    for other in others {
        let text = format!("there is a member \"{}\", too", shown(&other.name));
        f.add(&rules::SINGLE_MEMBER, Location::Offset(other.header), text);
    }
    check_disk(source, disk, f)
}

fn check_disk(source: &dyn ReadAt, disk: &Entry, f: &mut Findings) -> Result<()> {
    let place = |field: u64| Location::Offset(disk.header + field);
    if disk.name != "disk.raw" {
        f.add(&rules::MEMBER_NAME, place(0), format!("the member is named \"{}\"", shown(&disk.name)));
    }
    if !disk.is_gnu || disk.has_pax {
        let text =
            if disk.has_pax { "a pax header stands before the member" } else { "the magic is not GNU's" };
        f.add(&rules::FORMAT, place(257), text);
    }
    if !disk.is_file() {
        let text = format!("the member is of type \"{}\"", char::from(disk.kind).escape_default());
        f.add(&rules::MEMBER_TYPE, place(156), text);
        return Ok(());
    }
    if disk.size() == 0 || !disk.size().is_multiple_of(GIB) {
        let field = if disk.kind == b'S' { 483 } else { 124 };
        f.add(&rules::DISK_SIZE, place(field), format!("the disk has {} bytes", disk.size()));
    }
    let sector =
        if disk.begins_with_data() && disk.stored >= 512 { read(source, disk.data, 512)? } else { None };
    if sector.is_none_or(|sector| !sector.ends_with(&[0x55, 0xaa])) {
        let text = "the disk's first sector has not the signature of a boot record";
        f.add(&rules::BOOT_RECORD, Location::Offset(disk.data), text);
    }
    Ok(())
}

const GIB: u64 = 1 << 30;
