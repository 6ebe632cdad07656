use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use super::list::Mutant;

/// What became of a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// A test failed.
    Killed,
    /// A test program did not come to its end within the time, twice.
    TimedOut,
    Survived,
    /// It does not compile.
    Unviable,
    /// It failed in a way that tells nothing of the tests.
    Unclear,
}

const NAMES: [(Fate, &str); 5] = [
    (Fate::Killed, "killed"),
    (Fate::TimedOut, "timed out"),
    (Fate::Survived, "survived"),
    (Fate::Unviable, "unviable"),
    (Fate::Unclear, "unclear"),
];

/// What is known of each mutant, by its key; in a file, so that a run that was stopped goes on.
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
            for (key, told) in value.as_object().with_context(odd)? {
                let fate = NAMES.iter().find(|(_, text)| told.as_str() == Some(text));
                fates.insert(key.clone(), fate.with_context(odd)?.0);
            }
        }
        Ok(Self { path, fates })
    }

    /// Forgets all.
    pub(crate) fn forget(&mut self) {
        self.fates.clear();
    }

    /// Forgets what is of no mutant that there is: functions have changed, or records were made otherwise.
    pub(crate) fn forget_but(&mut self, keys: &BTreeSet<&str>) {
        self.fates.retain(|key, _| keys.contains(key.as_str()));
    }

    pub(crate) fn of(&self, mutant: &Mutant) -> Option<Fate> {
        self.fates.get(&mutant.key).copied()
    }

    /// Whether the mutant is not tried again: a better test may kill another one, or the machine do better.
    pub(crate) fn is_settled(&self, mutant: &Mutant) -> bool {
        matches!(self.of(mutant), Some(Fate::Killed | Fate::TimedOut | Fate::Unviable))
    }

    /// Keeps what became of a mutant, in the file too.
    pub(crate) fn keep(&mut self, mutant: &Mutant, fate: Fate) -> Result<()> {
        self.fates.insert(mutant.key.clone(), fate);
        let text = |fate: Fate| NAMES.iter().find(|(named, _)| *named == fate).map_or("", |(_, text)| *text);
        let value: BTreeMap<&str, &str> =
            self.fates.iter().map(|(key, fate)| (key.as_str(), text(*fate))).collect();
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
pub(super) mod tests {
    use super::super::list::tests::mutant;
    use super::*;

    /// What is known of mutants of these names, in no file.
    pub(in super::super) fn records<Name: AsRef<str>>(fates: &[(Name, Fate)]) -> Records {
        let fates = fates.iter().map(|(name, fate)| (mutant(name.as_ref()).key, *fate));
        Records { path: PathBuf::new(), fates: fates.collect() }
    }

    #[test]
    fn what_was_found_is_there_in_the_next_run() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.json");
        let mut records = Records::read(path.clone()).unwrap();
        assert_eq!(records.of(&mutant("a")), None);
        for (name, (fate, _)) in ["a", "b", "c", "d", "e"].into_iter().zip(NAMES) {
            records.keep(&mutant(name), fate).unwrap();
        }
        let again = Records::read(path.clone()).unwrap();
        assert_eq!(again.of(&mutant("b")), Some(Fate::TimedOut));
        let settled = ["a", "b", "c", "d", "e", "f"].map(|name| again.is_settled(&mutant(name)));
        assert_eq!(settled, [true, true, false, true, false, false]);
        assert_eq!(again.fates, records.fates);
        std::fs::write(&path, r#"{"a": "eaten"}"#).unwrap();
        assert!(Records::read(path).is_err());
    }

    #[test]
    fn what_was_found_of_a_function_that_has_changed_counts_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.json");
        std::fs::write(&path, r#"{"a": "killed", "a #0": "survived", "b #0": "killed"}"#).unwrap();
        let mut records = Records::read(path).unwrap();
        let changed = Mutant { key: "b #1".to_owned(), ..mutant("b") };
        assert_eq!((records.of(&mutant("a")), records.of(&changed)), (Some(Fate::Survived), None));
        records.forget_but(&BTreeSet::from(["a #0", "b #1"]));
        assert_eq!(records.fates.keys().collect::<Vec<_>>(), ["a #0"]);
    }
}
