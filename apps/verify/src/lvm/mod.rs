//! Volume groups, read again by code of its own: labels, metadata, and the disks that logical volumes are.

mod label;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use diskwright_core::{Error, ErrorKind, ReadAt, Result};

use crate::disk::{Disk, expect_zeros};
use crate::escape::escape;
use crate::finding::Findings;
use crate::report::{DiskRecord, LogicalVolumeRecord, PartitionRecord, VolumeGroupRecord};
use crate::runs::Runs;
use label::DATA_START;
use text::{Node, Section};

/// A logical volume as a guest sees it: a disk of its own, made of ranges of others.
pub(crate) struct MappedVolume<'a> {
    size: u64,
    pieces: Vec<Piece<'a>>,
}

/// A range of a logical volume, and where it is.
#[derive(Clone, Copy)]
struct Piece<'a> {
    /// First byte in the volume.
    inside: u64,
    /// The disk's number, from 0.
    number: usize,
    disk: &'a dyn Disk,
    /// First byte on the disk.
    start: u64,
    len: u64,
}

/// A partition of the group, on its disk.
#[derive(Clone, Copy)]
struct Member<'a> {
    /// The disk's number, from 0.
    number: usize,
    disk: &'a dyn Disk,
    partition: &'a PartitionRecord,
}

impl Member<'_> {
    /// Whether a piece, which is on one partition, is on this one.
    fn has(&self, piece: &Piece<'_>) -> bool {
        let place = piece.start.checked_sub(self.partition.start);
        self.number == piece.number && place.is_some_and(|place| place < self.partition.size)
    }
}

/// The numbers, from 0, of the disks that have a part of a group.
pub(crate) fn disks_of(group: &VolumeGroupRecord, records: &[DiskRecord]) -> BTreeSet<usize> {
    let has_part = |record: &DiskRecord| record.partitions.iter().any(|one| one.is_of(&group.name));
    records.iter().enumerate().filter(|(_, record)| has_part(record)).map(|(number, _)| number).collect()
}

/// Checks a group's physical volumes and its metadata against the report; gives its volumes as the metadata places them, in
/// the report's order, `None` for one that is not there. `home` is the number, from 0, of the disk at which the report lists
/// the group; of `disks` those of [`disks_of`] are read.
///
/// # Errors
/// `ErrorKind::Source` when a disk cannot be read or is none of `disks`.
pub(crate) fn check<'a>(
    disks: &BTreeMap<usize, &'a dyn Disk>,
    records: &'a [DiskRecord],
    (home, group): (usize, &VolumeGroupRecord),
    findings: &mut Findings,
) -> Result<Vec<Option<MappedVolume<'a>>>> {
    let mut members: Vec<Member<'a>> = Vec::new();
    for number in disks_of(group, records) {
        let Some(disk) = disks.get(&number).copied() else {
            let text =
                format!("volume group {}: disk {} is missing", escape(group.name.as_bytes()), number + 1);
            return Err(Error::new(ErrorKind::Source, text));
        };
        let partitions = records.get(number).into_iter().flat_map(|record| &record.partitions);
        let own = partitions.filter(|partition| partition.is_of(&group.name));
        members.extend(own.map(|partition| Member { number, disk, partition }));
    }
    let mut texts = Vec::new();
    for Member { number, disk, partition } in members.iter().copied() {
        findings.go_to(number);
        findings.partition = Some(partition.number);
        let end = partition.start.checked_add(partition.size).filter(|end| *end <= disk.size());
        let physical = match end {
            Some(_) => label::check(disk, partition, findings)?,
            None => None,
        };
        if let Some(physical) = physical {
            let wanted = partition.physical_volume.as_ref().map_or("", |physical| &physical.uuid);
            let place = partition.start + 512;
            findings.equal("lvm-label", "LVM label", place, ("uuid", physical.uuid.as_str(), wanted));
            texts.extend(physical.text);
        }
    }
    let first = members.first();
    findings.go_to(first.map_or(home, |member| member.number));
    findings.partition = first.map(|member| member.partition.number);
    let first = first.map_or(0, |member| member.partition.start.saturating_add(4608));
    let mut check = Check { at: first, findings };
    let volumes = match texts.first().map(|text| Section::parse(text)) {
        Some(Ok(text)) if texts.iter().all(|other| Some(other) == texts.first()) => {
            check.metadata(&text, (home, group), &members)
        }
        Some(Ok(_)) => {
            check.wrong("the same on all physical volumes", "different texts");
            None
        }
        Some(Err(why)) => {
            check.wrong("metadata of a volume group", why);
            None
        }
        None => None,
    };
    let volumes = volumes.unwrap_or_default();
    check_free(&members, &volumes, findings)?;
    findings.go_to(home);
    findings.partition = None;
    let mut volumes: Vec<Option<MappedVolume<'a>>> = volumes.into_iter().collect();
    volumes.resize_with(group.volumes.len(), || None);
    Ok(volumes)
}

/// Extents that no volume has, and what is behind the last.
fn check_free(
    members: &[Member<'_>],
    volumes: &[Option<MappedVolume<'_>>],
    findings: &mut Findings,
) -> Result<()> {
    if volumes.iter().any(Option::is_none) || volumes.is_empty() {
        return Ok(());
    }
    let mut taken: BTreeMap<usize, Runs> = BTreeMap::new();
    for piece in volumes.iter().flatten().flat_map(|volume| &volume.pieces) {
        if taken.entry(piece.number).or_default().take(piece.start, piece.len).is_err() {
            findings.go_to(piece.number);
            findings.partition =
                members.iter().find(|member| member.has(piece)).map(|member| member.partition.number);
            let found = format!("{} bytes from {}", piece.len, piece.start);
            findings.add("lvm-metadata", STRUCTURE, Some(piece.start), "extents of one volume", found);
        }
    }
    for Member { number, disk, partition } in members.iter().copied() {
        findings.go_to(number);
        findings.partition = Some(partition.number);
        let from = partition.start.saturating_add(DATA_START);
        let to = partition.start.saturating_add(partition.size).min(disk.size());
        let gaps: Vec<(u64, u64)> = taken.entry(number).or_default().gaps(from.min(to), to).collect();
        for (from, to) in gaps {
            expect_zeros(disk, from, to, ("free-space", "extents of no volume"), findings)?;
        }
    }
    Ok(())
}

/// Metadata that is being checked.
struct Check<'f> {
    /// Where the text is, for findings.
    at: u64,
    findings: &'f mut Findings,
}

impl Check<'_> {
    fn wrong(&mut self, expected: impl Into<String>, found: impl Into<String>) {
        self.findings.add("lvm-metadata", STRUCTURE, Some(self.at), expected, found);
    }

    fn number(&mut self, section: &Section, name: &str, wanted: u64) {
        if section.number(name) != Some(wanted) {
            self.wrong(format!("{name} = {wanted}"), shown(section.get(name)));
        }
    }

    fn text(&mut self, section: &Section, name: &str, wanted: &str) {
        if section.text(name) != Some(wanted) {
            self.wrong(format!("{name} = {wanted:?}"), shown(section.get(name)));
        }
    }

    fn flags(&mut self, section: &Section, name: &str, wanted: &[&str]) {
        if !section.has_flags(name, wanted) {
            self.wrong(format!("{name} = {wanted:?}"), shown(section.get(name)));
        }
    }

    /// The volumes, in the report's order; `None` where no group is found.
    fn metadata<'a>(
        &mut self,
        text: &Section,
        (home, record): (usize, &VolumeGroupRecord),
        members: &[Member<'a>],
    ) -> Option<Vec<Option<MappedVolume<'a>>>> {
        self.text(text, "contents", "Text Format Volume Group");
        self.number(text, "version", 1);
        let Some(group) = text.section(&record.name) else {
            self.wrong(format!("a group {:?}", record.name), "none");
            return None;
        };
        self.text(group, "id", &record.uuid);
        self.text(group, "format", "lvm2");
        self.flags(group, "status", &["RESIZEABLE", "READ", "WRITE"]);
        self.flags(group, "flags", &[]);
        self.number(group, "extent_size", record.extent_size / 512);
        let none = Section::default();
        let physical: Vec<(&str, &Section)> =
            group.section("physical_volumes").unwrap_or(&none).sections().collect();
        if physical.len() != members.len() {
            self.wrong(format!("{} physical volumes", members.len()), physical.len().to_string());
            return None;
        }
        for ((_, section), Member { partition, .. }) in physical.iter().zip(members) {
            let uuid = partition.physical_volume.as_ref().map_or("", |physical| &physical.uuid);
            self.text(section, "id", uuid);
            self.flags(section, "status", &["ALLOCATABLE"]);
            self.number(section, "dev_size", partition.size / 512);
            self.number(section, "pe_start", DATA_START / 512);
            let extents = partition.size.saturating_sub(DATA_START).checked_div(record.extent_size);
            self.number(section, "pe_count", extents.unwrap_or(0));
        }
        let places: Vec<(&str, Member<'a>)> =
            physical.iter().map(|(name, _)| *name).zip(members.iter().copied()).collect();
        let logical = group.section("logical_volumes").unwrap_or(&none);
        let names: Vec<&str> = logical.sections().map(|(name, _)| name).collect();
        let wanted: Vec<&str> = record.volumes.iter().map(|volume| volume.name.as_str()).collect();
        if names != wanted {
            self.wrong(format!("the volumes {wanted:?}"), format!("{names:?}"));
        }
        let volumes = record.volumes.iter().map(|volume| {
            let section = logical.section(&volume.name)?;
            self.volume(section, (home, volume), record.extent_size, &places)
        });
        Some(volumes.collect())
    }

    fn volume<'a>(
        &mut self,
        section: &Section,
        (home, record): (usize, &LogicalVolumeRecord),
        extent: u64,
        places: &[(&str, Member<'a>)],
    ) -> Option<MappedVolume<'a>> {
        self.text(section, "id", &record.uuid);
        self.flags(section, "status", &["READ", "WRITE", "VISIBLE"]);
        self.flags(section, "flags", &[]);
        let segments: Vec<&Section> = section.sections().map(|(_, segment)| segment).collect();
        self.number(section, "segment_count", segments.len() as u64);
        let mut pieces = Vec::new();
        let mut size = 0_u64;
        for segment in segments {
            let Some(piece) = piece_of(segment, size, extent, places) else {
                self.wrong("a segment on one physical volume", format!("{segment:?}"));
                return None;
            };
            size = size.checked_add(piece.len)?;
            pieces.push(piece);
        }
        let number = |disk: Option<usize>| disk.unwrap_or(home.saturating_add(1));
        let told: Vec<(usize, u64, u64)> = record
            .segments
            .iter()
            .map(|segment| (number(segment.disk), segment.start, segment.size))
            .collect();
        let found: Vec<(usize, u64, u64)> =
            pieces.iter().map(|piece| (piece.number.saturating_add(1), piece.start, piece.len)).collect();
        if told != found || size != record.size {
            self.wrong(format!("{} at {told:?}", record.name), format!("{found:?}"));
        }
        Some(MappedVolume { size, pieces })
    }
}

/// Where a segment is on the disk; `None` where it is not linear, not the next one, or not within its partition.
fn piece_of<'a>(
    segment: &Section,
    inside: u64,
    extent: u64,
    places: &[(&str, Member<'a>)],
) -> Option<Piece<'a>> {
    let is_linear = segment.text("type") == Some("striped") && segment.number("stripe_count") == Some(1);
    let Some(Node::List(stripes)) = segment.get("stripes") else { return None };
    let [Node::Text(name), Node::Number(first)] = stripes.as_slice() else { return None };
    let (_, Member { number, disk, partition }) = places.iter().find(|(known, _)| known == name)?;
    let len = segment.number("extent_count")?.checked_mul(extent).filter(|len| *len > 0)?;
    let begins = segment.number("start_extent")?.checked_mul(extent)?;
    let start = first.checked_mul(extent)?.checked_add(DATA_START)?.checked_add(partition.start)?;
    let end = start.checked_add(len)?;
    let partition_end = partition.start.checked_add(partition.size)?;
    let fits = end <= partition_end && end <= disk.size();
    let piece = Piece { inside, number: *number, disk: *disk, start, len };
    (is_linear && begins == inside && fits).then_some(piece)
}

fn shown(node: Option<&Node>) -> String {
    match node {
        None => "nothing".to_owned(),
        Some(Node::Number(number)) => number.to_string(),
        Some(Node::Text(text)) => format!("{text:?}"),
        Some(other) => format!("{other:?}"),
    }
}

impl MappedVolume<'_> {
    fn piece_at(&self, offset: u64) -> Option<&Piece<'_>> {
        let at = self.pieces.partition_point(|piece| piece.inside <= offset).checked_sub(1)?;
        self.pieces.get(at).filter(|piece| offset - piece.inside < piece.len)
    }
}

impl ReadAt for MappedVolume<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let mut rest = buf;
        let mut offset = offset;
        while !rest.is_empty() {
            let piece = self.piece_at(offset).ok_or(io::ErrorKind::UnexpectedEof)?;
            let skipped = offset - piece.inside;
            let here = usize::try_from(piece.len - skipped).unwrap_or(usize::MAX).min(rest.len());
            let (part, after) = rest.split_at_mut(here);
            piece.disk.read_exact_at(piece.start + skipped, part)?;
            rest = after;
            offset += here as u64;
        }
        Ok(())
    }
}

impl Disk for MappedVolume<'_> {
    fn next_data(&self, from: u64) -> u64 {
        let mut from = from;
        while let Some(piece) = self.piece_at(from) {
            let skipped = from - piece.inside;
            let next = piece.disk.next_data(piece.start + skipped).max(piece.start + skipped);
            match next - piece.start {
                inside if inside < piece.len => return piece.inside + inside,
                _ => from = piece.inside + piece.len,
            }
        }
        from.min(self.size)
    }
}

const STRUCTURE: &str = "LVM metadata";
