use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::claim::Claim;
use super::generation::Ticket;
use super::limits::Limits;
use super::queue::{Queue, Waiting};
use super::{Engine, GenerationId, Order};
use crate::error::guarded;
use crate::pipeline::Workers;
use crate::sink::Sink;
use crate::{Error, ErrorKind, Monitor, Result};

/// What the clones of an engine share: its limits, what runs and what waits.
///
/// There is no thread as long as nothing runs. Each that runs has one; at its end that thread takes the next that waits,
/// or ends. So as long as something waits something runs, whoever has dropped what.
pub(super) struct Dispatch {
    pub(super) limits: Limits,
    pub(super) workers: Workers,
    state: Mutex<State>,
    /// Memory was given back, or somebody cancelled.
    changed: Condvar,
}

struct State {
    last_id: u64,
    queue: Queue<Submission>,
    /// In the order in which they began.
    running: Vec<Running>,
    /// How many of them wait for memory: nothing new begins before they have it.
    growing: usize,
}

struct Running {
    id: GenerationId,
    owner: Arc<str>,
    /// Bytes.
    memory: u64,
}

/// What is needed to run a generation.
struct Submission {
    ticket: Arc<Ticket>,
    order: Order,
    sink: Box<dyn Sink>,
}

impl Dispatch {
    pub(super) fn new(limits: Limits) -> Self {
        let state = State { last_id: 0, queue: Queue::new(), running: Vec::new(), growing: 0 };
        let workers = Workers::new(limits.threads);
        Self { limits, workers, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Takes a generation on.
    ///
    /// # Errors
    /// `ErrorKind::LimitExceeded` when it would have to wait and as many wait as may; `sink` is aborted then.
    pub(super) fn submit(
        self: &Arc<Self>,
        owner: &str,
        order: Order,
        sink: Box<dyn Sink>,
    ) -> Result<Arc<Ticket>> {
        let mut state = self.lock();
        if state.queue.len() >= self.limits.queue && !self.has_room(&state) {
            let text = format!("{} generations wait already, as many as may", state.queue.len());
            drop(state);
            abort(sink);
            return Err(Error::new(ErrorKind::LimitExceeded, text));
        }
        state.last_id += 1;
        let id = GenerationId(state.last_id);
        let ticket = Arc::new(Ticket::new(id));
        let item = Submission { ticket: Arc::clone(&ticket), order, sink };
        state.queue.push(Waiting { id, owner: owner.into(), item });
        drop(state);
        self.hire();
        Ok(ticket)
    }

    /// How many are started before one that waits.
    pub(super) fn ahead(&self, id: GenerationId) -> Option<usize> {
        let state = self.lock();
        state.queue.ahead(id, |owner| state.running_of(owner))
    }

    /// Ends one that waits; wakes one that waits for memory.
    pub(super) fn withdraw(&self, id: GenerationId) {
        let withdrawn = self.lock().queue.remove(id);
        self.changed.notify_all();
        if let Some(Submission { ticket, order, sink }) = withdrawn {
            drop(order);
            abort(sink);
            ticket.end(Err(Error::new(ErrorKind::Cancelled, "cancelled")));
        }
    }

    /// Gives a running generation `bytes` more. The one that began first never waits, so that there is always one that
    /// comes to its end.
    ///
    /// # Errors
    /// `ErrorKind::Cancelled` after a cancellation.
    pub(super) fn grow(&self, id: GenerationId, bytes: u64, monitor: &Monitor) -> Result<()> {
        let mut state = self.lock();
        state.growing += 1;
        let granted = loop {
            if let Err(cancelled) = monitor.check() {
                break Err(cancelled);
            }
            let is_first = state.running.first().is_some_and(|first| first.id == id);
            if is_first || state.memory().saturating_add(bytes) <= self.limits.memory {
                break Ok(());
            }
            // A monitor that is cancelled elsewhere wakes nobody.
            let waited = self.changed.wait_timeout(state, Duration::from_millis(50));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        };
        state.growing -= 1;
        if granted.is_ok()
            && let Some(one) = state.running.iter_mut().find(|one| one.id == id)
        {
            one.memory += bytes;
        }
        granted
    }

    /// Sets what a running generation takes.
    pub(super) fn settle(self: &Arc<Self>, id: GenerationId, bytes: u64) {
        if let Some(one) = self.lock().running.iter_mut().find(|one| one.id == id) {
            one.memory = bytes;
        }
        self.changed.notify_all();
        self.hire();
    }

    /// Begins what may begin, each on a thread of its own.
    fn hire(self: &Arc<Self>) {
        while let Some(next) = self.admit() {
            let ticket = Arc::clone(&next.ticket);
            let (id, dispatch) = (ticket.id, Arc::clone(self));
            let thread = std::thread::Builder::new().name("diskwright".to_owned());
            // Where there is no thread the sink is dropped with the closure.
            if let Err(error) = thread.spawn(move || dispatch.serve(next)) {
                self.release(id);
                let text = "the system has no thread for the generation";
                ticket.end(Err(Error::new(ErrorKind::LimitExceeded, text).with_source(error)));
            }
        }
    }

    /// The life of one of the engine's threads.
    fn serve(self: Arc<Self>, first: Submission) {
        let mut next = Some(first);
        while let Some(Submission { ticket, order, sink }) = next {
            let claim = Claim::new(Arc::clone(&self), ticket.id);
            let engine = Engine { dispatch: Arc::clone(&self) };
            let result = guarded("a generation", || {
                let result = engine.run_with(&order, sink, &ticket.monitor, &claim);
                // Whoever waits finds the sources closed and the place free.
                drop(order);
                result
            });
            self.release(ticket.id);
            // The thread has more to do, whatever the waker of an executor does.
            let _ = guarded("a waker", || {
                ticket.end(result);
                Ok(())
            });
            next = self.admit();
            self.hire();
        }
    }

    /// The next one, if it may begin; it counts as running from here on.
    fn admit(&self) -> Option<Submission> {
        let mut state = self.lock();
        if !self.has_room(&state) {
            return None;
        }
        let State { queue, running, .. } = &mut *state;
        let Waiting { id, owner, item } =
            queue.next(|owner| running.iter().filter(|one| &*one.owner == owner).count())?;
        running.push(Running { id, owner, memory: Claim::at_first() });
        Some(item)
    }

    fn has_room(&self, state: &State) -> bool {
        let fits = state.memory().saturating_add(Claim::at_first()) <= self.limits.memory;
        state.running.is_empty()
            || state.running.len() < self.limits.concurrency && fits && state.growing == 0
    }

    fn release(&self, id: GenerationId) {
        self.lock().running.retain(|one| one.id != id);
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn memory(&self) -> u64 {
        self.running.iter().fold(0, |sum, one| sum.saturating_add(one.memory))
    }

    fn running_of(&self, owner: &str) -> usize {
        self.running.iter().filter(|one| &*one.owner == owner).count()
    }
}

/// A sink that panics is a defect of the sink, and not the one's who cancels.
pub(super) fn abort(sink: Box<dyn Sink>) {
    let _ = guarded("a sink", || {
        sink.abort();
        Ok(())
    });
}

#[cfg(test)]
mod tests;
