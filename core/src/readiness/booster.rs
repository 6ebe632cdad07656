//! Booster has no tables of depmod: one file of aliases, and the dependencies in the settings of its init.

use std::collections::BTreeSet;

use super::kernel::ReadRamdisk;
use crate::modules::{KernelModules, module_name};

/// Its two files with the modules `added`.
///
/// # Reference
/// Booster, `init/config.go` and `init/module.go`: `/usr/lib/modules/booster.alias` has a pattern and a module in each
/// line; `moduledependencies` in `/etc/booster.init.yaml` has the modules to load before each.
pub(super) fn settings(
    ramdisk: &ReadRamdisk,
    modules: &KernelModules,
    added: &BTreeSet<String>,
) -> [(Vec<u8>, Vec<u8>); 2] {
    let text = |name: &str| {
        String::from_utf8_lossy(ramdisk.tree.content(name.as_bytes()).unwrap_or_default()).into_owned()
    };
    let mut aliases = text(ALIASES);
    if !aliases.is_empty() && !aliases.ends_with('\n') {
        aliases.push('\n');
    }
    for (pattern, name) in modules.aliases() {
        if added.contains(name) {
            aliases.push_str(&format!("{} {name}\n", pattern.replace('-', "_")));
        }
    }
    let mut entries = Vec::new();
    for name in added {
        let needs = modules.module(name).map(|module| module.needs.as_slice()).unwrap_or_default();
        let needs: Vec<String> = needs.iter().filter_map(|path| module_name(path)).collect();
        if !needs.is_empty() {
            entries.push((name.clone(), needs));
        }
    }
    let settings = with_dependencies(&text(SETTINGS), &entries);
    [
        (ALIASES.as_bytes().to_vec(), aliases.into_bytes()),
        (SETTINGS.as_bytes().to_vec(), settings.into_bytes()),
    ]
}

/// The YAML text with dependencies added; a module that is there already stays as it is.
fn with_dependencies(settings: &str, entries: &[(String, Vec<String>)]) -> String {
    let mut lines: Vec<String> = settings.lines().map(str::to_owned).collect();
    let is_key = |line: &String| line.starts_with(KEY);
    let at = match lines.iter().position(is_key) {
        Some(at) => {
            lines[at] = KEY.to_owned();
            at
        }
        None => {
            lines.push(KEY.to_owned());
            lines.len() - 1
        }
    };
    let indent = |line: &String| line.len() - line.trim_start().len();
    let step = lines.get(at + 1).map(indent).filter(|step| *step > 0).unwrap_or(4);
    let end =
        lines.iter().skip(at + 1).position(|line| indent(line) == 0).map_or(lines.len(), |len| at + 1 + len);
    let known: BTreeSet<String> = lines[at + 1..end]
        .iter()
        .filter(|line| indent(line) == step)
        .map(|line| line.trim().trim_end_matches(':').trim_matches('"').to_owned())
        .collect();
    let mut more = Vec::new();
    for (name, needs) in entries.iter().filter(|(name, _)| !known.contains(name)) {
        // Quotes keep names that YAML would take for numbers or truth values.
        more.push(format!("{}\"{name}\":", " ".repeat(step)));
        more.extend(needs.iter().map(|need| format!("{}- \"{need}\"", " ".repeat(2 * step))));
    }
    lines.splice(at + 1..at + 1, more);
    lines.join("\n") + "\n"
}

const ALIASES: &str = "usr/lib/modules/booster.alias";
const SETTINGS: &str = "etc/booster.init.yaml";
const KEY: &str = "moduledependencies:";

#[cfg(test)]
mod tests {
    use super::with_dependencies;

    fn entry() -> [(String, Vec<String>); 2] {
        let needs = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        [("ahci".to_owned(), needs(&["libahci", "libata"])), ("ext4".to_owned(), needs(&["x"]))]
    }

    #[test]
    fn dependencies_are_added_to_those_that_are_there() {
        let settings = "moduledependencies:\n    ext4:\n        - jbd2\nkernel: 6.9.1\n";
        let expected = "moduledependencies:\n    \"ahci\":\n        - \"libahci\"\n        - \"libata\"\n    ext4:\n        - \
                        jbd2\nkernel: 6.9.1\n";
        assert_eq!(with_dependencies(settings, &entry()), expected);
    }

    #[test]
    fn dependencies_are_added_where_there_are_none() {
        let expected =
            "kernel: x\nmoduledependencies:\n    \"ahci\":\n        - \"libahci\"\n        - \"libata\"\n";
        assert_eq!(with_dependencies("kernel: x\n", &entry()[..1]), expected);
        let empty = "moduledependencies: {}\n";
        assert_eq!(with_dependencies(empty, &entry()[..1]), expected.strip_prefix("kernel: x\n").unwrap());
    }
}
