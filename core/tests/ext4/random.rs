//! Trees of every kind of entry, drawn from a seed.

use diskwright_core::Timestamp;
use diskwright_core::filesystem::ext4::Ext4Plan;
use diskwright_core::scan::{Attributes, DataRange, DeviceNumber, EntryObject};

use crate::attributes::acl;
use crate::compare::assert_same;
use crate::image::{ALL, BLOCK, Image, MIB, options};
use crate::scan::Scan;

/// A small generator of numbers (SplitMix64).
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % end
    }

    fn bytes(&mut self, len: u64) -> Vec<u8> {
        (0..len).map(|_| self.below(256) as u8).collect()
    }

    fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    fn name(&mut self, at: usize) -> Vec<u8> {
        let len = self.one_of(&[0, 1, 8, 20, 100, 245]);
        let mut name = format!("{at}-").into_bytes();
        name.extend(
            self.bytes(len).into_iter().map(|byte| if matches!(byte, 0 | b'/') { b'_' } else { byte }),
        );
        name
    }

    fn attributes(&mut self, is_special: bool) -> Attributes {
        let ids = [0, 1000, 65_535, 65_536, 100_000, u32::MAX - 1];
        let seconds = self.one_of(&[
            i64::from(i32::MIN),
            -1,
            0,
            1_700_000_000,
            1 << 31,
            1 << 33,
            (1 << 34) - (1 << 31) - 1,
        ]);
        let mut xattrs = Vec::new();
        for at in 0..self.one_of(&[0, 0, 0, 0, 1, 2, 3, 20]) {
            // Linux has user attributes on files and directories only.
            let prefix =
                if is_special { "trusted." } else { self.one_of(&["user.", "trusted.", "security."]) };
            let len = self.one_of(&[0, 1, 3, 4, 28, 64, 100]);
            xattrs.push((format!("{prefix}{at}{}", "x".repeat(at % 9)).into_bytes(), self.bytes(len)));
        }
        if !is_special && self.below(8) == 0 {
            let none = u32::MAX;
            let user = self.below(1 << 20) as u32;
            let list = acl(&[(1, 7, none), (2, 5, user), (4, 5, none), (16, 5, none), (32, 0, none)]);
            return Attributes {
                mode: 0o750,
                uid: self.one_of(&ids),
                xattrs: vec![(b"system.posix_acl_access".to_vec(), list)],
                ..Attributes::default()
            };
        }
        Attributes {
            mode: self.below(0o10000) as u16,
            uid: self.one_of(&ids),
            gid: self.one_of(&ids),
            mtime: Timestamp { seconds, nanos: self.below(1_000_000_000) as u32 },
            flags: 0,
            xattrs,
        }
    }

    /// Ranges at any byte, with gaps below and above a block.
    fn ranges(&mut self, size: u64) -> Vec<DataRange> {
        let mut ranges = Vec::new();
        let mut at = self.below(3 * BLOCK);
        while at < size {
            let len = (1 + self.below(3 * BLOCK)).min(size - at);
            ranges.push(DataRange { offset: at, len });
            at += len + 1 + self.below(3 * BLOCK);
        }
        ranges
    }

    fn scan(&mut self) -> Scan {
        let mut scan = Scan::new();
        let mut directories: Vec<Vec<u8>> = vec![Vec::new()];
        let mut linkable: Vec<Vec<u8>> = Vec::new();
        for at in 0..self.one_of(&[0, 5, 50, 500, 3000]) {
            let parent = directories[self.below(directories.len() as u64) as usize].clone();
            let mut path = parent;
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend(self.name(at));
            if path.len() > 3000 {
                continue;
            }
            match self.below(20) {
                0..3 if directories.len() < 40 => {
                    scan.put(&path, EntryObject::Directory, self.attributes(false));
                    directories.push(path);
                    continue;
                }
                0..5 => {
                    let len = self.one_of(&[1, 59, 60, 4095]);
                    let target = self.bytes(len).into_iter().map(|byte| byte.max(1)).collect();
                    scan.put(
                        &path,
                        EntryObject::Symlink(target),
                        Attributes { mode: 0o777, ..self.attributes(true) },
                    );
                }
                5 => {
                    let number =
                        DeviceNumber { major: self.below(1 << 12) as u32, minor: self.below(1 << 20) as u32 };
                    let object = if self.below(2) == 0 {
                        EntryObject::CharDevice(number)
                    } else {
                        EntryObject::BlockDevice(number)
                    };
                    scan.put(&path, object, self.attributes(true));
                }
                6 => {
                    scan.put(&path, EntryObject::Fifo, self.attributes(true));
                }
                7 | 8 if !linkable.is_empty() => {
                    let to = linkable[self.below(linkable.len() as u64) as usize].clone();
                    scan.hard_link(&path, to);
                }
                9 => {
                    let size = self.below(400 * BLOCK);
                    let data = self.ranges(size);
                    scan.file_with(&path, size, Some(data), self.attributes(false));
                }
                _ => {
                    let size = self.one_of(&[0, 1, 4095, 4096, 4097, 40_000]);
                    scan.file_with(&path, size, None, self.attributes(false));
                }
            }
            linkable.push(path);
        }
        scan
    }
}

#[test]
fn random_trees_are_what_the_kernel_then_shows() {
    for seed in 0..80 {
        let mut draw = Draw(seed);
        let view = draw.scan().view();
        let features = draw.one_of(&ALL);
        let spare = draw.one_of(&[0, 1, 20 * MIB, 300 * MIB]);
        println!("seed {seed}: {:?} {features:?} {spare}", view.tree());
        let size = Ext4Plan::minimum_size(&view, &options(features), spare).unwrap();
        let image = Image::new(&view, options(features), size);
        image.assert_clean();
        if let Some(mounted) = image.mount("loop,ro") {
            assert_same(&view, &mounted);
        }
    }
}
