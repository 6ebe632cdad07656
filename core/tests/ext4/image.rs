//! Volumes in files, and the tools that look at them.

use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use diskwright_core::filesystem::ext4::{Ext4Features, Ext4Label, Ext4Options, Ext4Plan};
use diskwright_core::layout::{DiskLayout, LayoutBuilder};
use diskwright_core::tree::TreeView;
use diskwright_core::{Result, Seed, Timestamp};
use diskwright_oracle::{skip, tool};

pub(crate) const MIB: u64 = 1 << 20;
pub(crate) const GIB: u64 = 1 << 30;
pub(crate) const BLOCK: u64 = 4096;

/// Every form of volume.
pub(crate) const ALL: [Ext4Features; 4] =
    [Ext4Features::Modern, Ext4Features::Legacy, Ext4Features::Ext3, Ext4Features::Ext2];

/// A volume in a sparse file.
pub(crate) struct Image {
    directory: tempfile::TempDir,
    pub(crate) path: PathBuf,
}

/// A mounted volume, for as long as the value lives.
pub(crate) struct Mounted {
    pub(crate) root: PathBuf,
}

impl Image {
    /// Writes the volume that a layout consists of.
    pub(crate) fn write(layout: &DiskLayout) -> Self {
        Self::write_in(&std::env::temp_dir(), layout)
    }

    /// Writes the volume into a directory below this one.
    pub(crate) fn write_in(place: &Path, layout: &DiskLayout) -> Self {
        let directory = tempfile::tempdir_in(place).unwrap();
        let path = directory.path().join("volume");
        let file = std::fs::File::create(&path).unwrap();
        file.set_len(layout.size()).unwrap();
        let mut reader = layout.reader();
        let mut buffer = vec![0; MIB as usize];
        for region in layout.regions().filter(|region| !region.is_zero) {
            let mut done = 0;
            while done < region.len {
                let len = (region.len - done).min(MIB) as usize;
                reader.read_exact_at(region.start + done, &mut buffer[..len]).unwrap();
                file.write_all_at(&buffer[..len], region.start + done).unwrap();
                done += len as u64;
            }
        }
        Self { directory, path }
    }

    pub(crate) fn new(view: &TreeView, options: Ext4Options, size: u64) -> Self {
        Self::write(&layout(view, options, size).unwrap())
    }

    /// e2fsck finds nothing to say.
    pub(crate) fn assert_clean(&self) {
        let Some(e2fsck) = tool("e2fsck") else { return };
        let output = Command::new(e2fsck).arg("-fn").arg(&self.path).output().unwrap();
        let text = text(&output);
        let is_expected = |line: &str| {
            line.starts_with("Pass ")
                || line.starts_with("e2fsck ")
                || line.contains(" files (")
                || line.is_empty()
        };
        assert!(
            output.status.success() && text.lines().all(is_expected),
            "e2fsck {}:\n{text}",
            output.status
        );
    }

    /// What a tool prints about the volume; `None` when it is missing.
    pub(crate) fn ask(&self, name: &str, arguments: &[&str]) -> Option<String> {
        let program = tool(name)?;
        let output = Command::new(program).args(arguments).arg(&self.path).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", text(&output));
        Some(text(&output))
    }

    /// Mounts the volume; `None` where that is not allowed.
    pub(crate) fn mount(&self, options: &str) -> Option<Mounted> {
        self.mount_as("auto", options)
    }

    /// Mounts the volume as a file system of this type, which then refuses features of others.
    pub(crate) fn mount_as(&self, kind: &str, options: &str) -> Option<Mounted> {
        let root = self.directory.path().join("mounted");
        std::fs::create_dir_all(&root).unwrap();
        let mount = tool("mount")?;
        if !rustix::process::geteuid().is_root() {
            skip("mounting needs the root user");
            return None;
        }
        // Tests that run at the same time may take the last loop device, or the same one.
        for attempt in 1.. {
            let mut command = Command::new(&mount);
            command.args(["-t", kind, "-o", options]).arg(&self.path).arg(&root);
            let output = command.output().unwrap();
            if output.status.success() {
                break;
            }
            assert!(attempt < 100, "mount: {}", text(&output));
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        Some(Mounted { root })
    }

    /// Bytes that the host has allocated for the volume.
    pub(crate) fn allocated(&self) -> u64 {
        use std::os::unix::fs::MetadataExt;
        std::fs::metadata(&self.path).unwrap().blocks() * 512
    }
}

impl Mounted {
    pub(crate) fn path(&self, below: impl AsRef<[u8]>) -> PathBuf {
        use std::os::unix::ffi::OsStrExt;
        let below = below.as_ref();
        // An absolute path would be one of this host.
        let below = below.strip_prefix(b"/").unwrap_or(below);
        self.root.join(Path::new(std::ffi::OsStr::from_bytes(below)))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // A process that another test is about to start has the open files of this one for a moment.
        for attempt in 1.. {
            let done = Command::new("umount").arg(&self.root).output();
            if done.as_ref().is_ok_and(|output| output.status.success()) || std::thread::panicking() {
                return;
            }
            assert!(attempt < 100, "umount: {done:?}");
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }
}

/// Options with every identifier set.
pub(crate) fn options(features: Ext4Features) -> Ext4Options {
    let seed = Seed::from_text("ext4 tests");
    let created = Timestamp { seconds: 1_750_000_000, nanos: 123_456_789 };
    Ext4Options::new(seed.uuid("root"), seed.uuid("hash"), created)
        .with_label(Ext4Label::new("diskwright").unwrap())
        .with_features(features)
}

/// The disk that is just one volume.
pub(crate) fn layout(view: &TreeView, options: Ext4Options, size: u64) -> Result<DiskLayout> {
    let plan = Ext4Plan::new(view.clone(), options, size)?;
    let mut builder = LayoutBuilder::new(view.tree().clone());
    plan.append(&mut builder)?;
    assert_eq!(builder.position(), size);
    builder.finish(size)
}

fn text(output: &Output) -> String {
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    text
}
