use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// What one run of a whole process, or of a few one after the other, took.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Figures {
    /// Seconds on the clock.
    pub(super) wall: f64,
    /// Processor seconds, the system's included.
    pub(super) cpu: f64,
    /// Peak resident bytes of the largest process.
    pub(super) memory: u64,
    /// Bytes of the outputs, holes included as far as the file system counts them.
    pub(super) output: u64,
    /// Allocated bytes beyond the outputs, at the worst moment seen.
    pub(super) temporary: u64,
}

impl Figures {
    /// The median of each figure.
    pub(super) fn median(runs: &[Self]) -> Self {
        Self {
            wall: median(runs.iter().map(|run| run.wall)),
            cpu: median(runs.iter().map(|run| run.cpu)),
            memory: median(runs.iter().map(|run| run.memory as f64)) as u64,
            output: median(runs.iter().map(|run| run.output as f64)) as u64,
            temporary: median(runs.iter().map(|run| run.temporary as f64)) as u64,
        }
    }
}

/// The middle one, the lower of two.
pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

/// Runs `script` by a shell in `directory`, which is empty before and after; `outputs` are the files it leaves that count.
pub(super) fn run(script: &str, directory: &Path, outputs: &[&str]) -> Result<Figures> {
    clear(directory)?;
    settle()?;
    let record = directory.with_extension("time");
    let mut timed = Command::new("/usr/bin/time");
    timed.args(["--format", "%e %U %S %M", "--output"]).arg(&record);
    timed.args(["sh", "-euc", script]).current_dir(directory).stdin(Stdio::null()).stdout(Stdio::null());
    let done = AtomicBool::new(false);
    let (status, peak) = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| watch(directory, &done));
        let status = timed.status().with_context(|| format!("{timed:?}"));
        done.store(true, Ordering::Relaxed);
        (status, watcher.join().unwrap_or_default())
    });
    if !status?.success() {
        bail!("failed: {script}");
    }
    let text = std::fs::read_to_string(&record)?;
    let last = text.lines().last().context("time said nothing")?;
    let numbers: Vec<f64> = last.split(' ').map(str::parse).collect::<Result<_, _>>()?;
    let [wall, user, system, memory] = numbers[..] else { bail!("time said {last}") };
    let mut figures =
        Figures { wall, cpu: user + system, memory: memory as u64 * 1024, ..Figures::default() };
    let mut allocated = 0;
    for name in outputs {
        let metadata = directory.join(name).metadata().with_context(|| format!("{script}: {name}"))?;
        allocated += blocks(&metadata);
        figures.output += metadata.len().min(blocks(&metadata).next_multiple_of(1 << 16));
    }
    figures.temporary = peak.saturating_sub(allocated);
    clear(directory)?;
    Ok(figures)
}

/// Nothing of earlier runs is left to be written back while the next one is timed.
fn settle() -> Result<()> {
    let status = Command::new("sync").status()?;
    if !status.success() {
        bail!("sync: {status}");
    }
    Ok(())
}

fn clear(directory: &Path) -> Result<()> {
    if directory.exists() {
        std::fs::remove_dir_all(directory)?;
    }
    std::fs::create_dir_all(directory)?;
    Ok(())
}

/// The most bytes that were allocated below `directory` at one time.
fn watch(directory: &Path, done: &AtomicBool) -> u64 {
    let mut peak = 0;
    while !done.load(Ordering::Relaxed) {
        peak = peak.max(allocated(directory));
        std::thread::sleep(Duration::from_millis(20));
    }
    peak
}

fn allocated(directory: &Path) -> u64 {
    // What vanishes while it is looked at counts at the next look.
    let Ok(entries) = directory.read_dir() else { return 0 };
    let of_entry = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => allocated(&entry.path()),
        Ok(metadata) => blocks(&metadata),
        Err(_) => 0,
    };
    entries.flatten().map(of_entry).sum()
}

fn blocks(metadata: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::blocks(metadata) * 512
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_is_the_middle_of_the_sorted() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0].into_iter()), 1.0);
        assert!(median(std::iter::empty()).is_nan());
    }
}
