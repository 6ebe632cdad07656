//! Hostile archives: each is refused with an error that says why, or read as GNU tar, Python's tarfile and libarchive read it.

mod bombs;
mod corpus;
mod cut;
mod fields;
mod kinds;
mod members;
mod published;
mod sparse;
#[path = "../tar_support/mod.rs"]
mod tar_support;

use std::collections::BTreeSet;
use std::sync::Arc;

use diskwright_core::tree::NodeId;
use diskwright_core::{Error, ErrorKind};
use diskwright_oracle::{figure, tool};

use crate::corpus::{Verdict, all};
use crate::tar_support::readers::{Accepted, differences};
use crate::tar_support::{source, tree};

#[test]
fn there_are_at_least_400_and_their_names_are_unique() {
    let all = all();
    let names: BTreeSet<&str> = all.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names.len(), all.len());
    assert!(all.len() >= 400, "{}", all.len());
    for group in
        ["size", "link", "name", "sparse", "cut", "number", "type", "twice", "xattr", "time", "published"]
    {
        let count = all.iter().filter(|one| one.name.starts_with(&format!("{group}/"))).count();
        assert!(count >= 20, "{group}: {count}");
    }
}

#[test]
fn each_is_refused_or_read_as_the_others_read_it() {
    let place = tempfile::tempdir().unwrap();
    let mut accepted = Vec::new();
    let mut wrong = Vec::new();
    let all = all();
    for (number, one) in all.iter().enumerate() {
        let path = place.path().join(format!("{number}.tar"));
        std::fs::write(&path, &one.archive.0).unwrap();
        let listing = tar_support::listing(&source(&path));
        let built = tree(Arc::new(source(&path)));
        for error in [listing.as_ref().err(), built.as_ref().err()].into_iter().flatten() {
            wrong.extend(misfit(error).map(|text| format!("{}: {text}", one.name)));
        }
        let is_read = listing.is_ok() && built.is_ok();
        if one.verdict == Verdict::Refused && is_read || one.verdict == Verdict::Read && !is_read {
            let found = match (&listing, &built) {
                (Err(error), _) | (_, Err(error)) => error.to_string(),
                (Ok(lines), Ok(_)) => format!("{lines:?}"),
            };
            wrong.push(format!("{}: expected {:?}: {found:.300}", one.name, one.verdict));
        }
        if let Ok(tree) = &built {
            wrong.extend(escape(tree).map(|path| format!("{}: {path} is in the tree", one.name)));
        }
        if let Ok(lines) = listing {
            accepted.push(Accepted { name: one.name.clone(), path, lines });
        }
    }
    let mut told = Vec::new();
    if let (Some(python), Some(_)) = (tool("python3"), tool("tar")) {
        told = differences(&python, &accepted);
    }
    figure(
        "Hostile archives",
        "each is refused with an error, or listed alike by GNU tar, libarchive, Python and us",
        format_args!(
            "{} refused, {} of {} read are read alike",
            all.len() - accepted.len(),
            accepted.len() - told.len(),
            accepted.len()
        ),
        "at least 400, none read otherwise",
        all.len() >= 400 && told.is_empty(),
    );
    wrong.extend(told.into_iter().map(|one| one.text));
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), all.len(), wrong.join("\n"));
}

/// What is wrong with an error itself.
fn misfit(error: &Error) -> Option<String> {
    let text = error.to_string();
    let is_known =
        matches!(error.kind(), ErrorKind::Source | ErrorKind::Unsupported | ErrorKind::LimitExceeded);
    match (is_known, text.len() > 16 << 10, text.chars().any(char::is_control)) {
        (false, ..) => Some(format!("the kind of {error:?}")),
        (_, true, _) => Some(format!("an error of {} bytes", text.len())),
        (.., true) => Some(format!("control characters in {text:?}")),
        _ => None,
    }
}

/// A name in a tree that means something else than itself.
fn escape(tree: &diskwright_core::tree::FileTree) -> Option<String> {
    let odd = |name: &[u8]| {
        name.is_empty() || name == b"." || name == b".." || name.contains(&b'/') || name.contains(&0)
    };
    let mut below = tree.subtree(NodeId::ROOT).skip(1);
    below.find(|node| odd(tree.name(*node))).map(|node| tree.path(node).escape_ascii().to_string())
}
