//! Images: what they are and how they come and go.
//!
//! ```text
//! queued ─> running ─> complete, failed, cancelled
//!    └──────────────────────────────────> cancelled
//! ```

mod making;

pub(crate) use making::{ImageEnd, ImageProgress, ImageTask, MadeImage};

use sqlx::{Sqlite, Transaction};

use super::jobs::{self, JobKind};
use super::quota::{self, QuotaError, Usage};
use super::{Store, StoreError, garbage, now};
use crate::settings::Quota;

/// An image, or the ticket for one.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Image {
    pub(crate) id: i64,
    pub(crate) instance_id: i64,
    pub(crate) scan_id: i64,
    /// The owner's login.
    pub(crate) login: String,
    pub(crate) name: String,
    /// Number of the generation, from 1 for each scan.
    pub(crate) revision: i64,
    /// Name of the target format, as the API lists it.
    pub(crate) format: String,
    pub(crate) compress: bool,
    /// The recipe, JSON.
    pub(crate) request: String,
    #[sqlx(try_from = "String")]
    pub(crate) state: ImageState,
    pub(crate) percentage: i64,
    pub(crate) bytes_done: i64,
    pub(crate) bytes_total: i64,
    pub(crate) message: String,
    /// JSON list of sentences.
    pub(crate) notes: String,
    pub(crate) error: Option<String>,
    pub(crate) error_detail: Option<String>,
    /// The profile in effect, JSON.
    pub(crate) profile: Option<String>,
    /// The file that can be downloaded, if there is one.
    pub(crate) file_name: Option<String>,
    pub(crate) file_size: i64,
    pub(crate) total_size: i64,
    /// Of that file.
    pub(crate) sha256: Option<String>,
    /// How often a download key was redeemed.
    pub(crate) downloads: i64,
    pub(crate) created: i64,
    pub(crate) modified: i64,
    pub(crate) finished: Option<i64>,
}

/// How far an image is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ImageState {
    Queued,
    Running,
    Complete,
    Failed,
    Cancelled,
}

impl ImageState {
    /// Whether nothing is done for it any more.
    pub(crate) fn is_over(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

impl TryFrom<String> for ImageState {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        match name.as_str() {
            "queued" => Ok(Self::Queued),
            "running" => Ok(Self::Running),
            "complete" => Ok(Self::Complete),
            "failed" => Ok(Self::Failed),
            "cancelled" => Ok(Self::Cancelled),
            _ => Err(format!("unknown state of an image: {name}")),
        }
    }
}

/// What of a scan an image is made of.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct ImageOrigin {
    /// Whether its tree is read.
    pub(crate) is_complete: bool,
    pub(crate) instance_name: String,
    pub(crate) machine_report: Option<String>,
    /// Its install profile, JSON.
    pub(crate) profile: Option<String>,
    /// What else its tree says of its machine, JSON.
    pub(crate) facts: Option<String>,
    pub(crate) content_bytes: i64,
}

/// An image to be made.
#[derive(Clone, Debug)]
pub(crate) struct NewImage {
    pub(crate) scan: i64,
    pub(crate) name: String,
    pub(crate) format: String,
    pub(crate) compress: bool,
    pub(crate) request: String,
    pub(crate) seed: String,
    /// Seconds since the epoch.
    pub(crate) timestamp: i64,
    pub(crate) notes: String,
    pub(crate) profile: String,
    /// Bytes that its files will hardly exceed.
    pub(crate) bytes: u64,
}

/// Which of a user's images.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ImageSelection {
    All,
    /// Those of a scan below an instance.
    Scan(i64, i64),
    /// One of a scan below an instance.
    One(i64, i64, i64),
}

/// What became of the wish to stop an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stopping {
    /// There is no such image.
    Unknown,
    /// It is over, now or since long.
    Over,
    /// A builder that has it will stop.
    UnderWay,
}

impl Store {
    /// What an image of this scan of `user` would be made of.
    pub(crate) async fn image_origin(
        &self,
        user: i64,
        instance: i64,
        scan: i64,
    ) -> Result<Option<ImageOrigin>, StoreError> {
        sqlx::query_as(
            "SELECT s.state = 'complete' AS is_complete, i.name AS instance_name, s.machine_report, s.profile,
                 s.facts, s.content_bytes
             FROM scans s JOIN scanned_instances i ON i.id = s.instance_id
             WHERE s.id = $1 AND s.instance_id = $2 AND s.user_id = $3",
        )
        .bind(scan)
        .bind(instance)
        .bind(user)
        .fetch_optional(self.reader())
        .await
    }

    /// The selected images of `user`, by their numbers.
    pub(crate) async fn images(
        &self,
        user: i64,
        selection: ImageSelection,
    ) -> Result<Vec<Image>, StoreError> {
        let (instance, scan, image) = selection.numbers();
        sqlx::query_as(
            "SELECT m.*, s.instance_id, u.login FROM images m
             JOIN scans s ON s.id = m.scan_id JOIN users u ON u.id = m.user_id
             WHERE m.user_id = $1 AND ($2 IS NULL OR s.instance_id = $2) AND ($3 IS NULL OR m.scan_id = $3)
                 AND ($4 IS NULL OR m.id = $4)
             ORDER BY m.id",
        )
        .bind(user)
        .bind(instance)
        .bind(scan)
        .bind(image)
        .fetch_all(self.reader())
        .await
    }

    /// One image of `user`.
    pub(crate) async fn image(
        &self,
        user: i64,
        instance: i64,
        scan: i64,
        id: i64,
    ) -> Result<Option<Image>, StoreError> {
        Ok(self.images(user, ImageSelection::One(instance, scan, id)).await?.pop())
    }

    /// Notes an image of a complete scan of `user` and the job to make it, unless `queue` images of all users wait already; its
    /// number. `None` when the scan is gone.
    pub(crate) async fn add_image(
        &self,
        user: i64,
        new: &NewImage,
        quota: &Quota,
        queue: u64,
    ) -> Result<Option<i64>, QuotaError> {
        let mut change = self.begin().await?;
        let more = Usage { images: 1, bytes: new.bytes, ..Usage::default() };
        quota::reserve(&mut change, user, quota, more).await?;
        let waiting = jobs::waiting(&mut change, JobKind::Image).await?;
        if waiting >= queue {
            return Err(QuotaError::QueueFull(waiting));
        }
        let id: Option<i64> = sqlx::query_scalar(
            "INSERT INTO images (scan_id, user_id, name, revision, format, compress, request, seed, timestamp,
                 state, message, notes, profile, held_bytes, created, modified)
             SELECT s.id, s.user_id, $1,
                 (SELECT COALESCE(MAX(revision), 0) + 1 FROM images WHERE scan_id = s.id),
                 $2, $3, $4, $5, $6, 'queued', 'Queued', $7, $8, $9, $10, $10
             FROM scans s WHERE s.id = $11 AND s.user_id = $12 AND s.state = 'complete'
             RETURNING id",
        )
        .bind(&new.name)
        .bind(&new.format)
        .bind(new.compress)
        .bind(&new.request)
        .bind(&new.seed)
        .bind(new.timestamp)
        .bind(&new.notes)
        .bind(&new.profile)
        .bind(signed(new.bytes))
        .bind(now())
        .bind(new.scan)
        .bind(user)
        .fetch_optional(&mut *change)
        .await?;
        let Some(id) = id else { return Ok(None) };
        sqlx::query("INSERT INTO jobs (kind, subject_id, user_id, created) VALUES ('image', $1, $2, $3)")
            .bind(id)
            .bind(user)
            .bind(now())
            .execute(&mut *change)
            .await?;
        change.commit().await?;
        Ok(Some(id))
    }

    /// Stops an image of `user`: one that waits is over at once, one that a builder has is marked.
    pub(crate) async fn stop_image(&self, user: i64, id: i64) -> Result<Stopping, StoreError> {
        let mut change = self.begin().await?;
        let found: Option<i64> = sqlx::query_scalar("SELECT id FROM images WHERE id = $1 AND user_id = $2")
            .bind(id)
            .bind(user)
            .fetch_optional(&mut *change)
            .await?;
        if found.is_none() {
            return Ok(Stopping::Unknown);
        }
        let waiting =
            sqlx::query("DELETE FROM jobs WHERE kind = 'image' AND subject_id = $1 AND holder IS NULL")
                .bind(id)
                .execute(&mut *change)
                .await?;
        if waiting.rows_affected() > 0 {
            making::note_end(&mut change, id, &ImageEnd::Cancelled).await?;
            change.commit().await?;
            return Ok(Stopping::Over);
        }
        let marked = sqlx::query("UPDATE jobs SET cancelled = 1 WHERE kind = 'image' AND subject_id = $1")
            .bind(id)
            .execute(&mut *change)
            .await?;
        change.commit().await?;
        Ok(if marked.rows_affected() > 0 { Stopping::UnderWay } else { Stopping::Over })
    }

    /// Forgets an image of `user` that is over; its files become garbage. Whether there was one.
    pub(crate) async fn delete_image(&self, user: i64, id: i64) -> Result<bool, StoreError> {
        let mut change = self.begin().await?;
        let held: Option<i64> = sqlx::query_scalar(
            "DELETE FROM images WHERE id = $1 AND user_id = $2 AND state NOT IN ('queued', 'running')
             RETURNING held_bytes",
        )
        .bind(id)
        .bind(user)
        .fetch_optional(&mut *change)
        .await?;
        let Some(held) = held else { return Ok(false) };
        discard_files(&mut change, id, user, held).await?;
        change.commit().await?;
        Ok(true)
    }

    /// Redeems the download key that was made for the `downloads`-th download: once, whoever else tries at the same time.
    pub(crate) async fn redeem_download(&self, id: i64, downloads: i64) -> Result<bool, StoreError> {
        let mut change = self.begin().await?;
        let redeemed =
            sqlx::query("UPDATE images SET downloads = downloads + 1 WHERE id = $1 AND downloads = $2")
                .bind(id)
                .bind(downloads)
                .execute(&mut *change)
                .await?;
        change.commit().await?;
        Ok(redeemed.rows_affected() == 1)
    }

    /// The numbers of all images.
    pub(crate) async fn image_numbers(&self) -> Result<Vec<i64>, StoreError> {
        sqlx::query_scalar("SELECT id FROM images ORDER BY id").fetch_all(self.reader()).await
    }
}

impl ImageSelection {
    fn numbers(self) -> (Option<i64>, Option<i64>, Option<i64>) {
        match self {
            Self::All => (None, None, None),
            Self::Scan(instance, scan) => (Some(instance), Some(scan), None),
            Self::One(instance, scan, image) => (Some(instance), Some(scan), Some(image)),
        }
    }
}

/// The files of an image, if there are any, become garbage.
async fn discard_files(
    change: &mut Transaction<'static, Sqlite>,
    image: i64,
    user: i64,
    bytes: i64,
) -> Result<(), StoreError> {
    garbage::discard(change, &format!("images/{image}"), user, bytes).await
}

/// As the database has it; nothing is as long as that.
fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
