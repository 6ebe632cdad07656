use std::io;
use std::sync::Arc;

use diskwright::scan::{
    Attributes, DataRange, Entry, EntryObject, ScanSource, ScanSummary, ScanVisitor, SourceContent,
};
use diskwright::{ReadAt, Result};

use crate::content::{Content, Random};

/// A tree that is made from a seed: its content can be read at any offset, without being held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corpus {
    /// 64 MiB in 16 files that no codec makes smaller.
    Noise,
    /// 64 MiB in 16 files of words: codecs make them about a third.
    Words,
    /// 64 MiB in 64 files like programs: codecs make them about a half.
    Programs,
    /// 4 files of 512 MiB with holes: of each 32 MiB the first is data, and half of that is zero all the same.
    Sparse,
    /// 20 000 files of 0 to 4095 bytes of words in 200 directories.
    ManySmall,
    /// One file of 128 MiB: 256 KiB of programs, of noise, of words and of zeros by turns.
    Huge,
}

/// All corpora.
pub fn corpora() -> Vec<Corpus> {
    vec![Corpus::Noise, Corpus::Words, Corpus::Programs, Corpus::Sparse, Corpus::ManySmall, Corpus::Huge]
}

impl Corpus {
    /// The name that benches show.
    pub fn name(self) -> &'static str {
        match self {
            Self::Noise => "noise",
            Self::Words => "words",
            Self::Programs => "programs",
            Self::Sparse => "sparse",
            Self::ManySmall => "many-small",
            Self::Huge => "huge",
        }
    }

    /// Bytes of all files, holes left out.
    pub fn size(self) -> u64 {
        let stored = |number| match self.data(number) {
            Some(ranges) => ranges.iter().map(|range| range.len).sum(),
            None => self.len(number),
        };
        (0..self.count()).map(stored).sum()
    }

    fn count(self) -> u64 {
        match self {
            Self::Noise | Self::Words => 16,
            Self::Programs => 64,
            Self::Sparse => 4,
            Self::ManySmall => 20_000,
            Self::Huge => 1,
        }
    }

    /// Bytes of a file, holes included.
    fn len(self, number: u64) -> u64 {
        match self {
            Self::Noise | Self::Words => 4 << 20,
            Self::Programs => 1 << 20,
            Self::Sparse => 512 << 20,
            Self::ManySmall => Random(number).next() % 4096,
            Self::Huge => 128 << 20,
        }
    }

    /// The ranges of a file that are not holes; `None` for a file without.
    fn data(self, number: u64) -> Option<Vec<DataRange>> {
        let starts = (0..self.len(number)).step_by(HOLE as usize);
        (self == Self::Sparse).then(|| starts.map(|offset| DataRange { offset, len: BLOCK }).collect())
    }

    /// What stands at `offset` of a file, and how far.
    fn content_at(self, offset: u64) -> (Content, u64) {
        let endless = |content| (content, u64::MAX);
        match self {
            Self::Noise => endless(Content::Noise),
            Self::Words | Self::ManySmall => endless(Content::Words),
            Self::Programs => endless(Content::Programs),
            Self::Sparse if offset % HOLE < BLOCK / 2 => (Content::Programs, BLOCK / 2 - offset % HOLE),
            Self::Sparse => (Content::Zeros, HOLE - offset % HOLE),
            Self::Huge => {
                let turns = [Content::Programs, Content::Noise, Content::Words, Content::Zeros];
                (turns[(offset / TURN % 4) as usize], TURN - offset % TURN)
            }
        }
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
        for number in 0..self.count() {
            let directory = format!("d{:03}", number / 100);
            if number % 100 == 0 {
                let path = directory.clone().into_bytes();
                visitor.entry(Entry {
                    path,
                    object: EntryObject::Directory,
                    attributes: attributes(0o755),
                })?;
            }
            let path = format!("{directory}/file-{number:05}").into_bytes();
            let content = SourceContent(number);
            let object = EntryObject::File { content, size: self.len(number), data: self.data(number) };
            visitor.entry(Entry { path, object, attributes: attributes(0o644) })?;
        }
        Ok(ScanSummary::default())
    }

    fn open(&self, content: SourceContent) -> Result<Arc<dyn ReadAt>> {
        Ok(Arc::new(CorpusFile { corpus: *self, number: content.0 }))
    }
}

struct CorpusFile {
    corpus: Corpus,
    number: u64,
}

impl ReadAt for CorpusFile {
    fn size(&self) -> u64 {
        self.corpus.len(self.number)
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        if offset.checked_add(buf.len() as u64).is_none_or(|end| end > self.size()) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // Each file begins somewhere else in the content.
        let first = Random(self.number << 32).next() % (1 << 32);
        let (mut offset, mut buf) = (offset, buf);
        while !buf.is_empty() {
            let (content, len) = self.corpus.content_at(offset);
            let (part, rest) = buf.split_at_mut(usize::try_from(len).unwrap_or(usize::MAX).min(buf.len()));
            content.fill(first + offset, part);
            offset += part.len() as u64;
            buf = rest;
        }
        Ok(())
    }
}

/// Of each `HOLE` bytes of a sparse file the first `BLOCK` are data.
const HOLE: u64 = 32 << 20;
const BLOCK: u64 = 1 << 20;
/// Bytes of one content in the huge file.
const TURN: u64 = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corpora_have_the_sizes_that_they_say_and_bytes_that_do_not_depend_on_how_they_are_read() {
        for corpus in corpora() {
            let (mut files, mut bytes) = (0, 0);
            corpus
                .scan(&mut |entry: Entry| {
                    if let EntryObject::File { size, data, .. } = entry.object {
                        files += 1;
                        bytes += data.map_or(size, |ranges| ranges.iter().map(|range| range.len).sum());
                    }
                    Ok(())
                })
                .unwrap();
            assert_eq!((files, bytes), (corpus.count(), corpus.size()), "{corpus:?}");
            let file = corpus.open(SourceContent(corpus.count() - 1)).unwrap();
            let whole = read(&*file, 0, file.size().min(2 << 20));
            for (offset, len) in [(0, 1), (1, 4095), (300_000, 700_000), (1_048_000, 1000)] {
                let Some(expected) = whole.get(offset..offset + len) else { continue };
                assert!(read(&*file, offset as u64, len as u64) == expected, "{corpus:?}, {offset}");
            }
            let error = file.read_exact_at(file.size(), &mut [0]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        }
    }

    fn read(file: &dyn ReadAt, offset: u64, len: u64) -> Vec<u8> {
        let mut bytes = vec![0xAA; len as usize];
        file.read_exact_at(offset, &mut bytes).unwrap();
        bytes
    }
}
