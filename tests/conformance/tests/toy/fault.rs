use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use diskwright_core::Result;
use diskwright_core::format::{ChunkCodec, Codec, CustomCodec};

/// One thing that a toy does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    CountsInItsCodec,
    DefaultOutOfRange,
    DrawsIdentifiers,
    DropsTheLastChunk,
    FlipsAByte,
    ForgetsOtherDisks,
    GoesBack,
    IgnoresTheSeed,
    KeepsEverything,
    LooksLikeGzip,
    NamesFilesItsOwnWay,
    Panics,
    PanicsAtABound,
    PassesItsBound,
    PlansTwiceDifferently,
    ReadsBehindTheEngine,
    ReadsWhilePlanning,
    RefusesABoundAsInternal,
    RefusesASizeAsInternal,
    RefusesASizeWithoutAField,
    RefusesEveryValue,
    RefusesSectorsWithoutAField,
    RoundsTheSize,
    ShortensIndexes,
    StoresFoundZeros,
    StoresKnownZeros,
    SwallowsErrors,
    TakesEverySector,
    TakesEverySize,
    Waits,
    WritesWhatIsNotPlanned,
}

/// A codec that numbers chunks in the order in which workers come to them.
pub(crate) fn counting_codec() -> Codec {
    Codec::Custom(CustomCodec(Arc::new(Counting(AtomicU64::new(0)))))
}

struct Counting(AtomicU64);

impl ChunkCodec for Counting {
    fn encode(&self, chunk: &[u8], out: &mut Vec<u8>) -> Result<bool> {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        let body = chunk.len() - 8;
        out.extend_from_slice(&chunk[..body]);
        out.extend(number.to_be_bytes());
        Ok(true)
    }
}
