use diskwright_core::{Error, ErrorKind};

use super::Problem;
use crate::corpus::{Disk, noise, text};
use crate::run::{self, machine};
use crate::subject::{DiskCount, Subject};

pub(super) fn round_trip(subject: &Subject) -> Result<(), Problem> {
    let mut disks = vec![Disk::mixed(9 << 20).extended_to(subject.size_of_at_least(9 << 20))];
    disks.extend((1..=3).map(|seed| subject.random_disk(seed, seed * (3 << 20) + 512)));
    disks.push(Disk::zero(subject.size_of_at_least(2 << 20)));
    for (number, disk) in disks.into_iter().enumerate() {
        run::round_trip(subject, &[disk])
            .map_err(|problem| problem.during(format!("trial disk {number}")))?;
    }
    Ok(())
}

/// One unit, and all around the granularity and the declared limits.
pub(super) fn edge_sizes(subject: &Subject) -> Result<(), Problem> {
    let sizes = subject.sizes;
    let unit = sizes.multiple_of;
    let granularity = subject.granularity;
    let mut edges = vec![1, unit, sizes.min, sizes.min.saturating_sub(unit), sizes.min + 1];
    for edge in [granularity, (4 * granularity).max(1 << 20)] {
        edges.extend([edge - 1, edge.saturating_sub(unit), edge, edge + unit, edge + 1]);
    }
    edges.extend([sizes.max.checked_add(unit), sizes.max.checked_add(1)].into_iter().flatten());
    edges.sort_unstable();
    edges.dedup();
    for size in edges.into_iter().filter(|size| *size > 0 && i64::try_from(*size).is_ok()) {
        let tried = if sizes.contains(size) {
            run::round_trip(subject, &[Disk::random(size, size.min(MOST_DATA)).extended_to(size)])
        } else {
            refused(subject, &[Disk::zero(size)]).and_then(named)
        };
        tried.map_err(|problem| problem.during(format!("a disk of {size} bytes")))?;
    }
    if i64::try_from(sizes.max).is_ok() {
        let largest = [Disk::zero(sizes.max).layout()];
        subject.format()?.plan(&machine("disk", "largest"), &largest).map_err(|error| {
            Problem::failed(format!("a disk of {} bytes is declared, but refused: {error:?}", sizes.max))
        })?;
    }
    Ok(())
}

/// Data of a disk whose size alone is of interest.
const MOST_DATA: u64 = 64 << 20;

/// Data at the start, over the edge of 4 GiB, and at the end.
pub(super) fn large_sparse(subject: &Subject) -> Result<(), Problem> {
    let size = subject.size_of_at_least((4 << 30) + (8 << 20));
    if size > subject.sizes.max {
        return refused(subject, &[Disk::zero(size)]).and_then(named);
    }
    let tail = noise(70_000, 5);
    let parts = vec![
        (0, text(100_000)),
        ((4 << 30) - 5000, text(10_000)),
        ((4 << 30) + (2 << 20) + 512, noise(200_000, 9)),
        (size - tail.len() as u64, tail),
    ];
    run::round_trip(subject, &[Disk { size, parts }])
}

/// Of several sizes, one of them all zero.
pub(super) fn several_disks(subject: &Subject) -> Result<(), Problem> {
    let disks = [
        subject.random_disk(21, 3 << 20),
        Disk::zero(subject.size_of_at_least(2 << 20)),
        subject.random_disk(22, 5 << 20),
    ];
    match subject.disks {
        DiskCount::Several => run::round_trip(subject, &disks),
        DiskCount::One => refused(subject, &disks).map(drop),
    }
}

/// The size that is refused is named: as `disk_size`, or as the option that would have to change.
fn named(refusal: Error) -> Result<(), Problem> {
    match refusal.field() {
        Some(_) => Ok(()),
        None => Err(Problem::failed(format!("it is refused without a field: {refusal:?}"))),
    }
}

/// How the plan says that it cannot hold these disks, or that they pass a limit.
fn refused(subject: &Subject, disks: &[Disk]) -> Result<Error, Problem> {
    let layouts: Vec<_> = disks.iter().map(Disk::layout).collect();
    match subject.format()?.plan(&machine("disk", "refused"), &layouts) {
        Ok(_) => Err(Problem::failed("the plan takes what the subject declares as refused")),
        Err(error) if [ErrorKind::Unsupported, ErrorKind::LimitExceeded].contains(&error.kind()) => Ok(error),
        Err(error) => Err(Problem::failed(format!(
            "it is refused as {:?}, neither Unsupported nor LimitExceeded",
            error
        ))),
    }
}
