//! The builder: takes jobs from the queue, works on them, and writes down what came of them.
//!
//! ```text
//!            claim, renew, watch            ┌─> image: engine ─> artefacts ─> row
//! queue ──────────────────────> builder ────┤
//!   ^ woken by new jobs, else asked         └─> scan: reads the tree ─> row
//!   └ every POLL: another node may have put one in
//! ```
//!
//! Any number of builders, on as many machines, may work on one queue: all they share are the database and the artefacts. A
//! builder knows its jobs by its own name, `NODE/LIFE`, which is new at each start. Every [`POLL`] it looks whether they are still
//! its own and still wanted; within this process it is told at once.

mod control;
mod image;
mod made;
mod reason;
mod recipe;
mod scan;

pub(crate) use control::{Control, Halt};
use made::Made;
pub(crate) use recipe::{Recipe, effective};

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use diskwright::Seed;
use futures_util::FutureExt;
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::server::Server;
use crate::store::{Job, JobKind, LEASE, StoreError};

/// The builder of this process: idle until it is started. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Builder {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Whether this process or an earlier one: what they had in hand is known by it.
    node: String,
    holder: String,
    /// There may be a new job.
    wake: Notify,
    stop: CancellationToken,
    running: Mutex<HashMap<i64, Running>>,
    /// Counts the jobs that ended here.
    ended: watch::Sender<u64>,
    work: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Clone, Debug)]
struct Running {
    kind: JobKind,
    subject: i64,
    control: Control,
}

impl Builder {
    /// A builder of the machine that is known as `node`.
    pub(crate) fn new(node: String) -> Self {
        let holder = format!("{node}/{}", Seed::random());
        let shared = Shared {
            node,
            holder,
            wake: Notify::new(),
            stop: CancellationToken::new(),
            running: Mutex::default(),
            ended: watch::Sender::new(0),
            work: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Takes up what earlier lives left, and goes to work. To be called once, by whoever has the data directory's lock.
    pub(crate) async fn start(&self, server: &Server) -> anyhow::Result<()> {
        server.store().release_jobs_of(&self.shared.node).await?;
        server.artefacts().remove_private().await?;
        forget_lost_images(server).await?;
        let (builder, server) = (self.clone(), server.clone());
        *lock(&self.shared.work) = Some(tokio::spawn(async move { builder.work(&server).await }));
        Ok(())
    }

    /// Stops work: jobs in hand are given back, to be taken up at the next start. Returns when all have stopped.
    pub(crate) async fn stop(&self) {
        self.shared.stop.cancel();
        let work = lock(&self.shared.work).take();
        if let Some(work) = work
            && let Err(error) = work.await
        {
            tracing::error!(%error, "the builder failed");
        }
    }

    /// Says that there may be a new job.
    pub(crate) fn wake(&self) {
        self.shared.wake.notify_one();
    }

    /// Has the job of a subject stopped at once that the queue already knows to be unwanted.
    pub(crate) fn cancel(&self, kind: JobKind, subject: i64) {
        for running in lock(&self.shared.running).values() {
            if running.kind == kind && running.subject == subject {
                running.control.halt(Halt::Cancelled);
            }
        }
    }

    /// What changes with each job that ends in this process.
    pub(crate) fn ended(&self) -> watch::Receiver<u64> {
        self.shared.ended.subscribe()
    }

    async fn work(&self, server: &Server) {
        let mut jobs = JoinSet::new();
        let mut poll = tokio::time::interval(POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut renewed = Instant::now();
        loop {
            // Before anything is claimed: a machine that slept may find its own leases run out.
            if renewed.elapsed() >= RENEWAL {
                match self.renew(server).await {
                    Ok(()) => renewed = Instant::now(),
                    Err(error) => tracing::error!(%error, "the leases cannot be renewed"),
                }
            }
            if let Err(error) = self.claim(server, &mut jobs).await {
                tracing::error!(%error, "no job can be claimed");
            }
            tokio::select! {
                () = self.shared.stop.cancelled() => break,
                () = self.shared.wake.notified() => {}
                Some(_) = jobs.join_next(), if !jobs.is_empty() => {}
                _ = poll.tick() => {
                    if let Err(error) = self.watch(server).await {
                        tracing::error!(%error, "the queue cannot be read");
                    }
                }
            }
        }
        for running in lock(&self.shared.running).values() {
            running.control.halt(Halt::Stopped);
        }
        while jobs.join_next().await.is_some() {}
    }

    /// Claims jobs as long as there is room.
    async fn claim(&self, server: &Server, jobs: &mut JoinSet<()>) -> Result<(), StoreError> {
        for kind in JobKind::ALL {
            let room = match kind {
                JobKind::Image => server.settings().generations.max(1),
                JobKind::Scan => READINGS,
            };
            while self.count(kind) < room && server.store().has_waiting_jobs(kind).await? {
                let Some(job) = server.store().claim_job(kind, &self.shared.holder).await? else { break };
                self.spawn(server, job, jobs);
            }
        }
        Ok(())
    }

    fn spawn(&self, server: &Server, job: Job, jobs: &mut JoinSet<()>) {
        let control = Control::default();
        let running = Running { kind: job.kind, subject: job.subject, control: control.clone() };
        if lock(&self.shared.running).insert(job.id, running).is_some() {
            // Its lease had run out under us, and was renewed by claiming it: it goes on.
            return;
        }
        let (builder, server) = (self.clone(), server.clone());
        jobs.spawn(async move {
            let done = AssertUnwindSafe(run(&server, &job, &control)).catch_unwind().await;
            match done {
                Ok(Ok(())) => {}
                // Its lease is not renewed any more: it will be claimed again.
                Ok(Err(error)) => tracing::error!(%error, ?job, "what came of a job cannot be written down"),
                Err(_) => tracing::error!(?job, "a job panicked"),
            }
            lock(&builder.shared.running).remove(&job.id);
            builder.shared.ended.send_modify(|count| *count = count.wrapping_add(1));
        });
    }

    /// Stops the jobs that somebody cancelled or that are not ours any more.
    async fn watch(&self, server: &Server) -> Result<(), StoreError> {
        // Those that are claimed while the queue is read are not judged.
        let running = lock(&self.shared.running).clone();
        if running.is_empty() {
            return Ok(());
        }
        let held = server.store().held_jobs(&self.shared.holder).await?;
        for (id, running) in running {
            match held.iter().find(|held| held.id == id) {
                None => running.control.halt(Halt::Lost),
                Some(held) if held.cancelled => running.control.halt(Halt::Cancelled),
                Some(_) => {}
            }
        }
        Ok(())
    }

    async fn renew(&self, server: &Server) -> Result<(), StoreError> {
        let jobs: Vec<i64> = lock(&self.shared.running).keys().copied().collect();
        if jobs.is_empty() {
            return Ok(());
        }
        server.store().renew_jobs(&self.shared.holder, &jobs).await
    }

    fn count(&self, kind: JobKind) -> usize {
        lock(&self.shared.running).values().filter(|running| running.kind == kind).count()
    }
}

/// Does a job and writes down what came of it.
async fn run(server: &Server, job: &Job, control: &Control) -> Result<(), StoreError> {
    match job.kind {
        JobKind::Image => image::run(server, job, control).await,
        JobKind::Scan => scan::run(server, job, control).await,
    }
}

/// Removes directories of images that the database does not know: made by a builder whose job was taken away with the image.
async fn forget_lost_images(server: &Server) -> anyhow::Result<()> {
    let known = server.store().image_numbers().await?;
    for image in server.artefacts().local_images().await? {
        if known.binary_search(&image).is_err() {
            server.artefacts().delete(image).await?;
        }
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What it guards is whole at every moment.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How soon a builder learns of what other processes put into the queue or cancelled.
const POLL: Duration = Duration::from_millis(300);
/// Trees that are read at once: they are read by one thread each and from the same disk.
const READINGS: usize = 1;
/// Three renewals may fail before a job is lost.
const RENEWAL: Duration = Duration::from_millis(LEASE.as_millis() as u64 / 4);

#[cfg(test)]
mod tests;
