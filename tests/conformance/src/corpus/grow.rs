use std::collections::HashSet;

use diskwright_core::scan::{DataRange, DeviceNumber, Entry, EntryObject, SourceContent};

use super::Shape;
use super::attributes::{Nature, Wardrobe};
use super::chance::Chance;
use super::content::{Content, Texture};

/// A tree while it grows.
pub(super) struct Growth<'a> {
    chance: &'a mut Chance,
    shape: Shape,
    wardrobe: Wardrobe,
    entries: Vec<Entry>,
    contents: Vec<Content>,
    taken: HashSet<Vec<u8>>,
    /// Entries that are directories.
    directories: Vec<usize>,
    /// Entries that may get further names.
    linkable: Vec<usize>,
    /// Bytes of data that files may still have.
    data_left: u64,
}

impl<'a> Growth<'a> {
    pub(super) fn new(chance: &'a mut Chance, shape: Shape) -> Self {
        let wardrobe = Wardrobe::new(chance);
        let mut growth = Self {
            chance,
            shape,
            wardrobe,
            entries: Vec::new(),
            contents: Vec::new(),
            taken: HashSet::new(),
            directories: vec![0],
            linkable: Vec::new(),
            data_left: 16 << 20,
        };
        growth.add(Vec::new(), EntryObject::Directory, Nature::Directory);
        growth
    }

    pub(super) fn grow(mut self) -> (Vec<Entry>, Vec<Content>) {
        let count = match self.chance.next() % 10 {
            0 => self.chance.count(0..4),
            1 => self.chance.count(500..1500),
            _ => self.chance.count(20..250),
        };
        for _ in 0..count {
            self.grow_entry();
        }
        if self.chance.one_in(8) {
            self.grow_crowd();
        }
        if self.chance.one_in(10) {
            self.grow_chain();
        }
        if self.chance.one_in(40) {
            self.grow_index_of_two_levels();
        }
        (self.entries, self.contents)
    }

    /// One entry of any kind somewhere.
    fn grow_entry(&mut self) {
        let directory = self.any_directory();
        let path = self.free_path(directory);
        match self.chance.next() % 100 {
            0..20 => self.add_directory(path),
            20..65 => self.add_file(path),
            65..78 => self.add_link(path),
            78..88 => self.add_name(path),
            88..96 => self.add_device(path),
            96..98 => self.add(path, EntryObject::Fifo, Nature::Special),
            _ => self.add(path, EntryObject::Socket, Nature::Special),
        }
    }

    /// A directory with more entries than a few blocks hold.
    fn grow_crowd(&mut self) {
        let directory = self.any_directory();
        for _ in 0..self.chance.count(300..2500) {
            let path = self.free_path(directory);
            match self.chance.next() % 8 {
                0 => self.add_name(path),
                1 => self.add_directory(path),
                2 => self.add_link(path),
                _ => self.add_content(path, 0, None),
            }
        }
    }

    /// Directories in directories.
    fn grow_chain(&mut self) {
        let mut directory = 0;
        for _ in 0..self.chance.count(50..600) {
            let mut path = self.entries[directory].path.clone();
            if !path.is_empty() {
                path.push(b'/');
            }
            path.push(b'd');
            if self.taken.contains(&path) {
                return;
            }
            self.add_directory(path);
            directory = self.entries.len() - 1;
        }
    }

    /// A directory whose hash index needs two levels: its names fill more blocks than one index block points to.
    fn grow_index_of_two_levels(&mut self) {
        if self.entries.len() > 1000 {
            return;
        }
        let path = self.free_path(0);
        self.add_content(path, 10, None);
        let first = self.entries.len() - 1;
        let directory = self.free_path(0);
        self.add_directory(directory.clone());
        for number in 0..9000 {
            let path = [&directory, &format!("/{number:0>250}").into_bytes()[..]].concat();
            self.add_name_of(path, first);
        }
    }

    fn add_directory(&mut self, path: Vec<u8>) {
        self.directories.push(self.entries.len());
        self.add(path, EntryObject::Directory, Nature::Directory);
    }

    fn add_file(&mut self, path: Vec<u8>) {
        let size = match self.chance.next() % 20 {
            0..3 => 0,
            3..9 => self.chance.within(1..200),
            9..14 => *self.chance.pick(&[4095, 4096, 4097, 8191, 8192, 12_289]),
            14..18 => self.chance.within(1..60_000),
            18 => self.chance.within(1..1_000_000),
            _ => return self.add_sparse(path),
        };
        self.add_content(path, size, None);
    }

    fn add_sparse(&mut self, path: Vec<u8>) {
        let (count, longest) = match self.chance.next() % 6 {
            0 => (0, 1),
            // More extents than a block of an extent tree holds.
            1 => (self.chance.count(341..1200), 4096),
            _ => (self.chance.count(1..12), 100_000),
        };
        let unit = match self.shape {
            Shape::Any => 1,
            Shape::Host => 4096,
        };
        let mut ranges = Vec::new();
        let mut position = self.chance.within(0..3) * 4096;
        for _ in 0..count {
            let len = self.chance.within(1..longest + 1).next_multiple_of(unit);
            ranges.push(DataRange { offset: position, len });
            position = (position + len + self.chance.within(4096..20_000)).next_multiple_of(unit);
        }
        let end = ranges.last().map_or(0, |last| last.offset + last.len);
        let size = end + self.chance.within(0..30_000);
        self.add_content(path, size, Some(ranges));
    }

    fn add_content(&mut self, path: Vec<u8>, size: u64, data: Option<Vec<DataRange>>) {
        let bytes = data.as_ref().map_or(size, |ranges| ranges.iter().map(|range| range.len).sum());
        let (size, data) = match self.data_left.checked_sub(bytes) {
            Some(left) => {
                self.data_left = left;
                (size, data)
            }
            None => (0, None),
        };
        // A map of everything is no map.
        let data = data.filter(|_| size > 0);
        let texture = *self.chance.pick(&[Texture::Noise, Texture::Noise, Texture::Text, Texture::Zeros]);
        let seed = self.chance.next();
        let content = SourceContent(self.contents.len() as u64);
        self.contents.push(Content { seed, texture, size, data: data.clone().map(Into::into) });
        self.linkable.push(self.entries.len());
        self.add(path, EntryObject::File { content, size, data }, Nature::File);
    }

    fn add_link(&mut self, path: Vec<u8>) {
        let len = match self.chance.next() % 4 {
            0 => *self.chance.pick(&[1, 58, 59, 60, 61, 300, 4094, 4095]),
            _ => self.chance.count(1..100),
        };
        let target = self.chance.bytes(len).into_iter().map(|byte| byte.max(1)).collect();
        self.linkable.push(self.entries.len());
        self.add(path, EntryObject::Symlink(target), Nature::Link);
    }

    /// One more name for something that is there.
    fn add_name(&mut self, path: Vec<u8>) {
        match self.linkable.is_empty() {
            true => self.add_file(path),
            false => {
                let first = *self.chance.pick(&self.linkable);
                self.add_name_of(path, first);
            }
        }
    }

    fn add_name_of(&mut self, path: Vec<u8>, first: usize) {
        self.taken.insert(path.clone());
        let Entry { path: target, attributes, .. } = self.entries[first].clone();
        self.entries.push(Entry { path, object: EntryObject::HardLink(target), attributes });
    }

    fn add_device(&mut self, path: Vec<u8>) {
        let major = *self.chance.pick(&[0, 1, 8, 255, 256, 4095]);
        let minor = *self.chance.pick(&[0, 3, 255, 256, 65_536, 1_048_575]);
        // The kernel takes character device 0:0 for a whiteout of overlay file systems, which is as good as any.
        let number = DeviceNumber { major, minor };
        let object = match self.chance.one_in(2) {
            true => EntryObject::CharDevice(number),
            false => EntryObject::BlockDevice(number),
        };
        self.linkable.push(self.entries.len());
        self.add(path, object, Nature::Special);
    }

    fn add(&mut self, path: Vec<u8>, object: EntryObject, nature: Nature) {
        let attributes = self.wardrobe.dress(self.chance, nature);
        self.taken.insert(path.clone());
        self.entries.push(Entry { path, object, attributes });
    }

    /// A directory whose entries' paths are short enough for every system call; late ones more often.
    fn any_directory(&mut self) -> usize {
        let from = match self.chance.one_in(2) {
            true => self.directories.len().saturating_sub(4),
            false => 0,
        };
        let directory = self.directories[self.chance.count(from..self.directories.len())];
        if self.entries[directory].path.len() > 3000 { 0 } else { directory }
    }

    /// A path in a directory that nothing has.
    fn free_path(&mut self, directory: usize) -> Vec<u8> {
        loop {
            let mut path = self.entries[directory].path.clone();
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend(self.name());
            if !self.taken.contains(&path) {
                return path;
            }
        }
    }

    fn name(&mut self) -> Vec<u8> {
        let len = match self.chance.next() % 16 {
            0 => 255,
            1 => self.chance.count(100..256),
            _ => self.chance.count(1..24),
        };
        let bytes = self.chance.bytes(len).into_iter();
        let name: Vec<u8> = match self.chance.next() % 8 {
            // Anything but a slash or NUL: mostly not UTF-8.
            0 => bytes.map(|byte| if byte == b'/' || byte == 0 { b'\n' } else { byte }).collect(),
            1 => "\u{e9}\u{df}\u{4e2d}\u{1f4be}".bytes().cycle().skip(len % 2 * 2).take(len).collect(),
            _ => bytes.map(|byte| LETTERS[usize::from(byte) % LETTERS.len()]).collect(),
        };
        if name == b"." || name == b".." { b"...".to_vec() } else { name }
    }
}

const LETTERS: &[u8; 40] = b"abcdefghijklmnopqrstuvwxyzABC0123456.-_ ";
