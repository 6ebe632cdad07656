//! The contract between the engine and a target format.
//!
//! ```text
//! FormatEntry ──configure──> TargetFormat ──plan──> ImagePlan ──start──> ImageWriter { encodings, Assembler }
//!  (in a Registry)            (options inside)       (pure, all refusals)   (fed by the engine, in disk order)
//! ```
//!
//! A format sees disks in chunks of its own granularity and the machine's description, never files or partitions, and
//! starts no threads: the engine reads, tests for zero, encodes, hashes and writes.

mod encoding;
mod file_stream;
mod hardware;
mod machine;
mod options;
mod registry;

use std::fmt;

pub use encoding::{ChunkCodec, Codec, CustomCodec, Encoding};
pub use file_stream::FileStream;
pub use hardware::{DiskController, Hardware, NetworkAdapter};
pub use machine::{Firmware, Machine, OperatingSystem};
pub use options::{FormatOptions, OptionSpec, OptionValues};
pub use registry::{FormatEntry, FormatInfo, Registry};

use crate::Result;
use crate::layout::DiskLayout;
pub use crate::pipeline::{Chunk, ChunkEncoder, Placer, Run};

/// A configured format; what a format author implements and the engine drives.
pub trait TargetFormat: fmt::Debug + Send + Sync + 'static {
    /// The static description.
    fn info(&self) -> &'static FormatInfo;

    /// What the machines have that take its images: the guest gets the drivers for it, and the report says whether it boots
    /// there.
    fn hardware(&self) -> Hardware;

    /// Decides everything that can be decided without reading: pure and cheap.
    ///
    /// # Errors
    /// `ErrorKind::Unsupported`, `LimitExceeded` or `InvalidOption` for a machine or disk that the format cannot hold. A
    /// setting is named by its field in [`Machine`], the size of a disk is `disk_size`; the engine tells it as its user
    /// wrote it.
    fn plan(&self, machine: &Machine, disks: &[DiskLayout]) -> Result<Box<dyn ImagePlan>>;
}

/// What a format will write.
pub trait ImagePlan: Send {
    /// All outputs, in the order of their indexes.
    fn outputs(&self) -> &[OutputSpec];

    /// Turns to writing.
    ///
    /// # Errors
    /// `ErrorKind::Internal` only: what can be refused was refused by [`TargetFormat::plan`].
    fn start(self: Box<Self>) -> Result<ImageWriter>;
}

/// One file that a format writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputSpec {
    /// File name: `[A-Za-z0-9._-]`, unique in the set.
    pub name: String,
    /// What it is for.
    pub role: OutputRole,
    /// The most bytes that it can have.
    pub size_bound: u64,
    /// How it is written.
    pub access: Access,
}

/// What an output is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum OutputRole {
    /// The content of a disk.
    Disk,
    /// Text that describes a machine or disk.
    Descriptor,
    /// One downloadable file that holds everything.
    Package,
    /// The engine's report.
    Report,
}

/// How an output is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Writes ascend; gaps are holes.
    Stream,
    /// As [`Access::Stream`], and the first `head` bytes, as those that [`Placer::reserve`] keeps, may be written at any
    /// time, the last write counting.
    #[expect(missing_docs, reason = "said above")]
    Patched { head: u64 },
}

/// A format at work.
pub struct ImageWriter {
    /// For each disk of the plan, how its chunks are wanted.
    pub encodings: Vec<Encoding>,
    /// What takes them.
    pub assembler: Box<dyn Assembler>,
}

/// Places encoded chunks; called from one thread at a time, in disk order.
pub trait Assembler: Send {
    /// Takes a run of consecutive chunks of one disk; chunks that are never offered are zero.
    ///
    /// # Errors
    /// Those of `to`, or `ErrorKind::Internal`.
    fn put(&mut self, disk: usize, run: &Run<'_>, to: &mut Placer<'_>) -> Result<()>;

    /// Ends all outputs: every byte is placed when this returns.
    ///
    /// # Errors
    /// As [`Assembler::put`].
    fn finish(self: Box<Self>, to: &mut Placer<'_>) -> Result<()>;
}
