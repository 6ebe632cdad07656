//! systemd units: which the tree has, and which start.

use super::GuestWorkspace;
use crate::Result;

/// Path of the file that defines a unit; `None` where the tree has none.
///
/// # Reference
/// systemd.unit(5), "Unit File Load Path".
pub(super) fn find(workspace: &GuestWorkspace<'_>, unit: &str) -> Option<String> {
    let paths = DIRECTORIES.iter().map(|directory| format!("{directory}/{unit}"));
    paths.into_iter().find(|path| workspace.is_file(path.as_bytes()))
}

/// Whether the tree is one that systemd starts.
pub(super) fn has_systemd(workspace: &GuestWorkspace<'_>) -> bool {
    ["/usr/lib/systemd/systemd", "/lib/systemd/systemd"].iter().any(|path| workspace.is_file(path.as_bytes()))
}

/// Makes a unit start as its `[Install]` section says, and lifts a mask.
///
/// # Errors
/// As [`GuestWorkspace::symlink`].
///
/// # Reference
/// systemctl(1), `enable`; systemd.unit(5), "[INSTALL] SECTION OPTIONS".
pub(super) fn enable(workspace: &mut GuestWorkspace<'_>, unit: &str, reason: &str) -> Result<()> {
    let own = format!("{SYSTEM}/{unit}");
    if workspace.link_target(own.as_bytes()).as_deref() == Some(b"/dev/null") {
        workspace.remove(own.as_bytes(), reason);
    }
    let Some(path) = find(workspace, unit) else { return Ok(()) };
    for link in links(workspace, &path, unit)? {
        if !workspace.exists(link.as_bytes()) {
            workspace.symlink(link.as_bytes(), path.as_bytes(), reason)?;
        }
    }
    Ok(())
}

/// Keeps a unit from being started with the machine.
///
/// # Errors
/// As [`GuestWorkspace::read`].
pub(super) fn disable(workspace: &mut GuestWorkspace<'_>, unit: &str, reason: &str) -> Result<()> {
    let Some(path) = find(workspace, unit) else { return Ok(()) };
    for link in links(workspace, &path, unit)? {
        workspace.remove(link.as_bytes(), reason);
    }
    Ok(())
}

/// Whether a link that starts it is there: older releases of a unit may have had others.
pub(super) fn is_enabled(workspace: &GuestWorkspace<'_>, unit: &str) -> Result<bool> {
    let Some(path) = find(workspace, unit) else { return Ok(false) };
    let links = links(workspace, &path, unit)?;
    Ok(links.iter().any(|link| workspace.link_target(link.as_bytes()).is_some()))
}

fn links(workspace: &GuestWorkspace<'_>, path: &str, unit: &str) -> Result<Vec<String>> {
    let text = workspace.read(path.as_bytes())?.unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let mut section = "";
    let mut links = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        }
        let Some((key, value)) = line.split_once('=').filter(|_| section == "[Install]") else { continue };
        let is_plain = |name: &&str| !name.contains('/') && !name.contains('%');
        for name in value.split_ascii_whitespace().filter(is_plain) {
            match key.trim() {
                "WantedBy" => links.push(format!("{SYSTEM}/{name}.wants/{unit}")),
                "RequiredBy" => links.push(format!("{SYSTEM}/{name}.requires/{unit}")),
                "Alias" => links.push(format!("{SYSTEM}/{name}")),
                _ => {}
            }
        }
    }
    Ok(links)
}

const SYSTEM: &str = "/etc/systemd/system";
const DIRECTORIES: [&str; 3] = [SYSTEM, "/usr/lib/systemd/system", "/lib/systemd/system"];
