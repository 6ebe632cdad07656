//! Accounts, locale, network and protection of an install profile.

use diskwright_core::profile::{NicMethod, NicRequest, Profile, RootAccount, Secret, SudoRight, UserAccount};

use super::element::Element;
use super::fields::{Fields, Findings};
use crate::text::quoted;

/// Reads what the install profile asks of the guest's own configuration.
pub(super) fn read(fields: &mut Fields<'_>, profile: &mut Profile, findings: &mut Findings) {
    if let Some(root) = fields.one("rootUser", findings) {
        profile.root = read_root(&fields.place("rootUser"), root, findings);
    }
    let users = fields.list("users", "user", findings);
    let users: Vec<UserAccount> =
        users.iter().filter_map(|(place, user)| read_user(place, user, findings)).collect();
    profile.users = Some(users).filter(|users| !users.is_empty());
    let nics = fields.list("nics", "nic", findings);
    let nics: Vec<NicRequest> =
        nics.iter().filter_map(|(place, nic)| read_nic(place, nic, findings)).collect();
    profile.nics = Some(nics).filter(|nics| !nics.is_empty());
    profile.timezone = fields.short_text("timezone", findings);
    profile.keyboard = fields.short_text("keyboard", findings);
    profile.welcome_message = fields.text("welcomeMsg", findings).map(str::to_owned);
    profile.firewall = fields.boolean("firewallEnabled", findings);
    if let Some(mode) = fields.short_text("seLinuxMode", findings) {
        match mode.to_ascii_lowercase().parse() {
            Ok(mode) => profile.selinux = Some(mode),
            Err(_) => {
                let message = format!("{} is not supported: disabled, permissive, enforcing", quoted(&mode));
                findings.unsupported(&fields.place("seLinuxMode"), message);
            }
        }
    }
}

/// Clients name the root user also where they want nothing of it.
fn read_root(path: &str, element: &Element, findings: &mut Findings) -> Option<RootAccount> {
    let mut fields = Fields::new(path, element, findings);
    if fields.text("name", findings).is_some_and(|name| name != "root") {
        findings.unsupported(&fields.place("name"), "the root user has another name");
    }
    let (password, password_hash) = read_password(&mut fields, findings);
    let root = RootAccount {
        password,
        password_hash,
        disable_password_login: fields.boolean("disablePasswordLogin", findings).filter(|disable| *disable),
        authorized_keys: read_keys(&mut fields, findings),
    };
    // What is root's own by nature is echoed; another is no wish that can be fulfilled.
    for (name, own) in [("homeDir", "/root"), ("userId", "0"), ("primaryGroup", "root"), ("fullName", "root")]
    {
        if fields.text(name, findings).is_some_and(|text| text != own) {
            findings.unsupported(&fields.place(name), "is not supported for the root user");
        }
    }
    fields.refuse(&["secondaryGroups"], findings);
    fields
        .finish(&["shell", "sudo", "passwordAuto", "primaryGroupAuto", "systemUser", "userIdAuto"], findings);
    Some(root).filter(|root| *root != RootAccount::default())
}

fn read_user(path: &str, element: &Element, findings: &mut Findings) -> Option<UserAccount> {
    let mut fields = Fields::new(path, element, findings);
    let name = fields.needed("name", findings);
    let is_automatic =
        |fields: &mut Fields<'_>, name, findings: &mut Findings| fields.boolean(name, findings) == Some(true);
    let uid_is_automatic = is_automatic(&mut fields, "userIdAuto", findings);
    let group_is_automatic = is_automatic(&mut fields, "primaryGroupAuto", findings);
    let is_of_system = is_automatic(&mut fields, "systemUser", findings);
    let (password, password_hash) = read_password(&mut fields, findings);
    let uid = fields.number("userId", findings).filter(|_| !uid_is_automatic);
    let uid = uid.and_then(|number| {
        let uid = u32::try_from(number).ok();
        if uid.is_none() {
            findings.invalid(&fields.place("userId"), format!("{number} is no user's number"));
        }
        uid
    });
    let groups = fields.text("secondaryGroups", findings).map(|text| {
        let names = text.split([',', ' ']).map(str::trim).filter(|name| !name.is_empty());
        names.map(str::to_owned).collect()
    });
    let user = UserAccount {
        name,
        uid,
        full_name: fields.short_text("fullName", findings),
        primary_group: fields.short_text("primaryGroup", findings).filter(|_| !group_is_automatic),
        groups,
        shell: fields.short_text("shell", findings),
        home: fields.short_text("homeDir", findings),
        password,
        password_hash,
        disable_password_login: fields.boolean("disablePasswordLogin", findings).filter(|disable| *disable),
        authorized_keys: read_keys(&mut fields, findings),
        sudo: read_sudo(&mut fields, findings),
    };
    fields.finish(&["passwordAuto"], findings);
    if is_of_system {
        findings.note(format!("request: {path} is an account of the system, which stays as the tree has it"));
        return None;
    }
    Some(user)
}

/// The password, or its hash where `encrypted` says so. Nothing of it stands in a message.
fn read_password(fields: &mut Fields<'_>, findings: &mut Findings) -> (Option<Secret>, Option<Secret>) {
    let is_hash = fields.boolean("encrypted", findings) == Some(true);
    let secret = fields.text("password", findings).map(Secret::new);
    if is_hash { (None, secret) } else { (secret, None) }
}

fn read_keys(fields: &mut Fields<'_>, findings: &mut Findings) -> Option<Vec<String>> {
    let mut keys = Vec::new();
    for (place, key) in fields.list("sshKeys", "sshKey", findings) {
        let mut fields = Fields::new(place, key, findings);
        keys.extend(fields.text("publicKey", findings).map(|key| key.trim().to_owned()));
        fields.finish(&["name"], findings);
    }
    Some(keys).filter(|keys| !keys.is_empty())
}

/// 0, 1 and 2: none, by password, without one.
fn read_sudo(fields: &mut Fields<'_>, findings: &mut Findings) -> Option<SudoRight> {
    match fields.number("sudo", findings)? {
        0 => None,
        1 => Some(SudoRight::Password),
        2 => Some(SudoRight::NoPassword),
        other => {
            findings.unsupported(&fields.place("sudo"), format!("{other} is not supported: 0, 1, 2"));
            None
        }
    }
}

/// An interface; one that says neither how nor where is the scan's own, sent back.
fn read_nic(path: &str, element: &Element, findings: &mut Findings) -> Option<NicRequest> {
    let mut fields = Fields::new(path, element, findings);
    let mut nic = NicRequest { name: fields.short_text("name", findings), ..NicRequest::default() };
    let mut methods = Vec::new();
    for (name, none) in [("ipv4Method", "DISABLED"), ("ipv6Method", "IGNORE")] {
        let Some(text) = fields.short_text(name, findings) else { continue };
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
    if let Some(kind) = fields.short_text("type", findings)
        && !kind.eq_ignore_ascii_case("ETHERNET")
    {
        findings.unsupported(&fields.place("type"), format!("{} is not supported: ETHERNET", quoted(&kind)));
    }
    fields.refuse_when(false, &["autoConnect"], findings);
    fields.refuse(&["routes", "dhcpClientId", "macAddress"], findings);
    fields.finish(&["order", "default", "ipAddressesUri", "routesUri"], findings);
    let has_addresses = nic.addresses.is_some();
    nic.method = match methods.as_slice() {
        [] if !has_addresses => {
            findings.note(format!(
                "request: {path} says nothing of addresses: the network stays as the tree has it"
            ));
            return None;
        }
        _ if has_addresses => Some(NicMethod::Static),
        methods if methods.contains(&"AUTOMATIC") => Some(NicMethod::Dhcp),
        methods if methods.contains(&"MANUAL") => Some(NicMethod::Static),
        _ => Some(NicMethod::None),
    };
    Some(nic)
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
    let network = match mask {
        None if address.contains('/') => Some(address.clone()),
        None => None,
        Some(mask) => prefix_length(&mask).map(|length| format!("{address}/{length}")),
    };
    match network {
        Some(network) => nic.addresses.get_or_insert_default().push(network),
        None => findings.invalid(&fields.place("netmask"), "is no mask, as in 255.255.255.0 or 24"),
    }
    if let Some(gateway) = gateway {
        nic.gateways.get_or_insert_default().push(gateway);
    }
}

fn prefix_length(mask: &str) -> Option<u32> {
    let plain = mask.trim_start_matches('/');
    if let Ok(length) = plain.parse::<u32>() {
        return Some(length).filter(|length| *length <= 128);
    }
    let bits = u32::from(plain.parse::<std::net::Ipv4Addr>().ok()?);
    Some(bits.leading_ones()).filter(|length| length.saturating_add(bits.trailing_zeros()) >= 32)
}
