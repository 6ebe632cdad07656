//! Archives as GNU tar, Python's tarfile and libarchive list them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use diskwright_oracle::skip;

/// An archive that was accepted, and its listing.
pub struct Accepted {
    pub name: String,
    pub path: PathBuf,
    pub lines: Vec<String>,
}

/// An archive that another reader lists otherwise.
pub struct Difference {
    pub name: String,
    pub path: PathBuf,
    pub text: String,
}

/// Every archive that one of the readers lists otherwise than we do.
pub fn differences(python: &Path, accepted: &[Accepted]) -> Vec<Difference> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tar_oracles.py");
    let mut oracles =
        Command::new(python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let paths: String = accepted.iter().map(|one| format!("{}\n", one.path.display())).collect();
    let mut input = oracles.stdin.take().unwrap();
    let feeder = std::thread::spawn(move || input.write_all(paths.as_bytes()));
    let output = oracles.wait_with_output().unwrap();
    feeder.join().unwrap().unwrap();
    assert!(output.status.success());
    let answers: Vec<serde_json::Value> = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(answers.len(), accepted.len());
    accepted.iter().zip(&answers).filter_map(|(one, answer)| difference_of(one, answer)).collect()
}

fn difference_of(one: &Accepted, answer: &serde_json::Value) -> Option<Difference> {
    let ours = serde_json::json!(one.lines);
    let mut texts = Vec::new();
    for reader in ["gnu", "python", "libarchive"] {
        let theirs = &answer[reader];
        if theirs.is_null() {
            skip(&format!("{reader} is not installed"));
        } else if *theirs != ours {
            texts.push(format!("{}: {}", one.name, difference(reader, theirs, &one.lines)));
        }
    }
    let text = texts.join("\n");
    (!text.is_empty()).then(|| Difference { name: one.name.clone(), path: one.path.clone(), text })
}

/// The first entry that another reader sees differently.
fn difference(reader: &str, theirs: &serde_json::Value, ours: &[String]) -> String {
    let Some(theirs) = theirs.as_array() else { return format!("{reader}: {theirs}") };
    let theirs = theirs.iter().map(|line| line.as_str().map(str::to_owned));
    let pair = theirs
        .map(Some)
        .chain(std::iter::repeat(None))
        .zip(ours.iter().map(Some).chain(std::iter::repeat(None)))
        .find(|(theirs, ours)| theirs.clone().flatten().as_ref() != *ours);
    format!("{reader}: {pair:?}")
}
