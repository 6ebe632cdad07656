//! Network interfaces of an install profile.

use diskwright_core::profile::{NicMethod, NicRequest, RouteRequest};

use super::element::Element;
use super::fields::{Fields, Findings};
use crate::text::quoted;

/// Reads the interfaces, in the order of their `order` where all have one: that of the machine's adapters.
pub(super) fn read(fields: &mut Fields<'_>, findings: &mut Findings) -> Option<Vec<NicRequest>> {
    let elements = fields.list("nics", "nic", findings);
    let mut read: Vec<ReadNic> = elements.iter().map(|(place, nic)| read_nic(place, nic, findings)).collect();
    if read.iter().all(|one| one.order.is_some()) {
        read.sort_by_key(|one| one.order);
    }
    let is_asked = read.iter().any(|one| !one.is_silent);
    for ReadNic { place, .. } in read.iter().filter(|one| one.is_silent) {
        if is_asked {
            let message = "is missing, and another interface is asked for: AUTOMATIC, MANUAL or DISABLED";
            findings.invalid(&format!("{place}.ipv4Method"), message);
        } else {
            findings.note(format!(
                "request: {place} says nothing of addresses: the network stays as the tree has it"
            ));
        }
    }
    is_asked.then(|| read.into_iter().map(|one| one.nic).collect())
}

/// An interface as it stands in the request.
struct ReadNic {
    place: String,
    order: Option<i32>,
    /// It says neither method nor address nor route, as clients do who send back what the scan has.
    is_silent: bool,
    nic: NicRequest,
}

fn read_nic(path: &str, element: &Element, findings: &mut Findings) -> ReadNic {
    let mut fields = Fields::new(path, element, findings);
    let mut nic = NicRequest { name: fields.short_text("name", findings), ..NicRequest::default() };
    let mut methods = Vec::new();
    let mut says_method = false;
    for (name, none) in [("ipv4Method", "DISABLED"), ("ipv6Method", "IGNORE")] {
        let Some(text) = fields.short_text(name, findings) else { continue };
        says_method = true;
        let known = ["AUTOMATIC", "MANUAL", none].into_iter().find(|known| text.eq_ignore_ascii_case(known));
        match known {
            Some(known) => methods.push(known),
            None => {
                let message = format!("{} is not supported: AUTOMATIC, MANUAL, {none}", quoted(&text));
                findings.unsupported(&fields.place(name), message);
            }
        }
    }
    for (place, address) in fields.list("ipAddresses", "ipAddress", findings) {
        read_address(&place, address, &mut nic, findings);
    }
    let routes = fields.list("routes", "route", findings);
    let routes: Vec<RouteRequest> =
        routes.iter().filter_map(|(place, route)| read_route(place, route, findings)).collect();
    nic.routes = Some(routes).filter(|routes| !routes.is_empty());
    if let Some(kind) = fields.short_text("type", findings)
        && !kind.eq_ignore_ascii_case("ETHERNET")
    {
        findings.unsupported(&fields.place("type"), format!("{} is not supported: ETHERNET", quoted(&kind)));
    }
    let order = fields.int("order", findings);
    fields.refuse_when(false, &["autoConnect"], findings);
    fields.refuse(&["dhcpClientId", "macAddress"], findings);
    fields.finish(&["default", "ipAddressesUri", "routesUri"], findings);
    let has_addresses = nic.addresses.is_some();
    let is_silent = !says_method && !has_addresses && nic.routes.is_none();
    nic.method = match methods.as_slice() {
        _ if has_addresses => Some(NicMethod::Static),
        [] => None,
        methods if methods.contains(&"AUTOMATIC") => Some(NicMethod::Dhcp),
        methods if methods.contains(&"MANUAL") => Some(NicMethod::Static),
        _ => Some(NicMethod::None),
    };
    ReadNic { place: path.to_owned(), order, is_silent, nic }
}

/// Address, mask (255.255.255.0, /24 or 24) and gateway.
fn read_address(path: &str, element: &Element, nic: &mut NicRequest, findings: &mut Findings) {
    let mut fields = Fields::new(path, element, findings);
    let address = fields.needed("address", findings);
    let mask = fields.short_text("netmask", findings);
    let gateway = fields.short_text("gateway", findings);
    fields.finish(&["type"], findings);
    if address.is_empty() {
        return;
    }
    nic.addresses.get_or_insert_default().extend(network(&fields, &address, mask, findings));
    if let Some(gateway) = gateway {
        nic.gateways.get_or_insert_default().push(gateway);
    }
}

/// Destination as an address with its mask, and gateway.
fn read_route(path: &str, element: &Element, findings: &mut Findings) -> Option<RouteRequest> {
    let mut fields = Fields::new(path, element, findings);
    let address = fields.needed("address", findings);
    let mask = fields.short_text("netmask", findings);
    let via = fields.needed("gateway", findings);
    if fields.int("metric", findings).is_some_and(|metric| metric != 0) {
        findings.unsupported(&fields.place("metric"), "is not supported: 0");
    }
    fields.finish(&["type", "uri", "parentUri"], findings);
    if address.is_empty() {
        return None;
    }
    Some(RouteRequest { to: network(&fields, &address, mask, findings)?, via })
}

/// An address with the length of its mask, which may stand with it.
fn network(
    fields: &Fields<'_>,
    address: &str,
    mask: Option<String>,
    findings: &mut Findings,
) -> Option<String> {
    let network = match mask {
        None if address.contains('/') => Some(address.to_owned()),
        None => None,
        Some(mask) => prefix_length(&mask).map(|length| format!("{address}/{length}")),
    };
    if network.is_none() {
        findings.invalid(&fields.place("netmask"), "is no mask, as in 255.255.255.0 or 24");
    }
    network
}

fn prefix_length(mask: &str) -> Option<u32> {
    let plain = mask.trim_start_matches('/');
    if let Ok(length) = plain.parse::<u32>() {
        return Some(length).filter(|length| *length <= 128);
    }
    let bits = u32::from(plain.parse::<std::net::Ipv4Addr>().ok()?);
    Some(bits.leading_ones()).filter(|length| length.saturating_add(bits.trailing_zeros()) >= 32)
}
