use crate::bytes::{le16, le32, le64, slice};
use crate::report::{Findings, Location};
use crate::rules::vmdk as rules;

use super::SECTOR_BYTES;

/// A sparse extent's header or footer; places and sizes are in sectors.
///
/// # Reference
/// Virtual Disk Format 5.0, "Hosted sparse extent header".
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) magic: u32,
    pub(crate) version: u32,
    pub(crate) flags: u32,
    pub(crate) capacity: u64,
    pub(crate) grain: u64,
    pub(crate) descriptor: u64,
    pub(crate) descriptor_sectors: u64,
    pub(crate) table_entries: u32,
    pub(crate) redundant_directory: u64,
    pub(crate) directory: u64,
    pub(crate) overhead: u64,
    newline_test: Vec<u8>,
    compression: u16,
}

impl Header {
    /// Reads 512 bytes.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        Self {
            magic: le32(bytes, 0),
            version: le32(bytes, 4),
            flags: le32(bytes, 8),
            capacity: le64(bytes, 12),
            grain: le64(bytes, 20),
            descriptor: le64(bytes, 28),
            descriptor_sectors: le64(bytes, 36),
            table_entries: le32(bytes, 44),
            redundant_directory: le64(bytes, 48),
            directory: le64(bytes, 56),
            overhead: le64(bytes, 64),
            newline_test: slice(bytes, 73, 4).to_vec(),
            compression: le16(bytes, 77),
        }
    }

    /// Checks every field, placed in the file at `at`; false if grains cannot be looked for.
    pub(crate) fn check(&self, at: u64, size: u64, f: &mut Findings) -> bool {
        let place = |field: u64| Location::Offset(at + field);
        let expected = if self.is_compressed() { 3 } else { 1 };
        if self.version != expected {
            let text = format!("the version is {}, not {expected}", self.version);
            f.add(&rules::HEADER_VERSION, place(4), text);
        }
        let markers = self.flags & FLAG_MARKERS != 0;
        let has_algorithm = self.compression == 1;
        if self.flags & !KNOWN_FLAGS != 0 || markers != self.is_compressed() || has_algorithm != markers {
            let text = format!("the flags are {:#x} with compression {}", self.flags, self.compression);
            f.add(&rules::FLAGS, place(8), text);
        }
        if self.flags & 1 == 0 || self.newline_test != NEWLINE_TEST {
            let text = format!("the newline test is {:02x?}, with bit 0 of the flags", self.newline_test);
            f.add(&rules::NEWLINE_TEST, place(73), text);
        }
        let mut is_sound = true;
        if !self.grain.is_power_of_two() || !(8..=128).contains(&self.grain) {
            f.add(&rules::GRAIN_SIZE, place(20), format!("a grain has {} sectors", self.grain));
            is_sound = false;
        }
        if self.table_entries != 512 {
            f.add(&rules::TABLE_ENTRIES, place(44), format!("a table has {} entries", self.table_entries));
            is_sound = false;
        }
        if self.capacity == 0 || (is_sound && !self.capacity.is_multiple_of(self.grain)) {
            let text = format!("{} sectors are no whole number of grains", self.capacity);
            f.add(&rules::CAPACITY, place(12), text);
        }
        if self.overhead == 0 || self.overhead.saturating_mul(SECTOR_BYTES) > size {
            let text = format!("the overhead is {} sectors in a file of {size} bytes", self.overhead);
            f.add(&rules::OVERHEAD, place(64), text);
            is_sound = false;
        }
        is_sound
    }

    /// Whether grains are compressed.
    pub(crate) fn is_compressed(&self) -> bool {
        self.flags & FLAG_COMPRESSED != 0
    }

    /// Whether it names a second grain directory.
    pub(crate) fn is_redundant(&self) -> bool {
        self.flags & FLAG_REDUNDANT != 0
    }

    /// Whether the grain directory is to be looked for through the footer.
    pub(crate) fn has_footer(&self) -> bool {
        self.directory == AT_END
    }

    /// Bytes of a grain; at most 64 KiB in a sound header.
    pub(crate) fn grain_bytes(&self) -> u64 {
        self.grain.saturating_mul(SECTOR_BYTES)
    }

    /// The number of grains.
    pub(crate) fn grains(&self) -> u64 {
        self.capacity.div_ceil(self.grain.max(1))
    }

    /// The number of grain tables.
    pub(crate) fn tables(&self) -> u64 {
        self.grains().div_ceil(u64::from(self.table_entries.max(1)))
    }

    /// Checks that `footer` repeats this header.
    pub(crate) fn check_footer(&self, footer: &Header, at: u64, f: &mut Findings) {
        let expected = Header { directory: footer.directory, ..self.clone() };
        if expected != *footer || footer.has_footer() {
            f.add(&rules::HEADER_FOOTER, Location::Offset(at), "the footer differs from the header");
        }
    }
}

const AT_END: u64 = u64::MAX;
const NEWLINE_TEST: &[u8] = b"\n \r\n";
const FLAG_REDUNDANT: u32 = 1 << 1;
const FLAG_COMPRESSED: u32 = 1 << 16;
const FLAG_MARKERS: u32 = 1 << 17;
/// Bit 2 (zeroed grains) needs version 2, which VirtualBox refuses.
const KNOWN_FLAGS: u32 = 1 | FLAG_REDUNDANT | FLAG_COMPRESSED | FLAG_MARKERS;
