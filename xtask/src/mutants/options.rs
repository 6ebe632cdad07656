use anyhow::{Result, bail};

/// What `cargo xtask mutants` is told.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Options {
    /// Whether what earlier runs found counts for nothing.
    pub(crate) fresh: bool,
    /// Whether only the table is written, of what earlier runs found.
    pub(crate) table: bool,
    /// Only mutants whose name has one of these in it; all, if there is none.
    only: Vec<String>,
}

impl Options {
    /// Reads `--fresh`, `--table` and parts of names.
    pub(crate) fn parse(words: &[&str]) -> Result<Self> {
        let mut options = Self::default();
        for word in words {
            match *word {
                "--fresh" => options.fresh = true,
                "--table" => options.table = true,
                option if option.starts_with('-') => bail!("there is no option {option}"),
                part => options.only.push(part.to_owned()),
            }
        }
        Ok(options)
    }

    pub(crate) fn wants(&self, name: &str) -> bool {
        !self.table && (self.only.is_empty() || self.only.iter().any(|part| name.contains(part)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_names_choose_and_options_are_known() {
        let options = Options::parse(&["checksum", "--fresh", "layout/"]).unwrap();
        assert!(options.fresh && !options.table);
        assert!(options.wants("core/src/layout/mod.rs: x") && !options.wants("core/src/scan/name.rs: x"));
        assert!(Options::parse(&[]).unwrap().wants("anything"));
        assert!(!Options::parse(&["--table"]).unwrap().wants("anything"));
        assert!(Options::parse(&["--slow"]).is_err());
    }
}
