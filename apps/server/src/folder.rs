use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use diskwright::{Error, ErrorKind};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::hexadecimal::hexadecimal;
use crate::random::random;

/// The server's data directory, private to its user.
///
/// ```text
/// state.db    the database
/// secret      32 random bytes
/// lock        locked by the one server that runs here
/// uploads/    trees that were uploaded
/// images/     a directory for each image, `images/NUMBER`
/// ```
#[derive(Clone)]
pub(crate) struct Folder {
    root: PathBuf,
    secret: [u8; SECRET],
}

impl Folder {
    /// Opens the directory, made with everything in it if absent.
    pub(crate) fn open(root: &Path) -> anyhow::Result<Self> {
        for directory in [root, &root.join("uploads"), &root.join("images")] {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(directory)
                .with_context(|| format!("cannot make {}", directory.display()))?;
        }
        // As messages of the system name it, whatever becomes of the working directory.
        let root = &root.canonicalize().with_context(|| format!("cannot find {}", root.display()))?;
        // SQLite gives its other files the mode of this one.
        let database = root.join(DATABASE);
        let made = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(&database);
        made.with_context(|| format!("cannot open {}", database.display()))?;
        let path = root.join("secret");
        let secret = secret(&path).with_context(|| format!("cannot read or make {}", path.display()))?;
        let secret: Result<[u8; SECRET], _> = secret.try_into();
        ensure!(secret.is_ok(), "{} has not {SECRET} bytes", path.display());
        Ok(Self { root: root.to_owned(), secret: secret.unwrap_or_default() })
    }

    /// The database's file.
    pub(crate) fn database(&self) -> PathBuf {
        self.root.join(DATABASE)
    }

    /// Where uploads are kept.
    pub(crate) fn uploads(&self) -> PathBuf {
        self.root.join("uploads")
    }

    /// Where the files of an image are, as the database names it.
    pub(crate) fn image_name(&self, id: i64) -> String {
        format!("images/{id}")
    }

    /// Where images are kept, a directory for each.
    pub(crate) fn images(&self) -> PathBuf {
        self.root.join("images")
    }

    /// Makes the caller the one server of this directory, as long as it keeps what it gets.
    ///
    /// Fails while another has it.
    pub(crate) fn lock(&self) -> anyhow::Result<File> {
        let path = self.root.join("lock");
        let file =
            std::fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = file.with_context(|| format!("cannot open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => {
                bail!("another server runs in {}", self.root.display())
            }
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("cannot lock {}", path.display()))
            }
        }
    }

    /// Where the tree of a scan is: a file of the directory's own, or a path that the administrator registered.
    ///
    /// # Errors
    /// `ErrorKind::Source` when it is neither.
    pub(crate) fn tree(&self, file: Option<&str>, registered: Option<&str>) -> diskwright::Result<PathBuf> {
        match (file, registered) {
            (Some(file), _) => Ok(self.path(file)),
            (None, Some(path)) => Ok(PathBuf::from(path)),
            (None, None) => Err(Error::new(ErrorKind::Source, "the scan has no tree any more")),
        }
    }

    /// `text` without the paths of this directory, which are nobody's business.
    pub(crate) fn without_paths(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.root.display()), "")
    }

    /// The path of something within the directory, as the database names it.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Bytes that may still be written to the directory's file system.
    pub(crate) fn free(&self) -> io::Result<u64> {
        let system = rustix::fs::statvfs(&self.root)?;
        Ok(system.f_bavail.saturating_mul(system.f_frsize))
    }

    /// What this directory is known by to others: always the same, and no secret.
    pub(crate) fn node(&self) -> String {
        hexadecimal(self.key("node").get(..8).unwrap_or_default())
    }

    /// A key for `purpose` that only this server can make: HMAC-SHA256 under its secret.
    pub(crate) fn key(&self, purpose: &str) -> [u8; 32] {
        // HMAC takes keys of every length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.secret) else { return [0; 32] };
        mac.update(purpose.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

impl std::fmt::Debug for Folder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Folder").field("root", &self.root).finish_non_exhaustive()
    }
}

/// The bytes of the secret's file, which is made if absent: whole under a private name, then linked, so that no other
/// process ever reads half of it.
fn secret(path: &Path) -> io::Result<Vec<u8>> {
    match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        read => return read,
    }
    let bytes = random::<SECRET>()?.to_vec();
    // A name that nothing of an earlier life can have: in a container every process has the same number.
    let draft = path.with_extension(u64::from_ne_bytes(random()?).to_string());
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    let linked = std::fs::hard_link(&draft, path);
    std::fs::remove_file(&draft)?;
    // What is derived from it must not outlive it.
    if let Some(directory) = path.parent() {
        File::open(directory)?.sync_all()?;
    }
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => std::fs::read(path),
        Err(error) => Err(error),
        Ok(()) => Ok(bytes),
    }
}

const DATABASE: &str = "state.db";
/// Bytes of the secret.
const SECRET: usize = 32;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn what_is_kept_is_private_whatever_the_directory_is() {
        let room = tempfile::tempdir().unwrap();
        let root = room.path().join("data");
        std::fs::create_dir(&root).unwrap();
        std::fs::set_permissions(&root, PermissionsExt::from_mode(0o755)).unwrap();
        let folder = Folder::open(&root).unwrap();
        let store = crate::store::Store::open(&folder.database()).await.unwrap();
        let _lock = folder.lock().unwrap();
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&root).unwrap() {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{}: {mode:o}", entry.path().display());
            names.push(entry.file_name().into_string().unwrap());
        }
        assert!(names.contains(&"state.db-wal".to_owned()), "{names:?}");
        store.close().await;
    }

    #[test]
    fn the_secret_is_made_once_whatever_an_earlier_life_left_and_is_not_shown() {
        let room = tempfile::tempdir().unwrap();
        let left = room.path().join(format!("secret.{}", std::process::id()));
        std::fs::write(left, "of a process with this number").unwrap();
        let folder = Folder::open(room.path()).unwrap();
        assert_eq!(folder.secret, Folder::open(room.path()).unwrap().secret);
        let shown = format!("{folder:?}");
        assert!(!shown.contains(&format!("{:?}", folder.secret)) && !shown.contains("secret"), "{shown}");
    }
}
