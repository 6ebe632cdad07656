use sqlx::{Sqlite, Transaction};

use super::super::quota::{self, QuotaError, Usage};
use super::super::{Store, StoreError, garbage, now};
use super::{ScanState, reading};
use crate::settings::Quota;

/// A tree that is about to be uploaded.
#[derive(Clone, Debug)]
pub(crate) struct NewUpload {
    /// Its name, as its sender calls it.
    pub(crate) name: Option<String>,
    /// Its checksum, as its sender gave it.
    pub(crate) crc: Option<String>,
    /// Bytes that are reserved: all, where it is known how many come.
    pub(crate) bytes: u64,
    /// All bytes of an upload that comes in parts.
    pub(crate) total: Option<u64>,
}

/// An upload under way: who has it may write its file.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub(crate) scan: i64,
    pub(crate) user: i64,
    /// Relative to the server's data.
    pub(crate) file: String,
    /// Bytes that are reserved.
    pub(crate) reserved: u64,
}

/// Why there is no new scan, or a scan takes no upload.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UploadRefusal {
    #[error("there is no such scanned instance")]
    NoInstance,
    #[error("there is no such scan")]
    Unknown,
    #[error("the scan has its tree already, or another upload of it is under way")]
    Busy,
    #[error(transparent)]
    Quota(#[from] QuotaError),
}

impl From<StoreError> for UploadRefusal {
    fn from(error: StoreError) -> Self {
        Self::Quota(error.into())
    }
}

impl Store {
    /// Begins the upload of a scan's tree. What an earlier one left, of a scan that failed or was cancelled, is discarded.
    pub(crate) async fn begin_upload(
        &self,
        user: i64,
        scan: i64,
        new: &NewUpload,
        quota: &Quota,
    ) -> Result<Upload, UploadRefusal> {
        let mut change = self.begin().await?;
        let found: Option<Before> = sqlx::query_as(
            "SELECT state, tree_path, tree_file, held_bytes - report_bytes AS held, uploads FROM scans
             WHERE id = $1 AND user_id = $2",
        )
        .bind(scan)
        .bind(user)
        .fetch_optional(&mut *change)
        .await?;
        let before = found.ok_or(UploadRefusal::Unknown)?;
        let arrives = before.state == ScanState::Arriving;
        if !before.takes_upload() {
            return Err(UploadRefusal::Busy);
        }
        if let Some(old) = &before.tree_file {
            garbage::discard(&mut change, old, user, before.held).await?;
        }
        // The bytes of the old file are the garbage's from here on.
        sqlx::query("UPDATE scans SET held_bytes = report_bytes WHERE id = $1")
            .bind(scan)
            .execute(&mut *change)
            .await?;
        quota::reserve(&mut change, user, quota, Usage { bytes: new.bytes, ..Usage::default() }).await?;
        let file = format!("uploads/scan-{scan}-{}.tar", before.uploads + 1);
        sqlx::query(
            "UPDATE scans SET state = $2, percentage = 0, message = 'Receiving the tree', error = NULL,
                 error_detail = NULL, tree_file = $3, tree_bytes = 0, tree_sha256 = NULL,
                 held_bytes = report_bytes + $4, overlay_name = $5, overlay_crc = $6, uploads = uploads + 1,
                 upload_total = $7, upload_offset = 0, modified = $8
             WHERE id = $1",
        )
        .bind(scan)
        .bind(if arrives { ScanState::Arriving } else { ScanState::Receiving }.name())
        .bind(&file)
        .bind(signed(new.bytes))
        .bind(&new.name)
        .bind(&new.crc)
        .bind(new.total.map(signed))
        .bind(now())
        .execute(&mut *change)
        .await?;
        change.commit().await?;
        Ok(Upload { scan, user, file, reserved: new.bytes })
    }

    /// Reserves `more` bytes for an upload.
    pub(crate) async fn grow_upload(
        &self,
        upload: &Upload,
        more: u64,
        quota: &Quota,
    ) -> Result<(), UploadRefusal> {
        let mut change = self.begin().await?;
        quota::reserve(&mut change, upload.user, quota, Usage { bytes: more, ..Usage::default() }).await?;
        let grown = sqlx::query(
            "UPDATE scans SET held_bytes = held_bytes + $1 WHERE id = $2 AND tree_file = $3
                 AND state IN ('arriving', 'receiving')",
        )
        .bind(signed(more))
        .bind(upload.scan)
        .bind(&upload.file)
        .execute(&mut *change)
        .await?;
        if grown.rows_affected() == 0 {
            return Err(UploadRefusal::Unknown);
        }
        change.commit().await?;
        Ok(())
    }

    /// Whether an upload is still wanted.
    pub(crate) async fn wants_upload(&self, upload: &Upload) -> Result<bool, StoreError> {
        let found: Option<i64> = sqlx::query_scalar(
            "SELECT id FROM scans WHERE id = $1 AND tree_file = $2 AND state IN ('arriving', 'receiving')",
        )
        .bind(upload.scan)
        .bind(&upload.file)
        .fetch_optional(self.reader())
        .await?;
        Ok(found.is_some())
    }

    /// Whether an upload in parts is still wanted and goes on at `offset`.
    pub(crate) async fn is_due(&self, upload: &Upload, offset: u64) -> Result<bool, StoreError> {
        let found: Option<i64> = sqlx::query_scalar(
            "SELECT id FROM scans
             WHERE id = $1 AND tree_file = $2 AND state = 'receiving' AND upload_offset = $3",
        )
        .bind(upload.scan)
        .bind(&upload.file)
        .bind(signed(offset))
        .fetch_optional(self.reader())
        .await?;
        Ok(found.is_some())
    }

    /// Notes that the first `offset` bytes of an upload in parts are durable; whether it is still wanted.
    pub(crate) async fn advance_upload(&self, upload: &Upload, offset: u64) -> Result<bool, StoreError> {
        let mut change = self.begin().await?;
        let advanced = sqlx::query(
            "UPDATE scans SET upload_offset = $1, modified = $2,
                 percentage = CASE WHEN upload_total > $1 THEN $1 * 100 / upload_total ELSE 99 END
             WHERE id = $3 AND tree_file = $4 AND state = 'receiving'",
        )
        .bind(signed(offset))
        .bind(now())
        .bind(upload.scan)
        .bind(&upload.file)
        .execute(&mut *change)
        .await?;
        change.commit().await?;
        Ok(advanced.rows_affected() > 0)
    }

    /// Notes that the tree is whole, and has it read; whether it is still wanted.
    pub(crate) async fn finish_upload(
        &self,
        upload: &Upload,
        bytes: u64,
        sha256: &str,
    ) -> Result<bool, StoreError> {
        let mut change = self.begin().await?;
        let finished = sqlx::query(
            "UPDATE scans SET state = 'queued', percentage = 0, message = 'Waiting to be read', tree_bytes = $1,
                 tree_sha256 = $2, held_bytes = report_bytes + $1, upload_total = NULL, upload_offset = 0,
                 modified = $3
             WHERE id = $4 AND tree_file = $5 AND state IN ('arriving', 'receiving')",
        )
        .bind(signed(bytes))
        .bind(sha256)
        .bind(now())
        .bind(upload.scan)
        .bind(&upload.file)
        .execute(&mut *change)
        .await?;
        if finished.rows_affected() == 0 {
            return Ok(false);
        }
        reading::enqueue(&mut change, upload.user, upload.scan).await?;
        change.commit().await?;
        Ok(true)
    }

    /// Forgets an upload that did not come to its end: its scan waits for another, or goes if it came with it.
    pub(crate) async fn abandon_upload(&self, upload: &Upload) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        let is_there: Option<i64> =
            sqlx::query_scalar("SELECT id FROM scans WHERE id = $1 AND tree_file = $2")
                .bind(upload.scan)
                .bind(&upload.file)
                .fetch_optional(&mut *change)
                .await?;
        if is_there.is_some() {
            discard_unfinished(&mut change, upload.scan).await?;
        }
        change.commit().await
    }

    /// Forgets the uploads that an earlier life of the server was receiving: of those in parts what has come counts, of the
    /// others nobody can go on with one.
    pub(crate) async fn abandon_broken_uploads(&self) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        let broken: Vec<i64> = sqlx::query_scalar(
            "SELECT id FROM scans WHERE state IN ('arriving', 'receiving') AND upload_total IS NULL",
        )
        .fetch_all(&mut *change)
        .await?;
        for scan in broken {
            discard_unfinished(&mut change, scan).await?;
        }
        change.commit().await
    }

    /// Forgets the uploads in parts of which nothing came since `time`.
    pub(crate) async fn abandon_old_uploads(&self, time: i64) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        let old: Vec<i64> = sqlx::query_scalar(
            "SELECT id FROM scans WHERE state = 'receiving' AND upload_total IS NOT NULL AND modified < $1",
        )
        .bind(time)
        .fetch_all(&mut *change)
        .await?;
        for scan in old {
            discard_unfinished(&mut change, scan).await?;
        }
        change.commit().await
    }
}

/// A scan before an upload begins.
#[derive(sqlx::FromRow)]
struct Before {
    #[sqlx(try_from = "String")]
    state: ScanState,
    tree_path: Option<String>,
    tree_file: Option<String>,
    /// Bytes of the tree's file.
    held: i64,
    uploads: i64,
}

impl Before {
    fn takes_upload(&self) -> bool {
        let is_open = match self.state {
            ScanState::Arriving => self.tree_file.is_none(),
            ScanState::Waiting | ScanState::Failed | ScanState::Cancelled => true,
            ScanState::Receiving | ScanState::Queued | ScanState::Reading | ScanState::Complete => false,
        };
        is_open && self.tree_path.is_none()
    }
}

/// Discards what there is of a tree that is not whole; the scan waits again, or goes if it came with its tree.
pub(super) async fn discard_unfinished(
    change: &mut Transaction<'static, Sqlite>,
    scan: i64,
) -> Result<(), StoreError> {
    let found: Option<(i64, String, i64)> = sqlx::query_as(
        "SELECT user_id, tree_file, held_bytes - report_bytes FROM scans
         WHERE id = $1 AND tree_file IS NOT NULL AND state IN ('arriving', 'receiving')",
    )
    .bind(scan)
    .fetch_optional(&mut **change)
    .await?;
    if let Some((user, file, held)) = found {
        garbage::discard(change, &file, user, held).await?;
    }
    sqlx::query(
        "UPDATE scans SET state = 'waiting', percentage = 0, message = 'Waiting for the tree', tree_file = NULL,
             held_bytes = report_bytes, overlay_name = NULL, overlay_crc = NULL, upload_total = NULL,
             upload_offset = 0, modified = $1
         WHERE id = $2 AND state = 'receiving'",
    )
    .bind(now())
    .bind(scan)
    .execute(&mut **change)
    .await?;
    sqlx::query("DELETE FROM scans WHERE id = $1 AND state = 'arriving'")
        .bind(scan)
        .execute(&mut **change)
        .await?;
    Ok(())
}

/// As the database has it; nothing is as long as that.
fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
