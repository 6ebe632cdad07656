use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// What the runs of a target came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Record {
    /// Processor time in the process, that of the kernel not counted.
    pub(crate) time: Duration,
    pub(crate) executions: u64,
    /// Edges of the instrumented program that were reached, by the corpus in the last run.
    pub(crate) edges: u64,
    /// Inputs of the grown corpus.
    pub(crate) corpus: u64,
    /// Inputs that fail the target.
    pub(crate) findings: u64,
}

pub(crate) const HEADER: &str = "\
| target | CPU minutes | executions | edges covered | corpus | findings |
|---|---:|---:|---:|---:|---:|";

impl Record {
    /// The record in a file; an empty one if there is none.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        if !path.exists() {
            return Ok(Self::default());
        }
        let text = std::fs::read(path).with_context(|| path.display().to_string())?;
        let value: Value = serde_json::from_slice(&text).with_context(|| path.display().to_string())?;
        let number = |field: &str| value.get(field).and_then(Value::as_u64).unwrap_or(0);
        Ok(Self {
            time: Duration::from_millis(number("milliseconds")),
            executions: number("executions"),
            edges: number("edges"),
            corpus: number("corpus"),
            findings: number("findings"),
        })
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let milliseconds = u64::try_from(self.time.as_millis()).unwrap_or(u64::MAX);
        let value = json!({
            "milliseconds": milliseconds,
            "executions": self.executions,
            "edges": self.edges,
            "corpus": self.corpus,
            "findings": self.findings,
        });
        std::fs::write(path, value.to_string()).with_context(|| path.display().to_string())
    }

    /// Its line of the table.
    pub(crate) fn row(&self, name: &str) -> String {
        let Self { time, executions, edges, corpus, findings } = self;
        let minutes = time.as_secs_f64() / 60.0;
        format!("| `{name}` | {minutes:.1} | {executions} | {edges} | {corpus} | {findings} |")
    }
}

/// What a status line of libFuzzer says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Status {
    pub(crate) executions: u64,
    pub(crate) edges: u64,
    pub(crate) corpus: u64,
}

impl Status {
    /// `#3341 DONE   cov: 9441 ft: 16050 corp: 525/14899b lim: 4096 exec/s: 257 rss: 44Mb`
    pub(crate) fn of_line(line: &str) -> Option<Self> {
        let (number, rest) = line.strip_prefix('#')?.split_once(char::is_whitespace)?;
        let after = |word: &str| {
            let text = rest.split_once(word)?.1.trim_start();
            let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
            text.get(..digits)?.parse().ok()
        };
        Some(Self { executions: number.parse().ok()?, edges: after("cov:")?, corpus: after("corp:")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_lines_are_read_and_others_are_not() {
        let line = "#3341\tDONE   cov: 9441 ft: 16050 corp: 525/14899b lim: 4096 exec/s: 257 rss: 44Mb";
        let status = Status { executions: 3341, edges: 9441, corpus: 525 };
        assert_eq!(Status::of_line(line), Some(status));
        assert_eq!(
            Status::of_line("#2\tINITED cov: 7 ft: 8 corp: 1/1b exec/s: 0 rss: 30Mb").unwrap().corpus,
            1
        );
        for line in ["INFO: seed corpus: files: 3", "#x", "stat::peak_rss_mb: 33", "#12 READ units: 3"] {
            assert_eq!(Status::of_line(line), None, "{line}");
        }
    }

    #[test]
    fn records_are_kept_and_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tar.json");
        let record =
            Record { time: Duration::from_secs(90), executions: 5, edges: 4, corpus: 3, findings: 0 };
        assert_eq!(Record::read(&path).unwrap(), Record::default());
        record.write(&path).unwrap();
        assert_eq!(Record::read(&path).unwrap(), record);
        assert_eq!(record.row("tar"), "| `tar` | 1.5 | 5 | 4 | 3 | 0 |");
    }
}
