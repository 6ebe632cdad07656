use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use diskwright::profile::{
    NicMethod, NicRequest, Profile, RootAccount, RouteRequest, Secret, SelinuxMode, UserAccount,
};
use std::str::FromStr;

use crate::arguments::named;
use crate::failure::Failure;
use crate::prepare::read_document;

/// What becomes of the guest's own configuration. Passwords come from files, never from the command line.
#[derive(Debug, Args)]
#[command(next_help_heading = "Settings of the guest")]
pub(crate) struct GuestArguments {
    /// A file whose first line is root's new password
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "root_password_hash")]
    root_password_file: Option<PathBuf>,

    /// The hash of root's new password, as in /etc/shadow
    #[arg(long, value_name = "HASH", env = "DISKWRIGHT_ROOT_PASSWORD_HASH", hide_env_values = true)]
    root_password_hash: Option<Secret>,

    /// Let no password in as root
    #[arg(long)]
    root_disable_password_login: bool,

    /// A file of public keys that let in as root, one a line
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    root_ssh_key_file: Option<PathBuf>,

    /// A user to make or to change; repeatable. Keys: uid, full-name, primary-group, groups (joined by +), shell, home,
    /// sudo (none, password, no-password), password-file, password-hash-file, ssh-key-file, disable-password-login
    #[arg(long, value_name = "NAME[,KEY=VALUE]…")]
    user: Vec<String>,

    /// Time zone, as in Europe/Paris [default: the tree's own]
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,

    /// Keyboard, a console keymap's name, as in de-latin1 [default: the tree's own]
    #[arg(long, value_name = "KEYMAP")]
    keyboard: Option<String>,

    /// A file with the text shown after a login [default: the tree's own]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    welcome_message_file: Option<PathBuf>,

    /// A network interface, in place of the tree's own, with an adapter of the machine; once for each. Keys: name, method
    /// (dhcp, static, none), and any number of times address (192.0.2.10/24), gateway, dns, route
    /// (198.51.100.0/24@192.0.2.2)
    #[arg(long, value_name = "KEY=VALUE[,KEY=VALUE]…")]
    nic: Vec<String>,

    /// Whether the tree's firewall starts with the machine [default: as the tree has it]
    #[arg(long, value_name = "BOOL")]
    firewall: Option<bool>,

    /// Mode of SELinux [default: the tree's own]
    #[arg(long, value_parser = named(&["enforcing", "permissive", "disabled"], SelinuxMode::from_str))]
    selinux: Option<SelinuxMode>,
}

impl GuestArguments {
    /// Puts what the flags ask into a profile.
    ///
    /// # Errors
    /// Files that cannot be read, and values that are not of the form that their flag takes.
    pub(crate) fn add_to(&self, profile: &mut Profile) -> Result<(), Failure> {
        let root = RootAccount {
            password: password(self.root_password_file.as_deref())?,
            password_hash: self.root_password_hash.clone(),
            disable_password_login: self.root_disable_password_login.then_some(true),
            authorized_keys: keys(self.root_ssh_key_file.as_deref())?,
        };
        profile.root = Some(root).filter(|root| *root != RootAccount::default());
        if !self.user.is_empty() {
            profile.users = Some(self.user.iter().map(|text| user(text)).collect::<Result<_, _>>()?);
        }
        if !self.nic.is_empty() {
            profile.nics = Some(self.nic.iter().map(|text| nic(text)).collect::<Result<_, _>>()?);
        }
        profile.timezone.clone_from(&self.timezone);
        profile.keyboard.clone_from(&self.keyboard);
        profile.welcome_message = self.welcome_message_file.as_deref().map(text_of).transpose()?;
        profile.firewall = self.firewall;
        profile.selinux = self.selinux;
        Ok(())
    }
}

fn user(text: &str) -> Result<UserAccount, Failure> {
    let mut parts = text.split(',');
    let mut user = UserAccount { name: parts.next().unwrap_or_default().to_owned(), ..Default::default() };
    let mut said = Vec::new();
    for part in parts {
        let (key, value) = part.split_once('=').unwrap_or((part, "true"));
        let own = || Some(value.to_owned());
        let wrong = |what: &str| Failure::Usage(format!("--user {}: {key}={value:?} {what}", user.name));
        if said.contains(&key) {
            return Err(wrong("says again what was said before"));
        }
        said.push(key);
        match key {
            "uid" => user.uid = Some(value.parse().map_err(|_| wrong("is no number"))?),
            "full-name" => user.full_name = own(),
            "primary-group" => user.primary_group = own(),
            "groups" => user.groups = Some(value.split('+').map(str::to_owned).collect()),
            "shell" => user.shell = own(),
            "home" => user.home = own(),
            "sudo" => {
                user.sudo = Some(value.parse().map_err(|_| wrong("is none of none, password, no-password"))?)
            }
            "password-file" => user.password = password(Some(Path::new(value)))?,
            "password-hash-file" => user.password_hash = password(Some(Path::new(value)))?,
            "ssh-key-file" => user.authorized_keys = keys(Some(Path::new(value)))?,
            "disable-password-login" => {
                user.disable_password_login =
                    Some(value.parse().map_err(|_| wrong("is neither true nor false"))?);
            }
            _ => {
                let message =
                    format!("--user {}: there is no key {key:?}; passwords come from files", user.name);
                return Err(Failure::Usage(message));
            }
        }
    }
    Ok(user)
}

fn nic(text: &str) -> Result<NicRequest, Failure> {
    let mut nic = NicRequest::default();
    for part in text.split(',') {
        let wrong = |what: &str| Failure::Usage(format!("--nic: {part:?} {what}"));
        let (key, value) = part.split_once('=').ok_or_else(|| wrong("is not of the form KEY=VALUE"))?;
        let push = |list: &mut Option<Vec<String>>| {
            list.get_or_insert_default().push(value.to_owned());
            false
        };
        let is_again = match key {
            "name" => nic.name.replace(value.to_owned()).is_some(),
            "method" => {
                let method = NicMethod::from_str(value);
                nic.method.replace(method.map_err(|_| wrong("is none of dhcp, static, none"))?).is_some()
            }
            "route" => {
                let (to, via) = value.split_once('@').ok_or_else(|| wrong("is not NETWORK@GATEWAY"))?;
                let route = RouteRequest { to: to.to_owned(), via: via.to_owned() };
                nic.routes.get_or_insert_default().push(route);
                false
            }
            "address" => push(&mut nic.addresses),
            "gateway" => push(&mut nic.gateways),
            "dns" => push(&mut nic.dns),
            _ => return Err(wrong("has none of the keys name, method, address, gateway, dns, route")),
        };
        if is_again {
            return Err(wrong("says again what was said before"));
        }
    }
    Ok(nic)
}

/// The first line of a file, which is secret.
fn password(path: Option<&Path>) -> Result<Option<Secret>, Failure> {
    let Some(path) = path else { return Ok(None) };
    let text = text_of(path)?;
    Ok(Some(Secret::new(text.lines().next().unwrap_or_default())))
}

/// The lines of a file that are neither empty nor comments.
fn keys(path: Option<&Path>) -> Result<Option<Vec<String>>, Failure> {
    let Some(path) = path else { return Ok(None) };
    let text = text_of(path)?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(Some(lines.map(str::to_owned).collect()))
}

fn text_of(path: &Path) -> Result<String, Failure> {
    let bytes = read_document(path)?;
    String::from_utf8(bytes).map_err(|_| Failure::Usage(format!("{} is not UTF-8", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_has_one_value_is_not_given_two() {
        for (text, part) in [
            ("ann,shell=/bin/sh,shell=/bin/bash", "/bin/bash"),
            ("ann,sudo=none,uid=1,sudo=password", "password"),
        ] {
            let Err(Failure::Usage(message)) = user(text) else { panic!("{text}") };
            assert!(message.contains(&format!("{part:?} says again")), "{message}");
        }
        for (text, part) in
            [("name=a0,name=b0", "name=b0"), ("method=dhcp,dns=192.0.2.1,method=none", "method=none")]
        {
            let Err(Failure::Usage(message)) = nic(text) else { panic!("{text}") };
            assert!(message.contains(&format!("{part:?} says again")), "{message}");
        }
        let several =
            nic("address=192.0.2.10/24,address=198.51.100.10/24,dns=192.0.2.1,dns=192.0.2.2").unwrap();
        assert_eq!((several.addresses.unwrap().len(), several.dns.unwrap().len()), (2, 2));
    }
}
