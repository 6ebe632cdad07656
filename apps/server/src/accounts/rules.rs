//! What logins and passwords may be.

use anyhow::ensure;

/// Whether `text` may be a login: 1 to 64 letters and digits of ASCII and `._@-`, the first no mark, and not all digits: in a
/// path, digits are an account's number. Letters keep their case, but no two logins differ in case alone.
pub(crate) fn is_login(text: &str) -> bool {
    let mark = |byte: u8| b"._@-".contains(&byte);
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || mark(byte))
        && !text.starts_with(|first: char| !first.is_ascii_alphanumeric())
        && !text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether `password` may be somebody's new one.
///
/// # Errors
/// When it is shorter than 8 characters or longer than [`MAX_PASSWORD`], or has control characters, which no client can send.
pub(crate) fn check_password(password: &str) -> anyhow::Result<()> {
    ensure!(password.chars().count() >= 8, "the password has fewer than 8 characters");
    ensure!(password.len() <= MAX_PASSWORD, "the password has more than {MAX_PASSWORD} bytes");
    ensure!(!password.contains(char::is_control), "the password has control characters");
    Ok(())
}

/// Whether `text` may be a name or a note about an account or key: something, on one line, at most 255 bytes long.
pub(crate) fn is_note(text: &str) -> bool {
    (1..=255).contains(&text.len()) && !text.contains(char::is_control)
}

/// Bytes.
pub(crate) const MAX_PASSWORD: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_fit_for_paths_and_headers() {
        for login in ["a", "Guest", "7up", "a.b_c-d@e.org", &"x".repeat(64)] {
            assert!(is_login(login), "{login}");
        }
        for login in
            ["", "1", "0042", ".", "..", "-a", "_a", "@a", "a b", "a:b", "a\\b", "a/b", "ä", &"x".repeat(65)]
        {
            assert!(!is_login(login), "{login}");
        }
    }

    #[test]
    fn notes_are_short_and_of_one_line() {
        for note in ["a", "Ada Lovelace", &"x".repeat(255)] {
            assert!(is_note(note), "{note}");
        }
        for note in ["", "a\nb", "a\u{7f}", &"x".repeat(256)] {
            assert!(!is_note(note), "{note}");
        }
    }

    #[test]
    fn passwords_are_neither_short_nor_endless_nor_unsendable() {
        for password in ["12345678", "pä:ß\\ wort", &"x".repeat(1024)] {
            check_password(password).unwrap();
        }
        for password in ["", "1234567", "äöüäöü7", "12345678\n", "1234\u{0}5678", &"x".repeat(1025)] {
            check_password(password).unwrap_err();
        }
    }
}
