mod bytes;
mod cancellation;
mod content;
mod description;
mod faults;
mod memory;
mod options;
mod outputs;
mod probes;
mod progress;
mod sectors;
mod zeros;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use diskwright_core::Error;

use crate::readers::Unreadable;
use crate::run::text_of;
use crate::subject::Subject;
use crate::tool::skip;

/// One thing that every format keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trial {
    /// Its description is complete: id, option table, defaults.
    Description,
    /// A plan reads nothing, and the same order gives the same plan.
    PurePlan,
    /// Random disks read back as they were written.
    RoundTrip,
    /// Long zeros that the layout knows cost nothing, where that is declared.
    KnownZeros,
    /// Long zeros that only reading shows cost nothing, where that is declared.
    FoundZeros,
    /// Disks of one unit and around the granularity and the declared limits read back, or are refused where that is declared.
    EdgeSizes,
    /// A sparse disk of more than 4 GiB reads back.
    LargeSparse,
    /// The same bytes come out for 1, 2 and 8 threads and in every run.
    SameBytes,
    /// Another seed gives other bytes where there are identifiers, and the same where there are none.
    Identifiers,
    /// Outputs are those of the plan: names, number, bounds, access.
    OutputsAsPlanned,
    /// Streams never go back, and every byte is written once.
    StreamOrder,
    /// A read that fails, whichever it is, fails the run as `Source`, and nothing is visible.
    FailingSource,
    /// An operation of the sink that fails, whichever it is, fails the run as `Sink`, and nothing is visible.
    FailingSink,
    /// A run that is cancelled, at whichever operation, ends soon as `Cancelled`, and nothing is visible.
    Cancellation,
    /// The heap stays within its limit for much data and for a large sparse disk.
    Memory,
    /// Every option is taken or refused by its name within its bounds, and refused outside them.
    Options,
    /// Progress never falls and ends at its total.
    Progress,
    /// Several disks read back, or are refused where that is declared.
    SeveralDisks,
    /// A disk that counts in sectors of 4096 bytes reads back, or is refused by `sector_size` where that is declared.
    SectorSizes,
    /// No output looks like another format to a program that probes it.
    Probes,
}

/// What came of a trial that did not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The format keeps what the trial asks.
    Passed,
    /// This foreign program is missing.
    Skipped(String),
}

/// A trial that a format did not pass, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which.
    pub trial: Trial,
    /// Why, with the numbers that show it.
    pub reason: String,
}

/// Why a trial stops.
#[derive(Debug)]
pub(crate) enum Problem {
    Failed(String),
    Skipped(String),
}

impl Trial {
    /// All trials.
    pub const ALL: [Self; 20] = [
        Self::Description,
        Self::PurePlan,
        Self::RoundTrip,
        Self::KnownZeros,
        Self::FoundZeros,
        Self::EdgeSizes,
        Self::LargeSparse,
        Self::SameBytes,
        Self::Identifiers,
        Self::OutputsAsPlanned,
        Self::StreamOrder,
        Self::FailingSource,
        Self::FailingSink,
        Self::Cancellation,
        Self::Memory,
        Self::Options,
        Self::Progress,
        Self::SeveralDisks,
        Self::SectorSizes,
        Self::Probes,
    ];

    /// Runs the trial. Trials of one process wait for each other: one of them measures the heap.
    ///
    /// # Errors
    /// The failure, when the format does not keep what the trial asks; a panic is one.
    pub fn run(self, subject: &Subject) -> Result<Verdict, Failure> {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let failure = |reason| Failure { trial: self, reason };
        match catch_unwind(AssertUnwindSafe(|| self.attempt(subject))) {
            Ok(Ok(())) => Ok(Verdict::Passed),
            Ok(Err(Problem::Skipped(program))) => Ok(Verdict::Skipped(program)),
            Ok(Err(Problem::Failed(reason))) => Err(failure(reason)),
            Err(panic) => Err(failure(format!("it panicked: {}", text_of(panic.as_ref())))),
        }
    }

    /// Runs the trial in a test.
    ///
    /// # Panics
    /// When it fails; and when it is skipped where `DISKWRIGHT_REQUIRE_ORACLES=1` is set.
    pub fn assert(self, subject: &Subject) {
        match self.run(subject) {
            Ok(Verdict::Passed) => {}
            Ok(Verdict::Skipped(program)) => skip(&format!("{program} is not installed")),
            Err(failure) => panic!("{failure}"),
        }
    }

    fn attempt(self, subject: &Subject) -> Result<(), Problem> {
        match self {
            Self::Description => description::complete(subject),
            Self::PurePlan => description::pure_plan(subject),
            Self::RoundTrip => content::round_trip(subject),
            Self::KnownZeros => zeros::known(subject),
            Self::FoundZeros => zeros::found(subject),
            Self::EdgeSizes => content::edge_sizes(subject),
            Self::LargeSparse => content::large_sparse(subject),
            Self::SameBytes => bytes::same(subject),
            Self::Identifiers => bytes::identifiers(subject),
            Self::OutputsAsPlanned => outputs::as_planned(subject),
            Self::StreamOrder => outputs::stream_order(subject),
            Self::FailingSource => faults::source(subject),
            Self::FailingSink => faults::sink(subject),
            Self::Cancellation => cancellation::at_every_operation(subject),
            Self::Memory => memory::within_limit(subject),
            Self::Options => options::within_bounds(subject),
            Self::Progress => progress::rises(subject),
            Self::SeveralDisks => content::several_disks(subject),
            Self::SectorSizes => sectors::of_4096_bytes(subject),
            Self::Probes => probes::no_other_format(subject),
        }
    }
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.trial, self.reason)
    }
}

impl std::error::Error for Failure {}

impl Problem {
    pub(crate) fn failed(reason: impl Into<String>) -> Self {
        Self::Failed(reason.into())
    }

    /// The same problem, told with what was tried.
    pub(crate) fn during(self, what: impl fmt::Display) -> Self {
        match self {
            Self::Failed(reason) => Self::Failed(format!("{what}: {reason}")),
            skipped @ Self::Skipped(_) => skipped,
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::Failed(format!("{error:?}"))
    }
}

impl From<Unreadable> for Problem {
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            Unreadable::Missing(program) => Self::Skipped(program),
            Unreadable::Failed(reason) => Self::Failed(format!("the reader refuses it: {reason}")),
        }
    }
}
