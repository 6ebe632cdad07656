use std::io;

use crate::folder::Folder;
use crate::hexadecimal::hexadecimal;
use crate::random::random;

/// A new public half: 32 hexadecimal digits.
pub(crate) fn new_public() -> io::Result<String> {
    Ok(hexadecimal(&random::<16>()?))
}

/// The secret half, 64 hexadecimal digits: only this server can derive it, and it is stored nowhere.
pub(crate) fn secret(folder: &Folder, public: &str) -> String {
    hexadecimal(&folder.key(&format!("api-key:{public}")))
}

/// Whether `text` may be a public half.
pub(super) fn is_public(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
