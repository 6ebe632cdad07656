use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

/// What became of a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// A test failed.
    Killed,
    /// No test came to its end within the time.
    TimedOut,
    Survived,
    /// It does not compile.
    Unviable,
}

const NAMES: [(Fate, &str); 4] = [
    (Fate::Killed, "killed"),
    (Fate::TimedOut, "timed out"),
    (Fate::Survived, "survived"),
    (Fate::Unviable, "unviable"),
];

/// What is known of each mutant, by its name; in a file, so that a run that was stopped goes on.
pub(crate) struct Records {
    path: PathBuf,
    fates: BTreeMap<String, Fate>,
}

impl Records {
    /// Those in a file; none if there is no file.
    pub(crate) fn read(path: PathBuf) -> Result<Self> {
        let mut fates = BTreeMap::new();
        if path.exists() {
            let odd = || format!("{} is no list of mutants", path.display());
            let value: Value = serde_json::from_slice(&std::fs::read(&path)?).with_context(odd)?;
            for (name, told) in value.as_object().with_context(odd)? {
                let fate = NAMES.iter().find(|(_, text)| told.as_str() == Some(text));
                fates.insert(name.clone(), fate.with_context(odd)?.0);
            }
        }
        Ok(Self { path, fates })
    }

    /// Forgets all.
    pub(crate) fn forget(&mut self) {
        self.fates.clear();
    }

    pub(crate) fn of(&self, name: &str) -> Option<Fate> {
        self.fates.get(name).copied()
    }

    /// Keeps what became of a mutant, in the file too.
    pub(crate) fn keep(&mut self, name: &str, fate: Fate) -> Result<()> {
        self.fates.insert(name.to_owned(), fate);
        let text = |fate: Fate| NAMES.iter().find(|(named, _)| *named == fate).map_or("", |(_, text)| *text);
        let value: BTreeMap<&str, &str> =
            self.fates.iter().map(|(name, fate)| (name.as_str(), text(*fate))).collect();
        write_whole(&self.path, &serde_json::to_string_pretty(&value)?)
    }
}

/// Writes a file that is whole whenever the run is stopped.
pub(crate) fn write_whole(path: &Path, text: &str) -> Result<()> {
    let part = path.with_extension("part");
    std::fs::write(&part, text).with_context(|| part.display().to_string())?;
    std::fs::rename(&part, path).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_there_in_the_next_run() {
        let folder = std::env::temp_dir().join(format!("diskwright-mutants-record-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("results.json");
        let mut records = Records::read(path.clone()).unwrap();
        assert_eq!(records.of("a"), None);
        for (name, (fate, _)) in ["a", "b", "c", "d"].into_iter().zip(NAMES) {
            records.keep(name, fate).unwrap();
        }
        let again = Records::read(path.clone()).unwrap();
        assert_eq!(again.of("b"), Some(Fate::TimedOut));
        assert_eq!(again.fates, records.fates);
        std::fs::write(&path, r#"{"a": "eaten"}"#).unwrap();
        assert!(Records::read(path).is_err());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
