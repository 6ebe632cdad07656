#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

/// Size of a cluster as a power of two: 12 (4 KiB) to 21 (2 MiB); default 16 (64 KiB).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClusterBits(u8);

impl ClusterBits {
    /// `None` for what is out of range.
    pub fn new(bits: u8) -> Option<Self> {
        (12..=21).contains(&bits).then_some(Self(bits))
    }

    /// `None` for a size in bytes that is no power of two from 4 KiB to 2 MiB.
    pub fn from_size(size: u64) -> Option<Self> {
        let bits = u8::try_from(size.trailing_zeros()).ok()?;
        size.is_power_of_two().then(|| Self::new(bits)).flatten()
    }

    /// The power of two.
    pub fn get(self) -> u32 {
        u32::from(self.0)
    }

    /// Bytes of a cluster.
    pub fn size(self) -> u64 {
        // OK to wrap: the shift is at most 21.
        1_u64.wrapping_shl(self.get())
    }

    /// The number of the cluster that holds byte `offset`.
    pub(crate) fn of(self, offset: u64) -> u64 {
        offset.wrapping_shr(self.get())
    }

    /// Clusters that `len` bytes take.
    pub(crate) fn count(self, len: u64) -> u64 {
        len.div_ceil(self.size())
    }

    /// Where cluster `number` starts; the largest offset when there is none.
    pub(crate) fn start(self, number: u64) -> u64 {
        number.saturating_mul(self.size())
    }

    /// Entries of 64 bits in a cluster: those of an L2 table, and of one cluster of L1 or refcount table.
    pub(crate) fn table_entries(self) -> u64 {
        self.size().wrapping_shr(3)
    }

    /// Refcounts of 16 bits in a cluster: those of a refcount block.
    pub(crate) fn block_entries(self) -> u64 {
        self.size().wrapping_shr(1)
    }

    /// Bits of the host offset in the descriptor of a compressed cluster: `x` of the specification.
    pub(crate) fn offset_bits(self) -> u32 {
        70_u32.saturating_sub(self.get())
    }
}

impl Default for ClusterBits {
    fn default() -> Self {
        Self(16)
    }
}

/// The L1 entry of an L2 table, or the L2 entry of a stored cluster, at host `offset`, used once.
///
/// # Reference
/// QEMU `docs/interop/qcow2`, "Cluster mapping": bit 63 says that the refcount is exactly one.
pub(crate) fn used_once(offset: u64) -> u64 {
    offset | USED_ONCE
}

/// The L2 entry of `len` (at least 1) bytes of compressed data at host `offset`, any byte.
///
/// # Reference
/// QEMU `docs/interop/qcow2`, "Compressed Clusters Descriptor": bit 62 set, from bit x the number of further sectors.
pub(crate) fn compressed(bits: ClusterBits, offset: u64, len: u64) -> u64 {
    let last = offset.saturating_add(len).saturating_sub(1);
    let further = last.wrapping_shr(9).saturating_sub(offset.wrapping_shr(9));
    COMPRESSED | further.wrapping_shl(bits.offset_bits()) | offset
}

const USED_ONCE: u64 = 1 << 63;
const COMPRESSED: u64 = 1 << 62;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_counts_the_sectors_after_the_first() {
        let bits = ClusterBits::default();
        assert_eq!(compressed(bits, 0x1_0000, 1), 0x4000_0000_0001_0000);
        assert_eq!(compressed(bits, 0x1_0000, 512), 0x4000_0000_0001_0000);
        assert_eq!(compressed(bits, 0x1_0000, 513), 0x4040_0000_0001_0000);
        // One byte in each of two sectors.
        assert_eq!(compressed(bits, 0x1_01ff, 2), 0x4040_0000_0001_01ff);
        // The largest: 65 535 bytes from the last byte of a sector reach 128 further sectors.
        assert_eq!(compressed(bits, 0x1_01ff, 65_535), 0x6000_0000_0001_01ff);
    }

    #[test]
    fn the_sector_count_moves_with_the_cluster_size() {
        let largest = ClusterBits::new(21).unwrap();
        assert_eq!(largest.offset_bits(), 49);
        assert_eq!(compressed(largest, 0x20_0000, 513), 0x4002_0000_0020_0000);
        assert_eq!(ClusterBits::new(12).unwrap().offset_bits(), 58);
        assert_eq!(compressed(ClusterBits::new(12).unwrap(), 0x1000, 513), 0x4400_0000_0000_1000);
    }

    #[test]
    fn only_clusters_from_4_kib_to_2_mib_exist() {
        assert_eq!(ClusterBits::from_size(65_536), Some(ClusterBits::default()));
        for wrong in [0, 512, 2048, 65_535, 4 << 20, u64::MAX] {
            assert_eq!(ClusterBits::from_size(wrong), None, "{wrong}");
        }
        assert!(ClusterBits::new(11).is_none() && ClusterBits::new(22).is_none());
    }
}
