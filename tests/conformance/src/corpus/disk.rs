use std::sync::Arc;

use diskwright_core::Result;
use diskwright_core::layout::{DiskLayout, LayoutBuilder};
use diskwright_core::tree::{Findings, TreeBuilder};

use super::chance::Chance;

/// A disk that is zero but for its parts, which ascend and do not overlap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Bytes of the disk, at least one.
    pub size: u64,
    /// Where each part starts, and its bytes; they may be zeros that only reading shows.
    pub parts: Vec<(u64, Vec<u8>)>,
}

impl Disk {
    /// Everything that a container meets, up to `size`: text, noise, constants, zeros that only reading shows, a tail.
    pub fn mixed(size: u64) -> Self {
        let mut bytes = Vec::new();
        let mut kind = 0;
        while (bytes.len() as u64) < size {
            let len = [70_000, 4096, 300_000, 65_536, 1 << 20, 9_000, 3 << 20][kind % 7];
            match kind % 5 {
                0 => bytes.extend(text(len)),
                1 => bytes.extend(noise(len, kind as u32 + 1)),
                2 => bytes.resize(bytes.len() + len, 0),
                3 => bytes.resize(bytes.len() + len, 0xA5),
                _ => bytes.extend(text(len / 3).into_iter().chain(noise(len / 2, 77))),
            }
            kind += 1;
        }
        bytes.truncate(size as usize);
        Self { size, parts: vec![(0, bytes)] }
    }

    /// As [`Disk::mixed`], with lengths, order and gaps (zeros known without reading) that follow from a seed. The last
    /// byte is not zero.
    pub fn random(seed: u64, size: u64) -> Self {
        let mut chance = Chance::new(seed);
        let mut parts = Vec::new();
        let mut at = 0;
        while at < size {
            let shift = chance.within(9..21);
            let len = (chance.within(1..(2 << shift)) as usize).min((size - at) as usize);
            match chance.within(0..6) {
                0 => parts.push((at, text(len))),
                1 => parts.push((at, noise(len, chance.next() as u32))),
                2 => parts.push((at, vec![0; len])),
                3 => parts.push((at, vec![chance.next() as u8; len])),
                4 => parts.push((at, text(len / 2).into_iter().chain(noise(len - len / 2, 77)).collect())),
                _ => {}
            }
            at += len as u64;
        }
        let mut disk = Self { size, parts };
        disk.end_with(0x5A);
        disk
    }

    /// The disk with zeros behind it, up to `size` bytes, and one byte at its end; as it is if it is no smaller.
    pub fn extended_to(mut self, size: u64) -> Self {
        if size > self.size {
            self.size = size;
            self.end_with(0x5A);
        }
        self
    }

    /// A disk of `size` bytes with nothing on it.
    pub fn zero(size: u64) -> Self {
        Self { size, parts: Vec::new() }
    }

    /// The disk with every part as bytes in memory, the gaps known to be zero.
    ///
    /// # Panics
    /// If the parts overlap or pass the disk's end.
    pub fn layout(&self) -> DiskLayout {
        self.try_layout().expect("the parts of a disk ascend within it")
    }

    fn try_layout(&self) -> Result<DiskLayout> {
        let (tree, _) = TreeBuilder::new(Findings::default()).finish()?;
        let mut builder = LayoutBuilder::new(Arc::new(tree));
        for (start, bytes) in &self.parts {
            builder.zeros_to(*start, "gap")?;
            builder.bytes(bytes.clone(), "data")?;
        }
        builder.finish(self.size)
    }

    /// The bytes that the disk has at `start..start+len`.
    pub fn bytes(&self, start: u64, len: u64) -> Vec<u8> {
        let mut all = vec![0; len as usize];
        self.fill(start, &mut all);
        all
    }

    /// Fills `buf` with what the disk has from `start` on.
    pub fn fill(&self, start: u64, buf: &mut [u8]) {
        buf.fill(0);
        let end = start + buf.len() as u64;
        let first = self.parts.partition_point(|(at, part)| at + part.len() as u64 <= start);
        for (at, part) in self.parts[first..].iter().take_while(|(at, _)| *at < end) {
            let (from, to) = (start.max(*at), end.min(at + part.len() as u64));
            let target = &mut buf[(from - start) as usize..(to - start) as usize];
            target.copy_from_slice(&part[(from - at) as usize..(to - at) as usize]);
        }
    }

    /// Whether `start..start+len` lies between the parts.
    pub(crate) fn is_gap(&self, start: u64, len: u64) -> bool {
        self.parts.iter().all(|(at, part)| start + len <= *at || at + part.len() as u64 <= start)
    }

    /// The first byte from `start` on that lies in a part; the disk's size when there is none.
    pub(crate) fn next_part(&self, start: u64) -> u64 {
        let at = self.parts.partition_point(|(at, part)| at + part.len() as u64 <= start);
        self.parts.get(at).map_or(self.size, |(at, _)| start.max(*at))
    }

    fn end_with(&mut self, byte: u8) {
        let size = self.size;
        match self.parts.last_mut() {
            Some((at, part)) if *at + part.len() as u64 == size => {
                if let Some(last) = part.last_mut() {
                    *last = byte;
                }
            }
            _ => self.parts.push((size - 1, vec![byte])),
        }
    }
}

/// Lines that compress well.
pub fn text(len: usize) -> Vec<u8> {
    let mut line = 0_u32;
    let mut out = Vec::with_capacity(len + 80);
    while out.len() < len {
        line = line.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        out.extend(format!("{:08x} /usr/share/doc/package-{}/changelog.gz\n", line, line >> 22).bytes());
    }
    out.truncate(len);
    out
}

/// Bytes that no codec makes smaller.
pub fn noise(len: usize, seed: u32) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    };
    (0..len).map(|_| next() as u8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_disks_follow_from_their_seed_and_end_with_data() {
        for seed in 0..20 {
            let disk = Disk::random(seed, 3_000_001);
            assert_eq!(disk, Disk::random(seed, 3_000_001));
            assert_ne!(disk, Disk::random(seed + 100, 3_000_001));
            assert_eq!(disk.bytes(3_000_000, 1), [0x5A]);
            let mut read = vec![0; 3_000_001];
            disk.layout().reader().read_exact_at(0, &mut read).unwrap();
            assert!(read == disk.bytes(0, disk.size));
        }
        assert_eq!(Disk::random(1, 1).bytes(0, 1), [0x5A]);
    }

    #[test]
    fn any_part_of_a_disk_is_what_the_whole_has_there() {
        let disk = Disk { size: 100, parts: vec![(10, vec![1; 5]), (20, vec![2; 10])] };
        let whole = disk.bytes(0, 100);
        for start in 0..100 {
            for len in 0..=100 - start {
                assert_eq!(disk.bytes(start, len), whole[start as usize..(start + len) as usize]);
            }
        }
        assert!(disk.is_gap(0, 10) && disk.is_gap(15, 5) && disk.is_gap(30, 70));
        assert!(!disk.is_gap(14, 1) && !disk.is_gap(0, 100));
        assert_eq!([0, 10, 14, 15, 29, 30].map(|at| disk.next_part(at)), [10, 10, 14, 20, 29, 100]);
    }
}
