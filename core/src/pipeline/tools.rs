use std::cmp::Reverse;
use std::sync::{Arc, Mutex};

use super::codec::{Encoder, Zstd};
use super::encoded::EncodedBytes;
use super::pool::{Buffer, PIECE, Pieces};
use super::{Shape, Slot, encode, lock};
use crate::format::{Codec, Encoding};
use crate::layout::{DiskLayout, LayoutReader};
use crate::{Monitor, Result};

/// What reads and encodes items: as many as work at one time, whichever threads they work on.
pub(super) struct Toolbox {
    spare: Mutex<Vec<Tools>>,
    bounds: Bounds,
}

/// How much may be in hand at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bounds {
    /// Items that are being read and encoded.
    pub(super) encoders: usize,
    /// Items from the time that they are claimed until all lanes have taken them.
    pub(super) slots: usize,
    /// Bytes by which one encoder and one item alone pass what is meant for them: others have to do with less.
    pub(super) excess: usize,
}

/// What one item at a time is read and encoded with.
struct Tools {
    readers: Vec<LayoutReader>,
    /// For each disk, for each of its encodings.
    encoders: Vec<Vec<ItemEncoder>>,
    zstd: Zstd,
}

/// An encoder, and the most bytes that the chunks of one item become with it.
struct ItemEncoder {
    encoder: Encoder,
    most: usize,
}

impl Toolbox {
    /// For a run on `threads` threads.
    ///
    /// # Errors
    /// As [`Encoder::new`].
    pub(super) fn new(threads: usize, shape: &Shape) -> Result<Self> {
        let mut first = Tools::new(shape)?;
        let bounds = first.bounds(threads, shape)?;
        // It has its working memory already.
        Ok(Self { spare: Mutex::new(vec![first]), bounds })
    }

    pub(super) fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Reads and encodes the item that `slot` names; gives the bytes read.
    pub(super) fn fill(
        &self,
        shape: &Shape,
        slot: &mut Slot,
        pieces: &Pieces,
        monitor: &Monitor,
    ) -> Result<u64> {
        // The one that was used last.
        let spare = lock(&self.spare).pop();
        let mut tools = spare.map_or_else(|| Tools::new(shape), Ok)?;
        let read = tools.fill(shape, slot, pieces, monitor)?;
        lock(&self.spare).push(tools);
        Ok(read)
    }

    /// Frees what is not at work.
    pub(super) fn clear(&self) {
        lock(&self.spare).clear();
    }
}

impl Tools {
    fn new(shape: &Shape) -> Result<Self> {
        let fitted = |encoding: &Encoding| {
            let mut encoder = Encoder::new(&encoding.codec)?;
            let most = encoder.most(shape.item as usize, encoding.granularity as usize);
            Ok(ItemEncoder { encoder, most })
        };
        let encoders = shape.encodings.iter().map(|encodings| encodings.iter().map(fitted).collect());
        let readers = shape.disks.iter().map(DiskLayout::reader).collect();
        Ok(Self { readers, encoders: encoders.collect::<Result<_>>()?, zstd: Zstd::default() })
    }

    /// As many encoders as [`WORK_BYTES`] hold together with one item for each, but one in any case; in what is left, enough
    /// items that no thread waits.
    fn bounds(&mut self, threads: usize, shape: &Shape) -> Result<Bounds> {
        let encodings = shape.encodings.iter().flatten();
        let memory = |encoding: &Encoding| Encoder::memory(&encoding.codec, encoding.granularity as usize);
        let tools = encodings.map(memory).sum::<usize>() + self.measure_zstd(shape)?;
        let encoded = |encoders: &Vec<ItemEncoder>| encoders.iter().map(|fitted| fitted.most).sum::<usize>();
        let slot = shape.item as usize + self.encoders.iter().map(encoded).max().unwrap_or(0);
        let encoders = (WORK_BYTES / (tools + slot)).min(WINDOW_BYTES / slot).clamp(1, threads);
        let left = WORK_BYTES.saturating_sub(encoders * tools).min(WINDOW_BYTES);
        let slots = (left / slot).clamp(1, 2 * encoders + 2);
        Ok(Bounds { encoders, slots, excess: (tools + slot).saturating_sub(WORK_BYTES) })
    }

    /// Bytes that zstd takes for all encodings: only a context that has worked has its tables.
    fn measure_zstd(&mut self, shape: &Shape) -> Result<usize> {
        let fitted = self.encoders.iter_mut().flatten();
        let mut all: Vec<_> = shape.encodings.iter().flatten().zip(fitted).collect();
        all.retain(|(encoding, _)| matches!(encoding.codec, Codec::Zstd { .. } | Codec::ZstdFrame { .. }));
        // The largest first, so that the context does not outgrow what it has.
        all.sort_by_key(|(encoding, _)| Reverse(encoding.granularity));
        for (encoding, fitted) in all {
            let zeros = vec![0; encoding.granularity as usize];
            fitted.encoder.encode(&zeros, &mut self.zstd, &mut EncodedBytes::default())?;
        }
        Ok(self.zstd.memory())
    }

    fn fill(&mut self, shape: &Shape, slot: &mut Slot, pieces: &Pieces, monitor: &Monitor) -> Result<u64> {
        let disk = &shape.disks[slot.disk];
        let len = shape.item.min(disk.size() - slot.start);
        let had = slot.plain.take();
        let mut buffer = if shape.item == PIECE as u64 {
            // A piece may still stand in it.
            drop(had);
            pieces.take()
        } else {
            had.unwrap_or_else(|| Arc::new(Buffer::new(shape.item as usize)))
        };
        // Nobody else has it: nothing is copied here.
        let plain = &mut Arc::make_mut(&mut buffer)[..len as usize];
        self.readers[slot.disk].read_exact_at(slot.start, plain)?;
        let encodings = &shape.encodings[slot.disk];
        slot.encoded.resize_with(encodings.len(), Default::default);
        for ((encoding, fitted), item) in
            encodings.iter().zip(&mut self.encoders[slot.disk]).zip(&mut slot.encoded)
        {
            item.bytes.clear(fitted.most);
            encode(encoding, &mut fitted.encoder, &mut self.zstd, slot.start, plain, item, monitor)?;
        }
        if shape.item == PIECE as u64 {
            pieces.keep(Arc::clone(&buffer));
        }
        slot.plain = Some(buffer);
        Ok(len)
    }
}

/// What the tools and the items in hand may take, however many threads there are.
const WORK_BYTES: usize = 30 << 20;
/// What the items in hand may take of it.
const WINDOW_BYTES: usize = 25 << 20;
