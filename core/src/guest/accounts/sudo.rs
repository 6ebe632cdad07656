use super::refuse;
use crate::Result;
use crate::guest::GuestWorkspace;
use crate::profile::SudoRight;
use crate::scan::Attributes;

/// Lets a user become root, by a file of its own.
///
/// # Errors
/// `ErrorKind::Unsupported` naming `field` where the tree has no sudo, or one that does not read such files.
///
/// # Reference
/// sudoers(5), "Including other files from within sudoers".
pub(super) fn grant(
    workspace: &mut GuestWorkspace<'_>,
    name: &str,
    right: SudoRight,
    field: &str,
) -> Result<()> {
    let password = match right {
        SudoRight::None => return Ok(()),
        SudoRight::Password => "",
        SudoRight::NoPassword => "NOPASSWD: ",
    };
    if !workspace.is_file(b"/usr/bin/sudo") && !workspace.is_file(b"/usr/local/bin/sudo") {
        return Err(refuse(field, "the tree has no sudo"));
    }
    let mut main = workspace.read(b"/etc/sudoers")?;
    if main.is_none() {
        main = workspace.read(b"/usr/etc/sudoers")?;
    }
    let main = String::from_utf8_lossy(&main.unwrap_or_default()).into_owned();
    let includes = main.lines().any(|line| {
        let mut words = line.split_ascii_whitespace();
        matches!(words.next(), Some("#includedir" | "@includedir")) && words.next() == Some(DIRECTORY)
    });
    if !includes {
        return Err(refuse(field, "the tree's /etc/sudoers does not read /etc/sudoers.d"));
    }
    let reason = "the profile lets this user become root";
    workspace.directory(DIRECTORY.as_bytes(), 0o750, reason)?;
    // sudo skips files with a dot in their names.
    let path = format!("{DIRECTORY}/90-{}", name.replace('.', "_"));
    let near = workspace.attributes(DIRECTORY.as_bytes()).unwrap_or_default();
    let xattrs = near.xattrs.into_iter().filter(|(name, _)| name == b"security.selinux").collect();
    let attributes = Attributes { mode: 0o440, xattrs, ..Attributes::default() };
    let text = format!("{name} ALL=(ALL:ALL) {password}ALL\n");
    workspace.write_with(path.as_bytes(), text.into_bytes(), Some(attributes), reason)
}

const DIRECTORY: &str = "/etc/sudoers.d";
