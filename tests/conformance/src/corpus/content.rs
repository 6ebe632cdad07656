use std::io;
use std::sync::Arc;

use diskwright_core::ReadAt;
use diskwright_core::scan::DataRange;

use super::chance::mix;

/// The bytes of one file: known at every offset without being stored.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub(crate) seed: u64,
    pub(crate) texture: Texture,
    pub(crate) size: u64,
    /// What is not a hole; `None` for all of it.
    pub(crate) data: Option<Arc<[DataRange]>>,
}

/// What the data of a file is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Texture {
    /// Incompressible.
    Noise,
    /// Lines that compress well.
    Text,
    /// Zeros that are data all the same.
    Zeros,
}

impl Content {
    fn fill(&self, offset: u64, buf: &mut [u8]) {
        match self.texture {
            Texture::Zeros => buf.fill(0),
            Texture::Text => {
                for (byte, at) in buf.iter_mut().zip(offset..) {
                    *byte = match at % LINE {
                        0..8 => b'a' + (mix(self.seed ^ (at / LINE)) >> (at % LINE * 8)) as u8 % 26,
                        at => WORDS[(at - 8) as usize],
                    };
                }
            }
            Texture::Noise => {
                for (byte, at) in buf.iter_mut().zip(offset..) {
                    *byte = (mix(self.seed ^ (at / 8)) >> (at % 8 * 8)) as u8;
                }
            }
        }
    }
}

impl ReadAt for Content {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(buf.len() as u64).filter(|end| *end <= self.size);
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        let Some(data) = &self.data else {
            self.fill(offset, buf);
            return Ok(());
        };
        buf.fill(0);
        let first = data.partition_point(|range| range.offset + range.len <= offset);
        for range in data[first..].iter().take_while(|range| range.offset < end) {
            let start = range.offset.max(offset);
            let stop = (range.offset + range.len).min(end);
            self.fill(start, &mut buf[(start - offset) as usize..(stop - offset) as usize]);
        }
        Ok(())
    }
}

const WORDS: &[u8; 24] = b" is a line of the text.\n";
const LINE: u64 = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_part_reads_as_the_whole_does() {
        let ranges = [DataRange { offset: 10, len: 20 }, DataRange { offset: 50, len: 50 }];
        for texture in [Texture::Noise, Texture::Text, Texture::Zeros] {
            for data in [None, Some(Arc::from(&ranges[..]))] {
                let content = Content { seed: 5, texture, size: 100, data };
                let mut whole = [1; 100];
                content.read_exact_at(0, &mut whole).unwrap();
                for (start, end) in [(0, 10), (9, 11), (29, 51), (99, 100), (40, 40)] {
                    let mut part = vec![1; end - start];
                    content.read_exact_at(start as u64, &mut part).unwrap();
                    assert_eq!(part, whole[start..end]);
                }
                assert!(content.read_exact_at(99, &mut [0; 2]).is_err());
                let holes = content.data.is_some() || texture == Texture::Zeros;
                assert_eq!(whole[30..50] == [0; 20], holes);
            }
        }
    }
}
