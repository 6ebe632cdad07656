//! Where a generation goes: nothing is visible before it is complete.

mod directory;
mod memory;
mod part;

use std::io;

pub use directory::{DirectorySink, Overwrite};
pub use memory::{MemoryOutputs, MemorySink};
pub use part::{PartFile, PartWriter};

use crate::Result;
use crate::format::OutputSpec;

/// Takes the outputs of one generation; what an embedder may implement.
pub trait Sink: Send {
    /// Begins an output.
    ///
    /// # Errors
    /// `ErrorKind::Sink` when it cannot be created.
    fn create(&mut self, spec: &OutputSpec) -> Result<Box<dyn Output>>;

    /// Makes all outputs, which are finished, visible at once, in the order of their creation.
    ///
    /// # Errors
    /// `ErrorKind::Sink`; nothing is visible then.
    fn commit(self: Box<Self>) -> Result<()>;

    /// Leaves nothing behind.
    fn abort(self: Box<Self>);
}

/// One output being written.
pub trait Output: Send + Sync {
    /// Writes all of `bytes` at `offset`; ranges that are never written are zero. Called from several threads, never
    /// twice for one byte.
    ///
    /// # Errors
    /// The medium's.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Advice, before a write at `offset`: most of the `len` bytes there are going to be written next, one part after the other, by
    /// several threads. Nothing has to be done about it.
    fn expect(&self, _offset: u64, _len: u64) {}

    /// Sets the final length and makes the content durable.
    ///
    /// # Errors
    /// The medium's: an error that shows only now is an error all the same.
    fn finish(self: Box<Self>, len: u64) -> io::Result<()>;
}
