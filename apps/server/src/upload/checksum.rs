use md5::Md5;
use sha2::{Digest, Sha256};

use crate::failure::Failure;
use crate::hexadecimal::hexadecimal;

/// A checksum that an upload must have, as its sender gives it.
///
/// The API does not say of which kind it is. It is told by its form: 64 hexadecimal digits are a SHA-256, 32 an MD5, at most
/// 8 (with or without `0x`) a CRC-32 as zlib and gzip have it, and so is a decimal number below 2^32.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Checksum {
    Sha256(String),
    Md5(String),
    /// The one value, or the two that digits alone can mean.
    Crc32(Vec<u32>),
}

impl Checksum {
    /// The checksum that `text` is.
    ///
    /// Fails with 400 where it is none.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let text = text.trim().to_ascii_lowercase();
        let is_hex = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        match text.len() {
            64 if is_hex(&text) => return Ok(Self::Sha256(text)),
            32 if is_hex(&text) => return Ok(Self::Md5(text)),
            _ => {}
        }
        let mut values = Vec::new();
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            values.extend(text.parse::<u32>());
        }
        let digits = text.strip_prefix("0x").unwrap_or(&text);
        if is_hex(digits) && digits.len() <= 8 {
            values.extend(u32::from_str_radix(digits, 16));
        }
        if values.is_empty() {
            let message = "crc is no checksum: a CRC-32 (decimal or 8 hexadecimal digits), an MD5 (32) or a SHA-256 (64) is";
            return Err(Failure::invalid(message).with_parameter("crc"));
        }
        Ok(Self::Crc32(values))
    }

    /// Fails with 400 where `sums` are not those of this checksum.
    pub(crate) fn check(&self, sums: &Sums) -> Result<(), Failure> {
        let (kind, matches, found) = match self {
            Self::Sha256(wanted) => ("SHA-256", *wanted == sums.sha256, sums.sha256.clone()),
            Self::Md5(wanted) => {
                let found = sums.md5.clone().unwrap_or_default();
                ("MD5", *wanted == found, found)
            }
            Self::Crc32(wanted) => ("CRC-32", wanted.contains(&sums.crc32), format!("{:08x}", sums.crc32)),
        };
        if matches {
            return Ok(());
        }
        let message =
            format!("the checksum is wrong: what arrived has the {kind} {found}; nothing was stored");
        Err(Failure::new(axum::http::StatusCode::BAD_REQUEST, "upload.checksum", message)
            .with_parameter("crc"))
    }
}

/// Digests of what passes by.
#[derive(Clone, Debug)]
pub(super) struct Digests {
    sha256: Sha256,
    crc32: crc32fast::Hasher,
    /// Only where it may be asked for: it is the slowest.
    md5: Option<Md5>,
}

/// The digests of a whole upload; those of a hash as lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) sha256: String,
    pub(crate) crc32: u32,
    pub(crate) md5: Option<String>,
}

impl Sums {
    /// Those of something that is in memory.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut digests = Digests::new(true);
        digests.update(bytes);
        digests.finish()
    }
}

impl Digests {
    pub(super) fn new(with_md5: bool) -> Self {
        Self { sha256: Sha256::new(), crc32: crc32fast::Hasher::new(), md5: with_md5.then(Md5::new) }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.crc32.update(bytes);
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
    }

    pub(super) fn finish(self) -> Sums {
        Sums {
            sha256: hexadecimal(&self.sha256.finalize()),
            crc32: self.crc32.finalize(),
            md5: self.md5.map(|md5| hexadecimal(&md5.finalize())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The digests of `123456789`, as the specifications' test vectors have them.
    fn sums() -> Sums {
        let mut digests = Digests::new(true);
        digests.update(b"1234");
        digests.update(b"56789");
        digests.finish()
    }

    #[test]
    fn every_form_of_a_right_checksum_is_accepted() {
        for text in [
            "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
            "25F9E794323B453885F5181F1B624D0B",
            "cbf43926",
            "0xCBF43926",
            " 3421780262 ",
        ] {
            Checksum::parse(text).unwrap().check(&sums()).unwrap();
        }
        // Eight decimal digits may be hexadecimal ones.
        assert_eq!(Checksum::parse("12345678").unwrap(), Checksum::Crc32(vec![12_345_678, 0x1234_5678]));
    }

    #[test]
    fn wrong_checksums_are_refused_and_what_is_none_before_anything_is_read() {
        for text in ["cbf43927", "0", &"0".repeat(32), &"f".repeat(64)] {
            let failure = Checksum::parse(text).unwrap().check(&sums()).unwrap_err();
            assert_eq!(failure.id, "upload.checksum", "{text}");
        }
        for text in ["", "0x", "xyz", "4294967296", "-1", "cbf439261", &"f".repeat(33)] {
            assert_eq!(Checksum::parse(text).unwrap_err().id, "request.invalid", "{text}");
        }
    }
}
