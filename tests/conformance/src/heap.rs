use peak_alloc::PeakAlloc;

/// The allocator that counts the heap, for the `#[global_allocator]` of a test program; [`tests!`](crate::tests) sets it.
///
/// It counts what Rust allocates, not what libraries in C allocate by themselves.
pub type CountingHeap = PeakAlloc;

/// Begins a measurement of the heap's peak.
pub(crate) struct Measurement {
    before: usize,
}

impl Measurement {
    /// `None` where [`CountingHeap`] is not the program's allocator.
    pub(crate) fn begin() -> Option<Self> {
        let probe = std::hint::black_box(vec![1_u8; 4096]);
        let is_counting = PeakAlloc.current_usage() >= probe.len();
        drop(probe);
        PeakAlloc.reset_peak_usage();
        is_counting.then(|| Self { before: PeakAlloc.current_usage() })
    }

    /// The most bytes that were in use at once beyond those in use at the beginning.
    pub(crate) fn peak(self) -> u64 {
        PeakAlloc.peak_usage().saturating_sub(self.before) as u64
    }
}
