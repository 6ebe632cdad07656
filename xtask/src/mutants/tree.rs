use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::list::{Mutant, Span};
use super::parts::{Tests, tests_of};
use super::weave::{self, Woven};
use crate::workspace::Workspace;

/// A copy of the workspace in which files are changed.
pub(crate) struct Tree<'a> {
    workspace: &'a Workspace,
    root: PathBuf,
    build: PathBuf,
    programs: PathBuf,
    /// The files that are changed, by their path, as they were when the run began.
    originals: BTreeMap<String, String>,
    /// The roots of their crates, likewise.
    crate_roots: BTreeMap<String, String>,
}

/// The programs of a package's tests, by their names; the library's own has none.
pub(crate) type Programs = BTreeMap<Option<String>, PathBuf>;

/// What a build came to.
pub(crate) enum Built {
    Programs(Programs),
    /// The compiler said where it is at fault, or something else went wrong.
    Nothing {
        errors: Vec<CompileError>,
        told: String,
    },
}

/// An error of the compiler, at a place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CompileError {
    file: String,
    line: usize,
    text: String,
}

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
        let files: BTreeSet<&str> = files.collect();
        let crate_roots: BTreeMap<String, String> =
            files.iter().map(|file| read(crate_root(file))).collect::<Result<_>>()?;
        let originals: BTreeMap<String, String> =
            files.into_iter().map(|file| read(file.to_owned())).collect::<Result<_>>()?;
        let both = crate_roots.keys().find(|file| originals.contains_key(*file));
        ensure!(both.is_none(), "a crate's root has no mutants here: {both:?}");
        let mut but = left_out(workspace);
        but.extend(originals.keys().chain(crate_roots.keys()).map(|file| workspace.root.join(file)));
        copy_folder(&workspace.root, &root, &but)?;
        Ok(Self {
            workspace,
            root,
            build: folder.join("build"),
            programs: folder.join("programs"),
            originals,
            crate_roots,
        })
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
            for CompileError { file, line, text } in self.errors(&packages)? {
                let lines = woven.get(&file).map(|woven| woven.lines.as_slice()).unwrap_or_default();
                let own = lines.iter().find(|(lines, _)| lines.contains(&line));
                found.insert(own.with_context(|| format!("{file}:{line}: {text}"))?.1);
            }
            if found.is_empty() {
                return Ok(unviable);
            }
            println!("{} mutants do not compile", found.len() + unviable.len());
            unviable.append(&mut found);
        }
        bail!("after {ROUNDS} rounds there still are mutants that do not compile")
    }

    /// Writes the files with all mutants but the unviable ones; those of which no mutant can be in a choice, too.
    fn write(&self, mutants: &[(u32, &Mutant)], but: &BTreeSet<u32>) -> Result<BTreeMap<String, Woven>> {
        let mut files: BTreeMap<&str, Vec<(u32, &Mutant)>> =
            self.originals.keys().map(|file| (file.as_str(), Vec::new())).collect();
        for (number, mutant) in mutants.iter().filter(|(number, _)| !but.contains(number)) {
            files.entry(&mutant.file).or_default().push((*number, mutant));
        }
        let mut written = BTreeMap::new();
        for (file, own) in files {
            let woven = weave::weave(self.original(file)?, &own)?;
            write_if_other(&self.root.join(file), woven.text.as_bytes())?;
            written.insert(file.to_owned(), woven);
        }
        for (file, text) in &self.crate_roots {
            let text = format!("{}{text}{}", weave::LINTS, weave::CHOICE);
            write_if_other(&self.root.join(file), text.as_bytes())?;
        }
        Ok(written)
    }

    /// The text of a file without any change.
    pub(crate) fn original(&self, file: &str) -> Result<&str> {
        self.originals.get(file).map(String::as_str).with_context(|| format!("{file} was not copied"))
    }

    /// Puts one mutant into the tree that can be in no choice; what is given back takes it out again.
    pub(crate) fn stand_alone(&self, mutant: &Mutant) -> Result<Standing> {
        let path = self.root.join(&mutant.file);
        let before = std::fs::read(&path).with_context(|| path.display().to_string())?;
        std::fs::write(&path, weave::changed(self.original(&mutant.file)?, mutant)?)?;
        Ok(Standing { path, before })
    }

    /// The errors of the packages' libraries; of one that depends on another with errors, none.
    fn errors(&self, packages: &BTreeSet<&str>) -> Result<Vec<CompileError>> {
        let mut check = self.cargo(&["check", "--lib", "--keep-going"]);
        check.args(packages.iter().flat_map(|package| ["--package", package]));
        let (messages, told) = messages(&mut check)?;
        let errors: Vec<_> = messages.iter().filter_map(error_of).collect();
        if let Some(told) = told.filter(|_| errors.is_empty()) {
            bail!("{check:?} fails and does not say where: {told}");
        }
        Ok(errors)
    }

    /// Builds the programs of a package's tests with all mutants to choose from, and keeps them from later builds.
    pub(crate) fn kept_programs(&self, package: &str) -> Result<Programs> {
        let programs = match self.programs(package)? {
            Built::Programs(programs) => programs,
            Built::Nothing { told, .. } => bail!("the tests of {package} do not compile: {told}"),
        };
        let folder = self.programs.join(package);
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let keep = |(name, path): (Option<String>, PathBuf)| {
            let kept = folder.join(name.as_deref().unwrap_or("library"));
            std::fs::copy(&path, &kept).with_context(|| path.display().to_string())?;
            Ok((name, kept))
        };
        programs.into_iter().map(keep).collect()
    }

    /// Builds the programs of a package's tests.
    pub(crate) fn programs(&self, package: &str) -> Result<Built> {
        let mut build = self.cargo(&["test", "--no-run", "--lib", "--package", package]);
        let wanted: BTreeSet<&str> =
            tests_of(package).iter().filter_map(|tests: &Tests| tests.program).collect();
        for name in wanted {
            build.args(["--test", name]);
        }
        let (messages, told) = messages(&mut build)?;
        Ok(match told {
            None => Built::Programs(messages.iter().filter_map(program_of).collect()),
            Some(told) => Built::Nothing { errors: messages.iter().filter_map(error_of).collect(), told },
        })
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
}

/// A file that is changed for a while.
#[must_use]
pub(crate) struct Standing {
    path: PathBuf,
    before: Vec<u8>,
}

impl Standing {
    pub(crate) fn end(self) -> Result<()> {
        std::fs::write(&self.path, self.before).with_context(|| self.path.display().to_string())
    }
}

impl CompileError {
    /// Whether it is in what the mutant's change makes of its function, alone in its file; or in what is replaced, if that
    /// is in no function.
    pub(crate) fn is_of(&self, mutant: &Mutant) -> bool {
        let Span { start, end } = mutant.span;
        let last = mutant.whole.end.0 + mutant.replacement.matches('\n').count() + start.0 - end.0;
        self.file == mutant.file && (mutant.whole.start.0..=last).contains(&self.line)
    }
}

/// What cargo says; and, if it fails, the last of what it says to people.
fn messages(cargo: &mut Command) -> Result<(Vec<Value>, Option<String>)> {
    let output = cargo.stdin(Stdio::null()).output().with_context(|| format!("{cargo:?}"))?;
    let text = String::from_utf8(output.stdout)?;
    let messages = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let lines = String::from_utf8_lossy(&output.stderr).lines().map(str::to_owned).collect::<Vec<_>>();
    let last = lines.get(lines.len().saturating_sub(TOLD)..).unwrap_or_default().join("\n");
    Ok((messages, (!output.status.success()).then(|| format!("{}\n{last}", output.status))))
}

/// An error of the compiler among cargo's messages; one that is in no file, such as the linker's, is none.
fn error_of(message: &Value) -> Option<CompileError> {
    let message = message.get("message").filter(|message| message.get("level") == Some(&"error".into()))?;
    let spans = message.get("spans")?.as_array()?;
    let primary = spans.iter().find(|span| span.get("is_primary") == Some(&true.into()))?;
    let line = usize::try_from(primary.get("line_start")?.as_u64()?).ok()?;
    let text = |value: &Value, field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned);
    Some(CompileError { file: text(primary, "file_name")?, line, text: text(message, "message")? })
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

/// What is no part of the sources: what was built, wherever that is.
fn left_out(workspace: &Workspace) -> BTreeSet<PathBuf> {
    let names = [".git", "target", "out"].map(|name| workspace.root.join(name));
    names.into_iter().chain([workspace.target.clone()]).collect()
}

/// Copies what differs and removes what is not there any more; `but` are left alone.
fn copy_folder(from: &Path, to: &Path, but: &BTreeSet<PathBuf>) -> Result<()> {
    std::fs::create_dir_all(to).with_context(|| to.display().to_string())?;
    let mut names = BTreeSet::new();
    for entry in from.read_dir().with_context(|| from.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name();
        let kind = entry.file_type()?;
        let (from, to) = (entry.path(), to.join(&name));
        names.insert(name);
        if but.contains(&from) {
            continue;
        }
        if kind.is_dir() {
            copy_folder(&from, &to, but)?;
        } else if kind.is_file() {
            write_if_other(&to, &std::fs::read(&from).with_context(|| from.display().to_string())?)?;
            std::fs::set_permissions(&to, from.metadata()?.permissions())?;
        }
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

/// Lines of what cargo says when it fails.
const TOLD: usize = 12;
/// Errors of one phase of the compiler hide those of the next.
const ROUNDS: usize = 12;

#[cfg(test)]
mod tests {
    use super::super::list::tests::mutant;
    use super::*;

    #[test]
    fn an_error_is_of_a_mutant_only_where_its_change_is() {
        let whole = Span { start: (5, 1), end: (9, 2) };
        let one_line = Mutant {
            whole,
            span: Span { start: (6, 5), end: (8, 6) },
            replacement: "x".to_owned(),
            ..mutant("m")
        };
        let of = |mutant: &Mutant| -> Vec<usize> {
            let error = |line: usize| CompileError { file: mutant.file.clone(), line, text: String::new() };
            (1..20).filter(|line| error(*line).is_of(mutant)).collect()
        };
        assert_eq!(of(&one_line), [5, 6, 7]);
        assert_eq!(of(&Mutant { replacement: "x\ny\nz".to_owned(), ..one_line.clone() }), [5, 6, 7, 8, 9]);
        let elsewhere = CompileError { file: "core/src/b.rs".to_owned(), line: 6, text: String::new() };
        assert!(!elsewhere.is_of(&one_line));
    }

    #[test]
    fn a_command_that_fails_is_told_with_its_last_words() {
        let of = |script: &str| messages(Command::new("sh").args(["-c", script])).unwrap();
        let (said, told) = of("echo '{\"a\":1}'; echo none; echo 'no space left' >&2; exit 3");
        assert_eq!(said.len(), 1);
        assert!(told.is_some_and(|told| told.contains("3") && told.ends_with("no space left")));
        assert_eq!(of("echo quiet >&2").1, None);
    }

    #[test]
    fn a_copy_takes_what_differs_and_leaves_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let (from, to) = (folder.join("from"), folder.join("to"));
        for path in ["from/a", "from/target", "from/built", "to/old"] {
            std::fs::create_dir_all(folder.join(path)).unwrap();
        }
        for (path, text) in
            [("from/a/same", "1"), ("from/other", "2"), ("from/built/x", "3"), ("to/old/x", "4")]
        {
            std::fs::write(folder.join(path), text).unwrap();
        }
        let workspace = Workspace { root: from.clone(), target: from.join("built"), metadata: Value::Null };
        let but = left_out(&workspace);
        copy_folder(&from, &to, &but).unwrap();
        for name in ["target", "built", "old"] {
            assert!(!to.join(name).exists(), "{name}");
        }
        let changed = |name: &str| to.join(name).metadata().unwrap().modified().unwrap();
        let before = changed("a/same");
        std::fs::write(to.join("other"), "woven").unwrap();
        let and_other = but.iter().cloned().chain([from.join("other")]).collect();
        copy_folder(&from, &to, &and_other).unwrap();
        assert_eq!(std::fs::read(to.join("other")).unwrap(), b"woven");
        copy_folder(&from, &to, &but).unwrap();
        assert_eq!((changed("a/same"), std::fs::read(to.join("other")).unwrap()), (before, b"2".to_vec()));
    }

    #[test]
    fn errors_and_programs_are_found_among_the_messages() {
        let error = r#"{"reason":"compiler-message","message":{"level":"error","message":"no","spans":[
            {"is_primary":false,"line_start":1,"file_name":"b.rs"},{"is_primary":true,"line_start":7,"file_name":"a.rs"}]}}"#;
        let error: Value = serde_json::from_str(error).unwrap();
        let expected = CompileError { file: "a.rs".to_owned(), line: 7, text: "no".to_owned() };
        assert_eq!(error_of(&error), Some(expected));
        let linker = r#"{"message":{"level":"error","message":"linking with `cc` failed","spans":[]}}"#;
        assert_eq!(error_of(&serde_json::from_str(linker).unwrap()), None);
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
