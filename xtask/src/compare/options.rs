use anyhow::{Context, Result, bail};

/// What a comparison is told on the command line.
#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    /// `debian`, `small-files` or directories, in order; both trees if none is given.
    pub(crate) trees: Vec<String>,
    /// Rounds.
    pub(crate) runs: usize,
    /// The jobs that are run; all if none is given.
    only: Vec<String>,
}

impl Options {
    /// Reads `--tree TREE`, `--runs N` and `--only JOB`; the first and the last may be repeated.
    pub(crate) fn parse(words: &[&str], runs: usize) -> Result<Self> {
        let mut options = Self { trees: Vec::new(), runs, only: Vec::new() };
        for option in words.chunks(2) {
            match option {
                ["--tree", tree] => options.trees.push((*tree).to_owned()),
                ["--runs", number] => {
                    let runs = number.parse().ok().filter(|runs| *runs > 0);
                    options.runs = runs.context("--runs takes a number above zero")?;
                }
                ["--only", job] => options.only.push((*job).to_owned()),
                other => bail!("there is no option {}", other.join(" ")),
            }
        }
        Ok(options)
    }

    /// Whether the job `key` is to be run.
    pub(crate) fn wants(&self, key: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == key)
    }

    /// Refuses jobs that `known` does not have.
    pub(crate) fn check(&self, known: &[&str]) -> Result<()> {
        match self.only.iter().find(|only| !known.contains(&only.as_str())) {
            Some(unknown) => bail!("there is no job {unknown}, but {}", known.join(", ")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_come_in_any_order_and_repeat() {
        let words = ["--only", "vdi", "--runs", "2", "--tree", "debian", "--only", "raw"];
        let options = Options::parse(&words, 5).unwrap();
        assert_eq!((options.runs, options.trees.as_slice()), (2, ["debian".to_owned()].as_slice()));
        assert!(options.wants("raw") && options.wants("vdi") && !options.wants("tar"));
        let defaults = Options::parse(&[], 5).unwrap();
        assert!(defaults.wants("tar") && defaults.runs == 5);
    }

    #[test]
    fn what_is_not_known_is_refused_by_name() {
        for words in [&["--runs", "0"][..], &["--runs", "x"], &["--tree"], &["--fast", "1"]] {
            assert!(Options::parse(words, 5).is_err(), "{words:?}");
        }
        let options = Options::parse(&["--only", "vdj"], 5).unwrap();
        let refused = options.check(&["raw", "vdi"]).unwrap_err().to_string();
        assert_eq!(refused, "there is no job vdj, but raw, vdi");
    }
}
