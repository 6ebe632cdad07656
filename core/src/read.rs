use std::io;
use std::sync::Arc;

/// Bytes at known offsets, readable from any thread.
pub trait ReadAt: Send + Sync {
    /// The number of bytes, fixed for the reader's life.
    fn size(&self) -> u64;

    /// Fills `buf` from `offset`.
    ///
    /// # Errors
    /// Whatever the medium says; a range past [`ReadAt::size`] is `UnexpectedEof`. A reader never gives fewer bytes.
    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()>;
}

/// Bytes in memory.
#[derive(Clone, Debug)]
pub struct BytesReader(pub Arc<[u8]>);

impl ReadAt for BytesReader {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let range = usize::try_from(offset)
            .ok()
            .and_then(|start| self.0.get(start..start.checked_add(buf.len())?))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        buf.copy_from_slice(range);
        Ok(())
    }
}
