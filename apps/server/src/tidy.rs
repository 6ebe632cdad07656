//! What is over is removed: files that nothing owns any more, uploads that nobody goes on with.
//!
//! Whoever forgets something sweeps at once. What could not be removed then, and what nobody forgets, is for the housekeeping.

use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::folder::Folder;
use crate::server::Server;
use crate::store::{Store, StoreError, now};

/// Cleans a server every now and then.
#[derive(Debug, Default)]
pub(crate) struct Housekeeping {
    stop: CancellationToken,
    work: Mutex<Option<JoinHandle<()>>>,
}

impl Housekeeping {
    /// Begins, with a first round at once. To be called once.
    pub(crate) fn start(&self, server: &Server) {
        let (server, stop) = (server.clone(), self.stop.clone());
        let rounds = async move {
            let mut ticks = tokio::time::interval(ROUND);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                server.clean(now()).await;
            }
        };
        let work = tokio::spawn(async move {
            // Wherever it is: what is not removed is still noted.
            stop.run_until_cancelled(rounds).await;
        });
        *self.work.lock().unwrap_or_else(PoisonError::into_inner) = Some(work);
    }

    /// Ends the rounds, and waits for that.
    pub(crate) async fn stop(&self) {
        self.stop.cancel();
        let work = self.work.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(work) = work
            && let Err(error) = work.await
        {
            tracing::error!(%error, "the housekeeping failed");
        }
    }
}

impl Server {
    /// Removes the files that nothing owns any more. What cannot be removed is tried again the next time.
    pub(crate) async fn sweep(&self) {
        if let Err(error) = self.try_sweep().await {
            tracing::error!(%error, "the garbage cannot be removed");
        }
    }

    /// Cleans up after an earlier life: nothing of it runs any more.
    pub(crate) async fn tidy(&self) -> Result<(), StoreError> {
        self.store().abandon_broken_uploads().await?;
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

    /// A round of the housekeeping, at the time `now`.
    async fn clean(&self, now: i64) {
        let life = i64::try_from(UPLOAD_LIFE.as_millis()).unwrap_or(i64::MAX);
        if let Err(error) = self.store().abandon_old_uploads(now.saturating_sub(life)).await {
            tracing::error!(%error, "old uploads cannot be forgotten");
        }
        self.sweep().await;
    }

    /// Says that there is a tree to be read.
    pub(crate) fn wake(&self) {
        self.builder().wake();
    }

    async fn try_sweep(&self) -> Result<(), StoreError> {
        let mut after = 0;
        loop {
            let some = self.store().garbage(after).await?;
            let Some(last) = some.last() else { return Ok(()) };
            after = last.id;
            for garbage in &some {
                match self.remove(&garbage.path).await {
                    Ok(()) => self.store().forget_garbage(garbage.id).await?,
                    Err(error) => tracing::error!(%error, garbage.path, "a file cannot be removed"),
                }
            }
        }
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
    let mut after = 0;
    loop {
        let some = store.garbage(after).await?;
        let Some(last) = some.last() else { return Ok(()) };
        after = last.id;
        for garbage in some.iter().filter(|garbage| garbage.path.starts_with("uploads/")) {
            let path = folder.path(&garbage.path);
            tokio::task::spawn_blocking(move || remove(&path)).await??;
            store.forget_garbage(garbage.id).await?;
        }
    }
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

/// How often the housekeeping makes its round.
const ROUND: Duration = Duration::from_secs(600);
/// How long an upload in parts waits for its next part.
const UPLOAD_LIFE: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::{Method, StatusCode};

    use super::*;
    use crate::resources::bench::Bench;
    use crate::store::garbage::discard;
    use crate::trial::{Trial, request};

    /// A scan of which an upload in parts has begun; the URI of its overlay.
    async fn begun(bench: &Bench) -> String {
        let overlay = format!("{}/overlay", bench.scan().await);
        let announced = request("guest", Method::POST, &overlay).header("Upload-Length", 1000);
        let answer = bench.trial.send(announced.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        let part = request("guest", Method::PATCH, &overlay)
            .header("Content-Type", "application/offset+octet-stream")
            .header("Upload-Offset", 0);
        let answer = bench.trial.send(part.body(Body::from("a part")).unwrap()).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text());
        overlay
    }

    #[tokio::test]
    async fn an_upload_in_parts_waits_a_day_for_its_next_part_and_then_goes() {
        let bench = Bench::idle(Trial::new().await).await;
        let overlay = begun(&bench).await;
        let day = i64::try_from(UPLOAD_LIFE.as_millis()).unwrap();
        let server = &bench.trial.server;
        server.clean(now()).await;
        assert_eq!((bench.uploads().len(), bench.bytes_used().await), (1, 1000));
        server.clean(now() + day + 1).await;
        bench.check_clean().await;
        let status = bench.json(&overlay.replace("overlay", "status")).await;
        assert_eq!(status["message"], "Waiting for the tree");
    }

    #[tokio::test]
    async fn a_server_at_work_keeps_house_by_itself() {
        let bench = Bench::idle(Trial::new().await).await;
        begun(&bench).await;
        let store = bench.trial.server.store();
        let mut change = store.begin().await.unwrap();
        sqlx::query("UPDATE scans SET modified = 0").execute(&mut *change).await.unwrap();
        change.commit().await.unwrap();
        bench.trial.server.start().await.unwrap();
        bench.trial.until(async || bench.uploads().is_empty().then_some(())).await;
        bench.trial.until(async || store.garbage(0).await.unwrap().is_empty().then_some(())).await;
        bench.trial.server.close().await;
    }

    #[tokio::test]
    async fn a_sweep_removes_all_there_is_behind_what_cannot_be_removed() {
        let trial = Trial::new().await;
        let guest = trial.user("guest").await;
        let store = trial.server.store();
        let mut change = store.begin().await.unwrap();
        // A directory's name that is a file's: below it nothing can be.
        std::fs::write(trial.server.folder().path("uploads/file"), "").unwrap();
        for number in 0..1500 {
            let below = if number < 1100 { "file/" } else { "" };
            discard(&mut change, &format!("uploads/{below}{number}"), guest, 1).await.unwrap();
        }
        change.commit().await.unwrap();
        trial.server.sweep().await;
        assert_eq!(store.usage(guest).await.unwrap().bytes, 1100);
    }
}
