//! Users and groups of a scanned tree, without anything that is secret.

use crate::{OsGroup, OsUser};

impl OsUser {
    /// The users of a tree's `/etc/passwd`, with the groups of its `/etc/group`.
    ///
    /// Lines that are no accounts are left out, and so are passwords.
    ///
    /// # Reference
    /// passwd(5), group(5).
    pub fn of_files(passwd: &str, group: &str) -> Vec<Self> {
        passwd.lines().filter_map(|line| user(line, group)).collect()
    }
}

impl OsGroup {
    /// The groups of a tree's `/etc/group`.
    ///
    /// # Reference
    /// group(5).
    pub fn of_file(group: &str) -> Vec<Self> {
        let shown = |group: Group<'_>| Self {
            group_id: Some(group.id.to_owned()),
            name: Some(group.name.to_owned()),
            system_group: Some(is_of_the_system(group.id)),
            ..Self::default()
        };
        groups(group).map(shown).collect()
    }
}

fn user(line: &str, group: &str) -> Option<OsUser> {
    let mut fields = line.split(':');
    let name = fields.next().filter(|name| !name.is_empty())?;
    let id = fields.nth(1).filter(|id| is_number(id))?;
    let primary = fields.next()?;
    let full_name = fields.next()?.split(',').next().unwrap_or_default();
    let home_dir = fields.next()?;
    let shell = fields.next()?;
    let others: Vec<&str> = groups(group)
        .filter(|group| group.id != primary && group.members.split(',').any(|member| member == name))
        .map(|group| group.name)
        .collect();
    let stated = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    Some(OsUser {
        full_name: stated(full_name),
        home_dir: stated(home_dir),
        name: stated(name),
        primary_group: groups(group).find(|group| group.id == primary).and_then(|group| stated(group.name)),
        secondary_groups: stated(&others.join(",")),
        shell: stated(shell),
        system_user: Some(is_of_the_system(id)),
        user_id: stated(id),
        ..OsUser::default()
    })
}

struct Group<'a> {
    name: &'a str,
    id: &'a str,
    members: &'a str,
}

fn groups(file: &str) -> impl Iterator<Item = Group<'_>> {
    file.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let id = fields.nth(1).filter(|id| is_number(id))?;
        Some(Group { name, id, members: fields.next().unwrap_or_default() })
    })
}

fn is_number(text: &str) -> bool {
    text.parse::<u32>().is_ok()
}

/// Debian, Red Hat and SUSE all begin people's accounts at 1000, and nobody is 65534.
fn is_of_the_system(id: &str) -> bool {
    id.parse::<u32>().is_ok_and(|id| id < 1000 || id == 65_534)
}
