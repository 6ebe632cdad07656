//! Looking ahead: several threads examine a tree that one walks.
//!
//! ```text
//! names of a directory: | examined by the walk itself | by helper 1, and what is below | by helper 2, too | by the walk … |
//!                       └─ what comes first to the walk is first to be visited, whoever examined it
//! ```

use std::collections::VecDeque;
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use rustix::io::Errno;

use super::DirectorySource;
use super::examine::{Entered, Examiner, Found, Named, Seen};
use super::host::Stat;
use super::names::Names;
use crate::{Error, ErrorKind, Result};

/// A run of names of one directory, to be examined by a helper, and what is below them.
pub(super) struct Errand {
    directory: Arc<OwnedFd>,
    device: u64,
    /// The directory's path on this host, with a slash at its end.
    base: Vec<u8>,
    names: Arc<Names>,
    /// Which of them.
    range: Range<usize>,
    /// Whether somebody has begun: a helper, or the walk, which came to it first.
    is_taken: Arc<AtomicBool>,
    answer: Sender<Answer>,
}

/// What the names of an errand were found to be, in their order.
type Answer = VecDeque<Result<Seen>>;

/// An open directory that helpers may read, too.
pub(super) struct Shared<'a> {
    pub(super) descriptor: &'a Arc<OwnedFd>,
    /// The device that it is on.
    pub(super) device: u64,
    /// Its path on this host, with a slash at its end.
    pub(super) path: &'a [u8],
    pub(super) names: &'a Arc<Names>,
}

/// What a walk and its helpers share.
#[derive(Default)]
pub(super) struct Common {
    /// Descriptors that answers keep open.
    kept: AtomicUsize,
    /// Whether the walk is at its end, or was broken off.
    has_ended: AtomicBool,
}

/// Counts a descriptor that an answer keeps open, until it is dropped.
pub(super) struct Kept(Arc<Common>);

/// The helpers of a walk; without any, nothing is looked at ahead.
pub(super) struct Helpers {
    errands: Sender<Errand>,
    number: usize,
    /// Errands that the walk has not come to.
    asked: usize,
    common: Arc<Common>,
}

/// What is known of a directory's next names.
pub(super) struct Ahead {
    /// Of the very next ones, in order.
    ready: Answer,
    /// Of those further on.
    asked: VecDeque<Asked>,
    /// A name, and nothing from which on an earlier one seems to be a directory's; none where no more is.
    next_directory: Option<usize>,
}

/// What a helper was asked.
struct Asked {
    range: Range<usize>,
    is_taken: Arc<AtomicBool>,
    answer: Receiver<Answer>,
}

/// How much is examined for one errand.
struct Budget {
    /// In directories below.
    names: usize,
    /// Directories within each other.
    levels: usize,
    /// Of what is found.
    bytes: usize,
}

impl Budget {
    fn is_spent(&self) -> bool {
        self.names == 0 || self.levels == 0 || self.bytes == 0
    }
}

impl Kept {
    /// `None` where too many are open already.
    fn take(common: &Arc<Common>) -> Option<Self> {
        let kept = Self(Arc::clone(common));
        (common.kept.fetch_add(1, Ordering::Relaxed) < MAX_KEPT).then_some(kept)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.kept.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Helpers {
    fn drop(&mut self) {
        self.common.has_ended.store(true, Ordering::Relaxed);
    }
}

impl Ahead {
    /// Of a directory whose first names were examined.
    pub(super) fn new(seen: Answer) -> Self {
        Self { ready: seen, asked: VecDeque::new(), next_directory: Some(0) }
    }

    /// What the next name was found to be, if that is known already.
    pub(super) fn known(&mut self) -> Option<Result<Seen>> {
        self.ready.pop_front()
    }

    /// Whether a name from `number` on seems to be a directory's.
    fn has_directory(&mut self, number: usize, names: &Names) -> bool {
        if self.next_directory.is_some_and(|known| known < number || known == 0) {
            self.next_directory = names.next_directory(number);
        }
        self.next_directory.is_some()
    }
}

impl Helpers {
    /// None yet, and where each gets its errands; they end when these do.
    pub(super) fn new() -> (Self, Receiver<Errand>) {
        let (sender, receiver) = unbounded();
        (Self { errands: sender, number: 0, asked: 0, common: Arc::default() }, receiver)
    }

    /// One more.
    pub(super) fn add(&mut self) {
        self.number += 1;
    }

    /// What they share with the walk.
    pub(super) fn common(&self) -> Arc<Common> {
        Arc::clone(&self.common)
    }

    /// What the name `next` of a directory was found to be, if helpers have looked at it or are about to have; else asks them
    /// about names further on. While it waits it asks `check` now and then whether to go on.
    pub(super) fn see(
        &mut self,
        ahead: &mut Ahead,
        next: usize,
        directory: &Shared<'_>,
        check: &mut dyn FnMut() -> Result<()>,
    ) -> Option<Result<Seen>> {
        if let Some(seen) = ahead.known() {
            return Some(seen);
        }
        if let Some(asked) = ahead.asked.pop_front_if(|asked| asked.range.start <= next) {
            self.asked -= 1;
            if asked.is_taken.swap(true, Ordering::Relaxed) {
                let unanswered = || Error::new(ErrorKind::Internal, "an entry was not examined");
                ahead.ready = loop {
                    match asked.answer.recv_timeout(PATIENCE) {
                        Ok(answer) => break answer,
                        Err(RecvTimeoutError::Disconnected) => break Answer::new(),
                        Err(RecvTimeoutError::Timeout) => {
                            if let Err(error) = check() {
                                return Some(Err(error));
                            }
                        }
                    }
                };
                ahead.ready.resize_with(asked.range.len(), || Err(unanswered()));
                return ahead.known();
            }
            // Nobody has begun: the walk is there itself.
        }
        if ahead.asked.is_empty() && self.number > 0 {
            self.ask(ahead, next + 1, directory);
        }
        None
    }

    /// Asks about names from `first` on, but for the share of the walk.
    fn ask(&mut self, ahead: &mut Ahead, first: usize, directory: &Shared<'_>) {
        let left = directory.names.count().saturating_sub(first);
        // What is soon done is not worth the way to another thread.
        if left < OWN + OWN && !ahead.has_directory(first, directory.names) {
            return;
        }
        let turn = OWN + self.number * HELPERS;
        let part = |of: usize| of * left.min(turn) / turn;
        let (mut start, len) = (first + part(OWN), part(HELPERS).max(1));
        for _ in 0..self.number {
            let range = start..(start + len).min(first + left);
            if range.is_empty() || self.asked == MAX_ASKED {
                return;
            }
            let (sender, answer) = bounded(1);
            let is_taken = Arc::new(AtomicBool::new(false));
            let errand = Errand {
                directory: Arc::clone(directory.descriptor),
                device: directory.device,
                base: directory.path.to_vec(),
                names: Arc::clone(directory.names),
                range: range.clone(),
                is_taken: Arc::clone(&is_taken),
                answer: sender,
            };
            if self.errands.send(errand).is_err() {
                return;
            }
            self.asked += 1;
            start = range.end;
            ahead.asked.push_back(Asked { range, is_taken, answer });
        }
    }
}

/// Examines what it is asked to until nobody asks any more.
pub(super) fn help(source: &DirectorySource, started: i64, errands: &Receiver<Errand>, common: &Arc<Common>) {
    let mut examiner = Examiner::new(source, started);
    for Errand { directory, device, base: mut path, names, range, is_taken, answer } in errands {
        if is_taken.swap(true, Ordering::Relaxed) {
            continue;
        }
        let directory = OpenNames { directory: &directory, device, start: path.len(), names: &names, common };
        let budget = &mut Budget { names: NAMES, levels: LEVELS, bytes: BYTES };
        let seen = range.map(|number| directory.see(number, &mut path, &mut examiner, budget)).collect();
        // A walk that was broken off does not listen.
        let _ = answer.send(seen);
    }
}

/// An open directory and its names.
struct OpenNames<'a> {
    directory: &'a OwnedFd,
    device: u64,
    /// Length of its path on this host, with a slash at its end.
    start: usize,
    names: &'a Names,
    common: &'a Arc<Common>,
}

impl OpenNames<'_> {
    /// What is there to know of the name `number`: a directory is entered, and so are those in it, until `budget` is spent. `path`
    /// begins with that of this directory.
    fn see(
        &self,
        number: usize,
        path: &mut Vec<u8>,
        examiner: &mut Examiner<'_>,
        budget: &mut Budget,
    ) -> Result<Seen> {
        if budget.bytes == 0 || self.common.has_ended.load(Ordering::Relaxed) {
            return Ok(Seen::Unseen);
        }
        path.truncate(self.start);
        path.extend_from_slice(self.names.at(number).unwrap_or(&[]));
        let examined = match examiner.examine(self.named(path)) {
            // The walk has descriptors of its own.
            Err(error) if is_out_of_descriptors(&error) => return Ok(Seen::Unseen),
            examined => examined?,
        };
        budget.bytes = budget.bytes.saturating_sub(examined.weight());
        let is_directory = matches!(examined.found, Found::Directory { is_mount_point: false });
        if !is_directory || budget.is_spent() {
            return Ok(Seen::Examined(examined));
        }
        match self.enter(path, &examined.stat, examiner, budget) {
            Ok(Some(entered)) => Ok(Seen::Entered(Box::new(entered))),
            Err(error) if !is_out_of_descriptors(&error) => Err(error),
            Ok(None) | Err(_) => Ok(Seen::Examined(examined)),
        }
    }

    /// Enters the directory at `path` and sees its names; `None` for one that the walk has to enter itself.
    fn enter(
        &self,
        path: &mut Vec<u8>,
        stat: &Stat,
        examiner: &mut Examiner<'_>,
        budget: &mut Budget,
    ) -> Result<Option<Entered>> {
        let (attributes, Some(descriptor)) = examiner.open_directory(self.named(path), stat, false)? else {
            return Ok(None);
        };
        let mut entered = examiner.enter(path, *stat, attributes, descriptor)?;
        budget.bytes = budget.bytes.saturating_sub(entered.names.weight());
        path.push(b'/');
        let Some(directory) = entered.descriptor.take() else { return Ok(None) };
        let (device, common) = (stat.identity.device, self.common);
        let (start, names) = (path.len(), &entered.names);
        let below = OpenNames { directory: &directory, device, start, names, common };
        budget.levels -= 1;
        let mut is_whole = true;
        for number in 0..entered.names.count() {
            if budget.names == 0 || budget.bytes == 0 {
                is_whole = false;
                break;
            }
            budget.names -= 1;
            let seen = below.see(number, path, examiner, budget);
            is_whole &= match &seen {
                Ok(Seen::Entered(below)) => below.descriptor.is_none(),
                Ok(Seen::Examined(examined)) => !matches!(examined.found, Found::Directory { .. }),
                Ok(Seen::Unseen) | Err(_) => false,
            };
            entered.seen.push_back(seen);
        }
        budget.levels += 1;
        if !is_whole {
            entered.kept = Kept::take(self.common);
            if entered.kept.is_none() {
                return Ok(None);
            }
            entered.descriptor = Some(directory);
        }
        Ok(Some(entered))
    }

    fn named<'b>(&'b self, path: &'b [u8]) -> Named<'b> {
        Named { directory: self.directory.as_fd(), device: self.device, path, start: self.start }
    }
}

fn is_out_of_descriptors(error: &Error) -> bool {
    let code = error.os_code().map(Errno::from_raw_os_error);
    matches!(code, Some(Errno::MFILE | Errno::NFILE))
}

/// Names of a turn that the walk examines by itself, for it has to visit all of them, too.
const OWN: usize = 32;
/// Names of a turn that each helper examines.
const HELPERS: usize = 40;
/// Names in directories below that are examined for one errand: a wait for it is no longer than that takes.
const NAMES: usize = 1024;
/// Directories within each other that are entered for one errand.
const LEVELS: usize = 4;
/// What is found for one errand, in memory; names of its own that are beyond are left to the walk.
const BYTES: usize = 512 << 10;
/// Errands of a walk at one time.
const MAX_ASKED: usize = 32;
/// Descriptors that answers may keep open, of all together.
const MAX_KEPT: usize = 64;
/// How long a walk waits for a helper until it looks whether it was cancelled.
const PATIENCE: Duration = Duration::from_millis(100);
