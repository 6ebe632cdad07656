use super::os_release::OsRelease;
use super::workspace::GuestWorkspace;
use crate::{Error, ErrorKind, Result};

/// Checks a host name: labels of letters, digits and inner hyphens, 1 to 63 characters each, at most 64 in all.
///
/// # Errors
/// `ErrorKind::InvalidProfile` naming the field `hostname`.
///
/// # Reference
/// RFC 1123 §2.1 with RFC 952; Linux's limit is `HOST_NAME_MAX`, 64.
pub fn check_hostname(name: &str) -> Result<()> {
    let refuse = |text: String| Err(Error::new(ErrorKind::InvalidProfile, text).with_field("hostname"));
    if name.len() > 64 {
        return refuse(format!("{} characters, Linux takes at most 64", name.len()));
    }
    for label in name.split('.') {
        let is_plain = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if label.is_empty() || label.len() > 63 || !is_plain || label.starts_with('-') || label.ends_with('-')
        {
            return refuse(format!(
                "{name:?} is not a host name: letters, digits and inner hyphens, 1 to 63 between dots"
            ));
        }
    }
    if name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return refuse(format!("{name:?} would be read as a number or address"));
    }
    Ok(())
}

/// The name that the tree gives its machine.
pub(super) fn hostname(workspace: &GuestWorkspace<'_>) -> Result<Option<String>> {
    for path in NAME_FILES {
        let Some(text) = workspace.read(path.as_bytes())? else { continue };
        let text = String::from_utf8_lossy(&text).into_owned();
        if let Some(name) = text.lines().map(str::trim).find(|line| is_name_line(line)) {
            return Ok(Some(name.to_owned()));
        }
    }
    let text = workspace.read(SYSCONFIG.as_bytes())?.unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let name = text.lines().filter_map(|line| line.trim().strip_prefix(ASSIGNMENT)).next_back();
    Ok(name.map(|name| name.trim_matches(['"', '\'']).to_owned()).filter(|name| !name.is_empty()))
}

/// Gives the guest a host name, in every file where it keeps the one it has.
///
/// # Errors
/// As [`check_hostname`], [`GuestWorkspace::read`] and [`GuestWorkspace::write`].
pub(super) fn set_hostname(workspace: &mut GuestWorkspace<'_>, name: &str) -> Result<()> {
    check_hostname(name)?;
    let old = hostname(workspace)?;
    let mut written = false;
    for path in NAME_FILES {
        if let Some(text) = workspace.read(path.as_bytes())? {
            workspace.write(path.as_bytes(), with_name(&text, name), REASON)?;
            written = true;
        }
    }
    if let Some(text) = workspace.read(SYSCONFIG.as_bytes())? {
        let is_assignment = |line: &&[u8]| line.trim_ascii_start().starts_with(ASSIGNMENT.as_bytes());
        if text.split(|byte| *byte == b'\n').any(|line| is_assignment(&line)) {
            let lines: Vec<Vec<u8>> = text
                .split(|byte| *byte == b'\n')
                .map(|line| match is_assignment(&line) {
                    true => format!("{ASSIGNMENT}{name}").into_bytes(),
                    false => line.to_vec(),
                })
                .collect();
            workspace.write(SYSCONFIG.as_bytes(), lines.join(&b'\n'), REASON)?;
            written = true;
        }
    }
    if !written {
        workspace.write(b"/etc/hostname", format!("{name}\n").into_bytes(), REASON)?;
    }
    if let Some(text) = workspace.read(HOSTS.as_bytes())? {
        let is_debian = OsRelease::of(workspace)?.is_some_and(|os| os.is_like("debian"));
        let text = hosts_with_name(&text, old.as_deref(), name, is_debian);
        workspace.write(HOSTS.as_bytes(), text, "the machine must find its own name")?;
    }
    Ok(())
}

fn is_name_line(line: &str) -> bool {
    !line.is_empty() && !line.starts_with('#')
}

/// The text of a name file with the line that is no comment replaced.
fn with_name(text: &[u8], name: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    let mut lines: Vec<&str> = text.lines().filter(|line| !is_name_line(line.trim())).collect();
    let at = text.lines().position(|line| is_name_line(line.trim())).unwrap_or(lines.len());
    lines.insert(at.min(lines.len()), name);
    let mut text = lines.join("\n").into_bytes();
    text.push(b'\n');
    text
}

/// `/etc/hosts` with the old name replaced on the lines of loopback addresses; where Debian's way is followed and none
/// of them then has the new name, with a line 127.0.1.1 more.
fn hosts_with_name(text: &[u8], old: Option<&str>, new: &str, is_debian: bool) -> Vec<u8> {
    let short = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
    let old = old.filter(|old| short(old) != "localhost").unwrap_or_default();
    let (old_short, new_short) = (short(old), short(new));
    let renamed = |token: &str| {
        if old.is_empty() || !token.to_ascii_lowercase().starts_with(&old_short.to_ascii_lowercase()) {
            return None;
        }
        match token.get(old_short.len()..)? {
            "" => Some(new_short.clone()),
            rest if rest.starts_with('.') && !new.contains('.') => Some(format!("{new_short}{rest}")),
            rest if rest.starts_with('.') => Some(new.to_owned()),
            _ => None,
        }
    };
    let mut named = false;
    let lines: Vec<Vec<u8>> = text
        .split(|byte| *byte == b'\n')
        .map(|line| {
            let Ok(line_text) = std::str::from_utf8(line) else { return line.to_vec() };
            let content = line_text.split('#').next().unwrap_or_default();
            let mut tokens = content.split_ascii_whitespace();
            let is_loopback =
                tokens.next().is_some_and(|address| address.starts_with("127.") || address == "::1");
            if !is_loopback {
                return line.to_vec();
            }
            let mut changed = String::new();
            for (at, piece) in pieces(content).into_iter().enumerate() {
                let piece = renamed(piece).filter(|_| at > 0).unwrap_or_else(|| piece.to_owned());
                named |= piece == new_short;
                changed.push_str(&piece);
            }
            changed.push_str(line_text.get(content.len()..).unwrap_or_default());
            changed.into_bytes()
        })
        .collect();
    let mut text = lines.join(&b'\n');
    if is_debian && !named {
        if !text.is_empty() && !text.ends_with(b"\n") {
            text.push(b'\n');
        }
        let names = if new.contains('.') { format!("{new} {new_short}") } else { new.to_owned() };
        text.extend_from_slice(format!("127.0.1.1\t{names}\n").as_bytes());
    }
    text
}

/// Words and the blanks between them, in turn; together the whole text.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_blank = first.is_ascii_whitespace();
        let end = rest.find(|c: char| c.is_ascii_whitespace() != is_blank).unwrap_or(rest.len());
        let (piece, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

const NAME_FILES: [&str; 2] = ["/etc/hostname", "/etc/HOSTNAME"];
const SYSCONFIG: &str = "/etc/sysconfig/network";
const ASSIGNMENT: &str = "HOSTNAME=";
const HOSTS: &str = "/etc/hosts";
const REASON: &str = "the profile names the machine";
