//! Layers: a later source lies over an earlier one, with whiteouts only where they are asked for.

use std::sync::Arc;

use diskwright_core::Result;
use diskwright_core::scan::{EntryObject, SourceContent};
use diskwright_core::tree::{Findings, NodeId, Strictness, TreeBuilder, Whiteouts};

use crate::memory::{Memory, base, content, kind};

/// The tree of several layers, as lines of path and kind.
fn layered(layers: &[(Memory, Whiteouts)]) -> Result<Vec<String>> {
    let mut builder = TreeBuilder::new(Findings::new(Strictness::Lenient));
    for (layer, whiteouts) in layers {
        builder.add_source(Arc::new(layer.clone()), *whiteouts)?;
    }
    let (tree, _) = builder.finish()?;
    let lines = tree.subtree(NodeId::ROOT).skip(1).map(|node| {
        let path = tree.path(node).escape_ascii().to_string();
        let kind = kind(&tree, &path);
        match kind.as_str() {
            "file" => format!("{path} {}", content(&tree, &path)),
            _ => format!("{path} {kind}"),
        }
    });
    Ok(lines.collect())
}

fn lower() -> Memory {
    base()
        .dir("etc")
        .file("etc/a")
        .file("etc/b")
        .dir("etc/d")
        .file("etc/d/x")
        .symlink("lib", "usr/lib")
        .file("f")
        .link("g", "f")
}

#[test]
fn a_directory_into_which_its_own_layer_put_something_is_nothing_else_in_it() {
    let below = base().dir("etc").dir("etc/d").file("etc/d/x");
    // As the last directory of the layer below, and as another one.
    for below in [below.clone(), below.file("f")] {
        let own = || base().file("etc/d/y");
        for upper in [own().file("etc/d"), own().file("a").link("etc/d", "a")] {
            let error = layered(&[(below.clone(), Whiteouts::Plain), (upper, Whiteouts::Plain)]).unwrap_err();
            assert!(error.to_string().contains("as a directory with entries and as"), "{error}");
        }
    }
}

#[test]
fn later_layers_lie_over_earlier_ones() {
    let upper = base().file("etc/./a").dir("f").file("f/n").file("etc/d");
    let lines = layered(&[(lower(), Whiteouts::Plain), (upper, Whiteouts::Plain)]).unwrap();
    assert_eq!(
        lines,
        [
            "etc directory",
            "etc/a etc/./a",
            "etc/b etc/b",
            "etc/d etc/d",
            "f directory",
            "f/n f/n",
            "g f",
            "lib symlink usr/lib"
        ]
    );
}

#[test]
fn whiteouts_count_only_when_asked_for() {
    let upper = base()
        .file("etc/.wh.a")
        .file("etc/d/.wh..wh..opq")
        .file("etc/d/new")
        .file(".wh.lib")
        .file(".wh.absent");
    let plain = layered(&[(lower(), Whiteouts::Plain), (upper.clone(), Whiteouts::Plain)]).unwrap();
    assert!(
        plain.contains(&"etc/.wh.a etc/.wh.a".to_owned()) && plain.contains(&"etc/a etc/a".to_owned()),
        "{plain:?}"
    );
    let oci = layered(&[(lower(), Whiteouts::Plain), (upper, Whiteouts::Oci)]).unwrap();
    assert_eq!(oci, ["etc directory", "etc/b etc/b", "etc/d directory", "etc/d/new etc/d/new", "f f", "g f"]);
}

#[test]
fn the_order_of_whiteouts_within_a_layer_does_not_matter() {
    let first = base().file(".wh..wh..opq").file("etc/a").file(".wh.f").file("f");
    let last = base().file("etc/a").file("f").file(".wh.f").file(".wh..wh..opq");
    for upper in [first, last] {
        let lines = layered(&[(lower(), Whiteouts::Plain), (upper, Whiteouts::Oci)]).unwrap();
        assert_eq!(lines, ["etc directory", "etc/a etc/a", "f f"]);
    }
}

#[test]
fn links_reach_into_lower_layers_but_not_past_whiteouts() {
    let upper = base().link("h", "etc/a");
    let lines = layered(&[(lower(), Whiteouts::Plain), (upper, Whiteouts::Oci)]).unwrap();
    assert!(lines.contains(&"h etc/a".to_owned()), "{lines:?}");
    let upper = base().link("h", "etc/a").file("etc/.wh.a");
    let error = layered(&[(lower(), Whiteouts::Plain), (upper, Whiteouts::Oci)]).unwrap_err();
    assert!(error.to_string().contains("does not have"), "{error}");
    // What linked a file of a lower layer keeps it when the upper layer takes away or replaces the file.
    let forward = base().link("early", "late").file("late");
    for upper in [base().file(".wh.late"), base().symlink("late", "x")] {
        let lines = layered(&[(forward.clone(), Whiteouts::Plain), (upper, Whiteouts::Oci)]).unwrap();
        assert_eq!(lines[0], "early late");
    }
}

#[test]
fn a_whiteout_of_nothing_is_refused() {
    let error = layered(&[(base().file("a/.wh."), Whiteouts::Oci)]).unwrap_err();
    assert!(error.to_string().contains("names nothing"), "{error}");
}

#[test]
fn the_order_of_entries_does_not_change_the_tree() {
    let lines = |memory: Memory| layered(&[(memory, Whiteouts::Plain)]).unwrap();
    let mut reversed = lower();
    reversed.0.reverse();
    for (at, entry) in reversed.0.iter_mut().enumerate() {
        if let EntryObject::File { content, .. } = &mut entry.object {
            *content = SourceContent(at as u64);
        }
    }
    assert_eq!(lines(reversed), lines(lower()));
}
