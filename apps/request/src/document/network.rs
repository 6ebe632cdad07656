use super::{Ipv4Method, Ipv6Method, NicKind};
use crate::render::object;

object! {
    /// A network interface.
    Nic: common: Common = "nic" {
        /// Whether it is up after the start.
        auto_connect: bool => "autoConnect",
        /// Its addresses.
        ip_addresses: Vec<IpAddress> => "ipAddresses" ["ipAddress"],
        /// Where its IPv4 address comes from.
        ipv4_method: Ipv4Method => "ipv4Method",
        /// Where its IPv6 address comes from.
        ipv6_method: Ipv6Method => "ipv6Method",
        /// Name: `eth0`.
        name: String => "name",
        /// URI of the install profile.
        parent_uri: String => "parentUri",
        /// Its kind.
        kind: NicKind => "type",
        /// Its number, from 1. The schema demands it.
        order: i32 => "order",
        /// Its place.
        uri: String => "uri",
    }
}

object! {
    /// An address of a network interface.
    IpAddress: common: Common {
        /// The address.
        address: String => "address",
        /// The gateway.
        gateway: String => "gateway",
        /// The mask.
        netmask: String => "netmask",
        /// 4 or 6. The schema demands it.
        kind: i32 => "type",
        /// Its place.
        uri: String => "uri",
    }
}
