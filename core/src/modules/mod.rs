//! The drivers of a kernel: which there are, for which devices, and what each needs.
//!
//! ```text
//! /lib/modules/VERSION/  modules.dep  modules.alias  modules.softdep     what depmod found in the modules
//!                        modules.builtin  modules.builtin.modinfo        what is in the kernel itself
//! /boot/config-VERSION                                                   the same, for kernels without such lists
//! ```
//!
//! The tables are read as text; nothing of them is run.

mod config;
mod files;
mod index;
mod pattern;
mod tables;

use std::collections::{BTreeMap, BTreeSet};

pub use config::KernelConfig;
pub use tables::Tables;

use crate::Result;
use crate::tree::{FileTree, Object};
pub(crate) use files::TableFiles;
use pattern::matches;

/// The module tables of one kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KernelModules {
    /// The directory in the tree, links resolved, without a leading slash.
    directory: Vec<u8>,
    /// Names of modules, `-` as `_`, to their files and those that they need, in the order of `modules.dep`.
    modules: BTreeMap<String, Module>,
    /// Module names in the order of `modules.dep`.
    order: Vec<String>,
    /// `modules.alias`: pattern and module.
    aliases: Vec<(String, String)>,
    /// Module, and what is loaded before and after it where it can be.
    soft: BTreeMap<String, SoftDependencies>,
    /// Modules that are in the kernel itself.
    built_in: BTreeSet<String>,
    /// Patterns of those, where the kernel lists them.
    built_in_aliases: Vec<(String, String)>,
    has_built_in_list: bool,
    has_dependencies: bool,
    has_aliases: bool,
}

/// A module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// Its file, from the directory of the tables.
    pub path: String,
    /// Files of all modules that must be loaded before it, the last one first.
    pub needs: Vec<String>,
}

/// What `modules.softdep` says of a module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SoftDependencies {
    /// Modules or aliases to be loaded before.
    pub before: Vec<String>,
    /// After.
    pub after: Vec<String>,
}

/// Who drives a device.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Driver {
    /// A part of the kernel, by the name that it would have as a module.
    BuiltIn(String),
    /// A module, by its name.
    Module(String),
}

impl KernelModules {
    /// Reads the tables of the kernel `version`; `None` when the tree has no directory of its modules.
    ///
    /// Cost: reads about 3 MiB.
    ///
    /// A table of more than 8 MiB counts as missing.
    ///
    /// # Errors
    /// Those of reading the tree.
    pub fn load(tree: &FileTree, version: &str) -> Result<Option<Self>> {
        Self::load_from(&mut TableFiles::new(tree, &|| Ok(())), version)
    }

    /// As [`KernelModules::load`], by way of `files`, which knows afterwards what was passed over.
    pub(crate) fn load_from(files: &mut TableFiles<'_>, version: &str) -> Result<Option<Self>> {
        if version.is_empty() || version.contains('/') {
            return Ok(None);
        }
        let tree = files.tree();
        let places = [format!("lib/modules/{version}"), format!("usr/lib/modules/{version}")];
        let is_directory = |node: &_| matches!(tree.inode(tree.inode_of(*node)).object, Object::Directory);
        let found = places.iter().find_map(|place| tree.resolve(place.as_bytes()).filter(is_directory));
        let Some(directory) = found else { return Ok(None) };
        let directory_path = tree.path(directory);
        let mut table =
            |name: &str| files.text(&[directory_path.as_slice(), b"/", name.as_bytes()].concat(), MAX_TABLE);
        let tables = Tables {
            dependencies: table("modules.dep")?,
            aliases: table("modules.alias")?,
            soft_dependencies: table("modules.softdep")?,
            built_in: table("modules.builtin")?,
            built_in_information: table("modules.builtin.modinfo")?,
        };
        Ok(Some(Self { directory: directory_path, ..Self::of(&tables) }))
    }

    /// What tables say.
    pub fn of(tables: &Tables) -> Self {
        fn text(table: &Option<String>) -> &str {
            table.as_deref().unwrap_or_default()
        }
        let mut modules = Self {
            aliases: alias_lines(text(&tables.aliases)),
            soft: soft_lines(text(&tables.soft_dependencies)),
            built_in: text(&tables.built_in).lines().filter_map(module_name).collect(),
            has_built_in_list: tables.built_in.is_some(),
            has_dependencies: tables.dependencies.is_some(),
            has_aliases: tables.aliases.is_some(),
            ..Self::default()
        };
        modules.take_dependencies(text(&tables.dependencies));
        modules.take_built_in_information(text(&tables.built_in_information));
        modules
    }

    /// The directory of the tables in the tree, without a leading slash.
    pub fn directory(&self) -> &[u8] {
        &self.directory
    }

    /// Whether the tables say which modules are in the kernel itself.
    pub fn has_built_in_list(&self) -> bool {
        self.has_built_in_list
    }

    /// Whether the tables say which modules there are.
    pub fn has_dependencies(&self) -> bool {
        self.has_dependencies
    }

    /// Whether the tables say which devices modules are for.
    pub fn has_aliases(&self) -> bool {
        self.has_aliases
    }

    /// Whether there is any module.
    pub fn is_empty(&self) -> bool {
        self.modules.is_empty()
    }

    /// The module of that name, `-` and `_` being the same.
    pub fn module(&self, name: &str) -> Option<&Module> {
        self.modules.get(&underscored(name))
    }

    /// Whether a module is in the kernel itself.
    pub fn is_built_in(&self, name: &str) -> bool {
        self.built_in.contains(&underscored(name))
    }

    /// Names of all modules, in the order of `modules.dep`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.order.iter().map(String::as_str)
    }

    /// The drivers whose aliases are for a device that calls itself `device` (a `modalias`, as in
    /// `pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00`), those in the kernel first.
    pub fn drivers_of(&self, device: &str) -> Vec<Driver> {
        let mut known = BTreeSet::new();
        let mut fits = |kind: u8, (pattern, name): &(String, String)| {
            matches(pattern.as_bytes(), device.as_bytes()) && known.insert((kind, name.clone()))
        };
        let mut drivers: Vec<Driver> = Vec::new();
        for alias in self.built_in_aliases.iter().filter(|alias| fits(0, alias)) {
            drivers.push(Driver::BuiltIn(alias.1.clone()));
        }
        for alias in self.aliases.iter().filter(|alias| fits(1, alias)) {
            drivers.push(Driver::Module(alias.1.clone()));
        }
        drivers
    }

    /// Whether a driver of that name, a module or a part of the kernel, has an alias for a device.
    pub(crate) fn is_driver_of(&self, name: &str, device: &str) -> bool {
        let name = underscored(name);
        let fits = |(pattern, known): &(String, String)| {
            *known == name && matches(pattern.as_bytes(), device.as_bytes())
        };
        self.built_in_aliases.iter().any(fits) || self.aliases.iter().any(fits)
    }

    /// Who is meant by the name of a module or by an alias, as modprobe(8) takes it.
    pub fn named(&self, name: &str) -> Vec<Driver> {
        let name = underscored(name);
        if self.modules.contains_key(&name) {
            return vec![Driver::Module(name)];
        }
        if self.built_in.contains(&name) {
            return vec![Driver::BuiltIn(name)];
        }
        self.drivers_of(&name)
    }

    /// The files to be loaded for a module, in the order of loading, the module last; without its soft dependencies.
    /// `None` when there is no such module.
    pub fn closure(&self, name: &str) -> Option<Vec<String>> {
        let module = self.module(name)?;
        let needs = module.needs.iter().rev().cloned();
        Some(needs.chain([module.path.clone()]).collect())
    }

    /// All aliases, each a pattern and the module that is for it, in the order of `modules.alias`.
    pub fn aliases(&self) -> impl Iterator<Item = (&str, &str)> {
        self.aliases.iter().map(|(pattern, name)| (pattern.as_str(), name.as_str()))
    }

    /// What is loaded before and after a module where it can be.
    pub fn soft_dependencies(&self, name: &str) -> Option<&SoftDependencies> {
        self.soft.get(&underscored(name))
    }

    fn take_dependencies(&mut self, table: &str) {
        for line in table.lines() {
            let Some((path, needs)) = line.split_once(':') else { continue };
            let Some(name) = module_name(path) else { continue };
            let Some(path) = below_directory(path) else { continue };
            let needs = needs.split_ascii_whitespace().map(below_directory).collect::<Option<Vec<_>>>();
            let Some(needs) = needs else { continue };
            let module = Module { path, needs };
            if self.modules.insert(name.clone(), module).is_none() {
                self.order.push(name);
            }
        }
    }

    /// `name.alias=pattern`, each ended by a zero byte.
    fn take_built_in_information(&mut self, table: &str) {
        for record in table.split('\0') {
            let Some((name, field)) = record.split_once('.') else { continue };
            let pattern = field.strip_prefix("alias=").filter(|pattern| pattern.len() <= MAX_PATTERN);
            if let Some(pattern) = pattern.filter(|_| name.len() <= MAX_NAME) {
                self.built_in_aliases.push((pattern.to_owned(), underscored(name)));
            }
        }
    }
}

/// A path of `modules.dep` from the directory of the tables, which old versions of depmod(8) give in front of it; `None`
/// for one that leads out of there.
fn below_directory(path: &str) -> Option<String> {
    let below = match path.strip_prefix('/') {
        Some(absolute) => {
            let merged = absolute.strip_prefix("usr/").unwrap_or(absolute);
            let versioned = merged.strip_prefix("lib/modules/").and_then(|path| path.split_once('/'));
            versioned.map_or(absolute, |(_, below)| below)
        }
        None => path,
    };
    let mut parts = below.split('/').filter(|part| !part.is_empty() && *part != ".").peekable();
    parts.peek()?;
    let parts: Vec<&str> = parts.collect();
    (!parts.contains(&"..")).then(|| parts.join("/"))
}

/// The name of the module in a file: what stands before the first dot of the last component, `-` as `_`; `None` for one
/// that no file system takes.
pub(crate) fn module_name(path: &str) -> Option<String> {
    let file = path.rsplit('/').next().unwrap_or_default();
    let (name, extension) = file.split_once('.')?;
    let is_module = matches!(extension, "ko" | "ko.gz" | "ko.xz" | "ko.zst" | "ko.bz2" | "ko.lz4");
    (is_module && !name.is_empty() && file.len() <= MAX_NAME).then(|| underscored(name))
}

/// `-` as `_`, as the kernel and modprobe write the names of modules.
pub(crate) fn underscored(name: &str) -> String {
    name.replace('-', "_")
}

/// `alias PATTERN MODULE` lines.
fn alias_lines(table: &str) -> Vec<(String, String)> {
    let words = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        words.next().filter(|word| *word == "alias")?;
        let pattern = words.next().filter(|pattern| pattern.len() <= MAX_PATTERN)?;
        let name = words.next().filter(|name| name.len() <= MAX_NAME)?;
        Some((pattern.to_owned(), underscored(name)))
    };
    table.lines().filter_map(words).collect()
}

/// `softdep MODULE pre: A B post: C` lines.
fn soft_lines(table: &str) -> BTreeMap<String, SoftDependencies> {
    let mut all: BTreeMap<String, SoftDependencies> = BTreeMap::new();
    for line in table.lines() {
        let mut words = line.split_ascii_whitespace();
        if words.next() != Some("softdep") {
            continue;
        }
        let Some(name) = words.next().filter(|name| name.len() <= MAX_NAME) else { continue };
        let soft = all.entry(underscored(name)).or_default();
        let mut is_after = None;
        for word in words {
            match (word, is_after) {
                ("pre:", _) => is_after = Some(false),
                ("post:", _) => is_after = Some(true),
                (word, Some(false)) => soft.before.push(word.to_owned()),
                (word, Some(true)) => soft.after.push(word.to_owned()),
                (_, None) => {}
            }
        }
    }
    all
}

/// Five times what the longest have; a tree over them is no deeper.
const MAX_PATTERN: usize = 1000;
/// Bytes of a file's name.
const MAX_NAME: usize = 255;
/// Four times what large distributions have.
const MAX_TABLE: u64 = 8 << 20;

#[cfg(test)]
mod tests;
