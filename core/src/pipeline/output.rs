use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::lock;
use super::piece::Piece;
use super::pool::{Buffer, Full, PIECE, Pieces};
use crate::format::{Access, OutputSpec};
use crate::sink::Output;
use crate::{Error, ErrorKind, Result};

/// One output on its way: the part that workers share.
pub(super) struct OutputShared {
    name: String,
    output: Box<dyn Output>,
    /// BLAKE3 of every piece that is not a hole; nothing for an output that is hashed on the way.
    digests: Option<Mutex<PieceDigests>>,
    /// Bytes that the sink got.
    written: AtomicU64,
}

/// BLAKE3s of pieces, by their indexes.
type PieceDigests = Vec<(u64, blake3::Hash)>;

/// One output on its way: the part that its assembler fills, in ascending order.
pub(super) struct OutputState {
    shared: Arc<OutputShared>,
    pieces: Arc<Pieces>,
    size_bound: u64,
    is_patched: bool,
    /// Ranges that may be written at any time, in bytes, half-open.
    reserved: Vec<(u64, u64)>,
    /// The pieces with reserved ranges, by index: they stay in memory until the end.
    held: Vec<Piece>,
    current: Option<Piece>,
    /// Bytes that are likely to follow what is written now.
    following: u64,
    /// Where the last ascending write ended.
    end: u64,
    len: u64,
    sha256: Option<SerialDigest>,
}

/// A full piece, to be hashed by any worker and then written by the writer or one with nothing else to do.
pub(super) struct PieceTask {
    output: Arc<OutputShared>,
    piece: Piece,
    len: usize,
    full: Full,
}

/// What an output became.
#[derive(Clone, Debug)]
pub(crate) struct OutputResult {
    pub(crate) len: u64,
    pub(crate) digest: OutputDigest,
    /// Bytes that were written, holes left out.
    pub(crate) written: u64,
}

/// The digest of an output: one, for each takes as long as to write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutputDigest {
    /// SHA-256 of all bytes.
    Sha256([u8; 32]),
    /// BLAKE3 over the BLAKE3s of the consecutive pieces.
    Tree(blake3::Hash),
}

struct SerialDigest {
    hasher: Sha256,
    /// Everything below is hashed.
    end: u64,
}

impl OutputState {
    /// # Errors
    /// `ErrorKind::Unsupported` for a plain SHA-256 of an output whose head changes at the end.
    pub(super) fn new(spec: &OutputSpec, output: Box<dyn Output>, sha256: bool) -> Result<Self> {
        let is_patched = spec.access != Access::Stream;
        if sha256 && is_patched {
            let text = format!(
                "{} is patched at its end: it gets a tree digest, and no SHA-256 on the way",
                spec.name
            );
            return Err(Error::new(ErrorKind::Unsupported, text).with_field("sha256"));
        }
        let mut state = Self {
            shared: Arc::new(OutputShared {
                name: spec.name.clone(),
                output,
                digests: (!sha256).then(Mutex::default),
                written: AtomicU64::default(),
            }),
            pieces: Arc::default(),
            size_bound: spec.size_bound,
            is_patched,
            reserved: Vec::new(),
            held: Vec::new(),
            current: None,
            following: 0,
            end: 0,
            len: 0,
            sha256: sha256.then(|| SerialDigest { hasher: Sha256::new(), end: 0 }),
        };
        if let Access::Patched { head } = spec.access {
            state.reserve(0, head)?;
            // The head is written like the rest, or later.
            state.end = 0;
        }
        Ok(state)
    }

    /// Says how many bytes are likely to follow what is written now.
    pub(super) fn expect(&mut self, following: u64) {
        self.following = following;
    }

    /// Has its pieces, from now on, in common with the other outputs of a run.
    pub(super) fn share(&mut self, pieces: &Arc<Pieces>) {
        self.pieces = Arc::clone(pieces);
    }

    /// Lets `offset..offset+len`, which must lie ahead, be written at any time until the end; the output ends no earlier.
    pub(super) fn reserve(&mut self, offset: u64, len: u64) -> Result<()> {
        let end = offset.saturating_add(len);
        if !self.is_patched || offset < self.end || end > self.size_bound {
            return Err(self.defect(format!("{len} bytes cannot be reserved here"), offset));
        }
        for index in offset / PIECE as u64..end.div_ceil(PIECE as u64) {
            if let Err(at) = self.held.binary_search_by_key(&index, |piece| piece.index) {
                if self.held.len() == MAX_HELD {
                    return Err(self.defect(format!("more than {MAX_HELD} MiB have reserved parts"), offset));
                }
                let current = self.current.take_if(|piece| piece.index == index);
                self.held.insert(at, current.unwrap_or_else(|| Piece::new(index, &self.pieces)));
            }
        }
        self.reserved.push((offset, end));
        self.end = end;
        self.len = self.len.max(end);
        Ok(())
    }

    /// Writes `bytes` at `offset`. Those of `item` are not copied if they stand there as they do in a piece.
    pub(super) fn write(
        &mut self,
        offset: u64,
        bytes: &[u8],
        item: Option<&Arc<Buffer>>,
        tasks: &mut Vec<PieceTask>,
    ) -> Result<()> {
        let end = offset.checked_add(bytes.len() as u64).filter(|end| *end <= self.size_bound).ok_or_else(
            || {
                self.defect(
                    format!("a write of {} bytes passes the planned {}", bytes.len(), self.size_bound),
                    offset,
                )
            },
        )?;
        let is_reserved = self.reserved.iter().any(|range| range.0 <= offset && end <= range.1);
        if offset < self.end && !is_reserved {
            return Err(self.defect(format!("a write goes back behind {:#x}", self.end), offset));
        }
        if !is_reserved {
            self.end = end;
        }
        self.len = self.len.max(end);
        let mut position = offset;
        let mut rest = bytes;
        while !rest.is_empty() {
            let index = position / PIECE as u64;
            let inside = (position % PIECE as u64) as usize;
            let (part, after) = rest.split_at(rest.len().min(PIECE - inside));
            let (pieces, following) = (Arc::clone(&self.pieces), self.following);
            let piece = self.piece(index, tasks);
            piece.put(inside, part, item, &pieces);
            piece.following = following;
            rest = after;
            position += part.len() as u64;
        }
        Ok(())
    }

    /// The output has at least `len` bytes: what is not written is a hole.
    pub(super) fn extend_to(&mut self, len: u64) -> Result<()> {
        if len > self.size_bound {
            return Err(self.defect(format!("a length of {len} passes the planned {}", self.size_bound), len));
        }
        self.len = self.len.max(len);
        Ok(())
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Whether what is full now should be written before there is more.
    pub(super) fn is_pressed(&self) -> bool {
        self.pieces.are_scarce(0)
    }

    /// Hands out all pieces that are still held.
    pub(super) fn flush(&mut self, tasks: &mut Vec<PieceTask>) {
        for piece in std::mem::take(&mut self.held) {
            self.emit(piece, tasks);
        }
        if let Some(piece) = self.current.take() {
            self.emit(piece, tasks);
        }
    }

    /// Ends the output once all its pieces are written.
    pub(super) fn finish(self) -> Result<OutputResult> {
        let Self { shared, len, sha256, .. } = self;
        let shared = Arc::into_inner(shared)
            .ok_or_else(|| Error::new(ErrorKind::Internal, "a piece of the output is still held"))?;
        let OutputShared { name, output, digests, written } = shared;
        output.finish(len).map_err(|error| sink_error(&name, error))?;
        let mut digests = digests.unwrap_or_default().into_inner().unwrap_or_else(PoisonError::into_inner);
        digests.sort_unstable_by_key(|(index, _)| *index);
        let digest = match sha256 {
            Some(serial) => OutputDigest::Sha256(serial.end_at(len)),
            None => OutputDigest::Tree(tree_digest(len, &digests)),
        };
        Ok(OutputResult { len, digest, written: written.into_inner() })
    }

    fn piece(&mut self, index: u64, tasks: &mut Vec<PieceTask>) -> &mut Piece {
        if let Ok(at) = self.held.binary_search_by_key(&index, |piece| piece.index) {
            return &mut self.held[at];
        }
        if self.current.as_ref().is_none_or(|piece| piece.index != index) {
            let next = Piece::new(index, &self.pieces);
            if let Some(full) = self.current.replace(next) {
                self.emit(full, tasks);
            }
        }
        let pieces = &self.pieces;
        self.current.get_or_insert_with(|| Piece::new(index, pieces))
    }

    fn emit(&mut self, mut piece: Piece, tasks: &mut Vec<PieceTask>) {
        let start = piece.index * PIECE as u64;
        // Only the last piece of an output is short, and it is emitted when the length is known.
        let len = usize::try_from(self.len.saturating_sub(start)).unwrap_or(PIECE).min(PIECE);
        piece.zero_gaps(len, &self.pieces);
        if let Some(serial) = &mut self.sha256 {
            serial.zeros_to(start);
            serial.hasher.update(&piece.bytes()[..len]);
            serial.end = start + len as u64;
        }
        let full = Full::new(&self.pieces);
        tasks.push(PieceTask { output: Arc::clone(&self.shared), piece, len, full });
    }

    fn defect(&self, text: String, offset: u64) -> Error {
        Error::new(ErrorKind::Internal, format!("output {}: {text}", self.shared.name)).with_offset(offset)
    }
}

impl PieceTask {
    /// Takes the piece into the output's tree digest, if it gets one.
    pub(super) fn hash(&self) {
        let Some(digests) = &self.output.digests else { return };
        let digest = blake3::hash(&self.piece.bytes()[..self.len]);
        lock(digests).push((self.piece.index, digest));
    }

    /// Writes the piece.
    ///
    /// # Errors
    /// `ErrorKind::Sink` naming the output.
    pub(super) fn write(self) -> Result<()> {
        let Self { output, piece, len, full } = self;
        let start = piece.index * PIECE as u64;
        if let Some((from, to)) = piece.ranges.last().filter(|(_, to)| *to == len && len == PIECE) {
            output.output.expect(start + *from as u64, (to - from) as u64 + piece.following);
        }
        for (from, to) in &piece.ranges {
            let bytes = &piece.bytes()[*from..*to];
            output
                .output
                .write_at(start + *from as u64, bytes)
                .map_err(|error| sink_error(&output.name, error))?;
            output.written.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        }
        full.give_back(piece.own, piece.ranges);
        Ok(())
    }
}

impl SerialDigest {
    fn zeros_to(&mut self, offset: u64) {
        for_zeros(offset.saturating_sub(self.end), |zeros| self.hasher.update(zeros));
        self.end = self.end.max(offset);
    }

    fn end_at(mut self, len: u64) -> [u8; 32] {
        self.zeros_to(len);
        self.hasher.finalize().into()
    }
}

/// BLAKE3 over the BLAKE3s of an output's consecutive pieces; `digests` are those that are not holes, sorted.
///
/// Not BLAKE3 of the whole: its chunks are hashed with their numbers, so that each hole would have to be hashed.
pub(super) fn tree_digest(len: u64, digests: &[(u64, blake3::Hash)]) -> blake3::Hash {
    let zeros = |len: u64| {
        let mut hasher = blake3::Hasher::new();
        for_zeros(len, |zeros| {
            hasher.update(zeros);
        });
        hasher.finalize()
    };
    let zero_piece = zeros(PIECE as u64);
    let mut hasher = blake3::Hasher::new();
    let mut known = digests.iter().peekable();
    let pieces = len.div_ceil(PIECE as u64);
    for index in 0..pieces {
        let digest = match known.next_if(|(at, _)| *at == index) {
            Some((_, digest)) => *digest,
            None if index + 1 == pieces && !len.is_multiple_of(PIECE as u64) => zeros(len % PIECE as u64),
            None => zero_piece,
        };
        hasher.update(digest.as_bytes());
    }
    hasher.finalize()
}

/// Hands out `len` zeros, some at a time.
fn for_zeros(len: u64, mut take: impl FnMut(&[u8])) {
    let mut left = len;
    while left > 0 {
        let part = left.min(ZEROS.len() as u64);
        take(&ZEROS[..part as usize]);
        left -= part;
    }
}

fn sink_error(name: &str, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Sink, "cannot write the output").with_path(name).with_source(error)
}

/// A page: whatever of the program is read is in memory, too.
static ZEROS: [u8; 4096] = [0; 4096];
/// Pieces with reserved ranges that one output may hold in memory.
const MAX_HELD: usize = 32;
