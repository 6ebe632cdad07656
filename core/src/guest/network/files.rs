//! The texts of the files for interfaces, in the syntax of each stack.

use super::plan::Interface;
use crate::profile::NicMethod;

/// All interfaces.
///
/// # Reference
/// netplan(5).
pub(super) fn netplan(interfaces: &[Interface]) -> String {
    let mut text = "network:\n  version: 2\n  ethernets:\n".to_owned();
    text.extend(interfaces.iter().map(netplan_interface));
    text
}

fn netplan_interface(interface: &Interface) -> String {
    let mut text = format!("    {}:\n", interface.name);
    let dhcp = interface.is_dhcp();
    text.push_str(&format!("      dhcp4: {dhcp}\n      dhcp6: {dhcp}\n"));
    let list = |text: &mut String, key: &str, items: Vec<String>| {
        if !items.is_empty() {
            text.push_str(&format!("      {key}:\n"));
            items.iter().for_each(|item| text.push_str(&format!("        - {item}\n")));
        }
    };
    list(&mut text, "addresses", quoted_networks(interface));
    let gateways = interface.gateways.iter().map(|gateway| {
        let to = if gateway.is_ipv4() { "0.0.0.0/0" } else { "::/0" };
        format!("to: \"{to}\"\n          via: \"{gateway}\"")
    });
    let routes = interface
        .routes
        .iter()
        .map(|((to, length), via)| format!("to: \"{to}/{length}\"\n          via: \"{via}\""));
    list(&mut text, "routes", gateways.chain(routes).collect());
    if !interface.dns.is_empty() {
        let servers: Vec<String> = interface.dns.iter().map(|server| format!("\"{server}\"")).collect();
        text.push_str(&format!("      nameservers:\n        addresses: [{}]\n", servers.join(", ")));
    }
    text
}

fn quoted_networks(interface: &Interface) -> Vec<String> {
    interface.addresses.iter().map(|(address, length)| format!("\"{address}/{length}\"")).collect()
}

/// # Reference
/// nm-settings-keyfile(5).
pub(super) fn keyfile(interface: &Interface) -> String {
    let name = &interface.name;
    let mut text = format!(
        "[connection]\nid={name}\ntype=ethernet\ninterface-name={name}\nautoconnect=true\n\n[ethernet]\n"
    );
    for (v4, section, none) in [(true, "ipv4", "disabled"), (false, "ipv6", "ignore")] {
        text.push_str(&format!("\n[{section}]\n"));
        let has_addresses = interface.of_family(v4).next().is_some();
        let method = match interface.method {
            NicMethod::Dhcp => "auto",
            NicMethod::Static if has_addresses => "manual",
            _ => none,
        };
        text.push_str(&format!("method={method}\n"));
        for (at, (address, length)) in interface.of_family(v4).enumerate() {
            text.push_str(&format!("address{}={address}/{length}\n", at.saturating_add(1)));
        }
        if let Some(gateway) = interface.gateway(v4) {
            text.push_str(&format!("gateway={gateway}\n"));
        }
        let servers: Vec<String> =
            interface.dns.iter().filter(|dns| dns.is_ipv4() == v4).map(|dns| format!("{dns};")).collect();
        if !servers.is_empty() && method != none {
            text.push_str(&format!("dns={}\n", servers.concat()));
        }
        for (at, ((to, length), via)) in interface.routes_of(v4).enumerate() {
            text.push_str(&format!("route{}={to}/{length},{via}\n", at.saturating_add(1)));
        }
    }
    text
}

/// # Reference
/// systemd.network(5).
pub(super) fn networkd(interface: &Interface) -> String {
    let mut text = format!("[Match]\nName={}\n\n[Network]\n", interface.name);
    text.push_str(if interface.is_dhcp() { "DHCP=yes\n" } else { "DHCP=no\n" });
    interface
        .addresses
        .iter()
        .for_each(|(address, length)| text.push_str(&format!("Address={address}/{length}\n")));
    interface.gateways.iter().for_each(|gateway| text.push_str(&format!("Gateway={gateway}\n")));
    interface.dns.iter().for_each(|server| text.push_str(&format!("DNS={server}\n")));
    for ((to, length), via) in &interface.routes {
        text.push_str(&format!("\n[Route]\nDestination={to}/{length}\nGateway={via}\n"));
    }
    text
}

/// # Reference
/// nm-settings-ifcfg-rh(5); initscripts' `sysconfig.txt`.
pub(super) fn network_scripts(interface: &Interface) -> String {
    let name = &interface.name;
    let protocol = if interface.is_dhcp() { "dhcp" } else { "none" };
    let mut text = format!(
        "TYPE=Ethernet\nNAME={name}\nDEVICE={name}\nONBOOT=yes\nNM_CONTROLLED=yes\nBOOTPROTO={protocol}\n"
    );
    for (at, (address, length)) in interface.of_family(true).enumerate() {
        // The first has no number to initscripts and 0 to none.
        let number = if at == 0 { String::new() } else { at.to_string() };
        text.push_str(&format!("IPADDR{number}={address}\nPREFIX{number}={length}\n"));
    }
    if let Some(gateway) = interface.gateway(true) {
        text.push_str(&format!("GATEWAY={gateway}\n"));
    }
    let mut of_v6 = interface.of_family(false).map(|(address, length)| format!("{address}/{length}"));
    let first = of_v6.next();
    let rest: Vec<String> = of_v6.collect();
    let automatic = if interface.is_dhcp() { "yes" } else { "no" };
    text.push_str(&format!("IPV6INIT=yes\nIPV6_AUTOCONF={automatic}\n"));
    if let Some(first) = first {
        text.push_str(&format!("IPV6ADDR={first}\n"));
    }
    if !rest.is_empty() {
        text.push_str(&format!("IPV6ADDR_SECONDARIES=\"{}\"\n", rest.join(" ")));
    }
    if let Some(gateway) = interface.gateway(false) {
        text.push_str(&format!("IPV6_DEFAULTGW={gateway}\n"));
    }
    for (at, server) in interface.dns.iter().enumerate() {
        text.push_str(&format!("DNS{}={server}\n", at.saturating_add(1)));
    }
    text
}

/// The files `route-NAME` and `route6-NAME`, where there are routes for them.
pub(super) fn route_scripts(interface: &Interface) -> Vec<(&'static str, String)> {
    let lines = |v4: bool| -> String {
        interface
            .routes_of(v4)
            .map(|((to, length), via)| format!("{to}/{length} via {via} dev {}\n", interface.name))
            .collect()
    };
    let kinds = [("route", lines(true)), ("route6", lines(false))];
    kinds.into_iter().filter(|(_, text)| !text.is_empty()).collect()
}

/// # Reference
/// ifcfg(5) of wicked.
pub(super) fn wicked(interface: &Interface) -> String {
    let protocol = match interface.method {
        NicMethod::Dhcp => "dhcp",
        NicMethod::Static => "static",
        NicMethod::None => "none",
    };
    let mut text = format!("BOOTPROTO='{protocol}'\nSTARTMODE='auto'\n");
    for (at, (address, length)) in interface.addresses.iter().enumerate() {
        let number = if at == 0 { String::new() } else { format!("_{at}") };
        text.push_str(&format!("IPADDR{number}='{address}/{length}'\n"));
    }
    text
}

/// # Reference
/// ifroute(5) of wicked: destination, gateway, mask, interface.
pub(super) fn wicked_routes(interface: &Interface) -> Option<String> {
    let name = &interface.name;
    let gateways = interface.gateways.iter().map(|gateway| format!("default {gateway} - {name}\n"));
    let routes = interface.routes.iter().map(|((to, length), via)| format!("{to}/{length} {via} - {name}\n"));
    let text: String = gateways.chain(routes).collect();
    (!text.is_empty()).then_some(text)
}
