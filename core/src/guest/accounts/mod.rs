//! Root and users: line edits of the account files, homes, keys, and the right to become root.

mod defaults;
mod home;
mod ssh;
mod sudo;
mod table;
#[cfg(test)]
mod tests;

use defaults::Defaults;
use home::Owner;
use table::{Table, number};

use super::GuestWorkspace;
use crate::profile::{Access, RootAccount, UserAccount};
use crate::tree::Findings;
use crate::{Error, ErrorKind, Result};

/// Makes root and users what the profile asks.
///
/// Passwords must be hashed by now. `day` is the day of the change, since 1970-01-01.
///
/// # Errors
/// `ErrorKind::Unsupported` naming the profile's field that this tree cannot honour, with the reason;
/// `ErrorKind::InvalidProfile` for one that contradicts the tree; as [`GuestWorkspace::read`] and
/// [`GuestWorkspace::write`].
pub(super) fn set_accounts(
    workspace: &mut GuestWorkspace<'_>,
    root: Option<&RootAccount>,
    users: &[UserAccount],
    day: i64,
    findings: &mut Findings,
) -> Result<()> {
    if root.is_none() && users.is_empty() {
        return Ok(());
    }
    let mut accounts = Accounts::read(workspace, if root.is_some() { "root" } else { "users" }, day)?;
    if let Some(root) = root {
        let owner = accounts.owner("root").unwrap_or(Owner { uid: 0, gid: 0 });
        let home = accounts.home("root").unwrap_or_else(|| "/root".to_owned());
        accounts.admit(workspace, "root", root.access(), "root")?;
        accounts.add_keys(workspace, &home, owner, root.access(), "root")?;
        if !root.access().authorized_keys.is_empty() {
            ssh::note_root_login(workspace, findings)?;
        }
    }
    for (at, user) in users.iter().enumerate() {
        accounts.set_user(workspace, user, &format!("users[{at}]"), findings)?;
    }
    accounts.write(workspace)
}

/// A refusal of what the tree lacks.
fn refuse(field: &str, reason: impl Into<String>) -> Error {
    Error::new(ErrorKind::Unsupported, reason).with_field(field)
}

fn contradicts(field: String, reason: String) -> Error {
    Error::new(ErrorKind::InvalidProfile, reason).with_field(field)
}

/// The tree's account files.
struct Accounts {
    passwd: Table,
    shadow: Option<Table>,
    group: Table,
    gshadow: Option<Table>,
    /// Ranges of numbers for the users' own name spaces, where the tree has such files.
    ranges: Vec<Table>,
    defaults: Defaults,
    day: i64,
}

impl Accounts {
    fn read(workspace: &GuestWorkspace<'_>, field: &str, day: i64) -> Result<Self> {
        let needed = |path| -> Result<Table> {
            Table::read(workspace, path)?.ok_or_else(|| refuse(field, format!("the tree has no {path}")))
        };
        let mut ranges = Vec::new();
        for path in ["/etc/subuid", "/etc/subgid"] {
            ranges.extend(Table::read(workspace, path)?);
        }
        Ok(Self {
            passwd: needed("/etc/passwd")?,
            shadow: Table::read(workspace, "/etc/shadow")?,
            group: needed("/etc/group")?,
            gshadow: Table::read(workspace, "/etc/gshadow")?,
            ranges,
            defaults: Defaults::of(workspace)?,
            day: day.max(1),
        })
    }

    fn write(self, workspace: &mut GuestWorkspace<'_>) -> Result<()> {
        self.passwd.write(workspace, false)?;
        self.group.write(workspace, false)?;
        for table in [self.shadow, self.gshadow].into_iter().flatten() {
            table.write(workspace, true)?;
        }
        for table in self.ranges {
            table.write(workspace, false)?;
        }
        Ok(())
    }

    fn owner(&self, name: &str) -> Option<Owner> {
        let fields = self.passwd.find(name)?;
        Some(Owner { uid: number(fields.get(2)?)?, gid: number(fields.get(3)?)? })
    }

    fn home(&self, name: &str) -> Option<String> {
        let fields = self.passwd.find(name)?;
        let home = String::from_utf8((*fields.get(5)?).to_vec()).ok()?;
        Some(home).filter(|home| home.starts_with('/'))
    }

    fn set_user(
        &mut self,
        workspace: &mut GuestWorkspace<'_>,
        user: &UserAccount,
        field: &str,
        findings: &mut Findings,
    ) -> Result<()> {
        if let Some(shell) = &user.shell {
            let is_program = workspace.attributes(shell.as_bytes()).is_some_and(|a| a.mode & 0o111 != 0);
            if !is_program || !workspace.is_file(shell.as_bytes()) {
                return Err(refuse(&format!("{field}.shell"), format!("the tree has no program {shell}")));
            }
        }
        let primary = match &user.primary_group {
            Some(name) => Some(self.group_id(name, &format!("{field}.primary_group"))?),
            None => None,
        };
        match self.passwd.find(&user.name).is_some() {
            true => self.change_user(user, primary, field)?,
            false => self.make_user(workspace, user, primary, field, findings)?,
        }
        for group in user.groups.iter().flatten() {
            self.group_id(group, &format!("{field}.groups"))?;
            self.group.add_member(group, 3, &user.name)?;
            if let Some(gshadow) = self.gshadow.as_mut().filter(|table| table.find(group).is_some()) {
                gshadow.add_member(group, 3, &user.name)?;
                gshadow.tell(String::new(), format!("{group}: with the member {}", user.name));
            }
        }
        self.admit(workspace, &user.name, user.access(), field)?;
        let place = self.owner(&user.name).zip(self.home(&user.name));
        if let Some((owner, home)) = place {
            self.add_keys(workspace, &home, owner, user.access(), field)?;
        } else if !user.access().authorized_keys.is_empty() {
            let reason = "the tree's user has no home directory";
            return Err(refuse(&format!("{field}.authorized_keys"), reason));
        }
        match user.sudo {
            Some(right) => sudo::grant(workspace, &user.name, right, &format!("{field}.sudo")),
            None => Ok(()),
        }
    }

    fn group_id(&self, name: &str, field: &str) -> Result<u32> {
        let id = self.group.find(name).and_then(|fields| number(fields.get(2)?));
        id.ok_or_else(|| refuse(field, format!("the tree has no group {name}")))
    }

    /// A user that the tree has: what the profile does not say stays.
    fn change_user(&mut self, user: &UserAccount, primary: Option<u32>, field: &str) -> Result<()> {
        let name = &user.name;
        let known = self.owner(name).map(|owner| owner.uid);
        if let (Some(uid), Some(known)) = (user.uid, known)
            && uid != known
        {
            let text = format!("the tree's user {name} has the number {known}: its files are owned by it");
            return Err(contradicts(format!("{field}.uid"), text));
        }
        let home = self.home(name).unwrap_or_default();
        if user.home.as_ref().is_some_and(|wanted| *wanted != home) {
            let text = format!("the tree's user {name} lives in {home:?}, and stays there");
            return Err(contradicts(format!("{field}.home"), text));
        }
        if let Some(full_name) = &user.full_name {
            // Room, telephones and others follow after commas.
            let old = self.passwd.find(name).and_then(|fields| fields.get(4).map(|field| field.to_vec()));
            let old = old.unwrap_or_default();
            let end = old.iter().position(|byte| *byte == b',').unwrap_or(old.len());
            let rest = old.get(end..).unwrap_or_default();
            self.passwd.set(name, 4, &[full_name.as_bytes(), rest].concat())?;
        }
        if let Some(gid) = primary {
            self.passwd.set(name, 3, gid.to_string().as_bytes())?;
        }
        match &user.shell {
            Some(shell) => self.passwd.set(name, 6, shell.as_bytes()),
            None => Ok(()),
        }
    }

    fn make_user(
        &mut self,
        workspace: &mut GuestWorkspace<'_>,
        user: &UserAccount,
        primary: Option<u32>,
        field: &str,
        findings: &mut Findings,
    ) -> Result<()> {
        let name = &user.name;
        let uid = match user.uid {
            Some(uid) => {
                if let Some(other) = self.passwd.find_by(2, uid.to_string().as_bytes()) {
                    let other = String::from_utf8_lossy(other.first().copied().unwrap_or_default());
                    let text = format!("{uid} is the number of the tree's user {other}");
                    return Err(contradicts(format!("{field}.uid"), text));
                }
                uid
            }
            None => self.free_number(&self.passwd, "UID", field)?,
        };
        let gid = match primary {
            Some(gid) => gid,
            None => self.primary_group(name, uid, field)?,
        };
        let home = match &user.home {
            Some(home) => home.clone(),
            None => format!("{}/{name}", self.defaults.home_base().trim_end_matches('/')),
        };
        let usable = |shell: &&str| workspace.is_file(shell.as_bytes());
        let shells = self.defaults.shell().into_iter().chain(["/bin/bash", "/bin/sh"]);
        let shell = user.shell.as_deref().or_else(|| shells.into_iter().find(usable)).unwrap_or("/bin/sh");
        let full_name = user.full_name.as_deref().unwrap_or_default();
        self.passwd.add(format!("{name}:x:{uid}:{gid}:{full_name}:{home}:{shell}"));
        self.add_shadow_line(name, field)?;
        self.add_ranges(name);
        let mode = self.defaults.home_mode();
        let skeleton = self.defaults.skeleton().to_owned();
        home::make_home(workspace, (&home, &skeleton), Owner { uid, gid }, mode, findings)
    }

    /// The number of the group that a new user's files belong to: its own, which is made, or that of all users.
    fn primary_group(&mut self, name: &str, uid: u32, field: &str) -> Result<u32> {
        if !self.defaults.has_own_groups() {
            let wanted = self.defaults.group().to_owned();
            let by_number = self.group.find_by(2, wanted.as_bytes()).is_some();
            return match (by_number, wanted.parse()) {
                (true, Ok(gid)) => Ok(gid),
                _ => self.group_id(&wanted, &format!("{field}.primary_group")),
            };
        }
        if self.group.find(name).is_some() {
            let text = format!("the tree has a group {name}: name it as the primary group, or another one");
            return Err(contradicts(format!("{field}.primary_group"), text));
        }
        let gid = match self.group.find_by(2, uid.to_string().as_bytes()) {
            None => uid,
            Some(_) => self.free_number(&self.group, "GID", field)?,
        };
        self.group.add(format!("{name}:x:{gid}:"));
        if let Some(gshadow) = self.gshadow.as_mut().filter(|table| table.find(name).is_none()) {
            gshadow.add(format!("{name}:!::"));
            gshadow.tell(String::new(), format!("{name}: a new group"));
        }
        Ok(gid)
    }

    /// The number after the highest in use, so that no file of a deleted account finds a new owner; the first free one
    /// where the highest is in use.
    fn free_number(&self, table: &Table, kind: &str, field: &str) -> Result<u32> {
        let least = self.defaults.number(&format!("{kind}_MIN")).unwrap_or(1000);
        let most = self.defaults.number(&format!("{kind}_MAX")).unwrap_or(60000);
        let mut used: Vec<u32> =
            table.column(2).filter_map(number).filter(|id| (least..=most).contains(id)).collect();
        used.sort_unstable();
        let next = used.last().map_or(least, |last| last.saturating_add(1));
        let free = Some(next).filter(|next| *next <= most);
        let free = free.or_else(|| (least..=most).find(|id| used.binary_search(id).is_err()));
        free.ok_or_else(|| {
            refuse(&format!("{field}.uid"), format!("no {kind} from {least} to {most} is free"))
        })
    }

    /// # Reference
    /// subuid(5); useradd(8) gives 65536 numbers from 100000 on.
    fn add_ranges(&mut self, name: &str) {
        for table in &mut self.ranges {
            let keys = if table.path() == "/etc/subuid" { "SUB_UID" } else { "SUB_GID" };
            let number_of =
                |key: &str, default| self.defaults.number(&format!("{keys}_{key}")).unwrap_or(default);
            let (least, most) = (number_of("MIN", 100_000), number_of("MAX", 600_100_000));
            let count = number_of("COUNT", 65536);
            let ends = table.column(1).zip(table.column(2));
            let ends = ends.filter_map(|(start, len)| number(start)?.checked_add(number(len)?));
            let start = ends.max().unwrap_or(least).max(least);
            let fits = start.checked_add(count).is_some_and(|end| end.saturating_sub(1) <= most);
            if count > 0 && fits && table.find(name).is_none() {
                table.add(format!("{name}:{start}:{count}"));
            }
        }
    }

    /// An account whom no password lets in. It is `*` and not `!`: to an SSH server without PAM the latter is a locked
    /// account, whose keys do not count either.
    fn add_shadow_line(&mut self, name: &str, field: &str) -> Result<()> {
        let Some(shadow) = &mut self.shadow else {
            return Err(refuse(field, "the tree has no /etc/shadow"));
        };
        if shadow.find(name).is_some() {
            return Ok(());
        }
        let text = |key: &str, default: &str| {
            self.defaults.number(key).map_or_else(|| default.to_owned(), |number| number.to_string())
        };
        let (least, most, warn) =
            (text("PASS_MIN_DAYS", ""), text("PASS_MAX_DAYS", ""), text("PASS_WARN_AGE", ""));
        shadow.add(format!("{name}:*:{}:{least}:{most}:{warn}:::", self.day));
        shadow.tell(String::new(), format!("{name}: a new account"));
        Ok(())
    }

    /// Sets or takes away the password.
    fn admit(
        &mut self,
        workspace: &GuestWorkspace<'_>,
        name: &str,
        access: Access<'_>,
        field: &str,
    ) -> Result<()> {
        let (hash, after) = match (access.password_hash, access.disable_password_login) {
            (Some(hash), _) => (hash.reveal(), "a new password"),
            (None, true) => ("*", "no password lets in"),
            (None, false) => return Ok(()),
        };
        if access.password_hash.is_some() {
            check_hash(workspace, hash, &format!("{field}.password_hash"))?;
        }
        if self.passwd.find(name).is_none() {
            return Err(refuse(field, format!("the tree has no account {name}")));
        }
        self.add_shadow_line(name, &format!("{field}.password"))?;
        if let Some(shadow) = &mut self.shadow {
            shadow.set(name, 1, hash.as_bytes())?;
            shadow.set(name, 2, self.day.to_string().as_bytes())?;
            shadow.tell(format!("{name}: (a secret)"), format!("{name}: {after}"));
        }
        self.passwd.set(name, 1, b"x")
    }

    fn add_keys(
        &self,
        workspace: &mut GuestWorkspace<'_>,
        home: &str,
        owner: Owner,
        access: Access<'_>,
        field: &str,
    ) -> Result<()> {
        if access.authorized_keys.is_empty() {
            return Ok(());
        }
        let field = format!("{field}.authorized_keys");
        if let Some(reason) = ssh::obstacle(workspace)? {
            return Err(refuse(&field, reason));
        }
        home::add_keys(workspace, home, owner, access.authorized_keys)
    }
}

/// Whether the tree's libcrypt reads a hash. SHA-crypt is read by all; what came later by libxcrypt.
fn check_hash(workspace: &GuestWorkspace<'_>, hash: &str, field: &str) -> Result<()> {
    let id = hash.split('$').nth(1).unwrap_or_default();
    let is_musl = workspace.names(b"/lib").iter().any(|name| name.starts_with(b"ld-musl-"));
    if matches!(id, "1" | "5" | "6") || (is_musl && id.starts_with('2')) {
        return Ok(());
    }
    // glibc's own is libcrypt-2.31.so; libxcrypt's are libcrypt.so.1.1.0 and libcrypt.so.2.0.0.
    let is_libxcrypt = LIBRARIES.iter().any(|directory| {
        workspace
            .names(directory)
            .iter()
            .any(|name| name.starts_with(b"libcrypt.so.1.1") || name.starts_with(b"libcrypt.so.2"))
    });
    match is_libxcrypt {
        true => Ok(()),
        false => {
            Err(refuse(field, format!("the tree has no libxcrypt, which hashes of the kind ${id}$ need")))
        }
    }
}

const LIBRARIES: [&[u8]; 6] =
    [b"/usr/lib64", b"/usr/lib", b"/lib64", b"/lib", b"/usr/lib/x86_64-linux-gnu", b"/lib/x86_64-linux-gnu"];
