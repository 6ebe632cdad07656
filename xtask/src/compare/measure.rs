use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// What one run of a whole process, or of a few one after the other, took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    /// Seconds on the clock.
    pub(crate) wall: f64,
    /// Processor seconds of all processes, the system's included.
    pub(crate) cpu: f64,
    /// Peak resident bytes of the largest process.
    pub(crate) memory: u64,
    /// Bytes of the outputs, holes left out as far as the file system does.
    pub(crate) output: u64,
    /// Allocated bytes beyond the outputs and a report, at the worst moment seen.
    pub(crate) temporary: u64,
    /// Bytes that the processes wrote to files.
    pub(crate) written: u64,
}

/// Where scripts are run, and what they find in their environment.
pub(crate) struct Stage {
    pub(crate) directory: PathBuf,
    pub(crate) environment: Vec<(&'static str, String)>,
}

impl Stage {
    /// Runs `script` by a shell in the directory, which is empty before and after; `outputs` are the files it leaves that
    /// count. Temporary files go into the directory, too, unless the script's programs name another.
    ///
    /// # Errors
    /// With the last that the script said, when it fails.
    pub(crate) fn run(&self, script: &str, extra: &[(&str, String)], outputs: &[&str]) -> Result<Figures> {
        let directory = self.directory.as_path();
        clear(directory)?;
        settle()?;
        let (record, said) = (directory.with_extension("time"), directory.with_extension("said"));
        let mut timed = Command::new("/usr/bin/time");
        timed.args(["--format", "%U %S %M %O", "--output"]).arg(&record);
        timed.args(["sh", "-euc", script]).current_dir(directory).stdin(Stdio::null()).stdout(Stdio::null());
        timed.stderr(std::fs::File::create(&said)?).env("TMPDIR", directory);
        timed.envs(self.environment.iter().map(|(name, value)| (name, value)));
        timed.envs(extra.iter().map(|(name, value)| (name, value)));
        let done = AtomicBool::new(false);
        let (status, wall, peak) = std::thread::scope(|scope| {
            let watcher = scope.spawn(|| watch(directory, &done));
            let start = Instant::now();
            let status = timed.status().with_context(|| format!("{timed:?}"));
            let wall = start.elapsed().as_secs_f64();
            done.store(true, Ordering::Relaxed);
            (status, wall, watcher.join().unwrap_or_default())
        });
        if !status?.success() {
            bail!("{}", last_line(&said).unwrap_or_else(|| format!("failed: {script}")));
        }
        let mut figures = Figures { wall, ..of_record(&record)? };
        let mut kept = directory.join("o/report.json").metadata().map_or(0, |metadata| blocks(&metadata));
        for name in outputs {
            let metadata = directory.join(name).metadata().with_context(|| format!("{script}: {name}"))?;
            kept += blocks(&metadata);
            figures.output += metadata.len().min(blocks(&metadata).next_multiple_of(1 << 16));
        }
        figures.temporary = peak.saturating_sub(kept);
        clear(directory)?;
        Ok(figures)
    }
}

/// Median, least and most of a figure over all runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// The median is the middle one, the lower of two; all are no number where there is none.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        let last = values.len().saturating_sub(1);
        Self { median: at(last / 2), least: at(0), most: at(last) }
    }

    /// One figure of all `runs`.
    pub(crate) fn over(runs: &[Figures], figure: impl Fn(&Figures) -> f64) -> Self {
        Self::of(runs.iter().map(figure))
    }
}

/// What GNU time wrote last: it puts a line before for a status that is not zero.
fn of_record(record: &Path) -> Result<Figures> {
    let text = std::fs::read_to_string(record)?;
    let last = text.lines().last().context("time said nothing")?;
    let numbers: Vec<f64> = last.split(' ').map(str::parse).collect::<Result<_, _>>()?;
    let [user, system, memory, written] = numbers[..] else { bail!("time said {last}") };
    Ok(Figures {
        cpu: user + system,
        memory: memory as u64 * 1024,
        written: written as u64 * 512,
        ..Figures::default()
    })
}

/// The last line that a program wrote which says anything.
fn last_line(said: &Path) -> Option<String> {
    let text = String::from_utf8_lossy(&std::fs::read(said).ok()?).into_owned();
    text.lines().map(str::trim).rfind(|line| !line.is_empty()).map(str::to_owned)
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
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), Spread { median: 2.0, least: 1.0, most: 3.0 });
        assert_eq!(Spread::of([4.0, 1.0]).median, 1.0);
        assert!(Spread::of([]).median.is_nan());
    }

    #[test]
    fn a_script_is_measured_and_leaves_nothing() {
        if !Path::new("/usr/bin/time").exists() {
            assert!(std::env::var_os("DISKWRIGHT_REQUIRE_ORACLES").is_none(), "time is not installed");
            eprintln!("skipped: time is not installed");
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path().join("run");
        let stage = Stage { directory, environment: vec![("NAME", "out".to_owned())] };
        let script = "head -c 2M /dev/zero | tr '\\0' x >gone; cp gone $NAME; sync out; rm gone";
        let figures = stage.run(script, &[], &["out"]).unwrap();
        let left = stage.directory.read_dir().unwrap().count();
        let failure = stage.run("echo no such luck >&2; false", &[], &[]).unwrap_err().to_string();
        assert_eq!((figures.output, left, failure.as_str()), (2 << 20, 0, "no such luck"));
        assert!(figures.wall > 0.0 && figures.memory > 0, "{figures:?}");
        assert!(figures.written >= 4 << 20, "{figures:?}");
    }
}
