//! Reading the tree of a scan.

use std::path::PathBuf;
use std::time::Duration;

use diskwright::profile::MachineReport;
use diskwright::{Error, ErrorKind, Result};
use tokio::time::MissedTickBehavior;

use super::{Control, Halt};
use crate::failure::sentences;
use crate::server::Server;
use crate::store::{Job, MAX_ATTEMPTS, ReadScan, ScanTask, StoreError};
use crate::tree::{Reading, TreeOrder, read_tree};

/// Reads the tree of a job's scan and writes down what it is.
pub(super) async fn run(server: &Server, job: &Job, control: &Control) -> Result<(), StoreError> {
    let Some(task) = server.store().begin_reading(job).await? else { return Ok(()) };
    if job.attempt > MAX_ATTEMPTS {
        let error = format!("given up after {MAX_ATTEMPTS} attempts, in each of which the server died");
        return server.store().fail_scan(job, &error, None).await;
    }
    match read(server, &task, control).await {
        Ok(read) => server.store().complete_scan(job, &read).await,
        Err(error) if error.kind() == ErrorKind::Cancelled => match control.halted() {
            Some(Halt::Stopped) => server.store().release_job(job).await,
            // Whoever cancelled it wrote that down.
            _ => Ok(()),
        },
        Err(error) => {
            let (error, detail) = told(server, &task, &error);
            tracing::warn!(scan = task.id, error, detail, "a tree cannot be used");
            server.store().fail_scan(job, &error, detail.as_deref()).await
        }
    }
}

/// Has the tree read where that may take its time, and says how far it is.
async fn read(server: &Server, task: &ScanTask, control: &Control) -> Result<ReadScan> {
    let order = order(server, task)?;
    let reading = Reading::default();
    let mut work = {
        let (server, reading) = (server.clone(), reading.clone());
        tokio::task::spawn_blocking(move || read_tree(server.engine(), server.registry(), &order, &reading))
    };
    let mut ticks = tokio::time::interval(PROGRESS);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = 0;
    loop {
        tokio::select! {
            done = &mut work => {
                return done.map_err(|error| Error::new(ErrorKind::Internal, "the reader panicked").with_source(error))?;
            }
            () = control.wait(), if !reading.is_cancelled() => reading.cancel(),
            _ = ticks.tick() => {
                let percentage = reading.percentage();
                if percentage > told {
                    told = percentage;
                    match server.store().advance_reading(task.id, percentage).await {
                        Ok(true) => {}
                        Ok(false) => reading.cancel(),
                        Err(error) => tracing::error!(%error, scan = task.id, "the progress cannot be written down"),
                    }
                }
            }
        }
    }
}

fn order(server: &Server, task: &ScanTask) -> Result<TreeOrder> {
    let machine =
        task.machine_report.as_ref().map(|json| MachineReport::from_json(json.as_bytes())).transpose()?;
    Ok(TreeOrder {
        path: tree(server, task)
            .ok_or_else(|| Error::new(ErrorKind::Source, "the scan has no tree any more"))?,
        spool: server.folder().uploads(),
        machine,
        limits: server.settings().limits,
    })
}

fn tree(server: &Server, task: &ScanTask) -> Option<PathBuf> {
    match (&task.tree_file, &task.tree_path) {
        (Some(file), _) => Some(server.folder().path(file)),
        (None, path) => path.as_ref().map(PathBuf::from),
    }
}

/// An error in a sentence, and all that is known of it where there is more; without paths of this machine.
fn told(server: &Server, task: &ScanTask, error: &Error) -> (String, Option<String>) {
    let place = tree(server, task).map(|path| path.display().to_string()).unwrap_or_default();
    let hide = |text: String| match place.as_str() {
        "" => text,
        place => text.replace(place, "the tree"),
    };
    let sentence = hide(sentences(error));
    let mut detail = format!("{}: {sentence}", error.kind().name());
    let mut cause = std::error::Error::source(error);
    while let Some(one) = cause {
        detail.push_str(&format!(": {}", hide(one.to_string())));
        cause = one.source();
    }
    (shortened(&sentence), Some(shortened(&detail)))
}

/// What a status document shows at most.
fn shortened(text: &str) -> String {
    text.chars().take(4096).collect()
}

/// How often progress is written down.
const PROGRESS: Duration = Duration::from_millis(500);
