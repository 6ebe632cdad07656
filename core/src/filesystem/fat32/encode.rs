#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use super::contents::{Contents, DirectoryEntry, Target};
use super::geometry::Geometry;
use super::name::UNITS_PER_SLOT;
use super::time::FatTime;
use super::{Fat32Content, Fat32Options};
use crate::{Error, ErrorKind, Result, Timestamp};

/// What the boot sector says of a volume beside its geometry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Volume {
    label: [u8; 11],
    volume_id: u32,
    hidden_sectors: u32,
}

impl Volume {
    pub(super) fn new(options: &Fat32Options) -> Result<Self> {
        let bytes = options.label.as_bytes();
        let is_bad = |byte: &u8| !(0x20..0x7f).contains(byte) || b"\"*+,./:;<=>?[\\]|".contains(byte);
        if bytes.len() > 11
            || bytes.iter().any(is_bad)
            || bytes.iter().any(u8::is_ascii_lowercase)
            || bytes.starts_with(b" ")
            || bytes.ends_with(b" ")
        {
            let text = format!(
                "{:?} is not a FAT label: at most 11 upper-case ASCII characters without \"*+,./:;<=>?[\\]|",
                options.label
            );
            return Err(Error::new(ErrorKind::InvalidProfile, text).with_field("label"));
        }
        let shown = if bytes.is_empty() { b"NO NAME" } else { bytes };
        let mut label = [b' '; 11];
        for (to, from) in label.iter_mut().zip(shown) {
            *to = *from;
        }
        Ok(Self { label, volume_id: options.volume_id, hidden_sectors: options.hidden_sectors })
    }

    /// Eleven bytes, padded with spaces.
    pub(super) fn label(&self) -> [u8; 11] {
        self.label
    }

    /// Sectors 0 to 8: boot sector, FSInfo, the end of the boot code, three sectors unused, and the first three again.
    pub(super) fn boot_sectors(&self, geometry: &Geometry, free: u32, last_used: u32) -> Vec<u8> {
        let sector = geometry.sector_size.len();
        let mut first = signed(self.boot_sector(geometry), sector);
        first.extend_from_slice(&signed(information(free, last_used), sector));
        first.extend_from_slice(&signed(Vec::new(), sector));
        let mut bytes = first.clone();
        bytes.resize(sector.saturating_mul(6), 0);
        bytes.extend_from_slice(&first);
        bytes
    }

    /// The boot sector up to its signature.
    ///
    /// # Reference
    /// FAT overview 1.03, "Boot Sector and BPB", "FAT32 Structure Starting at Offset 36".
    fn boot_sector(&self, geometry: &Geometry) -> Vec<u8> {
        let sector_size = u16::try_from(geometry.sector_size.bytes()).unwrap_or(0);
        let mut bytes = Vec::from(*b"\xeb\x58\x90MSWIN4.1"); // BS_jmpBoot, BS_OEMName
        bytes.extend_from_slice(&sector_size.to_le_bytes()); // BPB_BytsPerSec
        bytes.push(geometry.sectors_per_cluster); // BPB_SecPerClus
        bytes.extend_from_slice(&geometry.reserved_sectors.to_le_bytes()); // BPB_RsvdSecCnt
        bytes.push(2); // BPB_NumFATs
        bytes.extend_from_slice(&[0; 4]); // BPB_RootEntCnt, BPB_TotSec16
        bytes.push(0xf8); // BPB_Media
        bytes.extend_from_slice(&[0; 2]); // BPB_FATSz16
        bytes.extend_from_slice(&63_u16.to_le_bytes()); // BPB_SecPerTrk
        bytes.extend_from_slice(&255_u16.to_le_bytes()); // BPB_NumHeads
        bytes.extend_from_slice(&self.hidden_sectors.to_le_bytes()); // BPB_HiddSec
        bytes.extend_from_slice(&geometry.sectors.to_le_bytes()); // BPB_TotSec32
        bytes.extend_from_slice(&geometry.table_sectors.to_le_bytes()); // BPB_FATSz32
        bytes.extend_from_slice(&[0; 4]); // BPB_ExtFlags: both tables kept equal, BPB_FSVer
        bytes.extend_from_slice(&2_u32.to_le_bytes()); // BPB_RootClus
        bytes.extend_from_slice(&1_u16.to_le_bytes()); // BPB_FSInfo
        bytes.extend_from_slice(&6_u16.to_le_bytes()); // BPB_BkBootSec
        bytes.extend_from_slice(&[0; 12]); // BPB_Reserved
        bytes.extend_from_slice(&[0x80, 0, 0x29]); // BS_DrvNum, BS_Reserved1, BS_BootSig
        bytes.extend_from_slice(&self.volume_id.to_le_bytes()); // BS_VolID
        bytes.extend_from_slice(&self.label); // BS_VolLab
        bytes.extend_from_slice(b"FAT32   "); // BS_FilSysType
        bytes.extend_from_slice(b"\xf4\xeb\xfd"); // boot code: hlt; jmp to it
        bytes
    }
}

/// Where directories and files start: their first clusters.
pub(super) struct Starts<'a> {
    pub(super) directories: &'a [u32],
    pub(super) files: &'a [u32],
}

/// The entries of one directory.
pub(super) fn directory(
    contents: &Contents,
    index: usize,
    starts: &Starts<'_>,
    label: [u8; 11],
    created: Timestamp,
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let Some(directory) = contents.directories().get(index) else { return bytes };
    let first_cluster = |index: usize| starts.directories.get(index).copied().unwrap_or(0);
    let entry = |attributes: u8, modified: Option<Timestamp>| ShortEntry {
        name: [b' '; 11],
        attributes,
        case: 0,
        created: FatTime::new(created),
        modified: FatTime::new(modified.unwrap_or(created)),
        first_cluster: 0,
        size: 0,
    };
    if index == 0 {
        if contents.has_label() {
            bytes.extend_from_slice(&ShortEntry { name: label, ..entry(ATTRIBUTE_LABEL, None) }.bytes());
        }
    } else {
        // The root is called cluster 0 here.
        let parent = if directory.parent == 0 { 0 } else { first_cluster(directory.parent) };
        for (name, first_cluster) in [(*b".          ", first_cluster(index)), (*b"..         ", parent)] {
            let own = entry(ATTRIBUTE_DIRECTORY, directory.modified);
            bytes.extend_from_slice(&ShortEntry { name, first_cluster, ..own }.bytes());
        }
    }
    for item in &directory.entries {
        long_slots(contents.name(item), item, &mut bytes);
        let (name, case) = (item.short.bytes, item.short.case);
        let stored = match item.target {
            Target::Directory(index) => {
                let modified = contents.directories().get(index).and_then(|directory| directory.modified);
                let first_cluster = first_cluster(index);
                ShortEntry { name, case, first_cluster, ..entry(ATTRIBUTE_DIRECTORY, modified) }
            }
            Target::File(index) => {
                let file = contents.files().get(index);
                let size = file.map_or(0, |file| Fat32Content::size(&file.content));
                let size = u32::try_from(size).unwrap_or(u32::MAX);
                let first_cluster = starts.files.get(index).copied().unwrap_or(0);
                let of_file = entry(ATTRIBUTE_ARCHIVE, file.map(|file| file.modified));
                ShortEntry { name, case, first_cluster, size, ..of_file }
            }
        };
        bytes.extend_from_slice(&stored.bytes());
    }
    bytes
}

/// FSInfo up to its signature.
///
/// # Reference
/// FAT overview 1.03, "FAT32 FSInfo Sector Structure".
fn information(free: u32, last_used: u32) -> Vec<u8> {
    let mut bytes = Vec::from(*b"RRaA"); // FSI_LeadSig
    bytes.resize(0x1e4, 0);
    bytes.extend_from_slice(b"rrAa"); // FSI_StrucSig
    bytes.extend_from_slice(&free.to_le_bytes()); // FSI_Free_Count
    bytes.extend_from_slice(&last_used.to_le_bytes()); // FSI_Nxt_Free: where drivers go on
    bytes
}

/// A whole sector with 55 AA at byte 510.
fn signed(mut bytes: Vec<u8>, sector: usize) -> Vec<u8> {
    bytes.resize(510, 0);
    bytes.extend_from_slice(&[0x55, 0xaa]);
    bytes.resize(sector, 0);
    bytes
}

/// A directory entry with a short name.
struct ShortEntry {
    name: [u8; 11],
    attributes: u8,
    case: u8,
    created: FatTime,
    modified: FatTime,
    first_cluster: u32,
    size: u32,
}

impl ShortEntry {
    /// # Reference
    /// FAT overview 1.03, "FAT 32 Byte Directory Entry Structure".
    fn bytes(&self) -> Vec<u8> {
        let [low0, low1, high0, high1] = self.first_cluster.to_le_bytes();
        let mut bytes = Vec::from(self.name); // DIR_Name
        bytes.extend_from_slice(&[self.attributes, self.case]); // DIR_Attr, DIR_NTRes
        bytes.push(self.created.hundredths); // DIR_CrtTimeTenth
        bytes.extend_from_slice(&self.created.time.to_le_bytes()); // DIR_CrtTime
        bytes.extend_from_slice(&self.created.date.to_le_bytes()); // DIR_CrtDate
        bytes.extend_from_slice(&self.modified.date.to_le_bytes()); // DIR_LstAccDate
        bytes.extend_from_slice(&[high0, high1]); // DIR_FstClusHI
        bytes.extend_from_slice(&self.modified.time.to_le_bytes()); // DIR_WrtTime
        bytes.extend_from_slice(&self.modified.date.to_le_bytes()); // DIR_WrtDate
        bytes.extend_from_slice(&[low0, low1]); // DIR_FstClusLO
        bytes.extend_from_slice(&self.size.to_le_bytes()); // DIR_FileSize
        bytes
    }
}

/// The slots of a long name, its last part first.
///
/// # Reference
/// FAT overview 1.03, "FAT Long Directory Entries".
fn long_slots(name: &str, entry: &DirectoryEntry, bytes: &mut Vec<u8>) {
    let checksum = entry.short.bytes.iter().fold(0_u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte));
    let units: Vec<u16> = name.encode_utf16().collect();
    let slots = entry.short.long_slots;
    for (part, ordinal) in units.chunks(UNITS_PER_SLOT).zip(1..=slots).rev() {
        let last = if ordinal == slots { LAST_SLOT } else { 0 };
        // A NUL ends the name where the slot has room, then all bits set.
        let fill = std::iter::once(0).chain(std::iter::repeat(0xffff));
        let padded: Vec<u8> =
            part.iter().copied().chain(fill).take(UNITS_PER_SLOT).flat_map(u16::to_le_bytes).collect();
        let (first, rest) = padded.split_at(10);
        let (second, third) = rest.split_at(12);
        bytes.push(ordinal | last); // LDIR_Ord
        bytes.extend_from_slice(first); // LDIR_Name1
        bytes.extend_from_slice(&[ATTRIBUTE_LONG_NAME, 0, checksum]); // LDIR_Attr, LDIR_Type, LDIR_Chksum
        bytes.extend_from_slice(second); // LDIR_Name2
        bytes.extend_from_slice(&[0; 2]); // LDIR_FstClusLO
        bytes.extend_from_slice(third); // LDIR_Name3
    }
}

const ATTRIBUTE_LABEL: u8 = 0x08;
const ATTRIBUTE_LONG_NAME: u8 = 0x0f;
const ATTRIBUTE_DIRECTORY: u8 = 0x10;
const ATTRIBUTE_ARCHIVE: u8 = 0x20;
const LAST_SLOT: u8 = 0x40;
