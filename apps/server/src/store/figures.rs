use super::{Store, StoreError, now};

/// How many there are of what.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    /// Images by state and format.
    pub(crate) images: Vec<(String, String, i64)>,
    /// Scans by state.
    pub(crate) scans: Vec<(String, i64)>,
    /// Jobs that nobody works at, by kind.
    pub(crate) waiting: Vec<(String, i64)>,
    pub(crate) upload_bytes: i64,
    pub(crate) image_bytes: i64,
}

impl Store {
    /// Counts all users' things together.
    pub(crate) async fn figures(&self) -> Result<Figures, StoreError> {
        let mut read = self.reader().begin().await?;
        let images = sqlx::query_as("SELECT state, format, COUNT(*) FROM images GROUP BY state, format")
            .fetch_all(&mut *read)
            .await?;
        let scans =
            sqlx::query_as("SELECT state, COUNT(*) FROM scans GROUP BY state").fetch_all(&mut *read).await?;
        let waiting = sqlx::query_as(
            "SELECT kind, COUNT(*) FROM jobs WHERE lease_until IS NULL OR lease_until < $1 GROUP BY kind",
        )
        .bind(now())
        .fetch_all(&mut *read)
        .await?;
        let upload_bytes =
            sqlx::query_scalar("SELECT COALESCE(SUM(tree_bytes), 0) FROM scans WHERE tree_file IS NOT NULL")
                .fetch_one(&mut *read)
                .await?;
        let image_bytes = sqlx::query_scalar("SELECT COALESCE(SUM(total_size), 0) FROM images")
            .fetch_one(&mut *read)
            .await?;
        Ok(Figures { images, scans, waiting, upload_bytes, image_bytes })
    }
}
