/// Encoded chunks back to back, in a buffer that is made once and written over.
///
/// Encoders write where the bytes stay: what they have no use for in the end is not copied, and not touched.
#[derive(Default)]
pub(super) struct EncodedBytes {
    /// Behind `len`, old bytes.
    bytes: Vec<u8>,
    len: usize,
}

impl EncodedBytes {
    /// Forgets all chunks, and has room for `most` bytes.
    pub(super) fn clear(&mut self, most: usize) {
        self.len = 0;
        if self.bytes.capacity() < most {
            // The old buffer goes first; a new one is zero already and takes no memory before it is written to.
            self.bytes = Vec::new();
            self.bytes = vec![0; most];
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// The next `len` bytes, to be written to.
    pub(super) fn room(&mut self, len: usize) -> &mut [u8] {
        let end = self.len + len;
        if self.bytes.len() < end {
            self.bytes.reserve_exact(end - self.bytes.len());
            self.bytes.resize(end, 0);
        }
        &mut self.bytes[self.len..end]
    }

    /// Keeps the first `len` bytes of the room.
    pub(super) fn keep(&mut self, len: usize) {
        self.len += len;
    }

    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.room(bytes.len()).copy_from_slice(bytes);
        self.keep(bytes.len());
    }

    /// What `append` appends to the vector that it is given is kept if it says so; gives what it says.
    pub(super) fn append_with<E>(
        &mut self,
        append: impl FnOnce(&mut Vec<u8>) -> Result<bool, E>,
    ) -> Result<bool, E> {
        self.bytes.truncate(self.len);
        let is_kept = append(&mut self.bytes)?;
        if is_kept {
            self.len = self.bytes.len();
        }
        Ok(is_kept)
    }

    pub(super) fn into_vec(mut self) -> Vec<u8> {
        self.bytes.truncate(self.len);
        self.bytes
    }
}
