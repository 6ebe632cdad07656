//! What a profile's network interfaces must fulfil, whatever the tree.

use std::net::IpAddr;

use super::check::Problems;
use super::size::quoted;
use super::{NicMethod, NicRequest, Settings};
use crate::ErrorKind;

/// What each must fulfil alone, and all together: names and default gateways of their own.
pub(super) fn problems(settings: &Settings, problems: &mut Problems) {
    let (Some(nics), origin) = (&settings.nics.value, settings.nics.origin) else { return };
    if nics.len() > MAX_NICS {
        let message = format!("{} are more than {MAX_NICS}", nics.len());
        problems.push(ErrorKind::LimitExceeded, origin, "nics", message);
        return;
    }
    for (at, nic) in nics.iter().enumerate() {
        let mut refuse = |field: &str, message: String| {
            problems.invalid(origin, &format!("nics[{at}].{field}"), message);
        };
        nic_problems(nic, &mut refuse);
        let before = nics.get(..at).unwrap_or_default();
        let name = nic.name_at(at);
        if (0..).zip(before).any(|(other, nic)| nic.name_at(other) == name) {
            refuse("name", format!("{name} stands in the list before"));
        } else if name.strip_prefix("eth").is_some_and(|number| number.parse().is_ok_and(|n: usize| n != at))
        {
            // The kernel counts the adapters in the order in which the machine has them.
            refuse("name", format!("{name} is not what the kernel calls this adapter: eth{at}"));
        }
        for gateway in nic.gateways.iter().flatten() {
            let family = |text: &String| text.parse().ok().map(|address: IpAddr| address.is_ipv4());
            let mut others = before.iter().flat_map(|nic| nic.gateways.iter().flatten());
            if family(gateway).is_some() && others.any(|other| family(other) == family(gateway)) {
                refuse("gateways", format!("{gateway} is a second default gateway of the machine"));
            }
        }
    }
}

/// Those of one interface.
///
/// # Reference
/// systemd, `ifname_valid_full`: the names that udev takes.
fn nic_problems(nic: &NicRequest, refuse: &mut dyn FnMut(&str, String)) {
    if let Some(name) = &nic.name {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if !(1..=15).contains(&name.len()) || !name.bytes().all(allowed) || name == "lo" {
            refuse(
                "name",
                format!("{} is not an interface's name: 1 to 15 letters and digits", quoted(name)),
            );
        } else if matches!(name.as_str(), "all" | "default") || name.bytes().all(|byte| byte.is_ascii_digit())
        {
            // sysctl has directories of the former for all interfaces, and a number is an interface's index.
            refuse("name", format!("{} is a name that systemd-udevd gives no interface", quoted(name)));
        }
    }
    let addresses = nic.addresses.as_deref().unwrap_or_default();
    match nic.method {
        Some(NicMethod::Static) if addresses.is_empty() => {
            refuse("addresses", "a static interface needs an address".to_owned());
        }
        Some(NicMethod::Dhcp | NicMethod::None) if !addresses.is_empty() => {
            refuse("addresses", "only a static interface has addresses of its own".to_owned());
        }
        _ => {}
    }
    for address in addresses {
        if parse_network(address).is_none() {
            refuse("addresses", format!("{} is not an address with a prefix length", quoted(address)));
        }
    }
    let mut families = Vec::new();
    for gateway in nic.gateways.iter().flatten() {
        match gateway.parse::<IpAddr>() {
            Err(_) => refuse("gateways", format!("{} is not an address", quoted(gateway))),
            Ok(address) if families.contains(&address.is_ipv4()) => {
                refuse("gateways", format!("{} is a second gateway of its family", quoted(gateway)));
            }
            Ok(address) => {
                families.push(address.is_ipv4());
                if !has_family_of(addresses, address) {
                    refuse("gateways", format!("{address} has no address of its family beside it"));
                }
            }
        }
    }
    for server in nic.dns.iter().flatten() {
        if server.parse::<IpAddr>().is_err() {
            refuse("dns", format!("{} is not an address", quoted(server)));
        }
    }
    route_problems(nic, addresses, refuse);
}

/// Those of the routes of an interface with these addresses.
fn route_problems(nic: &NicRequest, addresses: &[String], refuse: &mut dyn FnMut(&str, String)) {
    let is_dhcp = nic.method_or_default() == NicMethod::Dhcp;
    for (at, route) in nic.routes.iter().flatten().enumerate() {
        let to = parse_network(&route.to);
        if to.is_none() {
            let message = format!("{} is not a network with a prefix length", quoted(&route.to));
            refuse(&format!("routes[{at}].to"), message);
        }
        let via = route.via.parse::<IpAddr>().ok();
        if via.is_none_or(|via| to.is_some_and(|(to, _)| to.is_ipv4() != via.is_ipv4())) {
            let message = format!("{} is not an address of the network's family", quoted(&route.via));
            refuse(&format!("routes[{at}].via"), message);
        } else if let Some(via) = via.filter(|via| !is_dhcp && !has_family_of(addresses, *via)) {
            let message = format!("{via} has no address of its family beside it");
            refuse(&format!("routes[{at}].via"), message);
        }
    }
}

/// Whether one of an interface's own addresses is of the family of another.
fn has_family_of(addresses: &[String], other: IpAddr) -> bool {
    let mut own = addresses.iter().filter_map(|text| parse_network(text));
    own.any(|(own, _)| own.is_ipv4() == other.is_ipv4())
}

/// `192.0.2.10/24` as address and prefix length.
pub(crate) fn parse_network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let is_number = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
    let length: u8 = length.parse().ok().filter(|length| is_number && *length <= most)?;
    Some((address, length))
}

/// As many as a machine of any of the products has.
const MAX_NICS: usize = 10;
