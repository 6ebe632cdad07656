//! The ordered parallel pipeline: read → zero test → encode → assemble → hash and write.
//!
//! ```text
//! workers claim items in disk order ─> slots (bounded window) ─> lane of each target, in order ─> pieces ─> output
//!          read once, zero test, encode once per encoding          serial, on any worker          hashed by any worker
//! ```
//!
//! A worker that looks for something to do takes first what frees memory: full pieces, then a lane whose next slot is
//! ready, then a new item. Beside several workers one thread more writes the pieces, and nothing else, so that no worker
//! waits for the sink; workers help it when they have nothing to do, or when pieces pile up. What is written as it was read is not
//! copied: such a piece stands in its item. No thread belongs to a
//! target, and nothing depends on how many threads there are.

mod chunk_encoder;
mod codec;
mod deflate;
mod encoded;
mod output;
mod piece;
mod pool;
mod run;
mod schedule;
mod tools;
mod workers;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use chunk_encoder::ChunkEncoder;
pub(crate) use codec::Encoder;
use codec::Zstd;
use encoded::EncodedBytes;
pub(crate) use output::{OutputDigest, OutputResult};
use output::{OutputState, PieceTask};
use pool::{Buffer, PIECE, Pieces};
use run::ChunkEntry;
pub use run::{Chunk, Placer, Run};
use schedule::{Role, Schedule, Task};
use tools::Toolbox;
use workers::Share;
pub(crate) use workers::Workers;

use crate::error::guarded;
use crate::format::{Codec, Encoding, ImageWriter, OutputSpec};
use crate::layout::DiskLayout;
use crate::sink::Output;
use crate::{Error, ErrorKind, Monitor, Result};

/// One target of a run.
pub(crate) struct Target {
    writer: ImageWriter,
    outputs: Vec<OutputState>,
}

/// What a run moved.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// For each target, for each of its outputs.
    pub(crate) outputs: Vec<Vec<OutputResult>>,
    /// Bytes that were read from layouts.
    pub(crate) read: u64,
}

impl Target {
    /// # Errors
    /// `ErrorKind::Unsupported` when a plain SHA-256 is asked for and cannot be made.
    pub(crate) fn new(
        writer: ImageWriter,
        outputs: Vec<(&OutputSpec, Box<dyn Output>)>,
        sha256: impl Fn(&OutputSpec) -> bool,
    ) -> Result<Self> {
        let outputs = outputs
            .into_iter()
            .map(|(spec, output)| OutputState::new(spec, output, sha256(spec)))
            .collect::<Result<_>>()?;
        Ok(Self { writer, outputs })
    }
}

/// Writes `disks` to all `targets`, reading each byte once. Outputs are finished (durable) when it returns.
///
/// # Errors
/// The first error in disk order; `ErrorKind::Cancelled` soon after `monitor` is cancelled; `ErrorKind::Internal` for a
/// panic.
pub(crate) fn write(
    disks: &[DiskLayout],
    mut targets: Vec<Target>,
    workers: &Workers,
    monitor: &Monitor,
) -> Result<Outcome> {
    let shape = Shape::new(disks, &targets)?;
    let toolbox = Toolbox::new(workers.threads(), &shape)?;
    let outputs = targets.iter().map(|target| target.outputs.len()).sum();
    let bounds = toolbox.bounds();
    let pieces = Pieces::new(workers.threads(), outputs, bounds.excess);
    for output in targets.iter_mut().flat_map(|target| &mut target.outputs) {
        output.share(&pieces);
    }
    // More would find nothing to do: lanes at work and pieces together are no more than may be full.
    let threads = workers.threads().min(bounds.encoders + pieces.most());
    let schedule = Schedule::new(&shape, targets, bounds, pieces, monitor);
    monitor.expect(schedule.total_bytes());
    let share = workers.share();
    let work_as = &|role| work(role, &shape, &schedule, &toolbox, &share, monitor);
    std::thread::scope(|scope| {
        // Whoever asks for one thread gets one: all happens in the order in which it is told.
        let writer = (workers.threads() > 1).then_some(Role::Writer);
        for role in writer.into_iter().chain((1..threads).map(|_| Role::Worker)) {
            // Where the system has no more threads, fewer do the same.
            let thread = std::thread::Builder::new().name("diskwright".into());
            let _ = thread.spawn_scoped(scope, move || work_as(role));
        }
        work_as(Role::Worker);
    });
    drop(share);
    let (targets, read) = schedule.into_targets()?;
    let mut outputs = Vec::new();
    for target in targets {
        outputs.push(target.outputs.into_iter().map(OutputState::finish).collect::<Result<Vec<_>>>()?);
        monitor.check()?;
    }
    Ok(Outcome { outputs, read })
}

/// What all workers know: the disks, and the distinct encodings in which each is wanted.
struct Shape {
    disks: Vec<DiskLayout>,
    /// For each disk, the distinct encodings.
    encodings: Vec<Vec<Encoding>>,
    /// For each target, for each disk, which of its encodings.
    wanted: Vec<Vec<usize>>,
    /// Bytes of a work item: a multiple of every granularity.
    item: u64,
}

impl Shape {
    fn new(disks: &[DiskLayout], targets: &[Target]) -> Result<Self> {
        let mut encodings: Vec<Vec<Encoding>> = vec![Vec::new(); disks.len()];
        let mut wanted = Vec::new();
        let mut item = PIECE as u64;
        for target in targets {
            if target.writer.encodings.len() != disks.len() {
                return Err(Error::new(ErrorKind::Internal, "a format names one encoding for each disk"));
            }
            let mut of_target = Vec::new();
            for (encoding, known) in target.writer.encodings.iter().zip(&mut encodings) {
                let granularity = encoding.granularity;
                if !granularity.is_power_of_two() || !(512..=1 << 21).contains(&granularity) {
                    let text =
                        format!("a granularity of {granularity} bytes is no power of two from 512 to 2 MiB");
                    return Err(Error::new(ErrorKind::Internal, text));
                }
                item = item.max(u64::from(granularity));
                of_target.push(known.iter().position(|other| other == encoding).unwrap_or_else(|| {
                    known.push(encoding.clone());
                    known.len() - 1
                }));
            }
            wanted.push(of_target);
        }
        Ok(Self { disks: disks.to_vec(), encodings, wanted, item })
    }
}

/// A work item on its way from a reader to all lanes. Slots are reused.
#[derive(Default)]
struct Slot {
    disk: usize,
    start: u64,
    /// The item's bytes, in which pieces may stand, too; old ones behind the end of the disk.
    plain: Option<Arc<Buffer>>,
    /// In the order of the disk's encodings.
    encoded: Vec<EncodedItem>,
}

#[derive(Default)]
struct EncodedItem {
    chunks: Vec<ChunkEntry>,
    /// The chunks back to back; empty for a stored encoding, whose chunks stand in `plain`.
    bytes: EncodedBytes,
}

impl EncodedItem {
    fn bytes<'a>(&'a self, encoding: &Encoding, plain: &'a [u8]) -> &'a [u8] {
        if encoding.codec == Codec::Stored { plain } else { self.bytes.as_slice() }
    }
}

/// One thread's life.
fn work(
    role: Role,
    shape: &Shape,
    schedule: &Schedule<'_>,
    toolbox: &Toolbox,
    share: &Share<'_>,
    monitor: &Monitor,
) {
    // Pieces that became full, one task after the other.
    let mut full = Vec::new();
    while let Some(task) = schedule.next(role, &|| share.size()) {
        let place = task.place();
        let performed = guarded("a worker", || perform(task, shape, schedule, toolbox, &mut full, monitor));
        if let Err(error) = performed {
            // They count as full for as long as they are there.
            full.clear();
            schedule.fail(place, error);
        }
    }
}

fn perform(
    task: Task,
    shape: &Shape,
    schedule: &Schedule<'_>,
    toolbox: &Toolbox,
    full: &mut Vec<PieceTask>,
    monitor: &Monitor,
) -> Result<()> {
    match task {
        Task::Hash { place, piece } => {
            piece.hash();
            schedule.hash_done(place, piece);
        }
        Task::Write { piece, .. } => {
            piece.write()?;
            schedule.write_done();
        }
        Task::Put { order, lane, slot, mut target } => {
            let which = shape.wanted[lane][slot.disk];
            let encoding = &shape.encodings[slot.disk][which];
            let item = &slot.encoded[which];
            let (plain, outputs) = (slot.plain.as_ref(), &mut target.outputs);
            let mut placer = Placer { outputs, item: plain, tasks: full, monitor, base: 0 };
            let bytes = item.bytes(encoding, plain.map_or(&[], |plain| plain));
            // What is encoded comes by and by, and nobody knows how much it is.
            if encoding.codec == Codec::Stored {
                let following = schedule.following(slot.disk, slot.start + shape.item);
                placer.outputs.iter_mut().for_each(|output| output.expect(following));
            }
            for run in Run::all(encoding.granularity, &item.chunks, bytes) {
                target.writer.assembler.put(slot.disk, &run, &mut placer)?;
            }
            drop(slot);
            schedule.put_done(order, lane, target, full);
        }
        Task::Finish { order, lane, mut target } => {
            // All items are encoded: what ends an output may need their room.
            toolbox.clear();
            let Target { writer, outputs } = &mut target;
            let assembler = std::mem::replace(&mut writer.assembler, Box::new(Finished));
            assembler.finish(&mut Placer { outputs, item: None, tasks: full, monitor, base: 0 })?;
            for output in outputs {
                output.flush(full);
            }
            schedule.put_done(order, lane, target, full);
        }
        Task::Fill { order, mut slot } => {
            let read = toolbox.fill(shape, &mut slot, schedule.pieces(), monitor)?;
            monitor.advance(read);
            schedule.fill_done(order, slot, read);
        }
    }
    Ok(())
}

fn encode(
    encoding: &Encoding,
    encoder: &mut Encoder,
    zstd: &mut Zstd,
    start: u64,
    plain: &[u8],
    item: &mut EncodedItem,
    monitor: &Monitor,
) -> Result<()> {
    item.chunks.clear();
    let granularity = encoding.granularity as usize;
    let first = start / u64::from(encoding.granularity);
    let mut at = 0;
    for (index, chunk) in (first..).zip(plain.chunks(granularity)) {
        let range = (at, at + chunk.len());
        at = range.1;
        if is_zero(chunk) {
            continue;
        }
        // High levels take a while, and there may be several encodings.
        monitor.check()?;
        let (range, is_encoded) = if encoding.codec == Codec::Stored {
            (range, false)
        } else {
            let start = item.bytes.len();
            let is_encoded = if chunk.len() < granularity && encoding.codec.pads() {
                let mut padded = Vec::with_capacity(granularity);
                padded.extend_from_slice(chunk);
                padded.resize(granularity, 0);
                encoder.encode(&padded, zstd, &mut item.bytes)?
            } else {
                encoder.encode(chunk, zstd, &mut item.bytes)?
            };
            ((start, item.bytes.len()), is_encoded)
        };
        item.chunks.push(ChunkEntry { index, start: range.0, end: range.1, is_encoded });
    }
    Ok(())
}

/// Whether all bytes are zero; stops at the first block that is not.
fn is_zero(bytes: &[u8]) -> bool {
    let (blocks, tail) = bytes.as_chunks::<256>();
    blocks.iter().all(|block| block.iter().fold(0, |all, byte| all | byte) == 0)
        && tail.iter().all(|byte| *byte == 0)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A worker that panicked has already failed the run; what it held is not used for output any more.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Stands where an assembler was that has finished.
struct Finished;

impl crate::format::Assembler for Finished {
    fn put(&mut self, _: usize, _: &Run<'_>, _: &mut Placer<'_>) -> Result<()> {
        Err(Error::new(ErrorKind::Internal, "the assembler has finished"))
    }

    fn finish(self: Box<Self>, _: &mut Placer<'_>) -> Result<()> {
        Err(Error::new(ErrorKind::Internal, "the assembler has finished"))
    }
}

#[cfg(test)]
mod tests;
