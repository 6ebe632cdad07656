//! A real Debian 12 machine becomes a disk that every foreign program accepts, and that boots.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use diskwright_e2e::attributes::{self, Difference};
use diskwright_e2e::debian::{self, DebianTree, Workshop};
use diskwright_e2e::disk::{self, Partition};
use diskwright_e2e::variant::{Image, Kind};
use diskwright_e2e::{
    Attachment, Emulator, Firmware, Generated, MachineModel, Mounted, Tool, generate, is_root,
};

#[test]
fn checkers_find_nothing() -> Result<()> {
    let tools = [Tool::find("sfdisk"), Tool::find("sgdisk"), Tool::find("fsck.fat"), Tool::find("e2fsck")];
    let ([Some(sfdisk), Some(sgdisk), Some(fsck_fat), Some(e2fsck)], Some(built)) = (tools, Built::get()?)
    else {
        return Ok(());
    };
    let image = built.generated.disk()?;
    disk::check_gpt(&sgdisk, image)?;
    let partitions = disk::partitions(&sfdisk, image)?;
    disk::check_fat(&fsck_fat, &built.extract(disk::only(&partitions, disk::EFI_SYSTEM)?, "esp")?)?;
    disk::check_ext4(&e2fsck, &built.extract(root_partition(&partitions)?, "checked")?)?;
    assert_eq!(fs::metadata(image)?.len(), 4 << 30, "the disk has the size that was asked for");
    Ok(())
}

#[test]
fn kernel_shows_the_scan_with_the_reported_edits_only() -> Result<()> {
    let (Some(sfdisk), Some(built)) = (Tool::find("sfdisk"), Built::get()?) else { return Ok(()) };
    let partitions = disk::partitions(&sfdisk, built.generated.disk()?)?;
    let Some(mounted) = Mounted::ext4(&built.extract(root_partition(&partitions)?, "compared")?, "ro")?
    else {
        return Ok(());
    };
    let scanned = attributes::snapshot(&built.tree.root())?;
    let differences = attributes::differences(&scanned, &attributes::snapshot(mounted.path())?);
    mounted.unmount()?;

    let edited = built.generated.edited_paths()?;
    let unreported: Vec<&Difference> =
        differences.iter().filter(|one| one.path != "lost+found" && !is_reported(one, &edited)).collect();
    assert!(
        unreported.is_empty(),
        "{} of {} differences: {unreported:#?}",
        unreported.len(),
        differences.len()
    );
    let changed = |path: &String| differences.iter().any(|one| is_below(&one.path, path));
    let idle: Vec<&String> = edited.iter().filter(|path| !changed(path)).collect();
    assert!(idle.is_empty(), "edits that changed nothing: {idle:?}");
    Ok(())
}

#[test]
fn file_system_stays_sound_as_it_grows() -> Result<()> {
    let (Some(sfdisk), Some(e2fsck), Some(built)) =
        (Tool::find("sfdisk"), Tool::find("e2fsck"), Built::get()?)
    else {
        return Ok(());
    };
    let partitions = disk::partitions(&sfdisk, built.generated.disk()?)?;
    let file = built.extract(root_partition(&partitions)?, "grown")?;
    let Some(mounted) = Mounted::ext4(&file, "rw")? else { return Ok(()) };
    let directories = ["usr/bin", "etc", "var/lib/dpkg/info", "srv/odd/many", "new"];
    fs::create_dir(mounted.path().join("new"))?;
    for index in 0..2000_usize {
        let directory = directories[index % directories.len()];
        let content = vec![b'x'; index * 37 % 20_000];
        fs::write(mounted.path().join(directory).join(format!("created-{index:04}")), content)?;
    }
    let manual = mounted.path().join("usr/share/doc");
    let packages =
        manual.read_dir()?.map(|package| Ok(package?.path())).collect::<std::io::Result<Vec<_>>>()?;
    let mut deleted = 0;
    let old = packages.iter().map(|package| package.join("copyright"));
    let new = (0..2000_usize).step_by(3).map(|index| {
        mounted.path().join(directories[index % directories.len()]).join(format!("created-{index:04}"))
    });
    for path in old.filter(|path| path.is_file()).take(100).chain(new).take(500) {
        fs::remove_file(&path).with_context(|| path.display().to_string())?;
        deleted += 1;
    }
    assert_eq!(deleted, 500);
    mounted.unmount()?;
    disk::check_ext4(&e2fsck, &file)
}

#[test]
fn directory_and_archive_give_the_same_disk() -> Result<()> {
    let Some(built) = Built::get()? else { return Ok(()) };
    built.assert_same_as("archive", &built.tree.archive(), "2")
}

#[test]
fn one_and_eight_threads_give_the_same_disk() -> Result<()> {
    let Some(built) = Built::get()? else { return Ok(()) };
    built.assert_same_as("one-thread", &built.tree.root(), "1")?;
    built.assert_same_as("eight-threads", &built.tree.root(), "8")
}

#[test]
fn boots_to_login_under_seabios_on_an_old_machine() -> Result<()> {
    boots_to_login((MachineModel::Pc, Attachment::OnBoard), Firmware::Bios)
}

#[test]
fn boots_to_login_under_seabios() -> Result<()> {
    boots_to_login((MachineModel::Q35, Attachment::OnBoard), Firmware::Bios)
}

#[test]
fn boots_to_login_under_ovmf() -> Result<()> {
    boots_to_login((MachineModel::Q35, Attachment::OnBoard), Firmware::Uefi)
}

/// Nothing of Diskwright is under test here, but what the other tests rest on.
#[test]
fn archive_unpacked_by_gnu_tar_is_the_directory() -> Result<()> {
    let (Some(tree), Some(tar), true) = (DebianTree::find(), Tool::find("tar"), is_root()) else {
        return Ok(());
    };
    let workshop = Workshop::enter("unpacked")?;
    let (archive, target) = (tree.archive(), workshop.path());
    let flags =
        ["--extract", "--numeric-owner", "--same-permissions", "--acls", "--xattrs", "--xattrs-include=*"];
    let paths = ["--file".as_ref(), archive.as_os_str(), "--directory".as_ref(), target.as_os_str()];
    tar.run(&flags.iter().map(AsRef::as_ref).chain(paths).collect::<Vec<_>>())?;
    let differences =
        attributes::differences(&attributes::snapshot(&tree.root())?, &attributes::snapshot(target)?);
    assert!(differences.is_empty(), "{} differences: {differences:#?}", differences.len());
    Ok(())
}

#[test]
fn emulator_reports_a_disk_that_does_not_boot() -> Result<()> {
    let Some(emulator) = Emulator::find() else { return Ok(()) };
    let directory = tempfile::tempdir()?;
    let empty = Image { path: directory.path().join("empty.raw"), kind: Kind::Raw };
    File::create(&empty.path)?.set_len(1 << 20)?;
    let machine = (MachineModel::Q35, Attachment::OnBoard);
    let booted = emulator.boot_until(&empty, machine, Firmware::Uefi, "login:", Duration::from_secs(120));
    let error = booted.err().context("an empty disk cannot boot")?.to_string();
    assert!(error.contains("broke down"), "{error}");
    Ok(())
}

/// Boots the built disk, and sees the machine that was scanned ask for a login on its serial console.
fn boots_to_login(machine: (MachineModel, Attachment), firmware: Firmware) -> Result<()> {
    let (Some(emulator), Some(built)) = (Emulator::find(), Built::get()?) else { return Ok(()) };
    let image = Image { path: built.generated.disk()?.to_path_buf(), kind: Kind::Raw };
    debian::assert_boots(&emulator, &image, machine, firmware)
}

/// The disk that the tests share.
struct Built {
    tree: DebianTree,
    workshop: Workshop,
    generated: Generated,
}

impl Built {
    /// The disk, built by two threads from the unpacked machine when first asked for.
    fn get() -> Result<Option<&'static Self>> {
        static BUILT: OnceLock<Result<Option<Built>, String>> = OnceLock::new();
        let built = BUILT.get_or_init(|| Self::build().map_err(|error| format!("{error:#}")));
        match built {
            Ok(built) => Ok(built.as_ref()),
            Err(error) => bail!("{error}"),
        }
    }

    fn build() -> Result<Option<Self>> {
        let Some(tree) = DebianTree::find() else { return Ok(None) };
        let workshop = Workshop::enter("debian")?;
        let generated = generate(
            &tree.root(),
            &["raw"],
            &workshop.path().join("disk"),
            &[&debian::SETTINGS[..], &["--threads", "2"]].concat(),
        )?;
        Ok(Some(Self { tree, workshop, generated }))
    }

    /// Copies a partition into a file of its own.
    fn extract(&self, partition: &Partition, name: &str) -> Result<PathBuf> {
        let file = self.workshop.path().join(name);
        disk::extract(self.generated.disk()?, partition, &file)?;
        Ok(file)
    }

    /// Builds the disk another way and removes it if it has the same bytes and the same report.
    fn assert_same_as(&self, name: &str, scan: &Path, threads: &str) -> Result<()> {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _guard = ONE_AT_A_TIME.lock();
        let directory = self.workshop.path().join(name);
        let other =
            generate(scan, &["raw"], &directory, &[&debian::SETTINGS[..], &["--threads", threads]].concat())?;
        if let Some(offset) = disk::first_difference(self.generated.disk()?, other.disk()?)? {
            bail!("the disks differ at {offset:#x}");
        }
        assert_eq!(self.generated.lasting_report(), other.lasting_report());
        fs::remove_dir_all(directory)?;
        Ok(())
    }
}

/// Whether an edit names the entry, or a directory that was added with it.
fn is_reported(difference: &Difference, edited: &[String]) -> bool {
    edited.iter().any(|path| is_below(&difference.path, path))
}

fn is_below(entry: &OsString, edited: &str) -> bool {
    Path::new(entry).starts_with(edited)
}

/// The only Linux file system, by either of the types that mean one.
fn root_partition(partitions: &[Partition]) -> Result<&Partition> {
    disk::only(partitions, disk::LINUX_ROOT).or_else(|_| disk::only(partitions, disk::LINUX_DATA))
}
