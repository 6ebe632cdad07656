#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use super::{ALIGNMENT, SectorSize, TableKind, mbr};
use crate::{Error, ErrorKind, Result};

/// A partition whose place is not known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeRequest {
    /// The number it must have; `None` for the lowest that is free.
    pub number: Option<u32>,
    /// Bytes, at least: a multiple of the sector size.
    pub size: u64,
    /// Whether it takes a share of the space that is left.
    pub growth: Growth,
}

/// What a partition does with space that is left on the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Growth {
    /// It has exactly the size that was asked for.
    #[default]
    Fixed,
    /// It takes an equal share, in whole MiB.
    Grow,
}

/// Where one partition stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Its number.
    pub number: u32,
    /// First byte on the disk: a multiple of 1 MiB.
    pub start: u64,
    /// Bytes.
    pub size: u64,
}

/// Where all partitions of a disk stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrangement {
    /// One for each request, in the order of the requests, which is that of the disk.
    pub partitions: Vec<Placement>,
    /// MBR: the partition that holds those numbered from 5 on.
    pub extended: Option<Placement>,
}

/// Places partitions on a disk: in the order given, each at a multiple of 1 MiB, the first MiB free for the table and a
/// boot loader, the last MiB of a GPT disk for its backup, a MiB before each logical partition for its record.
///
/// Numbers that are asked for are kept, also with gaps. In an MBR, numbers from 5 on are logical partitions; where
/// nobody asks for one, the first three of more than four partitions are primary and the others logical. The extended
/// partition takes the lowest number that is free.
///
/// # Errors
/// `ErrorKind::DoesNotFit` with the bytes needed and the bytes there; `ErrorKind::InvalidProfile` for numbers that the
/// table cannot give, sizes that are no whole sectors, and a disk that is not a whole number of MiB.
pub fn arrange(
    table: TableKind,
    sector_size: SectorSize,
    disk_size: u64,
    requests: &[SizeRequest],
) -> Result<Arrangement> {
    if !disk_size.is_multiple_of(ALIGNMENT) {
        let text = format!("a disk of {disk_size} bytes is not a whole number of MiB");
        return Err(Error::new(ErrorKind::InvalidProfile, text));
    }
    if table == TableKind::Mbr {
        mbr::check_addressable(disk_size, sector_size)?;
    }
    let numbers = numbered(table, sector_size, requests)?;
    let sizes: Vec<u64> = requests.iter().map(|request| request.size).collect();
    let (_, least) = place(&numbers, &sizes)?;
    let needed = least.checked_add(tail(table)).ok_or_else(too_large)?;
    let spare = disk_size.checked_sub(needed).ok_or_else(|| {
        let text = format!("the partitions need a disk of {needed} bytes, this one has {disk_size}");
        Error::new(ErrorKind::DoesNotFit, text)
    })?;
    let (arrangement, end) = place(&numbers, &grown(requests, spare)?)?;
    if end > disk_size.saturating_sub(tail(table)) {
        return Err(Error::new(ErrorKind::Internal, "grown partitions pass the end of the disk"));
    }
    match arrangement.partitions.iter().find(|placed| placed.size == 0) {
        None => Ok(arrangement),
        Some(empty) => {
            let text = format!("no space is left for it on a disk of {disk_size} bytes");
            Err(Error::new(ErrorKind::DoesNotFit, text).with_field(format!("partition {}", empty.number)))
        }
    }
}

/// The smallest disk on which [`arrange()`] places these partitions with the sizes asked for: bytes, whole MiB.
///
/// # Errors
/// `ErrorKind::InvalidProfile` as [`arrange()`]; `ErrorKind::DoesNotFit` when no disk is large enough.
pub fn minimum_disk_size(table: TableKind, sector_size: SectorSize, requests: &[SizeRequest]) -> Result<u64> {
    let numbers = numbered(table, sector_size, requests)?;
    let sizes: Vec<u64> = requests.iter().map(|request| request.size.max(1)).collect();
    let (_, end) = place(&numbers, &sizes)?;
    let size = end.checked_add(tail(table)).ok_or_else(too_large)?;
    if table == TableKind::Mbr {
        mbr::check_addressable(size, sector_size)?;
    }
    Ok(size)
}

/// The numbers of all partitions.
struct Numbers {
    partitions: Vec<u32>,
    /// MBR with logical partitions: the extended one's.
    extended: Option<u32>,
}

fn numbered(table: TableKind, sector_size: SectorSize, requests: &[SizeRequest]) -> Result<Numbers> {
    let mut problems = Vec::new();
    for (at, request) in requests.iter().enumerate() {
        if !sector_size.divides(request.size) {
            let text =
                format!("{} bytes are not whole sectors of {} bytes", request.size, sector_size.bytes());
            let number = request.number.unwrap_or_else(|| u32::try_from(at.saturating_add(1)).unwrap_or(0));
            problems.push(invalid(number, text));
        }
    }
    let numbers = match table {
        TableKind::Gpt => gpt_numbers(requests, &mut problems),
        TableKind::Mbr => mbr_numbers(requests, &mut problems),
    };
    Error::collect(problems)?;
    Ok(numbers)
}

fn gpt_numbers(requests: &[SizeRequest], problems: &mut Vec<Error>) -> Numbers {
    let mut free = Free::new(1..=128, requests, problems);
    let partitions = requests.iter().map(|request| request.number.unwrap_or_else(|| free.take(problems)));
    Numbers { partitions: partitions.collect(), extended: None }
}

fn mbr_numbers(requests: &[SizeRequest], problems: &mut Vec<Error>) -> Numbers {
    let is_logical = |request: &SizeRequest| request.number.is_some_and(|number| number > 4);
    let has_extended = requests.len() > 4 || requests.iter().any(is_logical);
    if !has_extended {
        let mut free = Free::new(1..=4, requests, problems);
        let partitions =
            requests.iter().map(|request| request.number.unwrap_or_else(|| free.take(problems))).collect();
        return Numbers { partitions, extended: None };
    }
    let primary: Vec<SizeRequest> =
        requests.iter().copied().filter(|request| request.number.is_some_and(|number| number <= 4)).collect();
    let mut free = Free::new(1..=4, &primary, problems);
    // One number stays for the extended partition.
    let mut spare_primary = free.numbers.len().saturating_sub(1);
    let mut partitions = Vec::new();
    let mut next_logical = 5_u32;
    let mut was_logical = false;
    for request in requests {
        let number = match request.number {
            Some(number) if number <= 4 => number,
            None if next_logical == 5 && spare_primary > 0 => {
                spare_primary = spare_primary.saturating_sub(1);
                free.take(problems)
            }
            wanted => {
                if next_logical > 5 && !was_logical {
                    problems.push(invalid(next_logical, "a primary partition stands between logical ones"));
                }
                if wanted.is_some_and(|wanted| wanted != next_logical) {
                    let text = format!("the next logical partition of the disk has number {next_logical}");
                    problems.push(invalid(wanted.unwrap_or(0), text));
                }
                let number = next_logical;
                next_logical = next_logical.saturating_add(1);
                number
            }
        };
        was_logical = number > 4;
        partitions.push(number);
    }
    if next_logical > 61 {
        problems.push(invalid(next_logical, "an MBR numbers partitions from 1 to 60"));
    }
    Numbers { partitions, extended: Some(free.take(problems)) }
}

/// Numbers that no request names, ascending.
struct Free {
    numbers: std::collections::VecDeque<u32>,
}

impl Free {
    fn new(all: std::ops::RangeInclusive<u32>, requests: &[SizeRequest], problems: &mut Vec<Error>) -> Self {
        let mut numbers: std::collections::VecDeque<u32> = all.clone().collect();
        for number in requests.iter().filter_map(|request| request.number) {
            match numbers.iter().position(|free| *free == number) {
                Some(at) => drop(numbers.remove(at)),
                None if all.contains(&number) => problems.push(invalid(number, "the number is given twice")),
                None => {
                    let text = format!("this table numbers partitions from {} to {}", all.start(), all.end());
                    problems.push(invalid(number, text));
                }
            }
        }
        Self { numbers }
    }

    fn take(&mut self, problems: &mut Vec<Error>) -> u32 {
        self.numbers.pop_front().unwrap_or_else(|| {
            let text = "no partition number is left for this table";
            problems.push(Error::new(ErrorKind::InvalidProfile, text));
            0
        })
    }
}

/// Places all partitions one after the other; also the first free MiB after the last.
fn place(numbers: &Numbers, sizes: &[u64]) -> Result<(Arrangement, u64)> {
    let mut partitions = Vec::new();
    let mut extended: Option<Placement> = None;
    let mut free_from = ALIGNMENT;
    for (number, size) in numbers.partitions.iter().copied().zip(sizes.iter().copied()) {
        let mut start = free_from;
        if number > 4
            && let Some(number) = numbers.extended
        {
            extended.get_or_insert(Placement { number, start, size: 0 });
            start = start.checked_add(ALIGNMENT).ok_or_else(too_large)?;
        }
        let end = start.checked_add(size).ok_or_else(too_large)?;
        free_from = end.checked_next_multiple_of(ALIGNMENT).ok_or_else(too_large)?;
        partitions.push(Placement { number, start, size });
        if let Some(extended) = extended.as_mut().filter(|_| number > 4) {
            extended.size = free_from.saturating_sub(extended.start);
        }
    }
    Ok((Arrangement { partitions, extended }, free_from))
}

/// Sizes after growth: equal shares in whole MiB, what cannot be shared equally to the first.
fn grown(requests: &[SizeRequest], spare: u64) -> Result<Vec<u64>> {
    let growing = requests.iter().filter(|request| request.growth == Growth::Grow).count();
    let growing = u64::try_from(growing).unwrap_or(u64::MAX);
    let spare = spare / ALIGNMENT;
    let share = spare.checked_div(growing).unwrap_or(0);
    let mut left_over = spare.checked_rem(growing).unwrap_or(0);
    let mut sizes = Vec::new();
    for request in requests {
        if request.growth == Growth::Fixed {
            sizes.push(request.size);
            continue;
        }
        let extra = u64::from(left_over > 0);
        left_over = left_over.saturating_sub(1);
        let more = share.saturating_add(extra).saturating_mul(ALIGNMENT);
        let size = request.size.checked_next_multiple_of(ALIGNMENT).and_then(|size| size.checked_add(more));
        sizes.push(size.ok_or_else(too_large)?);
    }
    Ok(sizes)
}

/// What a table keeps at the end of the disk: the backup of a GPT, in whole MiB.
const fn tail(table: TableKind) -> u64 {
    match table {
        TableKind::Gpt => ALIGNMENT,
        TableKind::Mbr => 0,
    }
}

fn invalid(number: u32, text: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidProfile, text).with_field(format!("partition {number}"))
}

fn too_large() -> Error {
    Error::new(ErrorKind::DoesNotFit, "the partitions need more than 2^64 bytes")
}
