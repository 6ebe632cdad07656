use super::{Store, StoreError, now};

/// An API key of an account; its secret half stands nowhere.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct ApiKey {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) public_key: String,
    pub(crate) created: i64,
}

impl Store {
    /// The keys of `user`, in the order of their making.
    pub(crate) async fn keys(&self, user: i64) -> Result<Vec<ApiKey>, StoreError> {
        sqlx::query_as(
            "SELECT id, name, description, public_key, created FROM api_keys WHERE user_id = $1 ORDER BY id",
        )
        .bind(user)
        .fetch_all(self.reader())
        .await
    }

    /// Adds a key to `user`'s.
    pub(crate) async fn add_key(
        &self,
        user: i64,
        name: &str,
        description: Option<&str>,
        public: &str,
    ) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        sqlx::query(
            "INSERT INTO api_keys (user_id, name, description, public_key, created) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(user)
        .bind(name)
        .bind(description)
        .bind(public)
        .bind(now())
        .execute(&mut *change)
        .await?;
        change.commit().await
    }

    /// Removes a key of `user`; whether there was one.
    pub(crate) async fn remove_key(&self, user: i64, public: &str) -> Result<bool, StoreError> {
        let mut change = self.begin().await?;
        let removed = sqlx::query("DELETE FROM api_keys WHERE user_id = $1 AND public_key = $2")
            .bind(user)
            .bind(public)
            .execute(&mut *change)
            .await?;
        change.commit().await?;
        Ok(removed.rows_affected() > 0)
    }
}
