//! The form of a case, and the test of a list of them.

use std::sync::Arc;

use diskwright_core::scan::ScanSource;
use diskwright_core::tree::{FileTree, Finding, Findings, Severity, Strictness, TreeBuilder, Whiteouts};
use diskwright_core::{ErrorKind, Result};

use crate::disk::check_disk;
use crate::tar_support::Archive;

/// What becomes of a case.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expect {
    /// K: kept exactly, in both modes.
    Kept,
    /// K in the tree, but no ext4 volume holds it: the layout is refused, with this in the message.
    KeptButNotLaidOut(&'static str),
    /// F: refused in both modes, with this in the message.
    Refused(&'static str),
    /// W: kept or dropped with a warning of this code; refused if strict.
    Warned(&'static str),
    /// N: normalised with a finding of this code; refused if strict.
    Normalised(&'static str),
}

pub(crate) struct Case {
    number: &'static str,
    source: Arc<dyn ScanSource>,
    expect: Expect,
    check: fn(&FileTree),
}

pub(crate) fn case(number: &'static str, source: impl ScanSource + 'static, expect: Expect) -> Case {
    Case { number, source: Arc::new(source), expect, check: |_| () }
}

pub(crate) fn checked(
    number: &'static str,
    source: impl ScanSource + 'static,
    expect: Expect,
    check: fn(&FileTree),
) -> Case {
    Case { check, ..case(number, source, expect) }
}

pub(crate) fn tar(number: &'static str, archive: Archive, expect: Expect) -> Case {
    let (source, place) = archive.source();
    // The archive is held open; its name is not needed.
    drop(place);
    case(number, source, expect)
}

pub(crate) fn build(
    source: &Arc<dyn ScanSource>,
    strictness: Strictness,
) -> Result<(FileTree, Vec<Finding>)> {
    let mut builder = TreeBuilder::new(Findings::new(strictness));
    builder.add_source(Arc::clone(source), Whiteouts::Plain)?;
    builder.finish()
}

/// Runs all cases in both modes, lays out a disk of each tree that is built, and tells all that went otherwise.
pub(crate) fn run(cases: Vec<Case>) {
    let mut wrong = Vec::new();
    for case in &cases {
        let lenient = build(&case.source, Strictness::Lenient);
        let strict = build(&case.source, Strictness::Strict);
        if !is_as_expected(case.expect, &lenient, &strict) {
            wrong.push(format!(
                "case {}: expected {:?}\n  lenient: {}\n  strict: {}",
                case.number,
                case.expect,
                shown(&lenient),
                shown(&strict)
            ));
        }
        if let Ok((tree, _)) = &lenient {
            (case.check)(tree);
        }
        let mut laid_out = |mode, tree: &Result<(FileTree, Vec<Finding>)>| {
            if let Err(problem) = judge(case, mode, tree.is_ok()) {
                wrong.push(format!("case {}, {mode:?}: {problem}", case.number));
            }
        };
        laid_out(Strictness::Lenient, &lenient);
        // What is kept in both modes is one tree and one disk.
        if strict.is_err() {
            laid_out(Strictness::Strict, &strict);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn is_as_expected(
    expect: Expect,
    lenient: &Result<(FileTree, Vec<Finding>)>,
    strict: &Result<(FileTree, Vec<Finding>)>,
) -> bool {
    let told = |code: &str, severity| match lenient {
        Ok((_, findings)) => findings.iter().any(|found| found.code == code && found.severity == severity),
        Err(_) => false,
    };
    let loud = |findings: &[Finding]| findings.iter().any(|finding| finding.severity > Severity::Note);
    match expect {
        Expect::Kept | Expect::KeptButNotLaidOut(_) => {
            [lenient, strict].iter().all(|result| result.as_ref().is_ok_and(|(_, findings)| !loud(findings)))
        }
        Expect::Refused(text) => [lenient, strict].iter().all(|result| {
            result
                .as_ref()
                .is_err_and(|error| error.kind() != ErrorKind::Internal && error.to_string().contains(text))
        }),
        Expect::Warned(code) => told(code, Severity::Warning) && strict.is_err(),
        Expect::Normalised(code) => told(code, Severity::Normalised) && strict.is_err(),
    }
}

/// The whole engine on a case: it refuses what the tree refuses, and the checkers find nothing on what it lays out.
fn judge(case: &Case, mode: Strictness, has_tree: bool) -> Result<(), String> {
    match (case.expect, check_disk(Arc::clone(&case.source), mode)?, has_tree) {
        (Expect::KeptButNotLaidOut(words), Err(error), true) => {
            let text = error.to_string();
            if text.contains(words) && error.kind() != ErrorKind::Internal {
                Ok(())
            } else {
                Err(format!("expected \"{words}\" in {error:?}"))
            }
        }
        (Expect::KeptButNotLaidOut(_), Ok(()), _) => Err("a disk was laid out".to_owned()),
        (_, Ok(()), true) => Ok(()),
        (_, Ok(()), false) => Err("a disk was laid out of what is no tree".to_owned()),
        (_, Err(error), true) => Err(format!("the tree is built, but no disk: {error:?}")),
        (_, Err(error), false) if error.kind() == ErrorKind::Internal => Err(format!("{error:?}")),
        (_, Err(_), false) => Ok(()),
    }
}

fn shown(result: &Result<(FileTree, Vec<Finding>)>) -> String {
    match result {
        Ok((tree, findings)) => format!("{tree:?} {findings:?}"),
        Err(error) => format!("{error:?}"),
    }
}

pub(crate) fn links(tree: &FileTree, path: &str) -> u32 {
    tree.inode(tree.inode_of(tree.lookup(path.as_bytes()).unwrap())).links
}

pub(crate) fn mode(tree: &FileTree, path: &str) -> u16 {
    tree.inode(tree.inode_of(tree.lookup(path.as_bytes()).unwrap())).mode
}

pub(crate) fn xattrs(tree: &FileTree, path: &str) -> Vec<String> {
    let inode = tree.inode(tree.inode_of(tree.lookup(path.as_bytes()).unwrap()));
    inode
        .xattrs
        .iter()
        .map(|(name, value)| format!("{}={}", name.escape_ascii(), value.escape_ascii()))
        .collect()
}
