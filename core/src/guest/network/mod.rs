//! The network of the new machine: as the profile asks, or the tree's own without what binds it to the old adapters.

mod bindings;
mod files;
mod ifupdown;
mod names;
mod plan;
#[cfg(test)]
mod tests;

use plan::{Interface, Stack};

pub(super) use bindings::loosen_bindings;
pub(crate) use names::parameters as naming_parameters;

use super::{GuestWorkspace, units};
use crate::profile::NicRequest;
use crate::scan::Attributes;
use crate::{Error, ErrorKind, Result};

/// Writes the interfaces that the profile asks for with whatever configures the tree's network, in place of the
/// interfaces that it has there.
///
/// # Errors
/// `ErrorKind::Unsupported` naming the fields of the profile that the tree cannot honour, with the reason.
pub(super) fn set_nics(workspace: &mut GuestWorkspace<'_>, nics: &[NicRequest]) -> Result<()> {
    let stack = Stack::of(workspace)?;
    let interfaces =
        nics.iter().enumerate().map(|(at, nic)| Interface::of(at, nic)).collect::<Result<Vec<_>>>()?;
    let checked = interfaces.iter().map(|interface| stack.check(workspace, interface));
    let mut problems: Vec<Error> = checked.filter_map(Result::err).collect();
    problems.extend(names::set(workspace, &interfaces).err());
    Error::collect(problems)?;
    remove_old(workspace, stack);
    if stack == Stack::Ifupdown {
        ifupdown::write(workspace, &interfaces)?;
    }
    for (path, text, mode) in files_of(stack, &interfaces) {
        put(workspace, path, text, mode)?;
    }
    let servers: Vec<&Interface> = interfaces.iter().filter(|interface| !interface.dns.is_empty()).collect();
    if !stack.sets_dns(workspace)? && !servers.is_empty() {
        write_resolver(workspace, &servers)?;
    }
    if workspace.is_directory(b"/etc/cloud/cloud.cfg.d") {
        let text = "network: {config: disabled}\n".to_owned();
        put(workspace, "/etc/cloud/cloud.cfg.d/99-disable-network-config.cfg".to_owned(), text, 0o644)?;
    }
    Ok(())
}

/// The files that are new with the interfaces, with their paths and modes; ifupdown has none, its own is edited.
fn files_of(stack: Stack, interfaces: &[Interface]) -> Vec<(String, String, u16)> {
    let of_one = |interface: &Interface| -> Vec<(String, String, u16)> {
        let name = &interface.name;
        match stack {
            Stack::Netplan | Stack::Ifupdown => Vec::new(),
            Stack::NetworkManager => {
                let path = format!("/etc/NetworkManager/system-connections/{name}.nmconnection");
                vec![(path, files::keyfile(interface), 0o600)]
            }
            Stack::Networkd => {
                let path = format!("/etc/systemd/network/10-{name}.network");
                vec![(path, files::networkd(interface), 0o644)]
            }
            Stack::NetworkScripts => {
                let path = |kind: &str| format!("/etc/sysconfig/network-scripts/{kind}-{name}");
                let routes = files::route_scripts(interface).into_iter();
                let routes = routes.map(|(kind, text)| (path(kind), text, 0o644));
                [(path("ifcfg"), files::network_scripts(interface), 0o644)]
                    .into_iter()
                    .chain(routes)
                    .collect()
            }
            Stack::Wicked => {
                let path = |kind: &str| format!("/etc/sysconfig/network/{kind}-{name}");
                let routes = files::wicked_routes(interface).map(|text| (path("ifroute"), text, 0o644));
                [(path("ifcfg"), files::wicked(interface), 0o644)].into_iter().chain(routes).collect()
            }
        }
    };
    match stack {
        Stack::Netplan => {
            vec![("/etc/netplan/01-network.yaml".to_owned(), files::netplan(interfaces), 0o600)]
        }
        _ => interfaces.iter().flat_map(of_one).collect(),
    }
}

fn put(workspace: &mut GuestWorkspace<'_>, path: String, text: String, mode: u16) -> Result<()> {
    let directory = path.rsplit_once('/').map_or("/", |(directory, _)| directory).to_owned();
    workspace.directory(directory.as_bytes(), 0o755, REASON)?;
    let labels = workspace.attributes(directory.as_bytes()).unwrap_or_default().xattrs;
    let xattrs = labels.into_iter().filter(|(name, _)| name == b"security.selinux").collect();
    let attributes = Attributes { mode, xattrs, ..Attributes::default() };
    workspace.write_with(path.as_bytes(), text.into_bytes(), Some(attributes), REASON)
}

/// Removes what configures other interfaces by files of their own.
fn remove_old(workspace: &mut GuestWorkspace<'_>, stack: Stack) {
    let (directory, is_old): (&str, fn(&str) -> bool) = match stack {
        Stack::Netplan => ("/etc/netplan", |name| name.ends_with(".yaml")),
        Stack::Networkd => ("/etc/systemd/network", |name| name.ends_with(".network")),
        Stack::NetworkManager => ("/etc/NetworkManager/system-connections", |_| true),
        Stack::NetworkScripts => ("/etc/sysconfig/network-scripts", |name| {
            let kinds = ["ifcfg-", "route-", "route6-", "rule-", "rule6-"];
            kinds.iter().any(|kind| name.starts_with(kind)) && name != "ifcfg-lo"
        }),
        Stack::Wicked => ("/etc/sysconfig/network", |name| {
            (name.starts_with("ifcfg-") && name != "ifcfg-lo") || name.starts_with("ifroute-")
        }),
        Stack::Ifupdown => return,
    };
    for name in workspace.names(directory.as_bytes()) {
        let Ok(name) = String::from_utf8(name) else { continue };
        let path = format!("{directory}/{name}");
        let is_wired = stack != Stack::NetworkManager
            || workspace.read(path.as_bytes()).ok().flatten().is_some_and(|text| {
                text.split(|byte| *byte == b'\n')
                    .any(|line| matches!(line, b"type=ethernet" | b"type=802-3-ethernet"))
            });
        if is_old(&name) && is_wired && workspace.is_file(path.as_bytes()) {
            workspace.remove(
                path.as_bytes(),
                "it configures the interfaces of the old machine; the profile has its own",
            );
        }
    }
}

/// Name servers where nothing but the file is asked: those of all interfaces, each once.
///
/// # Reference
/// resolv.conf(5).
fn write_resolver(workspace: &mut GuestWorkspace<'_>, interfaces: &[&Interface]) -> Result<()> {
    if workspace.link_target(RESOLVER).is_some() {
        let reason = "the tree's /etc/resolv.conf is a link to what is made at each start";
        return Err(refuse(interfaces.first().map_or(0, |interface| interface.at), "dns", reason));
    }
    let old = workspace.read(RESOLVER)?.unwrap_or_default();
    let kept = old.split_inclusive(|byte| *byte == b'\n').filter(|line| !line.starts_with(b"nameserver"));
    let mut text: Vec<u8> = kept.flatten().copied().collect();
    if !text.is_empty() && !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    let mut servers = Vec::new();
    for server in interfaces.iter().flat_map(|interface| &interface.dns) {
        if !servers.contains(&server) {
            servers.push(server);
            text.extend_from_slice(format!("nameserver {server}\n").as_bytes());
        }
    }
    workspace.write(RESOLVER, text, REASON)
}

fn refuse(at: usize, field: &str, reason: impl Into<String>) -> Error {
    Error::new(ErrorKind::Unsupported, reason).with_field(format!("nics[{at}].{field}"))
}

/// Whether a service of systemd starts.
fn starts(workspace: &GuestWorkspace<'_>, unit: &str) -> Result<bool> {
    units::is_enabled(workspace, unit)
}

const REASON: &str = "the profile asks for this network";
const RESOLVER: &[u8] = b"/etc/resolv.conf";
