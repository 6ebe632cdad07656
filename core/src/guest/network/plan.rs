use std::net::IpAddr;

use super::{refuse, starts};
use crate::guest::GuestWorkspace;
use crate::profile::{NicMethod, NicRequest, parse_network};
use crate::{Error, ErrorKind, Result};

/// What configures a tree's network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stack {
    Netplan,
    /// Red Hat's `ifcfg` files, which initscripts and NetworkManager read.
    NetworkScripts,
    NetworkManager,
    Wicked,
    Networkd,
    Ifupdown,
}

/// An address or network with its prefix length.
pub(super) type Network = (IpAddr, u8);

/// An interface, checked.
pub(super) struct Interface {
    /// Its place in the profile's list, and the adapter's in the machine (from 0).
    pub(super) at: usize,
    pub(super) name: String,
    pub(super) method: NicMethod,
    pub(super) addresses: Vec<Network>,
    pub(super) gateways: Vec<IpAddr>,
    pub(super) dns: Vec<IpAddr>,
    pub(super) routes: Vec<(Network, IpAddr)>,
}

impl Stack {
    /// The first that is there and in use.
    pub(super) fn of(workspace: &GuestWorkspace<'_>) -> Result<Self> {
        let has = |paths: &[&str]| paths.iter().any(|path| workspace.is_file(path.as_bytes()));
        let has_ifcfg = |directory: &str| {
            let names = workspace.names(directory.as_bytes());
            names.iter().any(|name| name.starts_with(b"ifcfg-") && name != b"ifcfg-lo")
        };
        if has(&["/usr/sbin/netplan"]) {
            return Ok(Self::Netplan);
        }
        if has_ifcfg("/etc/sysconfig/network-scripts") {
            return Ok(Self::NetworkScripts);
        }
        if starts(workspace, "NetworkManager.service")? {
            return Ok(Self::NetworkManager);
        }
        if has(&["/usr/sbin/wicked"]) || has_ifcfg("/etc/sysconfig/network") {
            return Ok(Self::Wicked);
        }
        if starts(workspace, "systemd-networkd.service")? {
            return Ok(Self::Networkd);
        }
        if has(&["/sbin/ifup", "/usr/sbin/ifup"]) {
            return Ok(Self::Ifupdown);
        }
        let reason = "the tree's network is configured by none of netplan, ifcfg files, NetworkManager, wicked, \
                      systemd-networkd and ifupdown";
        Err(Error::new(ErrorKind::Unsupported, reason).with_field("nics"))
    }

    /// Refuses what this tree's stack cannot do.
    pub(super) fn check(self, workspace: &GuestWorkspace<'_>, interface: &Interface) -> Result<()> {
        if self == Self::Ifupdown && interface.method == NicMethod::Dhcp {
            let clients = ["dhclient", "udhcpc", "dhcpcd"];
            let places = ["/sbin", "/usr/sbin", "/bin", "/usr/bin"];
            let is_there = |client: &str| {
                places.iter().any(|place| workspace.exists(format!("{place}/{client}").as_bytes()))
            };
            if !clients.iter().any(|client| is_there(client)) {
                return Err(refuse(
                    interface.at,
                    "method",
                    "the tree has no DHCP client that ifupdown could start",
                ));
            }
        }
        // It takes name servers only beside addresses of their family.
        let is_lost = |server: &&IpAddr| interface.of_family(server.is_ipv4()).next().is_none();
        if self == Self::NetworkManager
            && !interface.is_dhcp()
            && let Some(server) = interface.dns.iter().find(is_lost)
        {
            let reason = format!(
                "NetworkManager keeps no name server {server} for an interface without an address of its family"
            );
            return Err(refuse(interface.at, "dns", reason));
        }
        Ok(())
    }

    /// Whether name servers are told to the stack, or to `/etc/resolv.conf`.
    pub(super) fn sets_dns(self, workspace: &GuestWorkspace<'_>) -> Result<bool> {
        Ok(match self {
            Self::Netplan | Self::NetworkManager | Self::NetworkScripts => true,
            Self::Networkd => starts(workspace, "systemd-resolved.service")?,
            Self::Ifupdown => {
                workspace.exists(b"/sbin/resolvconf") || workspace.exists(b"/usr/sbin/resolvconf")
            }
            Self::Wicked => false,
        })
    }
}

impl Interface {
    /// The request, which the profile's own check has let pass.
    pub(super) fn of(at: usize, nic: &NicRequest) -> Result<Self> {
        let networks = |texts: &[String], field| networks(at, texts, field);
        let addresses = networks(nic.addresses.as_deref().unwrap_or_default(), "addresses")?;
        let method = nic.method_or_default();
        let mut routes = Vec::new();
        for route in nic.routes.iter().flatten() {
            let to = networks(std::slice::from_ref(&route.to), "routes")?;
            let via = parsed(at, std::slice::from_ref(&route.via), "routes")?;
            routes.extend(to.into_iter().zip(via));
        }
        Ok(Self {
            at,
            name: nic.name_at(at),
            method,
            addresses,
            gateways: parsed(at, nic.gateways.as_deref().unwrap_or_default(), "gateways")?,
            dns: parsed(at, nic.dns.as_deref().unwrap_or_default(), "dns")?,
            routes,
        })
    }

    pub(super) fn is_dhcp(&self) -> bool {
        self.method == NicMethod::Dhcp
    }

    /// The addresses of IPv4, or those of IPv6.
    pub(super) fn of_family(&self, v4: bool) -> impl Iterator<Item = &Network> {
        self.addresses.iter().filter(move |(address, _)| address.is_ipv4() == v4)
    }

    pub(super) fn gateway(&self, v4: bool) -> Option<&IpAddr> {
        self.gateways.iter().find(|gateway| gateway.is_ipv4() == v4)
    }

    pub(super) fn routes_of(&self, v4: bool) -> impl Iterator<Item = &(Network, IpAddr)> {
        self.routes.iter().filter(move |(_, via)| via.is_ipv4() == v4)
    }
}

fn networks(at: usize, texts: &[String], field: &str) -> Result<Vec<Network>> {
    let bad = |text: &String| refuse(at, field, format!("{text:?} has no prefix length"));
    texts.iter().map(|text| parse_network(text).ok_or_else(|| bad(text))).collect()
}

fn parsed(at: usize, texts: &[String], field: &str) -> Result<Vec<IpAddr>> {
    texts
        .iter()
        .map(|text| text.parse().map_err(|_| refuse(at, field, format!("{text:?} is no address"))))
        .collect()
}
