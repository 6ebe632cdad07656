//! Reading the tree of a scan.

use std::time::Duration;

use diskwright::profile::MachineReport;
use diskwright::{Error, ErrorKind, Result};
use tokio::time::MissedTickBehavior;

use super::reason::{explain, place, without_places};
use super::{Control, Halt};
use crate::server::Server;
use crate::store::{Job, MAX_ATTEMPTS, ReadScan, ScanTask, StoreError};
use crate::tree::{Reading, TreeOrder, read_tree};

/// Reads the tree of the scan of a job, and writes down what it is.
pub(super) async fn run(
    server: &Server,
    job: &Job,
    control: &Control,
) -> std::result::Result<(), StoreError> {
    let Some(task) = server.store().begin_reading(job).await? else { return Ok(()) };
    let place = place(task.tree_file.as_deref(), task.tree_path.as_deref());
    if job.attempt > MAX_ATTEMPTS {
        let error = format!("given up after {MAX_ATTEMPTS} attempts, in each of which the server died");
        return server.store().fail_scan(job, &error, None).await;
    }
    match read(server, task.clone(), control).await {
        Ok(read) => server.store().complete_scan(job, &read).await,
        Err(error) if error.kind() == ErrorKind::Cancelled => match control.halted() {
            Some(Halt::Stopped) => server.store().release_job(job).await,
            // Who cancels a scan says so in its row, and takes its job away.
            _ => Ok(()),
        },
        Err(error) => {
            let (error, detail) = explain(&error, "the server could not read the tree");
            let [error, detail] = [error, detail].map(|text| without_places(server, &text, &place));
            tracing::warn!(scan = task.id, error, detail, "a tree cannot be used");
            server.store().fail_scan(job, &error, Some(&detail)).await
        }
    }
}

async fn read(server: &Server, task: ScanTask, control: &Control) -> Result<ReadScan> {
    let scan = task.id;
    let reading = Reading::default();
    let mut work = tokio::task::spawn_blocking({
        let (server, reading) = (server.clone(), reading.clone());
        move || {
            let order = order(&server, &task)?;
            read_tree(server.engine(), server.registry(), &order, &reading)
        }
    });
    let mut ticks = tokio::time::interval(PROGRESS);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = 0;
    loop {
        tokio::select! {
            read = &mut work => {
                return read.map_err(|error| {
                    Error::new(ErrorKind::Internal, "reading panicked").with_source(error)
                })?;
            }
            () = control.wait(), if !reading.is_cancelled() => reading.cancel(),
            _ = ticks.tick() => {
                let percentage = reading.percentage();
                if percentage > told {
                    told = percentage;
                    match server.store().advance_reading(scan, percentage).await {
                        Ok(true) => {}
                        // Cancelled or deleted.
                        Ok(false) => reading.cancel(),
                        Err(error) => tracing::warn!(%error, scan, "the progress of a scan cannot be written down"),
                    }
                }
            }
        }
    }
}

fn order(server: &Server, task: &ScanTask) -> Result<TreeOrder> {
    let machine =
        task.machine_report.as_deref().map(str::as_bytes).map(MachineReport::from_json).transpose()?;
    Ok(TreeOrder {
        path: server.folder().tree(task.tree_file.as_deref(), task.tree_path.as_deref())?,
        spool: server.folder().uploads(),
        machine,
        limits: server.settings().limits,
        boot: server.settings().boot,
    })
}

/// How often progress is written down, at most.
const PROGRESS: Duration = Duration::from_millis(500);
