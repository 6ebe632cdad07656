use super::REASON;
use super::plan::Interface;
use crate::Result;
use crate::guest::GuestWorkspace;

/// Puts the interfaces in the place of all others but `lo`. Lines that belong to none stay.
///
/// # Reference
/// interfaces(5).
pub(super) fn write(workspace: &mut GuestWorkspace<'_>, interfaces: &[Interface]) -> Result<()> {
    for name in workspace.names(DIRECTORY) {
        let path = [DIRECTORY, b"/", &name[..]].concat();
        let Some(text) = workspace.read(&path)? else { continue };
        if let Some(rest) = without_interfaces(&text) {
            workspace.write(&path, rest, "the profile has interfaces of its own in their place")?;
        }
    }
    let text = workspace.read(MAIN)?.unwrap_or_else(|| b"auto lo\niface lo inet loopback\n".to_vec());
    let mut text = without_interfaces(&text).unwrap_or(text);
    if !text.is_empty() && !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    text.extend(interfaces.iter().flat_map(|interface| stanzas(interface).into_bytes()));
    workspace.write(MAIN, text, REASON)
}

/// The text without the stanzas of interfaces other than `lo`; `None` when it has none.
fn without_interfaces(text: &[u8]) -> Option<Vec<u8>> {
    let mut kept = Vec::new();
    let mut is_dropping = false;
    let mut is_changed = false;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let words: Vec<&[u8]> = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
        let keyword = words.first().copied().unwrap_or_default();
        let is_start = matches!(keyword, b"iface" | b"auto" | b"mapping" | b"source" | b"source-directory")
            || keyword.starts_with(b"allow-")
            || keyword.starts_with(b"no-");
        if is_start {
            let names = words.get(1..).unwrap_or_default();
            let names = if keyword == b"iface" { names.get(..1).unwrap_or_default() } else { names };
            let is_about =
                matches!(keyword, b"iface" | b"auto" | b"mapping") || keyword.starts_with(b"allow-");
            is_dropping = is_about && !names.contains(&&b"lo"[..]);
            if is_about && keyword != b"iface" && names.len() > 1 && !is_dropping {
                // `auto lo eth0`: only the first stays.
                kept.extend_from_slice(&[keyword, b" lo\n"].concat());
                is_changed = true;
                continue;
            }
        }
        let is_comment = keyword.is_empty() || keyword.starts_with(b"#");
        if is_dropping && !is_comment {
            is_changed = true;
        } else {
            kept.extend_from_slice(line);
        }
    }
    is_changed.then_some(kept)
}

fn stanzas(interface: &Interface) -> String {
    let name = &interface.name;
    let mut text = format!("\nauto {name}\n");
    if interface.addresses.is_empty() {
        let method = if interface.is_dhcp() { "dhcp" } else { "manual" };
        text.push_str(&format!("iface {name} inet {method}\n"));
        text.push_str(&options(interface, true, true));
        if interface.routes_of(false).next().is_some() {
            text.push_str(&format!("iface {name} inet6 auto\n"));
            text.push_str(&options(interface, false, false));
        }
        return text;
    }
    for (v4, family) in [(true, "inet"), (false, "inet6")] {
        for (at, (address, length)) in interface.of_family(v4).enumerate() {
            text.push_str(&format!("iface {name} {family} static\n    address {address}/{length}\n"));
            if let Some(gateway) = interface.gateway(v4).filter(|_| at == 0) {
                text.push_str(&format!("    gateway {gateway}\n"));
            }
            if at == 0 {
                text.push_str(&options(interface, v4, v4 || interface.of_family(true).next().is_none()));
            }
        }
    }
    text
}

/// Name servers are for resolvconf, where that is there.
fn options(interface: &Interface, v4: bool, with_dns: bool) -> String {
    let mut text = String::new();
    if with_dns && !interface.dns.is_empty() {
        let servers: Vec<String> = interface.dns.iter().map(ToString::to_string).collect();
        text.push_str(&format!("    dns-nameservers {}\n", servers.join(" ")));
    }
    for ((to, length), via) in interface.routes_of(v4) {
        let ip = if v4 { "ip" } else { "ip -6" };
        text.push_str(&format!("    up {ip} route add {to}/{length} via {via} dev $IFACE\n"));
    }
    text
}

const MAIN: &[u8] = b"/etc/network/interfaces";
const DIRECTORY: &[u8] = b"/etc/network/interfaces.d";
