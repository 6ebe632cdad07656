//! Disks that are known without any image of them: the model that images are compared with.

use std::io;
use std::sync::Arc;

use arbitrary::Arbitrary;
use diskwright::ReadAt;
use diskwright::layout::{DiskLayout, LayoutBuilder};
use diskwright::tree::{Findings, TreeBuilder};
use diskwright_verify::Disk;

use crate::random::Random;

/// A range of a disk, behind a hole.
#[derive(Arbitrary, Clone, Debug)]
pub(crate) struct Extent {
    /// The hole before it is `hole << shift` bytes.
    hole: u16,
    shift: u8,
    /// `len << (len_shift % 8)` bytes.
    len: u16,
    len_shift: u8,
    content: Content,
}

#[derive(Arbitrary, Clone, Debug)]
enum Content {
    /// Zeros that only reading shows.
    Zeros,
    /// Zeros that are known without reading, inside of what is no hole.
    KnownZeros,
    Constant(u8),
    Noise(u16),
    Text,
    /// Bytes, repeated.
    Bytes(Vec<u8>),
}

/// A disk that is zero but for its parts, which ascend and do not overlap.
pub(crate) struct Model {
    pub(crate) size: u64,
    parts: Vec<(u64, Arc<[u8]>)>,
}

impl Model {
    /// A disk of these extents with a hole of `tail` bytes behind them, no larger than `max_size`, rounded up to whole
    /// multiples of `unit`.
    pub(crate) fn new(extents: &[Extent], tail: u64, max_size: u64, unit: u64) -> Self {
        let (mut at, mut room) = (0_u64, DATA);
        let mut parts = Vec::new();
        for extent in extents.iter().take(EXTENTS) {
            let start = at + (u64::from(extent.hole) << (extent.shift % 20));
            let len = (usize::from(extent.len) << (extent.len_shift % 8)).min(room);
            if start + len as u64 > max_size {
                continue;
            }
            room -= len;
            at = start + len as u64;
            if len > 0 && !matches!(extent.content, Content::KnownZeros) {
                parts.push((start, extent.content.bytes(len).into()));
            }
        }
        let size = at.saturating_add(tail).clamp(1, max_size).max(at).next_multiple_of(unit);
        Self { size, parts }
    }

    /// A disk with these bytes.
    pub(crate) fn of_parts(size: u64, parts: &[(u64, Vec<u8>)]) -> Self {
        Self { size, parts: parts.iter().map(|(at, bytes)| (*at, bytes.as_slice().into())).collect() }
    }

    /// The disk as formats see it.
    pub(crate) fn layout(&self) -> DiskLayout {
        let (tree, _) = TreeBuilder::new(Findings::default()).finish().unwrap();
        let mut builder = LayoutBuilder::new(Arc::new(tree));
        for (start, bytes) in &self.parts {
            builder.zeros_to(*start, "hole").unwrap();
            builder.bytes(Arc::clone(bytes), "data").unwrap();
        }
        builder.finish(self.size).unwrap()
    }

    /// Panics at the first byte of `disk` that is another.
    pub(crate) fn compare(&self, disk: &dyn Disk) {
        assert_eq!(disk.size(), self.size, "the size of the disk");
        let mut found = vec![0; PIECE];
        let mut expected = vec![0; PIECE];
        let mut at = 0;
        while at < self.size {
            // What is a hole on both sides is zero on both.
            at = at.max(disk.next_data(at).min(self.next_part(at)) / PIECE as u64 * PIECE as u64);
            let len = PIECE.min(usize::try_from(self.size - at.min(self.size)).unwrap());
            disk.read_exact_at(at, &mut found[..len]).unwrap();
            self.fill(at, &mut expected[..len]);
            if let Some(wrong) =
                found[..len].iter().zip(&expected).position(|(found, expected)| found != expected)
            {
                panic!(
                    "byte {:#x} is {:#04x}, not {:#04x}",
                    at + wrong as u64,
                    found[wrong],
                    expected[wrong]
                );
            }
            at += len as u64;
            if len == 0 {
                break;
            }
        }
    }

    fn fill(&self, start: u64, buf: &mut [u8]) {
        buf.fill(0);
        let end = start + buf.len() as u64;
        for (at, part) in &self.parts {
            let (from, to) = (start.max(*at), end.min(at + part.len() as u64));
            if from < to {
                buf[(from - start) as usize..(to - start) as usize]
                    .copy_from_slice(&part[(from - at) as usize..(to - at) as usize]);
            }
        }
    }

    fn next_part(&self, start: u64) -> u64 {
        let next = self.parts.iter().find(|(at, part)| at + part.len() as u64 > start);
        next.map_or(self.size, |(at, _)| start.max(*at))
    }
}

impl Content {
    fn bytes(&self, len: usize) -> Vec<u8> {
        match self {
            Self::Zeros | Self::KnownZeros => vec![0; len],
            Self::Constant(byte) => vec![*byte; len],
            Self::Noise(seed) => Random::new((*seed).into()).bytes(len),
            Self::Text => {
                b"/usr/share/doc/package/changelog.gz\n".iter().copied().cycle().take(len).collect()
            }
            Self::Bytes(bytes) if bytes.is_empty() => vec![0xa5; len],
            Self::Bytes(bytes) => bytes.iter().copied().cycle().take(len).collect(),
        }
    }
}

/// A layout as a verifier reads disks.
pub(crate) struct LaidOut(pub(crate) DiskLayout);

impl ReadAt for LaidOut {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.0.reader().read_exact_at(offset, buf).map_err(io::Error::other)
    }
}

impl Disk for LaidOut {
    fn next_data(&self, from: u64) -> u64 {
        self.0.next_data(from).unwrap_or(self.0.size()).max(from)
    }
}

/// Bytes of all parts.
const DATA: usize = 3 << 20;
const EXTENTS: usize = 64;
const PIECE: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    fn model(parts: &[(u64, &[u8])]) -> Model {
        let parts: Vec<(u64, Vec<u8>)> = parts.iter().map(|(at, bytes)| (*at, bytes.to_vec())).collect();
        Model::of_parts(1 << 20, &parts)
    }

    fn is_noticed(model: &Model, disk: DiskLayout) -> bool {
        catch_unwind(AssertUnwindSafe(|| model.compare(&LaidOut(disk)))).is_err()
    }

    #[test]
    fn a_disk_is_what_its_model_says() {
        let one = model(&[(5, b"first"), (500_000, b"second")]);
        one.compare(&LaidOut(one.layout()));
    }

    #[test]
    fn a_byte_that_is_other_missing_or_too_many_is_noticed_and_so_is_another_size() {
        let parts: &[(u64, &[u8])] = &[(5, b"first"), (500_000, b"second")];
        let others: [&[(u64, &[u8])]; 4] = [
            &[(5, b"first"), (500_000, b"sec0nd")],
            &[(5, b"first")],
            &[(5, b"first"), (500_000, b"second"), ((1 << 20) - 1, b"x")],
            &[(6, b"first"), (500_000, b"second")],
        ];
        for other in others {
            let disk = model(other).layout();
            assert!(is_noticed(&model(parts), disk), "{other:?}");
        }
        let larger =
            Model::of_parts(2 << 20, &[(5, b"first".to_vec()), (500_000, b"second".to_vec())]).layout();
        assert!(is_noticed(&model(parts), larger));
    }
}
