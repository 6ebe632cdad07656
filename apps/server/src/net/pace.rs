use std::future::Future;
use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// Measures whether a client keeps up while the server waits for it.
///
/// Only waiting counts: a client is not slow for what the server does meanwhile.
#[derive(Debug)]
pub(super) struct Pace {
    window: Duration,
    /// Bytes that must move within a window of waiting.
    needed: u64,
    moved: u64,
    waited: Duration,
    since: Option<Instant>,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Pace {
    /// At least `rate` bytes a second, and one byte, within each `window`.
    pub(super) fn new(window: Duration, rate: u64) -> Self {
        let needed = rate.saturating_mul(window.as_secs()).max(1);
        Self { window, needed, moved: 0, waited: Duration::ZERO, since: None, alarm: None }
    }

    /// So many bytes moved.
    pub(super) fn moved(&mut self, bytes: usize) {
        if let Some(since) = self.since.take() {
            let waited = since.elapsed();
            // Longer than a window nobody asked whether the client is too slow: then it was not it that was waited for.
            if waited < self.window {
                self.waited += waited;
            }
        }
        self.moved = self.moved.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        if self.moved >= self.needed {
            self.reset();
        }
    }

    /// Forgets what was: another body begins.
    pub(super) fn reset(&mut self) {
        self.moved = 0;
        self.waited = Duration::ZERO;
        self.since = None;
    }

    /// Nothing moves at the moment: whether the client is too slow; if not, the task is woken when it will be.
    pub(super) fn is_too_slow(&mut self, context: &mut Context<'_>) -> bool {
        let since = *self.since.get_or_insert_with(Instant::now);
        let deadline = since + self.window.saturating_sub(self.waited);
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if alarm.deadline() != deadline {
            alarm.as_mut().reset(deadline);
        }
        alarm.as_mut().poll(context).is_ready()
    }
}
