use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use diskwright::{Monitor, Phase, Status};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::arguments::ProgressMode;
use crate::failure::{CANCELLED, Failure};

/// Looks at a generation ten times a second: shows its progress, and cancels it when the user interrupts.
pub(crate) struct Watch {
    monitor: Monitor,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Begins to watch. A second interrupt ends the program at once.
    ///
    /// # Errors
    /// [`Failure::Output`] when signals cannot be received.
    pub(crate) fn start(mode: ProgressMode) -> Result<Self, Failure> {
        let interrupted = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // The order matters: the first signal finds the flag unset and sets it.
            flag::register_conditional_shutdown(signal, i32::from(CANCELLED), Arc::clone(&interrupted))?;
            flag::register(signal, Arc::clone(&interrupted))?;
        }
        let monitor = Monitor::new();
        let stop = Arc::new(AtomicBool::new(false));
        let thread = std::thread::Builder::new().name("watch".into()).spawn({
            let (monitor, stop, mut display) = (monitor.clone(), Arc::clone(&stop), Display::new(mode));
            move || {
                while !stop.load(Ordering::Acquire) {
                    if interrupted.load(Ordering::Relaxed) {
                        monitor.cancel();
                    }
                    display.show(monitor.status());
                    std::thread::park_timeout(INTERVAL);
                }
                display.finish(monitor.status());
            }
        })?;
        Ok(Self { monitor, stop, thread: Some(thread) })
    }

    /// The monitor of the generation watched.
    pub(crate) fn monitor(&self) -> &Monitor {
        &self.monitor
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic of the display is not the generation's failure.
            let _ = thread.join();
        }
    }
}

/// What the user sees of the progress.
enum Display {
    Bar(ProgressBar),
    Json(JsonLines),
    Nothing,
}

impl Display {
    fn new(mode: ProgressMode) -> Self {
        match mode {
            ProgressMode::Json => Self::Json(JsonLines::default()),
            ProgressMode::Auto if io::stderr().is_terminal() => Self::Bar(bar()),
            ProgressMode::Auto | ProgressMode::None => Self::Nothing,
        }
    }

    fn show(&mut self, status: Status) {
        match self {
            Self::Bar(bar) => {
                bar.set_message(words(status.phase));
                if status.total > 0 {
                    bar.set_length(status.total);
                }
                bar.set_position(status.done);
            }
            Self::Json(lines) => lines.show(status),
            Self::Nothing => {}
        }
    }

    fn finish(mut self, status: Status) {
        self.show(status);
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(10));
    let template = "{msg:10} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn words(phase: Phase) -> &'static str {
    match phase {
        Phase::Queued => "queued",
        Phase::Scanning => "scanning",
        Phase::Planning => "planning",
        Phase::Writing => "writing",
        Phase::Committing => "committing",
        Phase::Finished => "finished",
        Phase::Failed => "failed",
    }
}

/// A JSON object a line, whenever the phase or the percentage changes and at least once a second.
#[derive(Default)]
struct JsonLines {
    last: Option<(Phase, u8, Instant)>,
    writing_since: Option<(u64, Instant)>,
}

impl JsonLines {
    fn show(&mut self, status: Status) {
        let now = Instant::now();
        let percent = status.percentage();
        if let Some((phase, last, at)) = self.last
            && phase == status.phase
            && (last == percent && now.duration_since(at) < KEEP_ALIVE || phase == Phase::Finished)
        {
            return;
        }
        self.last = Some((status.phase, percent, now));
        let (phase, left) = (words(status.phase), self.seconds_left(status, now));
        let left = left.map_or_else(|| "null".to_owned(), |seconds| seconds.to_string());
        let Status { done, total, .. } = status;
        // By hand, for the order of the fields; none of them needs quoting.
        let line = format!(
            r#"{{"phase":"{phase}","done":{done},"total":{total},"percent":{percent},"eta_s":{left}}}"#
        );
        // Whoever closed standard error does not want to know.
        let _ = writeln!(io::stderr(), "{line}");
    }

    /// At the mean rate since the first byte; `None` before it can be known.
    fn seconds_left(&mut self, status: Status, now: Instant) -> Option<u64> {
        match status.phase {
            Phase::Finished => return Some(0),
            Phase::Writing | Phase::Committing => {}
            Phase::Queued | Phase::Scanning | Phase::Planning | Phase::Failed => return None,
        }
        let (first, since) = *self.writing_since.get_or_insert((status.done, now));
        let done = status.done.saturating_sub(first);
        let left = status.total.saturating_sub(status.done);
        let elapsed = u64::try_from(now.duration_since(since).as_millis()).unwrap_or(u64::MAX);
        // In 128 bits no product of two 64-bit numbers overflows.
        let left_ms = (u128::from(elapsed) * u128::from(left)).checked_div(u128::from(done))?;
        u64::try_from(left_ms.div_ceil(1000)).ok()
    }
}

const INTERVAL: Duration = Duration::from_millis(100);
const KEEP_ALIVE: Duration = Duration::from_secs(1);
