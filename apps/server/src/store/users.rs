use super::{Store, StoreError, now};

/// An account.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Account {
    pub(crate) id: i64,
    pub(crate) login: String,
    pub(crate) password_hash: String,
    pub(crate) email: Option<String>,
    pub(crate) first_name: Option<String>,
    pub(crate) surname: Option<String>,
    pub(crate) active: bool,
    /// Goes up with every change of password or state.
    pub(crate) generation: i64,
    pub(crate) created: i64,
    pub(crate) modified: i64,
    /// Names of its roles.
    #[sqlx(skip)]
    pub(crate) roles: Vec<String>,
}

impl Store {
    /// The account with this login, or with this number if there is no such login.
    pub(crate) async fn account(&self, uid: &str) -> Result<Option<Account>, StoreError> {
        let found: Option<Account> = sqlx::query_as("SELECT * FROM users WHERE login = $1")
            .bind(uid)
            .fetch_optional(self.reader())
            .await?;
        let Some(mut account) = found else { return Ok(None) };
        account.roles = sqlx::query_scalar("SELECT role FROM user_roles WHERE user_id = $1 ORDER BY role")
            .bind(account.id)
            .fetch_all(self.reader())
            .await?;
        Ok(Some(account))
    }

    /// Adds an account; its number.
    pub(crate) async fn add_account(
        &self,
        login: &str,
        password_hash: &str,
        roles: &[String],
    ) -> Result<i64, StoreError> {
        let mut change = self.begin().await?;
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO users (login, password_hash, created, modified) VALUES ($1, $2, $3, $3) RETURNING id",
        )
        .bind(login)
        .bind(password_hash)
        .bind(now())
        .fetch_one(&mut *change)
        .await?;
        for role in roles {
            sqlx::query("INSERT INTO user_roles (user_id, role) VALUES ($1, $2)")
                .bind(id)
                .bind(role)
                .execute(&mut *change)
                .await?;
        }
        change.commit().await?;
        Ok(id)
    }
}
