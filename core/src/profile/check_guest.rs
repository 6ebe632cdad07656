//! What a profile's accounts and texts must fulfil, whatever the tree.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Settings;
use super::account::Access;
use super::check::Problems;
use super::size::quoted;

pub(super) fn guest_problems(settings: &Settings, problems: &mut Problems) {
    if let Some(root) = &settings.root.value {
        access_problems(root.access(), &mut |field, message| {
            problems.invalid(settings.root.origin, &format!("root.{field}"), message);
        });
    }
    user_problems(settings, problems);
    text_problems(settings, problems);
    super::check_nics::problems(settings, problems);
}

fn user_problems(settings: &Settings, problems: &mut Problems) {
    let (users, origin) = (&settings.users.value, settings.users.origin);
    if users.len() > MAX_USERS {
        problems.invalid(origin, "users", format!("{} are more than {MAX_USERS}", users.len()));
        return;
    }
    for (at, user) in users.iter().enumerate() {
        let mut refuse = |field: &str, message: String| {
            problems.invalid(origin, &format!("users[{at}].{field}"), message);
        };
        let name = user.name.as_str();
        if !is_account_name(name) {
            refuse("name", format!("{} is not a user's name: [A-Za-z_][A-Za-z0-9_.-]{{0,31}}", quoted(name)));
        } else if name == "root" {
            refuse("name", "what root is to be stands in the profile's field root".to_owned());
        } else if users.iter().take(at).any(|other| other.name == name) {
            refuse("name", format!("{name} stands in the list before"));
        }
        if matches!(user.uid, Some(0 | 65534 | 65535 | u32::MAX)) {
            refuse("uid", "0, 65534, 65535 and 4294967295 are no numbers for a user".to_owned());
        }
        for (field, path) in [("shell", &user.shell), ("home", &user.home)] {
            if path.as_deref().is_some_and(|path| !is_plain_path(path)) {
                let path = path.as_deref().unwrap_or_default();
                refuse(field, format!("{} is not an absolute path that /etc/passwd can hold", quoted(path)));
            }
        }
        if let Some(full_name) = &user.full_name
            && (full_name.len() > 255 || full_name.contains(|c: char| c == ':' || c.is_control()))
        {
            refuse("full_name", format!("{} has colons or is longer than 255 bytes", quoted(full_name)));
        }
        let groups = user.groups.iter().flatten().map(|group| ("groups", group));
        for (field, group) in groups.chain(user.primary_group.iter().map(|group| ("primary_group", group))) {
            if !is_group_name(group) {
                refuse(field, format!("{} is not a group's name", quoted(group)));
            }
        }
        access_problems(user.access(), &mut refuse);
    }
}

fn access_problems(access: Access<'_>, refuse: &mut dyn FnMut(&str, String)) {
    if access.password.is_some() && access.password_hash.is_some() {
        refuse("password_hash", "there is a password as well".to_owned());
    }
    let has_password = access.password.is_some() || access.password_hash.is_some();
    if access.disable_password_login && has_password {
        refuse("disable_password_login", "there is a password as well".to_owned());
    }
    if let Some(password) = access.password {
        let text = password.reveal();
        if !(1..=512).contains(&text.len()) || text.contains(['\0', '\n', '\r']) {
            refuse("password", "a password has 1 to 512 bytes and no line feeds".to_owned());
        }
    }
    if access.password_hash.is_some_and(|hash| !is_password_hash(hash.reveal())) {
        let message = "not the hash of a password as /etc/shadow has it: $ID$SALT$HASH of crypt(5)";
        refuse("password_hash", message.to_owned());
    }
    for (at, key) in access.authorized_keys.iter().enumerate() {
        if let Err(message) = check_public_key(key) {
            refuse("authorized_keys", format!("the key number {}: {message}", at.saturating_add(1)));
        }
    }
}

fn text_problems(settings: &Settings, problems: &mut Problems) {
    if let Some(zone) = &settings.timezone.value {
        let is_part = |part: &str| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+-_".contains(&byte);
            !part.is_empty() && part.bytes().all(allowed)
        };
        if zone.len() > 100 || !zone.split('/').all(is_part) {
            let message = format!("{} is not a time zone's name, as in Europe/Paris", quoted(zone));
            problems.invalid(settings.timezone.origin, "timezone", message);
        }
    }
    if let Some(keyboard) = &settings.keyboard.value {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+-_.".contains(&byte);
        if !(1..=64).contains(&keyboard.len()) || !keyboard.bytes().all(allowed) {
            let message = format!("{} is not a keymap's name, as in de-latin1", quoted(keyboard));
            problems.invalid(settings.keyboard.origin, "keyboard", message);
        }
    }
    if let Some(text) = &settings.welcome_message.value
        && (text.len() > 64 << 10 || text.contains(|c: char| c.is_control() && c != '\n' && c != '\t'))
    {
        let message = "longer than 64 KiB, or control characters in it";
        problems.invalid(settings.welcome_message.origin, "welcome_message", message);
    }
}

/// # Reference
/// useradd(8), "CAVEATS".
fn is_account_name(name: &str) -> bool {
    let first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    name.len() <= 32 && name.bytes().next().is_some_and(first) && name.bytes().all(allowed)
}

fn is_group_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_graphic() && !b":,/".contains(&byte);
    (1..=64).contains(&name.len()) && !name.starts_with('-') && name.bytes().all(allowed)
}

fn is_plain_path(path: &str) -> bool {
    let below = path.strip_prefix('/').unwrap_or_default();
    let is_part = |part: &str| !matches!(part, "" | "." | "..");
    path.len() <= 255 && below.split('/').all(is_part) && !path.contains(|c: char| c == ':' || c.is_control())
}

/// # Reference
/// crypt(5).
fn is_password_hash(hash: &str) -> bool {
    let Some(rest) = hash.strip_prefix('$') else { return false };
    let id = rest.split('$').next().unwrap_or_default();
    let known = ["1", "2a", "2b", "2y", "5", "6", "7", "y", "gy", "sm3"].contains(&id);
    let allowed = |byte: u8| byte.is_ascii_graphic() && !b":!*\\".contains(&byte);
    let enough = rest.split('$').count() >= 3 || rest.len() > 40;
    known && enough && hash.len() <= 511 && hash.bytes().all(allowed)
}

/// Type, key in base64, and perhaps a comment.
///
/// # Reference
/// sshd(8), "AUTHORIZED_KEYS FILE FORMAT"; RFC 4253 §6.6: the key begins with the length and name of its type.
fn check_public_key(key: &str) -> Result<(), String> {
    if key.len() > 16 << 10 || key.contains(|c: char| c.is_control()) {
        return Err("longer than 16 KiB, or more than a line".to_owned());
    }
    let mut words = key.split_ascii_whitespace();
    let (kind, body) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if !KEY_TYPES.contains(&kind) {
        return Err(format!("{} is not a type of key: {}", quoted(kind), KEY_TYPES.join(", ")));
    }
    let bytes = STANDARD.decode(body).map_err(|_| "what follows its type is not base64".to_owned())?;
    let named = u32::try_from(kind.len()).unwrap_or_default().to_be_bytes();
    let inner = [&named[..], kind.as_bytes()].concat();
    if !bytes.starts_with(&inner) || bytes.len() <= inner.len() {
        return Err(format!("the key itself is not of the type {kind}"));
    }
    Ok(())
}

/// Each looks through account files of any length.
const MAX_USERS: usize = 100;
const KEY_TYPES: [&str; 7] = [
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];

#[cfg(test)]
mod name_tests;
