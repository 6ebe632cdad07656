//! Decoding of one compressed grain or cluster, with a bound on what comes out.

use flate2::{Decompress, FlushDecompress, Status};

/// What a compressed piece turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decoded {
    /// It ended by itself after that many bytes, having used `used` bytes of input.
    Ended { len: usize, used: usize },
    /// More than the limit came out.
    TooLong,
    /// The input ended before the stream did, after that many bytes.
    Cut { len: usize },
    /// It cannot be decoded.
    Corrupt,
}

/// Decodes a zlib stream (RFC 1950) of at most `limit` bytes.
pub(crate) fn zlib(input: &[u8], limit: usize) -> Decoded {
    inflate(Decompress::new(true), input, limit)
}

/// Decodes a raw deflate stream (RFC 1951) of at most `limit` bytes.
pub(crate) fn deflate(input: &[u8], limit: usize) -> Decoded {
    inflate(Decompress::new(false), input, limit)
}

fn inflate(mut decoder: Decompress, input: &[u8], limit: usize) -> Decoded {
    let mut out = vec![0; STEP];
    let mut len = 0_usize;
    loop {
        let used = usize::try_from(decoder.total_in()).unwrap_or(usize::MAX);
        let before = decoder.total_out();
        let left = input.get(used..).unwrap_or_default();
        let status = match decoder.decompress(left, &mut out, FlushDecompress::None) {
            Ok(status) => status,
            Err(_) => return Decoded::Corrupt,
        };
        let made = usize::try_from(decoder.total_out() - before).unwrap_or(usize::MAX);
        len = len.saturating_add(made);
        let used_now = usize::try_from(decoder.total_in()).unwrap_or(usize::MAX);
        if len > limit {
            return Decoded::TooLong;
        }
        if status == Status::StreamEnd {
            return Decoded::Ended { len, used: used_now };
        }
        if made == 0 && used_now == used {
            return Decoded::Cut { len };
        }
    }
}

/// Decodes zstd frames until `limit` bytes have come out and the last frame has ended.
pub(crate) fn zstd(input: &[u8], limit: usize) -> Decoded {
    let mut decoder = zstd_safe::DCtx::create();
    // 2 MiB clusters are the largest: no window is larger.
    if decoder.set_parameter(zstd_safe::DParameter::WindowLogMax(23)).is_err() {
        return Decoded::Corrupt;
    }
    let mut source = zstd_safe::InBuffer::around(input);
    let mut room = vec![0_u8; STEP];
    let mut len = 0_usize;
    loop {
        let before = source.pos();
        let mut out = zstd_safe::OutBuffer::around(&mut room[..]);
        let Ok(hint) = decoder.decompress_stream(&mut out, &mut source) else { return Decoded::Corrupt };
        let made = out.pos();
        len = len.saturating_add(made);
        if len > limit {
            return Decoded::TooLong;
        }
        // A frame has ended when nothing more is asked for.
        if hint == 0 && len == limit {
            return Decoded::Ended { len, used: source.pos() };
        }
        if made == 0 && source.pos() == before {
            return Decoded::Cut { len };
        }
    }
}

const STEP: usize = 16 * 1024;
