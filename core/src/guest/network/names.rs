//! The names of the interfaces: the kernel counts adapters in the order in which the machine has them, whatever their slots
//! and addresses; another name is given to the one that the kernel called so.

use super::plan::Interface;
use super::{put, refuse};
use crate::guest::GuestWorkspace;
use crate::profile::{NicRequest, kernel_name};
use crate::{Error, Result};

/// The kernel parameters with which nothing but the files of [`set`] names an interface.
///
/// # Reference
/// systemd.net-naming-scheme(7); biosdevname(1).
pub(crate) fn parameters(nics: &[NicRequest]) -> Vec<String> {
    match nics {
        [] => Vec::new(),
        _ => vec!["net.ifnames=0".to_owned(), "biosdevname=0".to_owned()],
    }
}

/// Writes what gives other names than the kernel's, in place of all that the tree has in `/etc` to name an interface: `Name=` of
/// its own files would count, and of the files that fit an adapter only the first by name does.
///
/// # Errors
/// `ErrorKind::Unsupported` naming the name that nothing in the tree gives; as [`GuestWorkspace::read`] and
/// [`GuestWorkspace::write`].
///
/// # Reference
/// systemd.link(5): `OriginalName=`, and `Name=`, which counts whatever `net.ifnames` is.
pub(super) fn set(workspace: &mut GuestWorkspace<'_>, interfaces: &[Interface]) -> Result<()> {
    let has_udevd = UDEVD.iter().any(|path| workspace.exists(path.as_bytes()));
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for Interface { at, name, .. } in interfaces {
        let original = kernel_name(*at);
        if *name == original {
            continue;
        }
        if !has_udevd {
            let reason = format!("the tree has no systemd-udevd, which could call {original} so");
            problems.push(refuse(*at, "name", reason));
            continue;
        }
        let text = format!("[Match]\nOriginalName={original}\n\n[Link]\nName={name}\n");
        files.push((format!("00-{name}.link"), text));
    }
    Error::collect(problems)?;
    remove_others(workspace, &files)?;
    files.into_iter().try_for_each(|(file, text)| put(workspace, format!("{DIRECTORY}/{file}"), text, 0o644))
}

/// Removes the tree's own files that name interfaces, and those that stand before the profile's.
fn remove_others(workspace: &mut GuestWorkspace<'_>, own: &[(String, String)]) -> Result<()> {
    let is_own = |name: &[u8]| own.iter().any(|(file, _)| file.as_bytes() == name);
    let last = own.iter().map(|(file, _)| file.as_bytes()).max();
    for name in workspace.names(DIRECTORY.as_bytes()) {
        let path = [DIRECTORY.as_bytes(), b"/", &name[..]].concat();
        if name.ends_with(b".link.d") {
            for part in workspace.names(&path).iter().filter(|part| part.ends_with(b".conf")) {
                let path = [&path[..], b"/", part].concat();
                if workspace.read(&path)?.is_some_and(|text| names_interface(&text)) {
                    workspace.remove(&path, NAMES);
                }
            }
        }
        if !name.ends_with(b".link") || is_own(&name) {
            continue;
        }
        // A link to /dev/null, which hides a file of the distribution, is none that is read.
        let Some(text) = workspace.read(&path)? else { continue };
        if names_interface(&text) {
            workspace.remove(&path, NAMES);
        } else if last.is_some_and(|last| name.as_slice() < last) {
            workspace.remove(&path, "it stands before the files that give the profile's names");
        }
    }
    Ok(())
}

/// Whether a file of systemd-udevd gives a name, or says how one is found.
fn names_interface(text: &[u8]) -> bool {
    let mut is_link = false;
    for line in text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii) {
        if line.starts_with(b"[") {
            is_link = line == b"[Link]";
        }
        let key = line.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii();
        if is_link && matches!(key, b"Name" | b"NamePolicy") {
            return true;
        }
    }
    false
}

const DIRECTORY: &str = "/etc/systemd/network";
const NAMES: &str = "it names interfaces of the old machine; the profile's have other names";
const UDEVD: [&str; 2] = ["/usr/lib/systemd/systemd-udevd", "/lib/systemd/systemd-udevd"];
