//! Firewall and SELinux: what the tree has is switched, nothing is installed.

use super::{GuestWorkspace, selinux, units};
use crate::profile::SelinuxMode;
use crate::{Error, ErrorKind, Result};

/// Lets the tree's firewall start with the machine, or not.
///
/// # Errors
/// `ErrorKind::Unsupported` naming `firewall` where the tree has none that is known.
pub(super) fn set_firewall(workspace: &mut GuestWorkspace<'_>, enabled: bool) -> Result<()> {
    let installed: Vec<&str> =
        FIREWALLS.into_iter().filter(|unit| units::find(workspace, unit).is_some()).collect();
    let Some(first) = installed.first() else {
        let reason =
            "the tree has none of firewalld, ufw, nftables, netfilter-persistent and iptables as services";
        return match enabled {
            true => Err(Error::new(ErrorKind::Unsupported, reason).with_field("firewall")),
            false => Ok(()),
        };
    };
    if enabled {
        for unit in &installed {
            if units::is_enabled(workspace, unit)? {
                return switch_ufw(workspace, *unit == UFW, true);
            }
        }
        units::enable(workspace, first, "the profile wants the firewall")?;
        return switch_ufw(workspace, *first == UFW, true);
    }
    for unit in &installed {
        units::disable(workspace, unit, "the profile wants no firewall")?;
    }
    switch_ufw(workspace, installed.contains(&UFW), false)
}

/// ufw has a switch of its own.
///
/// # Reference
/// ufw(8), `/etc/ufw/ufw.conf`.
fn switch_ufw(workspace: &mut GuestWorkspace<'_>, is_ufw: bool, enabled: bool) -> Result<()> {
    let Some(text) = workspace.read(UFW_CONFIG)?.filter(|_| is_ufw) else { return Ok(()) };
    let value = if enabled { "yes" } else { "no" };
    let reason = if enabled { "the profile wants the firewall" } else { "the profile wants no firewall" };
    workspace.write(UFW_CONFIG, with_assignment(&text, "ENABLED", value), reason)
}

/// Sets SELinux's mode.
///
/// # Errors
/// `ErrorKind::Unsupported` naming `selinux` where the tree has no policy.
///
/// # Reference
/// selinux_config(5).
pub(super) fn set_selinux(workspace: &mut GuestWorkspace<'_>, mode: SelinuxMode) -> Result<()> {
    let refuse = |reason: &str| Err(Error::new(ErrorKind::Unsupported, reason).with_field("selinux"));
    let Some(text) = workspace.read(SELINUX_CONFIG)? else {
        return match mode {
            SelinuxMode::Disabled => Ok(()),
            _ => refuse("the tree has no /etc/selinux/config"),
        };
    };
    let policy = assigned(&text, "SELINUXTYPE").unwrap_or_else(|| "targeted".to_owned());
    let has_policy = !workspace.names(format!("/etc/selinux/{policy}/policy").as_bytes()).is_empty();
    if mode != SelinuxMode::Disabled && !has_policy {
        return refuse("the tree has no policy for SELinux");
    }
    let was_off = assigned(&text, "SELINUX").is_none_or(|old| old.eq_ignore_ascii_case("disabled"));
    let reason = "the profile sets the mode of SELinux";
    workspace.write(SELINUX_CONFIG, with_assignment(&text, "SELINUX", mode.name()), reason)?;
    // A kernel started without SELinux gives none, whatever the configuration says, and neither does an archive without xattrs.
    let is_unlabelled = !selinux::is_labelled(workspace, SELINUX_CONFIG);
    if (was_off || is_unlabelled) && mode != SelinuxMode::Disabled {
        let reason = "files of the tree have no labels of SELinux: the first start gives them theirs";
        workspace.write(b"/.autorelabel", Vec::new(), reason)?;
    }
    Ok(())
}

/// The value of the last line `KEY=value`, without quotes.
pub(super) fn assigned(text: &[u8], key: &str) -> Option<String> {
    let text = String::from_utf8_lossy(text).into_owned();
    let mut lines = text.lines().filter_map(|line| line.trim().strip_prefix(key)?.strip_prefix('='));
    lines.next_back().map(|value| value.trim().trim_matches(['"', '\'']).to_owned())
}

/// The text with the value of every line `KEY=value` replaced, in quotes where it had them; a line more where there is
/// none.
pub(super) fn with_assignment(text: &[u8], key: &str, value: &str) -> Vec<u8> {
    let start = format!("{key}=");
    let mut is_there = false;
    let mut lines: Vec<Vec<u8>> = text
        .split(|byte| *byte == b'\n')
        .map(|line| match line.strip_prefix(start.as_bytes()) {
            None => line.to_vec(),
            Some(old) => {
                is_there = true;
                let quote = old
                    .first()
                    .filter(|byte| matches!(byte, b'"' | b'\''))
                    .map_or("", |byte| if *byte == b'"' { "\"" } else { "'" });
                format!("{start}{quote}{value}{quote}").into_bytes()
            }
        })
        .collect();
    if !is_there {
        let line = format!("{start}{value}").into_bytes();
        match lines.last_mut().filter(|last| last.is_empty()) {
            Some(last) => *last = line,
            None => lines.push(line),
        }
        lines.push(Vec::new());
    }
    lines.join(&b'\n')
}

const UFW: &str = "ufw.service";
const UFW_CONFIG: &[u8] = b"/etc/ufw/ufw.conf";
const SELINUX_CONFIG: &[u8] = b"/etc/selinux/config";
/// In the order of preference, where several are installed and none starts.
const FIREWALLS: [&str; 5] =
    ["firewalld.service", UFW, "nftables.service", "netfilter-persistent.service", "iptables.service"];
