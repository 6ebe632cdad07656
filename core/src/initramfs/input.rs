use std::io::{self, BufRead, Read};
use std::sync::Arc;

use crate::{ReadAt, Result};

/// A file from its start to its end, whose position is known to the byte.
pub(super) struct Input {
    file: Arc<dyn ReadAt>,
    buffer: Vec<u8>,
    /// First byte of `buffer` that was not consumed.
    at: usize,
    /// File offset of the buffer's end.
    next: u64,
}

impl Input {
    pub(super) fn new(file: Arc<dyn ReadAt>) -> Self {
        Self { file, buffer: Vec::new(), at: 0, next: 0 }
    }

    /// File offset of the first byte that was not consumed.
    pub(super) fn position(&self) -> u64 {
        self.next - (self.buffer.len() - self.at) as u64
    }

    /// The next bytes, as many as `wanted` unless the file ends before.
    pub(super) fn peek(&mut self, wanted: usize) -> io::Result<&[u8]> {
        if self.buffer.len() - self.at < wanted {
            self.refill()?;
        }
        let left = &self.buffer[self.at..];
        Ok(&left[..left.len().min(wanted)])
    }

    /// Passes over zero bytes; says whether nothing follows. `check` is asked for each buffer.
    pub(super) fn skip_zeros(&mut self, check: &dyn Fn() -> Result<()>) -> Result<bool> {
        loop {
            let offset = self.position();
            let available = self.fill_buf().map_err(|error| super::failure(error, offset))?;
            let len = available.len();
            let zeros = available.iter().take_while(|byte| **byte == 0).count();
            self.consume(zeros);
            if len == 0 || zeros < len {
                return Ok(len == 0);
            }
            check()?;
        }
    }

    /// Keeps what was not consumed and reads more behind it.
    fn refill(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.at);
        self.at = 0;
        let left = self.file.size().saturating_sub(self.next);
        let start = self.buffer.len();
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(BUFFER);
        self.buffer.resize(start + wanted, 0);
        let read = self.file.read_exact_at(self.next, &mut self.buffer[start..]);
        if let Err(error) = read {
            self.buffer.truncate(start);
            return Err(error);
        }
        self.next += wanted as u64;
        Ok(())
    }
}

impl BufRead for Input {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.buffer.len() {
            self.refill()?;
        }
        Ok(&self.buffer[self.at..])
    }

    fn consume(&mut self, amount: usize) {
        self.at = self.buffer.len().min(self.at + amount);
    }
}

impl Read for Input {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let len = available.len().min(buf.len());
        buf[..len].copy_from_slice(&available[..len]);
        self.consume(len);
        Ok(len)
    }
}

const BUFFER: usize = 256 << 10;
