use super::options::OptionRules;
use crate::Result;
use crate::guest::GuestWorkspace;

/// What `/etc/default/grub` and its companions say.
#[derive(Debug, Default)]
pub(super) struct Defaults {
    /// Of one name the last assignment counts.
    assignments: Vec<(String, String)>,
    /// `/etc/kernel/cmdline`, or `/usr/lib/kernel/cmdline`.
    cmdline: Option<String>,
}

impl Defaults {
    pub(super) fn read(workspace: &GuestWorkspace<'_>) -> Result<Self> {
        let mut assignments = Vec::new();
        for path in default_files(workspace) {
            if let Some(bytes) = workspace.read(&path)? {
                assignments.extend(shell_assignments(&String::from_utf8_lossy(&bytes)));
            }
        }
        let mut cmdline = None;
        for path in [CMDLINE, b"usr/lib/kernel/cmdline".as_slice()] {
            if cmdline.is_none() {
                cmdline = workspace.read(path)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            }
        }
        Ok(Self { assignments, cmdline })
    }

    /// The options for kernels as `grub-mkconfig` would write them, else those of `kernel-install`.
    pub(super) fn kernel_options(&self) -> String {
        let names = ["GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT"];
        let values: Vec<&str> = names.iter().filter_map(|name| self.value(name)).collect();
        match &self.cmdline {
            Some(cmdline) if values.is_empty() => cmdline.clone(),
            _ => values.join(" "),
        }
    }

    /// Seconds for which the menu waits.
    pub(super) fn timeout(&self) -> Option<u32> {
        self.value("GRUB_TIMEOUT")?.parse().ok()
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.assignments.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Makes the files from which later menus are made true for the new disk and appends the profile's parameters.
pub(super) fn update(
    workspace: &mut GuestWorkspace<'_>,
    rules: &OptionRules<'_>,
    parameters: &[String],
) -> Result<()> {
    let plain = rules.without_appended();
    for path in default_files(workspace) {
        let appending = path == DEFAULT_GRUB;
        edit(workspace, &path, |text| {
            let rules = if appending { rules } else { &plain };
            with_cmdlines(&plain.renamed(text), rules)
        })?;
    }
    edit(workspace, CMDLINE, |text| rules.fixed(text))?;
    for path in files_below(workspace, b"etc/grub.d") {
        edit(workspace, &path, |text| plain.renamed(text))?;
    }
    let has_tool = [&b"usr/sbin/grub-mkconfig"[..], b"usr/sbin/grub2-mkconfig"];
    let has_tool = has_tool.iter().any(|path| workspace.exists(path));
    if !parameters.is_empty() && has_tool && !workspace.exists(DEFAULT_GRUB) {
        // The distribution's package makes /etc/default/grub when it is configured; this file adds to it.
        let line = format!("GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX {}\"\n", parameters.join(" "));
        workspace.write(ADDED_DEFAULTS, line.into_bytes(), KEEP_PARAMETERS)?;
    }
    Ok(())
}

/// Applies `change` to a file, if it is there and text.
fn edit(workspace: &mut GuestWorkspace<'_>, path: &[u8], change: impl FnOnce(&str) -> String) -> Result<()> {
    let Some(bytes) = workspace.read(path)? else { return Ok(()) };
    match std::str::from_utf8(&bytes) {
        Ok(text) => {
            let changed = change(text);
            workspace.write(path, changed.into_bytes(), KEEP_PARAMETERS)
        }
        Err(_) => Ok(()),
    }
}

fn default_files(workspace: &GuestWorkspace<'_>) -> Vec<Vec<u8>> {
    let mut files = vec![DEFAULT_GRUB.to_vec()];
    files.extend(
        files_below(workspace, b"etc/default/grub.d").into_iter().filter(|path| path.ends_with(b".cfg")),
    );
    files
}

/// Paths of the regular files of a directory of the tree, sorted.
pub(super) fn files_below(workspace: &GuestWorkspace<'_>, directory: &[u8]) -> Vec<Vec<u8>> {
    let tree = workspace.tree();
    let Some(node) = tree.resolve(directory) else { return Vec::new() };
    let is_file = |path: &Vec<u8>| {
        let inode = tree.resolve(path).map(|node| tree.inode(tree.inode_of(node)));
        inode.is_some_and(|inode| matches!(inode.object, crate::tree::Object::File { .. }))
    };
    tree.children(node).map(|child| tree.path(child)).filter(is_file).collect()
}

/// `GRUB_CMDLINE_LINUX*` values with their options fixed; what the rules append goes to the last `GRUB_CMDLINE_LINUX`.
fn with_cmdlines(text: &str, rules: &OptionRules<'_>) -> String {
    let plain = rules.without_appended();
    let is_cmdline = |line: &str| assignment(line).is_some_and(|(name, _)| name == "GRUB_CMDLINE_LINUX");
    let last = text.lines().filter(|line| is_cmdline(line)).count();
    let values =
        shell_assignments(text).into_iter().filter(|(name, _)| name.starts_with("GRUB_CMDLINE_LINUX"));
    let together = values.map(|(_, value)| value).collect::<Vec<_>>().join(" ");
    let mut seen = 0;
    let mut changed = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let appending = is_cmdline(line) && {
            seen += 1;
            seen == last
        };
        match assignment(line) {
            Some((name, _)) if name.starts_with("GRUB_CMDLINE_LINUX") => {
                let rules = if appending { rules } else { &plain };
                changed.push_str(&with_value(line, rules, &together));
            }
            _ => changed.push_str(line),
        }
    }
    if last == 0 {
        let appended = rules.fixed("");
        if !appended.is_empty() {
            if !changed.is_empty() && !changed.ends_with('\n') {
                changed.push('\n');
            }
            changed.push_str(&format!("GRUB_CMDLINE_LINUX=\"{appended}\"\n"));
        }
    }
    changed
}

/// The line with the options of its value fixed, which the kernel gets `together` with the other lines'. A value that
/// goes on in the next line stays as it is.
fn with_value(line: &str, rules: &OptionRules<'_>, together: &str) -> String {
    let Some((name, rest)) = line.split_once('=') else { return line.to_owned() };
    let (quote, value, behind) = match rest.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let Some(end) = closing_quote(&rest[1..], quote) else { return line.to_owned() };
            (quote, &rest[1..=end], &rest[end + 2..])
        }
        _ => {
            let end = rest.find([' ', '\t', '\r', '\n', '#', ';']).unwrap_or(rest.len());
            ('"', &rest[..end], &rest[end..])
        }
    };
    let fixed = rules.fixed_beside(value, together);
    if fixed == value { line.to_owned() } else { format!("{name}={quote}{fixed}{quote}{behind}") }
}

/// Where the quote that ends a value stands.
fn closing_quote(value: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    value
        .char_indices()
        .find(|(_, c)| {
            let closes = *c == quote && !escaped;
            escaped = *c == '\\' && !escaped && quote == '"';
            closes
        })
        .map(|(at, _)| at)
}

/// Name and raw value of a line that assigns.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.trim_start().split_once('=')?;
    let name_is_plain =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    name_is_plain.then(|| (name, value.trim_end_matches(['\n', '\r'])))
}

/// The assignments of a shell file that say their value themselves.
pub(super) fn shell_assignments(text: &str) -> Vec<(String, String)> {
    let mut assignments = Vec::new();
    for line in text.lines() {
        let Some((name, raw)) = assignment(line) else { continue };
        let raw = raw.trim();
        let value = match raw.chars().next() {
            Some(quote @ ('"' | '\'')) => raw[1..].split(quote).next().unwrap_or_default(),
            _ => raw.split([' ', '\t', '#', ';']).next().unwrap_or_default(),
        };
        assignments.push((name.to_owned(), value.to_owned()));
    }
    assignments
}

const DEFAULT_GRUB: &[u8] = b"etc/default/grub";
const ADDED_DEFAULTS: &[u8] = b"etc/default/grub.d/diskwright.cfg";
const CMDLINE: &[u8] = b"etc/kernel/cmdline";
const KEEP_PARAMETERS: &str =
    "boot menus made later must boot this disk with the kernel parameters asked for";

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(text: &str) -> String {
        let appended = ["console=ttyS0".to_owned()];
        with_cmdlines(text, &OptionRules::new("1-2", None, &[], &[], &appended))
    }

    #[test]
    fn parameters_go_into_the_last_assignment_whatever_its_quotes() {
        assert_eq!(
            changed("A=1\nGRUB_CMDLINE_LINUX=\"\"\nGRUB_CMDLINE_LINUX_DEFAULT=\"quiet\" # x\n"),
            "A=1\nGRUB_CMDLINE_LINUX=\"console=ttyS0\"\nGRUB_CMDLINE_LINUX_DEFAULT=\"quiet\" # x\n"
        );
        assert_eq!(changed("GRUB_CMDLINE_LINUX='a b' # c\n"), "GRUB_CMDLINE_LINUX='a b console=ttyS0' # c\n");
        assert_eq!(changed("GRUB_CMDLINE_LINUX=a"), "GRUB_CMDLINE_LINUX=\"a console=ttyS0\"");
        assert_eq!(
            changed("GRUB_CMDLINE_LINUX=\"a\"\nGRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX b\"\n"),
            "GRUB_CMDLINE_LINUX=\"a\"\nGRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX b console=ttyS0\"\n"
        );
        assert_eq!(changed("GRUB_TIMEOUT=5"), "GRUB_TIMEOUT=5\nGRUB_CMDLINE_LINUX=\"console=ttyS0\"\n");
    }

    #[test]
    fn volumes_of_the_old_disk_leave_every_command_line() {
        assert_eq!(
            changed("GRUB_CMDLINE_LINUX=\"resume=/dev/mapper/r-swap rd.lvm.lv=r/root rhgb\"\n"),
            "GRUB_CMDLINE_LINUX=\"rhgb console=ttyS0\"\n"
        );
    }

    #[test]
    fn options_of_one_line_activate_the_root_for_those_of_the_others() {
        let known = ["/dev/mapper/vg-root".to_owned(), "/dev/mapper/vg-swap".to_owned()];
        let rules = OptionRules::new("1-2", Some("3-4"), &known, &[], &[])
            .with_logical_volumes(Some(&known[0]), Some(&known[1]));
        let text = "GRUB_CMDLINE_LINUX=\"rd.lvm.lv=vg/root\"\nGRUB_CMDLINE_LINUX_DEFAULT=\"rd.lvm.lv=vg/swap quiet\"\n";
        assert_eq!(with_cmdlines(text, &rules), text);
        let other = text.replace("vg/root", "old/root");
        let expected = "GRUB_CMDLINE_LINUX=\"\"\nGRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"\n";
        assert_eq!(with_cmdlines(&other, &rules), expected);
    }

    #[test]
    fn odd_lines_do_no_harm() {
        for text in
            ["=", "GRUB_CMDLINE_LINUX=\"\n", "#GRUB_CMDLINE_LINUX=x\n", "\"=\"\n", "GRUB_CMDLINE_LINUX_X='\n"]
        {
            assert!(changed(text).starts_with(text.trim_end()), "{text:?}");
            shell_assignments(text);
        }
        assert_eq!(
            shell_assignments("a='b c' d\ne=f # g\n"),
            [("a".to_owned(), "b c".to_owned()), ("e".to_owned(), "f".to_owned())]
        );
    }
}
