//! Accounts, locale and protection of an install profile.

use diskwright_core::profile::{Profile, RootAccount, Secret, SudoRight, UserAccount};

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
    profile.nics = super::nics::read(fields, findings);
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
