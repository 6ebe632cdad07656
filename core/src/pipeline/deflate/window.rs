/// The piece of a chunk that is being compressed, with the bytes before it, in a buffer of a fixed size: indices are masked
/// where they would otherwise be checked.
///
/// ```text
/// 0                64 Ki              128 Ki
/// | the piece before | the piece         | slack
/// ```
///
/// Pieces move by 65536 bytes: positions modulo 65536 stay what they are.
pub(super) struct Window(Box<[u8; 2 * PIECE + SLACK]>);

impl Window {
    pub(super) const BYTES: usize = 2 * PIECE + SLACK;

    pub(super) fn new() -> Self {
        Self(Box::new([0; 2 * PIECE + SLACK]))
    }

    /// Puts a chunk's first piece, [`PIECE`] bytes at most; gives the position behind it.
    pub(super) fn start(&mut self, piece: &[u8]) -> usize {
        let piece = &piece[..piece.len().min(PIECE)];
        let end = PIECE + piece.len();
        self.0[PIECE..end].copy_from_slice(piece);
        // What is looked at behind the end is always the same.
        self.0[end..end + SLACK].fill(0);
        end
    }

    /// Puts another piece behind the last one, which was a full one.
    pub(super) fn slide(&mut self, piece: &[u8]) -> usize {
        self.0.copy_within(PIECE..2 * PIECE, 0);
        self.start(piece)
    }

    pub(super) fn bytes(&self) -> Bytes<'_> {
        Bytes(&self.0)
    }
}

/// The bytes of a window.
#[derive(Clone, Copy)]
pub(super) struct Bytes<'a>(&'a [u8; 2 * PIECE + SLACK]);

impl<'a> Bytes<'a> {
    #[inline(always)]
    pub(super) fn byte(self, at: usize) -> u8 {
        self.0[at & MASK]
    }

    #[inline(always)]
    pub(super) fn load_u32(self, at: usize) -> u32 {
        let at = at & MASK;
        let bytes = &self.0[at..at + 4];
        u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }

    #[inline(always)]
    pub(super) fn load_u64(self, at: usize) -> u64 {
        let at = at & MASK;
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.0[at..at + 8]);
        u64::from_le_bytes(bytes)
    }

    pub(super) fn slice(self, start: usize, end: usize) -> &'a [u8] {
        &self.0[start..end]
    }
}

/// Bytes that are looked at together; blocks end where they end.
pub(super) const PIECE: usize = 1 << 16;
const MASK: usize = 2 * PIECE - 1;
/// What is read behind the end, and means nothing.
const SLACK: usize = 16;
