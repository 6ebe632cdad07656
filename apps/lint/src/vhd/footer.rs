use crate::bytes::{be32, be64, slice};
use crate::report::{Findings, Location, shown};
use crate::rules::vhd as rules;

use super::{FOOTER_BYTES, SECTOR, checksum};

/// What the footer says, as far as the rest depends on it.
///
/// # Reference
/// VHD specification 1.0, "Hard Disk Footer Format". Everything is big-endian.
pub(super) struct Footer {
    /// Where the header of a dynamic image stands.
    pub(super) data_offset: u64,
    /// Bytes of the disk.
    pub(super) size: u64,
    pub(super) kind: Kind,
}

/// What kind of image it is.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Fixed,
    Dynamic,
    /// One that does not stand alone.
    Differencing,
    Unknown(u32),
}

impl Footer {
    /// Reads 512 bytes.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let kind = match be32(bytes, 60) {
            2 => Kind::Fixed,
            3 => Kind::Dynamic,
            4 => Kind::Differencing,
            other => Kind::Unknown(other),
        };
        Self { data_offset: be64(bytes, 16), size: be64(bytes, 48), kind }
    }

    /// Checks what every footer has; it stands at `at`.
    pub(super) fn check(&self, bytes: &[u8], at: u64, f: &mut Findings) {
        let place = |field: u64| Location::Offset(at + field);
        let (stored, computed) = (be32(bytes, 64), checksum(bytes, 64));
        if stored != computed {
            let text = format!("the footer's checksum is {stored:#010x}, that of its bytes {computed:#010x}");
            f.add(&rules::FOOTER_CHECKSUM, place(64), text);
        }
        let (features, version) = (be32(bytes, 8), be32(bytes, 12));
        if features & !1 != 2 || version != VERSION {
            let text = format!("the features are {features:#x}, the version is {version:#x}");
            f.add(&rules::VERSION, place(8), text);
        }
        match self.kind {
            Kind::Fixed | Kind::Dynamic => {}
            Kind::Differencing => {
                f.add(&rules::PARENT, place(60), "the image holds the differences from another");
            }
            Kind::Unknown(other) => f.add(&rules::KIND, place(60), format!("the type is {other}")),
        }
        if self.size == 0 || !self.size.is_multiple_of(SECTOR) || self.size > MAX_SIZE {
            f.add(&rules::DISK_SIZE, place(48), format!("the disk has {} bytes", self.size));
        }
        if slice(bytes, 68, 16).iter().all(|byte| *byte == 0) {
            f.add(&rules::UNIQUE_ID, place(68), "the unique id is zero");
        }
        if bytes.get(84).is_some_and(|state| *state != 0) {
            f.add(&rules::SAVED_STATE, place(84), "the disk is marked as part of a saved state");
        }
        self.check_geometry(bytes, at, f);
    }

    /// What readers make of cylinders, heads and sectors.
    fn check_geometry(&self, bytes: &[u8], at: u64, f: &mut Findings) {
        let geometry = be32(bytes, 56);
        let [cylinders, heads, sectors] =
            [geometry >> 16, geometry >> 8 & 0xff, geometry & 0xff].map(u64::from);
        let by_geometry = cylinders * heads * sectors * SECTOR;
        // The largest geometry stands for a disk of any size.
        if by_geometry == LARGEST || !matches!(self.kind, Kind::Fixed | Kind::Dynamic) {
            return;
        }
        let is_missing = by_geometry == 0 && self.size >= SMALLEST;
        if is_missing || by_geometry > self.size {
            let text = format!(
                "the geometry {cylinders}/{heads}/{sectors} holds {by_geometry} bytes, the disk has {}",
                self.size
            );
            f.add(&rules::GEOMETRY, Location::Offset(at + 56), text);
        }
        if by_geometry == self.size || is_missing {
            return;
        }
        let creator = slice(bytes, 28, 4);
        let text = format!(
            "the creator is \"{}\", and of {} bytes the geometry holds {by_geometry}",
            shown(&String::from_utf8_lossy(creator)),
            self.size
        );
        if BY_GEOMETRY.contains(&creator) {
            f.add(&rules::SIZE_BY_GEOMETRY, Location::Offset(at + 28), text);
        } else if !BY_SIZE.contains(&creator) {
            f.add(&rules::CREATOR, Location::Offset(at + 28), text);
        }
    }

    /// What a fixed image has besides; `len` is the file's.
    pub(super) fn check_fixed(&self, at: u64, len: u64, f: &mut Findings) {
        if self.data_offset != u64::MAX {
            let text = format!("the data offset of a fixed image is {:#x}", self.data_offset);
            f.add(&rules::DATA_OFFSET, Location::Offset(at + 16), text);
        }
        if self.size.checked_add(FOOTER_BYTES) != Some(len) {
            let text = format!("the file of a fixed disk of {} bytes has {len}", self.size);
            f.add(&rules::FIXED_LENGTH, Location::Offset(at + 48), text);
        }
        if !self.size.is_multiple_of(MIB) {
            let text = format!("the current size is {} bytes, no multiple of 1 MiB", self.size);
            f.add(&rules::AZURE_ALIGNMENT, Location::Offset(at + 48), text);
        }
        if self.size < AZURE_MINIMUM {
            let text = format!("the disk has {} bytes", self.size);
            f.add(&rules::AZURE_MINIMUM, Location::Offset(at + 48), text);
        }
    }
}

pub(super) const VERSION: u32 = 0x0001_0000;
const MIB: u64 = 1 << 20;
const AZURE_MINIMUM: u64 = 20 * MIB;
const MAX_SIZE: u64 = 2040 << 30;
/// 65535 cylinders of 16 heads and 255 sectors.
const LARGEST: u64 = 65_535 * 16 * 255 * SECTOR;
/// One cylinder of the smallest geometry: 4 heads and 17 sectors.
const SMALLEST: u64 = 4 * 17 * SECTOR;
/// Creators whose sizes QEMU takes from the geometry.
const BY_GEOMETRY: &[&[u8]] = &[b"vpc ", b"qemu"];
/// Creators whose sizes every version of QEMU takes as written.
const BY_SIZE: &[&[u8]] = &[b"win ", b"qem2", b"d2v ", b"tap\0", b"CTXS"];
