use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::list::Mutant;
use super::parts::{Tests, tests_of};
use super::weave::{self, Woven};
use crate::workspace::Workspace;

/// A copy of the workspace in which files are changed.
pub(crate) struct Tree<'a> {
    workspace: &'a Workspace,
    root: PathBuf,
    build: PathBuf,
    /// The files that are changed, by their path, as they were when the run began.
    originals: BTreeMap<String, String>,
}

/// The programs of a package's tests, by their names; the library's own has none.
pub(crate) type Programs = BTreeMap<Option<String>, PathBuf>;

impl<'a> Tree<'a> {
    /// Copies what differs, so that cargo builds no more than that, but for the files that are changed and the roots of
    /// their crates: those are written with their changes.
    pub(crate) fn copy(
        workspace: &'a Workspace,
        folder: &Path,
        files: impl Iterator<Item = &'a str>,
    ) -> Result<Self> {
        let root = folder.join("tree");
        let read = |file: String| {
            let text = std::fs::read_to_string(workspace.root.join(&file)).with_context(|| file.clone())?;
            Ok((file, text))
        };
        let originals: BTreeMap<String, String> =
            files.flat_map(|file| [file.to_owned(), crate_root(file)]).map(read).collect::<Result<_>>()?;
        let but = originals.keys().map(|file| workspace.root.join(file)).collect();
        copy_folder(&workspace.root, &root, &but, true)?;
        Ok(Self { workspace, root, build: folder.join("build"), originals })
    }

    /// Where a package's tests expect to be.
    pub(crate) fn package_root(&self, file: &str) -> PathBuf {
        self.root.join(package_of(file))
    }

    /// Puts those of the mutants into the tree that compile, and gives the numbers of the others, of which some are known.
    pub(crate) fn weave(
        &self,
        mutants: &[(u32, &Mutant)],
        mut unviable: BTreeSet<u32>,
    ) -> Result<BTreeSet<u32>> {
        let packages: BTreeSet<&str> = mutants.iter().map(|(_, mutant)| mutant.package.as_str()).collect();
        for _ in 0..ROUNDS {
            let woven = self.write(mutants, &unviable)?;
            let mut found = BTreeSet::new();
            for package in &packages {
                for (file, line, text) in self.errors(package)? {
                    let lines = woven.get(&file).map(|woven| woven.lines.as_slice()).unwrap_or_default();
                    let own = lines.iter().find(|(lines, _)| lines.contains(&line));
                    found.insert(own.with_context(|| format!("{file}:{line}: {text}"))?.1);
                }
            }
            if found.is_empty() {
                return Ok(unviable);
            }
            println!("{} mutants do not compile", found.len() + unviable.len());
            unviable.append(&mut found);
        }
        bail!("after {ROUNDS} rounds there still are mutants that do not compile")
    }

    /// Writes the files with all mutants but the unviable ones.
    fn write(&self, mutants: &[(u32, &Mutant)], but: &BTreeSet<u32>) -> Result<BTreeMap<String, Woven>> {
        let mut files = BTreeMap::<&str, Vec<(u32, &Mutant)>>::new();
        for (number, mutant) in mutants {
            let own = files.entry(&mutant.file).or_default();
            if !but.contains(number) {
                own.push((*number, mutant));
            }
        }
        let mut written = BTreeMap::new();
        for (file, own) in files {
            let woven = weave::weave(self.original(file)?, &own)?;
            write_if_other(&self.root.join(file), woven.text.as_bytes())?;
            let crate_root = crate_root(file);
            let text = format!("{}{}{}", weave::LINTS, self.original(&crate_root)?, weave::CHOICE);
            write_if_other(&self.root.join(crate_root), text.as_bytes())?;
            written.insert(file.to_owned(), woven);
        }
        Ok(written)
    }

    /// The text of a file without any change.
    pub(crate) fn original(&self, file: &str) -> Result<&str> {
        self.originals.get(file).map(String::as_str).with_context(|| format!("{file} was not copied"))
    }

    /// Puts one mutant into the tree that can be in no choice, for as long as `during` takes.
    pub(crate) fn alone<T>(&self, mutant: &Mutant, during: impl FnOnce() -> Result<T>) -> Result<T> {
        let path = self.root.join(&mutant.file);
        let before = std::fs::read(&path)?;
        std::fs::write(&path, weave::changed(self.original(&mutant.file)?, mutant)?)?;
        let result = during();
        std::fs::write(&path, before)?;
        result
    }

    /// File, line and text of each error of a package's library.
    fn errors(&self, package: &str) -> Result<Vec<(String, usize, String)>> {
        let mut check = self.cargo(&["check", "--lib", "--package", package]);
        let (is_good, messages) = self.messages(&mut check)?;
        let errors: Vec<_> = messages.iter().filter_map(error_of).collect();
        ensure!(is_good || !errors.is_empty(), "{check:?} fails and does not say where");
        Ok(errors)
    }

    /// Builds the programs of a package's tests; `None` when it does not compile.
    pub(crate) fn programs(&self, package: &str) -> Result<Option<Programs>> {
        let mut build = self.cargo(&["test", "--no-run", "--lib", "--package", package]);
        let wanted: BTreeSet<&str> =
            tests_of(package).iter().filter_map(|tests: &Tests| tests.program).collect();
        for name in wanted {
            build.args(["--test", name]);
        }
        let (is_good, messages) = self.messages(&mut build)?;
        Ok(is_good.then(|| messages.iter().filter_map(program_of).collect()))
    }

    fn cargo(&self, arguments: &[&str]) -> Command {
        let mut cargo = self.workspace.cargo(arguments);
        cargo.args(["--locked", "--message-format=json"]);
        cargo
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", &self.build)
            .env("CARGO_PROFILE_DEV_DEBUG", "0");
        // Most mutants die of the first tests: what a build takes matters more than what they take.
        cargo.env("CARGO_PROFILE_DEV_OPT_LEVEL", "0");
        cargo
    }

    /// What cargo says, and whether it succeeds.
    fn messages(&self, cargo: &mut Command) -> Result<(bool, Vec<Value>)> {
        cargo.stdin(Stdio::null()).stderr(Stdio::null());
        let output = cargo.output().with_context(|| format!("{cargo:?}"))?;
        let text = String::from_utf8(output.stdout)?;
        let messages = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        Ok((output.status.success(), messages))
    }
}

/// File, line and text of an error among cargo's messages.
fn error_of(message: &Value) -> Option<(String, usize, String)> {
    let message = message.get("message").filter(|message| message.get("level") == Some(&"error".into()))?;
    let spans = message.get("spans")?.as_array()?;
    let primary = spans.iter().find(|span| span.get("is_primary") == Some(&true.into()))?;
    let line = usize::try_from(primary.get("line_start")?.as_u64()?).ok()?;
    Some((primary.get("file_name")?.as_str()?.to_owned(), line, message.get("message")?.as_str()?.to_owned()))
}

/// Name and path of a test program among cargo's messages.
fn program_of(message: &Value) -> Option<(Option<String>, PathBuf)> {
    let path = message.get("executable")?.as_str()?;
    let target = message.get("target")?;
    let is_test = target.get("kind")?.as_array()?.contains(&"test".into());
    let name = is_test.then(|| target.get("name").and_then(Value::as_str).map(str::to_owned)).flatten();
    Some((name, PathBuf::from(path)))
}

/// The folder of the package that a file is of.
fn package_of(file: &str) -> &str {
    file.split_once("/src/").map_or(file, |(package, _)| package)
}

/// The root of the crate that a file is of.
fn crate_root(file: &str) -> String {
    format!("{}/src/lib.rs", package_of(file))
}

/// Copies what differs and removes what is not there any more; `but` are left alone.
fn copy_folder(from: &Path, to: &Path, but: &BTreeSet<PathBuf>, is_root: bool) -> Result<()> {
    std::fs::create_dir_all(to).with_context(|| to.display().to_string())?;
    let mut names = BTreeSet::new();
    for entry in from.read_dir().with_context(|| from.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name();
        let kind = entry.file_type()?;
        if is_root && NOT_COPIED.iter().any(|left_out| name == *left_out) {
            continue;
        }
        let (from, to) = (entry.path(), to.join(&name));
        if kind.is_dir() {
            copy_folder(&from, &to, but, false)?;
        } else if kind.is_file() && !but.contains(&from) {
            write_if_other(&to, &std::fs::read(&from).with_context(|| from.display().to_string())?)?;
            std::fs::set_permissions(&to, from.metadata()?.permissions())?;
        }
        names.insert(name);
    }
    for entry in to.read_dir()? {
        let entry = entry?;
        if !names.contains(&entry.file_name()) {
            let path = entry.path();
            if path.is_dir() { std::fs::remove_dir_all(&path)? } else { std::fs::remove_file(&path)? }
        }
    }
    Ok(())
}

fn write_if_other(path: &Path, bytes: &[u8]) -> Result<()> {
    if std::fs::read(path).is_ok_and(|standing| standing == bytes) {
        return Ok(());
    }
    std::fs::write(path, bytes).with_context(|| path.display().to_string())
}

const NOT_COPIED: [&str; 3] = [".git", "target", "out"];
/// Errors of one phase of the compiler hide those of the next.
const ROUNDS: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_takes_what_differs_and_leaves_the_rest() {
        let folder = std::env::temp_dir().join(format!("diskwright-mutants-tree-{}", std::process::id()));
        let (from, to) = (folder.join("from"), folder.join("to"));
        for path in ["from/a", "from/target", "to/old"] {
            std::fs::create_dir_all(folder.join(path)).unwrap();
        }
        for (path, text) in
            [("from/a/same", "1"), ("from/other", "2"), ("from/target/x", "3"), ("to/old/x", "4")]
        {
            std::fs::write(folder.join(path), text).unwrap();
        }
        let none = BTreeSet::new();
        copy_folder(&from, &to, &none, true).unwrap();
        assert!(!to.join("target").exists() && !to.join("old").exists());
        let changed = |name: &str| to.join(name).metadata().unwrap().modified().unwrap();
        let before = changed("a/same");
        std::fs::write(to.join("other"), "woven").unwrap();
        copy_folder(&from, &to, &BTreeSet::from([from.join("other")]), true).unwrap();
        assert_eq!(std::fs::read(to.join("other")).unwrap(), b"woven");
        copy_folder(&from, &to, &none, true).unwrap();
        assert_eq!((changed("a/same"), std::fs::read(to.join("other")).unwrap()), (before, b"2".to_vec()));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn errors_and_programs_are_found_among_the_messages() {
        let error = r#"{"reason":"compiler-message","message":{"level":"error","message":"no","spans":[
            {"is_primary":false,"line_start":1,"file_name":"b.rs"},{"is_primary":true,"line_start":7,"file_name":"a.rs"}]}}"#;
        let error: Value = serde_json::from_str(error).unwrap();
        assert_eq!(error_of(&error), Some(("a.rs".to_owned(), 7, "no".to_owned())));
        let program = |kind: &str| -> Value {
            serde_json::from_str(&format!(
                r#"{{"executable":"/x","target":{{"kind":["{kind}"],"name":"n"}}}}"#
            ))
            .unwrap()
        };
        assert_eq!(program_of(&program("test")), Some((Some("n".to_owned()), "/x".into())));
        assert_eq!(program_of(&program("lib")), Some((None, "/x".into())));
        assert_eq!(program_of(&error), None);
    }
}
