use std::sync::Arc;

use diskwright_core::layout::DiskLayout;

use super::Problem;
use crate::corpus::content::{Content, Texture};
use crate::heap::Measurement;
use crate::recorder::Keep;
use crate::run::Run;
use crate::subject::Subject;
use crate::watch::from_source;

/// Twice the limit of noise, and a large disk with little on it.
pub(super) fn within_limit(subject: &Subject) -> Result<(), Problem> {
    let size = subject.size_of_at_least(2 * subject.memory);
    if size <= subject.sizes.max {
        measure(subject, size, &[(0, 2 * subject.memory)]).map_err(|problem| problem.during("much data"))?;
    }
    let size = subject.size_of_at_least(SPARSE);
    if size <= subject.sizes.max {
        let parts: Vec<(u64, u64)> = (0..16).map(|part| (part * (size / 16), 4096)).collect();
        measure(subject, size, &parts).map_err(|problem| problem.during("a large sparse disk"))?;
    }
    Ok(())
}

fn measure(subject: &Subject, size: u64, parts: &[(u64, u64)]) -> Result<(), Problem> {
    let content = Content { seed: 71, texture: Texture::Noise, size, data: None };
    let disk: DiskLayout = from_source(Arc::new(content), parts)?;
    let Some(measurement) = Measurement::begin() else {
        return Err(Problem::failed(
            "the heap is not counted: diskwright_conformance::CountingHeap is not the global allocator",
        ));
    };
    let run = Run::new().with_threads(8).with_keep(Keep::Counts);
    let result = run.succeed(subject, vec![disk]);
    let peak = measurement.peak();
    result?;
    if peak > subject.memory {
        return Err(Problem::failed(format!(
            "{peak} bytes of heap for a disk of {size} bytes, the limit is {}",
            subject.memory
        )));
    }
    Ok(())
}

/// Bytes of the sparse disk.
const SPARSE: u64 = 64 << 30;
