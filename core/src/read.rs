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

/// One reader's bytes and others behind them.
pub(crate) struct ChainedReader {
    pub(crate) head: Arc<dyn ReadAt>,
    pub(crate) tail: Arc<[u8]>,
}

impl ReadAt for ChainedReader {
    fn size(&self) -> u64 {
        self.head.size().saturating_add(self.tail.len() as u64)
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let in_head = usize::try_from(self.head.size().saturating_sub(offset)).unwrap_or(usize::MAX);
        let (from_head, from_tail) = buf.split_at_mut(in_head.min(buf.len()));
        if !from_head.is_empty() {
            self.head.read_exact_at(offset, from_head)?;
        }
        if from_tail.is_empty() {
            return Ok(());
        }
        let skipped = offset.saturating_sub(self.head.size());
        BytesReader(Arc::clone(&self.tail)).read_exact_at(skipped, from_tail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_reads_across_its_joint_and_not_past_its_end() {
        let head = Arc::new(BytesReader(Arc::from(&b"abc"[..])));
        let chain = ChainedReader { head, tail: Arc::from(&b"defg"[..]) };
        assert_eq!(chain.size(), 7);
        for start in 0..=7 {
            for end in start..=7 {
                let mut read = vec![0; end - start];
                chain.read_exact_at(start as u64, &mut read).unwrap();
                assert_eq!(read, b"abcdefg"[start..end]);
            }
        }
        let past = chain.read_exact_at(6, &mut [0; 2]).unwrap_err();
        assert_eq!(past.kind(), io::ErrorKind::UnexpectedEof);
    }
}
