//! Looking ahead: the names of a large directory are examined by several threads.
//!
//! ```text
//! names, sorted:  | examined by the walk itself | by helper 1 | by helper 2 | by the walk itself | …
//!                 └─ what comes first to the walk is first to be visited, whoever examined it
//! ```

use std::collections::VecDeque;
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use super::DirectorySource;
use super::examine::{Examined, Examiner, Named};
use super::names::Names;
use crate::{Error, ErrorKind, Result};

/// A run of names of one directory, to be examined by a helper.
pub(super) struct Errand {
    directory: Arc<OwnedFd>,
    device: u64,
    /// The directory's path on this host, with a slash at its end.
    base: Vec<u8>,
    names: Arc<Names>,
    /// Which of them.
    range: Range<usize>,
    answer: Sender<Answer>,
}

/// An open directory that helpers may read, too.
pub(super) struct Shared<'a> {
    pub(super) descriptor: &'a Arc<OwnedFd>,
    /// The device that it is on.
    pub(super) device: u64,
    /// Its path on this host, with a slash at its end.
    pub(super) path: &'a [u8],
}

/// What the names of an errand were found to be, in their order.
type Answer = Vec<Result<Examined>>;

/// The helpers of a walk; without any, nothing is looked at ahead.
pub(super) struct Helpers {
    errands: Sender<Errand>,
    number: usize,
}

/// What is known of a directory's next names.
#[derive(Default)]
pub(super) struct Ahead {
    /// Of the very next ones, in order.
    ready: VecDeque<Result<Examined>>,
    /// Of those from here on, as soon as a helper has answered.
    asked: VecDeque<(Range<usize>, Receiver<Answer>)>,
}

impl Helpers {
    /// `number` of them, and where each gets its errands; they end when these do.
    pub(super) fn new(number: usize) -> (Self, Receiver<Errand>) {
        let (sender, receiver) = unbounded();
        (Self { errands: sender, number }, receiver)
    }

    /// What the name `next` of a directory was found to be, if a helper was asked; else asks the helpers about names further on.
    pub(super) fn take(
        &self,
        ahead: &mut Ahead,
        next: usize,
        names: &Arc<Names>,
        directory: &Shared<'_>,
    ) -> Option<Result<Examined>> {
        if let Some(found) = ahead.ready.pop_front() {
            return Some(found);
        }
        match ahead.asked.front() {
            Some((range, _)) if next < range.start => return None,
            Some(_) => {
                let (range, answer) = ahead.asked.pop_front()?;
                let unanswered = || Error::new(ErrorKind::Internal, "an entry was not examined");
                ahead.ready = answer.recv().unwrap_or_default().into();
                ahead.ready.resize_with(range.len(), || Err(unanswered()));
                return ahead.ready.pop_front();
            }
            None => {}
        }
        let mut start = next.saturating_add(OWN);
        for _ in 0..self.number {
            let end = start.saturating_add(HELPERS).min(names.count());
            // What is soon done is not worth the way to another thread.
            if end < start.saturating_add(OWN) {
                break;
            }
            let (sender, answer) = bounded(1);
            let range = start..end;
            self.errands
                .send(Errand {
                    directory: Arc::clone(directory.descriptor),
                    device: directory.device,
                    base: directory.path.to_vec(),
                    names: Arc::clone(names),
                    range: range.clone(),
                    answer: sender,
                })
                .ok()?;
            ahead.asked.push_back((range, answer));
            start = end;
        }
        None
    }
}

/// Examines what it is asked to until nobody asks any more.
pub(super) fn help(source: &DirectorySource, started: i64, errands: &Receiver<Errand>) {
    let mut examiner = Examiner::new(source, started);
    let mut path = Vec::new();
    for errand in errands {
        let mut found = Vec::with_capacity(errand.range.len());
        for name in errand.range.filter_map(|number| errand.names.at(number)) {
            path.clear();
            path.extend_from_slice(&errand.base);
            path.extend_from_slice(name);
            let start = errand.base.len();
            let directory = errand.directory.as_fd();
            let named = Named { directory, device: errand.device, path: &path, start };
            found.push(examiner.examine(named));
        }
        // A walk that was broken off does not listen.
        let _ = errand.answer.send(found);
    }
}

/// Names of a turn that the walk examines by itself, for it has to visit all of them, too.
const OWN: usize = 24;
/// Names of a turn that each helper examines.
const HELPERS: usize = 40;
