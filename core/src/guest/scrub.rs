//! A clone: what makes two machines one is reset.

use super::{GuestWorkspace, units};
use crate::Result;
use crate::tree::{Findings, Severity};

/// Resets machine id, SSH host keys, random seeds, leases and the state of cloud-init, and what else names this one machine.
///
/// # Errors
/// As [`GuestWorkspace::write`]; in strict mode for host keys that have to stay.
///
/// # Reference
/// machine-id(5), "First Boot Semantics"; virt-sysprep(1), "OPERATIONS".
pub(super) fn scrub(workspace: &mut GuestWorkspace<'_>, findings: &mut Findings) -> Result<()> {
    reset_machine_id(workspace)?;
    reset_host_keys(workspace, findings)?;
    for path in SINGLE {
        workspace.remove(path.as_bytes(), "it is the state of one machine, and the clone makes its own");
    }
    for (directory, is_state) in STATES {
        for name in workspace.names(directory.as_bytes()).into_iter().filter(|name| is_state(name)) {
            let path = [directory.as_bytes(), b"/", &name[..]].concat();
            workspace.remove(&path, "it is the state of one machine, and the clone makes its own");
        }
    }
    Ok(())
}

/// An empty file: the first start fills it in. Without the file it might stand on a file system that is still read-only.
fn reset_machine_id(workspace: &mut GuestWorkspace<'_>) -> Result<()> {
    let reason =
        "two machines of one identity disturb each other in a network: the first start makes a new one";
    if workspace.is_file(b"/etc/machine-id") {
        workspace.write(b"/etc/machine-id", Vec::new(), reason)?;
    }
    if workspace.link_target(DBUS_ID).is_none() && workspace.is_file(DBUS_ID) {
        if workspace.exists(b"/etc/machine-id") {
            workspace.symlink(DBUS_ID, b"/etc/machine-id", reason)?;
        } else {
            workspace.remove(DBUS_ID, reason);
        }
    }
    Ok(())
}

/// Removes the keys where the guest makes new ones at its first start: by itself, or by a unit that is added.
///
/// Keys made here would be secrets that derive from the seed, which the report shows.
fn reset_host_keys(workspace: &mut GuestWorkspace<'_>, findings: &mut Findings) -> Result<()> {
    let keys: Vec<Vec<u8>> = workspace
        .names(SSH)
        .into_iter()
        .filter(|name| {
            name.starts_with(b"ssh_host_") && (name.ends_with(b"_key") || name.ends_with(b"_key.pub"))
        })
        .map(|name| [SSH, b"/", &name[..]].concat())
        .collect();
    if keys.is_empty() {
        return Ok(());
    }
    // Red Hat's units, Alpine's and other rc scripts do it themselves.
    let by_itself = ["sshd-keygen@.service", "sshd-keygen.service", "sshdgenkeys.service"]
        .iter()
        .any(|unit| units::find(workspace, unit).is_some())
        || has_text(workspace, b"/etc/init.d/sshd", b"ssh-keygen")?;
    let services: Vec<&str> = ["ssh.service", "sshd.service"]
        .into_iter()
        .filter(|unit| units::find(workspace, unit).is_some())
        .collect();
    if !by_itself {
        let service = services.first().filter(|_| units::has_systemd(workspace));
        let (Some(service), true) = (service, workspace.is_file(b"/usr/bin/ssh-keygen")) else {
            let text = "nothing in the tree makes new SSH host keys: the clone keeps those of the original";
            return findings.record(Severity::Warning, "host-keys-kept", SSH, text);
        };
        let reason = "the tree makes no SSH host keys at a start, and those of the original are removed";
        let text = UNIT.replace("ssh.service", service);
        workspace.write(UNIT_PATH.as_bytes(), text.into_bytes(), reason)?;
        let link = format!("/etc/systemd/system/{service}.wants/ssh-host-keys.service");
        workspace.symlink(link.as_bytes(), UNIT_PATH.as_bytes(), reason)?;
    }
    for key in keys {
        workspace.remove(
            &key,
            "who has the keys of one machine can pose as the other: the first start makes new ones",
        );
    }
    Ok(())
}

fn has_text(workspace: &GuestWorkspace<'_>, path: &[u8], text: &[u8]) -> Result<bool> {
    let content = workspace.read(path)?.unwrap_or_default();
    Ok(content.windows(text.len()).any(|window| window == text))
}

const SSH: &[u8] = b"/etc/ssh";
const DBUS_ID: &[u8] = b"/var/lib/dbus/machine-id";
const UNIT_PATH: &str = "/etc/systemd/system/ssh-host-keys.service";
const UNIT: &str = "[Unit]
Description=Make SSH host keys that are missing
Before=ssh.service
RequiresMountsFor=/etc/ssh
After=systemd-random-seed.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/ssh-keygen -A
";
const SINGLE: [&str; 8] = [
    "/var/lib/systemd/random-seed",
    "/var/lib/urandom/random-seed",
    "/var/lib/misc/random-seed",
    "/var/lib/random-seed",
    "/boot/efi/loader/random-seed",
    "/efi/loader/random-seed",
    "/etc/sysconfig/rhn/systemid",
    "/etc/krb5.keytab",
];

type IsState = fn(&[u8]) -> bool;

/// Directories, and which of their entries go.
const STATES: [(&str, IsState); 10] = [
    ("/etc/udev/rules.d", |name| {
        name.ends_with(b"-persistent-net.rules") || name.ends_with(b"-persistent-cd.rules")
    }),
    ("/var/lib/dhcp", |name| name.ends_with(b".leases") || name.ends_with(b".lease")),
    ("/var/lib/dhcp3", |name| name.ends_with(b".leases")),
    ("/var/lib/dhclient", |name| name.ends_with(b".leases") || name.ends_with(b".lease")),
    ("/var/lib/dhcpcd", |name| name.ends_with(b".lease") || name == b"duid" || name == b"secret"),
    ("/var/lib/NetworkManager", |name| {
        name.ends_with(b".lease") || matches!(name, b"secret_key" | b"seen-bssids" | b"timestamps")
    }),
    ("/var/lib/systemd/network", |_| true),
    ("/var/lib/wicked", |name| name.ends_with(b".xml")),
    ("/var/lib/cloud", |_| true),
    ("/etc/pki/consumer", |name| name.ends_with(b".pem")),
];
