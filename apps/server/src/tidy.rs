//! What is over is removed: files that nothing owns any more, uploads that nobody goes on with.

use std::io;
use std::path::Path;
use std::time::Duration;

use crate::folder::Folder;
use crate::server::Server;
use crate::store::{DeadUpload, Store, StoreError, Upload, now};

impl Server {
    /// Removes the files that nothing owns any more. What cannot be removed is tried again the next time.
    pub(crate) async fn sweep(&self) {
        if let Err(error) = self.try_sweep().await {
            tracing::error!(%error, "the garbage cannot be removed");
        }
    }

    /// Cleans up after an earlier life: nothing of it runs any more.
    pub(crate) async fn tidy(&self) -> Result<(), StoreError> {
        for upload in self.store().unfinished_uploads().await? {
            if upload.upload_total.is_none() || is_old(&upload) {
                self.store().abandon_upload(&upload.into()).await?;
            }
        }
        self.store().forget_never_arrived().await?;
        let known = self.store().known_files().await?;
        let uploads = self.folder().uploads();
        let orphans = tokio::task::spawn_blocking(move || -> io::Result<()> {
            for entry in std::fs::read_dir(uploads)? {
                let entry = entry?;
                let is_known =
                    entry.file_name().to_str().is_some_and(|name| known.contains(&format!("uploads/{name}")));
                if !is_known {
                    remove(&entry.path())?;
                }
            }
            Ok(())
        });
        match orphans.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "uploads that nothing knows cannot be removed"),
            Err(error) => tracing::error!(%error, "uploads that nothing knows cannot be removed"),
        }
        self.sweep().await;
        Ok(())
    }

    /// Forgets uploads in parts that nobody went on with for a day.
    pub(crate) async fn forget_old_uploads(&self) -> Result<(), StoreError> {
        let mut any = false;
        for upload in self.store().unfinished_uploads().await? {
            if upload.upload_total.is_some() && is_old(&upload) {
                self.store().abandon_upload(&upload.into()).await?;
                any = true;
            }
        }
        if any {
            self.sweep().await;
        }
        Ok(())
    }

    /// Says that there is a tree to be read.
    pub(crate) fn wake(&self) {
        self.builder().wake();
    }

    async fn try_sweep(&self) -> Result<(), StoreError> {
        for garbage in self.store().garbage().await? {
            match self.remove(&garbage.path).await {
                Ok(()) => self.store().forget_garbage(garbage.id).await?,
                Err(error) => tracing::error!(%error, garbage.path, "a file cannot be removed"),
            }
        }
        Ok(())
    }

    /// Removes what the data directory's `path` names; an image may be kept elsewhere.
    async fn remove(&self, path: &str) -> io::Result<()> {
        if let Some(image) = path.strip_prefix("images/").and_then(|image| image.parse().ok()) {
            return self.artefacts().delete(image).await;
        }
        let path = self.folder().path(path);
        tokio::task::spawn_blocking(move || remove(&path)).await.map_err(io::Error::other)?
    }
}

/// Removes the uploads that nothing owns any more, for a command beside a server or without one; images are left to the
/// server, which knows where they are kept.
pub(crate) async fn sweep_uploads(folder: &Folder, store: &Store) -> anyhow::Result<()> {
    for garbage in store.garbage().await? {
        if garbage.path.starts_with("uploads/") {
            let path = folder.path(&garbage.path);
            tokio::task::spawn_blocking(move || remove(&path)).await??;
            store.forget_garbage(garbage.id).await?;
        }
    }
    Ok(())
}

impl From<DeadUpload> for Upload {
    fn from(dead: DeadUpload) -> Self {
        Self { scan: dead.id, user: dead.user_id, file: dead.tree_file, reserved: 0 }
    }
}

fn is_old(upload: &DeadUpload) -> bool {
    let age = now().saturating_sub(upload.modified);
    u64::try_from(age).is_ok_and(|age| Duration::from_millis(age) > UPLOAD_LIFE)
}

/// Removes a file, or a directory with everything in it; what is not there is gone already.
fn remove(path: &Path) -> io::Result<()> {
    let removed = match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// How long an upload in parts waits for its next part.
const UPLOAD_LIFE: Duration = Duration::from_secs(24 * 3600);
