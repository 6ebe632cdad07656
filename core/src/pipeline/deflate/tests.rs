use flate2::{Decompress, FlushDecompress, Status};
use proptest::prelude::*;

use super::super::tests::noise;
use super::window::PIECE;
use super::*;

fn deflate(window_bits: u8, level: u8, chunk: &[u8]) -> Vec<u8> {
    let mut room = vec![0; bound(chunk.len())];
    let len = Deflater::new(window_bits, level).deflate(chunk, &mut room).unwrap();
    room.truncate(len);
    room
}

/// Bytes that a stream of `len` bytes never passes.
fn bound(len: usize) -> usize {
    len + 10 * (len / SEGMENT + 1) + 1
}

/// Inflates as readers do that keep no more than the window: byte by byte, so that no other bytes are in reach.
fn inflate_in_window(stream: &[u8], window_bits: u8, len: usize) -> Vec<u8> {
    let mut inflater = Decompress::new_with_window_bits(false, window_bits);
    let mut plain = Vec::new();
    loop {
        let mut byte = [0];
        let (read, written) = (inflater.total_in() as usize, inflater.total_out());
        let status = inflater.decompress(&stream[read..], &mut byte, FlushDecompress::None).unwrap();
        plain.extend(&byte[..(inflater.total_out() - written) as usize]);
        if status == Status::StreamEnd {
            assert_eq!(inflater.total_in() as usize, stream.len(), "bytes behind the end");
            return plain;
        }
        assert!(inflater.total_out() > written || (inflater.total_in() as usize) > read, "no end");
        assert!(plain.len() <= len, "too many bytes");
    }
}

fn inflate(stream: &[u8], len: usize) -> Vec<u8> {
    let mut plain = vec![0; len];
    let written = libdeflater::Decompressor::new().deflate_decompress(stream, &mut plain).unwrap();
    assert_eq!(written, len);
    plain
}

fn text(len: usize, seed: u32) -> Vec<u8> {
    let words = ["inode ", "the ", "a ", "configuration\n", "/usr/lib/", "0x", "return ", "\t", "e", "; "];
    noise(len, seed).iter().flat_map(|byte| words[usize::from(byte % 10)].bytes()).take(len).collect()
}

/// Data of every kind that a disk has, of `len` bytes.
fn kinds(len: usize) -> Vec<(&'static str, Vec<u8>)> {
    let tables = (0..len as u32).map(|at| ((at / 4 * 48) >> (at % 4 * 8)) as u8).collect();
    let halves = [text(len / 2, 3), noise(len - len / 2, 3)].concat();
    let far: Vec<u8> = noise(5000, 9).into_iter().cycle().take(len).collect();
    let few = noise(len, 11).iter().map(|byte| byte % 3).collect();
    vec![
        ("zeros", vec![0; len]),
        ("noise", noise(len, 7)),
        ("text", text(len, 5)),
        ("tables", tables),
        ("text, then noise", halves),
        ("noise that repeats", far),
        ("few symbols", few),
    ]
}

#[test]
fn every_kind_of_data_comes_back_at_every_level_and_window() {
    for len in [1, 2, 3, 4, 258, 259, 4096, 30_000] {
        for (kind, chunk) in kinds(len) {
            for (window_bits, level) in
                [(9, 1), (9, 9), (10, 4), (12, 1), (12, 5), (12, 8), (12, 9), (13, 3), (15, 6)]
            {
                let stream = deflate(window_bits, level, &chunk);
                let plain = inflate_in_window(&stream, window_bits, len);
                assert!(plain == chunk, "{kind}: {len} bytes, {window_bits}, {level}");
            }
        }
    }
}

#[test]
fn lengths_around_a_piece_and_a_segment_come_back() {
    for base in [SEGMENT, PIECE, 3 * PIECE] {
        for len in [base - 3, base - 1, base, base + 1, base + 3, base + 300] {
            for (kind, chunk) in kinds(len) {
                for (window_bits, level) in [(12, 1), (15, 5), (12, 9)] {
                    let stream = deflate(window_bits, level, &chunk);
                    assert!(inflate(&stream, len) == chunk, "{kind}: {len} bytes, {window_bits}, {level}");
                }
            }
        }
    }
}

#[test]
fn nothing_becomes_a_stream_of_one_empty_block() {
    // RFC 1951, 3.2.6: last block, fixed codes, seven zeros.
    assert_eq!(deflate(12, 5, &[]), [0x03, 0x00]);
}

#[test]
fn matches_reach_from_piece_to_piece() {
    let chunk: Vec<u8> = noise(3000, 3).into_iter().cycle().take(4 * PIECE).collect();
    let stream = deflate(12, 5, &chunk);
    assert!(stream.len() < 3000 + 4 * PIECE / 100, "{}", stream.len());
}

#[test]
fn noise_is_stored_with_little_around_it() {
    for len in [1, 100, 4095, 65_535, 65_536, 65_537, 300_000] {
        for level in 1..=9 {
            let stream = deflate(15, level, &noise(len, 77));
            assert!(stream.len() <= len + len / 4000 + 10, "{len}, {level}: {}", stream.len());
        }
    }
}

#[test]
fn what_does_not_fit_is_refused_at_every_length_of_the_room() {
    let chunk = text(5000, 3);
    let stream = deflate(12, 5, &chunk);
    let mut deflater = Deflater::new(12, 5);
    for room in 0..stream.len() + 10 {
        let mut room = vec![0; room];
        let len = deflater.deflate(&chunk, &mut room);
        assert_eq!(len, (room.len() >= stream.len()).then_some(stream.len()), "{}", room.len());
        assert!(len.is_none() || room[..stream.len()] == stream);
    }
}

#[test]
fn what_came_before_leaves_no_trace() {
    let chunks: Vec<Vec<u8>> = [70_000, 3, 65_536, 10, 200_000]
        .into_iter()
        .flat_map(|len| kinds(len).into_iter().map(|kind| kind.1))
        .collect();
    for (window_bits, level) in [(9, 3), (12, 1), (12, 5), (12, 9), (15, 6)] {
        let mut deflater = Deflater::new(window_bits, level);
        // Forwards and backwards.
        for chunk in chunks.iter().chain(chunks.iter().rev()) {
            let mut room = vec![0; bound(chunk.len())];
            let len = deflater.deflate(chunk, &mut room).unwrap();
            assert!(
                room[..len] == deflate(window_bits, level, chunk),
                "{window_bits}, {level}, {}",
                chunk.len()
            );
        }
    }
}

#[test]
fn higher_levels_and_larger_windows_give_smaller_streams() {
    let chunk: Vec<u8> = text(40_000, 3).into_iter().chain(text(40_000, 3)).collect();
    let len = |window_bits, level| deflate(window_bits, level, &chunk).len();
    let by_level = [1, 3, 5, 7, 9].map(|level| len(12, level));
    assert!(by_level[4] < by_level[0] && by_level[4] <= *by_level.iter().min().unwrap(), "{by_level:?}");
    let repeated: Vec<u8> = text(6000, 3).into_iter().cycle().take(30_000).collect();
    let len = |window_bits| deflate(window_bits, 6, &repeated).len();
    assert!(len(15) < len(12) / 2 && len(12) <= len(9), "{}, {}, {}", len(15), len(12), len(9));
}

#[test]
fn the_memory_that_is_told_is_never_passed() {
    for (window_bits, level) in [(9, 1), (12, 9), (13, 5), (15, 9)] {
        let mut deflater = Deflater::new(window_bits, level);
        // Matches of three bytes and nothing else: as many sequences as there can be.
        let starts = noise(600, 3);
        let three = |at: usize| starts[at / 3 % 600].wrapping_add((at % 3) as u8 * 85);
        let threes: Vec<u8> = (0..PIECE).map(three).collect();
        for (_, chunk) in kinds(2 * PIECE).into_iter().chain([("threes", threes)]) {
            let mut room = vec![0; bound(chunk.len())];
            deflater.deflate(&chunk, &mut room).unwrap();
        }
        assert_eq!(deflater.sequences.capacity(), MOST_SEQUENCES, "{window_bits}, {level}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn anything_comes_back_within_the_window_and_the_bound(
        parts in prop::collection::vec((0_u8..6, 1_usize..3000, 1_u32..1000), 0..8),
        window_bits in 9_u8..=15,
        level in 1_u8..=9,
    ) {
        let mut chunk = Vec::new();
        for (kind, len, seed) in parts {
            let part: Vec<u8> = match kind {
                0 => vec![seed as u8; len],
                1 => noise(len, seed),
                2 => text(len, seed),
                3 => noise(1 + seed as usize % 40, seed).into_iter().cycle().take(len).collect(),
                4 => noise(len, seed).iter().map(|byte| byte & 7).collect(),
                // What was there before, again.
                _ => chunk.iter().rev().take(len).rev().copied().collect(),
            };
            chunk.extend(part);
        }
        let stream = deflate(window_bits, level, &chunk);
        prop_assert!(inflate_in_window(&stream, window_bits, chunk.len()) == chunk);
        prop_assert!(inflate(&stream, chunk.len()) == chunk);
    }
}
