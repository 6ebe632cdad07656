//! How a test program ends, and what that may tell.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::trial::Trial;
use crate::command;

/// How a test program came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Success,
    /// As a failed test ends it: by its exit code, by an abort, or by a fault of memory.
    Failure,
    /// Its processor time was used up, or it waited for too long.
    OutOfTime,
    /// As no failed test ends it; by the machine's fault, it may be.
    Odd(String),
}

/// Where test programs run.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The folder of the package.
    pub(crate) package_root: PathBuf,
    /// For what tests write.
    pub(crate) scratch: PathBuf,
    /// Has what the last program said that ran without a mutant.
    pub(crate) said: PathBuf,
}

impl fmt::Display for End {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Success => write!(formatter, "the tests succeed"),
            Self::Failure => write!(formatter, "a test fails"),
            Self::OutOfTime => write!(formatter, "the tests do not end in time"),
            Self::Odd(status) => write!(formatter, "the tests end by {status}"),
        }
    }
}

/// Runs one test program with the mutant of that number, 0 for one that is in the program as if it belonged there; or
/// with none.
pub(crate) fn of_program(program: &Path, trial: &Trial, place: &Place, mutant: Option<u32>) -> Result<End> {
    let scratch = &place.scratch;
    if scratch.exists() {
        std::fs::remove_dir_all(scratch).with_context(|| scratch.display().to_string())?;
    }
    std::fs::create_dir_all(scratch)?;
    // Processor time, for the machine may stand still for a while; and memory, which a change may ask for without end.
    // At the soft limit of time the signal is SIGXCPU, at the hard one SIGKILL, which others send, too.
    let seconds = trial.seconds;
    let limits = format!("ulimit -S -t {seconds}; ulimit -v {KIBIBYTES}; exec \"$0\" \"$@\"");
    // What a test mounts goes with it, even if it is ended in the middle; without root it mounts nothing.
    let apart: &[&str] = if command::is_root() { &["unshare", "--mount"] } else { &[] };
    let words_before = [apart, &["sh", "-c", &limits]].concat();
    let mut limited = Command::new(words_before[0]);
    limited.args(&words_before[1..]);
    limited.arg(program).args(&trial.words).current_dir(&place.package_root);
    limited.env("DISKWRIGHT_MUTANT", mutant.unwrap_or(0).to_string()).env("DISKWRIGHT_REQUIRE_ORACLES", "1");
    limited.env("TMPDIR", scratch).env("RUST_BACKTRACE", "0");
    limited.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if mutant.is_none() {
        let said = std::fs::File::create(&place.said).with_context(|| place.said.display().to_string())?;
        limited.stdout(said.try_clone()?).stderr(said);
    }
    of_command(&mut limited, LONGEST)
}

/// Waits for the command, and ends it when the time is over.
fn of_command(command: &mut Command, longest: Duration) -> Result<End> {
    let mut child = command.spawn().with_context(|| format!("{command:?}"))?;
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(of_status(status));
        }
        if start.elapsed() > longest {
            child.kill()?;
            child.wait()?;
            return Ok(End::OutOfTime);
        }
        sleep(SHORT);
    }
}

fn of_status(status: ExitStatus) -> End {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(0), _) => End::Success,
        (Some(FAILED), _) | (None, Some(SIGABRT | SIGSEGV)) => End::Failure,
        (None, Some(SIGXCPU)) => End::OutOfTime,
        _ => End::Odd(status.to_string()),
    }
}

const KIBIBYTES: u32 = 12 << 20;
/// Of the clock, for what waits for ever.
const LONGEST: Duration = Duration::from_secs(900);
const SHORT: Duration = Duration::from_millis(20);
/// What a test program exits with when a test fails.
const FAILED: i32 = 101;
const SIGABRT: i32 = 6;
const SIGSEGV: i32 = 11;
const SIGXCPU: i32 = 24;

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, folder: &Path, seconds: u32, mutant: Option<u32>) -> End {
        let place = Place {
            package_root: "/".into(),
            scratch: folder.join("scratch"),
            said: folder.join("said.txt"),
        };
        let words = ["-c", script].map(str::to_owned).to_vec();
        let trial = Trial { package: "p".to_owned(), program: None, words, seconds };
        of_program(Path::new("/bin/sh"), &trial, &place, mutant).unwrap()
    }

    #[test]
    fn what_a_test_mounts_is_gone_with_it() {
        if !command::is_root() {
            assert!(std::env::var_os("DISKWRIGHT_REQUIRE_ORACLES").is_none(), "only root mounts");
            eprintln!("skipped: only root mounts");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let script = "mount -t tmpfs none \"$TMPDIR\" && touch \"$TMPDIR/mounted\" && kill -XCPU $$";
        let run = || shell(script, folder.path(), 20, Some(1));
        assert_eq!((run(), folder.path().join("scratch/mounted").exists()), (End::OutOfTime, false));
        assert_eq!(run(), End::OutOfTime);
    }

    #[test]
    fn what_uses_up_its_processor_time_is_out_of_time() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(shell("while :; do :; done", folder.path(), 1, Some(1)), End::OutOfTime);
    }

    #[test]
    fn what_is_said_without_a_mutant_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        assert_eq!(shell("echo \"mutant $DISKWRIGHT_MUTANT\"; exit 101", folder, 20, None), End::Failure);
        assert_eq!(shell("echo \"mutant $DISKWRIGHT_MUTANT\"", folder, 20, Some(7)), End::Success);
        assert_eq!(std::fs::read_to_string(folder.join("said.txt")).unwrap(), "mutant 0\n");
    }

    #[test]
    fn only_what_a_failed_test_does_is_a_failure() {
        let end = |script: &str, longest: Duration| {
            of_command(Command::new("sh").args(["-c", script]), longest).unwrap()
        };
        let long = Duration::from_secs(3600);
        assert_eq!(end("exit 0", long), End::Success);
        for script in ["exit 101", "kill -ABRT $$", "kill -SEGV $$"] {
            assert_eq!(end(script, long), End::Failure, "{script}");
        }
        for script in ["exit 1", "exit 127", "kill -KILL $$", "kill -TERM $$"] {
            assert!(matches!(end(script, long), End::Odd(_)), "{script}");
        }
        assert_eq!(end("kill -XCPU $$", long), End::OutOfTime);
        assert_eq!(end("exec sleep 3600", Duration::ZERO), End::OutOfTime);
    }
}
