use std::sync::atomic::{AtomicUsize, Ordering};

/// The worker threads of an engine, shared by the runs that write at the same time.
///
/// Each run has all of them, for the work that frees memory; how many of a run's workers take new items is its share.
/// One alone has every worker, and two that write at once do not encode with twice as many threads as there are.
#[derive(Debug)]
pub(crate) struct Workers {
    threads: usize,
    writing: AtomicUsize,
}

/// One run's part in the workers, for as long as it writes.
#[derive(Debug)]
pub(super) struct Share<'a> {
    workers: &'a Workers,
}

impl Workers {
    pub(crate) fn new(threads: usize) -> Self {
        Self { threads, writing: AtomicUsize::new(0) }
    }

    pub(crate) fn threads(&self) -> usize {
        self.threads
    }

    pub(super) fn share(&self) -> Share<'_> {
        self.writing.fetch_add(1, Ordering::Relaxed);
        Share { workers: self }
    }
}

impl Share<'_> {
    /// How many of the run's workers may take new items now; at least one.
    pub(super) fn size(&self) -> usize {
        self.workers.threads.div_ceil(self.workers.writing.load(Ordering::Relaxed).max(1))
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.workers.writing.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_alone_has_every_worker_and_several_have_equal_shares() {
        let workers = Workers::new(5);
        let first = workers.share();
        assert_eq!(first.size(), 5);
        let others = [workers.share(), workers.share()];
        assert_eq!((first.size(), others[1].size()), (2, 2));
        let many: Vec<_> = (0..9).map(|_| workers.share()).collect();
        assert_eq!(many[8].size(), 1);
        drop((many, others));
        assert_eq!(first.size(), 5);
    }
}
