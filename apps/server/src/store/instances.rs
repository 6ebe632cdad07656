use super::{Store, StoreError, now, scans};

/// Machines with the number of their scans, without a condition.
macro_rules! select {
    () => {
        "SELECT i.id, i.name, i.distribution_name, i.distribution_version, i.distribution_arch, i.group_name,
                i.platform_type, i.ram_size, i.overlay_included, i.created, i.modified,
                (SELECT COUNT(*) FROM scans s WHERE s.instance_id = i.id AND s.state <> 'arriving') AS total_scans
         FROM scanned_instances i "
    };
}
/// A machine of which there are scans.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Instance {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) distribution_name: Option<String>,
    pub(crate) distribution_version: Option<String>,
    pub(crate) distribution_arch: Option<String>,
    pub(crate) group_name: Option<String>,
    pub(crate) platform_type: Option<String>,
    /// MiB.
    pub(crate) ram_size: Option<i64>,
    /// Whether a tree comes with each of its scans.
    pub(crate) overlay_included: bool,
    pub(crate) total_scans: i64,
    pub(crate) created: i64,
    pub(crate) modified: i64,
}

/// A machine to be noted.
#[derive(Clone, Debug, Default)]
pub(crate) struct NewInstance {
    pub(crate) name: String,
    pub(crate) distribution: Option<[String; 3]>,
    pub(crate) group: Option<String>,
    pub(crate) platform_type: Option<String>,
    pub(crate) ram_size: Option<i64>,
    pub(crate) overlay_included: bool,
}

/// What became of a machine to be noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InstanceAdded {
    New(i64),
    /// There is one of this name already.
    Known(i64),
    /// The user has as many as one may have.
    TooMany,
}

impl Store {
    /// The machines of `user`, by their numbers.
    pub(crate) async fn instances(&self, user: i64) -> Result<Vec<Instance>, StoreError> {
        sqlx::query_as(concat!(select!(), "WHERE i.user_id = $1 ORDER BY i.id"))
            .bind(user)
            .fetch_all(self.reader())
            .await
    }

    /// One machine of `user`.
    pub(crate) async fn instance(&self, user: i64, id: i64) -> Result<Option<Instance>, StoreError> {
        sqlx::query_as(concat!(select!(), "WHERE i.user_id = $1 AND i.id = $2"))
            .bind(user)
            .bind(id)
            .fetch_optional(self.reader())
            .await
    }

    /// Notes a machine of `user`, unless it has one of that name.
    pub(crate) async fn add_instance(
        &self,
        user: i64,
        new: &NewInstance,
    ) -> Result<InstanceAdded, StoreError> {
        let mut change = self.begin().await?;
        let known: Option<i64> =
            sqlx::query_scalar("SELECT id FROM scanned_instances WHERE user_id = $1 AND name = $2")
                .bind(user)
                .bind(&new.name)
                .fetch_optional(&mut *change)
                .await?;
        if let Some(id) = known {
            return Ok(InstanceAdded::Known(id));
        }
        let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM scanned_instances WHERE user_id = $1")
            .bind(user)
            .fetch_one(&mut *change)
            .await?;
        if count >= MAX_INSTANCES {
            return Ok(InstanceAdded::TooMany);
        }
        let [name, version, arch] = match &new.distribution {
            Some([name, version, arch]) => [Some(name), Some(version), Some(arch)],
            None => [None; 3],
        };
        let id = sqlx::query_scalar(
            "INSERT INTO scanned_instances (user_id, name, distribution_name, distribution_version,
                 distribution_arch, group_name, platform_type, ram_size, overlay_included, created, modified)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10) RETURNING id",
        )
        .bind(user)
        .bind(&new.name)
        .bind(name)
        .bind(version)
        .bind(arch)
        .bind(&new.group)
        .bind(&new.platform_type)
        .bind(new.ram_size)
        .bind(new.overlay_included)
        .bind(now())
        .fetch_one(&mut *change)
        .await?;
        change.commit().await?;
        Ok(InstanceAdded::New(id))
    }

    /// Forgets one machine of `user`, or all of them, with all scans and their images; whether there was one.
    pub(crate) async fn delete_instances(&self, user: i64, id: Option<i64>) -> Result<bool, StoreError> {
        let mut change = self.begin().await?;
        let scans = match id {
            Some(id) => scans::Selection::Instance(id),
            None => scans::Selection::All,
        };
        scans::delete(&mut change, user, scans).await?;
        let deleted =
            sqlx::query("DELETE FROM scanned_instances WHERE user_id = $1 AND ($2 IS NULL OR id = $2)")
                .bind(user)
                .bind(id)
                .execute(&mut *change)
                .await?;
        change.commit().await?;
        Ok(deleted.rows_affected() > 0)
    }
}

/// Machines of one account.
pub(crate) const MAX_INSTANCES: i64 = 1000;
