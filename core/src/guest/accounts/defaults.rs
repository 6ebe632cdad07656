use crate::Result;
use crate::guest::GuestWorkspace;

/// How the tree's own tools would make an account.
///
/// # Reference
/// login.defs(5), useradd(8) `/etc/default/useradd`.
pub(super) struct Defaults {
    login: Vec<(String, String)>,
    useradd: Vec<(String, String)>,
}

impl Defaults {
    pub(super) fn of(workspace: &GuestWorkspace<'_>) -> Result<Self> {
        let login = match workspace.read(b"/etc/login.defs")? {
            Some(text) => text,
            None => workspace.read(b"/usr/etc/login.defs")?.unwrap_or_default(),
        };
        let useradd = workspace.read(b"/etc/default/useradd")?.unwrap_or_default();
        let lines = |text: &[u8]| -> Vec<String> {
            let text = String::from_utf8_lossy(text).into_owned();
            text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.starts_with('#')).collect()
        };
        let login = lines(&login)
            .iter()
            .filter_map(|line| line.split_once(char::is_whitespace))
            .map(|(key, value)| (key.to_owned(), value.trim().to_owned()))
            .collect();
        let useradd = lines(&useradd)
            .iter()
            .filter_map(|line| line.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.trim().trim_matches('"').to_owned()))
            .collect();
        Ok(Self { login, useradd })
    }

    /// A number of `login.defs`: decimal, or octal with a zero in front.
    pub(super) fn number(&self, key: &str) -> Option<u32> {
        let text = last(&self.login, key)?;
        match text.strip_prefix('0').filter(|rest| !rest.is_empty()) {
            Some(octal) => u32::from_str_radix(octal, 8).ok(),
            None => text.parse().ok(),
        }
    }

    /// Whether a user gets a group of the same name. Every distribution says it; shadow's own default is no.
    pub(super) fn has_own_groups(&self) -> bool {
        last(&self.login, "USERGROUPS_ENAB").is_none_or(|text| text.eq_ignore_ascii_case("yes"))
    }

    /// The group of users who have none of their own, by number or name.
    pub(super) fn group(&self) -> &str {
        last(&self.useradd, "GROUP").unwrap_or("100")
    }

    /// Where home directories stand.
    pub(super) fn home_base(&self) -> &str {
        last(&self.useradd, "HOME").filter(|path| path.starts_with('/')).unwrap_or("/home")
    }

    /// The directory whose content a new home gets.
    pub(super) fn skeleton(&self) -> &str {
        last(&self.useradd, "SKEL").filter(|path| path.starts_with('/')).unwrap_or("/etc/skel")
    }

    pub(super) fn shell(&self) -> Option<&str> {
        last(&self.useradd, "SHELL").filter(|path| path.starts_with('/'))
    }

    /// Permission bits of a home directory.
    pub(super) fn home_mode(&self) -> u16 {
        let umask = self.number("UMASK").unwrap_or(0o022);
        let mode = self.number("HOME_MODE").unwrap_or(0o777 & !umask);
        u16::try_from(mode & 0o7777).unwrap_or(0o755)
    }
}

/// The last setting counts, as shadow reads them.
fn last<'a>(settings: &'a [(String, String)], key: &str) -> Option<&'a str> {
    settings.iter().rev().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
}
