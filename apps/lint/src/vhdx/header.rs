//! The two headers, of which the valid one with the higher number counts.

use diskwright_core::{ReadAt, Result};

use crate::bytes::{le16, le32, le64, read, slice};
use crate::report::{Findings, Location};
use crate::rules::vhdx as rules;

use super::{Area, checksum};

/// Checks both headers; gives the log's place.
///
/// # Reference
/// MS-VHDX 2.2.2, "Headers".
pub(super) fn check(source: &dyn ReadAt, f: &mut Findings) -> Result<Option<Area>> {
    let mut sound: Vec<(u64, Vec<u8>)> = Vec::new();
    for at in PLACES {
        let Some(bytes) = read(source, at, LEN)? else {
            f.add(&rules::TRUNCATED, Location::Offset(source.size()), "the file ends within its headers");
            return Ok(None);
        };
        if slice(&bytes, 0, 4) != b"head" || le16(&bytes, 66) != 1 {
            let text =
                format!("a header begins with {:02x?}, version {}", slice(&bytes, 0, 4), le16(&bytes, 66));
            f.add(&rules::HEADER, Location::Offset(at), text);
            continue;
        }
        let (stored, computed) = (le32(&bytes, 4), checksum(&bytes));
        if stored == computed {
            sound.push((at, bytes));
        } else {
            let text = format!("the header's checksum is {stored:#010x}, that of its bytes {computed:#010x}");
            f.add(&rules::HEADER_CHECKSUM, Location::Offset(at + 4), text);
        }
    }
    if sound.is_empty() {
        f.add(&rules::NO_HEADER, Location::Offset(PLACES[0]), "neither header is valid");
    }
    if let [(_, first), (at, second)] = &sound[..]
        && le64(first, 8) == le64(second, 8)
    {
        let text = format!("both headers have the number {}", le64(first, 8));
        f.add(&rules::SEQUENCE, Location::Offset(at + 8), text);
    }
    let current = sound.iter().max_by_key(|(_, bytes)| le64(bytes, 8));
    Ok(current.map(|(at, bytes)| check_log(bytes, *at, source.size(), f)))
}

fn check_log(header: &[u8], at: u64, size: u64, f: &mut Findings) -> Area {
    let log = Area { start: le64(header, 72), len: u64::from(le32(header, 68)) };
    if le16(header, 64) != 0 || !log.is_sound(size) {
        let text =
            format!("the log, of version {}, has {:#x} bytes at {:#x}", le16(header, 64), log.len, log.start);
        f.add(&rules::LOG_PLACE, Location::Offset(at + 64), text);
    }
    if slice(header, 48, 16).iter().any(|byte| *byte != 0) {
        f.add(&rules::LOG_REPLAY, Location::Offset(at + 48), "the log is in use");
    }
    log
}

const PLACES: [u64; 2] = [64 << 10, 128 << 10];
const LEN: usize = 4096;
