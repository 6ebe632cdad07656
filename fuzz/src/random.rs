/// Numbers that look random and follow from a seed: xorshift64*.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The numbers of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `limit`, which is not zero.
    pub fn below(&mut self, limit: usize) -> usize {
        ((self.number() >> 16) % limit as u64) as usize
    }

    /// So many bytes.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| (self.number() >> 32) as u8).collect()
    }

    /// Inputs of growing length for a target that makes something of any bytes.
    pub(crate) fn inputs() -> Vec<Vec<u8>> {
        let mut random = Self::new(1);
        (0..12).map(|number| random.bytes(24 << (number / 2))).collect()
    }

    /// `input` changed in a few places, or another input altogether.
    pub fn mutated(&mut self, input: &[u8], max_len: usize) -> Vec<u8> {
        let mut bytes = input.to_vec();
        if bytes.is_empty() || self.below(16) == 0 {
            let len = self.below(max_len.min(600)) + 1;
            return self.bytes(len);
        }
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len().max(1));
            let value = self.number().to_le_bytes();
            match self.below(6) {
                0 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << (value[0] % 8)),
                1 => bytes.iter_mut().skip(at).zip(value).for_each(|(byte, value)| *byte = value),
                2 => bytes.truncate(at.max(1)),
                3 => drop(bytes.splice(at..at, value[..1 + usize::from(value[7] % 7)].iter().copied())),
                4 => drop(bytes.drain(at..(at + usize::from(value[0] % 9)).min(bytes.len()))),
                _ => bytes
                    .iter_mut()
                    .skip(at)
                    .take(4)
                    .for_each(|byte| *byte = [0, 0xff, 0x7f, b'\n'][self.below(4)]),
            }
            if bytes.is_empty() {
                break;
            }
        }
        bytes.truncate(max_len);
        bytes
    }
}
