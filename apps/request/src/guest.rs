//! The guest's own configuration, from a profile into the document. Secrets are never written.

use diskwright_core::profile::{NicMethod, NicRequest, RootAccount, Secret, SudoRight, UserAccount};

use crate::profile::Writer;
use crate::{IpAddress, Ipv4Method, Ipv6Method, Keyboard, Nic, NicKind, OsUser, SshKey};

impl Writer {
    pub(crate) fn keyboard(&mut self, keymap: &str) -> Option<Keyboard> {
        let keyboard = Keyboard::named(keymap);
        if keyboard.is_none() {
            self.refuse("keyboard".into());
        }
        keyboard
    }

    pub(crate) fn root(&mut self, root: &RootAccount) -> OsUser {
        self.secrets("root", [&root.password, &root.password_hash]);
        OsUser {
            disable_password_login: root.disable_password_login,
            name: Some("root".into()),
            ssh_keys: root.authorized_keys.as_deref().map(keys),
            ..OsUser::default()
        }
    }

    pub(crate) fn users(&mut self, users: &[UserAccount]) -> Vec<OsUser> {
        let numbered = users.iter().enumerate();
        numbered.map(|(at, user)| self.user(&format!("users[{at}]"), user)).collect()
    }

    fn user(&mut self, place: &str, user: &UserAccount) -> OsUser {
        self.secrets(place, [&user.password, &user.password_hash]);
        OsUser {
            disable_password_login: user.disable_password_login,
            full_name: user.full_name.clone(),
            home_dir: user.home.clone(),
            name: Some(user.name.clone()),
            primary_group: user.primary_group.clone(),
            secondary_groups: user.groups.as_ref().map(|groups| groups.join(",")),
            shell: user.shell.clone(),
            ssh_keys: user.authorized_keys.as_deref().map(keys),
            sudo: user.sudo.map(|right| match right {
                SudoRight::None => 0,
                SudoRight::Password => 1,
                SudoRight::NoPassword => 2,
            }),
            user_id: user.uid.map(|uid| uid.to_string()),
            ..OsUser::default()
        }
    }

    fn secrets(&mut self, place: &str, secrets: [&Option<Secret>; 2]) {
        let [password, hash] = secrets.map(Option::is_some);
        for (field, is_there) in [("password", password), ("password_hash", hash)] {
            if is_there {
                self.refuse(format!("{place}.{field}"));
            }
        }
    }

    pub(crate) fn nics(&mut self, nics: &[NicRequest]) -> Vec<Nic> {
        let mut written = Vec::new();
        for (at, nic) in nics.iter().enumerate() {
            for (field, is_there) in [("dns", nic.dns.is_some()), ("routes", nic.routes.is_some())] {
                if is_there {
                    self.refuse(format!("nics[{at}].{field}"));
                }
            }
            let (v4, v6) = match nic.method {
                Some(NicMethod::None) => ("DISABLED", "IGNORE"),
                Some(NicMethod::Static) => ("MANUAL", "MANUAL"),
                None if nic.addresses.is_some() => ("MANUAL", "MANUAL"),
                Some(NicMethod::Dhcp) | None => ("AUTOMATIC", "AUTOMATIC"),
            };
            let addresses = nic.addresses.as_ref().map(|addresses| {
                let gateways = nic.gateways.as_deref().unwrap_or_default();
                addresses.iter().map(|address| written_address(address, addresses, gateways)).collect()
            });
            written.push(Nic {
                ip_addresses: addresses,
                ipv4_method: Ipv4Method::named(v4),
                ipv6_method: Ipv6Method::named(v6),
                name: nic.name.clone(),
                kind: NicKind::named("ETHERNET"),
                order: i32::try_from(at.saturating_add(1)).ok(),
                ..Nic::default()
            });
        }
        written
    }
}

fn keys(keys: &[String]) -> Vec<SshKey> {
    keys.iter().map(|key| SshKey { public_key: Some(key.clone()), ..SshKey::default() }).collect()
}

/// The gateway stands with the first address of its family.
fn written_address(network: &str, all: &[String], gateways: &[String]) -> IpAddress {
    let is_v4 = |text: &str| !text.contains(':');
    let is_first =
        all.iter().find(|other| is_v4(other) == is_v4(network)).is_some_and(|first| first == network);
    let gateway = gateways.iter().find(|gateway| is_v4(gateway) == is_v4(network));
    let (address, length) = network.split_once('/').unwrap_or((network, ""));
    IpAddress {
        address: Some(address.to_owned()),
        gateway: gateway.filter(|_| is_first).cloned(),
        netmask: Some(length.to_owned()),
        kind: Some(if is_v4(network) { 4 } else { 6 }),
        ..IpAddress::default()
    }
}
