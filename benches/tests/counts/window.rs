//! No more is in hand at one time than the window holds, however many threads there are and however slowly it is taken.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use diskwright::engine::Engine;
use diskwright::format::{
    Access, Assembler, ChunkCodec, Codec, CustomCodec, Encoding, FormatInfo, Hardware, ImagePlan,
    ImageWriter, Machine, OutputRole, OutputSpec, Placer, Run, TargetFormat,
};
use diskwright::layout::DiskLayout;
use diskwright::{Monitor, Result, Seed, Timestamp};
use diskwright_benches::{Corpus, CountingSink, Scenario};

#[test]
fn chunks_in_hand_stay_within_the_window() {
    for threads in [1, 2, 8, 32] {
        let disks = Scenario::new(Corpus::Noise, "raw").disks().unwrap();
        // With one thread nothing is encoded while a chunk is taken.
        let patience = if threads == 1 { 1 } else { PATIENCE };
        let hand = Arc::new(Hand { patience, state: Mutex::default(), changed: Condvar::new() });
        let format =
            Slow { codec: CustomCodec(Arc::new(Encoder(Arc::clone(&hand)))), hand: Arc::clone(&hand) };
        let machine = Machine::new("window", Seed::from_text("window"), Timestamp::from_seconds(1));
        let engine = Engine::new().with_threads(threads);
        engine
            .write_disks(&disks, &format, &machine, Box::new(CountingSink::new()), &Monitor::new())
            .unwrap();
        let state = hand.state.lock().unwrap();
        assert!(!state.gave_up, "{threads} threads: never {patience} chunks in hand");
        assert_eq!(state.taken, state.encoded, "{threads} threads");
        assert!(
            state.encoded >= (64 << 20) / u64::from(CHUNK),
            "{threads} threads: {} chunks",
            state.encoded
        );
        // A chunk is there twice: as it was read, and encoded.
        let most = state.most * 2 * u64::from(CHUNK);
        assert!(most <= WINDOW, "{threads} threads: {most} bytes in hand");
    }
}

/// Counts chunks from the time that they are encoded until they are taken.
struct Hand {
    /// How many chunks must be in hand before one is taken, as long as there are more.
    patience: u64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    encoded: u64,
    taken: u64,
    most: u64,
    /// Nobody encodes any more.
    gave_up: bool,
}

impl Hand {
    fn encoded(&self) {
        let mut state = self.state.lock().unwrap();
        state.encoded += 1;
        state.most = state.most.max(state.encoded - state.taken);
        drop(state);
        self.changed.notify_all();
    }

    /// Takes `chunks`, once as many are in hand as somebody who is slow would find.
    fn take(&self, chunks: u64) {
        let state = self.state.lock().unwrap();
        let waits = |state: &mut State| {
            let is_near_end = state.encoded + self.patience >= (64 << 20) / u64::from(CHUNK);
            state.encoded - state.taken < self.patience && !is_near_end
        };
        let (mut state, waited) = self.changed.wait_timeout_while(state, DEADLINE, waits).unwrap();
        state.gave_up |= waited.timed_out();
        state.taken += chunks;
    }
}

struct Encoder(Arc<Hand>);

impl ChunkCodec for Encoder {
    fn encode(&self, chunk: &[u8], out: &mut Vec<u8>) -> Result<bool> {
        out.extend_from_slice(chunk);
        self.0.encoded();
        Ok(true)
    }
}

/// A format that takes its time.
struct Slow {
    codec: CustomCodec,
    hand: Arc<Hand>,
}

impl std::fmt::Debug for Slow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Slow")
    }
}

struct SlowPlan {
    outputs: Vec<OutputSpec>,
    encodings: Vec<Encoding>,
    writer: SlowWriter,
}

struct SlowWriter {
    hand: Arc<Hand>,
    end: u64,
}

impl TargetFormat for Slow {
    fn info(&self) -> &'static FormatInfo {
        &INFO
    }

    fn hardware(&self) -> Hardware {
        Hardware::default()
    }

    fn plan(&self, _: &Machine, disks: &[DiskLayout]) -> Result<Box<dyn ImagePlan>> {
        let encoding = Encoding { granularity: CHUNK, codec: Codec::Custom(self.codec.clone()) };
        let size_bound = disks.iter().map(DiskLayout::size).sum();
        let output =
            OutputSpec { name: "slow".into(), role: OutputRole::Disk, size_bound, access: Access::Stream };
        let writer = SlowWriter { hand: Arc::clone(&self.hand), end: 0 };
        let encodings = vec![encoding; disks.len()];
        Ok(Box::new(SlowPlan { outputs: vec![output], encodings, writer }))
    }
}

impl ImagePlan for SlowPlan {
    fn outputs(&self) -> &[OutputSpec] {
        &self.outputs
    }

    fn start(self: Box<Self>) -> Result<ImageWriter> {
        Ok(ImageWriter { encodings: self.encodings, assembler: Box::new(self.writer) })
    }
}

impl Assembler for SlowWriter {
    fn put(&mut self, _: usize, run: &Run<'_>, to: &mut Placer<'_>) -> Result<()> {
        self.hand.take(run.chunks().len() as u64);
        to.write(0, self.end, run.bytes())?;
        self.end += run.bytes().len() as u64;
        Ok(())
    }

    fn finish(self: Box<Self>, _: &mut Placer<'_>) -> Result<()> {
        Ok(())
    }
}

static INFO: FormatInfo = FormatInfo {
    id: "slow",
    api_name: None,
    aliases: &[],
    primitive: None,
    plain: ".slow",
    compressed: None,
    qemu: None,
    options: &[],
};

const CHUNK: u32 = 64 << 10;
/// What items in hand may take, of the 64 MiB that are promised.
const WINDOW: u64 = 25 << 20;
/// Chunks that are in hand before one is taken: with two threads one encodes, and fills four items of 1 MiB before it must wait.
const PATIENCE: u64 = 48;
/// For a test that has failed: none that passes waits so long.
const DEADLINE: Duration = Duration::from_secs(60);
