use std::sync::{Arc, Mutex};

use diskwright_core::{Monitor, Status};

use super::Problem;
use crate::recorder::{Keep, lock};
use crate::run::Run;
use crate::subject::Subject;
use crate::watch::{Watch, watched};

/// The status is looked at during every operation, and at the end.
pub(super) fn rises(subject: &Subject) -> Result<(), Problem> {
    let disk = subject.random_disk(91, 6 << 20);
    for threads in [1, 2] {
        let monitor = Monitor::new();
        let seen: Arc<Mutex<Vec<Status>>> = Arc::default();
        let (watched_monitor, note) = (monitor.clone(), Arc::clone(&seen));
        let watch: Watch = Arc::new(move |_| {
            let mut seen = lock(&note);
            seen.push(watched_monitor.status());
            Ok(())
        });
        let layout = watched(&disk, Arc::clone(&watch))?;
        let run = Run { monitor: monitor.clone(), ..Run::new().with_watch(watch).with_keep(Keep::Counts) };
        run.with_threads(threads).succeed(subject, vec![layout])?;
        lock(&seen).push(monitor.status());
        judge(&lock(&seen)).map_err(Problem::failed)?;
    }
    Ok(())
}

/// Whether progress never falls, keeps its total, and ends at it.
fn judge(seen: &[Status]) -> Result<(), String> {
    for pair in seen.windows(2) {
        let [before, after] = pair else { continue };
        if after.done < before.done || after.phase < before.phase {
            return Err(format!("progress falls from {before:?} to {after:?}"));
        }
        if before.total != 0 && after.total != before.total {
            return Err(format!("the total changes from {before:?} to {after:?}"));
        }
    }
    match seen.last() {
        Some(last) if last.done == last.total && last.total > 0 => Ok(()),
        last => Err(format!("progress ends at {last:?}")),
    }
}

#[cfg(test)]
mod tests {
    use diskwright_core::Phase;

    use super::*;

    fn status(done: u64, total: u64) -> Status {
        Status::new(Phase::Writing, done, total)
    }

    #[test]
    fn progress_that_falls_stops_short_or_moves_its_total_is_told() {
        assert!(judge(&[status(0, 0), status(0, 9), status(5, 9), status(9, 9)]).is_ok());
        assert!(judge(&[status(5, 9), status(4, 9), status(9, 9)]).unwrap_err().contains("falls"));
        assert!(judge(&[status(5, 9), status(9, 10)]).unwrap_err().contains("total"));
        assert!(judge(&[status(0, 9), status(8, 9)]).unwrap_err().contains("ends"));
        assert!(judge(&[]).is_err());
        let queued = Status::new(Phase::Queued, 9, 9);
        assert!(judge(&[status(9, 9), queued]).unwrap_err().contains("falls"));
    }
}
