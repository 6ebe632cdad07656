//! What this reader takes at most; an archive that is made here keeps within it.

/// Bytes of a machine report.
pub(crate) const MAX_REPORT: u64 = 1 << 20;
/// Bytes of an extended header's records.
pub(crate) const MAX_RECORDS: u64 = 1 << 20;
/// Ranges of a sparse file's map, an empty one at its end included.
pub(crate) const MAX_RANGES: usize = 1 << 20;
