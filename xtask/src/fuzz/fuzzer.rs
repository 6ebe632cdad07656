use std::fs::{File, create_dir_all, remove_file};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::record::{Record, Status};
use super::{Target, ordinary};
use crate::command;
use crate::workspace::Workspace;

/// The instrumented program, and where it works.
pub(crate) struct Fuzzer<'a> {
    pub(crate) workspace: &'a Workspace,
    /// Where everything is kept.
    pub(crate) folder: PathBuf,
    program: PathBuf,
}

impl<'a> Fuzzer<'a> {
    /// Builds the program. What is instrumented is what runs on the target: with `--target`, build scripts and procedural
    /// macros are not. Panics, overflows, hangs and memory are what is looked for; there is no `unsafe` that wanted a
    /// sanitizer.
    pub(crate) fn build(workspace: &'a Workspace) -> Result<Self> {
        let folder = workspace.target.join("fuzz");
        let build = folder.join("build");
        let mut cargo = workspace.cargo(&["build", "--locked", "--release", "--target", TRIPLE]);
        cargo.args(["--package", "diskwright-fuzz", "--features", "libfuzzer"]);
        cargo.args(["--bin", "diskwright-libfuzzer", "--target-dir"]).arg(&build);
        command::run(cargo.env("RUSTFLAGS", INSTRUMENTED.join(" ")))?;
        let program = build.join(TRIPLE).join("release/diskwright-libfuzzer");
        Ok(Self { workspace, folder, program })
    }

    /// What is known of a target's runs.
    pub(crate) fn record(&self, target: &Target) -> Result<Record> {
        Record::read(&self.record_path(target))
    }

    fn record_path(&self, target: &Target) -> PathBuf {
        self.folder.join(format!("{}.json", target.name))
    }

    /// Where the grown corpus of a target is.
    pub(crate) fn grown(&self, target: &Target) -> PathBuf {
        self.folder.join("corpus").join(&target.name)
    }

    /// Where its committed corpus is.
    pub(crate) fn committed(&self, target: &Target) -> PathBuf {
        self.workspace.root.join("fuzz/corpus").join(&target.name)
    }

    /// Lets libFuzzer look until the record has that much time; an input that fails ends it before.
    pub(crate) fn run(&self, target: &Target, record: &mut Record, until: Duration) -> Result<()> {
        let (grown, findings) = (self.grown(target), self.folder.join("findings").join(&target.name));
        create_dir_all(&grown)?;
        create_dir_all(&findings)?;
        create_dir_all(self.committed(target))?;
        command::run(ordinary(self.workspace, &["seeds", &target.name]).arg(&grown))?;
        record.findings = self.failing(target, &findings)?;
        if record.findings == 0 && record.time < until {
            println!("{} …", target.name);
            let scratch = Scratch::new()?;
            let log = self.folder.join(format!("{}.log", target.name));
            let mut fuzzer = self.command(target, &scratch);
            fuzzer
                .arg(&grown)
                .arg(self.committed(target))
                .arg(format!("-artifact_prefix={}/", findings.display()));
            // Times are those of the wall: a machine that stands still for a while fails no target.
            fuzzer.args(["-timeout=300", "-report_slow_units=300", "-rss_limit_mb=2048", "-reload=0"]);
            // Structures want length from the start.
            fuzzer.args(["-len_control=0", "-use_value_profile=0", "-print_final_stats=1"]);
            fuzzer.arg(format!("-max_len={}", target.max_len)).stdin(Stdio::null());
            let file = File::create(&log).with_context(|| log.display().to_string())?;
            fuzzer.stdout(Stdio::null()).stderr(file);
            let child = fuzzer.spawn().with_context(|| format!("{fuzzer:?}"))?;
            let status = self.watch(child, target, record, until, &log)?;
            record.findings = self.failing(target, &findings)?;
            if !status.success() && record.findings == 0 {
                bail!("{}: libFuzzer ended with {status}, see {}", target.name, log.display());
            }
        }
        record.write(&self.record_path(target))
    }

    /// A command to the program; how it is told what to do is the caller's.
    pub(crate) fn command(&self, target: &Target, scratch: &Scratch) -> Command {
        let mut command = Command::new("nice");
        command.arg("-n").arg("19").arg(&self.program);
        command
            .env("DISKWRIGHT_FUZZ_TARGET", &target.name)
            .env("TMPDIR", &scratch.0)
            .env("RUST_BACKTRACE", "0");
        command
    }

    /// Waits for libFuzzer, and ends it when the time is over.
    fn watch(
        &self,
        mut child: Child,
        target: &Target,
        record: &mut Record,
        until: Duration,
        log: &Path,
    ) -> Result<ExitStatus> {
        let before = record.clone();
        loop {
            let ended = child.try_wait()?;
            if ended.is_none() {
                record.time = before.time + user_time(child.id()).unwrap_or(record.time - before.time);
            }
            let told = String::from_utf8_lossy(&std::fs::read(log)?).into_owned();
            if let Some(status) = told.lines().rev().find_map(Status::of_line) {
                record.executions = before.executions + status.executions;
                (record.edges, record.corpus) = (status.edges, status.corpus);
            }
            record.write(&self.record_path(target))?;
            if let Some(status) = ended {
                return Ok(status);
            }
            if record.time >= until {
                // libFuzzer ends in good order, with its last figures.
                command::run(Command::new("kill").args(["-USR1", &child.id().to_string()]))?;
                sleep(SHORT);
            }
            sleep(SHORT);
        }
    }

    /// How many of the kept inputs fail the target as it is now; those that do not are removed.
    fn failing(&self, target: &Target, findings: &Path) -> Result<u64> {
        let mut failing = 0;
        for entry in findings.read_dir().with_context(|| findings.display().to_string())? {
            let path = entry?.path();
            let scratch = Scratch::new()?;
            let mut once = self.command(target, &scratch);
            once.args(["-timeout=300", "-rss_limit_mb=2048"]).arg(&path);
            once.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            if once.status().with_context(|| format!("{once:?}"))?.success() {
                remove_file(&path)?;
            } else {
                println!("{} fails on {}", target.name, path.display());
                failing += 1;
            }
        }
        Ok(failing)
    }
}

/// A folder for what targets write, in memory where that is possible; removed with all that an ended process left in it.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Result<Self> {
        let memory = Path::new("/dev/shm");
        let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let folder = place.join(format!("diskwright-fuzz-{}", std::process::id()));
        create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays is small and in memory.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The time that a process has spent outside of the kernel: the 14th field of `/proc/PID/stat`, in hundredths of a second.
fn user_time(id: u32) -> Option<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The second field is a name in parentheses, which may hold anything.
    let (_, fields) = text.rsplit_once(')')?;
    let ticks: u64 = fields.split_whitespace().nth(11)?.parse().ok()?;
    Some(Duration::from_millis(ticks * 10))
}

const TRIPLE: &str = "x86_64-unknown-linux-gnu";
const SHORT: Duration = Duration::from_secs(2);
/// libFuzzer's coverage on a stable compiler, and the checks of a debug build.
const INSTRUMENTED: [&str; 9] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cdebug-assertions",
    "-Coverflow-checks",
    "-Ccodegen-units=1",
    "--cfg=fuzzing",
];
