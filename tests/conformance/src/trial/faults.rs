use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use diskwright_core::ErrorKind;

use super::Problem;
use crate::run::Run;
use crate::subject::Subject;
use crate::watch::{Operation, nth, watched};

/// The n-th read fails, for every n until a run has fewer.
pub(super) fn source(subject: &Subject) -> Result<(), Problem> {
    let is_read = |operation| matches!(operation, Operation::Read(_));
    every(subject, "read", ErrorKind::Source, is_read)
}

/// The n-th operation of the sink fails, for every n until a run has fewer.
pub(super) fn sink(subject: &Subject) -> Result<(), Problem> {
    every(subject, "operation of the sink", ErrorKind::Sink, |operation| {
        !matches!(operation, Operation::Read(_))
    })
}

fn every(
    subject: &Subject,
    what: &str,
    kind: ErrorKind,
    counts: fn(Operation) -> bool,
) -> Result<(), Problem> {
    let disk = subject.random_disk(51, 12 << 20);
    for n in 0..MOST {
        let has_failed = Arc::new(AtomicBool::new(false));
        let note = Arc::clone(&has_failed);
        let failing = nth(n, counts, move |_| {
            note.store(true, Ordering::Relaxed);
            Err(io::Error::other("broken on purpose"))
        });
        let layout = watched(&disk, Arc::clone(&failing))?;
        let threads = 1 + n as usize % 2;
        let finished = Run::new().with_threads(threads).with_watch(failing).attempt(subject, vec![layout])?;
        if !has_failed.load(Ordering::Relaxed) {
            // The last run had fewer: each has failed once.
            return finished.result.map(drop).map_err(Problem::from);
        }
        let is_committed = finished.recording().is_committed;
        let failed = |text: String| Err(Problem::failed(text).during(format!("when {what} {n} fails")));
        match &finished.result {
            Ok(_) => return failed("the run says that all is well".to_owned()),
            Err(_) if is_committed => return failed("the outputs are visible".to_owned()),
            Err(error) if error.kind() != kind => return failed(format!("the run fails as {error:?}")),
            Err(_) => {}
        }
    }
    Err(Problem::failed(format!("a disk of {} bytes takes more than {MOST} times a {what}", disk.size)))
}

/// Far more than a small disk takes.
const MOST: u64 = 3000;
