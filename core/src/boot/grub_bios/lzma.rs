use std::io::{Read, Write};

use lzma_rust2::{LzmaOptions, LzmaReader, LzmaWriter};

use super::Damage;

/// Compresses to the raw LZMA1 stream that GRUB's decompressor reads: no header, no end marker.
pub(super) fn compress(bytes: &[u8]) -> Result<Vec<u8>, Damage> {
    let options = LzmaOptions {
        dict_size: DICTIONARY_SIZE,
        lc: LITERAL_CONTEXT_BITS,
        lp: LITERAL_POSITION_BITS,
        pb: POSITION_BITS,
        ..LzmaOptions::with_preset(9)
    };
    let compressed = LzmaWriter::new_no_header(Vec::new(), &options, false)
        .and_then(|mut writer| {
            writer.write_all(bytes)?;
            writer.finish()
        })
        .map_err(|_| Damage::Compression)?;
    // A core that GRUB cannot unpack would only show at boot.
    match decompress(&compressed, bytes.len()) {
        Ok(unpacked) if unpacked == bytes => Ok(compressed),
        _ => Err(Damage::Compression),
    }
}

/// Decompresses `size` bytes of a raw LZMA1 stream as GRUB's decompressor does; what follows them does not matter.
pub(super) fn decompress(compressed: &[u8], size: usize) -> Result<Vec<u8>, Damage> {
    let expected = u64::try_from(size).map_err(|_| Damage::Compression)?;
    let mut reader = LzmaReader::new(
        compressed,
        expected,
        LITERAL_CONTEXT_BITS,
        LITERAL_POSITION_BITS,
        POSITION_BITS,
        DICTIONARY_SIZE,
        None,
    )
    .map_err(|_| Damage::Compression)?;
    let mut bytes = vec![0; size];
    reader.read_exact(&mut bytes).map_err(|_| Damage::Compression)?;
    Ok(bytes)
}

const LITERAL_CONTEXT_BITS: u32 = 3;
const LITERAL_POSITION_BITS: u32 = 0;
const POSITION_BITS: u32 = 2;
const DICTIONARY_SIZE: u32 = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compressed_comes_back() {
        let bytes: Vec<u8> = (0..50_000_u32).map(|at| ((at * at) >> 7) as u8).collect();
        let compressed = compress(&bytes).unwrap();
        assert!(compressed.len() < bytes.len());
        assert_eq!(decompress(&compressed, bytes.len()).unwrap(), bytes);
    }

    #[test]
    fn damaged_streams_give_an_error_or_other_bytes_but_no_panic() {
        let bytes: Vec<u8> = (0..4_000_u32).map(|at| ((at * at) >> 5) as u8).collect();
        let compressed = compress(&bytes).unwrap();
        // The range coder's last bytes hold more precision than the last symbol needs.
        for at in 0..compressed.len() - 5 {
            let mut damaged = compressed.clone();
            damaged[at] ^= 0x55;
            let same = decompress(&damaged, bytes.len()).is_ok_and(|unpacked| unpacked == bytes);
            assert!(!same, "byte {at}");
            let truncated =
                decompress(&compressed[..at], bytes.len()).is_ok_and(|unpacked| unpacked == bytes);
            assert!(!truncated, "{at} bytes");
        }
        assert!(decompress(&[], 1).is_err());
    }
}
