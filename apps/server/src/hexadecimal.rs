use sha2::{Digest, Sha256};

/// `bytes` in lower-case hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A digest of `text` of the length that the API's digests have: 32 hexadecimal digits.
pub(crate) fn digest(text: &[u8]) -> String {
    digest_of(&[text])
}

/// The same, of `parts` one after the other.
pub(crate) fn digest_of(parts: &[&[u8]]) -> String {
    let hash = parts.iter().fold(Sha256::new(), |hash, part| hash.chain_update(part));
    let mut digits = hexadecimal(&hash.finalize());
    digits.truncate(DIGITS);
    digits
}

/// Digits of a digest of the API.
pub(crate) const DIGITS: usize = 32;
