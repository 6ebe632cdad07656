use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::Report;
use super::dispatch::Dispatch;
use crate::{Error, ErrorKind, Monitor, Phase, Result, Status};

/// A generation that an engine has taken on: it waits for its turn, runs, or has ended.
///
/// Wait for it on this thread with [`Generation::wait`] or with `.await` on any executor, or let it go its way with
/// [`Generation::detach`]. Dropping it cancels it, and so does dropping the future: neither waits for the end, which comes
/// within a second.
#[must_use = "dropping a generation cancels it"]
pub struct Generation {
    handle: Canceller,
    /// Whether dropping it leaves the generation alone.
    is_released: bool,
}

/// Cancels a generation and tells its status, from any thread; clones do the same.
///
/// It keeps nothing alive: the generation goes on or has ended whoever holds one.
#[derive(Clone)]
pub struct Canceller {
    ticket: Arc<Ticket>,
    dispatch: Arc<Dispatch>,
}

/// What [`Generation`] is as a future: `.await` makes it. It needs no runtime; dropping it cancels.
pub struct GenerationFuture(Generation);

/// The number of a generation: from 1 in the order of starting, unique within its engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GenerationId(pub(super) u64);

impl Generation {
    pub(super) fn new(ticket: Arc<Ticket>, dispatch: Arc<Dispatch>) -> Self {
        Self { handle: Canceller { ticket, dispatch }, is_released: false }
    }

    /// Its number.
    pub fn id(&self) -> GenerationId {
        self.handle.id()
    }

    /// How far it is; never waits for anything that the generation does.
    pub fn status(&self) -> Status {
        self.handle.status()
    }

    /// What cancels it, and tells its status while somebody else waits for it.
    pub fn canceller(&self) -> Canceller {
        self.handle.clone()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// As [`Engine::run`](super::Engine::run); `ErrorKind::Cancelled` after a cancellation; `ErrorKind::LimitExceeded` when
    /// the system has no thread for it.
    pub fn wait(mut self) -> Result<Report> {
        self.is_released = true;
        self.handle.ticket.wait()
    }

    /// Lets it go on without anybody waiting: it goes to its end even when the engine is dropped, but not beyond the end of
    /// the process. Nobody learns of an error then but its sink, which is aborted.
    pub fn detach(mut self) {
        self.is_released = true;
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        if !self.is_released {
            self.handle.cancel();
        }
    }
}

impl IntoFuture for Generation {
    type Output = Result<Report>;
    type IntoFuture = GenerationFuture;

    fn into_future(self) -> GenerationFuture {
        GenerationFuture(self)
    }
}

impl Future for GenerationFuture {
    type Output = Result<Report>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Report>> {
        let polled = self.0.handle.ticket.poll(context.waker());
        self.0.is_released |= polled.is_ready();
        polled
    }
}

impl Canceller {
    /// The generation's number.
    pub fn id(&self) -> GenerationId {
        self.ticket.id
    }

    /// How far it is; never waits for anything that the generation does.
    pub fn status(&self) -> Status {
        let mut status = self.ticket.monitor.status();
        if status.phase == Phase::Queued {
            status.ahead = self.dispatch.ahead(self.ticket.id);
        }
        status
    }

    /// Asks the generation to stop. One that runs ends with `ErrorKind::Cancelled` within a second, unless its outputs are
    /// visible already; one that waits ends here and now, without having run, its sink aborted on this thread.
    pub fn cancel(&self) {
        self.ticket.monitor.cancel();
        self.dispatch.withdraw(self.ticket.id);
    }

    /// Whether somebody cancelled it.
    pub fn is_cancelled(&self) -> bool {
        self.ticket.monitor.is_cancelled()
    }
}

/// What a generation and those who hold its handles share.
pub(super) struct Ticket {
    pub(super) id: GenerationId,
    pub(super) monitor: Monitor,
    outcome: Mutex<Outcome>,
    ended: Condvar,
}

enum Outcome {
    /// Not there yet; whom to wake then.
    Pending(Option<Waker>),
    Ended(Box<Result<Report>>),
    Taken,
}

impl Ticket {
    pub(super) fn new(id: GenerationId) -> Self {
        Self {
            id,
            monitor: Monitor::new(),
            outcome: Mutex::new(Outcome::Pending(None)),
            ended: Condvar::new(),
        }
    }

    /// Ends the generation; only the first end counts.
    pub(super) fn end(&self, result: Result<Report>) {
        let mut outcome = self.lock();
        let Outcome::Pending(waker) = &mut *outcome else { return };
        let waker = waker.take();
        let phase = if result.is_ok() { Phase::Finished } else { Phase::Failed };
        // Says only whether somebody cancelled.
        let _ = self.monitor.enter(phase);
        *outcome = Outcome::Ended(Box::new(result));
        drop(outcome);
        self.ended.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn wait(&self) -> Result<Report> {
        let mut outcome = self.lock();
        loop {
            match outcome.take() {
                Some(result) => return result,
                None => outcome = self.ended.wait(outcome).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn poll(&self, waker: &Waker) -> Poll<Result<Report>> {
        let mut outcome = self.lock();
        match outcome.take() {
            Some(result) => Poll::Ready(result),
            None => {
                let before = std::mem::replace(&mut *outcome, Outcome::Pending(Some(waker.clone())));
                drop(outcome);
                // May run code of an executor.
                drop(before);
                Poll::Pending
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Outcome> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outcome {
    /// The result, once.
    fn take(&mut self) -> Option<Result<Report>> {
        if let Self::Pending(_) = self {
            return None;
        }
        match std::mem::replace(self, Self::Taken) {
            Self::Ended(result) => Some(*result),
            _ => Some(Err(Error::new(ErrorKind::Internal, "the generation's result was taken before"))),
        }
    }
}

impl fmt::Display for GenerationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Generation").field(&self.id().0).finish()
    }
}

impl fmt::Debug for GenerationFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GenerationFuture").field(&self.0.id().0).finish()
    }
}

impl fmt::Debug for Canceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Canceller").field(&self.ticket.id.0).finish()
    }
}
