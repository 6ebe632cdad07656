use std::collections::BTreeSet;

use super::TableFiles;
use crate::Result;
use crate::tree::FileTree;

/// What of a kernel's configuration is in the kernel itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KernelConfig {
    built_in: BTreeSet<String>,
}

impl KernelConfig {
    /// Reads `/boot/config-VERSION`, else the file `config` beside the modules; `None` when there is neither.
    ///
    /// A file of more than 4 MiB counts as missing.
    ///
    /// # Errors
    /// Those of reading the tree.
    pub fn load(tree: &FileTree, version: &str) -> Result<Option<Self>> {
        Self::load_from(&mut TableFiles::new(tree, &|| Ok(())), version)
    }

    /// As [`KernelConfig::load`], by way of `files`, which knows afterwards what was passed over.
    pub(crate) fn load_from(files: &mut TableFiles<'_>, version: &str) -> Result<Option<Self>> {
        if version.contains('/') {
            return Ok(None);
        }
        let places = [
            format!("boot/config-{version}"),
            format!("lib/modules/{version}/config"),
            format!("usr/lib/modules/{version}/config"),
        ];
        for place in places {
            if let Some(text) = files.text(place.as_bytes(), MAX_CONFIG)? {
                return Ok(Some(Self::parse(&text)));
            }
        }
        Ok(None)
    }

    /// Reads the text of a configuration: `CONFIG_NAME=y` lines.
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().filter_map(|line| line.strip_prefix("CONFIG_"));
        let built_in = lines.filter_map(|line| line.trim_end().strip_suffix("=y"));
        Self { built_in: built_in.map(str::to_owned).collect() }
    }

    /// Whether an option, without `CONFIG_`, is `y`.
    pub fn is_built_in(&self, option: &str) -> bool {
        self.built_in.contains(option)
    }
}

const MAX_CONFIG: u64 = 4 << 20;

#[cfg(test)]
mod tests {
    use super::KernelConfig;

    #[test]
    fn only_what_is_y_is_built_in() {
        let config = KernelConfig::parse("CONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\nCONFIG_D=\"y\"\n");
        let built_in: Vec<bool> = ["A", "B", "C", "D"].iter().map(|name| config.is_built_in(name)).collect();
        assert_eq!(built_in, [true, false, false, false]);
    }
}
