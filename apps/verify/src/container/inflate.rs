//! Pieces of compressed data, each of which gives a known number of bytes.

use std::io;

/// Raw deflate (RFC 1951) that gives `size` bytes; also how many bytes it was.
pub(super) fn inflate_raw(packed: &[u8], size: usize) -> io::Result<(Vec<u8>, usize)> {
    inflate(flate2::Decompress::new(false), packed, size)
}

/// A zlib stream (RFC 1950) that gives `size` bytes and whose checksum is right; also how many bytes it was.
pub(super) fn inflate_zlib(packed: &[u8], size: usize) -> io::Result<(Vec<u8>, usize)> {
    inflate(flate2::Decompress::new(true), packed, size)
}

fn inflate(mut stream: flate2::Decompress, packed: &[u8], size: usize) -> io::Result<(Vec<u8>, usize)> {
    // One byte more shows a stream that is too long.
    let mut bytes = vec![0; size.saturating_add(1)];
    let status =
        stream.decompress(packed, &mut bytes, flate2::FlushDecompress::Finish).map_err(io::Error::other)?;
    let written = usize::try_from(stream.total_out()).unwrap_or(usize::MAX);
    if status != flate2::Status::StreamEnd || written != size {
        let text = format!("{written} bytes of a stream that should end after {size}");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    bytes.truncate(size);
    Ok((bytes, usize::try_from(stream.total_in()).unwrap_or(usize::MAX)))
}

/// A zstd frame (RFC 8878) that gives `size` bytes; also how many bytes it was.
pub(super) fn unpack_zstd(packed: &[u8], size: usize) -> io::Result<(Vec<u8>, usize)> {
    let bad = |code| io::Error::new(io::ErrorKind::InvalidData, zstd_safe::get_error_name(code));
    let used = zstd_safe::find_frame_compressed_size(packed).map_err(bad)?;
    let frame = packed.get(..used).ok_or(io::ErrorKind::UnexpectedEof)?;
    let mut bytes = vec![0; size];
    let written = zstd_safe::decompress(&mut bytes[..], frame).map_err(bad)?;
    if written != size {
        let text = format!("{written} bytes of a frame that should have {size}");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    Ok((bytes, used))
}
