//! UUIDs as text.

/// The 32 hex digits of a UUID in small letters, with or without braces around; nothing if it is none.
pub(crate) fn normal(text: &str) -> Option<String> {
    let inner = text.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')).unwrap_or(text);
    let is_uuid = inner.len() == 36
        && inner.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    is_uuid.then(|| inner.to_ascii_lowercase())
}

/// The text of 16 bytes whose first three groups are little-endian, as VirtualBox stores them.
pub(crate) fn from_bytes(bytes: &[u8]) -> Option<String> {
    let mut bytes: [u8; 16] = bytes.try_into().ok()?;
    for group in [0..4, 4..6, 6..8] {
        bytes[group].reverse();
    }
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Some([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_bytes_read_as_virtualbox_shows_them() {
        let bytes =
            [0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff];
        assert_eq!(from_bytes(&bytes).as_deref(), Some("00112233-4455-6677-8899-aabbccddeeff"));
    }

    #[test]
    fn braces_and_case_do_not_matter_but_form_does() {
        let uuid = "00112233-4455-6677-8899-AABBCCDDEEFF";
        assert_eq!(normal(&format!("{{{uuid}}}")), Some(uuid.to_lowercase()));
        assert_eq!(normal("00112233445566778899aabbccddeeff"), None);
    }
}
