use serde::{Deserialize, Serialize};

use crate::names::named_values;

named_values! {
    /// Where an interface's addresses come from.
    NicMethod, "method" {
        /// From the network: DHCP, and for IPv6 router advertisements.
        Dhcp = "dhcp",
        /// From the profile.
        Static = "static",
        /// It has none.
        None = "none",
    }
}

named_values! {
    /// What SELinux does with what its policy forbids.
    SelinuxMode, "SELinux mode" {
        /// It is refused.
        Enforcing = "enforcing",
        /// It is logged.
        Permissive = "permissive",
        /// There is no SELinux.
        Disabled = "disabled",
    }
}

/// A network interface as the guest shall configure it; for each the machine has an adapter, in the same order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NicRequest {
    /// The interface's name in the guest. Default: `eth0` for the first, `eth1` for the second and so on, as the guest's
    /// kernel is told to call them. Another name is given by systemd-udevd, which the tree needs for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `dhcp`, `static` or `none`. Default: `static` where there are addresses, else `dhcp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<NicMethod>,
    /// Addresses with their prefix lengths: `192.0.2.10/24`, `2001:db8::10/64`. Needed for `static`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addresses: Option<Vec<String>>,
    /// Addresses of the default gateways, at most one of IPv4 and one of IPv6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateways: Option<Vec<String>>,
    /// Addresses of name servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns: Option<Vec<String>>,
    /// Other routes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routes: Option<Vec<RouteRequest>>,
}

impl NicRequest {
    /// Where its addresses come from, said or by default.
    pub(crate) fn method_or_default(&self) -> NicMethod {
        let has_addresses = self.addresses.as_ref().is_some_and(|addresses| !addresses.is_empty());
        self.method.unwrap_or(if has_addresses { NicMethod::Static } else { NicMethod::Dhcp })
    }

    /// The name of the interface that stands at this place of the list (from 0).
    pub(crate) fn name_at(&self, at: usize) -> String {
        self.name.clone().unwrap_or_else(|| kernel_name(at))
    }
}

/// What the kernel calls the adapter at this place (from 0) when nobody names it.
pub(crate) fn kernel_name(at: usize) -> String {
    format!("eth{at}")
}

/// A route of a network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteRequest {
    /// The destination with its prefix length: `198.51.100.0/24`.
    pub to: String,
    /// The gateway's address.
    pub via: String,
}
