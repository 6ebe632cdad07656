use crate::guest::GuestWorkspace;
use crate::{Error, ErrorKind, Result};

/// An account file: lines of fields between colons. What is not changed stays byte for byte.
///
/// # Reference
/// passwd(5), shadow(5), group(5), gshadow(5), subuid(5).
pub(super) struct Table {
    path: &'static str,
    lines: Vec<Vec<u8>>,
    is_changed: bool,
    /// What the report says of the lines, where they hold secrets.
    before: Vec<String>,
    after: Vec<String>,
}

impl Table {
    /// The file at `path`; `None` where the tree has none.
    pub(super) fn read(workspace: &GuestWorkspace<'_>, path: &'static str) -> Result<Option<Self>> {
        let Some(text) = workspace.read(path.as_bytes())? else { return Ok(None) };
        let mut lines: Vec<Vec<u8>> = text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        if lines.last().is_some_and(Vec::is_empty) {
            lines.pop();
        }
        Ok(Some(Self { path, lines, is_changed: false, before: Vec::new(), after: Vec::new() }))
    }

    pub(super) fn path(&self) -> &'static str {
        self.path
    }

    /// The fields of the first line of that name: the one that counts.
    pub(super) fn find(&self, name: &str) -> Option<Vec<&[u8]>> {
        let line = self.lines.iter().find(|line| is_of(line, name))?;
        Some(line.split(|byte| *byte == b':').collect())
    }

    /// A field of every line that has it.
    pub(super) fn column(&self, at: usize) -> impl Iterator<Item = &[u8]> {
        self.lines.iter().filter_map(move |line| line.split(|byte| *byte == b':').nth(at))
    }

    /// The first line with this text in a field.
    pub(super) fn find_by(&self, at: usize, text: &[u8]) -> Option<Vec<&[u8]>> {
        let fields = |line: &'_ [u8]| line.split(|byte| *byte == b':').nth(at) == Some(text);
        let line = self.lines.iter().find(|line| fields(line))?;
        Some(line.split(|byte| *byte == b':').collect())
    }

    /// Gives a field of the first line of that name other content.
    ///
    /// # Errors
    /// `ErrorKind::Source` naming the file when the line has no such field.
    pub(super) fn set(&mut self, name: &str, at: usize, value: &[u8]) -> Result<()> {
        let refuse = || {
            let text = format!("the line of {name} has too few fields to be changed");
            Error::new(ErrorKind::Source, text).with_path(self.path)
        };
        let line = self.lines.iter_mut().find(|line| is_of(line, name)).ok_or_else(refuse)?;
        let mut fields: Vec<&[u8]> = line.split(|byte| *byte == b':').collect();
        let field = fields.get_mut(at).ok_or_else(refuse)?;
        if *field != value {
            *field = value;
            *line = fields.join(&b':');
            self.is_changed = true;
        }
        Ok(())
    }

    /// Adds a line: at the end, but before a line that begins with `+` and takes in what another service has.
    pub(super) fn add(&mut self, line: String) {
        let end = self.lines.iter().position(|line| line.starts_with(b"+")).unwrap_or(self.lines.len());
        self.lines.insert(end, line.into_bytes());
        self.is_changed = true;
    }

    /// Adds a name to the members, which a comma separates.
    pub(super) fn add_member(&mut self, group: &str, at: usize, member: &str) -> Result<()> {
        let members = self.find(group).and_then(|fields| fields.get(at).map(|members| members.to_vec()));
        let mut members = members.unwrap_or_default();
        if members.split(|byte| *byte == b',').any(|known| known == member.as_bytes()) {
            return Ok(());
        }
        if !members.is_empty() {
            members.push(b',');
        }
        members.extend_from_slice(member.as_bytes());
        self.set(group, at, &members)
    }

    /// What the report is to say in the place of the lines.
    pub(super) fn tell(&mut self, before: String, after: String) {
        self.before.extend(Some(before).filter(|text| !text.is_empty()));
        self.after.push(after);
    }

    /// Writes what changed.
    pub(super) fn write(self, workspace: &mut GuestWorkspace<'_>, has_secrets: bool) -> Result<()> {
        if !self.is_changed {
            return Ok(());
        }
        let mut text = self.lines.join(&b'\n');
        text.push(b'\n');
        let path = self.path.as_bytes();
        // Without a shadow file the hashes stand here.
        let has_hashes = self.column(1).any(|field| field.contains(&b'$'));
        match has_secrets || has_hashes {
            true => {
                workspace.write_secret(path, text, (self.before.join("\n"), self.after.join("\n")), REASON)
            }
            false => workspace.write(path, text, REASON),
        }
    }
}

fn is_of(line: &[u8], name: &str) -> bool {
    line.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(b":"))
}

/// A field's text as a number.
pub(super) fn number(field: &[u8]) -> Option<u32> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

pub(super) const REASON: &str = "the profile asks for these accounts";
