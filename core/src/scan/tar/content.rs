use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::Archive;
use super::member::Stored;
use super::sparse::Piece;
use super::stream::Stream;
use crate::files::WritableFile;
use crate::tree::components;
use crate::{BytesReader, ReadAt};

/// Where the content of each file stands: 16 bytes a file, and a map for the sparse ones.
#[derive(Default)]
pub(super) struct Index {
    places: Vec<Place>,
    maps: BTreeMap<u32, SparseContent>,
    /// Content that is likely to be read out of order, while the archive may be streamed.
    kept: BTreeMap<u32, Arc<[u8]>>,
    kept_bytes: usize,
    /// The path of the file that came last, if all came in the order in which a tree is laid out.
    last_path: Option<Vec<u8>>,
    is_disordered: bool,
}

#[derive(Clone, Copy)]
struct Place {
    /// In the unpacked archive.
    offset: u64,
    /// Bytes stored.
    len: u64,
}

#[derive(Clone)]
struct SparseContent {
    real_size: u64,
    pieces: Arc<[Piece]>,
}

impl Index {
    /// Takes in a file and gives its number; `None` when there are too many.
    pub(super) fn push(&mut self, stored: Stored) -> Option<u64> {
        let number = u32::try_from(self.places.len()).ok()?;
        self.places.push(Place { offset: stored.offset, len: stored.len });
        if let Some(map) = stored.map {
            let content = SparseContent { real_size: map.real_size, pieces: map.pieces.into() };
            self.maps.insert(number, content);
        }
        Some(u64::from(number))
    }

    /// Whether the files so far came depth first, siblings by the bytes of their names.
    pub(super) fn is_in_order(&self) -> bool {
        !self.is_disordered
    }

    /// Notes the path of the file that comes next.
    pub(super) fn note_order(&mut self, path: &[u8]) {
        if self.is_disordered {
            return;
        }
        let last = self.last_path.get_or_insert_default();
        if !last.is_empty() && components(last).cmp(components(path)).is_ge() {
            self.is_disordered = true;
            self.last_path = None;
            self.kept = BTreeMap::new();
            return;
        }
        last.clear();
        last.extend_from_slice(path);
    }

    /// Whether the content of the file at `path` is worth keeping.
    pub(super) fn wants(&self, path: &[u8], len: u64) -> bool {
        let likely = matches!(components(path).next(), Some(b"etc" | b"boot"));
        let left = (MAX_KEPT - self.kept_bytes) as u64;
        likely && !self.is_disordered && len <= MAX_KEPT_FILE.min(left)
    }

    /// Keeps the content of a file in memory.
    pub(super) fn keep(&mut self, number: u64, bytes: Vec<u8>) {
        if let Ok(number) = u32::try_from(number) {
            self.kept_bytes += bytes.len();
            self.kept.insert(number, bytes.into());
        }
    }

    /// The content of a file that is kept in memory.
    pub(super) fn kept(&self, number: u64) -> Option<BytesReader> {
        let kept = self.kept.get(&u32::try_from(number).ok()?)?;
        Some(BytesReader(Arc::clone(kept)))
    }

    /// The content of a file; `None` when the number is not one of this index.
    pub(super) fn content(&self, number: u64, medium: &Arc<Medium>) -> Option<Content> {
        let number = u32::try_from(number).ok()?;
        let place = self.places.get(number as usize)?;
        let sparse = self.maps.get(&number).cloned();
        let size = sparse.as_ref().map_or(place.len, |sparse| sparse.real_size);
        let pieces = sparse.map(|sparse| sparse.pieces);
        Some(Content { medium: Arc::clone(medium), offset: place.offset, size, pieces })
    }
}

/// The unpacked archive, readable at any offset.
pub(super) struct Medium {
    pub(super) archive: Arc<Archive>,
    pub(super) kind: MediumKind,
}

pub(super) enum MediumKind {
    /// The archive is not packed.
    Plain,
    /// A private unpacked copy.
    Spooled(WritableFile),
    /// Unpacked again as it is read.
    Streamed(Box<Stream>),
}

impl Medium {
    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        match &self.kind {
            MediumKind::Plain => {
                self.archive.file.read_exact_at(offset, buf)?;
                self.archive.check_unchanged()
            }
            MediumKind::Spooled(spool) => spool.read_exact_at(offset, buf),
            MediumKind::Streamed(stream) => {
                stream.read_exact_at(offset, buf)?;
                self.archive.check_unchanged()
            }
        }
    }
}

/// The content of one file, holes filled with zeros.
pub(super) struct Content {
    medium: Arc<Medium>,
    offset: u64,
    size: u64,
    pieces: Option<Arc<[Piece]>>,
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Content")
            .field("offset", &self.offset)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

impl ReadAt for Content {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(buf.len() as u64).filter(|end| *end <= self.size);
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        let Some(pieces) = &self.pieces else {
            return self.medium.read_exact_at(self.offset + offset, buf);
        };
        buf.fill(0);
        let first = pieces.partition_point(|piece| piece.offset + piece.len <= offset);
        for piece in pieces[first..].iter().take_while(|piece| piece.offset < end) {
            let from = piece.offset.max(offset);
            let to = (piece.offset + piece.len).min(end);
            // OK to cast: both lie within the buffer.
            let part = &mut buf[(from - offset) as usize..(to - offset) as usize];
            self.medium.read_exact_at(self.offset + piece.stored + (from - piece.offset), part)?;
        }
        Ok(())
    }
}

/// Guest edits read configuration files, which are small; bytes in all.
const MAX_KEPT: usize = 6 << 20;
const MAX_KEPT_FILE: u64 = 256 << 10;
