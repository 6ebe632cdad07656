//! Where finished images are kept: in a directory of this machine, or in an object store far away.
//!
//! ```text
//! engine ─> images/.making-IMAGE-ATTEMPT/ ─> local:  rename to images/IMAGE
//!           (private, on the same file system)       remote: upload in parts as IMAGE/FILE, report.json last
//! ```
//!
//! **Nothing is ever half there.** The engine's directory sink makes its files durable within the private folder, the report
//! last. Locally the folder is then renamed, which is the commit: no bytes are moved. In an object store the report is uploaded
//! after all other files: *an image without its report is no image*, and the next attempt uploads it again. The database learns of
//! the image after that. A crash in between leaves a complete image whose job is still there: the next attempt finds the
//! report and only completes the row, so that nothing is made twice. What a crash leaves of private folders is removed at the
//! next start, when the lock on the data directory says that nobody works in them.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use diskwright::engine::Report;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use object_store::buffered::BufWriter;
use object_store::local::LocalFileSystem;
use object_store::{GetOptions, GetRange, GetResultPayload, ObjectStore, ObjectStoreExt};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio_util::io::ReaderStream;

/// Finished images.
#[derive(Clone, Debug)]
pub(crate) struct Artefacts {
    objects: Arc<dyn ObjectStore>,
    /// Where the private folders are.
    staging: PathBuf,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// The objects are the files below `staging`.
    Here,
    Elsewhere,
}

impl Artefacts {
    /// Images in `directory`, which exists.
    pub(crate) fn local(directory: &Path) -> io::Result<Self> {
        let objects = LocalFileSystem::new_with_prefix(directory)?;
        Ok(Self { objects: Arc::new(objects), staging: directory.to_owned(), place: Place::Here })
    }

    /// Images in an object store; they are made in `staging`.
    pub(crate) fn remote(objects: Arc<dyn ObjectStore>, staging: &Path) -> Self {
        Self { objects, staging: staging.to_owned(), place: Place::Elsewhere }
    }

    /// The private folder for an attempt to make an image; no two attempts share one.
    pub(crate) fn folder(&self, image: i64, attempt: i64) -> PathBuf {
        self.staging.join(format!("{PRIVATE}{image}-{attempt}"))
    }

    /// Makes an image of the finished `folder`, which is gone afterwards.
    ///
    /// An upload, which may take long, ends with `ErrorKind::Interrupted` when `stop` does; a rename does not.
    pub(crate) async fn publish(
        &self,
        image: i64,
        folder: &Path,
        stop: impl Future<Output = ()>,
    ) -> io::Result<()> {
        if self.place == Place::Here {
            let (staging, folder) = (self.staging.clone(), folder.to_owned());
            return blocking(move || rename(&staging, &folder, image)).await;
        }
        let mut names = Vec::new();
        let mut entries = tokio::fs::read_dir(folder).await?;
        while let Some(entry) = entries.next_entry().await? {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
        // The report is last: it says that all the others are there.
        names.sort_by_key(|name| name == Report::FILE_NAME);
        let mut stop = pin!(stop);
        for name in names {
            self.upload(image, &name, &folder.join(&name), stop.as_mut()).await?;
        }
        remove(folder.to_owned()).await
    }

    /// The report of an image; `None` when the image is not there, or not all of it.
    pub(crate) async fn report(&self, image: i64) -> io::Result<Option<Bytes>> {
        let found = match self.objects.get(&location(image, Report::FILE_NAME)).await {
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            found => found?,
        };
        if found.meta.size > MAX_REPORT {
            return Err(io::Error::other("the report is longer than 256 MiB"));
        }
        Ok(Some(found.bytes().await?))
    }

    /// The bytes `range` of a file of an image, as they are asked for: a piece at a time, whatever the file's size.
    pub(crate) async fn read(
        &self,
        image: i64,
        name: &str,
        range: Range<u64>,
    ) -> io::Result<BoxStream<'static, io::Result<Bytes>>> {
        if range.is_empty() {
            return Ok(futures_util::stream::empty().boxed());
        }
        let wanted = GetOptions { range: Some(GetRange::Bounded(range.clone())), ..GetOptions::default() };
        let found = self.objects.get_opts(&location(image, name), wanted).await?;
        if found.range != range {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file is shorter than it was"));
        }
        match found.payload {
            // The store's own stream reads 8 KiB at a time.
            GetResultPayload::File(file, _) => pieces(file, range).await,
            GetResultPayload::Stream(stream) => Ok(stream.map_err(io::Error::from).boxed()),
        }
    }

    /// Removes an image, or what there is of it.
    pub(crate) async fn delete(&self, image: i64) -> io::Result<()> {
        if self.place == Place::Here {
            return remove(self.staging.join(image.to_string())).await;
        }
        // The report goes first: without it the image is none, even if this ends half-way.
        let report = location(image, Report::FILE_NAME);
        match self.objects.delete(&report).await {
            Err(object_store::Error::NotFound { .. }) => {}
            deleted => deleted?,
        }
        let prefix = object_store::path::Path::from(image.to_string());
        let all = self.objects.list(Some(&prefix)).map_ok(|found| found.location).boxed();
        self.objects.delete_stream(all).try_collect::<Vec<_>>().await?;
        Ok(())
    }

    /// Removes the private folders of attempts that were killed; nobody works in one.
    pub(crate) async fn remove_private(&self) -> io::Result<()> {
        for name in self.names().await? {
            if name.starts_with(PRIVATE) {
                remove(self.staging.join(name)).await?;
            }
        }
        Ok(())
    }

    /// The numbers of the images that are kept on this machine.
    pub(crate) async fn local_images(&self) -> io::Result<Vec<i64>> {
        if self.place == Place::Elsewhere {
            return Ok(Vec::new());
        }
        Ok(self.names().await?.iter().filter_map(|name| name.parse().ok()).collect())
    }

    async fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        let mut entries = tokio::fs::read_dir(&self.staging).await?;
        while let Some(entry) = entries.next_entry().await? {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
        Ok(names)
    }

    async fn upload(
        &self,
        image: i64,
        name: &str,
        path: &Path,
        stop: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let mut file = tokio::fs::File::open(path).await?;
        file.set_max_buf_size(PIECE);
        let length = file.metadata().await?.len();
        // Stores take a limited number of parts.
        let part = usize::try_from(length.div_ceil(MAX_PARTS)).unwrap_or(usize::MAX).max(PART);
        let mut to = BufWriter::with_capacity(Arc::clone(&self.objects), location(image, name), part)
            .with_max_concurrency(PARTS_UNDER_WAY);
        let mut from = tokio::io::BufReader::with_capacity(PIECE, file);
        let copied = tokio::select! {
            copied = tokio::io::copy_buf(&mut from, &mut to) => copied,
            () = stop => Err(io::ErrorKind::Interrupted.into()),
        };
        match copied {
            Ok(_) => to.shutdown().await,
            Err(error) => {
                to.abort().await?;
                Err(error)
            }
        }
    }
}

/// The bytes `range` of a file of this machine, in large pieces.
pub(crate) async fn pieces(
    file: std::fs::File,
    range: Range<u64>,
) -> io::Result<BoxStream<'static, io::Result<Bytes>>> {
    let mut file = tokio::fs::File::from_std(file);
    file.set_max_buf_size(PIECE);
    file.seek(io::SeekFrom::Start(range.start)).await?;
    let length = range.end.saturating_sub(range.start);
    Ok(ReaderStream::with_capacity(file.take(length), PIECE).boxed())
}

/// Removes a directory with everything in it; one that is not there is removed already.
pub(crate) async fn remove(directory: PathBuf) -> io::Result<()> {
    blocking(move || match std::fs::remove_dir_all(&directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    })
    .await
}

/// The commit of an image on this machine.
///
/// What already stands there is a whole image of the same order, so of the same bytes, by a builder that lost its job.
fn rename(staging: &Path, folder: &Path, image: i64) -> io::Result<()> {
    let to = staging.join(image.to_string());
    if to.join(Report::FILE_NAME).is_file() {
        return std::fs::remove_dir_all(folder);
    }
    std::fs::rename(folder, &to)?;
    std::fs::File::open(staging)?.sync_all()
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

fn location(image: i64, name: &str) -> object_store::path::Path {
    object_store::path::Path::from_iter([image.to_string().as_str(), name])
}

/// Begins the names of private folders.
const PRIVATE: &str = ".making-";
/// Bytes that are read from a file at once.
const PIECE: usize = 256 << 10;
/// Bytes of an uploaded part, at least.
const PART: usize = 8 << 20;
/// S3 takes 10 000.
const MAX_PARTS: u64 = 9_000;
const PARTS_UNDER_WAY: usize = 2;
/// A report of the engine is far shorter: its lists are bounded.
const MAX_REPORT: u64 = 256 << 20;

#[cfg(test)]
mod tests;
