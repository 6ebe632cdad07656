//! File systems as the kernel shows them.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use tempfile::TempDir;

use crate::{Tool, is_root};

/// A mounted file system, unmounted when dropped.
#[derive(Debug)]
pub struct Mounted {
    place: TempDir,
    umount: Tool,
    is_mounted: bool,
}

impl Mounted {
    /// Mounts the ext4 file system in `file` with `options`, `ro` or `rw`. Nothing where this process may not mount.
    ///
    /// # Errors
    /// If the kernel refuses the file system.
    pub fn ext4(file: &Path, options: &str) -> Result<Option<Self>> {
        let (Some(mount), Some(umount), true) = (Tool::find("mount"), Tool::find("umount"), is_root()) else {
            return Ok(None);
        };
        let place = tempfile::tempdir()?;
        let options = format!("loop,{options}");
        let (kind, options) = (["-t", "ext4", "-o"], options.as_str());
        let arguments = kind.iter().map(AsRef::as_ref).chain([
            options.as_ref(),
            file.as_os_str(),
            place.path().as_os_str(),
        ]);
        mount.run(&arguments.collect::<Vec<_>>())?;
        Ok(Some(Self { place, umount, is_mounted: true }))
    }

    /// Where the root of the file system is.
    pub fn path(&self) -> &Path {
        self.place.path()
    }

    /// Unmounts and waits until all is written.
    ///
    /// # Errors
    /// If the file system stays busy.
    pub fn unmount(mut self) -> Result<()> {
        self.is_mounted = false;
        self.detach()
    }

    /// A program that another thread starts holds our open files for a moment, until it is running: a file system that
    /// is busy is asked again.
    fn detach(&self) -> Result<()> {
        let mut tries = 0;
        loop {
            match self.umount.run(&[self.place.path()]) {
                Err(error) if tries < 100 && error.to_string().contains("busy") => tries += 1,
                done => return done.map(drop),
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if self.is_mounted
            && let Err(error) = self.detach()
        {
            eprintln!("{error:#}");
        }
    }
}
