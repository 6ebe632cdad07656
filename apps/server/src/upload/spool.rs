use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use axum::http::StatusCode;
use bytes::Bytes;

use super::checksum::Digests;
pub(crate) use super::checksum::Sums;
use crate::failure::Failure;

/// A private file that is written from front to back, off the runtime's threads and in large pieces.
pub(super) struct Spool {
    writer: Option<Writer>,
    buffer: Vec<u8>,
    len: u64,
}

/// A file that nobody else writes.
pub(super) struct Locked(File);

/// What the blocking threads work on.
struct Writer {
    file: File,
    digests: Option<Digests>,
}

impl Spool {
    /// A new file at `path`, with digests of what is written to it.
    pub(super) async fn create(path: &Path, with_md5: bool) -> Result<Self, Failure> {
        let path = path.to_owned();
        let file = blocking(move || {
            std::fs::OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
        });
        let writer = Writer { file: file.await?, digests: Some(Digests::new(with_md5)) };
        Ok(Self { writer: Some(writer), buffer: Vec::new(), len: 0 })
    }

    /// The file of an upload in parts, locked against others and not touched yet; made if absent.
    ///
    /// Fails with 423 where another request writes it.
    pub(super) async fn lock(path: &Path) -> Result<Locked, Failure> {
        let path = path.to_owned();
        let file = blocking(move || {
            let file = std::fs::OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(path)?;
            match file.try_lock() {
                Ok(()) => Ok(Some(file)),
                Err(std::fs::TryLockError::WouldBlock) => Ok(None),
                Err(std::fs::TryLockError::Error(error)) => Err(error),
            }
        });
        file.await?.map(Locked).ok_or_else(|| {
            let message = "another request is writing this upload";
            Failure::new(StatusCode::LOCKED, "upload.locked", message)
        })
    }

    /// Bytes that were put, with those of earlier parts.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Appends `bytes`.
    pub(super) async fn put(&mut self, bytes: &Bytes) -> Result<(), Failure> {
        self.buffer.extend_from_slice(bytes);
        self.len = self.len.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if self.buffer.len() >= PIECE { self.flush(false).await } else { Ok(()) }
    }

    /// Writes what is held back and makes everything durable.
    pub(super) async fn sync(&mut self) -> Result<(), Failure> {
        self.flush(true).await
    }

    /// The digests of everything that was written.
    pub(super) async fn sums(mut self, with_md5: bool) -> Result<Sums, Failure> {
        self.flush(true).await?;
        let Some(Writer { mut file, digests }) = self.writer.take() else { return Err(lost()) };
        if let Some(digests) = digests {
            return Ok(digests.finish());
        }
        // Parts came at different times, perhaps to different processes.
        let sums = blocking(move || {
            file.seek(SeekFrom::Start(0))?;
            let mut digests = Digests::new(with_md5);
            let mut piece = vec![0; PIECE];
            loop {
                match file.read(&mut piece) {
                    Ok(0) => return Ok(digests.finish()),
                    Ok(len) => digests.update(&piece[..len]),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        });
        sums.await
    }

    async fn flush(&mut self, durable: bool) -> Result<(), Failure> {
        let mut writer = self.writer.take().ok_or_else(lost)?;
        let mut buffer = std::mem::take(&mut self.buffer);
        let (writer, buffer) = blocking(move || {
            writer.file.write_all(&buffer)?;
            if let Some(digests) = &mut writer.digests {
                digests.update(&buffer);
            }
            if durable {
                writer.file.sync_all()?;
            }
            buffer.clear();
            Ok((writer, buffer))
        })
        .await?;
        (self.writer, self.buffer) = (Some(writer), buffer);
        Ok(())
    }
}

impl Locked {
    /// Goes on behind the first `offset` bytes: what came behind them may not be durable, and comes again.
    pub(super) async fn resume(self, offset: u64) -> Result<Spool, Failure> {
        let Self(mut file) = self;
        let file = blocking(move || {
            file.set_len(offset)?;
            file.seek(SeekFrom::Start(offset))?;
            Ok(file)
        });
        let writer = Writer { file: file.await?, digests: None };
        Ok(Spool { writer: Some(writer), buffer: Vec::new(), len: offset })
    }
}

/// Does `work` where it may take its time. A full disk is 507, other failures 500.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                let message = "the server has no room left";
                Err(Failure::new(StatusCode::INSUFFICIENT_STORAGE, "server.full", message))
            }
            _ => Err(Failure::internal(error)),
        },
        Err(error) => Err(Failure::internal(error)),
    }
}

/// After a failed write there is nothing to go on with.
fn lost() -> Failure {
    Failure::internal("an upload's file was lost by an earlier failure")
}

const PIECE: usize = 1 << 20;
