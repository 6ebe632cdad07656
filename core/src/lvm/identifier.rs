use std::fmt;

use crate::Seed;

/// An identifier of LVM: 32 letters and digits.
///
/// # Reference
/// LVM2 2.03, `lib/uuid/uuid.c`: written in groups of 6, 4, 4, 4, 4, 4 and 6 characters, on disk without hyphens.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LvmId([u8; 32]);

impl LvmId {
    /// The identifier of `label` under a seed.
    pub fn of(seed: &Seed, label: &str) -> Self {
        let halves = ["first", "second"].map(|half| seed.uuid(&format!("{label}, {half} half")).into_bytes());
        let mut id = [0; 32];
        for (to, from) in id.iter_mut().zip(halves.iter().flatten()) {
            let digit = usize::from(*from).checked_rem(DIGITS.len()).unwrap_or(0);
            *to = DIGITS.get(digit).copied().unwrap_or(b'0');
        }
        Self(id)
    }

    /// The characters as they stand in a label.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for LvmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, digit) in self.0.iter().enumerate() {
            if matches!(at, 6 | 10 | 14 | 18 | 22 | 26) {
                f.write_str("-")?;
            }
            write!(f, "{}", char::from(*digit))?;
        }
        Ok(())
    }
}

impl fmt::Debug for LvmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LvmId({self})")
    }
}

const DIGITS: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
