/// Follows a chunked body (RFC 9112 §7.1) to its end, without changing it.
///
/// Stricter than the grammar: no space around sizes, no more than [`MAX_LINE`] bytes of extensions or trailers, every line
/// ends in CR LF.
#[derive(Debug)]
pub(super) struct Chunks {
    at: Place,
    /// Bytes of the line at hand, of all trailers.
    line: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In the digits of a size, of which there were so many.
    Size { digits: u8, size: u64 },
    /// In an extension of a size.
    Extension { size: u64 },
    /// After the CR of a size.
    SizeEnd { size: u64 },
    /// In a chunk of which so much remains.
    Data { left: u64 },
    /// After a chunk.
    DataEnd,
    /// After the CR that follows a chunk.
    DataEndLine,
    /// At the beginning of a line of trailers.
    TrailerStart,
    /// In a line of trailers.
    Trailer,
    /// After the CR of a line of trailers.
    TrailerEnd,
    /// After the CR of the last, empty line.
    LastEnd,
    /// Over.
    Over,
}

/// A body that is not chunked as it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body is not chunked as Transfer-Encoding says")]
pub(super) struct Unchunked;

impl Chunks {
    pub(super) fn new() -> Self {
        Self { at: Place::Size { digits: 0, size: 0 }, line: 0 }
    }

    /// How many of `bytes` belong to the body.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<usize, Unchunked> {
        let mut taken = 0_usize;
        while let Some(&byte) = bytes.get(taken) {
            match self.at {
                Place::Over => break,
                Place::Data { left } => {
                    let here = bytes.len().saturating_sub(taken);
                    let step = usize::try_from(left).unwrap_or(usize::MAX).min(here);
                    let left = left.saturating_sub(u64::try_from(step).unwrap_or(u64::MAX));
                    self.at = if left == 0 { Place::DataEnd } else { Place::Data { left } };
                    taken = taken.saturating_add(step);
                }
                _ => {
                    self.at = self.after(byte)?;
                    taken = taken.saturating_add(1);
                }
            }
        }
        Ok(taken)
    }

    /// Whether the body has ended.
    pub(super) fn is_over(&self) -> bool {
        self.at == Place::Over
    }

    /// The place after `byte`, outside of data.
    fn after(&mut self, byte: u8) -> Result<Place, Unchunked> {
        self.line = self.line.saturating_add(1);
        if self.line > MAX_LINE {
            return Err(Unchunked);
        }
        let place = match (self.at, byte) {
            (Place::Size { digits, size }, _) if byte.is_ascii_hexdigit() => {
                // Fifteen digits: no sum of sizes is near the end of u64.
                let digit = char::from(byte).to_digit(16).filter(|_| digits < 15).ok_or(Unchunked)?;
                Place::Size { digits: digits.saturating_add(1), size: size << 4 | u64::from(digit) }
            }
            (Place::Size { digits: 0, .. }, _) => return Err(Unchunked),
            (Place::Size { size, .. } | Place::Extension { size }, b'\r') => Place::SizeEnd { size },
            (Place::Size { size, .. }, b';') => Place::Extension { size },
            (Place::Extension { size }, _) if is_text(byte) => Place::Extension { size },
            (Place::SizeEnd { size: 0 }, b'\n') => Place::TrailerStart,
            (Place::SizeEnd { size }, b'\n') => Place::Data { left: size },
            (Place::DataEnd, b'\r') => Place::DataEndLine,
            (Place::DataEndLine, b'\n') => Place::Size { digits: 0, size: 0 },
            (Place::TrailerStart, b'\r') => Place::LastEnd,
            (Place::TrailerStart | Place::Trailer, _) if is_text(byte) => Place::Trailer,
            (Place::Trailer, b'\r') => Place::TrailerEnd,
            (Place::TrailerEnd, b'\n') => Place::TrailerStart,
            (Place::LastEnd, b'\n') => Place::Over,
            _ => return Err(Unchunked),
        };
        if matches!(place, Place::Data { .. } | Place::Size { digits: 0, .. }) {
            self.line = 0;
        }
        Ok(place)
    }
}

fn is_text(byte: u8) -> bool {
    byte == b'\t' || byte >= b' ' && byte != 0x7f
}

/// Bytes of a size with its extensions, and of all trailers together.
const MAX_LINE: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_ends_after_its_last_chunk_and_its_trailers() {
        for body in [
            "0\r\n\r\n",
            "5\r\nhello\r\n0\r\n\r\n",
            "5;a=\"b\"\r\nhello\r\nA\r\n0123456789\r\n00\r\nX: y\r\n\r\n",
        ] {
            let sent = format!("{body}GET / HTTP/1.1\r\n");
            let mut whole = Chunks::new();
            assert_eq!(whole.take(sent.as_bytes()), Ok(body.len()), "{body:?}");
            assert!(whole.is_over());
            // The same, byte by byte: no prefix is a body.
            let mut single = Chunks::new();
            for (at, byte) in body.bytes().enumerate() {
                assert!(!single.is_over(), "{body:?} at {at}");
                assert_eq!(single.take(&[byte]), Ok(1), "{body:?} at {at}");
            }
            assert!(single.is_over());
        }
    }

    #[test]
    fn what_two_readers_could_read_in_two_ways_is_refused() {
        for body in [
            "\r\n",
            "x\r\n",
            " 5\r\nhello",
            "5 \r\nhello",
            "-1\r\n",
            "+1\r\n",
            "0x5\r\nhello",
            "5\nhello\n",
            "5\r\nhelloX",
            "5\r\nhello\n",
            "5\r\nhello\r0",
            "5\r\nhello\r\n\r\n",
            "1000000000000000\r\n",
            ";a\r\n",
            "5;\0\r\n",
            "0\r\n\n",
            "0\r\nX: y\n",
            "0\r\nX\rY\r\n",
            "5\rhello",
        ] {
            assert_eq!(Chunks::new().take(body.as_bytes()), Err(Unchunked), "{body:?}");
        }
        let long = format!("5;{}", "a".repeat(MAX_LINE));
        assert_eq!(Chunks::new().take(long.as_bytes()), Err(Unchunked));
        let trailers = format!("0\r\n{}", "X: y\r\n".repeat(MAX_LINE / 6 + 1));
        assert_eq!(Chunks::new().take(trailers.as_bytes()), Err(Unchunked));
    }
}
