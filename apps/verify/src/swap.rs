//! Swap areas.

use std::str::FromStr;

use diskwright_core::Result;
use uuid::Uuid;

use crate::bytes::{first_difference, hex, len64, put};
use crate::disk::{Disk, expect_zeros, read};
use crate::finding::Findings;
use crate::report::{FileSystemRecord, PartitionRecord};

/// Checks the header of a swap area; the rest is zero.
///
/// # Reference
/// `union swap_header` of Linux's `include/linux/swap.h`.
pub(crate) fn check(
    disk: &dyn Disk,
    partition: &PartitionRecord,
    record: &FileSystemRecord,
    findings: &mut Findings,
) -> Result<()> {
    let (start, end) = (partition.start, partition.start.saturating_add(partition.size));
    if partition.size < len64(PAGE) {
        findings.add("swap", STRUCTURE, Some(start), "a page", format!("{} bytes", partition.size));
        return Ok(());
    }
    let found = read(disk, start, PAGE)?;
    let mut expected = vec![0; PAGE];
    let last = u32::try_from(partition.size / len64(PAGE) - 1).unwrap_or(u32::MAX);
    put(&mut expected, 1024, &1_u32.to_le_bytes());
    put(&mut expected, 1028, &last.to_le_bytes());
    put(&mut expected, 1036, Uuid::from_str(&record.uuid).unwrap_or_default().as_bytes());
    put(&mut expected, 1052, record.label.as_bytes().get(..16).unwrap_or(record.label.as_bytes()));
    put(&mut expected, PAGE - 10, b"SWAPSPACE2");
    if let Some(at) = first_difference(&found, &expected) {
        let shown = |bytes: &[u8]| hex(bytes.get(at..(at + 16).min(PAGE)).unwrap_or_default());
        findings.add(
            "swap",
            STRUCTURE,
            Some(start.saturating_add(len64(at))),
            shown(&expected),
            shown(&found),
        );
    }
    expect_zeros(disk, start.saturating_add(len64(PAGE)), end, ("free-space", "swap area"), findings)
}

const PAGE: usize = 4096;
const STRUCTURE: &str = "swap header";
