use sqlx::{Sqlite, Transaction};

use super::super::jobs::{self, Job};
use super::super::{Store, StoreError, now};

/// A tree to be read.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct ScanTask {
    pub(crate) id: i64,
    pub(crate) tree_file: Option<String>,
    pub(crate) tree_path: Option<String>,
    pub(crate) machine_report: Option<String>,
}

/// What a tree turned out to be.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReadScan {
    pub(crate) message: String,
    pub(crate) entries: u64,
    pub(crate) content_bytes: u64,
    /// The install profile, JSON.
    pub(crate) profile: String,
    /// What else the tree says of its machine, JSON.
    pub(crate) facts: String,
    /// The operating system's name, version and architecture, for an instance that has none.
    pub(crate) distribution: [String; 3],
    /// `None`: its package system is not known.
    pub(crate) packages: Option<Vec<ScanPackage>>,
}

/// An installed package.
#[derive(Clone, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct ScanPackage {
    #[sqlx(default)]
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) arch: String,
    /// Bytes, installed.
    pub(crate) size: i64,
}

impl Store {
    /// The tree of a job's scan, which is being read from now on; `None` when nobody wants that any more: the job is over.
    pub(crate) async fn begin_reading(&self, job: &Job) -> Result<Option<ScanTask>, StoreError> {
        let mut change = self.begin().await?;
        let task = sqlx::query_as(
            "UPDATE scans SET state = 'reading', percentage = 0, message = 'Reading the tree', modified = $1
             WHERE id = $2 AND state IN ('queued', 'reading')
             RETURNING id, tree_file, tree_path, machine_report",
        )
        .bind(now())
        .bind(job.subject)
        .fetch_optional(&mut *change)
        .await?;
        if task.is_none() {
            jobs::end(&mut change, job).await?;
        }
        change.commit().await?;
        Ok(task)
    }

    /// Says how far the reading is; whether it is still wanted.
    pub(crate) async fn advance_reading(&self, scan: i64, percentage: u8) -> Result<bool, StoreError> {
        let mut change = self.begin().await?;
        let advanced = sqlx::query(
            "UPDATE scans SET percentage = CASE WHEN percentage < $1 THEN $1 ELSE percentage END, modified = $2
             WHERE id = $3 AND state = 'reading'",
        )
        .bind(percentage)
        .bind(now())
        .bind(scan)
        .execute(&mut *change)
        .await?;
        change.commit().await?;
        Ok(advanced.rows_affected() > 0)
    }

    /// Says what a tree turned out to be. The job is over; a builder that lost it says nothing.
    pub(crate) async fn complete_scan(&self, job: &Job, read: &ReadScan) -> Result<(), StoreError> {
        let scan = job.subject;
        let mut change = self.begin().await?;
        if !jobs::end(&mut change, job).await? {
            return Ok(());
        }
        let instance: Option<i64> = sqlx::query_scalar(
            "UPDATE scans SET state = 'complete', percentage = 100, message = $1, error = NULL,
                 error_detail = NULL, entries = $2, content_bytes = $3, profile = $4, facts = $5, packages = $6,
                 modified = $7
             WHERE id = $8 AND state = 'reading' RETURNING instance_id",
        )
        .bind(&read.message)
        .bind(i64::try_from(read.entries).unwrap_or(i64::MAX))
        .bind(i64::try_from(read.content_bytes).unwrap_or(i64::MAX))
        .bind(&read.profile)
        .bind(&read.facts)
        .bind(read.packages.as_ref().map(|list| i64::try_from(list.len()).unwrap_or(i64::MAX)))
        .bind(now())
        .bind(scan)
        .fetch_optional(&mut *change)
        .await?;
        if let Some(instance) = instance {
            sqlx::query("DELETE FROM scan_packages WHERE scan_id = $1")
                .bind(scan)
                .execute(&mut *change)
                .await?;
            for package in read.packages.iter().flatten() {
                sqlx::query(
                    "INSERT INTO scan_packages (scan_id, name, version, arch, size) VALUES ($1, $2, $3, $4, $5)",
                )
                .bind(scan)
                .bind(&package.name)
                .bind(&package.version)
                .bind(&package.arch)
                .bind(package.size)
                .execute(&mut *change)
                .await?;
            }
            name_distribution(&mut change, instance, &read.distribution).await?;
        }
        change.commit().await
    }

    /// Says why a tree cannot be used. The job is over; a builder that lost it says nothing.
    pub(crate) async fn fail_scan(
        &self,
        job: &Job,
        error: &str,
        detail: Option<&str>,
    ) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        if !jobs::end(&mut change, job).await? {
            return Ok(());
        }
        sqlx::query(
            "UPDATE scans SET state = 'failed', message = 'Failed', error = $1, error_detail = $2, modified = $3
             WHERE id = $4 AND state = 'reading'",
        )
        .bind(error)
        .bind(detail)
        .bind(now())
        .bind(job.subject)
        .execute(&mut *change)
        .await?;
        change.commit().await
    }

    /// A scan's install profile, what else its tree says, and the machine report that was given; JSON.
    pub(crate) async fn scan_details(
        &self,
        scan: i64,
    ) -> Result<(Option<String>, Option<String>, Option<String>), StoreError> {
        sqlx::query_as("SELECT profile, facts, machine_report FROM scans WHERE id = $1")
            .bind(scan)
            .fetch_optional(self.reader())
            .await
            .map(Option::unwrap_or_default)
    }

    /// The packages of a scan's tree, as the tree lists them.
    pub(crate) async fn scan_packages(&self, scan: i64) -> Result<Vec<ScanPackage>, StoreError> {
        sqlx::query_as(
            "SELECT id, name, version, arch, size FROM scan_packages WHERE scan_id = $1 ORDER BY id",
        )
        .bind(scan)
        .fetch_all(self.reader())
        .await
    }
}

/// Has the tree of a scan read.
pub(super) async fn enqueue(
    change: &mut Transaction<'static, Sqlite>,
    user: i64,
    scan: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO jobs (kind, subject_id, user_id, created) VALUES ('scan', $1, $2, $3)
         ON CONFLICT (kind, subject_id) DO UPDATE SET cancelled = 0, attempt = 0, holder = NULL, lease_until = NULL",
    )
    .bind(scan)
    .bind(user)
    .bind(now())
    .execute(&mut **change)
    .await?;
    Ok(())
}

/// Nobody is to read the tree of a scan any more: a builder that does finds its job gone.
pub(super) async fn dequeue(change: &mut Transaction<'static, Sqlite>, scan: i64) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM jobs WHERE kind = 'scan' AND subject_id = $1")
        .bind(scan)
        .execute(&mut **change)
        .await?;
    Ok(())
}

/// An instance that nobody gave an operating system has that of its scan.
async fn name_distribution(
    change: &mut Transaction<'static, Sqlite>,
    instance: i64,
    [name, version, arch]: &[String; 3],
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE scanned_instances
         SET distribution_name = $1, distribution_version = $2, distribution_arch = $3, modified = $4
         WHERE id = $5 AND distribution_name IS NULL",
    )
    .bind(name)
    .bind(version)
    .bind(arch)
    .bind(now())
    .bind(instance)
    .execute(&mut **change)
    .await?;
    Ok(())
}
