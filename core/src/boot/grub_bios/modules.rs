use std::collections::{BTreeMap, BTreeSet};

use super::Damage;
use super::elf::Elf32;

/// Which modules each module needs.
#[derive(Debug, Default)]
pub(super) struct Dependencies(BTreeMap<String, Vec<String>>);

impl Dependencies {
    /// Reads `moddep.lst`: lines `name: dependency dependency …`.
    pub(super) fn parse(list: &[u8]) -> Result<Self, Damage> {
        let mut dependencies = BTreeMap::new();
        for line in list.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let line = std::str::from_utf8(line).map_err(|_| Damage::ModuleList)?;
            let (name, needed) = line.split_once(':').ok_or(Damage::ModuleList)?;
            let needed: Vec<String> = needed.split_whitespace().map(str::to_owned).collect();
            if !std::iter::once(name).chain(needed.iter().map(String::as_str)).all(is_module_name) {
                return Err(Damage::ModuleList);
            }
            dependencies.insert(name.to_owned(), needed);
        }
        Ok(Self(dependencies))
    }

    /// Adds what a module's own sections say.
    pub(super) fn add(&mut self, module: &str, needed: Vec<String>) {
        self.0.insert(module.to_owned(), needed);
    }

    /// The requested modules and all they need, each after what it needs, in the order of `grub-mkimage`: of one
    /// module the dependency listed last comes first.
    pub(super) fn load_order(&self, requested: &[&str]) -> Result<Vec<String>, Damage> {
        let mut order = Vec::new();
        let mut seen = BTreeSet::new();
        for name in requested {
            self.visit(name, &mut seen, &mut order)?;
        }
        Ok(order)
    }

    fn visit(&self, name: &str, seen: &mut BTreeSet<String>, order: &mut Vec<String>) -> Result<(), Damage> {
        if !seen.insert(name.to_owned()) {
            return Ok(());
        }
        if seen.len() > MAX_MODULES {
            return Err(Damage::TooManyModules);
        }
        let needed = self.0.get(name).ok_or_else(|| Damage::ModuleMissing(name.to_owned()))?;
        for dependency in needed.iter().rev() {
            self.visit(dependency, seen, order)?;
        }
        order.push(name.to_owned());
        Ok(())
    }
}

/// The name that a module gives itself.
pub(super) fn module_name(module: &[u8]) -> Result<String, Damage> {
    let name = Elf32::parse(module)?.section(b".modname").ok_or(Damage::ModuleName)?;
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    match std::str::from_utf8(name) {
        Ok(name) if is_module_name(name) => Ok(name.to_owned()),
        _ => Err(Damage::ModuleName),
    }
}

/// The names in a module's `.moddeps` section; a module without one needs nothing.
pub(super) fn module_dependencies(module: &[u8]) -> Result<Vec<String>, Damage> {
    let names = Elf32::parse(module)?.section(b".moddeps").unwrap_or_default();
    names
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
        .map(|name| match std::str::from_utf8(name) {
            Ok(name) if is_module_name(name) => Ok(name.to_owned()),
            _ => Err(Damage::ModuleName),
        })
        .collect()
}

/// Names become file names, so only letters, digits, `_`, `-` and `+` may stand in them.
fn is_module_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+');
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

/// GRUB 2.06 has about 280; the search recurses no deeper than this.
const MAX_MODULES: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_come_first_and_the_last_listed_first_of_all() {
        let dependencies = Dependencies::parse(b"a: b c\nb: d\nc: d\nd:\n").unwrap();
        assert_eq!(dependencies.load_order(&["a", "d"]).unwrap(), ["d", "c", "b", "a"]);
    }

    #[test]
    fn a_circle_ends_and_an_unknown_module_is_named() {
        let dependencies = Dependencies::parse(b"a: b\nb: a x\n").unwrap();
        assert!(matches!(dependencies.load_order(&["a"]), Err(Damage::ModuleMissing(name)) if name == "x"));
        let dependencies = Dependencies::parse(b"a: b\nb: a\n").unwrap();
        assert_eq!(dependencies.load_order(&["a"]).unwrap(), ["b", "a"]);
    }

    #[test]
    fn names_that_are_no_file_names_are_refused() {
        for list in [&b"../a: b\n"[..], b"a: /b\n", b"no colon\n", b"\xff: a\n", b": a\n"] {
            assert!(Dependencies::parse(list).is_err(), "{}", list.escape_ascii());
        }
    }
}
