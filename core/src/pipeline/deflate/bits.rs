/// Writes bits, the least significant first, to a buffer (RFC 1951, 3.1.1).
///
/// What does not fit is dropped; [`BitWriter::finish`] says so.
pub(super) struct BitWriter<'a> {
    room: &'a mut [u8],
    /// Whole bytes written.
    at: usize,
    /// Bits that are not written yet, fewer than 64; the rest are zeros.
    bits: u64,
    count: u32,
}

impl<'a> BitWriter<'a> {
    pub(super) fn new(room: &'a mut [u8]) -> Self {
        Self { room, at: 0, bits: 0, count: 0 }
    }

    /// Bits written so far.
    pub(super) fn len(&self) -> usize {
        8 * self.at + self.count as usize
    }

    /// Whether something did not fit.
    pub(super) fn is_full(&self) -> bool {
        self.at > self.room.len()
    }

    /// Adds the lowest `count` bits of `bits`, the only ones that may be set. Between two flushes 56 bits may be added.
    #[inline(always)]
    pub(super) fn put(&mut self, bits: u64, count: u32) {
        self.bits |= bits << (self.count & 63);
        self.count += count;
    }

    /// Writes the whole bytes out.
    #[inline(always)]
    pub(super) fn flush(&mut self) {
        let bytes = self.bits.to_le_bytes();
        match self.room.get_mut(self.at..self.at + 8) {
            Some(room) => room.copy_from_slice(&bytes),
            None => self.flush_at_the_end(),
        }
        let whole = self.count & !7;
        self.at += (self.count >> 3) as usize;
        self.bits = if whole < 64 { self.bits >> whole } else { 0 };
        self.count &= 7;
    }

    /// [`BitWriter::put`] and [`BitWriter::flush`].
    pub(super) fn write(&mut self, bits: u64, count: u32) {
        self.put(bits, count);
        self.flush();
    }

    /// Zeros up to the next whole byte.
    pub(super) fn align(&mut self) {
        self.count = self.count.next_multiple_of(8);
        self.flush();
    }

    /// Whole bytes, behind an aligned end.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        if let Some(room) = self.room.get_mut(self.at..self.at + bytes.len()) {
            room.copy_from_slice(bytes);
        }
        self.at += bytes.len();
    }

    /// Fills the last byte with zeros; gives the bytes written, `None` when some did not fit.
    pub(super) fn finish(mut self) -> Option<usize> {
        self.align();
        (!self.is_full()).then_some(self.at)
    }

    #[cold]
    fn flush_at_the_end(&mut self) {
        let end = self.room.len();
        let rest = &mut self.room[self.at.min(end)..];
        for (byte, room) in self.bits.to_le_bytes().iter().take((self.count / 8) as usize).zip(rest) {
            *room = *byte;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_fill_bytes_from_the_least_significant() {
        let mut room = [0xFF; 6];
        let mut writer = BitWriter::new(&mut room);
        writer.put(0b1, 1);
        writer.put(0b10, 2);
        writer.put(0x1234, 16);
        writer.flush();
        assert_eq!(writer.len(), 19);
        writer.align();
        writer.append(&[7, 8]);
        assert_eq!(writer.finish(), Some(5));
        assert_eq!(room[..5], [0b1010_0101, 0x91, 0x00, 7, 8]);
    }

    #[test]
    fn what_does_not_fit_is_told_and_nothing_else_is_touched() {
        for len in 0..9 {
            let mut room = [0xFF; 10];
            let mut writer = BitWriter::new(&mut room[..len]);
            writer.write(0x0008_0706_0504_0302, 56);
            writer.append(&[9]);
            writer.write(0x7F, 7);
            assert_eq!(writer.finish(), None, "{len}");
            assert_eq!(room[len..], [0xFF; 10][len..]);
        }
    }

    #[test]
    fn the_last_whole_byte_is_filled() {
        let mut room = [0; 9];
        let mut writer = BitWriter::new(&mut room);
        for byte in 1..=9 {
            writer.write(byte, 8);
        }
        assert_eq!(writer.finish(), Some(9));
        assert_eq!(room, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }
}
