//! What the server knows, in SQL: the only place that does.
//!
//! SQLite, embedded, in WAL mode: many readers, one writer. Every statement is written so that PostgreSQL can run it, too:
//! `$n` placeholders, `RETURNING`, no rowid. A method that changes several rows does so in one transaction.

mod figures;
#[cfg(test)]
pub(crate) mod fixture;
pub(crate) mod garbage;
mod images;
mod instances;
mod jobs;
mod keys;
pub(crate) mod quota;
mod scans;
mod users;

pub(crate) use figures::Figures;
pub(crate) use images::{
    Image, ImageEnd, ImageOrigin, ImageProgress, ImageSelection, ImageState, ImageTask, MadeImage, NewImage,
    Stopping,
};
pub(crate) use instances::{Instance, InstanceAdded, MAX_INSTANCES, NewInstance};
pub(crate) use jobs::{Job, JobKind, LEASE, MAX_ATTEMPTS};
pub(crate) use scans::{
    ForeignReport, NewScan, NewUpload, OwnedScan, ReadScan, Scan, ScanPackage, ScanState, ScanTask,
    Selection, Upload, UploadRefusal,
};
pub(crate) use users::{Account, Limits, NewAccount};

use std::path::Path;
use std::time::{Duration, Instant};

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Sqlite, Transaction};

use crate::metrics::Metrics;

/// The database.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    readers: SqlitePool,
    /// One connection: writers wait for each other here and not in the database.
    writer: SqlitePool,
    metrics: Option<Metrics>,
}

/// Why the database did not answer.
pub(crate) type StoreError = sqlx::Error;

impl Store {
    /// Opens the database at `path`, made if absent, and brings its schema up to date.
    pub(crate) async fn open(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // An answered request is durable.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY);
        let writer = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
        MIGRATIONS.run(&writer).await?;
        let readers =
            SqlitePoolOptions::new().max_connections(READERS).connect_with(options.read_only(true)).await?;
        Ok(Self { readers, writer, metrics: None })
    }

    /// Tells `metrics` how long changes wait.
    pub(crate) fn measured_by(mut self, metrics: Metrics) -> Self {
        self.metrics = Some(metrics);
        self
    }

    /// A transaction that writes: it holds the write lock from its beginning.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        let since = Instant::now();
        let transaction = self.writer.begin_with("BEGIN IMMEDIATE").await;
        if let Some(metrics) = &self.metrics {
            metrics.change_waited(since.elapsed());
        }
        transaction
    }

    /// For statements that only read.
    pub(crate) fn reader(&self) -> &SqlitePool {
        &self.readers
    }

    /// Whether the database answers.
    pub(crate) async fn is_alive(&self) -> bool {
        sqlx::query("SELECT 1").execute(&self.readers).await.is_ok()
    }

    /// Closes the database: the log is folded into the file.
    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Milliseconds since the epoch.
pub(crate) fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// How long a statement waits for another process (the administrator's commands).
const BUSY: Duration = Duration::from_secs(10);
const READERS: u32 = 4;
