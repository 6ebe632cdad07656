//! Nothing of the host gets into an image, and nobody else can read it while it is made.

use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, ensure};
use diskwright::scan::{DirectorySource, OneFileSystem};
use diskwright::sink::Overwrite;
use diskwright::{FileOp, Files, Gate, Seed};
use diskwright_e2e::{Tool, disk, generate_in};
use diskwright_oracle::{figure, is_full};

use crate::build::{FORMS, order, populate, run};

/// glibc fills what it gives with the complement of the value, and what it takes back with the value: bytes that were never
/// written show.
#[test]
fn what_the_heap_held_shows_in_no_byte_of_any_format() -> Result<()> {
    let place = tempfile::tempdir()?;
    let scan = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/valid/small-machine.tar");
    let canary = "canary-3f1d0b6c5e";
    let mut length = 0;
    for compress in [false, true] {
        let formats: &[&str] = match compress {
            false => &["raw", "qcow2", "vdi", "vmdk", "virtualbox", "vmware"],
            true => &["raw", "qcow2", "vmdk", "virtualbox", "vmware"],
        };
        let mut flags = vec!["--boot", "none", "--swap-size", "1M", "--disk-size", "64M"];
        flags.extend(compress.then_some("--compress"));
        let mut expected = None;
        for poison in ["165", "90"] {
            let output = place.path().join(poison);
            let environment = [("MALLOC_PERTURB_", poison), ("DISKWRIGHT_TESTS_CANARY", canary)];
            let made = generate_in(&scan, formats, &output, &flags, &environment, "022")?;
            let mut bytes = Vec::new();
            for path in &made.outputs {
                bytes.push((path.file_name().map(ToOwned::to_owned), std::fs::read(path)?));
            }
            std::fs::remove_dir_all(output)?;
            for (name, bytes) in &bytes {
                let found = bytes.windows(canary.len()).any(|window| window == canary.as_bytes());
                ensure!(!found, "{name:?} has a word of the environment");
                length += bytes.len();
            }
            let expected = expected.get_or_insert_with(|| bytes.clone());
            for ((name, one), (_, other)) in bytes.iter().zip(expected.iter()) {
                let at = one.iter().zip(other).position(|(a, b)| a != b);
                ensure!(at.is_none() && one.len() == other.len(), "{name:?} differs at {at:?}");
            }
        }
    }
    figure(
        "Bytes of the heap or the environment in images",
        "every format built with two values of MALLOC_PERTURB_ and a marker in the environment",
        format_args!("none in {} MiB", length >> 20),
        "none",
        true,
    );
    Ok(())
}

#[test]
fn every_block_that_nothing_owns_is_zero() -> Result<()> {
    let tools = (Tool::find("dumpe2fs"), Tool::find("sfdisk"));
    let (Some(dumpe2fs), Some(sfdisk)) = tools else { return Ok(()) };
    let place = tempfile::tempdir()?;
    let scan = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/valid/small-machine.tar");
    let output = place.path().join("out");
    let made = generate_in(
        &scan,
        &["raw"],
        &output,
        &["--boot", "none", "--disk-size", "64M"],
        &[("MALLOC_PERTURB_", "165")],
        "022",
    )?;
    let image = made.disk()?;
    let partitions = disk::partitions(&sfdisk, image)?;
    let [partition] = partitions.as_slice() else { anyhow::bail!("not one partition: {partitions:?}") };
    let file = std::fs::File::open(image)?;
    let size = file.metadata()?.len();
    // The protective MBR, the header and 16 KiB of entries; the same without the first at the end.
    all_zero(&file, 34 * 512, partition.start)?;
    all_zero(&file, partition.start + partition.size, size - 33 * 512)?;
    let volume = place.path().join("volume");
    disk::extract(image, partition, &volume)?;
    let told = dumpe2fs.run(&[volume.as_os_str()])?;
    let volume = std::fs::File::open(&volume)?;
    let mut free = 0;
    for list in told.lines().filter_map(|line| line.trim().strip_prefix("Free blocks: ")) {
        for range in list.split(", ").filter(|range| !range.is_empty()) {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let Ok((first, last)) = first.parse::<u64>().and_then(|first| Ok((first, last.parse::<u64>()?)))
            else {
                // The superblock's line is a number of its own.
                continue;
            };
            all_zero(&volume, first * 4096, (last + 1) * 4096)?;
            free += last + 1 - first;
        }
    }
    ensure!(free > 1000, "only {free} free blocks were looked at");
    figure(
        "Blocks that nothing owns",
        "bytes of the free blocks of a volume",
        format_args!("{free} blocks, all zero"),
        "all zero",
        true,
    );
    Ok(())
}

/// Fails with the first byte of a range that is not zero; holes are not read.
fn all_zero(file: &std::fs::File, start: u64, end: u64) -> Result<()> {
    let mut at = start;
    let mut buffer = vec![0; 1 << 20];
    while let Some((data, data_end)) = disk::next_data(file, at, end)? {
        let mut here = data;
        while here < data_end {
            let len = usize::try_from((data_end - here).min(1 << 20))?;
            file.read_exact_at(&mut buffer[..len], here)?;
            let other = buffer[..len].iter().position(|byte| *byte != 0);
            ensure!(other.is_none(), "byte {:#x} is not zero", here + other.unwrap_or(0) as u64);
            here += len as u64;
        }
        at = data_end;
    }
    Ok(())
}

/// At every operation of a run that may give everybody everything.
#[test]
fn files_are_private_while_they_are_made_whatever_the_umask() -> Result<()> {
    let scan = tempfile::tempdir()?;
    populate(scan.path())?;
    let place = tempfile::tempdir()?;
    let before = rustix::process::umask(rustix::fs::Mode::empty());
    let mut seen = 0;
    for form in FORMS.iter().filter(|form| is_full() || !form.1) {
        let private = Arc::new(Private::default());
        let files = Files::gated(Arc::clone(&private) as Arc<dyn Gate>);
        let source = DirectorySource::new(scan.path(), OneFileSystem::Stay, Files::default())?;
        let order = order(Arc::new(source), &[*form], Seed::from_text("private"))?;
        let output = place.path().join("out");
        run(&order, &files, &output, Overwrite::Refuse, 2)?;
        for entry in output.read_dir()? {
            let entry = entry?;
            let mode = entry.metadata()?.mode() & 0o7777;
            ensure!(mode == 0o600, "{:?} has the mode {mode:o}", entry.file_name());
        }
        std::fs::remove_dir_all(&output)?;
        let open = private.open.lock().unwrap_or_else(PoisonError::into_inner);
        ensure!(open.is_empty(), "{form:?}: {open:?}");
        seen += *private.seen.lock().unwrap_or_else(PoisonError::into_inner);
    }
    rustix::process::umask(before);
    ensure!(seen >= 50, "only {seen} files were looked at");
    figure(
        "Modes of files that are made",
        "looked at before each write, with a umask of 000",
        format_args!("{seen} times 0600 in 0700"),
        "nothing else",
        true,
    );
    Ok(())
}

/// Looks at the file and its directory at each write.
#[derive(Default)]
struct Private {
    open: Mutex<Vec<(PathBuf, u32)>>,
    seen: Mutex<u64>,
}

impl Gate for Private {
    fn admit(&self, op: &FileOp<'_>) -> io::Result<usize> {
        if let FileOp::WriteAt { path, .. } | FileOp::SetLen { path, .. } | FileOp::Sync { path } = op {
            let work = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
            for (place, expected) in [(*path, 0o600), (work, 0o700)] {
                let mode = place.symlink_metadata()?.mode() & 0o7777;
                if mode != expected {
                    self.open.lock().unwrap_or_else(PoisonError::into_inner).push((place.to_owned(), mode));
                }
            }
            *self.seen.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        }
        Ok(usize::MAX)
    }
}
