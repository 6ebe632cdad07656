#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use crate::partition::SectorSize;
use crate::{Error, ErrorKind, Result};

/// Where the parts of one FAT32 file system stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    pub(super) sector_size: SectorSize,
    pub(super) sectors: u32,
    pub(super) sectors_per_cluster: u8,
    pub(super) reserved_sectors: u16,
    pub(super) table_sectors: u32,
    pub(super) clusters: u32,
}

impl Geometry {
    /// The geometry of a file system of `size` bytes.
    pub(super) fn new(size: u64, sector_size: SectorSize) -> Result<Self> {
        if !sector_size.divides(size) {
            let text = format!("{size} bytes are not whole sectors of {} bytes", sector_size.bytes());
            return Err(Error::new(ErrorKind::InvalidProfile, text));
        }
        let geometry = Self::of(size, sector_size).filter(|geometry| geometry.clusters <= MAXIMUM_CLUSTERS);
        let geometry = geometry.ok_or_else(|| {
            let text = format!("FAT32 ends at 2^32 - 1 sectors, {size} bytes are too many");
            Error::new(ErrorKind::DoesNotFit, text)
        })?;
        if u64::from(geometry.clusters) < MINIMUM_CLUSTERS {
            let least = smallest(sector_size, |_| 0)?;
            let text = format!("FAT32 needs {least} bytes at least, not {size}");
            return Err(Error::new(ErrorKind::DoesNotFit, text));
        }
        Ok(geometry)
    }

    /// The geometry whatever the number of clusters; `None` beyond 32-bit sector numbers.
    fn of(size: u64, sector_size: SectorSize) -> Option<Self> {
        let sectors = u32::try_from(sector_size.sectors(size)).ok()?;
        let sectors_per_cluster = u8::try_from(sector_size.sectors(cluster_size(size, sector_size))).ok()?;
        let per_cluster = u32::from(sectors_per_cluster);

        // The smallest table with an entry for each cluster; it takes sectors from them. Two estimates come from
        // above and below, the rest is a sector or two.
        let clusters_beside = |table_sectors: u32| {
            let data = sectors.saturating_sub(overhead(RESERVED_SECTORS, table_sectors));
            data.checked_div(per_cluster).unwrap_or(0)
        };
        let enough = table_size(clusters_beside(0), sector_size);
        let mut table_sectors = table_size(clusters_beside(enough), sector_size);
        while table_size(clusters_beside(table_sectors), sector_size) > table_sectors {
            table_sectors = table_sectors.saturating_add(1);
        }
        // Clusters stand on whole 4096 bytes where the partition does; the reserved sectors give way.
        let unit = u32::try_from(sector_size.sectors(4096)).ok()?;
        let start = overhead(RESERVED_SECTORS, table_sectors);
        let data_start = start.checked_next_multiple_of(unit)?;
        let padding = u16::try_from(data_start.saturating_sub(start)).ok()?;
        let reserved_sectors = RESERVED_SECTORS.saturating_add(padding);
        let clusters = sectors.saturating_sub(data_start).checked_div(per_cluster)?;
        Some(Self { sector_size, sectors, sectors_per_cluster, reserved_sectors, table_sectors, clusters })
    }

    /// Bytes of a cluster.
    pub(super) fn cluster_size(&self) -> u64 {
        u64::from(self.sectors_per_cluster).saturating_mul(self.sector_size.bytes())
    }

    /// Bytes of a cluster, as a length in memory.
    pub(super) fn cluster_len(&self) -> usize {
        usize::from(self.sectors_per_cluster).saturating_mul(self.sector_size.len())
    }

    /// Where copy 0 or 1 of the table starts: bytes from the start of the file system.
    pub(super) fn table_offset(&self, copy: u32) -> u64 {
        let sector = u32::from(self.reserved_sectors).saturating_add(self.table_sectors.saturating_mul(copy));
        u64::from(sector).saturating_mul(self.sector_size.bytes())
    }

    /// Where the first cluster starts: bytes from the start of the file system.
    pub(super) fn data_offset(&self) -> u64 {
        self.table_offset(2)
    }
}

/// The smallest file system, in whole MiB, that has as many clusters as `needed` says for a cluster size.
pub(super) fn smallest(sector_size: SectorSize, needed: impl Fn(u64) -> u64) -> Result<u64> {
    let mut least = MIB;
    for (limit, _) in CLUSTER_SIZES {
        // Sector numbers have 32 bits.
        let limit = limit.min(sector_size.bytes().saturating_mul(1 << 32).saturating_sub(MIB));
        let cluster_size = cluster_size(limit, sector_size);
        let clusters = needed(cluster_size).max(MINIMUM_CLUSTERS);
        let mut size = size_for(clusters, cluster_size, sector_size).max(least);
        while size <= limit && clusters <= u64::from(MAXIMUM_CLUSTERS) {
            if Geometry::of(size, sector_size).is_some_and(|found| u64::from(found.clusters) >= clusters) {
                return Ok(size);
            }
            size = size.saturating_add(MIB);
        }
        least = limit.saturating_add(MIB);
    }
    Err(Error::new(ErrorKind::DoesNotFit, "the files need more than FAT32 can have"))
}

/// Bytes that so many clusters and their tables take at least, in whole MiB.
fn size_for(clusters: u64, cluster_size: u64, sector_size: SectorSize) -> u64 {
    let reserved = u64::from(RESERVED_SECTORS).saturating_mul(sector_size.bytes());
    let size = clusters.saturating_mul(cluster_size.saturating_add(8)).saturating_add(reserved);
    size.checked_next_multiple_of(MIB).unwrap_or(u64::MAX)
}

fn cluster_size(size: u64, sector_size: SectorSize) -> u64 {
    let band = CLUSTER_SIZES.iter().find(|(limit, _)| size <= *limit);
    band.map_or(32768, |(_, cluster_size)| *cluster_size).max(sector_size.bytes())
}

/// Sectors before the first cluster.
fn overhead(reserved_sectors: u16, table_sectors: u32) -> u32 {
    u32::from(reserved_sectors).saturating_add(table_sectors.saturating_mul(2))
}

/// Sectors of a table for so many clusters.
fn table_size(clusters: u32, sector_size: SectorSize) -> u32 {
    let bytes = u64::from(clusters).saturating_add(2).saturating_mul(4);
    let sectors = sector_size.sectors(bytes.next_multiple_of(sector_size.bytes()));
    u32::try_from(sectors).unwrap_or(u32::MAX)
}

/// The first cluster's number.
pub(super) const FIRST_CLUSTER: u32 = 2;

/// Up to which file system size which cluster size is used, as mkfs.fat and Windows do.
const CLUSTER_SIZES: [(u64, u64); 5] =
    [(260 * MIB, 512), (8 << 30, 4096), (16 << 30, 8192), (32 << 30, 16384), (u64::MAX, 32768)];
const RESERVED_SECTORS: u16 = 32;
/// FAT32 begins at 65 525 clusters; some firmware draws the line a little higher.
const MINIMUM_CLUSTERS: u64 = 65_536 + 16;
const MAXIMUM_CLUSTERS: u32 = 0x0fff_fff5;
const MIB: u64 = 1 << 20;

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::as_conversions, reason = "expectations, not layout")]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_an_entry_for_every_cluster_and_clusters_stand_on_4096_bytes() {
        for sector_size in [SectorSize::Bytes512, SectorSize::Bytes4096] {
            for size in [257, 258, 260, 261, 300, 512, 1024, 8192, 8193, 20_000, 100_000].map(|mib| mib * MIB)
            {
                let geometry = Geometry::new(size, sector_size).unwrap();
                let entries = u64::from(geometry.table_sectors) * sector_size.bytes() / 4;
                assert!(entries >= u64::from(geometry.clusters) + 2, "{geometry:?}");
                assert_eq!(geometry.data_offset() % 4096, 0);
                let end = geometry.data_offset() + u64::from(geometry.clusters) * geometry.cluster_size();
                assert!(end <= size && size - end < geometry.cluster_size(), "{geometry:?}");
            }
        }
    }

    #[test]
    fn a_file_system_below_fat32_is_refused_with_the_least_size() {
        let error = Geometry::new(32 * MIB, SectorSize::Bytes512).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DoesNotFit);
        assert_eq!(error.to_string(), "FAT32 needs 34603008 bytes at least, not 33554432");
        assert!(Geometry::new(33 * MIB, SectorSize::Bytes512).is_ok());
        assert!(Geometry::new(257 * MIB, SectorSize::Bytes4096).is_ok());
        assert!(Geometry::new(256 * MIB, SectorSize::Bytes4096).is_err());
        assert!(Geometry::new(33 * MIB + 100, SectorSize::Bytes512).is_err());
        assert!(Geometry::new(3 << 40, SectorSize::Bytes512).is_err());
        assert!(Geometry::new(u64::MAX - 4095, SectorSize::Bytes4096).is_err());
    }

    #[test]
    fn the_smallest_size_holds_what_it_was_asked_for_and_a_mib_less_does_not() {
        for clusters in [0, 70_000, 500_000, 2_000_000, 2_100_000, 3_000_000, 9_000_000] {
            for sector_size in [SectorSize::Bytes512, SectorSize::Bytes4096] {
                // So many clusters of 4096 bytes.
                let needed = |cluster_size: u64| (clusters * 4096_u64).div_ceil(cluster_size);
                let fits = |size| {
                    Geometry::new(size, sector_size)
                        .is_ok_and(|geometry| u64::from(geometry.clusters) >= needed(geometry.cluster_size()))
                };
                let size = smallest(sector_size, needed).unwrap();
                assert!(fits(size), "{clusters} clusters in {size} bytes");
                assert!(!fits(size - MIB), "{clusters} clusters in less than {size} bytes");
            }
        }
        assert!(smallest(SectorSize::Bytes512, |_| u64::MAX).is_err());
    }
}
