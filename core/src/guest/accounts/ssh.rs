//! What the tree's SSH server makes of keys.

use crate::Result;
use crate::guest::GuestWorkspace;
use crate::profile::quoted;
use crate::tree::{Findings, Severity};

/// Why keys in `~/.ssh/authorized_keys` would let nobody in; `None` where they do.
///
/// # Reference
/// sshd_config(5), `AuthorizedKeysFile`.
pub(super) fn obstacle(workspace: &GuestWorkspace<'_>) -> Result<Option<String>> {
    if !SSH_SERVERS.iter().any(|path| workspace.is_file(path)) {
        return Ok(Some("the tree has no SSH server".to_owned()));
    }
    let value = ssh_setting(workspace, "AuthorizedKeysFile")?;
    let is_usual = |path: &str| matches!(path, ".ssh/authorized_keys" | "%h/.ssh/authorized_keys");
    let other = value.filter(|value| !value.split_ascii_whitespace().any(is_usual));
    Ok(other.map(|value| format!("the tree's SSH server reads keys from {} only", quoted(&value))))
}

/// Keys of root are of no use where the SSH server turns root away.
pub(super) fn note_root_login(workspace: &GuestWorkspace<'_>, findings: &mut Findings) -> Result<()> {
    if ssh_setting(workspace, "PermitRootLogin")?.is_some_and(|value| value.eq_ignore_ascii_case("no")) {
        let text =
            "keys are added for root, but the SSH server lets root in by no means (PermitRootLogin no)";
        findings.record(Severity::Warning, "root-login-refused", SSHD_CONFIG, text)?;
    }
    Ok(())
}

/// The first value of a keyword before any `Match`; the drop-ins come first, as the distributions include them on top.
fn ssh_setting(workspace: &GuestWorkspace<'_>, keyword: &str) -> Result<Option<String>> {
    let mut paths: Vec<Vec<u8>> = Vec::new();
    for name in workspace.names(SSHD_DIRECTORY).into_iter().filter(|name| name.ends_with(b".conf")) {
        paths.push([SSHD_DIRECTORY, b"/", &name].concat());
    }
    paths.push(SSHD_CONFIG.to_vec());
    for path in paths {
        let text = workspace.read(&path)?.unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        for line in text.lines().map(str::trim) {
            let (key, value) = line.split_once([' ', '\t', '=']).unwrap_or((line, ""));
            if key.eq_ignore_ascii_case("match") {
                break;
            }
            if key.eq_ignore_ascii_case(keyword) {
                return Ok(Some(value.trim_start_matches([' ', '\t', '=']).trim_matches('"').to_owned()));
            }
        }
    }
    Ok(None)
}

const SSH_SERVERS: [&[u8]; 4] =
    [b"/usr/sbin/sshd", b"/usr/bin/sshd", b"/usr/sbin/dropbear", b"/usr/bin/dropbear"];
const SSHD_CONFIG: &[u8] = b"/etc/ssh/sshd_config";
const SSHD_DIRECTORY: &[u8] = b"/etc/ssh/sshd_config.d";
