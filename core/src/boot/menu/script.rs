use super::MenuRequest;
use super::options::OptionRules;
use crate::guest::GuestWorkspace;

/// What a `grub.cfg` that is there can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usability {
    /// It boots kernels of the tree.
    Usable,
    /// It leaves the entries to `/boot/loader/entries`.
    ReadsEntries,
    /// It boots nothing that is there; why.
    Useless(&'static str),
}

/// Judges a `grub.cfg`.
pub(super) fn usability(script: &str, workspace: &GuestWorkspace<'_>) -> Usability {
    let mut loads = false;
    let mut kernel_is_there = false;
    let mut searches = false;
    let mut sets_device = false;
    let mut reads_entries = false;
    for line in script.lines() {
        let (_, command, rest) = split_command(line);
        match command {
            _ if is_linux(command) => {
                loads = true;
                let path = rest.split_whitespace().next().unwrap_or_default();
                kernel_is_there |= without_device(path).contains('$') || tree_path(path, workspace).is_some();
            }
            "search" | "search.fs_uuid" | "search.fs_label" => searches = true,
            "set" => sets_device |= rest.starts_with("root=") && rest.contains("hd"),
            "blscfg" => reads_entries = true,
            _ => {}
        }
    }
    if reads_entries {
        return Usability::ReadsEntries;
    }
    match (loads, kernel_is_there, sets_device && !searches) {
        (false, ..) => Usability::Useless("it starts no kernel"),
        (true, false, _) => Usability::Useless("none of the kernels that it starts is in the tree"),
        (true, true, true) => {
            Usability::Useless("it finds its kernels by the old disk's partition numbers only")
        }
        (true, true, false) => Usability::Usable,
    }
}

/// The `grub.cfg` made true for the new disk; what is true already stays to the byte.
pub(super) fn fixed(
    script: &str,
    workspace: &GuestWorkspace<'_>,
    request: &MenuRequest<'_>,
    rules: &OptionRules<'_>,
) -> String {
    let plain = rules.without_appended();
    let mut changed = String::with_capacity(script.len());
    for line in rules.renamed(script).split_inclusive('\n') {
        let (head, command, rest) = split_command(line);
        let rest = match command {
            _ if is_linux(command) => fixed_linux(rest, workspace, request, rules),
            "initrd" | "initrd16" | "initrdefi" => {
                each_word(rest, |path| relocated(path, workspace, request))
            }
            "search" if rest.contains("--fs-uuid") => fixed_search(rest, request, rules),
            "search.fs_uuid" => fixed_search(rest, request, rules),
            "set" if rest.starts_with("kernelopts=") => within_quotes(rest, |options| plain.fixed(options)),
            _ => rest.to_owned(),
        };
        changed.extend([head, &rest]);
    }
    changed
}

/// The path of a file of the tree as the new disk's menus name it; what is no path to such a file stays.
pub(super) fn relocated(path: &str, workspace: &GuestWorkspace<'_>, request: &MenuRequest<'_>) -> String {
    match tree_path(path, workspace) {
        Some(found) => {
            let device = path.len() - without_device(path).len();
            let place = request.path_of(&found);
            format!("{}{place}", &path[..device])
        }
        None => path.to_owned(),
    }
}

/// The file of the tree that a menu means by `path`: from the root, from `/boot` when that was a file system of its
/// own, or behind the name of a subvolume.
pub(super) fn tree_path(path: &str, workspace: &GuestWorkspace<'_>) -> Option<String> {
    let path = without_device(path).strip_prefix('/')?;
    let behind_subvolume = path.split_once('/').map(|(_, rest)| rest.to_owned());
    let candidates = [Some(path.to_owned()), Some(format!("boot/{path}")), behind_subvolume];
    let tree = workspace.tree();
    candidates.into_iter().flatten().find(|candidate| {
        let inode = tree.resolve(candidate.as_bytes()).map(|node| tree.inode(tree.inode_of(node)));
        inode.is_some_and(|inode| matches!(inode.object, crate::tree::Object::File { .. }))
    })
}

fn without_device(path: &str) -> &str {
    let behind = path.strip_prefix('(').and_then(|device| device.split_once(')'));
    behind.map_or(path, |(_, path)| path)
}

fn is_linux(command: &str) -> bool {
    matches!(command, "linux" | "linux16" | "linuxefi")
}

/// Everything before the first argument, the command in it, and the arguments with the line's end.
fn split_command(line: &str) -> (&str, &str, &str) {
    let indentation = line.len() - line.trim_start().len();
    let command = line[indentation..].split(char::is_whitespace).next().unwrap_or_default();
    let behind = &line[indentation + command.len()..];
    let space = behind.len() - behind.trim_start_matches([' ', '\t']).len();
    let (head, rest) = line.split_at(indentation + command.len() + space);
    (head, command, rest)
}

/// The arguments of `linux`: path, options.
fn fixed_linux(
    arguments: &str,
    workspace: &GuestWorkspace<'_>,
    request: &MenuRequest<'_>,
    rules: &OptionRules<'_>,
) -> String {
    let (path, options) = arguments.split_at(arguments.find(char::is_whitespace).unwrap_or(arguments.len()));
    let options = rules.fixed(options);
    let separator = if options.is_empty() || options.starts_with(char::is_whitespace) { "" } else { " " };
    relocated(path, workspace, request) + separator + &options
}

/// The arguments of `search --fs-uuid`: an identifier that nothing on the new disk has is the file system's with the
/// kernels, and so is the root's when that holds none.
fn fixed_search(arguments: &str, request: &MenuRequest<'_>, rules: &OptionRules<'_>) -> String {
    each_word(arguments, |word| {
        let is_stale =
            !rules.is_known(&format!("UUID={word}")) || word.eq_ignore_ascii_case(request.root_uuid);
        if is_identifier(word) && is_stale { request.boot_uuid().to_owned() } else { word.to_owned() }
    })
}

/// Whether a word can only be the UUID of a file system or the volume id of FAT.
fn is_identifier(word: &str) -> bool {
    let groups: Vec<usize> = word.split('-').map(str::len).collect();
    let is_hexadecimal = word.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    is_hexadecimal && (groups == [8, 4, 4, 4, 12] || groups == [4, 4])
}

/// The text with every word changed and all white space kept.
fn each_word(text: &str, change: impl Fn(&str) -> String) -> String {
    let mut changed = String::with_capacity(text.len());
    let mut left = text;
    while !left.is_empty() {
        let (space, rest) = left.split_at(left.len() - left.trim_start().len());
        let (word, rest) = rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()));
        changed.push_str(space);
        if !word.is_empty() {
            changed.push_str(&change(word));
        }
        left = rest;
    }
    changed
}

/// What stands between the first and the last quote changed, or all of it when there are none.
fn within_quotes(value: &str, change: impl Fn(&str) -> String) -> String {
    match (value.find('"'), value.rfind('"')) {
        (Some(start), Some(end)) if start < end => {
            format!("{}{}{}", &value[..=start], change(&value[start + 1..end]), &value[end..])
        }
        _ => change(value),
    }
}
