//! A generation is cancelled at random moments: it ends soon, in one way, and gives everything back.

use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use diskwright::engine::{Engine, Order};
use diskwright::scan::{DirectorySource, OneFileSystem, ScanSource, TarSource};
use diskwright::sink::{DirectorySink, Overwrite};
use diskwright::{Error, ErrorKind, FileOp, Files, Gate, Monitor, Phase, Seed};
use diskwright_e2e::text;
use diskwright_oracle::{figure, is_full};

use crate::build::{Form, digests, order};
use crate::chance::{Chance, rounds};
use crate::scene::Scene;

#[test]
fn a_generation_cancelled_at_any_moment_ends_in_one_way_and_gives_everything_back() -> Result<()> {
    if std::env::var_os(ALONE).is_some() {
        // This is the process that is looked at: no other test opens files or starts threads in it.
        return cancel_often();
    }
    let name = "cancelled::a_generation_cancelled_at_any_moment_ends_in_one_way_and_gives_everything_back";
    let mut command = Command::new(std::env::current_exe()?);
    let output = command.args(["--exact", name, "--nocapture"]).env(ALONE, "1").output()?;
    let said = text(&output);
    ensure!(output.status.success() && said.contains("1 passed"), "{said}");
    // What it measured.
    for line in said.lines().filter(|line| line.contains("figure {")) {
        println!("{line}");
    }
    Ok(())
}

fn cancel_often() -> Result<()> {
    let scene = Scene::new(6 << 20)?;
    let mut seen = Seen::new(&scene)?;
    let number = if is_full() { 200 } else { 20 };
    rounds(number, |round, chance| seen.cancel(&scene, round, chance))?;
    let Seen { cancelled, finished, mut latencies, .. } = seen;
    ensure!(cancelled * 2 > number as usize, "only {cancelled} of {number} runs were cancelled");
    latencies.sort_unstable();
    let p99 =
        latencies.get((latencies.len() * 99).div_ceil(100).saturating_sub(1)).copied().unwrap_or_default();
    let most = latencies.last().copied().unwrap_or_default();
    figure(
        "Time from a cancel to the end of the run",
        &format!(
            "99th percentile of {cancelled} cancelled at a random moment, of a directory and of an archive"
        ),
        format_args!("{} ms, at most {} ms", p99.as_millis(), most.as_millis()),
        "1 s",
        p99 <= Duration::from_secs(1),
    );
    figure(
        "Runs cancelled at a random moment",
        &format!(
            "{number} times, every tenth within 5 ms of the last data's being durable; descriptors, threads and files counted"
        ),
        format_args!(
            "{cancelled} cancelled with nothing left, {finished} were whole by then; all back to the baseline"
        ),
        "one end each, all back to the baseline",
        true,
    );
    Ok(())
}

/// What was seen so far.
struct Seen {
    expected: Vec<(String, u64, String)>,
    baseline: Held,
    /// How long a whole run takes.
    whole: Duration,
    cancelled: usize,
    finished: usize,
    latencies: Vec<Duration>,
}

impl Seen {
    fn new(scene: &Scene) -> Result<Self> {
        let began = Instant::now();
        let files = Files::default();
        let run = |input: Input| -> Result<_> {
            let order = input.order(scene)?;
            let sink = DirectorySink::create(files.clone(), scene.path("out"), Overwrite::Refuse)?;
            let report = Engine::new().with_threads(2).run(&order, Box::new(sink), &Monitor::new())?;
            std::fs::remove_dir_all(scene.path("out"))?;
            Ok(digests(&report))
        };
        let expected = run(Input::Directory)?;
        run(Input::Archive)?;
        let whole = began.elapsed() / 2;
        let baseline = Held::now()?;
        Ok(Self { expected, baseline, whole, cancelled: 0, finished: 0, latencies: Vec::new() })
    }

    /// One run that somebody cancels.
    fn cancel(&mut self, scene: &Scene, round: u64, chance: &mut Chance) -> Result<()> {
        let input = if round.is_multiple_of(2) { Input::Directory } else { Input::Archive };
        let order = input.order(scene)?;
        let output = scene.path("out");
        let monitor = Monitor::new();
        let (sender, synced) = channel();
        let files = Files::gated(Arc::new(FirstSync(Mutex::new(Some(sender)))));
        let sink = DirectorySink::create(files, &output, Overwrite::Refuse)?;
        let is_end = round % 10 == 9;
        let moment = chance.moment(if is_end { Duration::from_millis(5) } else { self.whole });
        let (began, canceller) = (Instant::now(), monitor.clone());
        let thread = std::thread::spawn(move || {
            if is_end && synced.recv().is_err() {
                // It ended without.
                return None;
            }
            std::thread::sleep(moment);
            canceller.cancel();
            Some(Instant::now())
        });
        let result = Engine::new().with_threads(2).run(&order, Box::new(sink), &monitor);
        let ended = Instant::now();
        let at = thread.join().ok().context("the canceller panicked")?;
        match result {
            Ok(report) => {
                ensure!(monitor.status().phase == Phase::Finished, "{:?}", monitor.status());
                ensure!(input == Input::Archive || digests(&report) == self.expected, "other bytes");
                let whole = report.outputs.iter().all(|made| output.join(&made.path).is_file());
                ensure!(whole && output.join("report.json").is_file(), "not all are there");
                std::fs::remove_dir_all(&output)?;
                self.finished += 1;
                self.whole = ended - began;
            }
            Err(error) => {
                ensure!(error.kind() == ErrorKind::Cancelled, "{error:?}");
                ensure!(monitor.status().phase == Phase::Failed, "{:?}", monitor.status());
                self.cancelled += 1;
                self.latencies.push(at.map_or(Duration::ZERO, |at| ended.saturating_duration_since(at)));
            }
        }
        drop(order);
        let beside = scene.beside()?;
        ensure!(beside.is_empty(), "left beside the scan: {beside:?}");
        self.baseline.wait_for()
    }
}

/// What a run scans.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Input {
    Directory,
    Archive,
}

impl Input {
    fn order(self, scene: &Scene) -> Result<Order> {
        let files = Files::default();
        let source: Arc<dyn ScanSource> = match self {
            Self::Directory => Arc::new(DirectorySource::new(&scene.tree(), OneFileSystem::Stay, files)?),
            Self::Archive => {
                let source = TarSource::new(&files, &scene.archive(), scene.path("").as_path())?;
                Arc::new(source.with_threads(2))
            }
        };
        order(source, &FORMS, Seed::from_text("cancelled"))
    }
}

/// Tells when a file's data become durable for the first time: the last that a run does before it gives names.
struct FirstSync(Mutex<Option<Sender<()>>>);

impl Gate for FirstSync {
    fn admit(&self, op: &FileOp<'_>) -> io::Result<usize> {
        if let FileOp::Sync { .. } = op
            && let Some(sender) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            // Nobody listens in a run that is cancelled at another moment.
            let _ = sender.send(());
        }
        Ok(usize::MAX)
    }
}

/// What a process holds of its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Held {
    descriptors: usize,
    threads: usize,
}

impl Held {
    fn now() -> io::Result<Self> {
        let count = |path: &str| Path::new(path).read_dir().map(Iterator::count);
        Ok(Self { descriptors: count("/proc/self/fd")?, threads: count("/proc/self/task")? })
    }

    /// Waits until no more is held: files are given back by a thread that nobody waits for.
    fn wait_for(self) -> Result<()> {
        for _ in 0..6000 {
            if Self::now()? == self {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Err(Error::new(ErrorKind::Internal, format!("{:?} are held, not {self:?}", Self::now()?)).into())
    }
}

const FORMS: [Form; 4] = [("raw", false), ("qcow2", true), ("vmdk", true), ("virtualbox", true)];
const ALONE: &str = "DISKWRIGHT_TESTS_CANCELLED";
