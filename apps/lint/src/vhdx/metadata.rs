//! The metadata: what the disk is.

use diskwright_core::{ReadAt, Result};

use crate::bytes::{le16, le32, le64, read, slice};
use crate::report::{Findings, Location};
use crate::rules::vhdx as rules;

use super::guid;
use super::regions::Regions;

/// What the table of blocks depends on.
pub(super) struct Metadata {
    /// Bytes of a block.
    pub(super) block: u64,
    /// Bytes of the disk.
    pub(super) size: u64,
    /// Bytes of a logical sector.
    pub(super) sector: u64,
    /// Whether blocks are to stay allocated.
    pub(super) is_fixed: bool,
    /// Where the file parameters stand.
    pub(super) parameters: u64,
}

/// Where an item stands, and what it holds.
type Item = Option<(u64, Vec<u8>)>;

impl Metadata {
    /// Checks all items; nothing if blocks cannot be looked for.
    ///
    /// # Reference
    /// MS-VHDX 2.6, "Metadata Region".
    pub(super) fn read(source: &dyn ReadAt, regions: &Regions, f: &mut Findings) -> Result<Option<Self>> {
        let region = regions.metadata;
        // OK to be empty: the region lies inside the file and has 1 MiB at least.
        let table = read(source, region.start, TABLE)?.unwrap_or_default();
        let count = le16(&table, 10);
        if slice(&table, 0, 8) != b"metadata" || count > MAX_ENTRIES {
            let text =
                format!("the metadata begin with {:02x?} and have {count} entries", slice(&table, 0, 8));
            f.add(&rules::METADATA_TABLE, Location::Offset(region.start), text);
            return Ok(None);
        }
        let mut items: [Item; 5] = Default::default();
        // An id of a user's item may be that of one of the system.
        let mut seen: Vec<(&[u8], bool)> = Vec::new();
        let entries = table.get(32..).unwrap_or_default().chunks_exact(32).take(usize::from(count));
        for (at, entry) in (region.start + 32..).step_by(32).zip(entries) {
            let place = Location::Offset(at);
            let (offset, len) = (u64::from(le32(entry, 16)), u64::from(le32(entry, 20)));
            let (id, flags) = (slice(entry, 0, 16), le32(entry, 24));
            let is_users = flags & IS_USER != 0;
            let is_empty = offset == 0 && len == 0;
            let is_inside = is_empty || (offset >= TABLE as u64 && offset + len <= region.len);
            if seen.contains(&(id, is_users)) || !is_inside {
                let text = format!("an item of {len} bytes at {offset:#x} of the region");
                f.add(&rules::METADATA_ITEM, place, text);
                continue;
            }
            seen.push((id, is_users));
            let known = ITEMS.iter().position(|(known, ..)| known.as_slice() == id);
            let Some(known) = known.filter(|_| !is_users) else {
                check_other(id, flags, place, f);
                continue;
            };
            let (_, wanted, _) = ITEMS[known];
            if len >= wanted as u64 {
                let start = region.start + offset;
                items[known] = read(source, start, wanted)?.map(|value| (start, value));
            }
        }
        for (item, (_, len, name)) in items.iter().zip(ITEMS) {
            if item.is_none() {
                let text = format!("there is no sound item of {len} bytes with the {name}");
                f.add(&rules::METADATA_MISSING, Location::Offset(region.start), text);
            }
        }
        Ok(Self::of(items, f))
    }

    fn of(items: [Item; 5], f: &mut Findings) -> Option<Self> {
        let [parameters, size, page, logical, physical] = items;
        if let Some((at, id)) = page
            && id.iter().all(|byte| *byte == 0)
        {
            f.add(&rules::PAGE_83, Location::Offset(at), "the id of page 0x83 is zero");
        }
        for (at, value) in [&logical, &physical].into_iter().flatten() {
            let value = le32(value, 0);
            if !matches!(value, 512 | 4096) {
                f.add(&rules::SECTOR_SIZE, Location::Offset(*at), format!("a sector has {value} bytes"));
            }
        }
        let ((parameters, values), (at_size, size), (at_logical, logical)) = (parameters?, size?, logical?);
        let (block, flags) = (u64::from(le32(&values, 0)), le32(&values, 4));
        let (size, sector) = (le64(&size, 0), u64::from(le32(&logical, 0)));
        if flags & 2 != 0 {
            f.add(&rules::PARENT, Location::Offset(parameters + 4), "the image has a parent");
        }
        let is_block = block.is_power_of_two() && (MIN_BLOCK..=MAX_BLOCK).contains(&block);
        if !is_block {
            f.add(&rules::BLOCK_SIZE, Location::Offset(parameters), format!("a block has {block} bytes"));
        }
        let is_sector = matches!(sector, 512 | 4096);
        let is_size = size > 0 && size <= MAX_SIZE && (!is_sector || size.is_multiple_of(sector));
        if !is_size {
            f.add(&rules::DISK_SIZE, Location::Offset(at_size), format!("the disk has {size} bytes"));
        } else if !size.is_multiple_of(4096) {
            f.add(&rules::DISK_PAGES, Location::Offset(at_size), format!("the disk has {size} bytes"));
        }
        if sector == 4096 {
            let text = "a logical sector has 4096 bytes";
            f.add(&rules::LARGE_SECTORS, Location::Offset(at_logical), text);
        }
        let is_fixed = flags & 1 != 0;
        let is_sound = is_block && is_sector && size <= MAX_SIZE;
        is_sound.then_some(Self { block, size, sector, is_fixed, parameters })
    }
}

fn check_other(id: &[u8], flags: u32, place: Location, f: &mut Findings) {
    if id == PARENT_LOCATOR && flags & IS_USER == 0 {
        f.add(&rules::PARENT, place, "the metadata name a parent");
    } else if flags & REQUIRED != 0 {
        f.add(&rules::METADATA_UNKNOWN, place, format!("an item of id {id:02x?} is required"));
    }
}

const TABLE: usize = 64 << 10;
const MAX_ENTRIES: u16 = 2047;
const IS_USER: u32 = 1;
const REQUIRED: u32 = 1 << 2;
const MIN_BLOCK: u64 = 1 << 20;
const MAX_BLOCK: u64 = 256 << 20;
const MAX_SIZE: u64 = 64 << 40;
/// Id, bytes and name of the items that every disk has.
const ITEMS: [([u8; 16], usize, &str); 5] = [
    (guid(0xCAA1_6737_FA36_4D43_B3B6_33F0_AA44_E76B), 8, "file parameters"),
    (guid(0x2FA5_4224_CD1B_4876_B211_5DBE_D83B_F4B8), 8, "disk size"),
    (guid(0xBECA_12AB_B2E6_4523_93EF_C309_E000_C746), 16, "page 0x83"),
    (guid(0x8141_BF1D_A96F_4709_BA47_F233_A8FA_AB5F), 4, "logical sector size"),
    (guid(0xCDA3_48C7_445D_4471_9CC9_E988_5251_C556), 4, "physical sector size"),
];
const PARENT_LOCATOR: [u8; 16] = guid(0xA8D3_5F2D_B30B_454D_ABF7_D3D8_4834_AB0C);
