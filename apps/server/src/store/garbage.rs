use std::collections::HashSet;

use sqlx::{Sqlite, Transaction};

use super::{Store, StoreError};

/// A file or directory that nothing owns any more.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Garbage {
    pub(crate) id: i64,
    /// Relative to the data directory.
    pub(crate) path: String,
}

/// Notes, in the transaction that forgets the owner, that `path` (relative to the data directory) is to be removed.
///
/// Its `bytes` count against `user` until the garbage is forgotten.
pub(crate) async fn discard(
    change: &mut Transaction<'static, Sqlite>,
    path: &str,
    user: i64,
    bytes: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO garbage (path, user_id, bytes) VALUES ($1, $2, $3) ON CONFLICT (path) DO NOTHING",
    )
    .bind(path)
    .bind(user)
    .bind(bytes)
    .execute(&mut **change)
    .await?;
    Ok(())
}

impl Store {
    /// What is to be removed, the oldest first: so much of what is behind the number `after` that one need not take all at once.
    pub(crate) async fn garbage(&self, after: i64) -> Result<Vec<Garbage>, StoreError> {
        sqlx::query_as("SELECT id, path FROM garbage WHERE id > $1 ORDER BY id LIMIT 1000")
            .bind(after)
            .fetch_all(self.reader())
            .await
    }

    /// Every file that a row names, to be kept or to be removed.
    pub(crate) async fn known_files(&self) -> Result<HashSet<String>, StoreError> {
        let known: Vec<String> = sqlx::query_scalar(
            "SELECT tree_file FROM scans WHERE tree_file IS NOT NULL
             UNION SELECT report_file FROM scans WHERE report_file IS NOT NULL UNION SELECT path FROM garbage",
        )
        .fetch_all(self.reader())
        .await?;
        Ok(known.into_iter().collect())
    }

    /// Notes that the files are gone: their bytes are free.
    pub(crate) async fn forget_garbage(&self, id: i64) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        sqlx::query("DELETE FROM garbage WHERE id = $1").bind(id).execute(&mut *change).await?;
        change.commit().await
    }
}
