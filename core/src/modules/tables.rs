use std::collections::BTreeSet;

use super::KernelModules;
use super::index::{IndexEntry, IndexTree};

/// The tables of a kernel's modules, as text; those that are missing are `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    /// `modules.dep`.
    pub dependencies: Option<String>,
    /// `modules.alias`.
    pub aliases: Option<String>,
    /// `modules.softdep`.
    pub soft_dependencies: Option<String>,
    /// `modules.builtin`.
    pub built_in: Option<String>,
    /// `modules.builtin.modinfo`, its zero bytes among the text.
    pub built_in_information: Option<String>,
}

impl KernelModules {
    /// These tables and those of `other` for modules that these do not have.
    pub(crate) fn joined(mut self, other: &Self) -> Self {
        let new: BTreeSet<&String> =
            other.order.iter().filter(|name| !self.modules.contains_key(*name)).collect();
        for name in other.order.iter().filter(|name| new.contains(name)) {
            if let Some(module) = other.modules.get(name) {
                self.order.push(name.clone());
                self.modules.insert(name.clone(), module.clone());
            }
        }
        let aliases = other.aliases.iter().filter(|(_, name)| new.contains(name));
        self.aliases.extend(aliases.cloned());
        for (name, soft) in other.soft.iter().filter(|(name, _)| new.contains(name)) {
            self.soft.entry(name.clone()).or_insert_with(|| soft.clone());
        }
        self
    }

    /// The tables without the modules that are not `kept` by their names; what is said of those goes too.
    pub(crate) fn only(mut self, kept: &dyn Fn(&str) -> bool) -> Self {
        self.modules.retain(|name, _| kept(name));
        self.order.retain(|name| kept(name));
        self.aliases.retain(|(_, name)| kept(name));
        self.soft.retain(|name, _| kept(name));
        self
    }

    /// The tables with every module's file, and those of the modules that it needs, as `rename` has them.
    pub(crate) fn with_paths(mut self, rename: &dyn Fn(&str) -> String) -> Self {
        for module in self.modules.values_mut() {
            module.path = rename(&module.path);
            module.needs.iter_mut().for_each(|path| *path = rename(path));
        }
        self
    }

    /// The tables as files, of the names and with the bytes that depmod(8) gives them, but for comments: dependencies,
    /// aliases and soft dependencies as text, and the first two as indexes.
    pub fn to_files(&self) -> Vec<(&'static str, Vec<u8>)> {
        let mut dependencies = String::new();
        let mut aliases = String::new();
        let mut soft = String::new();
        let mut by_name = Vec::new();
        let mut by_alias = Vec::new();
        let mut priorities = std::collections::BTreeMap::new();
        for (priority, name) in (0_u32..).zip(&self.order) {
            let Some(module) = self.modules.get(name) else { continue };
            let needs: String = module.needs.iter().map(|path| format!(" {path}")).collect();
            let line = format!("{}:{needs}", module.path);
            dependencies.push_str(&format!("{line}\n"));
            by_name.push(IndexEntry { key: name.clone().into_bytes(), value: line.into_bytes(), priority });
            priorities.insert(name, priority);
        }
        for (pattern, name) in &self.aliases {
            aliases.push_str(&format!("alias {pattern} {name}\n"));
            by_alias.push(IndexEntry {
                key: index_key(pattern),
                value: name.clone().into_bytes(),
                priority: priorities.get(name).copied().unwrap_or_default(),
            });
        }
        for (name, dependencies) in &self.soft {
            let list = |title: &str, names: &[String]| match names {
                [] => String::new(),
                names => format!(" {title} {}", names.join(" ")),
            };
            let (before, after) = (list("pre:", &dependencies.before), list("post:", &dependencies.after));
            soft.push_str(&format!("softdep {name}{before}{after}\n"));
        }
        vec![
            ("modules.dep", dependencies.into_bytes()),
            ("modules.dep.bin", IndexTree::of(by_name).to_bytes()),
            ("modules.alias", aliases.into_bytes()),
            ("modules.alias.bin", IndexTree::of(by_alias).to_bytes()),
            ("modules.softdep", soft.into_bytes()),
        ]
    }
}

/// An alias as the index has it: `-` as `_` outside of brackets.
fn index_key(pattern: &str) -> Vec<u8> {
    let mut is_inside = false;
    let byte = |byte: u8| {
        is_inside = match byte {
            b'[' => true,
            b']' => false,
            _ => is_inside,
        };
        if byte == b'-' && !is_inside { b'_' } else { byte }
    };
    pattern.bytes().map(byte).collect()
}
