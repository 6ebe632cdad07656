//! Scans: what they are, where their trees lie, and how they come and go.
//!
//! ```text
//! arriving ─┐ (with the tree)              ┌─> complete
//! waiting ──┴─> receiving ─> queued ─> reading ─> failed, cancelled ─> receiving (once more)
//! ```

mod reading;
mod upload;

pub(crate) use reading::{ReadScan, ScanPackage, ScanTask};
pub(crate) use upload::{NewUpload, Upload, UploadRefusal};

use sqlx::{Sqlite, Transaction};

use super::quota::{self, Usage};
use super::{Store, StoreError, now};
use crate::settings::Quota;

/// What a [`Scan`] has, of the scans `s`.
macro_rules! columns {
    () => {
        "s.id, s.instance_id, s.name, s.state, s.percentage, s.message, s.error, s.error_detail, s.report_name,
         s.report_file IS NOT NULL AS foreign_report, s.tree_file, s.tree_path, s.tree_bytes, s.tree_sha256,
         s.overlay_name, s.overlay_crc, s.upload_total, s.upload_offset, s.content_bytes, s.packages, s.created,
         s.modified"
    };
}

/// A scan, without what is read out of its tree.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Scan {
    pub(crate) id: i64,
    pub(crate) instance_id: i64,
    pub(crate) name: String,
    #[sqlx(try_from = "String")]
    pub(crate) state: ScanState,
    pub(crate) percentage: i64,
    pub(crate) message: String,
    pub(crate) error: Option<String>,
    pub(crate) error_detail: Option<String>,
    pub(crate) report_name: Option<String>,
    /// Whether a report of a kind that is not known came with it.
    pub(crate) foreign_report: bool,
    /// A file of the server's own, relative to its data.
    pub(crate) tree_file: Option<String>,
    /// A path that the administrator registered.
    pub(crate) tree_path: Option<String>,
    pub(crate) tree_bytes: i64,
    pub(crate) tree_sha256: Option<String>,
    pub(crate) overlay_name: Option<String>,
    pub(crate) overlay_crc: Option<String>,
    /// Of an upload in parts, only while it is under way.
    pub(crate) upload_total: Option<i64>,
    pub(crate) upload_offset: i64,
    pub(crate) content_bytes: i64,
    pub(crate) packages: Option<i64>,
    pub(crate) created: i64,
    pub(crate) modified: i64,
}

/// A scan, and whose it is.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct OwnedScan {
    pub(crate) user_id: i64,
    pub(crate) login: String,
    /// Name of its machine.
    pub(crate) instance_name: String,
    #[sqlx(flatten)]
    pub(crate) scan: Scan,
}

/// How far a scan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScanState {
    /// For its tree.
    Waiting,
    /// The scan comes with its tree; there is none before that is whole.
    Arriving,
    /// Its tree is being uploaded.
    Receiving,
    Queued,
    Reading,
    Complete,
    Failed,
    Cancelled,
}

impl ScanState {
    /// As it stands in the database.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Arriving => "arriving",
            Self::Receiving => "receiving",
            Self::Queued => "queued",
            Self::Reading => "reading",
            Self::Complete => "complete",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl TryFrom<String> for ScanState {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        const ALL: [ScanState; 8] = [
            ScanState::Waiting,
            ScanState::Arriving,
            ScanState::Receiving,
            ScanState::Queued,
            ScanState::Reading,
            ScanState::Complete,
            ScanState::Failed,
            ScanState::Cancelled,
        ];
        ALL.into_iter().find(|state| state.name() == name).ok_or(format!("unknown state of a scan: {name}"))
    }
}

/// A scan to be noted.
#[derive(Clone, Debug)]
pub(crate) struct NewScan {
    /// `None`: `Scan 1`, `Scan 2` …
    pub(crate) name: Option<String>,
    pub(crate) state: ScanState,
    pub(crate) message: String,
    /// With the state [`ScanState::Failed`]: why.
    pub(crate) error: Option<String>,
    pub(crate) machine_report: Option<String>,
    pub(crate) report_name: Option<String>,
    pub(crate) report: Option<ForeignReport>,
    /// A registered tree; with the state [`ScanState::Queued`].
    pub(crate) tree_path: Option<String>,
}

/// A report of a kind that is not known, stored.
#[derive(Clone, Debug)]
pub(crate) struct ForeignReport {
    /// Relative to the server's data.
    pub(crate) file: String,
    pub(crate) bytes: u64,
}

impl NewScan {
    /// A scan of which only the state is known.
    pub(crate) fn new(state: ScanState, message: &str) -> Self {
        Self {
            name: None,
            state,
            message: message.to_owned(),
            error: None,
            machine_report: None,
            report_name: None,
            report: None,
            tree_path: None,
        }
    }
}

/// Which of a user's scans.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Selection {
    All,
    /// Those of an instance.
    Instance(i64),
    /// One of an instance.
    One(i64, i64),
}

impl Store {
    /// The selected scans of `user`, by their numbers.
    pub(crate) async fn scans(&self, user: i64, selection: Selection) -> Result<Vec<Scan>, StoreError> {
        let (instance, scan) = selection.numbers();
        sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM scans s
             WHERE s.user_id = $1 AND ($2 IS NULL OR s.instance_id = $2) AND ($3 IS NULL OR s.id = $3)
                 AND s.state <> 'arriving'
             ORDER BY s.id",
        ))
        .bind(user)
        .bind(instance)
        .bind(scan)
        .fetch_all(self.reader())
        .await
    }

    /// The scans of all users, also those that are about to arrive, by logins and numbers.
    pub(crate) async fn every_scan(&self) -> Result<Vec<OwnedScan>, StoreError> {
        sqlx::query_as(concat!(
            "SELECT s.user_id, u.login, i.name AS instance_name, ",
            columns!(),
            " FROM scans s JOIN users u ON u.id = s.user_id JOIN scanned_instances i ON i.id = s.instance_id
             ORDER BY u.login, s.id",
        ))
        .fetch_all(self.reader())
        .await
    }

    /// One scan of `user`.
    pub(crate) async fn scan(&self, user: i64, instance: i64, id: i64) -> Result<Option<Scan>, StoreError> {
        Ok(self.scans(user, Selection::One(instance, id)).await?.pop())
    }

    /// Notes a scan below an instance of `user`, and has its tree read if it is registered; its number.
    ///
    /// The instance may have gone while what the scan consists of came.
    pub(crate) async fn add_scan(
        &self,
        user: i64,
        instance: i64,
        new: &NewScan,
        quota: &Quota,
    ) -> Result<i64, UploadRefusal> {
        let mut change = self.begin().await?;
        let report_bytes = new.report.as_ref().map_or(0, |report| report.bytes);
        let more = Usage { scans: 1, bytes: report_bytes, ..Usage::default() };
        quota::reserve(&mut change, user, quota, more).await?;
        let name = match &new.name {
            Some(name) => name.clone(),
            None => free_name(&mut change, instance).await?,
        };
        let id: Option<i64> = sqlx::query_scalar(
            "INSERT INTO scans (instance_id, user_id, name, state, message, error, machine_report, report_name,
                 report_file, report_bytes, held_bytes, tree_path, created, modified)
             SELECT id, user_id, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11, $12, $12
             FROM scanned_instances WHERE id = $1 AND user_id = $2 RETURNING id",
        )
        .bind(instance)
        .bind(user)
        .bind(name)
        .bind(new.state.name())
        .bind(&new.message)
        .bind(&new.error)
        .bind(&new.machine_report)
        .bind(&new.report_name)
        .bind(new.report.as_ref().map(|report| &report.file))
        .bind(i64::try_from(report_bytes).unwrap_or(i64::MAX))
        .bind(&new.tree_path)
        .bind(now())
        .fetch_optional(&mut *change)
        .await?;
        let id = id.ok_or(UploadRefusal::NoInstance)?;
        if new.state == ScanState::Queued {
            reading::enqueue(&mut change, user, id).await?;
        }
        change.commit().await?;
        Ok(id)
    }

    /// Gives a scan of `user` another name; whether there is such a scan.
    pub(crate) async fn rename_scan(
        &self,
        user: i64,
        instance: i64,
        id: i64,
        name: &str,
    ) -> Result<bool, StoreError> {
        let mut change = self.begin().await?;
        let renamed = sqlx::query(
            "UPDATE scans SET name = $1, modified = $2
             WHERE id = $3 AND instance_id = $4 AND user_id = $5 AND state <> 'arriving'",
        )
        .bind(name)
        .bind(now())
        .bind(id)
        .bind(instance)
        .bind(user)
        .execute(&mut *change)
        .await?;
        change.commit().await?;
        Ok(renamed.rows_affected() > 0)
    }

    /// Stops what the server does for a scan of `user`, if it does anything: waiting, receiving, reading. Whether there is
    /// such a scan.
    pub(crate) async fn cancel_scan(&self, user: i64, instance: i64, id: i64) -> Result<bool, StoreError> {
        let mut change = self.begin().await?;
        let found: Option<i64> =
            sqlx::query_scalar("SELECT id FROM scans WHERE id = $1 AND instance_id = $2 AND user_id = $3")
                .bind(id)
                .bind(instance)
                .bind(user)
                .fetch_optional(&mut *change)
                .await?;
        if found.is_none() {
            return Ok(false);
        }
        upload::discard_unfinished(&mut change, id).await?;
        sqlx::query(
            "UPDATE scans SET state = 'cancelled', message = 'Cancelled', modified = $1
             WHERE id = $2 AND state IN ('waiting', 'receiving', 'queued', 'reading')",
        )
        .bind(now())
        .bind(id)
        .execute(&mut *change)
        .await?;
        reading::dequeue(&mut change, id).await?;
        change.commit().await?;
        Ok(true)
    }

    /// Forgets the selected scans of `user` with their images; whether there were any.
    pub(crate) async fn delete_scans(&self, user: i64, selection: Selection) -> Result<bool, StoreError> {
        let mut change = self.begin().await?;
        let deleted = delete(&mut change, user, selection).await?;
        change.commit().await?;
        Ok(deleted > 0)
    }
}

impl Selection {
    /// The numbers of instance and scan, as far as they are given.
    fn numbers(self) -> (Option<i64>, Option<i64>) {
        match self {
            Self::All => (None, None),
            Self::Instance(instance) => (Some(instance), None),
            Self::One(instance, scan) => (Some(instance), Some(scan)),
        }
    }
}

/// Forgets the selected scans with everything that hangs on them; their files, and those of their images, become garbage.
pub(crate) async fn delete(
    change: &mut Transaction<'static, Sqlite>,
    user: i64,
    selection: Selection,
) -> Result<u64, StoreError> {
    let (instance, scan) = selection.numbers();
    let mut deleted = 0;
    for statement in DELETION {
        let done = sqlx::query(statement).bind(user).bind(instance).bind(scan).execute(&mut **change).await?;
        deleted = done.rows_affected();
    }
    Ok(deleted)
}

/// `Scan 1`, or the next number that no scan of the instance had.
async fn free_name(change: &mut Transaction<'static, Sqlite>, instance: i64) -> Result<String, StoreError> {
    let names: Vec<String> = sqlx::query_scalar("SELECT name FROM scans WHERE instance_id = $1")
        .bind(instance)
        .fetch_all(&mut **change)
        .await?;
    let numbers = names.iter().filter_map(|name| name.strip_prefix("Scan ")?.parse::<u32>().ok());
    Ok(format!("Scan {}", numbers.max().unwrap_or(0).saturating_add(1)))
}

macro_rules! selected {
    () => {
        "(SELECT id FROM scans WHERE user_id = $1 AND ($2 IS NULL OR instance_id = $2) AND ($3 IS NULL OR id = $3))"
    };
}

/// Deletes scans, in this order; `$1` is the user, `$2` the instance, `$3` the scan. A builder whose job goes stops.
const DELETION: [&str; 6] = [
    concat!("DELETE FROM jobs WHERE kind = 'scan' AND subject_id IN ", selected!()),
    concat!(
        "DELETE FROM jobs WHERE kind = 'image' AND subject_id IN (SELECT id FROM images WHERE scan_id IN ",
        selected!(),
        ")"
    ),
    concat!(
        "INSERT INTO garbage (path, user_id, bytes)
         SELECT 'images/' || id, user_id, held_bytes FROM images WHERE scan_id IN ",
        selected!(),
        " ON CONFLICT (path) DO NOTHING"
    ),
    concat!(
        "INSERT INTO garbage (path, user_id, bytes)
         SELECT report_file, user_id, report_bytes FROM scans WHERE report_file IS NOT NULL AND id IN ",
        selected!(),
        " ON CONFLICT (path) DO NOTHING"
    ),
    concat!(
        "INSERT INTO garbage (path, user_id, bytes)
         SELECT tree_file, user_id, held_bytes - report_bytes FROM scans WHERE tree_file IS NOT NULL AND id IN ",
        selected!(),
        " ON CONFLICT (path) DO NOTHING"
    ),
    "DELETE FROM scans WHERE user_id = $1 AND ($2 IS NULL OR instance_id = $2) AND ($3 IS NULL OR id = $3)",
];
