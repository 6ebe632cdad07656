//! A whole disk: its table, then every partition with what it should hold.

use std::collections::{BTreeMap, BTreeSet};

use diskwright_core::{Error, ErrorKind, ReadAt, Result};

use crate::disk::{Disk, expect_zeros};
use crate::escape::{digest, escape, unescape};
use crate::expect::{ActualKind, Comparison, Content, Entries, Expected, Listing, Mount, TreePath, relative};
use crate::fat32::{FatFile, FatFiles};
use crate::finding::Findings;
use crate::lvm::{self, MappedVolume};
use crate::report::{DiskRecord, FileSystemRecord, ImageReport, LogicalVolumeRecord, PartitionRecord};
use crate::{ext4, fat32, partition, swap};

/// What disks are held against.
pub(crate) struct Guest<'a> {
    pub(crate) report: &'a ImageReport,
    /// Where it is known from what the file systems should hold.
    pub(crate) listings: Vec<&'a dyn Listing>,
}

impl Guest<'_> {
    /// Checks all of a disk, from 0 the number `number` of `disks`; with it the volume groups that the report lists at it,
    /// which may be on others of `disks`, too.
    ///
    /// # Errors
    /// `ErrorKind::Source` when a disk, the scan or the list cannot be read; `ErrorKind::Unsupported` for a report that
    /// speaks of what is not known here.
    pub(crate) fn check(
        &self,
        disks: &BTreeMap<usize, &dyn Disk>,
        number: usize,
        findings: &mut Findings,
    ) -> Result<()> {
        let (Some(disk), Some(record)) = (disks.get(&number), self.report.disks.get(number)) else {
            let text =
                format!("the report has {} disks, this is disk {}", self.report.disks.len(), number + 1);
            return Err(Error::new(ErrorKind::Unsupported, text).with_field("disks"));
        };
        partition::check(*disk, record, findings)?;
        for partition in &record.partitions {
            findings.partition = Some(partition.number);
            self.check_partition(*disk, record, partition, findings)?;
        }
        findings.partition = None;
        for group in &record.volume_groups {
            let volumes = lvm::check(disks, &self.report.disks, (number, group), findings)?;
            for (volume, mapped) in group.volumes.iter().zip(volumes) {
                let Some(mapped) = mapped else { continue };
                findings.volume = Some(format!("{}/{}", group.name, volume.name));
                self.check_volume(&mapped, record, volume, findings)?;
                findings.volume = None;
            }
        }
        Ok(())
    }

    /// The file systems of all disks.
    fn file_systems(&self) -> impl Iterator<Item = &FileSystemRecord> {
        self.report.disks.iter().flat_map(DiskRecord::file_systems)
    }

    /// What stands in a logical volume, which is as a partition that is a disk of its own.
    fn check_volume(
        &self,
        mapped: &MappedVolume<'_>,
        record: &DiskRecord,
        volume: &LogicalVolumeRecord,
        findings: &mut Findings,
    ) -> Result<()> {
        let Some(file_system) = &volume.file_system else {
            let about = ("free-space", "volume without file system");
            return expect_zeros(mapped, 0, mapped.size(), about, findings);
        };
        let partition = PartitionRecord {
            number: 0,
            start: 0,
            size: mapped.size(),
            role: String::new(),
            id: String::new(),
            name: String::new(),
            active: false,
            file_system: None,
            physical_volume: None,
        };
        self.check_file_system(mapped, record, &partition, file_system, findings)
    }

    fn check_partition(
        &self,
        disk: &dyn Disk,
        record: &DiskRecord,
        partition: &PartitionRecord,
        findings: &mut Findings,
    ) -> Result<()> {
        let (start, size) = (partition.start, partition.size);
        if start.checked_add(size).is_none_or(|end| end > disk.size()) {
            let found = format!("{} bytes of disk", disk.size());
            findings.add("partition", "partition", Some(start), format!("{size} bytes from {start}"), found);
            return Ok(());
        }
        let Some(file_system) = &partition.file_system else {
            let mut groups = self.report.disks.iter().flat_map(|disk| &disk.volume_groups);
            if groups.any(|group| partition.is_of(&group.name)) {
                // With its group.
                return Ok(());
            }
            if partition.role == "bios-boot" {
                return partition::check_bios_boot(disk, partition, record.bios_boot.as_ref(), findings);
            }
            let end = start.saturating_add(size);
            return expect_zeros(disk, start, end, ("free-space", "partition without file system"), findings);
        };
        self.check_file_system(disk, record, partition, file_system, findings)
    }

    /// A file system or swap area in a partition, or in a logical volume that is put as one.
    fn check_file_system(
        &self,
        disk: &dyn Disk,
        record: &DiskRecord,
        partition: &PartitionRecord,
        file_system: &FileSystemRecord,
        findings: &mut Findings,
    ) -> Result<()> {
        let (start, size) = (partition.start, partition.size);
        let timestamp = self.report.timestamp;
        match file_system.kind.as_str() {
            "ext4" | "ext3" | "ext2" => {
                // Each listing has links of its own to follow; mount points are where the first says.
                let mounts: Vec<Mount> =
                    self.listings.iter().map(|listing| self.mount(*listing, file_system)).collect();
                let pairs = self.listings.iter().zip(&mounts);
                let comparisons = pairs.map(|(listing, mount)| self.comparison(*listing, mount));
                let comparisons: Vec<Comparison<'_>> = comparisons.collect::<Result<_>>()?;
                let root = || file_system.mount_point.as_deref().unwrap_or("/");
                let own = || Mount { root: relative(root().as_bytes()), others: BTreeSet::new() };
                let mount = mounts.first().cloned().unwrap_or_else(own);
                let place = ext4::Place { start, size, record: file_system, timestamp };
                ext4::check(disk, &place, &mount, comparisons, findings)
            }
            "vfat" => {
                let files = self.fat_files(file_system)?;
                let about = (record.sector_size, timestamp);
                fat32::check(disk, partition, file_system, about, files, findings)
            }
            "swap" => swap::check(disk, partition, file_system, findings),
            other => {
                let text = format!("the report names a file system {}", escape(other.as_bytes()));
                Err(Error::new(ErrorKind::Unsupported, text).with_field("type"))
            }
        }
    }

    /// Which part of the guest's tree a file system holds.
    fn mount(&self, listing: &dyn Listing, own: &FileSystemRecord) -> Mount {
        let root = listing.resolve(own.mount_point.as_deref().unwrap_or("/"));
        let points = self.file_systems().flat_map(|other| other.mount_point.iter().chain(&other.taken_from));
        let others: BTreeSet<Vec<u8>> = points.map(|point| listing.resolve(point)).collect();
        let below = |other: &Vec<u8>| *other != root && TreePath(other.clone()).is_within(&root);
        Mount { others: others.into_iter().filter(below).collect(), root }
    }

    /// What an ext file system should hold; a tree without `lost+found` gets one.
    fn comparison<'b>(&self, listing: &'b dyn Listing, mount: &'b Mount) -> Result<Comparison<'b>> {
        let entries = listing.entries(mount)?;
        let mut path = mount.root.clone();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(b"lost+found");
        let made = Expected {
            path: TreePath(path),
            kind: ActualKind::Directory,
            mode: 0o700,
            uid: 0,
            gid: 0,
            mtime: (self.report.timestamp, 0),
            flags: 0,
            xattrs: Vec::new(),
            identity: None,
            content: Content::Unknown,
        };
        Ok(Comparison::new(with_made(entries, made)))
    }

    /// What a FAT file system should hold; `None` where nothing is known.
    fn fat_files(&self, own: &FileSystemRecord) -> Result<Option<FatFiles>> {
        if let Some(files) = &own.files {
            return self.listed_files(files).map(Some);
        }
        let Some(listing) = self.listings.first() else { return Ok(None) };
        let mount = self.mount(*listing, own);
        let mut files = BTreeMap::new();
        for entry in listing.entries(&mount)? {
            let entry = entry?;
            let size = match entry.kind {
                ActualKind::Directory => None,
                ActualKind::File { size } => Some(size),
                // FAT has no others: they were left out, with a warning.
                _ => continue,
            };
            let path = entry.path.0.get(mount.root.len()..).map(relative).unwrap_or_default();
            if !path.is_empty() {
                files.insert(path, FatFile { size, mtime: entry.mtime, content: entry.content });
            }
        }
        Ok(Some(files))
    }

    /// What the report lists of an EFI system partition.
    fn listed_files(&self, files: &[crate::report::FatFileRecord]) -> Result<FatFiles> {
        let path_of = |text: &str| unescape(text).map(|path| relative(&path)).unwrap_or_default();
        let copied: BTreeSet<Vec<u8>> =
            files.iter().filter_map(|file| file.copy_of.as_deref()).map(path_of).collect();
        let mut contents = BTreeMap::new();
        for listing in &self.listings {
            contents.extend(listing.contents(&copied)?);
        }
        let content = |file: &crate::report::FatFileRecord| match (&file.sha256, &file.copy_of) {
            (Some(digits), _) => digest(digits).map_or(Content::Unknown, Content::Digest),
            (None, Some(from)) => contents.get(&path_of(from)).cloned().unwrap_or(Content::Unknown),
            (None, None) => Content::Unknown,
        };
        let file = |file: &crate::report::FatFileRecord| {
            // Names of FAT are stored as they are, not escaped.
            let path = relative(file.path.as_bytes());
            (path, FatFile { size: file.size, mtime: (file.mtime, file.mtime_nanos), content: content(file) })
        };
        Ok(files.iter().map(file).collect())
    }
}

/// The entries, with one more at its place unless it is there.
fn with_made<'a>(entries: Entries<'a>, made: Expected) -> Entries<'a> {
    let mut entries = entries.peekable();
    let mut made = Some(made);
    Box::new(std::iter::from_fn(move || {
        let is_next = match (&made, entries.peek()) {
            (None, _) | (_, Some(Err(_))) => false,
            (Some(_), None) => true,
            (Some(made_entry), Some(Ok(next))) => {
                if next.path == made_entry.path {
                    made = None;
                    false
                } else {
                    made_entry.path < next.path
                }
            }
        };
        if is_next { made.take().map(Ok) } else { entries.next() }
    }))
}
