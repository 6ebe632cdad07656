//! Changes to a valid file, in few bytes: structures are reached that random bytes never make.

use arbitrary::Arbitrary;

/// A change at a place: the number of one of the lines of 64 bytes in which something stands, and a byte of it.
#[derive(Arbitrary, Clone, Debug)]
pub(crate) struct Patch {
    line: u16,
    byte: u8,
    edit: Edit,
}

#[derive(Arbitrary, Clone, Debug)]
enum Edit {
    Byte(u8),
    Flip(u8),
    Four(u32),
    Eight(u64),
    EightReversed(u64),
    /// Bytes over those that stand there.
    Over(Vec<u8>),
    Insert(Vec<u8>),
    Remove(u8),
    Cut,
    /// The line, once more behind itself.
    Repeat,
}

/// A file with the lines of it that are not all zero.
#[derive(Clone, Debug)]
pub(crate) struct Base {
    pub(crate) bytes: Vec<u8>,
    lines: Vec<usize>,
}

impl Base {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        let lines = bytes.chunks(LINE).enumerate();
        let lines =
            lines.filter(|(_, line)| line.iter().any(|byte| *byte != 0)).map(|(number, _)| number).collect();
        Self { bytes, lines }
    }

    /// The first byte from `from` on in a line that holds something; the file's length if there is none. No change is made
    /// elsewhere but in the lines just behind.
    pub(crate) fn next_line(&self, from: u64) -> u64 {
        let at = self.lines.partition_point(|line| ((line * LINE + LINE + OVER) as u64) <= from);
        self.lines.get(at).map_or(self.bytes.len() as u64, |line| ((line * LINE) as u64).max(from))
    }

    /// Where the first byte of a change stands.
    fn place(&self, patch: &Patch) -> usize {
        let line = self.lines.get(usize::from(patch.line) % self.lines.len().max(1)).copied().unwrap_or(0);
        line * LINE + usize::from(patch.byte) % LINE
    }

    /// The file with the changes, each at its place in the file without them; the length may change.
    pub(crate) fn patched(&self, patches: &[Patch]) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        for patch in patches.iter().take(PATCHES) {
            let at = self.place(patch).min(bytes.len());
            if patch.edit.overwrites(&mut bytes, at) {
                continue;
            }
            match &patch.edit {
                Edit::Insert(inserted) => drop(bytes.splice(at..at, inserted.iter().copied())),
                Edit::Remove(len) => drop(bytes.drain(at..(at + usize::from(*len)).min(bytes.len()))),
                Edit::Cut => bytes.truncate(at),
                Edit::Repeat => {
                    let line = bytes[at..(at + LINE).min(bytes.len())].to_vec();
                    bytes.splice(at..at, line);
                }
                _ => {}
            }
        }
        bytes
    }

    /// What the changes that keep the length write: places and bytes.
    pub(crate) fn overlay(&self, patches: &[Patch]) -> Vec<(usize, Vec<u8>)> {
        let mut overlay = Vec::new();
        for patch in patches.iter().take(PATCHES) {
            let at = self.place(patch);
            let mut bytes =
                self.bytes[at.min(self.bytes.len())..].iter().copied().take(OVER).collect::<Vec<u8>>();
            if patch.edit.overwrites(&mut bytes, 0) {
                overlay.push((at, bytes));
            }
        }
        overlay
    }
}

impl Edit {
    /// Writes over bytes, if that is what is meant; says whether it is.
    fn overwrites(&self, bytes: &mut [u8], at: usize) -> bool {
        let mut put = |with: &[u8]| bytes.iter_mut().skip(at).zip(with).for_each(|(to, from)| *to = *from);
        match self {
            Self::Byte(byte) => put(&[*byte]),
            Self::Flip(mask) => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= mask),
            Self::Four(value) => put(&value.to_le_bytes()),
            Self::Eight(value) => put(&value.to_le_bytes()),
            Self::EightReversed(value) => put(&value.to_be_bytes()),
            Self::Over(with) => put(&with[..with.len().min(OVER)]),
            _ => return false,
        }
        true
    }
}

const LINE: usize = 64;
const PATCHES: usize = 40;
const OVER: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(line: u16, byte: u8, edit: Edit) -> Patch {
        Patch { line, byte, edit }
    }

    #[test]
    fn changes_are_made_where_something_stands() {
        let mut bytes = vec![0; 640];
        bytes[200] = 7;
        let base = Base::new(bytes.clone());
        let changed = base.patched(&[patch(9, 8, Edit::Byte(9)), patch(0, 9, Edit::Four(u32::MAX))]);
        bytes[200..205].copy_from_slice(&[9, 255, 255, 255, 255]);
        assert_eq!(changed, bytes);
        let overlay = base.overlay(&[patch(3, 8, Edit::Flip(1)), patch(3, 8, Edit::Cut)]);
        assert_eq!((overlay.len(), overlay[0].0, overlay[0].1[0]), (1, 200, 6));
        assert_eq!(base.patched(&[patch(0, 8, Edit::Cut)]).len(), 200);
        assert_eq!(base.patched(&[patch(0, 8, Edit::Insert(vec![1, 2]))])[200..203], [1, 2, 7]);
        assert_eq!(base.patched(&[patch(0, 8, Edit::Remove(2))]).len(), 638);
        assert_eq!((base.next_line(0), base.next_line(300), base.next_line(600)), (192, 300, 640));
    }
}
