//! The changes that cargo-mutants would make.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::weave;
use crate::workspace::Workspace;
use crate::{command, oracles};

/// One change to one function.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mutant {
    /// What cargo-mutants calls it, without line and column; of several that are called the same, all but the first
    /// have a number.
    pub(crate) name: String,
    /// The name, and a digest of the function before and after the change: what is known of it is of this change alone.
    pub(crate) key: String,
    pub(crate) package: String,
    /// Below the workspace's root.
    pub(crate) file: String,
    /// With its type: `Checksum::of`. Empty for what is in no function, such as a constant.
    pub(crate) function: String,
    /// The whole function, from its signature to its last brace; what is replaced, if it is in no function.
    pub(crate) whole: Span,
    /// What is replaced.
    pub(crate) span: Span,
    pub(crate) replacement: String,
}

/// From one place up to another, not included: lines and columns as cargo-mutants counts them, characters from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    pub(crate) start: (usize, usize),
    pub(crate) end: (usize, usize),
}

/// Every mutant of the files, in their order there.
pub(crate) fn of_files(workspace: &Workspace, files: &[&str]) -> Result<Vec<Mutant>> {
    let mut list = std::process::Command::new(oracles::mutants(workspace)?);
    list.args(["mutants", "--list", "--json", "--workspace"]).current_dir(&workspace.root);
    for file in files {
        anyhow::ensure!(workspace.root.join(file).is_file(), "there is no {file}");
        list.args(["--file", file]);
    }
    let mut mutants = parse(&command::output(&mut list)?)?;
    let mut texts = BTreeMap::new();
    for file in files {
        texts.insert(
            *file,
            std::fs::read_to_string(workspace.root.join(file)).with_context(|| (*file).to_owned())?,
        );
    }
    for mutant in &mut mutants {
        let text =
            texts.get(mutant.file.as_str()).with_context(|| format!("{} was not asked for", mutant.file))?;
        mutant.key = key(text, mutant)?;
    }
    Ok(mutants)
}

/// The mutant's name and the first half of the SHA-256 of its function, as it is and as it becomes; of its whole file, if it
/// is in no function. Like changes to one function differ in their place, and one name in the function's text.
fn key(text: &str, mutant: &Mutant) -> Result<String> {
    let changed = weave::changed(text, mutant)?;
    let whole = match mutant.function.is_empty() {
        true => 0..text.len(),
        false => weave::range_of(text, mutant.whole)?,
    };
    // What follows the function is as long as before the change.
    let after = whole.start..changed.len() - (text.len() - whole.end);
    let piece =
        |text: &str, range| text.get(range).map(str::to_owned).context("a change outside its function");
    let digest = Sha256::new()
        .chain_update(piece(text, whole)?)
        .chain_update([0])
        .chain_update(piece(&changed, after)?)
        .finalize();
    let half = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    Ok(format!("{} #{half}", mutant.name))
}

/// Reads what `cargo mutants --list --json` says; keys are not known yet.
fn parse(text: &str) -> Result<Vec<Mutant>> {
    let list: Value = serde_json::from_str(text).context("the list of cargo-mutants")?;
    let list = list.as_array().context("the list of cargo-mutants is none")?;
    let odd = |value: &Value| format!("an odd mutant: {value}");
    let mut mutants =
        list.iter().map(|value| of_value(value).with_context(|| odd(value))).collect::<Result<Vec<_>>>()?;
    let mut seen = BTreeMap::<String, usize>::new();
    for mutant in &mut mutants {
        let count = seen.entry(mutant.name.clone()).or_default();
        *count += 1;
        if *count > 1 {
            mutant.name = format!("{} ({count})", mutant.name);
        }
    }
    Ok(mutants)
}

fn of_value(value: &Value) -> Option<Mutant> {
    let text = |value: &Value, field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned);
    let function = value.get("function")?;
    let (function, whole) = match function.is_null() {
        true => (String::new(), value.get("span")?),
        false => (text(function, "function_name")?, function.get("span")?),
    };
    let file = text(value, "file")?;
    let told = text(value, "name")?;
    let change = told.strip_prefix(&format!("{file}:"))?.splitn(3, ':').nth(2)?.trim().to_owned();
    Some(Mutant {
        name: format!("{file}: {change}"),
        key: String::new(),
        package: text(value, "package")?,
        function,
        whole: span_of(whole)?,
        span: span_of(value.get("span")?)?,
        replacement: text(value, "replacement")?,
        file,
    })
}

fn span_of(value: &Value) -> Option<Span> {
    let number = |value: &Value| usize::try_from(value.as_u64()?).ok();
    let place = |field: &str| {
        let place = value.get(field)?;
        Some((number(place.get("line")?)?, number(place.get("column")?)?))
    };
    Some(Span { start: place("start")?, end: place("end")? })
}

impl Mutant {
    /// The path of its module within its crate, as tests are called: `filesystem::ext4::checksum`.
    pub(crate) fn module(&self) -> String {
        let below = self.file.split_once("src/").map_or(self.file.as_str(), |(_, below)| below);
        let path = Path::new(below).with_extension("");
        let names: Vec<String> = path.iter().map(|name| name.to_string_lossy().into_owned()).collect();
        let names = match names.split_last() {
            Some((last, above)) if last == "mod" || last == "lib" => above,
            _ => names.as_slice(),
        };
        names.join("::")
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A mutant of that name, of no file that there is.
    pub(in super::super) fn mutant(name: &str) -> Mutant {
        let span = Span { start: (1, 1), end: (1, 1) };
        Mutant {
            name: name.to_owned(),
            key: format!("{name} #0"),
            package: "p".to_owned(),
            file: "core/src/a.rs".to_owned(),
            function: "f".to_owned(),
            whole: span,
            span,
            replacement: String::new(),
        }
    }

    #[test]
    fn names_have_no_lines_and_come_once() {
        let one = |line: u32, name: &str| {
            let span =
                format!(r#"{{"start":{{"line":{line},"column":9}},"end":{{"line":{line},"column":10}}}}"#);
            format!(
                r#"{{"name":"core/src/a/mod.rs:{line}:9: {name}","file":"core/src/a/mod.rs","package":"core",
                   "function":{{"function_name":"A::f","span":{span}}},"span":{span},"replacement":"-"}}"#
            )
        };
        let text = format!(
            "[{},{},{}]",
            one(3, "replace + with - in A::f"),
            one(4, "x"),
            one(5, "replace + with - in A::f")
        );
        let mutants = parse(&text).unwrap();
        let names: Vec<&str> = mutants.iter().map(|mutant| mutant.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "core/src/a/mod.rs: replace + with - in A::f",
                "core/src/a/mod.rs: x",
                "core/src/a/mod.rs: replace + with - in A::f (2)",
            ]
        );
        assert_eq!(mutants[1].span, Span { start: (4, 9), end: (4, 10) });
        assert_eq!((mutants[0].module().as_str(), mutants[0].function.as_str()), ("a", "A::f"));
    }

    #[test]
    fn what_is_in_no_function_is_a_mutant_too() {
        let text = r#"[{"name":"a.rs:3:9: replace << with >>","file":"a.rs","package":"p","function":null,
            "span":{"start":{"line":3,"column":9},"end":{"line":3,"column":11}},"replacement":">>"}]"#;
        let mutants = parse(text).unwrap();
        assert_eq!((mutants[0].function.as_str(), mutants[0].whole), ("", mutants[0].span));
    }

    #[test]
    fn a_key_is_of_one_change_to_one_text() {
        let whole = Span { start: (2, 1), end: (2, 21) };
        let at = |column: usize, replacement: &str| Mutant {
            whole,
            span: Span { start: (2, column), end: (2, column + 1) },
            replacement: replacement.to_owned(),
            ..mutant("x")
        };
        let text = "// 1\nfn f() { 1 + 2 + 3 }\n// 2\n";
        let of = |text: &str, mutant: &Mutant| key(text, mutant).unwrap();
        let first = of(text, &at(12, "-"));
        assert!(first.starts_with("x #") && first.len() == 3 + 32, "{first}");
        assert_eq!(of(&text.replace("// ", "//  "), &at(12, "-")), first);
        let others =
            [of(text, &at(16, "-")), of(text, &at(12, "*")), of(&text.replace('3', "4"), &at(12, "-"))];
        assert!(!others.contains(&first), "{others:?}");
        let constant = Mutant { function: String::new(), ..at(12, "-") };
        assert_ne!(of(text, &constant), of(&text.replace("// 2", "// 3"), &constant));
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for text in ["", "{}", r#"[{"function":{}}]"#] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
