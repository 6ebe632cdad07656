//! This machine itself, captured and built into a disk, as far as that takes seconds: its root with the mount points below it,
//! and `/etc`. By hand, all of it is captured in the same way.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use diskwright_e2e::{Tool, disk, diskwright, generate, is_root, text, verify};

/// What is small, and where other file systems are mounted.
const TAKEN: [&str; 6] = ["etc", "dev", "proc", "run", "sys", "bin"];

#[test]
fn a_capture_of_this_machine_builds_into_a_disk_in_which_nothing_is_wrong() -> Result<()> {
    let (Some(e2fsck), Some(sfdisk)) = (Tool::find("e2fsck"), Tool::find("sfdisk")) else { return Ok(()) };
    if !is_root() {
        return Ok(());
    }
    let place = tempfile::tempdir()?;
    let archive = place.path().join("machine.tar.zst");
    let mut capture = diskwright()?;
    capture.args(["capture", "--root", "/", "--progress", "none", "--output"]).arg(&archive);
    for entry in Path::new("/").read_dir()? {
        let name = entry?.file_name();
        if !TAKEN.iter().any(|taken| name == *taken) {
            let mut pattern = OsString::from("/");
            pattern.push(&name);
            capture.arg("--exclude").arg(pattern);
        }
    }
    let captured = capture.output()?;
    ensure!(captured.status.success(), "{}", text(&captured));

    let flags = ["--boot", "none", "--disk-size", "2G", "--name", "machine"];
    let made = generate(&archive, &["raw"], &place.path().join("out"), &flags)?;
    let image = made.disk()?;
    verify(
        &[image.to_owned()],
        &place.path().join("out/report.json"),
        &[OsString::from("--scan"), archive.clone().into()],
    )?;
    let partitions = disk::partitions(&sfdisk, image)?;
    let [root] = partitions.as_slice() else { bail!("not one partition: {partitions:?}") };
    let volume = place.path().join("volume");
    disk::extract(image, root, &volume)?;
    e2fsck.run(&["-f".as_ref(), "-n".as_ref(), volume.as_os_str()])?;
    let Some(debugfs) = Tool::find("debugfs") else { return Ok(()) };
    let list = |path: &str| -> Result<Vec<PathBuf>> {
        let listed = debugfs.run(&["-R".as_ref(), format!("ls -p {path}").as_ref(), volume.as_os_str()])?;
        let names = listed.lines().filter_map(|line| line.split('/').nth(5)).map(PathBuf::from);
        Ok(names.filter(|name| !["", ".", ".."].contains(&&*name.to_string_lossy())).collect())
    };
    ensure!(list("/etc")?.len() > 10, "{:?}", list("/etc")?);
    // Of another file system: the place is there and empty.
    ensure!(list("/proc")?.is_empty() && list("/sys")?.is_empty(), "{:?}", list("/proc")?);
    Ok(())
}
