use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::list::Mutant;
use super::parts::{SLOW, tests_of};
use super::record::Fate;
use super::tree::Programs;
use crate::command;

/// Runs the tests of a package with the mutant of that number, or with none, until one fails.
///
/// Those of the mutant's own module come first, then those of the module around it.
pub(crate) fn run(
    programs: &Programs,
    package_root: &Path,
    scratch: &Path,
    (number, mutant): (u32, &Mutant),
) -> Result<Fate> {
    let module = mutant.module();
    let wider = module.rsplit_once("::").map_or(module.as_str(), |(wider, _)| wider);
    let wider: Vec<&str> = [wider].into_iter().chain(SLOW.iter().copied()).collect();
    let near = [(None, vec![module.as_str()], SHORT_TESTS), (None, wider, SHORT_TESTS)];
    let near = near.into_iter().filter(|_| !module.is_empty());
    let others = tests_of(&mutant.package).iter().filter(|tests| tests.are_of(&mutant.file));
    let others = others.map(|tests| (tests.program.map(str::to_owned), tests.words.to_vec(), LONG_TESTS));
    for (program, words, seconds) in near.chain(others) {
        let path = programs.get(&program).with_context(|| format!("cargo told of no {program:?}"))?;
        let fate = once(path, &words, seconds, package_root, scratch, number)?;
        if fate != Fate::Survived {
            return Ok(fate);
        }
    }
    Ok(Fate::Survived)
}

/// Runs one test program, in a place of its own for what it writes.
fn once(
    program: &Path,
    words: &[&str],
    seconds: u32,
    package_root: &Path,
    scratch: &Path,
    number: u32,
) -> Result<Fate> {
    if scratch.exists() {
        std::fs::remove_dir_all(scratch).with_context(|| scratch.display().to_string())?;
    }
    std::fs::create_dir_all(scratch)?;
    // Processor time, for the machine may stand still for a while; and memory, which a change may ask for without end.
    let limits = format!("ulimit -t {seconds}; ulimit -v {KIBIBYTES}; exec \"$0\" \"$@\"");
    // What a test mounts goes with it, even if it is ended in the middle; without root it mounts nothing.
    let apart: &[&str] = if command::is_root() { &["unshare", "--mount"] } else { &[] };
    let words_before = [apart, &["sh", "-c", &limits]].concat();
    let mut limited = Command::new(words_before[0]);
    limited.args(&words_before[1..]);
    limited.arg(program).args(words).current_dir(package_root);
    limited.env("DISKWRIGHT_MUTANT", number.to_string()).env("DISKWRIGHT_REQUIRE_ORACLES", "1");
    limited.env("TMPDIR", scratch).env("RUST_BACKTRACE", "0");
    limited.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    fate_of(&mut limited, LONGEST)
}

/// Waits for the command, and ends it when the time is over.
fn fate_of(command: &mut Command, longest: Duration) -> Result<Fate> {
    use std::os::unix::process::ExitStatusExt;
    let mut child = command.spawn().with_context(|| format!("{command:?}"))?;
    let start = Instant::now();
    let of_status = |status: ExitStatus| match (status.success(), status.signal()) {
        (true, _) => Fate::Survived,
        (false, Some(SIGXCPU | SIGKILL)) => Fate::TimedOut,
        (false, _) => Fate::Killed,
    };
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(of_status(status));
        }
        if start.elapsed() > longest {
            child.kill()?;
            child.wait()?;
            return Ok(Fate::TimedOut);
        }
        sleep(SHORT);
    }
}

/// Seconds of the processor for one test program with the tests of a few modules; none takes a third of it.
const SHORT_TESTS: u32 = 12;
/// As much for all others.
const LONG_TESTS: u32 = 120;
const KIBIBYTES: u32 = 12 << 20;
/// Of the clock, for what waits for ever.
const LONGEST: Duration = Duration::from_secs(900);
const SHORT: Duration = Duration::from_millis(20);
const SIGXCPU: i32 = 24;
const SIGKILL: i32 = 9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_test_mounts_is_gone_with_it() {
        if !command::is_root() {
            return;
        }
        let folder = std::env::temp_dir().join(format!("diskwright-mutants-trial-{}", std::process::id()));
        let script = "mount -t tmpfs none \"$TMPDIR\" && touch \"$TMPDIR/mounted\" && kill -XCPU $$";
        let run = || once(Path::new("/bin/sh"), &["-c", script], 20, Path::new("/"), &folder, 0).unwrap();
        assert_eq!((run(), folder.join("mounted").exists()), (Fate::TimedOut, false));
        assert_eq!(run(), Fate::TimedOut);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    fn fate(script: &str, longest: Duration) -> Fate {
        fate_of(Command::new("sh").args(["-c", script]), longest).unwrap()
    }

    #[test]
    fn a_test_that_fails_kills_and_one_that_does_not_end_is_told() {
        let long = Duration::from_secs(3600);
        assert_eq!(fate("exit 0", long), Fate::Survived);
        assert_eq!(fate("exit 101", long), Fate::Killed);
        assert_eq!(fate("kill -ABRT $$", long), Fate::Killed);
        assert_eq!(fate("kill -XCPU $$", long), Fate::TimedOut);
        assert_eq!(fate("exec sleep 3600", Duration::ZERO), Fate::TimedOut);
    }
}
