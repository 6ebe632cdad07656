//! How much each user has, and may have.
//!
//! Bytes are reserved before they are written: the row that will own them has them as `held_bytes`, an upper bound first and what
//! there is when all is written. When the row goes, its files with their bytes become garbage of the same user; the bytes are free
//! when the files are gone and the garbage is forgotten.

use sqlx::{Sqlite, SqliteExecutor, Transaction};

use super::{Store, StoreError};
use crate::settings::Quota;

/// What a user has, or is about to get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) scans: u64,
    /// Waiting ones too.
    pub(crate) images: u64,
    /// Of uploads and images, also of those that are about to be removed.
    pub(crate) bytes: u64,
}

/// A user asks for more than its account may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the account may have {limit} {what} and would have {wanted}")]
pub(crate) struct QuotaExceeded {
    /// `scans`, `images`, `bytes`.
    pub(crate) what: &'static str,
    pub(crate) limit: u64,
    pub(crate) wanted: u64,
}

/// Why nothing was reserved.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QuotaError {
    #[error(transparent)]
    Exceeded(#[from] QuotaExceeded),
    /// Whoever asks: as many wait for their turn as may.
    #[error("{0} images wait for their turn already, as many as may")]
    QueueFull(u64),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes sure that `user` may have `more`, which the same transaction then gives it: rows, and `held_bytes` in them.
///
/// `defaults` count where the account has no limits of its own. What needs nothing more is never refused, even above the limits.
pub(crate) async fn reserve(
    change: &mut Transaction<'static, Sqlite>,
    user: i64,
    defaults: &Quota,
    more: Usage,
) -> Result<(), QuotaError> {
    let limits = limits(&mut **change, user, defaults).await?;
    let has = usage(&mut **change, user).await?;
    let check = |what, has: u64, more: u64, limit| {
        let wanted = has.saturating_add(more);
        if more > 0 && wanted > limit { Err(QuotaExceeded { what, limit, wanted }) } else { Ok(()) }
    };
    check("scans", has.scans, more.scans, limits.scans)?;
    check("images", has.images, more.images, limits.images)?;
    check("bytes", has.bytes, more.bytes, limits.bytes)?;
    Ok(())
}

impl Store {
    /// What `user` has.
    pub(crate) async fn usage(&self, user: i64) -> Result<Usage, StoreError> {
        usage(self.reader(), user).await
    }
}

async fn limits(executor: impl SqliteExecutor<'_>, user: i64, defaults: &Quota) -> Result<Quota, StoreError> {
    let own: (Option<i64>, Option<i64>, Option<i64>) =
        sqlx::query_as("SELECT scan_quota, image_quota, byte_quota FROM users WHERE id = $1")
            .bind(user)
            .fetch_optional(executor)
            .await?
            // An account that has gone meanwhile: nothing of it takes anything, which is told there.
            .unwrap_or_default();
    let limit = |own: Option<i64>, default| own.map_or(default, unsigned);
    Ok(Quota {
        scans: limit(own.0, defaults.scans),
        images: limit(own.1, defaults.images),
        bytes: limit(own.2, defaults.bytes),
    })
}

async fn usage(executor: impl SqliteExecutor<'_>, user: i64) -> Result<Usage, StoreError> {
    let (scans, images, bytes): (i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT COUNT(*) FROM scans WHERE user_id = $1),
                (SELECT COUNT(*) FROM images WHERE user_id = $1),
                CAST((SELECT COALESCE(SUM(held_bytes), 0) FROM scans WHERE user_id = $1)
                   + (SELECT COALESCE(SUM(held_bytes), 0) FROM images WHERE user_id = $1)
                   + (SELECT COALESCE(SUM(bytes), 0) FROM garbage WHERE user_id = $1) AS BIGINT)",
    )
    .bind(user)
    .fetch_one(executor)
    .await?;
    Ok(Usage { scans: unsigned(scans), images: unsigned(images), bytes: unsigned(bytes) })
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::garbage;
    use crate::trial::Trial;

    const LIMITS: Quota = Quota { scans: 2, images: 1, bytes: 1000 };

    async fn add_scan(change: &mut Transaction<'static, Sqlite>, user: i64, bytes: i64) {
        let instance: i64 = sqlx::query_scalar(
            "INSERT INTO scanned_instances (user_id, name, created, modified) VALUES ($1, 'i', 0, 0) RETURNING id",
        )
        .bind(user)
        .fetch_one(&mut **change)
        .await
        .unwrap();
        sqlx::query(
            "INSERT INTO scans (instance_id, user_id, name, state, held_bytes, created, modified)
             VALUES ($1, $2, 's', 'waiting', $3, 0, 0)",
        )
        .bind(instance)
        .bind(user)
        .bind(bytes)
        .execute(&mut **change)
        .await
        .unwrap();
    }

    fn exceeded(result: Result<(), QuotaError>) -> QuotaExceeded {
        match result {
            Err(QuotaError::Exceeded(exceeded)) => exceeded,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_user_gets_what_is_left_and_no_more() {
        let trial = Trial::new().await;
        let store = trial.server.store();
        let [guest, other] = [trial.user("guest").await, trial.user("other").await];
        let mut change = store.begin().await.unwrap();
        add_scan(&mut change, guest, 600).await;
        reserve(&mut change, guest, &LIMITS, Usage { scans: 1, images: 1, bytes: 400 }).await.unwrap();
        for (more, expected) in [
            (Usage { scans: 2, ..Usage::default() }, ("scans", 2, 3)),
            (Usage { images: 2, ..Usage::default() }, ("images", 1, 2)),
            (Usage { bytes: 401, ..Usage::default() }, ("bytes", 1000, 1001)),
            (Usage { bytes: u64::MAX, ..Usage::default() }, ("bytes", 1000, u64::MAX)),
        ] {
            let exceeded = exceeded(reserve(&mut change, guest, &LIMITS, more).await);
            assert_eq!((exceeded.what, exceeded.limit, exceeded.wanted), expected);
        }
        // What one user has is nothing to another.
        reserve(&mut change, other, &LIMITS, Usage { scans: 2, images: 1, bytes: 1000 }).await.unwrap();
        change.commit().await.unwrap();
        assert_eq!(store.usage(guest).await.unwrap(), Usage { scans: 1, images: 0, bytes: 600 });
    }

    #[tokio::test]
    async fn the_account_s_own_limits_count_before_the_server_s() {
        let trial = Trial::new().await;
        let guest = trial.user("guest").await;
        let mut change = trial.server.store().begin().await.unwrap();
        sqlx::query("UPDATE users SET scan_quota = 0, byte_quota = 5000 WHERE id = $1")
            .bind(guest)
            .execute(&mut *change)
            .await
            .unwrap();
        reserve(&mut change, guest, &LIMITS, Usage { scans: 0, images: 1, bytes: 5000 }).await.unwrap();
        let refused = reserve(&mut change, guest, &LIMITS, Usage { scans: 1, ..Usage::default() }).await;
        assert_eq!(exceeded(refused).limit, 0);
    }

    #[tokio::test]
    async fn bytes_are_held_until_the_garbage_is_gone() {
        let trial = Trial::new().await;
        let store = trial.server.store();
        let guest = trial.user("guest").await;
        let mut change = store.begin().await.unwrap();
        add_scan(&mut change, guest, 600).await;
        garbage::discard(&mut change, "uploads/1", guest, 600).await.unwrap();
        sqlx::query("DELETE FROM scans").execute(&mut *change).await.unwrap();
        change.commit().await.unwrap();
        assert_eq!(store.usage(guest).await.unwrap(), Usage { bytes: 600, ..Usage::default() });
        for garbage in store.garbage(0).await.unwrap() {
            store.forget_garbage(garbage.id).await.unwrap();
        }
        assert_eq!(store.usage(guest).await.unwrap(), Usage::default());
    }
}
