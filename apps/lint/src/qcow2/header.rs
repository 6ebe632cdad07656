use diskwright_core::{ReadAt, Result};

use crate::bytes::{be32, be64, read, read_up_to};
use crate::report::{Findings, Location};
use crate::rules::qcow2 as rules;

/// What the header says, as far as tables and clusters need it.
///
/// # Reference
/// QEMU `docs/interop/qcow2`, "Header".
pub(crate) struct Header {
    pub(crate) version: u32,
    pub(crate) cluster_bits: u32,
    pub(crate) cluster: u64,
    pub(crate) size: u64,
    pub(crate) l1_entries: u64,
    pub(crate) l1: u64,
    pub(crate) refcount_table: u64,
    pub(crate) refcount_clusters: u64,
    pub(crate) refcount_order: u32,
    /// Bytes of an L2 entry.
    pub(crate) entry: u64,
    pub(crate) is_zstd: bool,
    /// Whether the guest's data is in another file.
    pub(crate) is_external: bool,
    /// Whether everything that uses clusters is known here.
    pub(crate) is_countable: bool,
}

impl Header {
    /// Reads and checks the header; nothing if tables cannot be looked for.
    pub(crate) fn read(source: &dyn ReadAt, f: &mut Findings) -> Result<Option<Self>> {
        let Some(bytes) = read(source, 0, V2_LENGTH)? else {
            f.add(&rules::TRUNCATED, Location::Offset(source.size()), "the file ends within its header");
            return Ok(None);
        };
        let version = be32(&bytes, 4);
        if !matches!(version, 2 | 3) {
            f.add(&rules::VERSION, Location::Offset(4), format!("the version is {version}"));
            return Ok(None);
        }
        let bytes = if version == 3 { read_up_to(source, 0, 112)? } else { bytes };
        if version == 3 && bytes.len() < V3_LENGTH {
            f.add(&rules::TRUNCATED, Location::Offset(source.size()), "the file ends within its header");
            return Ok(None);
        }
        let cluster_bits = be32(&bytes, 20);
        if !(9..=21).contains(&cluster_bits) {
            f.add(
                &rules::CLUSTER_BITS,
                Location::Offset(20),
                format!("a cluster has 2^{cluster_bits} bytes"),
            );
            return Ok(None);
        }
        let cluster = 1_u64 << cluster_bits;
        let size = be64(&bytes, 24);
        if size == 0 || !size.is_multiple_of(512) {
            f.add(&rules::SIZE, Location::Offset(24), format!("the disk has {size} bytes"));
        }
        let mut header = Self {
            version,
            cluster_bits,
            cluster,
            size,
            l1_entries: u64::from(be32(&bytes, 36)),
            l1: be64(&bytes, 40),
            refcount_table: be64(&bytes, 48),
            refcount_clusters: u64::from(be32(&bytes, 56)),
            refcount_order: 4,
            entry: 8,
            is_zstd: false,
            is_external: false,
            is_countable: true,
        };
        header.check_company(&bytes, f);
        let mut length = 72;
        if version == 3 {
            length = header.check_version_3(&bytes, f);
        }
        header.check_extensions(source, length, f)?;
        let is_sound = header.check_l1(source.size(), f);
        Ok(is_sound.then_some(header))
    }

    /// Backing file, key and snapshots.
    fn check_company(&mut self, bytes: &[u8], f: &mut Findings) {
        if be64(bytes, 8) != 0 {
            f.add(&rules::BACKING_FILE, Location::Offset(8), "the image has a backing file");
        }
        if be32(bytes, 32) != 0 {
            f.add(&rules::ENCRYPTION, Location::Offset(32), "the image is encrypted");
            self.is_countable = false;
        }
        if be32(bytes, 60) != 0 {
            let text = format!("the image has {} snapshots", be32(bytes, 60));
            f.add(&rules::SNAPSHOTS, Location::Offset(60), text);
            self.is_countable = false;
        }
    }

    /// The fields of version 3; gives the header's length.
    fn check_version_3(&mut self, bytes: &[u8], f: &mut Findings) -> u64 {
        let features = be64(bytes, 72);
        if features & !KNOWN != 0 {
            let text = format!("unknown incompatible features {:#x}", features & !KNOWN);
            f.add(&rules::INCOMPATIBLE, Location::Offset(72), text);
        }
        if features & DIRTY != 0 {
            f.add(&rules::DIRTY, Location::Offset(72), "the image is marked as dirty or corrupt");
        }
        if features & (EXTERNAL | EXTENDED) != 0 {
            let text = "the image has an external data file or extended L2 entries";
            f.add(&rules::UNUSUAL, Location::Offset(72), text);
        }
        self.is_external = features & EXTERNAL != 0;
        self.entry = if features & EXTENDED == 0 { 8 } else { 16 };
        self.refcount_order = be32(bytes, 96);
        if self.refcount_order > 6 {
            let text = format!("a refcount has 2^{} bits", self.refcount_order);
            f.add(&rules::REFCOUNT_ORDER, Location::Offset(96), text);
            self.refcount_order = 4;
            self.is_countable = false;
        }
        let length = u64::from(be32(bytes, 100));
        if length < 104 || length % 8 != 0 || length > self.cluster {
            f.add(&rules::HEADER_LENGTH, Location::Offset(100), format!("the header has {length} bytes"));
        }
        let kind = if length > 104 { bytes.get(104).copied().unwrap_or(0) } else { 0 };
        self.is_zstd = kind == 1;
        if (kind != 0) != (features & COMPRESSION != 0) || kind > 1 {
            let text = format!("the compression type is {kind}, the incompatible features {features:#x}");
            f.add(&rules::COMPRESSION_TYPE, Location::Offset(104), text);
        }
        if self.is_zstd {
            f.add(&rules::ZSTD, Location::Offset(104), "clusters are compressed in zstd");
        }
        length
    }

    fn check_extensions(&mut self, source: &dyn ReadAt, start: u64, f: &mut Findings) -> Result<()> {
        let mut at = start;
        loop {
            let head = if at + 8 <= self.cluster { read(source, at, 8)? } else { None };
            let Some(head) = head else {
                let text = "the header's extensions do not end within the first cluster";
                f.add(&rules::EXTENSIONS, Location::Offset(at), text);
                return Ok(());
            };
            match be32(&head, 0) {
                0 => return Ok(()),
                // Bitmaps and the keys of LUKS have clusters of their own.
                BITMAPS | LUKS => self.is_countable = false,
                _ => {}
            }
            at = at.saturating_add(8 + u64::from(be32(&head, 4)).next_multiple_of(8));
        }
    }

    fn check_l1(&self, size: u64, f: &mut Findings) -> bool {
        let needed = self.size.div_ceil(self.cluster).div_ceil(self.entries());
        let end = self.l1.checked_add(self.l1_entries * 8);
        let is_inside =
            self.l1 != 0 && self.l1.is_multiple_of(self.cluster) && end.is_some_and(|end| end <= size);
        if !is_inside || self.l1_entries < needed || self.l1_entries > MAX_L1 {
            let text = format!("the L1 table has {} of {needed} entries at {:#x}", self.l1_entries, self.l1);
            f.add(&rules::L1_TABLE, Location::Offset(36), text);
        }
        is_inside && self.l1_entries <= MAX_L1
    }

    /// Entries of an L2 table.
    pub(crate) fn entries(&self) -> u64 {
        self.cluster / self.entry
    }
}

const V2_LENGTH: usize = 72;
const V3_LENGTH: usize = 104;
const DIRTY: u64 = 3;
const EXTERNAL: u64 = 1 << 2;
const COMPRESSION: u64 = 1 << 3;
const EXTENDED: u64 = 1 << 4;
const KNOWN: u64 = 0x1f;
const BITMAPS: u32 = 0x2385_2875;
const LUKS: u32 = 0x0537_be77;
/// 32 MiB, as in QEMU.
const MAX_L1: u64 = 4 << 20;
