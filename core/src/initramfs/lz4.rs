use std::io::{self, BufRead, Read};

/// Reads the blocks that `lz4 -l` writes: after the magic number each block is its packed length and its bytes, and
/// unpacks to at most 8 MiB. A length of zero, which only padding has, or the end of the input ends it.
///
/// # Reference
/// LZ4 Frame Format Description, "Legacy frame"; Linux, `lib/decompress_unlz4.c`.
pub(super) struct Lz4Blocks<R> {
    input: R,
    is_started: bool,
    is_ended: bool,
    packed: Vec<u8>,
    block: Vec<u8>,
    at: usize,
}

impl<R: BufRead> Lz4Blocks<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, is_started: false, is_ended: false, packed: Vec::new(), block: Vec::new(), at: 0 }
    }

    /// Unpacks the next block; `false` at the end.
    fn next_block(&mut self) -> io::Result<bool> {
        if !self.is_started {
            let mut magic = [0; 4];
            self.input.read_exact(&mut magic)?;
            if magic != MAGIC {
                return Err(invalid("no lz4 blocks begin here"));
            }
            self.is_started = true;
        }
        let Some(mut len) = self.length()? else { return Ok(false) };
        // A second archive of blocks behind the first.
        if len.to_le_bytes() == MAGIC {
            match self.length()? {
                Some(next) => len = next,
                None => return Ok(false),
            }
        }
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        if len == 0 {
            return Ok(false);
        }
        if len > MAX_PACKED {
            return Err(invalid("an lz4 block is longer than blocks can be"));
        }
        self.packed.resize(len, 0);
        self.input.read_exact(&mut self.packed)?;
        self.block.resize(MAX_BLOCK, 0);
        let unpacked = lz4_flex::block::decompress_into(&self.packed, &mut self.block)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        self.block.truncate(unpacked);
        self.at = 0;
        Ok(true)
    }

    /// The length of the next block; `None` where the input ends.
    fn length(&mut self) -> io::Result<Option<u32>> {
        let mut length = [0; 4];
        for at in 0..length.len() {
            let available = self.input.fill_buf()?;
            match available.first() {
                Some(byte) => length[at] = *byte,
                // Up to three zero bytes of padding.
                None if length == [0; 4] => return Ok(None),
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
            self.input.consume(1);
        }
        Ok(Some(u32::from_le_bytes(length)))
    }
}

impl<R: BufRead> Read for Lz4Blocks<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        while self.at == self.block.len() {
            if self.is_ended || !self.next_block()? {
                self.is_ended = true;
                return Ok(0);
            }
        }
        let left = &self.block[self.at..];
        let len = left.len().min(buf.len());
        buf[..len].copy_from_slice(&left[..len]);
        self.at += len;
        Ok(len)
    }
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.to_owned())
}

const MAGIC: [u8; 4] = [0x02, 0x21, 0x4c, 0x18];
const MAX_BLOCK: usize = 8 << 20;
/// What a block that cannot be packed at all comes to.
const MAX_PACKED: usize = MAX_BLOCK + MAX_BLOCK / 255 + 16;
