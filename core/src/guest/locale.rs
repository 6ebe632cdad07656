//! Time zone, keyboard and the text after a login.

use super::GuestWorkspace;
use super::protection::{assigned, with_assignment};
use crate::{Error, ErrorKind, Result};

/// Sets the time zone wherever the tree keeps it.
///
/// # Errors
/// `ErrorKind::Unsupported` naming `timezone` for one that the tree's zoneinfo does not have.
///
/// # Reference
/// localtime(5); Debian: `/etc/timezone`; Red Hat and SUSE of old: `/etc/sysconfig/clock`.
pub(super) fn set_timezone(workspace: &mut GuestWorkspace<'_>, zone: &str) -> Result<()> {
    if has_timezone(workspace, zone)? {
        return Ok(());
    }
    let file = format!("{ZONEINFO}/{zone}");
    let data = workspace.read(file.as_bytes())?.filter(|data| data.starts_with(b"TZif"));
    let Some(data) = data else {
        let reason = format!("the tree has no time zone {zone:?} in {ZONEINFO}");
        return Err(Error::new(ErrorKind::Unsupported, reason).with_field("timezone"));
    };
    let reason = "the profile sets the time zone";
    let is_link = workspace.link_target(LOCALTIME);
    // A plain copy is for systems whose /usr is another file system.
    if is_link.is_none() && workspace.is_file(LOCALTIME) {
        workspace.write(LOCALTIME, data, reason)?;
    } else {
        let is_relative = is_link.is_none_or(|target| !target.starts_with(b"/"));
        let target = if is_relative { format!("..{file}") } else { file };
        workspace.symlink(LOCALTIME, target.as_bytes(), reason)?;
    }
    if workspace.is_file(b"/etc/timezone") {
        workspace.write(b"/etc/timezone", format!("{zone}\n").into_bytes(), reason)?;
    }
    if let Some(text) = workspace.read(CLOCK)? {
        for key in ["ZONE", "TIMEZONE", "DEFAULT_TIMEZONE"] {
            if assigned(&text, key).is_some() {
                let text = workspace.read(CLOCK)?.unwrap_or_default();
                workspace.write(CLOCK, with_assignment(&text, key, zone), reason)?;
            }
        }
    }
    Ok(())
}

/// Whether the tree has the time zone already, even if not its data.
fn has_timezone(workspace: &GuestWorkspace<'_>, zone: &str) -> Result<bool> {
    let written = workspace.read(b"/etc/timezone")?;
    let written = written.map(|text| text.trim_ascii() == zone.as_bytes());
    let linked = workspace
        .link_target(LOCALTIME)
        .map(|target| target.ends_with(format!("/zoneinfo/{zone}").as_bytes()));
    Ok(written.or(linked) == Some(true) && linked != Some(false))
}

/// Sets the keyboard, by the name of a console's keymap.
///
/// # Errors
/// `ErrorKind::Unsupported` naming `keyboard` where the tree has no file for it, or not the keymap.
///
/// # Reference
/// keyboard(5) of Debian; vconsole.conf(5); Red Hat 6: `/etc/sysconfig/keyboard`.
pub(super) fn set_keyboard(workspace: &mut GuestWorkspace<'_>, keymap: &str) -> Result<()> {
    let refuse = |reason: String| Err(Error::new(ErrorKind::Unsupported, reason).with_field("keyboard"));
    let reason = "the profile sets the keyboard";
    let mut is_set = false;
    if let Some(text) = workspace.read(XKB)? {
        let Some((layout, variant)) = xkb(keymap) else {
            return refuse(format!("no layout of X is known for the keymap {keymap:?}"));
        };
        let first = layout.split(',').next().unwrap_or_default();
        let symbols = format!("/usr/share/X11/xkb/symbols/{first}");
        if workspace.is_directory(b"/usr/share/X11/xkb/symbols") && !workspace.is_file(symbols.as_bytes()) {
            return refuse(format!("the tree has no keyboard layout {layout}"));
        }
        // The layout alone says nothing of a variant that the tree has.
        if !variant.is_empty() || assigned(&text, "XKBLAYOUT").as_deref() != Some(layout) {
            let text = with_assignment(&text, "XKBLAYOUT", layout);
            workspace.write(XKB, with_assignment(&text, "XKBVARIANT", variant), reason)?;
            // What console-setup made of the old one.
            for name in workspace.names(b"/etc/console-setup") {
                if name.starts_with(b"cached_") && !name.ends_with(b".psf.gz") {
                    workspace.remove(&[b"/etc/console-setup/", &name[..]].concat(), CACHED);
                }
            }
        }
        is_set = true;
    }
    for (path, key) in CONSOLES {
        // Debian of late has a link to the file above.
        let is_missing = workspace.read(path)?.is_none() || (is_set && workspace.link_target(path).is_some());
        // systemd's file may be absent, where its keymaps are not.
        if is_missing && (path != VCONSOLE || is_set || !has_keymaps(workspace)) {
            continue;
        }
        let text = workspace.read(path)?.unwrap_or_default();
        if assigned(&text, key).as_deref() == Some(keymap) {
            is_set = true;
            continue;
        }
        if !has_keymap(workspace, keymap) {
            return refuse(format!("the tree has no keymap {keymap:?}"));
        }
        workspace.write(path, with_assignment(&text, key, keymap), reason)?;
        is_set = true;
    }
    match is_set {
        true => Ok(()),
        false => refuse("the tree has neither /etc/default/keyboard nor keymaps for a console".to_owned()),
    }
}

/// Sets the text that is shown after a login.
///
/// # Errors
/// As [`GuestWorkspace::write`].
///
/// # Reference
/// motd(5).
pub(super) fn set_welcome_message(workspace: &mut GuestWorkspace<'_>, text: &str) -> Result<()> {
    let reason = "the profile sets the message after a login";
    if workspace.link_target(MOTD).is_some() && !workspace.is_file(MOTD) {
        // A link to /run: what stands there is made anew at each start.
        workspace.remove(MOTD, reason);
    }
    let mut bytes = text.as_bytes().to_vec();
    if !bytes.is_empty() && !bytes.ends_with(b"\n") {
        bytes.push(b'\n');
    }
    workspace.write(MOTD, bytes, reason)
}

fn has_keymaps(workspace: &GuestWorkspace<'_>) -> bool {
    KEYMAPS.iter().any(|path| workspace.is_directory(path))
}

/// Whether a file of that name stands anywhere below the keymaps.
fn has_keymap(workspace: &GuestWorkspace<'_>, keymap: &str) -> bool {
    let names: Vec<String> =
        ["", ".gz", ".xz", ".zst", ".bz2"].iter().map(|end| format!("{keymap}.map{end}")).collect();
    let tree = workspace.tree();
    KEYMAPS
        .iter()
        .filter_map(|path| tree.resolve(path))
        .any(|top| tree.subtree(top).any(|node| names.iter().any(|name| tree.name(node) == name.as_bytes())))
}

/// Layout and variant of X for a console's keymap.
fn xkb(keymap: &str) -> Option<(&str, &str)> {
    let known = XKB_OF.iter().find(|(name, ..)| *name == keymap);
    if let Some((_, layout, variant)) = known {
        return Some((layout, variant));
    }
    let is_layout = (2..=3).contains(&keymap.len()) && keymap.bytes().all(|byte| byte.is_ascii_lowercase());
    is_layout.then_some((keymap, ""))
}

const ZONEINFO: &str = "/usr/share/zoneinfo";
const LOCALTIME: &[u8] = b"/etc/localtime";
const CLOCK: &[u8] = b"/etc/sysconfig/clock";
const MOTD: &[u8] = b"/etc/motd";
const XKB: &[u8] = b"/etc/default/keyboard";
const VCONSOLE: &[u8] = b"/etc/vconsole.conf";
const CONSOLES: [(&[u8], &str); 2] = [(VCONSOLE, "KEYMAP"), (b"/etc/sysconfig/keyboard", "KEYTABLE")];
const CACHED: &str = "it was made for the keyboard that the tree had";
const KEYMAPS: [&[u8]; 5] = [
    b"/usr/share/kbd/keymaps",
    b"/usr/lib/kbd/keymaps",
    b"/lib/kbd/keymaps",
    b"/usr/share/keymaps",
    b"/usr/share/console/keymaps",
];
/// Keymaps whose name is not that of a layout.
///
/// # Reference
/// kbd-model-map of systemd; xkeyboard-config's `rules/base.lst`.
const XKB_OF: [(&str, &str, &str); 44] = [
    ("be-latin1", "be", ""),
    ("bg-bds-utf8", "bg", ""),
    ("bg-pho-utf8", "bg", "phonetic"),
    ("br-abnt2", "br", "abnt2"),
    ("cf", "ca", ""),
    ("croat", "hr", ""),
    ("cz-lat2", "cz", "qwerty"),
    ("cz-us-qwertz", "us,cz", ""),
    ("de-latin1", "de", ""),
    ("de-latin1-nodeadkeys", "de", "nodeadkeys"),
    ("dvorak", "us", "dvorak"),
    ("et", "ee", ""),
    ("fi-latin1", "fi", ""),
    ("fr-ch", "ch", "fr"),
    ("fr-ch-latin1", "ch", "fr"),
    ("fr-latin1", "fr", ""),
    ("fr-latin9", "fr", "latin9"),
    ("fr-pc", "fr", ""),
    ("hu101", "hu", "qwerty"),
    ("is-latin1", "is", ""),
    ("it-ibm", "it", ""),
    ("it2", "it", ""),
    ("jp106", "jp", ""),
    ("ko", "kr", ""),
    ("la-latin1", "latam", ""),
    ("mk-utf", "mk", ""),
    ("pl2", "pl", ""),
    ("pt-latin1", "pt", ""),
    ("ro-cedilla", "ro", "cedilla"),
    ("ro-std", "ro", "std"),
    ("ro-std-cedilla", "ro", "std_cedilla"),
    ("sg", "ch", "de_nodeadkeys"),
    ("sg-latin1", "ch", "de_nodeadkeys"),
    ("sk-qwerty", "sk", "qwerty"),
    ("sloven", "si", ""),
    ("sr-cy", "rs", ""),
    ("sr-latin1", "rs", "latin"),
    ("sv-latin1", "se", ""),
    ("trq", "tr", ""),
    ("ua-utf", "ua", ""),
    ("uk", "gb", ""),
    ("us-acentos", "us", "intl"),
    ("slovene", "si", ""),
    ("dk-latin1", "dk", ""),
];
