//! A tree that somebody changes while it is scanned: nothing outside it is read, nothing hangs, and what is made is valid.

use std::fs::File;
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use diskwright_e2e::{Tool, disk, text, verify};
use diskwright_oracle::{figure, is_full};
use rustix::fs::{FileType, Mode};

use crate::chance::{Chance, rounds};
use crate::scene::generate;

#[test]
fn a_tree_that_changes_under_the_scan_gives_a_valid_image_or_an_error_that_names_its_path() -> Result<()> {
    let (Some(e2fsck), Some(sfdisk)) = (Tool::find("e2fsck"), Tool::find("sfdisk")) else { return Ok(()) };
    let live = Live::new()?;
    let number = if is_full() { 1000 } else { 30 };
    let (mut images, mut errors) = (0, 0);
    let changes = AtomicU64::new(0);
    rounds(number, |round, chance| {
        live.furnish()?;
        let pace = PACES[round as usize % PACES.len()];
        let stop = AtomicBool::new(false);
        let finished = std::thread::scope(|scope| {
            // The program is a process of its own; this thread is the one that changes its tree.
            let mutator = scope.spawn(|| live.change_until(&stop, pace, chance, &changes));
            let finished = live.run();
            stop.store(true, Ordering::Relaxed);
            mutator.join().ok().context("the mutator panicked")?;
            finished
        })?;
        match finished.status.code() {
            Some(0) => {
                live.check(&e2fsck, &sfdisk).with_context(|| text(&finished))?;
                images += 1;
            }
            Some(1) => {
                live.check_error(&text(&finished))?;
                errors += 1;
            }
            _ => bail!("{}: {}", finished.status, text(&finished)),
        }
        Ok(())
    })?;
    ensure!(images > 0, "no run made an image");
    ensure!(errors > 0, "no run met a change");
    figure(
        "Runs on a tree that changes",
        &format!(
            "{number} runs while files, directories, links, FIFOs and sizes are exchanged, {} changes; a marker outside \
             looked for, e2fsck, `verify`",
            changes.into_inner()
        ),
        format_args!(
            "{images} valid images, {errors} errors that name their path; nothing from outside, no hang"
        ),
        "a valid image or an error with its path, nothing from outside, no hang",
        true,
    );
    Ok(())
}

/// A tree, and beside it what must not get into an image.
struct Live {
    place: tempfile::TempDir,
}

impl Live {
    fn new() -> Result<Self> {
        let live = Self { place: tempfile::tempdir()? };
        let outside = live.path("outside");
        std::fs::create_dir(&outside)?;
        // The same names as in the tree, so that a walk that leaves it finds them.
        for name in NAMES.iter().chain(&["steady"]) {
            std::fs::write(outside.join(name), SECRET.repeat(4096 / SECRET.len() * 3))?;
        }
        Ok(live)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// The tree as it is before anybody changes it.
    fn furnish(&self) -> Result<()> {
        let tree = self.path("tree");
        if tree.exists() {
            std::fs::remove_dir_all(&tree)?;
        }
        for directory in DIRECTORIES {
            std::fs::create_dir_all(tree.join(directory))?;
            for name in NAMES.iter().chain(&["steady"]) {
                std::fs::write(tree.join(directory).join(name), format!("{directory}/{name}").repeat(500))?;
            }
        }
        Ok(())
    }

    /// Changes the tree, with `pace` between any two changes.
    fn change_until(&self, stop: &AtomicBool, pace: Duration, chance: &mut Chance, changes: &AtomicU64) {
        while !stop.load(Ordering::Relaxed) {
            // What it meets may be anything by now: a change that cannot be made is none.
            if self.change(chance).is_ok() {
                changes.fetch_add(1, Ordering::Relaxed);
            }
            if !pace.is_zero() {
                std::thread::sleep(pace);
            }
        }
    }

    fn change(&self, chance: &mut Chance) -> Result<()> {
        let directory = self.path("tree").join(chance.pick(&DIRECTORIES));
        let path = directory.join(chance.pick(&NAMES));
        let outside = self.path("outside");
        let remove = || match path.symlink_metadata() {
            Ok(found) if found.is_dir() => std::fs::remove_dir_all(&path),
            Ok(_) => std::fs::remove_file(&path),
            Err(_) => Ok(()),
        };
        match chance.below(9) {
            0 => {
                remove()?;
                symlink(outside.join("a"), &path)?;
            }
            1 => {
                remove()?;
                // Found there from a directory that was exchanged, too.
                symlink("../../outside/b", &path)?;
            }
            2 => {
                remove()?;
                let mode = Mode::from_raw_mode(0o600);
                rustix::fs::mknodat(rustix::fs::CWD, &path, FileType::Fifo, mode, 0)?;
            }
            3 => {
                remove()?;
                std::fs::create_dir(&path)?;
                std::fs::write(path.join("below"), "below")?;
            }
            // Of another size in one go, as an editor saves.
            4 => {
                let length = usize::try_from(chance.below(200_000))?;
                std::fs::write(directory.join("new"), chance.bytes(length))?;
                remove()?;
                std::fs::rename(directory.join("new"), &path)?;
            }
            5 | 6 => {
                remove_unless_file(&path)?;
                let file = File::options().write(true).create(true).truncate(false).open(&path)?;
                file.set_len(chance.below(300_000))?;
                file.write_all_at(b"changed", chance.below(1000))?;
            }
            // The directory itself for a link to one outside, and back.
            7 => {
                let aside = self.path("aside");
                std::fs::rename(&directory, &aside)?;
                symlink(&outside, &directory)?;
                std::thread::sleep(Duration::from_micros(chance.below(3000)));
                std::fs::remove_file(&directory)?;
                std::fs::rename(&aside, &directory)?;
            }
            _ => {
                let other = self.path("tree").join(chance.pick(&DIRECTORIES)).join(chance.pick(&NAMES));
                std::fs::rename(&path, other)?;
            }
        }
        Ok(())
    }

    fn run(&self) -> Result<Output> {
        let output = self.path("out");
        let mut command = generate(&self.path("tree"), &["raw"], &output)?;
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let is_over = wait(&mut child);
        if !is_over {
            child.kill()?;
        }
        let finished = child.wait_with_output()?;
        ensure!(is_over, "it hung: {}", text(&finished));
        Ok(finished)
    }

    /// The image is whole and valid, and holds nothing from outside.
    fn check(&self, e2fsck: &Tool, sfdisk: &Tool) -> Result<()> {
        let (output, volume) = (self.path("out"), self.path("volume"));
        let image = output.join("machine.raw");
        let partitions = disk::partitions(sfdisk, &image)?;
        let [partition] = partitions.as_slice() else { bail!("not one partition: {partitions:?}") };
        disk::extract(&image, partition, &volume)?;
        e2fsck.run(&["-f".as_ref(), "-n".as_ref(), volume.as_os_str()])?;
        verify::<&str>(std::slice::from_ref(&image), &output.join("report.json"), &[])?;
        ensure!(!holds_secret(&image)?, "the image has what lies outside of the tree");
        std::fs::remove_dir_all(&output)?;
        std::fs::remove_file(&volume)?;
        Ok(())
    }

    /// The error names what is below the tree, and nothing is left.
    fn check_error(&self, said: &str) -> Result<()> {
        let tree = self.path("tree");
        let names = said.starts_with("error: ") && said.contains(&*tree.to_string_lossy());
        ensure!(names, "the error names no path of the tree: {said}");
        ensure!(!self.path("out").exists(), "something was left: {said}");
        Ok(())
    }
}

fn remove_unless_file(path: &Path) -> Result<()> {
    match path.symlink_metadata() {
        Ok(found) if found.is_file() => Ok(()),
        Ok(found) if found.is_dir() => Ok(std::fs::remove_dir_all(path)?),
        Ok(_) => Ok(std::fs::remove_file(path)?),
        Err(_) => Ok(()),
    }
}

/// Whether a process ends before it must be taken for hung. A run takes less than a second; a machine may stop it for minutes.
fn wait(child: &mut Child) -> bool {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(600) {
        match child.try_wait() {
            Ok(None) => std::thread::sleep(Duration::from_millis(2)),
            _ => return true,
        }
    }
    false
}

/// Whether the marker is anywhere in a sparse file.
fn holds_secret(image: &Path) -> Result<bool> {
    let file = File::open(image)?;
    let (mut at, end) = (0, file.metadata()?.len());
    while let Some((data, hole)) = disk::next_data(&file, at, end)? {
        let mut bytes = vec![0; usize::try_from(hole - data)?];
        file.read_exact_at(&mut bytes, data)?;
        if bytes.windows(SECRET.len()).any(|window| window == SECRET) {
            return Ok(true);
        }
        at = hole;
    }
    Ok(false)
}

const SECRET: &[u8] = b"secret-9c0f2d7be4a15863-outside!";
const DIRECTORIES: [&str; 4] = ["one", "two", "two/three", "four"];
const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
/// Between two changes; those that are far apart let a run end well.
const PACES: [Duration; 4] =
    [Duration::ZERO, Duration::from_millis(3), Duration::from_millis(15), Duration::from_millis(60)];
