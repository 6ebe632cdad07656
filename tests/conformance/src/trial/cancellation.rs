use std::sync::{Arc, Mutex};
use std::time::Instant;

use diskwright_core::{ErrorKind, Monitor};

use super::Problem;
use crate::recorder::{Keep, lock};
use crate::run::Run;
use crate::subject::Subject;
use crate::watch::{Operation, nth, watched};

/// Somebody cancels at the n-th operation, for every n until a run has fewer.
pub(super) fn at_every_operation(subject: &Subject) -> Result<(), Problem> {
    let disk = subject.random_disk(61, 6 << 20);
    for n in 0..MOST {
        let monitor = Monitor::new();
        let cancelled: Arc<Mutex<Option<(Operation, Instant)>>> = Arc::default();
        let (cancel, note) = (monitor.clone(), Arc::clone(&cancelled));
        let watch = nth(
            n,
            |_| true,
            move |operation| {
                *lock(&note) = Some((operation, Instant::now()));
                cancel.cancel();
                Ok(())
            },
        );
        let layout = watched(&disk, Arc::clone(&watch))?;
        let run = Run { monitor, ..Run::new().with_watch(watch).with_keep(Keep::Counts) };
        let finished = run.attempt(subject, vec![layout])?;
        let ended = Instant::now();
        let Some((operation, at)) = *lock(&cancelled) else {
            // The last run had fewer operations.
            return finished.result.map(drop).map_err(Problem::from);
        };
        let failed = |text: String| {
            Err(Problem::failed(text).during(format!("cancelled at operation {n}, {operation:?}")))
        };
        if ended - at > subject.patience {
            return failed(format!("the run ended only after {:?}", ended - at));
        }
        let is_committed = finished.recording().is_committed;
        match &finished.result {
            // Too late: the outputs became visible.
            Ok(_) if operation == Operation::Commit && is_committed => {}
            Err(error) if error.kind() == ErrorKind::Cancelled && !is_committed => {}
            Ok(_) => return failed("the run goes on to its end".to_owned()),
            Err(_) if is_committed => return failed("the outputs are visible".to_owned()),
            Err(error) => return failed(format!("the run fails as {error:?}")),
        }
    }
    Err(Problem::failed(format!("a disk of {} bytes takes more than {MOST} operations", disk.size)))
}

/// Far more than a small disk takes.
const MOST: u64 = 3000;
