//! What an initial RAM disk remembers of the old machine: devices that it waits for, or for which alone it was made.

use super::kernel::ReadRamdisk;
use super::{Finding, Severity};
use crate::Result;
use crate::boot::BootRequest;
use crate::guest::{Device, replace_identifiers, true_resume};
use crate::initramfs::{Flavour, Item};

/// The settings that are not true for the new disk, as they must be.
#[derive(Debug, Default)]
pub(super) struct Residue {
    /// Name and new content.
    pub(super) files: Vec<(Vec<u8>, Vec<u8>)>,
    /// Units of systemd that would wait for what does not come, by the names at which links to `/dev/null` hide them.
    pub(super) masked: Vec<Vec<u8>>,
    pub(super) findings: Vec<Finding>,
}

/// Whether the content of a file of an initial RAM disk is needed to tell.
pub(super) fn is_wanted(name: &[u8]) -> bool {
    let below = |directory: &[u8]| name.starts_with(directory);
    FILES.iter().any(|file| name == file.as_bytes())
        || below(b"conf/conf.d/")
        || below(b"etc/cmdline.d/")
        || is_device_hook(name)
}

/// What of the settings is not true for the disk.
///
/// # Errors
/// As [`BootRequest::true_options`].
pub(super) fn of(ramdisk: &ReadRamdisk, request: &BootRequest<'_>) -> Result<Residue> {
    let mut residue = Residue::default();
    resume_settings(ramdisk, request, &mut residue);
    command_lines(ramdisk, request, &mut residue)?;
    device_hooks(ramdisk, request, &mut residue);
    device_units(ramdisk, request, &mut residue);
    encrypted_devices(ramdisk, &mut residue);
    Ok(residue)
}

/// Why an initial RAM disk was made for one machine only; `None` when nothing says so.
pub(super) fn host_only(ramdisk: &ReadRamdisk) -> Option<&'static str> {
    let text = |name: &str| ramdisk.tree.content(name.as_bytes()).unwrap_or_default();
    let has_line = |text: &[u8], wanted: &[u8]| text.split(|byte| *byte == b'\n').any(|line| line == wanted);
    let has_text = |text: &[u8], wanted: &[u8]| text.windows(wanted.len()).any(|window| window == wanted);
    match ramdisk.flavour {
        Flavour::InitramfsTools => {
            let settings = ramdisk.tree.contents_below("conf/conf.d").map(|(_, text)| text);
            let mut all = settings.chain([text("conf/initramfs.conf")]);
            all.any(|text| has_line(text, b"MODULES=dep")).then_some("MODULES=dep")
        }
        Flavour::Dracut => {
            let parameters = ["usr/lib/dracut/build-parameter.txt", "lib/dracut/build-parameter.txt"];
            let asked = parameters.iter().any(|name| {
                let words =
                    text(name).split(|byte| byte.is_ascii_whitespace() || matches!(byte, b'\'' | b'"'));
                words.into_iter().any(|word| matches!(word, b"-H" | b"--hostonly"))
            });
            let marked = ["usr/lib/dracut/hostonly-files", "lib/dracut/hostonly-files"];
            let is_marked = marked.iter().any(|name| ramdisk.has(name));
            let has_settings = ramdisk.tree.names_below(b"etc/cmdline.d").next().is_some();
            (asked || is_marked || has_settings).then_some("hostonly")
        }
        Flavour::Mkinitcpio => {
            let has = |name: &str| has_text(text(name), b"autodetect");
            (has("buildconfig") || has("config")).then_some("the hook autodetect")
        }
        Flavour::Booster | Flavour::Other => None,
    }
}

fn resume_settings(ramdisk: &ReadRamdisk, request: &BootRequest<'_>, residue: &mut Residue) {
    for (name, text) in ramdisk.tree.contents_below("conf/conf.d") {
        let renamed = replace_identifiers(text, request.identifiers);
        let current = renamed.as_deref().unwrap_or(text);
        let Some(mended) = true_resume(current, request.disk).or_else(|| renamed.clone()) else { continue };
        residue.stale(
            name,
            "stale-resume",
            "it resumes from a swap area that is not on the new disk: boot waits for it",
        );
        residue.files.push((name.to_vec(), mended));
    }
}

fn command_lines(ramdisk: &ReadRamdisk, request: &BootRequest<'_>, residue: &mut Residue) -> Result<()> {
    for (name, text) in ramdisk.tree.contents_below("etc/cmdline.d") {
        let Ok(text) = std::str::from_utf8(text) else { continue };
        let mended = request.true_options(text)?;
        if mended == text {
            continue;
        }
        let is_resume = text.split_whitespace().any(|option| {
            option.starts_with("resume=") && !mended.split_whitespace().any(|kept| kept == option)
        });
        let id = if is_resume { "stale-resume" } else { "stale-device" };
        residue.stale(name, id, "it names devices that are not on the new disk: boot waits for them");
        residue.files.push((name.to_vec(), mended.into_bytes()));
    }
    Ok(())
}

/// Scripts of dracut that succeed when a device is there, and until then hold up everything.
fn device_hooks(ramdisk: &ReadRamdisk, request: &BootRequest<'_>, residue: &mut Residue) {
    for (name, text) in all_hooks(ramdisk) {
        let renamed = replace_identifiers(text, request.identifiers);
        let current = renamed.as_deref().unwrap_or(text);
        let is_true = devices_in(current).iter().all(|device| request.disk.has(device));
        let mended = match (is_true, renamed) {
            (true, None) => continue,
            (true, Some(renamed)) => renamed,
            // It is sourced in a shell of its own, or run.
            (false, _) => b"true\n".to_vec(),
        };
        residue.stale(name, "stale-device", "it waits for a device that is not on the new disk");
        residue.files.push((name.to_vec(), mended));
    }
}

/// Units that systemd in the initial RAM disk waits for before it goes on.
fn device_units(ramdisk: &ReadRamdisk, request: &BootRequest<'_>, residue: &mut Residue) {
    let directory = b"etc/systemd/system";
    let mut units: Vec<Vec<u8>> = Vec::new();
    for name in ramdisk.tree.names_below(directory) {
        let mut parts = name.rsplit(|byte| *byte == b'/');
        let (unit, above) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let is_wanted = above.ends_with(b".wants") || above.ends_with(b".requires");
        let Some(escaped) = unit.strip_suffix(b".device").filter(|_| is_wanted) else { continue };
        let device = Device::parse(&[b"/", unescaped(escaped).as_slice()].concat());
        let mask = [directory.as_slice(), b"/", unit].concat();
        let is_masked = match ramdisk.tree.item(&mask) {
            Some(Item::Symlink { target }) => target == b"/dev/null",
            // Nothing can take the place of what has names below it, and systemd takes it for no unit.
            Some(Item::Directory) => true,
            _ => false,
        };
        if device.is_block() && !request.disk.has(&device) && !is_masked && !units.contains(&mask) {
            residue.stale(
                name,
                "stale-device",
                "it makes boot wait for a device that is not on the new disk",
            );
            units.push(mask);
        }
    }
    residue.masked.extend(units);
}

/// Disks made here have no encrypted volumes.
fn encrypted_devices(ramdisk: &ReadRamdisk, residue: &mut Residue) {
    for name in ["cryptroot/crypttab", "etc/crypttab"] {
        let text = ramdisk.tree.content(name.as_bytes()).unwrap_or_default();
        let is_active = |line: &[u8]| !matches!(line.trim_ascii().first(), None | Some(b'#'));
        if text.split(|byte| *byte == b'\n').any(is_active) {
            let what = "it unlocks encrypted volumes that are not on the new disk: boot waits for them";
            residue.stale(name.as_bytes(), "stale-crypttab", what);
            residue
                .files
                .push((name.as_bytes().to_vec(), b"# The new disk has no encrypted volumes.\n".to_vec()));
        }
    }
}

impl Residue {
    fn stale(&mut self, name: &[u8], id: &'static str, what: &str) {
        let text = format!("{} in the initial RAM disk: {what}", String::from_utf8_lossy(name));
        self.findings.push(Finding::new(id, Severity::Warning, text, String::new()));
    }
}

fn all_hooks(ramdisk: &ReadRamdisk) -> impl Iterator<Item = (&[u8], &[u8])> {
    let names = ramdisk
        .tree
        .entries()
        .filter(|(name, item)| matches!(item, Item::File { .. }) && is_device_hook(name));
    names.filter_map(|(name, _)| Some((name, ramdisk.tree.content(name)?)))
}

/// `…/hooks/initqueue/finished/devexists-….sh`, and its like for time-outs.
fn is_device_hook(name: &[u8]) -> bool {
    let file = name.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let is_hook = name.windows(b"/hooks/".len()).any(|part| part == b"/hooks/");
    is_hook && file.starts_with(b"devexists-") && file.ends_with(b".sh")
}

/// Paths below `/dev` that stand in a script.
fn devices_in(script: &[u8]) -> Vec<Device> {
    let words =
        script.split(|byte| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'[' | b']' | b';'));
    words.filter(|word| word.starts_with(b"/dev/")).map(Device::parse).filter(Device::is_block).collect()
}

/// A path as systemd-escape(1) writes it, without the first slash.
fn unescaped(name: &[u8]) -> Vec<u8> {
    let mut path = Vec::new();
    let mut rest = name;
    while let Some((byte, after)) = rest.split_first() {
        let code = after.strip_prefix(b"x").and_then(|digits| digits.get(..2));
        let code = code.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match (byte, code) {
            (b'\\', Some(code)) => {
                path.push(code);
                rest = after.get(3..).unwrap_or_default();
            }
            (b'-', _) => {
                path.push(b'/');
                rest = after;
            }
            _ => {
                path.push(*byte);
                rest = after;
            }
        }
    }
    path
}

const FILES: [&str; 11] = [
    "conf/initramfs.conf",
    "cryptroot/crypttab",
    "etc/crypttab",
    "etc/lvm/lvm.conf",
    "etc/lvm/devices/system.devices",
    "usr/lib/dracut/build-parameter.txt",
    "lib/dracut/build-parameter.txt",
    "buildconfig",
    "config",
    "etc/booster.init.yaml",
    "usr/lib/modules/booster.alias",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_name_their_devices() {
        let path = unescaped(br"dev-disk-by\x2duuid-6d1f6a0e\x2d52a3");
        assert_eq!(path, b"dev/disk/by-uuid/6d1f6a0e-52a3");
        assert_eq!(unescaped(br"a\x"), br"a\x");
        assert_eq!(unescaped(br"a\xzz-b"), br"a\xzz/b");
    }

    #[test]
    fn hooks_name_their_devices() {
        let devices = devices_in(b"[ -e \"/dev/disk/by-uuid/6d1f6a0e-52a3-4f0b-9c39-0f2b7a5f4c11\" ]\n");
        assert_eq!(devices, [Device::parse(b"UUID=6d1f6a0e-52a3-4f0b-9c39-0f2b7a5f4c11")]);
        assert!(is_device_hook(b"usr/lib/dracut/hooks/initqueue/finished/devexists-x.sh"));
        assert!(!is_device_hook(b"devexists-x.sh"));
    }
}
