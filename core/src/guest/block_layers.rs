//! Encrypted volumes and arrays of the old disks: boot would wait for them in vain.

use super::fstab::{Device, Fstab};
use super::workspace::GuestWorkspace;
use crate::Result;

/// Comments out the lines of `/etc/crypttab` whose encrypted device stayed behind. `fstab` is the amended one: what it
/// still mounts is another disk's, and only made optional.
pub(super) fn amend_crypttab(workspace: &mut GuestWorkspace<'_>, fstab: &Fstab) -> Result<()> {
    let Some(text) = workspace.read(CRYPTTAB)? else { return Ok(()) };
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for line in text.split(|byte| *byte == b'\n') {
        match crypttab_fate(line, fstab) {
            Fate::Keep => lines.push(line.to_vec()),
            Fate::CommentOut => {
                lines.push(b"# its encrypted device is not on the new disk:".to_vec());
                lines.push([b"#", line].concat());
            }
            Fate::Optional => lines.push(optional_crypttab_line(line)),
        }
    }
    let reason = "boot would wait for encrypted devices that are not on the new disk";
    workspace.write(CRYPTTAB, lines.join(&b'\n'), reason)
}

/// Comments out the arrays of mdadm's configuration that fstab does not mount.
pub(super) fn amend_mdadm(workspace: &mut GuestWorkspace<'_>, fstab: &Fstab) -> Result<()> {
    for path in MDADM {
        let Some(text) = workspace.read(path)? else { continue };
        let mut in_array = false;
        let lines: Vec<Vec<u8>> = text
            .split(|byte| *byte == b'\n')
            .map(|line| {
                let is_continuation = line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'));
                let is_blank = line.trim_ascii().is_empty();
                in_array = !is_blank && ((is_continuation && in_array) || is_vanished_array(line, fstab));
                match in_array {
                    true => [b"#", line].concat(),
                    false => line.to_vec(),
                }
            })
            .collect();
        workspace.write(path, lines.join(&b'\n'), "the arrays of the old disks are not on the new one")?;
    }
    Ok(())
}

enum Fate {
    Keep,
    CommentOut,
    Optional,
}

fn crypttab_fate(line: &[u8], fstab: &Fstab) -> Fate {
    let mut fields = words(line);
    let (Some(name), Some(device)) = (fields.next(), fields.next()) else { return Fate::Keep };
    let key = fields.next().unwrap_or(b"none");
    let options = fields.next().unwrap_or_default();
    let has = |wanted: &[u8]| options.split(|byte| *byte == b',').any(|option| option == wanted);
    if name.starts_with(b"#") || !Device::parse(device).is_block() {
        return Fate::Keep;
    }
    // With a random key whatever stands at the device is overwritten at every boot.
    let overwrites =
        matches!(key, b"/dev/urandom" | b"/dev/random" | b"/dev/hwrng") || has(b"swap") || has(b"tmp");
    if overwrites {
        return Fate::CommentOut;
    }
    let mapped = Device::Path([b"/dev/mapper/", name].concat());
    let is_used = fstab.entries().any(|entry| entry.device() == mapped);
    match (is_used, has(b"nofail") || has(b"noauto")) {
        (_, true) => Fate::Keep,
        (true, false) => Fate::Optional,
        (false, false) => Fate::CommentOut,
    }
}

fn optional_crypttab_line(line: &[u8]) -> Vec<u8> {
    let line = line.trim_ascii_end();
    match words(line).count() {
        2 => [line, b" none nofail"].concat(),
        3 => [line, b" nofail"].concat(),
        _ => [line, b",nofail"].concat(),
    }
}

fn is_vanished_array(line: &[u8], fstab: &Fstab) -> bool {
    let mut fields = words(line);
    let keyword = fields.next().unwrap_or_default().to_ascii_lowercase();
    // mdadm.conf(5): keywords may be shortened to three letters.
    if keyword.len() < 3 || !b"array".starts_with(&keyword) {
        return false;
    }
    let device = fields.next().unwrap_or_default();
    let is_mounted = || fstab.entries().any(|entry| entry.device() == Device::Path(device.to_vec()));
    device != b"<ignore>" && !is_mounted()
}

fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

const CRYPTTAB: &[u8] = b"/etc/crypttab";
const MDADM: [&[u8]; 2] = [b"/etc/mdadm/mdadm.conf", b"/etc/mdadm.conf"];
