use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use diskwright_conformance::{Images, RawDisk, Unreadable};
use diskwright_core::ReadAt;

use super::CHUNK;

/// Reads every output as a toy.
pub(crate) fn read(images: &Images<'_>) -> Result<Vec<RawDisk>, Unreadable> {
    images.paths().map(|path| parse(&std::fs::read(path)?)).collect()
}

fn parse(bytes: &[u8]) -> Result<RawDisk, Unreadable> {
    let damaged = |what: &str| Unreadable::Failed(what.to_owned());
    let word = |at: usize| {
        let word = bytes.get(at..at + 8).and_then(|word| word.try_into().ok());
        word.map(u64::from_be_bytes).ok_or_else(|| damaged("it is cut off"))
    };
    if !bytes.starts_with(b"toydisk1") {
        return Err(damaged("it has no magic"));
    }
    let size = word(24)?;
    let mut chunks = BTreeMap::new();
    let mut at = 32;
    loop {
        let (index, len) = (word(at)?, word(at + 8)?);
        at += 16;
        if index == u64::MAX {
            return match len == chunks.len() as u64 && at == bytes.len() {
                true => {
                    let disk: Arc<dyn ReadAt> = Arc::new(ToyDisk { size, chunks });
                    Ok(disk.into())
                }
                false => Err(damaged("it does not end with its chunks")),
            };
        }
        let end = at + usize::try_from(len).map_err(|_| damaged("a chunk is too large"))?;
        let chunk = bytes.get(at..end).ok_or_else(|| damaged("a chunk is cut off"))?;
        chunks.insert(index, chunk.to_vec());
        at = end;
    }
}

struct ToyDisk {
    size: u64,
    chunks: BTreeMap<u64, Vec<u8>>,
}

impl ReadAt for ToyDisk {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let chunk_len = u64::from(CHUNK);
        buf.fill(0);
        let end = offset + buf.len() as u64;
        for (index, chunk) in self.chunks.range(offset / chunk_len..end.div_ceil(chunk_len)) {
            let start = index * chunk_len;
            let (from, to) = (offset.max(start), end.min(start + chunk.len() as u64));
            if from < to {
                buf[(from - offset) as usize..(to - offset) as usize]
                    .copy_from_slice(&chunk[(from - start) as usize..(to - start) as usize]);
            }
        }
        Ok(())
    }
}
