use super::MenuRequest;
use super::defaults::files_below;
use super::options::OptionRules;
use super::script::relocated;
use crate::Result;
use crate::guest::GuestWorkspace;

/// Paths of the entries of the Boot Loader Specification in the tree.
pub(super) fn paths(workspace: &GuestWorkspace<'_>) -> Vec<Vec<u8>> {
    let mut paths = files_below(workspace, b"boot/loader/entries");
    paths.retain(|path| path.ends_with(b".conf"));
    paths
}

/// Whether an entry starts a kernel that is in the tree.
pub(super) fn any_is_usable(workspace: &GuestWorkspace<'_>) -> Result<bool> {
    for path in paths(workspace) {
        let Some(bytes) = workspace.read(&path)? else { continue };
        let text = String::from_utf8_lossy(&bytes);
        let image = text.lines().find_map(|line| line.strip_prefix("linux")).map(str::trim);
        if image.is_some_and(|image| super::script::tree_path(image, workspace).is_some()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Makes all entries true for the new disk.
pub(super) fn update(
    workspace: &mut GuestWorkspace<'_>,
    request: &MenuRequest<'_>,
    rules: &OptionRules<'_>,
) -> Result<()> {
    for path in paths(workspace) {
        let Some(bytes) = workspace.read(&path)? else { continue };
        let Ok(text) = std::str::from_utf8(&bytes) else { continue };
        let changed = fixed(text, rules, |path| relocated(path, workspace, request));
        let reason = "the boot entry must start the kernel from this disk with the options asked for";
        workspace.write(&path, changed.into_bytes(), reason)?;
    }
    Ok(())
}

/// One entry with its paths and options changed.
pub(super) fn fixed(text: &str, rules: &OptionRules<'_>, relocate: impl Fn(&str) -> String) -> String {
    let plain = rules.without_appended();
    let mut changed = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let key = line.split_whitespace().next().unwrap_or_default();
        let rest = line.trim_start().strip_prefix(key).unwrap_or_default();
        let value = rest.trim();
        let head = &line[..line.len() - rest.len()];
        match key {
            "linux" | "initrd" if !value.is_empty() => {
                let paths: Vec<String> = value.split_whitespace().map(&relocate).collect();
                changed.extend([head, &rest.replacen(value, &paths.join(" "), 1)]);
            }
            // What GRUB's variables stand for is appended to where they are set.
            "options" if value.contains("$kernelopts") => changed.extend([head, &plain.fixed(rest)]),
            "options" => changed.extend([head, &rules.fixed(rest)]),
            _ => changed.push_str(&plain.renamed(line)),
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_options_of_an_entry_change_and_nothing_else() {
        let appended = ["console=ttyS0".to_owned()];
        let rules = OptionRules::new("1-2", None, &[], &[], &appended);
        let entry = "title Fedora\nversion 6.8\nlinux /vmlinuz-6.8\ninitrd /a.img $x\noptions root=UUID=0-0 ro\n\
            grub_users $grub_users\n";
        let relocate =
            |path: &str| if path.starts_with('/') { format!("/boot{path}") } else { path.to_owned() };
        let expected = "title Fedora\nversion 6.8\nlinux /boot/vmlinuz-6.8\ninitrd /boot/a.img $x\n\
            options root=UUID=1-2 ro console=ttyS0\ngrub_users $grub_users\n";
        assert_eq!(fixed(entry, &rules, relocate), expected);
        let variables = "options $kernelopts $tuned_params\n";
        assert_eq!(fixed(variables, &rules, relocate), variables);
    }
}
