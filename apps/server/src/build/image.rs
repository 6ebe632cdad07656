//! Making an image.
//!
//! Every attempt has a folder of its own, in which the engine writes; when it is done, the folder is published, and then the row says
//! so. Where an image is published already, by an attempt that died before it could say so, the row is all that is left to do.

use std::future::IntoFuture;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::{Duration, Instant};

use diskwright::engine::{Canceller, Generation};
use diskwright::sink::{DirectorySink, Overwrite};
use diskwright::{Error, ErrorKind, Files, Phase};
use futures_util::TryStreamExt;
use sha2::{Digest, Sha256};
use tokio::time::MissedTickBehavior;

use super::made::Output;
use super::reason::{explain, place, without_places};
use super::{Control, Halt, Made, Recipe};
use crate::artefacts;
use crate::hexadecimal::hexadecimal;
use crate::server::Server;
use crate::store::{ImageEnd, ImageProgress, ImageTask, Job, MAX_ATTEMPTS, MadeImage, StoreError};

/// Makes the image of a job, or goes on with it, and writes down what came of it.
pub(super) async fn run(server: &Server, job: &Job, control: &Control) -> Result<(), StoreError> {
    let since = Instant::now();
    let Some(task) = server.store().begin_image(job).await? else { return Ok(()) };
    let place = place(task.tree_file.as_deref(), task.tree_path.as_deref());
    if task.cancelled {
        control.halt(Halt::Cancelled);
    }
    let end = match make(server, job, &task, control).await {
        Ok(made) => ImageEnd::Complete(made),
        Err(Unmade::Halted) => match control.halted() {
            Some(Halt::Stopped) => return server.store().release_job(job).await,
            _ => ImageEnd::Cancelled,
        },
        Err(Unmade::Failed { error, detail }) => {
            let error = without_places(server, &error, &place);
            let detail = detail.map(|detail| without_places(server, &detail, &place));
            tracing::warn!(image = task.id, error, detail, "an image cannot be made");
            ImageEnd::Failed(error, detail)
        }
    };
    let (state, bytes) = match &end {
        ImageEnd::Complete(made) => ("complete", made.total_size),
        ImageEnd::Cancelled => ("cancelled", 0),
        ImageEnd::Failed(..) => ("failed", 0),
    };
    server.metrics().image_ends(state, bytes, since.elapsed());
    if server.store().end_image(job, &end).await? {
        server.sweep().await;
    }
    Ok(())
}

/// Why an attempt made no image.
enum Unmade {
    /// The job was told to stop.
    Halted,
    /// The reason, in a sentence, and all that is known of it.
    Failed { error: String, detail: Option<String> },
}

async fn make(server: &Server, job: &Job, task: &ImageTask, control: &Control) -> Result<MadeImage, Unmade> {
    let found = server.artefacts().report(task.id).await.map_err(broken_store)?;
    let report = match found {
        Some(report) => report,
        None if job.attempt > MAX_ATTEMPTS => {
            let error = format!("given up after {MAX_ATTEMPTS} attempts, in each of which the server died");
            return Err(Unmade::Failed { error, detail: None });
        }
        None => {
            generate(server, job, task, control).await?;
            let report = server.artefacts().report(task.id).await.map_err(broken_store)?;
            report.ok_or_else(|| broken_store("the image that was just published is not there"))?
        }
    };
    let made = Made::parse(&report).map_err(|error| broken_store(format!("the report: {error}")))?;
    let download = match made.download() {
        None => None,
        Some(output) => Some((output.path.clone(), sha256(server, task.id, output, control).await?)),
    };
    Ok(MadeImage {
        message: made.message(),
        profile: made.profile().to_json(),
        file_size: made.download().map_or(made.total(), |output| output.length),
        total_size: made.total(),
        download,
    })
}

/// One attempt, from the tree to the published image; whatever happens, its private folder is gone afterwards.
async fn generate(server: &Server, job: &Job, task: &ImageTask, control: &Control) -> Result<(), Unmade> {
    let folder = server.artefacts().folder(task.id, job.attempt);
    let written = write(server, job, task, &folder, control).await;
    let published = match written {
        // What is not wanted need not be moved. When the server stops, it is: the next start only completes the row.
        Ok(()) if matches!(control.halted(), Some(Halt::Cancelled | Halt::Lost)) => Err(Unmade::Halted),
        Ok(()) => match server.artefacts().publish(task.id, &folder, control.wait()).await {
            Err(_) if control.halted().is_some() => Err(Unmade::Halted),
            published => published.map_err(broken_store),
        },
        Err(unmade) => Err(unmade),
    };
    if published.is_err()
        && let Err(error) = artefacts::remove(folder).await
    {
        tracing::error!(%error, image = task.id, "what an attempt left cannot be removed");
    }
    published
}

/// Has the engine write the image into `folder`.
async fn write(
    server: &Server,
    job: &Job,
    task: &ImageTask,
    folder: &Path,
    control: &Control,
) -> Result<(), Unmade> {
    let generation = begin(server, job, task, folder.to_owned()).await.map_err(|error| failed(&error))?;
    let canceller = generation.canceller();
    let mut end = pin!(generation.into_future());
    let mut progress = Progress { server, job, canceller: &canceller, last: ImageProgress::default() };
    let mut ticks = tokio::time::interval(PROGRESS);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let result = loop {
        tokio::select! {
            result = &mut end => break result,
            () = control.wait(), if !canceller.is_cancelled() => canceller.cancel(),
            _ = ticks.tick() => progress.write().await,
        }
    };
    match result {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::Cancelled => Err(Unmade::Halted),
        Err(error) => Err(failed(&error)),
    }
}

/// Opens tree and folder and gives the order to the engine.
async fn begin(
    server: &Server,
    job: &Job,
    task: &ImageTask,
    folder: PathBuf,
) -> diskwright::Result<Generation> {
    let (server, owner, task) = (server.clone(), job.user.to_string(), task.clone());
    let begun = tokio::task::spawn_blocking(move || {
        let recipe: Recipe = serde_json::from_str(&task.request).map_err(|error| {
            Error::new(ErrorKind::Internal, "the recipe cannot be read").with_source(error)
        })?;
        let tree = server.folder().tree(task.tree_file.as_deref(), task.tree_path.as_deref())?;
        let sink = DirectorySink::create(Files::default(), &folder, Overwrite::Refuse)?;
        let order = recipe.order(&server, &task, &tree, &folder)?;
        server.engine().start_for(&owner, order, Box::new(sink))
    });
    begun.await.map_err(|error| Error::new(ErrorKind::Internal, "the order panicked").with_source(error))?
}

/// Says how far a generation is, where that has changed.
struct Progress<'a> {
    server: &'a Server,
    job: &'a Job,
    canceller: &'a Canceller,
    last: ImageProgress,
}

impl Progress<'_> {
    async fn write(&mut self) {
        let status = self.canceller.status();
        let (message, from, to) = match status.phase {
            Phase::Queued => ("Waiting for memory", 0, 0),
            Phase::Scanning => ("Reading the scan", 1, 1),
            Phase::Planning => ("Laying out the disk", 3, 3),
            Phase::Writing => ("Writing the image", 5, 95),
            _ => ("Making the image durable", 96, 96),
        };
        let share = u64::from(status.percentage()) * u64::from(to - from) / 100;
        let percentage = u8::try_from(share).unwrap_or(0).saturating_add(from);
        let now = ImageProgress { percentage, bytes_done: status.done, bytes_total: status.total, message };
        if now == self.last {
            return;
        }
        self.last = now;
        if let Err(error) = self.server.store().advance_image(self.job, now).await {
            tracing::warn!(%error, "the progress of an image cannot be written down");
        }
    }
}

/// The SHA-256 of a file of a published image: from its report, else of its bytes.
async fn sha256(server: &Server, image: i64, output: &Output, control: &Control) -> Result<String, Unmade> {
    if let Some(known) = &output.sha256 {
        return Ok(known.clone());
    }
    let mut pieces =
        server.artefacts().read(image, &output.path, 0..output.length).await.map_err(broken_store)?;
    let runtime = tokio::runtime::Handle::current();
    let control = control.clone();
    let hashed = tokio::task::spawn_blocking(move || {
        let mut hash = Sha256::new();
        while let Some(piece) = runtime.block_on(pieces.try_next()).map_err(broken_store)? {
            if control.halted().is_some() {
                return Err(Unmade::Halted);
            }
            hash.update(&piece);
        }
        Ok(hexadecimal(&hash.finalize()))
    });
    hashed.await.map_err(broken_store)?
}

fn failed(error: &Error) -> Unmade {
    let (error, detail) = explain(error, "the server could not write the image");
    Unmade::Failed { error, detail: Some(detail) }
}

fn broken_store(error: impl std::fmt::Display) -> Unmade {
    Unmade::Failed {
        error: "the server could not keep the image".to_owned(),
        detail: Some(error.to_string()),
    }
}

/// How often progress is written down, at most.
const PROGRESS: Duration = Duration::from_millis(500);
