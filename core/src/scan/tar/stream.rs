use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::decode::{Decoder, Packing};
use super::read_full;
use crate::files::ReadableFile;

/// A packed archive read once more, at offsets that ascend but for a little disorder.
///
/// The bytes unpacked last are kept, so that threads may come in any order within [`LOOK_BACK`]; a read further back
/// starts over, which is right but slow.
pub(super) struct Stream {
    file: Arc<ReadableFile>,
    packing: Packing,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    decoder: Option<Decoder>,
    /// What was unpacked last, in pieces; the first byte of the first piece is byte `start` of the unpacked archive.
    recent: VecDeque<Vec<u8>>,
    start: u64,
    /// One past the last byte that was unpacked.
    end: u64,
    restarts: u64,
}

impl Stream {
    pub(super) fn new(file: Arc<ReadableFile>, packing: Packing) -> Self {
        Self { file, packing, state: Mutex::default() }
    }

    /// Fills `buf` from byte `offset` of the unpacked archive.
    ///
    /// # Errors
    /// The decoder's; `UnexpectedEof` past the end.
    pub(super) fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut position = offset;
        let mut rest = buf;
        while !rest.is_empty() {
            if position < state.start {
                state.restart();
            }
            if position >= state.end {
                self.advance(&mut state)?;
                continue;
            }
            let part = state.recent_from(position);
            let len = part.len().min(rest.len());
            if len == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let (here, after) = rest.split_at_mut(len);
            here.copy_from_slice(&part[..len]);
            rest = after;
            position += len as u64;
        }
        Ok(())
    }

    /// How often the archive was started over.
    #[cfg(test)]
    pub(super) fn restarts(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).restarts
    }

    /// Unpacks one more piece. The decoder is put back only after success: a failed one is not used again.
    fn advance(&self, state: &mut State) -> io::Result<()> {
        let mut decoder = match state.decoder.take() {
            Some(decoder) => decoder,
            None => {
                state.reset();
                let decoder = Decoder::new(self.packing, Arc::clone(&self.file))?;
                decoder.ok_or_else(|| io::Error::other("a plain archive needs no stream"))?
            }
        };
        let mut piece = match state.recent.len() >= LOOK_BACK / PIECE {
            true => state.drop_oldest(),
            false => Vec::new(),
        };
        piece.resize(PIECE, 0);
        let len = read_full(&mut decoder, &mut piece)?;
        if len == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        piece.truncate(len);
        state.end += len as u64;
        state.recent.push_back(piece);
        state.decoder = Some(decoder);
        Ok(())
    }
}

impl State {
    fn restart(&mut self) {
        self.restarts += 1;
        // Its window is given back before the next decoder takes one.
        self.decoder = None;
        self.reset();
    }

    fn reset(&mut self) {
        self.recent.clear();
        self.start = 0;
        self.end = 0;
    }

    fn drop_oldest(&mut self) -> Vec<u8> {
        let piece = self.recent.pop_front().unwrap_or_default();
        self.start += piece.len() as u64;
        piece
    }

    /// The unpacked bytes from `position` to the end of their piece; `position` lies within what is kept.
    fn recent_from(&self, position: u64) -> &[u8] {
        // All pieces but the last of an archive are full.
        let inside = usize::try_from(position - self.start).unwrap_or(usize::MAX);
        let piece = self.recent.get(inside / PIECE);
        piece.and_then(|piece| piece.get(inside % PIECE..)).unwrap_or(&[])
    }
}

const PIECE: usize = 256 << 10;
/// As far as the pipeline's items lie apart, so that no thread is too late.
const LOOK_BACK: usize = 16 << 20;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::Files;

    /// A gzip file of `len` bytes, each of which tells its offset modulo 251.
    fn stream(len: usize) -> Stream {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("packed");
        let file = std::fs::File::create(&path).unwrap();
        let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        encoder.write_all(&expected(0, len)).unwrap();
        encoder.finish().unwrap();
        let file = Files::default().open(&path).unwrap();
        Stream::new(Arc::new(file), Packing::Gzip)
    }

    fn expected(offset: usize, len: usize) -> Vec<u8> {
        (offset..offset + len).map(|at| (at % 251) as u8).collect()
    }

    fn check(stream: &Stream, offset: usize, len: usize) {
        let mut bytes = vec![0; len];
        stream.read_exact_at(offset as u64, &mut bytes).unwrap();
        assert!(bytes == expected(offset, len), "{len} bytes at {offset}");
    }

    #[test]
    fn reads_within_the_look_back_do_not_start_over() {
        let stream = stream(40 << 20);
        for step in 0..36_usize {
            // The item ahead first, then the one that is late by almost all that is kept.
            check(&stream, (step + 3) << 20, 1 << 20);
            check(&stream, step.saturating_sub(11) << 20, 1000);
        }
        check(&stream, (40 << 20) - 7, 7);
        assert_eq!(stream.restarts(), 0);
    }

    #[test]
    fn a_read_further_back_starts_over_and_is_right() {
        let stream = stream(20 << 20);
        check(&stream, 19 << 20, 4096);
        check(&stream, 5, 300_000);
        check(&stream, 19 << 20, 4096);
        assert_eq!(stream.restarts(), 1);
    }

    #[test]
    fn a_read_past_the_end_is_refused_and_does_not_hang() {
        let stream = stream(300_000);
        for (offset, len) in [(299_999, 2), (300_000, 1), (1 << 40, 1)] {
            let error = stream.read_exact_at(offset, &mut vec![0; len]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        }
        check(&stream, 299_000, 1000);
    }
}
