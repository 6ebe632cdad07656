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

/// A network interface as the guest shall configure it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NicRequest {
    /// The interface's name in the guest. Default: `eth0`, and the guest is told to count its interfaces so.
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

/// A route of a network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteRequest {
    /// The destination with its prefix length: `198.51.100.0/24`.
    pub to: String,
    /// The gateway's address.
    pub via: String,
}
