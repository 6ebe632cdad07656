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

/// Writes what gives other names than the kernel's. Its name stands before those of all other such files, which would win.
///
/// # Errors
/// `ErrorKind::Unsupported` naming the name that nothing in the tree gives.
///
/// # Reference
/// systemd.link(5): `OriginalName=`, and `Name=`, which counts whatever `net.ifnames` is.
pub(super) fn set(workspace: &mut GuestWorkspace<'_>, interfaces: &[Interface]) -> Result<()> {
    let has_udevd = UDEVD.iter().any(|path| workspace.exists(path.as_bytes()));
    let mut problems = Vec::new();
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
        put(workspace, format!("/etc/systemd/network/00-{name}.link"), text, 0o644)?;
    }
    Error::collect(problems)
}

const UDEVD: [&str; 2] = ["/usr/lib/systemd/systemd-udevd", "/lib/systemd/systemd-udevd"];
