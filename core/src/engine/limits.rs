/// What the generations of one engine may take together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Worker threads.
    pub(super) threads: usize,
    /// Generations that run at once.
    pub(super) concurrency: usize,
    /// Bytes, for all that run.
    pub(super) memory: u64,
    /// Generations that wait.
    pub(super) queue: usize,
}

/// What a generation takes for itself: its encoders, its window, its tables, the window of an archive.
pub(super) const GENERATION_BYTES: u64 = 64 << 20;
/// What it takes for each entry of its trees.
pub(super) const ENTRY_BYTES: u64 = 160;
/// Entries for which memory is asked at a time, 10 MiB.
pub(super) const ENTRY_STEP: u64 = 1 << 16;
