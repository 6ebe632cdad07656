use std::time::Duration;

use anyhow::{Context, Result, bail};

/// What `cargo xtask fuzz` is told.
#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    /// All, if none is named.
    pub(crate) targets: Vec<String>,
    /// Processor time of each target, that of earlier runs included.
    pub(crate) minutes: Duration,
    /// Whether earlier runs count for nothing.
    pub(crate) fresh: bool,
    /// Whether the committed corpus is made anew.
    pub(crate) minimise: bool,
}

impl Options {
    /// Reads names of targets, `--minutes N`, `--fresh` and `--minimise`.
    pub(crate) fn parse(words: &[&str]) -> Result<Self> {
        let minutes = |number: u64| Duration::from_secs(number * 60);
        let mut options = Self { targets: Vec::new(), minutes: minutes(20), fresh: false, minimise: false };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--minutes" => {
                    let number = words.next().and_then(|number| number.parse::<u32>().ok());
                    options.minutes = minutes(number.context("--minutes takes a whole number")?.into());
                }
                "--fresh" => options.fresh = true,
                "--minimise" => options.minimise = true,
                option if option.starts_with('-') => bail!("there is no option {option}"),
                name => options.targets.push(name.to_owned()),
            }
        }
        Ok(options)
    }

    pub(crate) fn wants(&self, name: &str) -> bool {
        self.targets.is_empty() || self.targets.iter().any(|target| target == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_and_options_come_in_any_order() {
        let options = Options::parse(&["tar", "--minutes", "3", "ext", "--minimise"]).unwrap();
        assert_eq!(options.targets, ["tar", "ext"]);
        assert_eq!((options.minutes.as_secs(), options.fresh, options.minimise), (180, false, true));
        assert!(options.wants("ext") && !options.wants("fat"));
        let all = Options::parse(&["--fresh"]).unwrap();
        assert!(all.wants("fat") && all.fresh && all.minutes.as_secs() == 1200);
    }

    #[test]
    fn what_is_no_option_is_refused() {
        for words in [&["--minutes"][..], &["--minutes", "x"], &["--hours", "1"]] {
            assert!(Options::parse(words).is_err(), "{words:?}");
        }
    }
}
