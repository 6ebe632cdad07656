use crate::Result;
use crate::guest::GuestWorkspace;

/// Takes out of the tree's own network configuration what names the hardware addresses of the old machine's adapters:
/// with these it would leave the new ones alone. Addresses and names stay.
///
/// # Reference
/// nm-settings-ifcfg-rh(5) `HWADDR`; nm-settings-keyfile(5) `mac-address`; systemd.link(5), systemd.network(5)
/// `MACAddress` of `[Match]`.
pub(in crate::guest) fn loosen_bindings(workspace: &mut GuestWorkspace<'_>) -> Result<()> {
    for (directory, is_file, is_binding) in PLACES {
        for name in workspace.names(directory.as_bytes()) {
            if !is_file(&name) {
                continue;
            }
            let path = [directory.as_bytes(), b"/", &name[..]].concat();
            let Some(text) = workspace.read(&path)? else { continue };
            let mut section: &[u8] = b"";
            let mut kept: Vec<&[u8]> = Vec::new();
            for line in text.split_inclusive(|byte| *byte == b'\n') {
                if line.starts_with(b"[") {
                    section = line.trim_ascii();
                }
                if !is_binding(section, line) {
                    kept.push(line);
                } else if name.ends_with(b".network") {
                    // A section that matches by nothing makes systemd leave the file out.
                    kept.push(b"Type=ether\n");
                }
            }
            let kept = kept.concat();
            if kept == text {
                continue;
            }
            if name.ends_with(b".link") {
                // It would give its name to every adapter.
                workspace.remove(
                    &path,
                    "it gives a name to an adapter of the old machine by its hardware address",
                );
            } else {
                workspace.write(&path, kept, REASON)?;
            }
        }
    }
    loosen_netplan(workspace)
}

/// A match by hardware address becomes one of all Ethernet interfaces, where it stands on lines of its own.
///
/// # Reference
/// netplan(5), "Properties for physical device types".
fn loosen_netplan(workspace: &mut GuestWorkspace<'_>) -> Result<()> {
    for name in workspace.names(NETPLAN).into_iter().filter(|name| name.ends_with(b".yaml")) {
        let path = [NETPLAN, b"/", &name[..]].concat();
        let Some(text) = workspace.read(&path)? else { continue };
        let mut is_match = false;
        let mut lines: Vec<Vec<u8>> = Vec::new();
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let content = line.trim_ascii();
            let indent = line.get(..line.len() - line.trim_ascii_start().len()).unwrap_or_default();
            match is_match && content.starts_with(b"macaddress:") {
                true => lines.push([indent, b"name: \"e*\"\n"].concat()),
                false => lines.push(line.to_vec()),
            }
            is_match = content == b"match:";
        }
        let loosened = lines.concat();
        if loosened != text {
            workspace.write(&path, loosened, REASON)?;
        }
    }
    Ok(())
}

type IsFile = fn(&[u8]) -> bool;
type IsBinding = fn(&[u8], &[u8]) -> bool;

const PLACES: [(&str, IsFile, IsBinding); 4] = [
    ("/etc/sysconfig/network-scripts", is_ifcfg, |_, line| line.starts_with(b"HWADDR=")),
    ("/etc/sysconfig/network", is_ifcfg, |_, line| {
        line.starts_with(b"HWADDR=") || line.starts_with(b"LLADDR=")
    }),
    (
        "/etc/NetworkManager/system-connections",
        |_| true,
        |section, line| {
            matches!(section, b"[ethernet]" | b"[802-3-ethernet]") && line.starts_with(b"mac-address=")
        },
    ),
    (
        "/etc/systemd/network",
        |name| name.ends_with(b".network") || name.ends_with(b".link"),
        |section, line| {
            section == b"[Match]"
                && (line.starts_with(b"MACAddress=") || line.starts_with(b"PermanentMACAddress="))
        },
    ),
];

const NETPLAN: &[u8] = b"/etc/netplan";

fn is_ifcfg(name: &[u8]) -> bool {
    name.starts_with(b"ifcfg-") && name != b"ifcfg-lo"
}

const REASON: &str = "it binds the network to an adapter of the old machine by its hardware address";
