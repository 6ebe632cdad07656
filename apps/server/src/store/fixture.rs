use super::Store;

/// A machine with a scan with an image, of one user.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Furniture {
    pub(crate) instance: i64,
    pub(crate) scan: i64,
    pub(crate) image: i64,
}

impl Store {
    /// Gives `user` one of everything. The rows stand for files that are not there.
    pub(crate) async fn furnish(&self, user: i64) -> Furniture {
        let mut change = self.begin().await.unwrap();
        let instance: i64 = sqlx::query_scalar(
            "INSERT INTO scanned_instances (user_id, name, created, modified)
             SELECT $1, 'machine ' || (COALESCE(MAX(id), 0) + 1), 0, 0 FROM scanned_instances RETURNING id",
        )
        .bind(user)
        .fetch_one(&mut *change)
        .await
        .unwrap();
        let scan: i64 = sqlx::query_scalar(
            "INSERT INTO scans (instance_id, user_id, name, state, tree_file, held_bytes, created, modified)
             VALUES ($1, $2, 'Scan 1', 'complete', $3, 100, 0, 0) RETURNING id",
        )
        .bind(instance)
        .bind(user)
        .bind(format!("uploads/of-{instance}"))
        .fetch_one(&mut *change)
        .await
        .unwrap();
        let image: i64 = sqlx::query_scalar(
            "INSERT INTO images (scan_id, user_id, name, revision, format, compress, request, seed, timestamp,
                                 state, file_name, held_bytes, created, modified)
             VALUES ($1, $2, 'Scan 1', 1, 'raw', 1, '{}', 'seed', 0, 'complete', 'image.raw.gz', 50, 0, 0)
             RETURNING id",
        )
        .bind(scan)
        .bind(user)
        .fetch_one(&mut *change)
        .await
        .unwrap();
        change.commit().await.unwrap();
        Furniture { instance, scan, image }
    }
}
