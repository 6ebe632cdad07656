//! Files packed by gzip or zstd, read at any offset without room for what is in them.

mod gzip;
mod zstd;

use std::collections::VecDeque;
use std::io;
use std::sync::{Mutex, PoisonError};

use diskwright_core::{ReadAt, Result};

use crate::Rule;
use crate::bytes::read_up_to;
use crate::report::{Findings, Location};
use crate::rules::{gzip as gzip_rules, zstd as zstd_rules};

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    Gzip,
    Zstd,
}

impl Codec {
    /// By the first bytes.
    pub(crate) fn of(head: &[u8]) -> Option<Self> {
        if head.starts_with(gzip::MAGIC) {
            return Some(Self::Gzip);
        }
        zstd::begins_frame(head).then_some(Self::Zstd)
    }
}

/// What is wrong with the packed file, and where.
#[derive(Clone, Debug)]
struct Broken {
    rule: &'static Rule,
    offset: u64,
    text: String,
}

/// A failure to read, or what is wrong with the file.
type Step<T> = Result<std::result::Result<T, Broken>>;

/// What a packed file holds, as far as it can be unpacked.
///
/// Reading forward goes on where it was; reading back begins again, but for the last 16 MiB.
pub(crate) struct Packed<'a> {
    source: &'a dyn ReadAt,
    codec: Codec,
    size: u64,
    broken: Option<Broken>,
    trailing: Option<Broken>,
    state: Mutex<State<'a>>,
}

impl<'a> Packed<'a> {
    /// Unpacks everything once, to see whether it can be.
    pub(crate) fn open(source: &'a dyn ReadAt, codec: Codec) -> Result<Self> {
        let mut state = State::new(source, codec);
        let mut broken = None;
        loop {
            match state.next()? {
                Ok(true) => {}
                Ok(false) => break,
                Err(reason) => {
                    broken = Some(reason);
                    break;
                }
            }
        }
        let size = state.end;
        let trailing = state.decoder.trailing();
        // As often again, and some more for small files, it may be unpacked for those who read back.
        state.budget = Some(size.saturating_mul(PASSES).saturating_add(WINDOW_BYTES));
        Ok(Self { source, codec, size, broken, trailing, state: Mutex::new(state) })
    }

    /// How it is packed.
    pub(crate) fn codec(&self) -> Codec {
        self.codec
    }

    /// Whether not all of the content is there.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// Reports what is wrong with the packing; false if not all of the content is there.
    pub(crate) fn check(&self, f: &mut Findings) -> bool {
        for broken in self.broken.iter().chain(&self.trailing) {
            f.add(broken.rule, Location::Offset(broken.offset), broken.text.clone());
        }
        self.broken.is_none()
    }

    /// What a raw disk has to be.
    pub(crate) fn check_disk(&self, f: &mut Findings) {
        let rule = match self.codec {
            Codec::Gzip => &gzip_rules::DISK_SIZE,
            Codec::Zstd => &zstd_rules::DISK_SIZE,
        };
        if self.size == 0 || !self.size.is_multiple_of(512) {
            f.add(rule, Location::Whole, format!("the content has {} bytes", self.size));
        }
    }
}

impl ReadAt for Packed<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if offset < state.start() {
            let budget = state.budget;
            *state = State { budget, ..State::new(self.source, self.codec) };
        }
        let mut done = 0;
        while done < buf.len() {
            let copied = state.copy(offset.saturating_add(done as u64), &mut buf[done..]);
            done += copied;
            if copied == 0 && !state.next_within_budget()? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }
}

/// A place in the content, and what stands before it.
struct State<'a> {
    decoder: Decoder<'a>,
    /// The last pieces; all but the newest have [`PIECE`] bytes.
    recent: VecDeque<Vec<u8>>,
    /// Bytes unpacked so far.
    end: u64,
    /// Bytes that may yet be unpacked, if that is limited.
    budget: Option<u64>,
}

impl<'a> State<'a> {
    fn new(source: &'a dyn ReadAt, codec: Codec) -> Self {
        let decoder = match codec {
            Codec::Gzip => Decoder::Gzip(gzip::Decoder::new(source)),
            Codec::Zstd => Decoder::Zstd(zstd::Decoder::new(source)),
        };
        Self { decoder, recent: VecDeque::new(), end: 0, budget: None }
    }

    /// Where the oldest piece begins that is still there.
    fn start(&self) -> u64 {
        self.end - self.recent.iter().map(|piece| piece.len() as u64).sum::<u64>()
    }

    /// Unpacks one more piece; false at the end.
    fn next(&mut self) -> Step<bool> {
        let mut piece = vec![0; PIECE];
        let mut len = 0;
        let mut broken = None;
        while len < PIECE {
            match self.decoder.read(&mut piece[len..])? {
                Ok(0) => break,
                Ok(made) => len += made,
                Err(reason) => {
                    broken = Some(reason);
                    break;
                }
            }
        }
        piece.truncate(len);
        self.end = self.end.saturating_add(len as u64);
        if len > 0 {
            self.recent.push_back(piece);
            if self.recent.len() > PIECES {
                self.recent.pop_front();
            }
        }
        Ok(broken.map_or(Ok(len > 0), Err))
    }

    fn next_within_budget(&mut self) -> io::Result<bool> {
        if let Some(left) = &mut self.budget {
            let Some(rest) = left.checked_sub(PIECE as u64) else {
                let text = "its content stands in so many places that it would have to be unpacked too often";
                return Err(io::Error::other(text));
            };
            *left = rest;
        }
        let before = self.end;
        match self.next() {
            Ok(Ok(is_more)) => Ok(is_more),
            // It was unpacked before, and what is wrong is known: of what comes before that there may still be some.
            Ok(Err(_)) => Ok(self.end > before),
            Err(error) => Err(io::Error::other(error)),
        }
    }

    /// Copies what is there of the content from `offset` on; its length.
    fn copy(&self, offset: u64, to: &mut [u8]) -> usize {
        let Some(at) = offset.checked_sub(self.start()).and_then(|at| usize::try_from(at).ok()) else {
            return 0;
        };
        let from = self.recent.get(at / PIECE).and_then(|piece| piece.get(at % PIECE..)).unwrap_or_default();
        let len = from.len().min(to.len());
        to[..len].copy_from_slice(&from[..len]);
        len
    }
}

enum Decoder<'a> {
    Gzip(gzip::Decoder<'a>),
    Zstd(zstd::Decoder<'a>),
}

impl Decoder<'_> {
    /// Some bytes more; none at the end.
    fn read(&mut self, to: &mut [u8]) -> Step<usize> {
        match self {
            Self::Gzip(decoder) => decoder.read(to),
            Self::Zstd(decoder) => decoder.read(to),
        }
    }

    /// What follows the content.
    fn trailing(&self) -> Option<Broken> {
        match self {
            Self::Gzip(decoder) => decoder.trailing(),
            Self::Zstd(decoder) => decoder.trailing(),
        }
    }
}

/// The packed bytes, from the first to the last.
struct Input<'a> {
    source: &'a dyn ReadAt,
    buffer: Vec<u8>,
    /// Bytes of the buffer that are used up.
    used: usize,
    /// Where the buffer stands in the file.
    start: u64,
}

impl<'a> Input<'a> {
    fn new(source: &'a dyn ReadAt) -> Self {
        Self { source, buffer: Vec::new(), used: 0, start: 0 }
    }

    /// Where the next byte stands.
    fn position(&self) -> u64 {
        self.start + self.used as u64
    }

    /// What is at hand; at least `wanted` bytes but at the end of the file.
    fn fill(&mut self, wanted: usize) -> Result<&[u8]> {
        if self.buffer.len() - self.used < wanted {
            self.start = self.position();
            self.used = 0;
            self.buffer = read_up_to(self.source, self.start, INPUT.max(wanted))?;
        }
        Ok(&self.buffer[self.used..])
    }

    /// Goes on behind so many of the bytes at hand.
    fn consume(&mut self, len: usize) {
        self.used = self.used.saturating_add(len).min(self.buffer.len());
    }

    /// The next byte, if there is one.
    fn byte(&mut self) -> Result<Option<u8>> {
        let byte = self.fill(1)?.first().copied();
        self.consume(1);
        Ok(byte)
    }
}

const PIECE: usize = 64 * 1024;
const PIECES: usize = 256;
const WINDOW_BYTES: u64 = (PIECE * PIECES) as u64;
const INPUT: usize = 64 * 1024;
/// How often a file may be unpacked again.
const PASSES: u64 = 64;

#[cfg(test)]
mod tests;
