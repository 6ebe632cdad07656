use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::format::{Access, Assembler, OutputRole};
use crate::layout::LayoutBuilder;
use crate::sink::{MemorySink, Output, Sink};
use crate::tree::{Findings, TreeBuilder};
use crate::{BytesReader, ReadAt};

/// Writes each disk verbatim to an output of its own.
struct Verbatim(Vec<u64>);

impl Assembler for Verbatim {
    fn put(&mut self, disk: usize, run: &Run<'_>, to: &mut Placer<'_>) -> Result<()> {
        to.write(disk, run.offset(), run.bytes())
    }

    fn finish(self: Box<Self>, to: &mut Placer<'_>) -> Result<()> {
        self.0.iter().enumerate().try_for_each(|(disk, size)| to.extend_to(disk, *size))
    }
}

/// A reader that fails or panics at one offset.
struct Broken {
    at: u64,
    panics: bool,
}

impl ReadAt for Broken {
    fn size(&self) -> u64 {
        8 << 20
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> std::io::Result<()> {
        if offset <= self.at && self.at < offset + buf.len() as u64 {
            assert!(!self.panics, "broken on purpose");
            return Err(std::io::Error::other("broken on purpose"));
        }
        buf.fill(7);
        Ok(())
    }
}

fn disk(parts: Vec<(u64, Option<Vec<u8>>)>, size: u64) -> DiskLayout {
    let (tree, _) = TreeBuilder::new(Findings::default()).finish().unwrap();
    let mut builder = LayoutBuilder::new(Arc::new(tree));
    for (start, bytes) in parts {
        builder.zeros_to(start, "gap").unwrap();
        if let Some(bytes) = bytes {
            builder.computed(Arc::new(BytesReader(bytes.into())), "data").unwrap();
        }
    }
    builder.finish(size).unwrap()
}

pub(super) fn noise(len: usize, seed: u32) -> Vec<u8> {
    let mut state = seed | 1;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as u8
        })
        .collect()
}

/// A plain SHA-256 for targets whose names say so, else a tree digest.
fn target(sink: &mut MemorySink, name: &str, disks: &[DiskLayout], granularity: u32) -> Target {
    let specs: Vec<OutputSpec> = (0..disks.len())
        .map(|at| OutputSpec {
            name: format!("{name}{at}"),
            role: OutputRole::Disk,
            size_bound: disks[at].size(),
            access: Access::Stream,
        })
        .collect();
    let outputs = specs.iter().map(|spec| (spec, sink.create(spec).unwrap())).collect();
    let writer = ImageWriter {
        encodings: vec![Encoding { granularity, codec: Codec::Stored }; disks.len()],
        assembler: Box::new(Verbatim(disks.iter().map(DiskLayout::size).collect())),
    };
    Target::new(writer, outputs, |spec| spec.name.starts_with("plain")).unwrap()
}

#[test]
fn several_disks_and_targets_come_out_equal_for_any_number_of_threads() {
    let first = noise(3_500_000, 1);
    let second = noise(100_000, 2);
    let disks = [
        disk(vec![(1000, Some(first.clone())), (9 << 20, Some(second.clone()))], (12 << 20) + 5),
        disk(vec![(0, Some(second.clone()))], 1 << 20),
    ];
    let mut digests = Vec::new();
    for threads in [1, 2, 8] {
        let mut sink = MemorySink::new();
        let targets = vec![target(&mut sink, "a", &disks, 4096), target(&mut sink, "plain", &disks, 65_536)];
        let outcome = write(&disks, targets, &Workers::new(threads), &Monitor::new()).unwrap();
        let outputs = sink.outputs();
        Box::new(sink).commit().unwrap();
        let outputs = outputs.lock().unwrap();
        let mut expected = vec![0; (12 << 20) + 5];
        expected[1000..][..first.len()].copy_from_slice(&first);
        expected[9 << 20..][..second.len()].copy_from_slice(&second);
        assert!(outputs["a0"] == expected && outputs["plain0"] == expected);
        assert_eq!(outputs["a1"][..100_000], second);
        // Read once for both targets.
        assert_eq!(outcome.read, 6 << 20);
        let whole = <sha2::Sha256 as sha2::Digest>::digest(&expected).into();
        assert_eq!(outcome.outputs[1][0].digest, OutputDigest::Sha256(whole));
        let pieces: Vec<u8> =
            expected.chunks(1 << 20).flat_map(|piece| *blake3::hash(piece).as_bytes()).collect();
        let tree = blake3::hash(&pieces);
        assert_eq!(outcome.outputs[0][0].digest, OutputDigest::Tree(tree));
        digests.push(tree);
    }
    assert!(digests.iter().all(|digest| *digest == digests[0]));
}

#[test]
fn the_first_failure_in_disk_order_is_the_one_told() {
    for panics in [false, true] {
        let (tree, _) = TreeBuilder::new(Findings::default()).finish().unwrap();
        let mut builder = LayoutBuilder::new(Arc::new(tree));
        builder.computed(Arc::new(Broken { at: 2 << 20, panics }), "bad").unwrap();
        builder.computed(Arc::new(Broken { at: 0, panics: false }), "bad too").unwrap();
        let disks = [builder.finish(16 << 20).unwrap()];
        for threads in [1, 2, 8] {
            let mut sink = MemorySink::new();
            let targets = vec![target(&mut sink, "a", &disks, 4096)];
            let error = write(&disks, targets, &Workers::new(threads), &Monitor::new()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Internal);
            let expected = if panics { "a worker panicked" } else { "at offset 0x200000" };
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}

#[test]
fn tools_and_items_stay_within_their_bytes_for_any_number_of_threads() {
    let bounds = |threads, item, encodings: &[(Codec, u32)]| {
        let encodings = encodings.iter().cloned();
        let encodings = vec![encodings.map(|(codec, granularity)| Encoding { granularity, codec }).collect()];
        let shape = Shape { disks: Vec::new(), encodings, wanted: Vec::new(), item };
        let tools::Bounds { encoders, slots, .. } = Toolbox::new(threads, &shape).unwrap().bounds();
        (encoders, slots)
    };
    let deflate = |level| (Codec::Deflate { window_bits: 12, level }, 65_536);
    let zlib = |level| (Codec::Zlib { level }, 65_536);
    let gzip = |level| (Codec::Gzip { level }, 1 << 20);
    let all = [gzip(6), deflate(6), zlib(6), (Codec::Stored, 4096)];
    assert_eq!(bounds(2, 1 << 20, &all), (2, 6));
    for threads in [64, 256] {
        assert_eq!(bounds(threads, 1 << 20, &[(Codec::Stored, 4096)]), (25, 25));
        assert_eq!(bounds(threads, 1 << 20, &all), (5, 6));
        assert_eq!(bounds(threads, 1 << 20, &[deflate(9)]), (9, 10));
        assert_eq!(bounds(threads, 1 << 20, &[zlib(12)]), (8, 8));
        assert_eq!(bounds(threads, 1 << 20, &[gzip(12)]), (2, 5));
        let frame = (Codec::ZstdFrame { level: 19 }, 1 << 20);
        assert_eq!(bounds(threads, 1 << 20, std::slice::from_ref(&frame)), (1, 4));
        assert_eq!(bounds(threads, 2 << 20, &[frame, (Codec::Zstd { level: 19 }, 2 << 20)]), (1, 1));
        assert_eq!(
            bounds(threads, 2 << 20, &[(Codec::Deflate { window_bits: 12, level: 9 }, 2 << 20)]),
            (5, 6)
        );
    }
}

#[test]
fn pieces_are_fewer_where_outputs_are_many_encoders_large_or_threads_few_but_never_none() {
    let most = |outputs, excess| Pieces::new(64, outputs, excess).most();
    assert_eq!((most(1, 0), most(6, 0), most(100, 0)), (15, 10, 4));
    assert_eq!((most(6, 1), most(6, 8 << 20), most(6, 20 << 20), most(100, 20 << 20)), (9, 2, 1, 1));
    let most = |threads, excess| Pieces::new(threads, 1, excess).most();
    assert_eq!((most(1, 0), most(2, 0), most(20, 0), most(2, 20 << 20)), (3, 4, 15, 1));
}

/// Frames of zstd, of two levels and sizes in turn, with one context and each with its own.
#[test]
fn encoders_that_share_working_memory_encode_as_with_their_own() {
    let text: Vec<u8> = noise(300_000, 5).iter().map(|byte| b'a' + byte % 7).collect();
    let shapes = [(19, 262_144), (1, 4096), (19, 65_536), (3, 262_144)];
    let mut shared = Zstd::default();
    for round in 0..3 {
        for (level, granularity) in shapes {
            let mut encoder = Encoder::new(&Codec::ZstdFrame { level }).unwrap();
            for chunk in text.chunks(granularity).take(20) {
                let mut out = EncodedBytes::default();
                encoder.encode(chunk, &mut shared, &mut out).unwrap();
                let (own, _) = encoder.encode_one(chunk).unwrap();
                assert!(out.as_slice() == own, "round {round}: {level}, {granularity}");
            }
        }
    }
}

#[test]
fn few_encoding_threads_give_the_same_bytes() {
    let disks = [disk(vec![(0, Some(b"the same again ".repeat(600_000)))], 9 << 20)];
    let digest = |threads| {
        let mut sink = MemorySink::new();
        let mut target = target(&mut sink, "a", &disks, 2 << 20);
        target.writer.encodings[0].codec = Codec::Zstd { level: 19 };
        let outcome = write(&disks, vec![target], &Workers::new(threads), &Monitor::new()).unwrap();
        outcome.outputs[0][0].digest
    };
    assert_eq!(digest(8), digest(1));
}

#[test]
fn a_cancelled_run_ends_as_cancelled() {
    let disks = [disk(vec![(0, Some(noise(8 << 20, 3)))], 8 << 20)];
    let mut sink = MemorySink::new();
    let targets = vec![target(&mut sink, "a", &disks, 4096)];
    let monitor = Monitor::new();
    monitor.cancel();
    assert_eq!(write(&disks, targets, &Workers::new(2), &monitor).unwrap_err().kind(), ErrorKind::Cancelled);
}

/// Cancels the run when it should end, and goes on writing.
struct Endless(Monitor);

impl Assembler for Endless {
    fn put(&mut self, _: usize, _: &Run<'_>, _: &mut Placer<'_>) -> Result<()> {
        Ok(())
    }

    fn finish(self: Box<Self>, to: &mut Placer<'_>) -> Result<()> {
        self.0.cancel();
        (0..1 << 20).try_for_each(|at| to.write(0, at, b"x"))
    }
}

#[test]
fn a_cancellation_ends_an_assembler_that_goes_on_writing() {
    let disks = [disk(vec![], 1 << 20)];
    let mut sink = MemorySink::new();
    let mut target = target(&mut sink, "a", &disks, 4096);
    let monitor = Monitor::new();
    target.writer.assembler = Box::new(Endless(monitor.clone()));
    let error = write(&disks, vec![target], &Workers::new(1), &monitor).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

/// A slow medium that counts how many writes wait for it.
#[derive(Clone, Default)]
struct Slow(Arc<[AtomicUsize; 2]>);

impl Output for Slow {
    fn write_at(&self, _: u64, _: &[u8]) -> std::io::Result<()> {
        let [now, most] = &*self.0;
        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::sleep(std::time::Duration::from_millis(10));
        now.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    }

    fn finish(self: Box<Self>, _: u64) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn few_pieces_wait_for_a_slow_sink_however_many_threads_there_are() {
    let disks = [disk(vec![(0, Some(vec![7; 96 << 20]))], 96 << 20)];
    let mut target = target(&mut MemorySink::new(), "a", &disks, 65_536);
    let slow = Slow::default();
    let spec =
        OutputSpec { name: "s".into(), role: OutputRole::Disk, size_bound: 96 << 20, access: Access::Stream };
    target = Target::new(target.writer, vec![(&spec, Box::new(slow.clone()))], |_| false).unwrap();
    write(&disks, vec![target], &Workers::new(64), &Monitor::new()).unwrap();
    let most = slow.0[1].load(Ordering::SeqCst);
    // What one assembler may leave behind comes on top.
    assert!((2..=16).contains(&most), "{most} pieces of 1 MiB");
}

#[test]
fn a_disk_of_zeros_is_all_hole() {
    let disks = [disk(vec![], 1 << 40)];
    let mut sink = MemorySink::new();
    let specs = [OutputSpec {
        name: "z".into(),
        role: OutputRole::Disk,
        size_bound: 1 << 40,
        access: Access::Stream,
    }];
    let outputs = specs.iter().map(|spec| (spec, sink.create(spec).unwrap())).collect();
    let encodings = vec![Encoding { granularity: 4096, codec: Codec::Stored }];
    let writer = ImageWriter { encodings, assembler: Box::new(Verbatim(vec![0])) };
    let targets = vec![Target::new(writer, outputs, |_| false).unwrap()];
    let outcome = write(&disks, targets, &Workers::new(2), &Monitor::new()).unwrap();
    assert_eq!((outcome.read, outcome.outputs[0][0].written), (0, 0));
}

/// Writes each run behind the last one, a length of 8 bytes reserved before it, and a total in the head.
struct Framed {
    end: u64,
    frames: Vec<(u64, u64)>,
}

impl Assembler for Framed {
    fn put(&mut self, _: usize, run: &Run<'_>, to: &mut Placer<'_>) -> Result<()> {
        to.reserve(0, self.end, 8)?;
        to.write(0, self.end + 8, run.bytes())?;
        self.frames.push((self.end, run.bytes().len() as u64));
        self.end += 8 + run.bytes().len() as u64;
        Ok(())
    }

    fn finish(self: Box<Self>, to: &mut Placer<'_>) -> Result<()> {
        for (at, len) in self.frames.iter().rev() {
            to.write(0, *at, &len.to_le_bytes())?;
        }
        to.write(0, 0, &(self.frames.len() as u64).to_le_bytes())
    }
}

fn framed(access: Access, threads: usize) -> Result<Vec<u8>> {
    let disks = [disk(vec![(4096, Some(noise(1_500_000, 1))), (3 << 20, Some(noise(4096, 2)))], 4 << 20)];
    let mut sink = MemorySink::new();
    let spec = OutputSpec { name: "f".into(), role: OutputRole::Package, size_bound: 8 << 20, access };
    let outputs = vec![(&spec, sink.create(&spec)?)];
    let encodings = vec![Encoding { granularity: 4096, codec: Codec::Stored }];
    let writer = ImageWriter { encodings, assembler: Box::new(Framed { end: 16, frames: Vec::new() }) };
    write(&disks, vec![Target::new(writer, outputs, |_| false)?], &Workers::new(threads), &Monitor::new())?;
    let outputs = sink.outputs();
    Box::new(sink).commit()?;
    let bytes = outputs.lock().unwrap().remove("f");
    Ok(bytes.unwrap())
}

#[test]
fn reserved_ranges_are_written_when_their_content_is_known() {
    let bytes = framed(Access::Patched { head: 16 }, 1).unwrap();
    let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
    let (mut at, mut data) = (16, Vec::new());
    for _ in 0..word(0) {
        data.extend_from_slice(&bytes[at + 8..][..word(at)]);
        at += 8 + word(at);
    }
    assert_eq!((at, word(8)), (bytes.len(), 0));
    // Chunks of 4096 bytes, the last one of the noise padded by the zeros behind it.
    let mut expected = noise(1_500_000, 1);
    expected.resize(expected.len().next_multiple_of(4096), 0);
    expected.extend(noise(4096, 2));
    assert!(data == expected);
    assert!(bytes == framed(Access::Patched { head: 16 }, 3).unwrap());
}

#[test]
fn a_stream_reserves_nothing() {
    let error = framed(Access::Stream, 2).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
    assert!(error.to_string().contains("cannot be reserved"), "{error}");
}

/// Fails with its name at the first run, after a while.
struct Failing(&'static str, std::time::Duration);

impl Assembler for Failing {
    fn put(&mut self, _: usize, _: &Run<'_>, _: &mut Placer<'_>) -> Result<()> {
        std::thread::sleep(self.1);
        Err(Error::new(ErrorKind::Internal, self.0))
    }

    fn finish(self: Box<Self>, _: &mut Placer<'_>) -> Result<()> {
        Ok(())
    }
}

#[test]
fn of_two_targets_that_fail_at_one_item_the_first_is_told() {
    let disks = [disk(vec![(0, Some(noise(4096, 4)))], 1 << 20)];
    for threads in [1, 2, 8] {
        let mut sink = MemorySink::new();
        let mut targets = Vec::new();
        for (name, pause) in [("first", 30), ("second", 0)] {
            let mut target = target(&mut sink, name, &disks, 4096);
            target.writer.assembler = Box::new(Failing(name, std::time::Duration::from_millis(pause)));
            targets.push(target);
        }
        let error = write(&disks, targets, &Workers::new(threads), &Monitor::new()).unwrap_err();
        assert!(error.to_string().contains("first"), "{threads} threads: {error}");
    }
}

/// Writes most of an item as it is, and the last bytes of each as others.
struct Mixed;

impl Assembler for Mixed {
    fn put(&mut self, disk: usize, run: &Run<'_>, to: &mut Placer<'_>) -> Result<()> {
        let (head, tail) = run.bytes().split_at(run.bytes().len() - 100);
        to.write(disk, run.offset(), head)?;
        to.write(disk, run.offset() + head.len() as u64, &vec![9; tail.len()])
    }

    fn finish(self: Box<Self>, _: &mut Placer<'_>) -> Result<()> {
        Ok(())
    }
}

#[test]
fn a_piece_that_stands_in_an_item_is_copied_before_other_bytes_come_into_it() {
    let bytes = noise(9 << 20, 3);
    let disks = [disk(vec![(0, Some(bytes.clone()))], 9 << 20)];
    for threads in [1, 2, 8] {
        let mut sink = MemorySink::new();
        let (mut mixed, plain) =
            (target(&mut sink, "mixed", &disks, 4096), target(&mut sink, "plain", &disks, 4096));
        mixed.writer.assembler = Box::new(Mixed);
        write(&disks, vec![mixed, plain], &Workers::new(threads), &Monitor::new()).unwrap();
        let outputs = sink.outputs();
        Box::new(sink).commit().unwrap();
        let outputs = outputs.lock().unwrap();
        let mut expected = bytes.clone();
        expected.chunks_mut(1 << 20).for_each(|item| item[(1 << 20) - 100..].fill(9));
        assert!(outputs["mixed0"] == expected && outputs["plain0"] == bytes, "{threads} threads");
    }
}

/// Notes what it is told to expect.
#[derive(Clone, Default)]
struct Expecting(Arc<Mutex<Vec<(u64, u64)>>>);

impl Output for Expecting {
    fn write_at(&self, _: u64, _: &[u8]) -> std::io::Result<()> {
        Ok(())
    }

    fn expect(&self, offset: u64, len: u64) {
        lock(&self.0).push((offset, offset + len));
    }

    fn finish(self: Box<Self>, _: u64) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_output_is_told_what_follows_and_no_gap() {
    const MIB: u64 = 1 << 20;
    let data = |mib: usize| Some(vec![7; mib << 20]);
    let disks = [disk(vec![(0, data(20)), (40 * MIB, data(6)), (50 * MIB, data(1))], 96 * MIB)];
    for threads in [1, 2] {
        let output = Expecting::default();
        let spec = OutputSpec {
            name: "s".into(),
            role: OutputRole::Disk,
            size_bound: 96 * MIB,
            access: Access::Stream,
        };
        let writer = target(&mut MemorySink::new(), "a", &disks, 65_536).writer;
        let target = Target::new(writer, vec![(&spec, Box::new(output.clone()))], |_| false).unwrap();
        write(&disks, vec![target], &Workers::new(threads), &Monitor::new()).unwrap();
        let mut told = std::mem::take(&mut *lock(&output.0));
        told.sort_unstable();
        let row = |start: u64, end: u64| (start..end).map(move |at| (at * MIB, end * MIB));
        // A single one is no row.
        let expected: Vec<_> = row(0, 20).chain(row(40, 46)).chain([(50 * MIB, 51 * MIB)]).collect();
        assert_eq!(told, expected, "{threads} threads");
    }
}
