//! A mutant is tried by one test program after the other. What is said of it must come from it: each program has to
//! succeed without it before, and what may be an accident is tried again.

use std::collections::BTreeSet;

use anyhow::{Result, bail};

use super::end::End;
use super::list::Mutant;
use super::parts::{SLOW, tests_of};
use super::record::Fate;

/// A test program of a package, and what it is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Trial {
    pub(crate) package: String,
    /// As cargo calls it; the library's own has no name.
    pub(crate) program: Option<String>,
    pub(crate) words: Vec<String>,
    /// Of processor time, at most.
    pub(crate) seconds: u32,
}

/// What a test program is run with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum With {
    Nothing,
    TheMutant,
}

/// The trials of a mutant: first the tests of its own module, then those of the module around it, then all others that
/// may tell something of it.
pub(crate) fn trials_of(mutant: &Mutant) -> Vec<Trial> {
    let module = mutant.module();
    let wider = module.rsplit_once("::").map_or(module.as_str(), |(wider, _)| wider);
    let wider: Vec<&str> = [wider].into_iter().chain(SLOW.iter().copied()).collect();
    let near = [(None, vec![module.as_str()], SHORT_TESTS), (None, wider, SHORT_TESTS)];
    let near = near.into_iter().filter(|_| !module.is_empty());
    let others = tests_of(&mutant.package).iter().filter(|tests| tests.are_of(&mutant.file));
    let others = others.map(|tests| (tests.program, tests.words.to_vec(), LONG_TESTS));
    let trial = |(program, words, seconds): (Option<&str>, Vec<&str>, u32)| Trial {
        package: mutant.package.clone(),
        program: program.map(str::to_owned),
        words: words.into_iter().map(str::to_owned).collect(),
        seconds,
    };
    near.chain(others).map(trial).collect()
}

/// Runs the trials with the mutant until one tells something of it.
///
/// A trial that is not in `green` first succeeds without the mutant. A failed test kills the mutant if the program, run
/// once more without it, still succeeds: else a full disk would kill all. After any other end but success the program runs
/// once without the mutant and once more with it, and the second end counts.
///
/// # Errors
/// Where a trial fails without the mutant, or first takes more than a third of its time.
pub(crate) fn fate_of(
    trials: &[Trial],
    green: &mut BTreeSet<Trial>,
    run: &mut dyn FnMut(&Trial, With) -> Result<End>,
) -> Result<Fate> {
    for trial in trials {
        if !green.contains(trial) {
            ensure_green(&Trial { seconds: trial.seconds / 3, ..trial.clone() }, run)?;
            green.insert(trial.clone());
        }
        let mut end = run(trial, With::TheMutant)?;
        if end != End::Success {
            ensure_green(trial, run)?;
        }
        if matches!(end, End::OutOfTime | End::Odd(_)) {
            println!("{end}: once more");
            end = run(trial, With::TheMutant)?;
        }
        match end {
            End::Success => {}
            End::Failure => return Ok(Fate::Killed),
            End::OutOfTime => return Ok(Fate::TimedOut),
            End::Odd(_) => {
                println!("{end}: twice");
                return Ok(Fate::Unclear);
            }
        }
    }
    Ok(Fate::Survived)
}

fn ensure_green(trial: &Trial, run: &mut dyn FnMut(&Trial, With) -> Result<End>) -> Result<()> {
    match run(trial, With::Nothing)? {
        End::Success => Ok(()),
        end => bail!("{end}, without a mutant: {trial:?}"),
    }
}

/// Seconds of the processor for one test program with the tests of a few modules. Without a mutant, a third is enough.
const SHORT_TESTS: u32 = 12;
/// As much for all others.
const LONG_TESTS: u32 = 120;

#[cfg(test)]
mod tests {
    use super::super::list::tests::mutant;
    use super::*;

    fn trials() -> Vec<Trial> {
        let trial = |name: &str| Trial {
            package: "p".to_owned(),
            program: Some(name.to_owned()),
            words: Vec::new(),
            seconds: 12,
        };
        ["a", "b"].map(trial).to_vec()
    }

    /// The fate of a mutant whose programs come to these ends, one after the other, and what was run: the program's
    /// name, with its seconds where it ran without a mutant.
    fn told(green: &mut BTreeSet<Trial>, ends: &[End]) -> (Result<Fate, String>, String) {
        let (mut ran, mut ends) = (Vec::new(), ends.iter().cloned());
        let mut run = |trial: &Trial, with: With| {
            let seconds = if with == With::Nothing { trial.seconds.to_string() } else { String::new() };
            ran.push(format!("{}{seconds}", trial.program.clone().unwrap_or_default()));
            Ok(ends.next().unwrap_or(End::Success))
        };
        let fate = fate_of(&trials(), green, &mut run).map_err(|error| error.to_string());
        (fate, ran.join(" "))
    }

    fn odd() -> End {
        End::Odd("status 1".to_owned())
    }

    #[test]
    fn every_program_first_succeeds_without_the_mutant_and_that_once() {
        let mut green = BTreeSet::new();
        assert_eq!(told(&mut green, &[]), (Ok(Fate::Survived), "a4 a b4 b".to_owned()));
        assert_eq!(told(&mut green, &[]), (Ok(Fate::Survived), "a b".to_owned()));
        assert_eq!(green, trials().into_iter().collect());
    }

    #[test]
    fn a_program_that_fails_without_the_mutant_ends_the_run() {
        for end in [End::Failure, End::OutOfTime, odd()] {
            let mut green = BTreeSet::new();
            let (fate, ran) = told(&mut green, &[End::Success, End::Success, end.clone()]);
            assert_eq!((ran.as_str(), green.len()), ("a4 a b4", 1));
            assert!(fate.unwrap_err().contains("without a mutant"), "{end:?}");
        }
    }

    #[test]
    fn a_failed_test_kills_if_it_succeeds_without_the_mutant_afterwards() {
        let (fate, ran) = told(&mut BTreeSet::new(), &[End::Success, End::Failure]);
        assert_eq!((fate, ran.as_str()), (Ok(Fate::Killed), "a4 a a12"));
        let (fate, ran) = told(&mut BTreeSet::new(), &[End::Success, End::Failure, End::Failure]);
        assert!(fate.unwrap_err().contains("a test fails, without a mutant"));
        assert_eq!(ran, "a4 a a12");
    }

    #[test]
    fn what_may_be_an_accident_counts_only_if_it_comes_again_beside_a_run_that_succeeds() {
        let green = || trials().into_iter().collect::<BTreeSet<_>>();
        for (first, again, fate, ran) in [
            (End::OutOfTime, End::OutOfTime, Fate::TimedOut, "a a12 a"),
            (odd(), End::OutOfTime, Fate::TimedOut, "a a12 a"),
            (End::OutOfTime, End::Failure, Fate::Killed, "a a12 a"),
            (odd(), odd(), Fate::Unclear, "a a12 a"),
            (End::OutOfTime, odd(), Fate::Unclear, "a a12 a"),
            (odd(), End::Success, Fate::Survived, "a a12 a b"),
            (End::OutOfTime, End::Success, Fate::Survived, "a a12 a b"),
        ] {
            let expected = (Ok(fate), ran.to_owned());
            assert_eq!(told(&mut green(), &[first, End::Success, again]), expected);
        }
        let (fate, _) = told(&mut green(), &[odd(), odd()]);
        assert!(fate.unwrap_err().contains("without a mutant"));
    }

    #[test]
    fn other_modules_have_other_trials() {
        let of = |file: &str| {
            let mutant =
                Mutant { file: file.to_owned(), package: "diskwright-core".to_owned(), ..mutant("m") };
            trials_of(&mutant)
        };
        let (name, hash) = (of("core/src/scan/name.rs"), of("core/src/filesystem/ext4/hash.rs"));
        assert_eq!(
            (name[0].words.as_slice(), name[0].program.as_ref()),
            (&["scan::name".to_owned()][..], None)
        );
        assert_eq!(name[1].words[0], "scan");
        let has =
            |trials: &[Trial], name: &str| trials.iter().any(|trial| trial.program.as_deref() == Some(name));
        assert!(has(&name, "tar_refusals") && !has(&hash, "tar_refusals") && has(&hash, "ext4"));
    }
}
