use sqlx::{Sqlite, Transaction};

use super::super::jobs::{self, Job};
use super::super::{Store, StoreError, now};
use super::{discard_files, signed};

/// An image to be made: all that a builder needs, the same at every attempt.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct ImageTask {
    pub(crate) id: i64,
    pub(crate) name: String,
    /// The recipe, JSON.
    pub(crate) request: String,
    pub(crate) seed: String,
    pub(crate) timestamp: i64,
    /// JSON list of sentences.
    pub(crate) notes: String,
    pub(crate) tree_file: Option<String>,
    pub(crate) tree_path: Option<String>,
    pub(crate) machine_report: Option<String>,
    /// Whether somebody wants it stopped.
    pub(crate) cancelled: bool,
}

/// How far the making of an image is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ImageProgress {
    pub(crate) percentage: u8,
    pub(crate) bytes_done: u64,
    pub(crate) bytes_total: u64,
    pub(crate) message: &'static str,
}

/// What was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MadeImage {
    /// What there is to say about it.
    pub(crate) message: String,
    /// The profile in effect, JSON.
    pub(crate) profile: String,
    /// The file to be downloaded, with its SHA-256, if one was asked for.
    pub(crate) download: Option<(String, String)>,
    /// Bytes of the file to be downloaded, else of all files.
    pub(crate) file_size: u64,
    /// Bytes of all files.
    pub(crate) total_size: u64,
}

/// How an image ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ImageEnd {
    Complete(MadeImage),
    /// Why, in a sentence, and all that is known.
    Failed(String, Option<String>),
    Cancelled,
}

impl Store {
    /// The image of a job that was claimed, which is being made from now on; `None` when there is none any more.
    pub(crate) async fn begin_image(&self, job: &Job) -> Result<Option<ImageTask>, StoreError> {
        let mut change = self.begin().await?;
        sqlx::query(
            "UPDATE images SET state = 'running', message = 'Starting', modified = $1
             WHERE id = $2 AND state IN ('queued', 'running')",
        )
        .bind(now())
        .bind(job.subject)
        .execute(&mut *change)
        .await?;
        let task = sqlx::query_as(
            "SELECT m.id, m.name, m.request, m.seed, m.timestamp, m.notes, s.tree_file, s.tree_path,
                 s.machine_report, j.cancelled
             FROM images m JOIN scans s ON s.id = m.scan_id JOIN jobs j ON j.id = $1 AND j.holder = $2
             WHERE m.id = $3 AND m.state = 'running'",
        )
        .bind(job.id)
        .bind(&job.holder)
        .bind(job.subject)
        .fetch_optional(&mut *change)
        .await?;
        if task.is_none() {
            // A job without its image: nothing is left to be done.
            jobs::end(&mut change, job).await?;
        }
        change.commit().await?;
        Ok(task)
    }

    /// Says how far the image of a job is; the percentage never falls, not even when it is begun again.
    pub(crate) async fn advance_image(&self, job: &Job, progress: ImageProgress) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        sqlx::query(
            "UPDATE images SET percentage = CASE WHEN percentage < $1 THEN $1 ELSE percentage END,
                 bytes_done = $2, bytes_total = $3, message = $4, modified = $5
             WHERE id = $6 AND state = 'running'
                 AND EXISTS (SELECT 1 FROM jobs WHERE id = $7 AND holder = $8)",
        )
        .bind(i64::from(progress.percentage))
        .bind(signed(progress.bytes_done))
        .bind(signed(progress.bytes_total))
        .bind(progress.message)
        .bind(now())
        .bind(job.subject)
        .bind(job.id)
        .bind(&job.holder)
        .execute(&mut *change)
        .await?;
        change.commit().await
    }

    /// Says what came of the image of a job, which is over with that.
    ///
    /// A builder that lost its job says nothing: what it made is garbage, unless another makes or made the same. Whether there is
    /// garbage.
    pub(crate) async fn end_image(&self, job: &Job, end: &ImageEnd) -> Result<bool, StoreError> {
        let mut change = self.begin().await?;
        if jobs::end(&mut change, job).await? {
            note_end(&mut change, job.subject, end).await?;
        }
        let wanted: Option<i64> = sqlx::query_scalar(
            "SELECT id FROM images WHERE id = $1 AND state IN ('queued', 'running', 'complete')",
        )
        .bind(job.subject)
        .fetch_optional(&mut *change)
        .await?;
        if wanted.is_none() {
            // It may have been published before it was cancelled, deleted or found to be unusable.
            discard_files(&mut change, job.subject, job.user, 0).await?;
        }
        change.commit().await?;
        Ok(wanted.is_none())
    }
}

/// How an image ended that was not over before.
pub(super) async fn note_end(
    change: &mut Transaction<'static, Sqlite>,
    image: i64,
    end: &ImageEnd,
) -> Result<(), StoreError> {
    let statement = match end {
        ImageEnd::Complete(made) => {
            let (file_name, sha256) = match &made.download {
                Some((name, sha256)) => (Some(name), Some(sha256)),
                None => (None, None),
            };
            sqlx::query(
                "UPDATE images SET state = 'complete', percentage = 100, bytes_done = bytes_total,
                     message = $8, profile = $3, file_name = $4, sha256 = $5, file_size = $6,
                     total_size = $7, held_bytes = $7, modified = $2, finished = $2
                 WHERE id = $1 AND state IN ('queued', 'running')",
            )
            .bind(image)
            .bind(now())
            .bind(&made.profile)
            .bind(file_name)
            .bind(sha256)
            .bind(signed(made.file_size))
            .bind(signed(made.total_size))
            .bind(&made.message)
        }
        ImageEnd::Failed(error, detail) => sqlx::query(
            "UPDATE images SET state = 'failed', message = 'Generation failed', error = $3, error_detail = $4,
                 held_bytes = 0, modified = $2, finished = $2
             WHERE id = $1 AND state IN ('queued', 'running')",
        )
        .bind(image)
        .bind(now())
        .bind(error)
        .bind(detail.as_ref()),
        ImageEnd::Cancelled => sqlx::query(
            "UPDATE images SET state = 'cancelled', message = 'Cancelled', held_bytes = 0, modified = $2,
                 finished = $2
             WHERE id = $1 AND state IN ('queued', 'running')",
        )
        .bind(image)
        .bind(now()),
    };
    statement.execute(&mut **change).await?;
    Ok(())
}
