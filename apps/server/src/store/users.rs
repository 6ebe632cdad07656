use super::{Store, StoreError, now};
use sqlx::{Sqlite, Transaction};

/// An account.
#[derive(Clone, Debug, Default, sqlx::FromRow)]
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
    #[sqlx(flatten)]
    pub(crate) limits: Limits,
    pub(crate) created: i64,
    pub(crate) modified: i64,
    /// Names of its roles.
    #[sqlx(skip)]
    pub(crate) roles: Vec<String>,
}

/// What an account may have, where the server's own limits do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Limits {
    #[sqlx(rename = "scan_quota")]
    pub(crate) scans: Option<i64>,
    #[sqlx(rename = "image_quota")]
    pub(crate) images: Option<i64>,
    #[sqlx(rename = "byte_quota")]
    pub(crate) bytes: Option<i64>,
}

/// An account to be.
#[derive(Clone, Debug, Default)]
pub(crate) struct NewAccount {
    pub(crate) login: String,
    pub(crate) password_hash: String,
    pub(crate) email: Option<String>,
    pub(crate) first_name: Option<String>,
    pub(crate) surname: Option<String>,
    pub(crate) roles: Vec<String>,
    pub(crate) limits: Limits,
}

impl Store {
    /// The account with this login, in whatever case.
    pub(crate) async fn account(&self, login: &str) -> Result<Option<Account>, StoreError> {
        let rows: Vec<AccountRow> = sqlx::query_as(
            "SELECT users.*, role FROM users LEFT JOIN user_roles ON user_id = id
             WHERE lower(login) = lower($1) ORDER BY role",
        )
        .bind(login)
        .fetch_all(self.reader())
        .await?;
        Ok(accounts(rows).pop())
    }

    /// The account whose API key has this public half.
    pub(crate) async fn account_of_key(&self, public: &str) -> Result<Option<Account>, StoreError> {
        let rows: Vec<AccountRow> = sqlx::query_as(
            "SELECT users.*, role FROM users LEFT JOIN user_roles ON user_roles.user_id = users.id
             WHERE users.id = (SELECT user_id FROM api_keys WHERE public_key = $1) ORDER BY role",
        )
        .bind(public)
        .fetch_all(self.reader())
        .await?;
        Ok(accounts(rows).pop())
    }

    /// All accounts, by login.
    pub(crate) async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        let rows: Vec<AccountRow> = sqlx::query_as(
            "SELECT users.*, role FROM users LEFT JOIN user_roles ON user_id = id
             ORDER BY lower(login), role",
        )
        .fetch_all(self.reader())
        .await?;
        Ok(accounts(rows))
    }

    /// Adds an account; its number, or nothing if the login is taken.
    pub(crate) async fn add_account(&self, new: &NewAccount) -> Result<Option<i64>, StoreError> {
        let mut change = self.begin().await?;
        let id: Option<i64> = sqlx::query_scalar(
            "INSERT INTO users (login, password_hash, email, first_name, surname,
                                scan_quota, image_quota, byte_quota, created, modified)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9) ON CONFLICT DO NOTHING RETURNING id",
        )
        .bind(&new.login)
        .bind(&new.password_hash)
        .bind(&new.email)
        .bind(&new.first_name)
        .bind(&new.surname)
        .bind(new.limits.scans)
        .bind(new.limits.images)
        .bind(new.limits.bytes)
        .bind(now())
        .fetch_optional(&mut *change)
        .await?;
        let Some(id) = id else { return Ok(None) };
        for role in &new.roles {
            add_role(&mut change, id, role).await?;
        }
        change.commit().await?;
        Ok(Some(id))
    }

    /// Gives the account a new password; what was verified before does not count any more.
    pub(crate) async fn set_password(&self, user: i64, hash: &str) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        sqlx::query(
            "UPDATE users SET password_hash = $1, generation = generation + 1, modified = $2 WHERE id = $3",
        )
        .bind(hash)
        .bind(now())
        .bind(user)
        .execute(&mut *change)
        .await?;
        change.commit().await
    }

    /// Replaces the hash of the same password, unless it was changed meanwhile.
    pub(crate) async fn improve_hash(
        &self,
        user: i64,
        generation: i64,
        hash: &str,
    ) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        sqlx::query("UPDATE users SET password_hash = $1 WHERE id = $2 AND generation = $3")
            .bind(hash)
            .bind(user)
            .bind(generation)
            .execute(&mut *change)
            .await?;
        change.commit().await
    }

    /// Lets the account in, or not.
    pub(crate) async fn set_active(&self, user: i64, active: bool) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        sqlx::query("UPDATE users SET active = $1, generation = generation + 1, modified = $2 WHERE id = $3")
            .bind(active)
            .bind(now())
            .bind(user)
            .execute(&mut *change)
            .await?;
        change.commit().await
    }

    /// Gives the account the roles `add`, and takes `remove` from it.
    pub(crate) async fn change_roles(
        &self,
        user: i64,
        add: &[String],
        remove: &[String],
    ) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        for role in remove {
            sqlx::query("DELETE FROM user_roles WHERE user_id = $1 AND role = $2")
                .bind(user)
                .bind(role)
                .execute(&mut *change)
                .await?;
        }
        for role in add {
            add_role(&mut change, user, role).await?;
        }
        touch(&mut change, user).await?;
        change.commit().await
    }

    /// Sets all limits of the account.
    pub(crate) async fn set_limits(&self, user: i64, limits: &Limits) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        sqlx::query("UPDATE users SET scan_quota = $1, image_quota = $2, byte_quota = $3 WHERE id = $4")
            .bind(limits.scans)
            .bind(limits.images)
            .bind(limits.bytes)
            .bind(user)
            .execute(&mut *change)
            .await?;
        touch(&mut change, user).await?;
        change.commit().await
    }

    /// Removes the account and everything that it has; the files become garbage, of `images` a directory each.
    pub(crate) async fn remove_account(
        &self,
        user: i64,
        images: impl Fn(i64) -> String,
    ) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        let trees: Vec<(String, i64)> = sqlx::query_as(
            "SELECT tree_file, held_bytes - report_bytes FROM scans WHERE user_id = $1 AND tree_file IS NOT NULL
             UNION ALL
             SELECT report_file, report_bytes FROM scans WHERE user_id = $1 AND report_file IS NOT NULL",
        )
        .bind(user)
        .fetch_all(&mut *change)
        .await?;
        for (file, bytes) in trees {
            super::garbage::discard(&mut change, &file, user, bytes).await?;
        }
        let made: Vec<(i64, i64)> = sqlx::query_as("SELECT id, held_bytes FROM images WHERE user_id = $1")
            .bind(user)
            .fetch_all(&mut *change)
            .await?;
        for (image, bytes) in made {
            super::garbage::discard(&mut change, &images(image), user, bytes).await?;
        }
        sqlx::query("DELETE FROM users WHERE id = $1").bind(user).execute(&mut *change).await?;
        change.commit().await
    }
}

/// An account with one of its roles.
#[derive(sqlx::FromRow)]
struct AccountRow {
    #[sqlx(flatten)]
    account: Account,
    role: Option<String>,
}

/// Rows of one account follow each other.
fn accounts(rows: Vec<AccountRow>) -> Vec<Account> {
    let mut accounts: Vec<Account> = Vec::new();
    for AccountRow { account, role } in rows {
        match accounts.last_mut() {
            Some(last) if last.id == account.id => last.roles.extend(role),
            _ => accounts.push(Account { roles: role.into_iter().collect(), ..account }),
        }
    }
    accounts
}

async fn add_role(
    change: &mut Transaction<'static, Sqlite>,
    user: i64,
    role: &str,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO user_roles (user_id, role) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(user)
        .bind(role)
        .execute(&mut **change)
        .await?;
    Ok(())
}

async fn touch(change: &mut Transaction<'static, Sqlite>, user: i64) -> Result<(), StoreError> {
    let query = sqlx::query("UPDATE users SET modified = $1 WHERE id = $2");
    query.bind(now()).bind(user).execute(&mut **change).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::quota::Usage;
    use crate::trial::Trial;

    #[tokio::test]
    async fn an_account_goes_with_all_it_has_and_leaves_its_files_as_garbage() {
        let trial = Trial::new().await;
        let store = trial.server.store();
        let [guest, other] = [trial.user("guest").await, trial.user("other").await];
        let furniture = store.furnish(guest).await;
        store.furnish(other).await;
        store.add_key(guest, "ci", None, "public").await.unwrap();
        store.remove_account(guest, |image| trial.server.folder().image_name(image)).await.unwrap();
        assert!(store.account("guest").await.unwrap().is_none());
        assert!(store.account_of_key("public").await.unwrap().is_none());
        let garbage: Vec<String> =
            store.garbage(0).await.unwrap().into_iter().map(|garbage| garbage.path).collect();
        let [tree, image] =
            [format!("uploads/of-{}", furniture.instance), format!("images/{}", furniture.image)];
        assert_eq!(garbage, [tree, image]);
        assert_eq!(store.usage(guest).await.unwrap(), Usage { scans: 0, images: 0, bytes: 150 });
        assert_eq!(store.usage(other).await.unwrap(), Usage { scans: 1, images: 1, bytes: 150 });
    }

    #[tokio::test]
    async fn logins_differ_in_more_than_case() {
        let trial = Trial::new().await;
        let store = trial.server.store();
        let new = NewAccount { login: "GUEST".to_owned(), ..NewAccount::default() };
        assert_eq!(store.add_account(&new).await.unwrap(), None);
        let account = store.account("gUEST").await.unwrap().unwrap();
        assert_eq!((account.login.as_str(), account.roles), ("guest", vec!["user".to_owned()]));
    }

    #[tokio::test]
    async fn a_hash_is_not_improved_over_a_new_password() {
        let trial = Trial::new().await;
        let store = trial.server.store();
        let before = store.account("guest").await.unwrap().unwrap();
        store.set_password(before.id, "new").await.unwrap();
        store.improve_hash(before.id, before.generation, "old, but better").await.unwrap();
        assert_eq!(store.account("guest").await.unwrap().unwrap().password_hash, "new");
    }
}
