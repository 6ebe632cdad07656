use diskwright_core::Result;

use crate::bytes::{array, first_difference, hex, len, len64, put, u16_le, u32_le};
use crate::disk::{Disk, expect_zeros, read};
use crate::finding::Findings;
use crate::report::{FileSystemRecord, PartitionRecord};
use crate::runs::Runs;

/// Where the parts of a volume stand, in bytes from its start.
#[derive(Clone, Debug)]
pub(super) struct Geometry {
    sector: u64,
    reserved: u64,
    pub(super) table_size: u64,
    pub(super) data_start: u64,
    pub(super) cluster_size: u64,
    pub(super) clusters: u64,
}

impl Geometry {
    /// Reads and checks the boot sector, its copy and what is reserved; `None`, with a finding, when nothing behind it can
    /// be understood.
    ///
    /// # Reference
    /// FAT overview 1.03, "Boot Sector and BPB".
    pub(super) fn read(
        disk: &dyn Disk,
        partition: &PartitionRecord,
        record: &FileSystemRecord,
        sector: u64,
        findings: &mut Findings,
    ) -> Result<Option<Self>> {
        let start = partition.start;
        if partition.size < 64 * sector {
            findings.add("fat-boot", BOOT, Some(start), "64 sectors", format!("{} bytes", partition.size));
            return Ok(None);
        }
        let found = read(disk, start, len(sector))?;
        let copy = read(disk, start.saturating_add(6 * sector), len(sector))?;
        if let Some(at) = first_difference(&copy, &found) {
            let place = start.saturating_add(6 * sector).saturating_add(len64(at));
            let shown = |bytes: &[u8]| hex(bytes.get(at..at + 1).unwrap_or_default());
            findings.add("fat-boot", "copy of the boot sector", Some(place), shown(&found), shown(&copy));
        }
        let sectors = partition.size / sector;
        let expected = boot_sector(partition, record, sector, &found);
        if let Some(at) = first_difference(&found, &expected) {
            let shown = |bytes: &[u8]| hex(bytes.get(at..(at + 4).min(bytes.len())).unwrap_or_default());
            findings.add(
                "fat-boot",
                BOOT,
                Some(start.saturating_add(len64(at))),
                shown(&expected),
                shown(&found),
            );
        }
        let per_cluster = u64::from(found.get(13).copied().unwrap_or(0));
        let reserved = u64::from(u16_le(&found, 14));
        let table_sectors = u64::from(u32_le(&found, 36));
        let data = reserved.saturating_add(table_sectors.saturating_mul(2));
        let clusters = sectors.saturating_sub(data).checked_div(per_cluster).unwrap_or(0);
        let fits = table_sectors.saturating_mul(sector) / 4 >= clusters.saturating_add(2);
        if !per_cluster.is_power_of_two()
            || reserved < 32
            || !(65_525..0x0fff_fff5).contains(&clusters)
            || !fits
        {
            let found = format!(
                "{reserved} reserved, {table_sectors} of the FAT, {clusters} clusters of {per_cluster} sectors"
            );
            findings.add("fat-boot", BOOT, Some(start), "a volume of FAT32", found);
            return Ok(None);
        }
        let geometry = Self {
            sector,
            reserved: reserved.saturating_mul(sector),
            table_size: table_sectors.saturating_mul(sector),
            data_start: data.saturating_mul(sector),
            cluster_size: per_cluster.saturating_mul(sector),
            clusters,
        };
        Ok(Some(geometry))
    }

    /// Where copy 0 or 1 of the table starts.
    pub(super) fn table_start(&self, copy: u64) -> u64 {
        self.reserved.saturating_add(self.table_size.saturating_mul(copy))
    }

    /// FSInfo and its copy, and the other reserved sectors.
    ///
    /// # Reference
    /// FAT overview 1.03, "FAT32 FSInfo Sector Structure".
    pub(super) fn check_information(
        &self,
        disk: &dyn Disk,
        start: u64,
        used: &Runs,
        findings: &mut Findings,
    ) -> Result<()> {
        let end = self.clusters.saturating_add(2);
        let word = |number: u64| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
        let free = self.clusters.saturating_sub(used.count(2, end));
        let last = used.within(2, end).last().map_or(1, |(_, to)| to - 1);
        let mut expected = vec![0; len(self.sector)];
        put(&mut expected, 0, b"RRaA");
        put(&mut expected, 484, b"rrAa");
        put(&mut expected, 488, &word(free));
        put(&mut expected, 492, &word(last));
        let mut third = vec![0; len(self.sector)];
        for sector in [&mut expected, &mut third] {
            put(sector, 510, &[0x55, 0xaa]);
        }
        for (number, wanted, name) in [
            (1, &expected, "FSInfo"),
            (2, &third, "third boot sector"),
            (7, &expected, "copy of FSInfo"),
            (8, &third, "copy of the third boot sector"),
        ] {
            let at = start.saturating_add(number * self.sector);
            let found = read(disk, at, len(self.sector))?;
            if let Some(wrong) = first_difference(&found, wanted) {
                let shown =
                    |bytes: &[u8]| hex(bytes.get(wrong..(wrong + 4).min(bytes.len())).unwrap_or_default());
                findings.add(
                    "fat-boot",
                    name,
                    Some(at.saturating_add(len64(wrong))),
                    shown(wanted),
                    shown(&found),
                );
            }
        }
        for (from, to) in [(3 * self.sector, 6 * self.sector), (9 * self.sector, self.reserved)] {
            let (from, to) = (start.saturating_add(from), start.saturating_add(to));
            expect_zeros(disk, from, to, ("fat-boot", "reserved sectors"), findings)?;
        }
        Ok(())
    }
}

/// The boot sector with those fields as found that nothing else tells: sectors of a cluster, of the reserve, of a table.
fn boot_sector(partition: &PartitionRecord, record: &FileSystemRecord, sector: u64, found: &[u8]) -> Vec<u8> {
    let mut to = vec![0; found.len()];
    let word = |number: u64| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
    let half = |number: u64| array::<2>(&number.to_le_bytes(), 0);
    put(&mut to, 0, b"\xeb\x58\x90MSWIN4.1");
    put(&mut to, 11, &half(sector));
    put(&mut to, 13, found.get(13..16).unwrap_or_default());
    put(&mut to, 16, &[2]);
    put(&mut to, 21, &[0xf8]);
    put(&mut to, 24, &[63, 0, 255, 0]);
    put(&mut to, 28, &word(partition.start / sector));
    put(&mut to, 32, &word(partition.size / sector));
    put(&mut to, 36, found.get(36..40).unwrap_or_default());
    put(&mut to, 44, &[2, 0, 0, 0, 1, 0, 6, 0]);
    put(&mut to, 64, &[0x80, 0, 0x29]);
    let id = record.uuid.replace('-', "");
    put(&mut to, 67, &u32::from_str_radix(&id, 16).unwrap_or(0).to_le_bytes());
    put(&mut to, 71, &label(&record.label));
    put(&mut to, 82, b"FAT32   \xf4\xeb\xfd");
    put(&mut to, 510, &[0x55, 0xaa]);
    to
}

/// Eleven bytes of a label, filled up with spaces.
pub(super) fn label(text: &str) -> [u8; 11] {
    let mut label = [b' '; 11];
    put(&mut label, 0, if text.is_empty() { b"NO NAME" } else { text.as_bytes() });
    label
}

const BOOT: &str = "FAT32 boot sector";
