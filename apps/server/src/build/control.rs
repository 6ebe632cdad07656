use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

/// Tells a job that it shall stop; clones tell and hear the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Control {
    token: CancellationToken,
    why: Arc<OnceLock<Halt>>,
}

/// Why a job shall stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Halt {
    /// Somebody cancelled it.
    Cancelled,
    /// It is not this builder's any more.
    Lost,
    /// The server stops: the job is given back.
    Stopped,
}

impl Control {
    /// Has the job stopped; the first reason counts.
    pub(crate) fn halt(&self, why: Halt) {
        let _ = self.why.set(why);
        self.token.cancel();
    }

    /// Why the job shall stop, if it shall.
    pub(crate) fn halted(&self) -> Option<Halt> {
        self.why.get().copied()
    }

    /// Waits until the job shall stop.
    pub(crate) async fn wait(&self) {
        self.token.cancelled().await;
    }
}
