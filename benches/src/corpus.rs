use std::io;
use std::sync::Arc;

use diskwright::scan::{Attributes, Entry, EntryObject, ScanSource, ScanSummary, ScanVisitor, SourceContent};
use diskwright::{ReadAt, Result};

/// A tree whose content is computed from a seed, at any offset, without being held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corpus {
    /// 64 MiB in 16 files that no codec makes smaller.
    Noise,
    /// 64 MiB in 16 files of words: codecs make them about a fifth.
    Words,
    /// 20 000 files of 0 to 4095 bytes of words in 200 directories.
    ManySmall,
}

/// All corpora.
pub fn corpora() -> Vec<Corpus> {
    vec![Corpus::Noise, Corpus::Words, Corpus::ManySmall]
}

impl Corpus {
    /// The name that benches show.
    pub fn name(self) -> &'static str {
        match self {
            Self::Noise => "noise",
            Self::Words => "words",
            Self::ManySmall => "many-small",
        }
    }

    /// Bytes of all files.
    pub fn size(self) -> u64 {
        (0..self.count()).map(|number| self.len(number)).sum()
    }

    fn count(self) -> u64 {
        if self == Self::ManySmall { 20_000 } else { 16 }
    }

    fn len(self, number: u64) -> u64 {
        if self == Self::ManySmall { mix(number) % 4096 } else { 4 << 20 }
    }
}

impl ScanSource for Corpus {
    fn scan(&self, visitor: &mut dyn ScanVisitor) -> Result<ScanSummary> {
        let attributes = |mode| Attributes { mode, ..Attributes::default() };
        visitor.entry(Entry {
            path: Vec::new(),
            object: EntryObject::Directory,
            attributes: attributes(0o755),
        })?;
        for directory in 0..self.count().div_ceil(100) {
            let path = format!("d{directory:03}").into_bytes();
            visitor.entry(Entry { path, object: EntryObject::Directory, attributes: attributes(0o755) })?;
        }
        for number in 0..self.count() {
            let path = format!("d{:03}/file-{number:05}", number / 100).into_bytes();
            let content = SourceContent(number);
            let object = EntryObject::File { content, size: self.len(number), data: None };
            visitor.entry(Entry { path, object, attributes: attributes(0o644) })?;
        }
        Ok(ScanSummary::default())
    }

    fn open(&self, content: SourceContent) -> Result<Arc<dyn ReadAt>> {
        Ok(Arc::new(Content { corpus: *self, number: content.0 }))
    }
}

struct Content {
    corpus: Corpus,
    number: u64,
}

impl ReadAt for Content {
    fn size(&self) -> u64 {
        self.corpus.len(self.number)
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        if offset.checked_add(buf.len() as u64).is_none_or(|end| end > self.size()) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for (at, byte) in (offset..).zip(buf) {
            let cell = mix((self.number << 32) | (at / 8));
            let cell = match self.corpus {
                Corpus::Noise => cell.to_le_bytes(),
                Corpus::Words | Corpus::ManySmall => *WORDS[cell as usize % WORDS.len()],
            };
            *byte = cell[(at % 8) as usize];
        }
        Ok(())
    }
}

/// SplitMix64: the state is the position, so that any offset can be computed alone.
fn mix(position: u64) -> u64 {
    let mut z = position.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

const WORDS: [&[u8; 8]; 16] = [
    b"cluster ",
    b"extent, ",
    b"grain of",
    b" sectors",
    b" inode: ",
    b"refcount",
    b" the tab",
    b"le of pa",
    b"rtitions",
    b" a disk\n",
    b"journal ",
    b"of block",
    b"s; boots",
    b" under U",
    b"EFI and ",
    b"a BIOS.\n",
];
