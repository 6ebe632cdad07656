//! The queue: what is to be done, who has it in hand, and until when.
//!
//! A builder claims a job for [`LEASE`] and renews the lease while it works. A lease that ran out makes the job anybody's
//! again, so that a builder that died loses nothing. A job ends in the transaction that writes what came of it, and only for
//! the builder that has it: whoever lost its lease on the way ends nothing.

use std::time::Duration;

use sqlx::{Sqlite, Transaction};

use super::{Store, StoreError, now};

/// Something to be done, in the hands of the builder that claimed it.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) id: i64,
    pub(crate) kind: JobKind,
    /// Number of the scan or image.
    pub(crate) subject: i64,
    pub(crate) user: i64,
    /// How often it was claimed, this time too, by builders that did not give it back in order.
    pub(crate) attempt: i64,
    /// Who has it.
    pub(crate) holder: String,
}

/// What a job is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum JobKind {
    /// Reading the tree of a scan.
    Scan,
    /// Making an image.
    Image,
}

impl JobKind {
    pub(crate) const ALL: [Self; 2] = [Self::Scan, Self::Image];

    /// As it stands in the database.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Image => "image",
        }
    }
}

/// A job that a builder still has.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
pub(crate) struct HeldJob {
    pub(crate) id: i64,
    /// Whether somebody wants it stopped.
    pub(crate) cancelled: bool,
}

impl Store {
    /// Whether there may be a job to claim: asked often, so without a transaction.
    pub(crate) async fn has_waiting_jobs(&self, kind: JobKind) -> Result<bool, StoreError> {
        let waiting: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM jobs WHERE kind = $1 AND (lease_until IS NULL OR lease_until < $2)",
        )
        .bind(kind.name())
        .bind(now())
        .fetch_one(self.reader())
        .await?;
        Ok(waiting > 0)
    }

    /// Claims a waiting job of `kind` for `holder`: of the user who has the fewest in hand, the oldest.
    ///
    /// One statement within a transaction that holds the write lock from its beginning, so that no two builders get one job.
    /// On PostgreSQL, where writers run beside each other, the inner SELECT ends with `FOR UPDATE SKIP LOCKED`: each builder
    /// passes over the rows that others are about to claim instead of waiting for them.
    pub(crate) async fn claim_job(&self, kind: JobKind, holder: &str) -> Result<Option<Job>, StoreError> {
        let mut change = self.begin().await?;
        let claimed: Option<(i64, i64, i64, i64)> = sqlx::query_as(
            "UPDATE jobs SET holder = $1, lease_until = $2, attempt = attempt + 1
             WHERE id = (
                 SELECT waiting.id FROM jobs AS waiting
                 WHERE waiting.kind = $3 AND (waiting.lease_until IS NULL OR waiting.lease_until < $4)
                 ORDER BY (SELECT COUNT(*) FROM jobs AS held
                           WHERE held.user_id = waiting.user_id AND held.lease_until >= $4), waiting.id
                 LIMIT 1)
             RETURNING id, subject_id, user_id, attempt",
        )
        .bind(holder)
        .bind(lease_end())
        .bind(kind.name())
        .bind(now())
        .fetch_optional(&mut *change)
        .await?;
        change.commit().await?;
        Ok(claimed.map(|(id, subject, user, attempt)| {
            let holder = holder.to_owned();
            Job { id, kind, subject, user, attempt, holder }
        }))
    }

    /// The jobs that `holder` still has.
    pub(crate) async fn held_jobs(&self, holder: &str) -> Result<Vec<HeldJob>, StoreError> {
        sqlx::query_as("SELECT id, cancelled FROM jobs WHERE holder = $1")
            .bind(holder)
            .fetch_all(self.reader())
            .await
    }

    /// Renews the leases of those of `jobs` that `holder` still has.
    pub(crate) async fn renew_jobs(&self, holder: &str, jobs: &[i64]) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        for job in jobs {
            sqlx::query("UPDATE jobs SET lease_until = $1 WHERE id = $2 AND holder = $3")
                .bind(lease_end())
                .bind(job)
                .bind(holder)
                .execute(&mut *change)
                .await?;
        }
        change.commit().await
    }

    /// Gives a job back: it waits again, and this time does not count as an attempt.
    pub(crate) async fn release_job(&self, job: &Job) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        let released = sqlx::query(
            "UPDATE jobs SET holder = NULL, lease_until = NULL, attempt = attempt - 1
             WHERE id = $1 AND holder = $2",
        )
        .bind(job.id)
        .bind(&job.holder)
        .execute(&mut *change)
        .await?;
        if released.rows_affected() > 0 {
            wait_again(&mut change).await?;
        }
        change.commit().await
    }

    /// Makes all jobs wait again that earlier lives of the builder `node` had in hand: it is certain that they are over.
    pub(crate) async fn release_jobs_of(&self, node: &str) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        sqlx::query("UPDATE jobs SET holder = NULL, lease_until = NULL WHERE holder LIKE $1 || '/%'")
            .bind(node)
            .execute(&mut *change)
            .await?;
        wait_again(&mut change).await?;
        change.commit().await
    }
}

/// How many jobs of `kind` no builder has in hand.
pub(super) async fn waiting(
    change: &mut Transaction<'static, Sqlite>,
    kind: JobKind,
) -> Result<u64, StoreError> {
    let waiting: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM jobs WHERE kind = $1 AND holder IS NULL")
        .bind(kind.name())
        .fetch_one(&mut **change)
        .await?;
    Ok(u64::try_from(waiting).unwrap_or(0))
}

/// Ends a job, in the transaction that says what came of it; whether the holder still had it.
pub(super) async fn end(change: &mut Transaction<'static, Sqlite>, job: &Job) -> Result<bool, StoreError> {
    let ended = sqlx::query("DELETE FROM jobs WHERE id = $1 AND holder = $2")
        .bind(job.id)
        .bind(&job.holder)
        .execute(&mut **change)
        .await?;
    Ok(ended.rows_affected() > 0)
}

/// What no builder has in hand says so.
async fn wait_again(change: &mut Transaction<'static, Sqlite>) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE images SET state = 'queued', message = 'Queued', modified = $1
         WHERE state = 'running' AND id IN (SELECT subject_id FROM jobs WHERE kind = 'image' AND holder IS NULL)",
    )
    .bind(now())
    .execute(&mut **change)
    .await?;
    sqlx::query(
        "UPDATE scans SET state = 'queued', message = 'Waiting to be read', modified = $1
         WHERE state = 'reading' AND id IN (SELECT subject_id FROM jobs WHERE kind = 'scan' AND holder IS NULL)",
    )
    .bind(now())
    .execute(&mut **change)
    .await?;
    Ok(())
}

fn lease_end() -> i64 {
    now().saturating_add(i64::try_from(LEASE.as_millis()).unwrap_or(i64::MAX))
}

/// How long a builder has a job without saying anything.
pub(crate) const LEASE: Duration = Duration::from_secs(30);

/// How often a job is begun before it is given up.
pub(crate) const MAX_ATTEMPTS: i64 = 3;
