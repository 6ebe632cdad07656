//! FAT32 as Diskwright writes it, read again by code of its own.
//!
//! # Reference
//! Microsoft, "FAT: General Overview of On-Disk Format", version 1.03.

mod boot;
mod directory;
mod table;
mod time;

use std::collections::BTreeMap;

use diskwright_core::Result;

use crate::bytes::len64;
use crate::disk::{Disk, expect_zeros};
use crate::expect::{Content, compare_content};
use crate::finding::Findings;
use crate::report::{FileSystemRecord, PartitionRecord};
use crate::runs::Runs;
use boot::Geometry;
use table::{Chain, Table};

/// A file or directory that should be there, by its path without leading slash.
pub(crate) type FatFiles = BTreeMap<Vec<u8>, FatFile>;

/// What a file or directory should be.
#[derive(Clone, Debug)]
pub(crate) struct FatFile {
    /// Bytes of a file; `None` for a directory.
    pub(crate) size: Option<u64>,
    /// Seconds and nanoseconds.
    pub(crate) mtime: (i64, u32),
    pub(crate) content: Content,
}

/// A volume that is being read.
struct Volume<'a> {
    disk: &'a dyn Disk,
    start: u64,
    geometry: Geometry,
    label: &'a str,
    timestamp: i64,
    /// What should be there; what came is taken out. `None` where nothing is known.
    files: Option<FatFiles>,
    clusters: Runs,
}

/// Checks a volume, and its tree against `files`, if they are known.
///
/// # Errors
/// `ErrorKind::Source` when the disk or the scan cannot be read.
pub(crate) fn check(
    disk: &dyn Disk,
    partition: &PartitionRecord,
    record: &FileSystemRecord,
    (sector_size, timestamp): (u64, i64),
    files: Option<FatFiles>,
    findings: &mut Findings,
) -> Result<()> {
    let Some(geometry) = Geometry::read(disk, partition, record, sector_size, findings)? else {
        return Ok(());
    };
    let (start, label) = (partition.start, record.label.as_str());
    let mut volume = Volume { disk, start, geometry, label, timestamp, files, clusters: Runs::default() };
    volume.walk(findings)?;
    findings.path = None;
    for (path, file) in volume.files.take().into_iter().flatten() {
        findings.path = Some(path);
        let what = file.size.map_or("a directory".to_owned(), |size| format!("a file of {size} bytes"));
        findings.entry("missing-entry", what, "nothing");
    }
    findings.path = None;
    volume.check_free(partition, findings)?;
    volume.geometry.check_information(disk, start, &volume.clusters, findings)
}

impl Volume<'_> {
    /// Where a cluster starts on the disk.
    fn offset(&self, cluster: u64) -> u64 {
        let data = self.start.saturating_add(self.geometry.data_start);
        data.saturating_add(cluster.saturating_sub(2).saturating_mul(self.geometry.cluster_size))
    }

    /// The clusters of a file or directory, which are taken. 0 is none.
    fn chain(&mut self, first: u64, structure: &str, findings: &mut Findings) -> Result<Chain> {
        let mut table = Table::new(self.disk, self.start.saturating_add(self.geometry.table_start(0)));
        table.chain(first, self.geometry.clusters.saturating_add(2), &mut self.clusters, structure, findings)
    }

    /// Content against what it should be; what follows in the last cluster is zero.
    fn check_file(
        &self,
        chain: &Chain,
        size: u64,
        expected: Option<&Content>,
        findings: &mut Findings,
    ) -> Result<()> {
        let clusters = size.div_ceil(self.geometry.cluster_size);
        if chain.clusters() != clusters {
            let found = format!("{} clusters", chain.clusters());
            findings.add("fat-chain", "clusters of a file", None, format!("{clusters} clusters"), found);
            return Ok(());
        }
        let content = table::FileContent {
            disk: self.disk,
            data: self.offset(2),
            cluster: self.geometry.cluster_size,
            chain,
            size,
        };
        if let Some(expected) = expected {
            compare_content(expected, &content, findings)?;
        }
        let inside = size % self.geometry.cluster_size;
        if let (Some(last), true) = (chain.last(), inside > 0) {
            let at = self.offset(last).saturating_add(inside);
            let end = self.offset(last.saturating_add(1));
            expect_zeros(self.disk, at, end, ("slack", "after the file's end"), findings)?;
        }
        Ok(())
    }

    /// What no chain has is zero, in both tables and on the volume.
    fn check_free(&self, partition: &PartitionRecord, findings: &mut Findings) -> Result<()> {
        let end = self.geometry.clusters.saturating_add(2);
        let first = self.start.saturating_add(self.geometry.table_start(0));
        for (from, to) in self.clusters.gaps(2, end) {
            let place = |cluster: u64| first.saturating_add(cluster.saturating_mul(4));
            expect_zeros(
                self.disk,
                place(from),
                place(to),
                ("fat-table", "FAT entries of free clusters"),
                findings,
            )?;
            expect_zeros(
                self.disk,
                self.offset(from),
                self.offset(to),
                ("free-space", "free clusters"),
                findings,
            )?;
        }
        let table_end = self.start.saturating_add(self.geometry.table_start(1));
        expect_zeros(
            self.disk,
            first.saturating_add(end.saturating_mul(4)),
            table_end,
            ("fat-table", "after the FAT"),
            findings,
        )?;
        Table::new(self.disk, first).check_copy(self.geometry.table_size, findings)?;
        let volume_end = partition.start.saturating_add(partition.size);
        expect_zeros(
            self.disk,
            self.offset(end),
            volume_end,
            ("free-space", "after the last cluster"),
            findings,
        )
    }
}

/// A structure's name with the cluster where it starts.
fn structure(what: &str, cluster: u64) -> String {
    format!("{what} from cluster {cluster}")
}

/// Bytes of a directory entry.
const ENTRY: usize = 32;
/// A directory has at most 65536 entries.
fn most_directory_bytes() -> u64 {
    65_536 * len64(ENTRY)
}
