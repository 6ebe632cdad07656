//! Which crate may depend on which.
//!
//! Core knows no format; containers depend on core; packaging on core and containers; products on core, containers and
//! packaging; `formats/all` on core and every format; the applications on everything but tests; the conformance kit on
//! core only; foreign programs as judges (`tests/oracle`) on core and the kit, and only tests on them: those of every room
//! but the kit, which authors of formats have without them, and the author's example in `docs`, which is outside and sees
//! what an author sees; hostile request bodies (`tests/hostile`) on nothing, and only tests of the applications on them.
//! A format that is packaging or a product says so in its manifest:
//! `[package.metadata.diskwright] room = "product"`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::workspace::Workspace;

/// Fails with every arrow that is not allowed.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let crates = crates(workspace)?;
    let mut complaints = forbidden(&crates);
    complaints.extend(forbidden_foreign(&workspace.metadata, &crates)?);
    if !complaints.is_empty() {
        bail!("arrows that are not allowed:\n  {}", complaints.join("\n  "));
    }
    println!("arrows: {} crates in order", crates.len());
    Ok(())
}

/// A crate of the workspace.
#[derive(Debug)]
struct Crate {
    id: String,
    name: String,
    room: Room,
    dependencies: Vec<Dependency>,
}

#[derive(Debug)]
struct Dependency {
    name: String,
    /// Only tests, examples and benches of the crate see it.
    for_tests: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Room {
    Core,
    Container,
    Packaging,
    Product,
    AllFormats,
    Application,
    Conformance,
    /// Foreign programs as judges, for tests.
    Oracle,
    /// Request bodies that mean harm, for tests.
    Hostile,
    /// End-to-end tests, benches and fuzz targets.
    Proof,
    /// A format author's crate, as the guide shows it.
    Author,
    Task,
}

impl Room {
    /// The room of the crate whose manifest lies in `directory`, relative to the workspace.
    fn of(directory: &Path, named: Option<&str>) -> Result<Self> {
        let mut parts = directory.iter().filter_map(|part| part.to_str());
        Ok(match (parts.next(), parts.next()) {
            (Some("core"), None) => Self::Core,
            (Some("formats"), Some("all")) => Self::AllFormats,
            (Some("formats"), Some(_)) => match named {
                None | Some("container") => Self::Container,
                Some("packaging") => Self::Packaging,
                Some("product") => Self::Product,
                Some(other) => bail!("{}: unknown room {other}", directory.display()),
            },
            (Some("apps"), Some(_)) => Self::Application,
            (Some("tests"), Some("conformance")) => Self::Conformance,
            (Some("tests"), Some("oracle")) => Self::Oracle,
            (Some("tests"), Some("hostile")) => Self::Hostile,
            (Some("tests"), Some(_)) | (Some("benches" | "fuzz"), None) => Self::Proof,
            (Some("docs"), Some(_)) => Self::Author,
            (Some("xtask"), None) => Self::Task,
            _ => bail!("{} is no room of the workspace", directory.display()),
        })
    }

    fn may_use(self, other: Self, for_tests: bool) -> bool {
        use Room::{
            AllFormats, Application, Author, Conformance, Container, Core, Hostile, Oracle, Packaging,
            Product, Proof, Task,
        };
        match (self, other) {
            (_, Task | Author) | (Task, _) => false,
            (Author, Conformance | Proof) => for_tests,
            (_, Proof) | (Hostile, _) => false,
            (from, Hostile) => from == Proof || from == Application && for_tests,
            (Author | Conformance | Oracle, Oracle) => false,
            (from, Oracle) => for_tests || from == Proof,
            (Oracle, other) => matches!(other, Core | Conformance),
            (Container | Packaging | Product | AllFormats | Application, Conformance) => for_tests,
            (Core, _) => false,
            (Container | Conformance, other) => other == Core,
            (Packaging, other) => matches!(other, Core | Container),
            (Product, other) => matches!(other, Core | Container | Packaging),
            (AllFormats, other) => matches!(other, Core | Container | Packaging | Product),
            (Application | Proof | Author, _) => true,
        }
    }
}

/// The arrows between crates of the workspace that are not allowed, as sentences.
fn forbidden(crates: &[Crate]) -> Vec<String> {
    let rooms: BTreeMap<&str, Room> = crates.iter().map(|one| (one.name.as_str(), one.room)).collect();
    let mut complaints = Vec::new();
    for from in crates {
        for to in &from.dependencies {
            if let Some(&room) = rooms.get(to.name.as_str())
                && !from.room.may_use(room, to.for_tests)
            {
                let manner = if to.for_tests { "in its tests " } else { "" };
                complaints.push(format!(
                    "{} {manner}depends on {}: {:?} on {room:?}",
                    from.name, to.name, from.room
                ));
            }
        }
    }
    complaints
}

/// What foreign crates must not do in the resolved graph, as sentences.
fn forbidden_foreign(metadata: &Value, crates: &[Crate]) -> Result<Vec<String>> {
    let nodes = list(metadata.pointer("/resolve/nodes"))?;
    let nodes: BTreeMap<&str, &Value> =
        nodes.iter().filter_map(|node| Some((node.get("id")?.as_str()?, node))).collect();
    let mut complaints = Vec::new();
    let synchronous = |one: &&Crate| {
        matches!(one.room, Room::Core | Room::Container | Room::Packaging | Room::Product | Room::AllFormats)
    };
    for from in crates.iter().filter(synchronous) {
        for id in reachable(&nodes, &from.id) {
            if ASYNCHRONOUS.contains(&package_name(id)) {
                complaints.push(format!("{} reaches {id}, an asynchronous runtime", from.name));
            }
        }
    }
    // One crate that enables another backend switches it for all: QCOW2's 4 KiB window exists in zlib-rs only.
    for (id, node) in nodes.iter().filter(|(id, _)| package_name(id) == "flate2") {
        for feature in list(node.get("features"))?.iter().filter_map(Value::as_str) {
            if OTHER_DEFLATE.contains(&feature) {
                complaints.push(format!("{id} is built with {feature}, not zlib-rs alone"));
            }
        }
    }
    Ok(complaints)
}

/// The packages that `start` needs when it is not tested.
fn reachable<'a>(nodes: &BTreeMap<&'a str, &'a Value>, start: &'a str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::from([start]);
    let mut waiting = VecDeque::from([start]);
    while let Some(id) = waiting.pop_front() {
        let dependencies = nodes.get(id).and_then(|node| node.get("deps")?.as_array());
        for dependency in dependencies.into_iter().flatten() {
            let kinds = dependency.get("dep_kinds").and_then(Value::as_array);
            let is_normal = kinds
                .is_some_and(|kinds| kinds.iter().any(|kind| kind.get("kind").is_some_and(Value::is_null)));
            if let Some(id) = dependency.get("pkg").and_then(Value::as_str)
                && is_normal
                && found.insert(id)
            {
                waiting.push_back(id);
            }
        }
    }
    found
}

/// The name in a package identifier: `registry+…#name@1.0.0`, or `path+…/name#1.0.0` where it is the directory's.
fn package_name(id: &str) -> &str {
    let (place, fragment) = id.rsplit_once('#').unwrap_or(("", id));
    match fragment.split_once('@') {
        Some((name, _)) => name,
        None => place.rsplit('/').next().unwrap_or(place),
    }
}

/// The crates of the workspace with what their manifests name.
fn crates(workspace: &Workspace) -> Result<Vec<Crate>> {
    let members = list(workspace.metadata.get("workspace_members"))?;
    let packages = list(workspace.metadata.get("packages"))?;
    let mut crates = Vec::new();
    for package in packages.iter().filter(|package| package.get("id").is_some_and(|id| members.contains(id)))
    {
        let name = text(package.get("name"))?;
        let manifest = Path::new(text(package.get("manifest_path"))?);
        let directory = manifest.parent().context("a manifest without a directory")?;
        let named = package.pointer("/metadata/diskwright/room").and_then(Value::as_str);
        let mut dependencies = Vec::new();
        for dependency in list(package.get("dependencies"))? {
            let name = text(dependency.get("name"))?.to_owned();
            let for_tests = dependency.get("kind").and_then(Value::as_str) == Some("dev");
            dependencies.push(Dependency { name, for_tests });
        }
        crates.push(Crate {
            id: text(package.get("id"))?.to_owned(),
            name: name.to_owned(),
            room: Room::of(directory.strip_prefix(&workspace.root)?, named)?,
            dependencies,
        });
    }
    Ok(crates)
}

fn list(value: Option<&Value>) -> Result<&Vec<Value>> {
    value.and_then(Value::as_array).context("cargo metadata lacks a list")
}

fn text(value: Option<&Value>) -> Result<&str> {
    value.and_then(Value::as_str).context("cargo metadata lacks a text")
}

const ASYNCHRONOUS: &[&str] = &["tokio", "async-std", "smol", "async-executor", "actix-rt"];
const OTHER_DEFLATE: &[&str] = &["zlib", "zlib-default", "zlib-ng", "zlib-ng-compat", "cloudflare_zlib"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allowed_arrows_pass() {
        let complaints = forbidden(&[
            member("core", Room::Core, &["+oracle"]),
            member("qcow2", Room::Container, &["core", "+kit", "+oracle"]),
            member("ovf", Room::Packaging, &["core", "qcow2", "+kit", "+oracle"]),
            member("vmware", Room::Product, &["core", "qcow2", "ovf", "+kit", "+oracle"]),
            member("all", Room::AllFormats, &["core", "qcow2", "ovf", "vmware", "+oracle"]),
            member("cli", Room::Application, &["all", "core", "+oracle", "+hostile"]),
            member("hostile", Room::Hostile, &[]),
            member("kit", Room::Conformance, &["core"]),
            member("oracle", Room::Oracle, &["core", "kit"]),
            member("e2e", Room::Proof, &["all", "cli", "kit", "oracle"]),
            member("author", Room::Author, &["core", "all", "cli", "+kit", "+e2e"]),
            member("xtask", Room::Task, &["serde_json"]),
        ]);
        assert_eq!(complaints, Vec::<String>::new());
    }

    #[test]
    fn every_forbidden_arrow_is_named() {
        let cases = [
            (Room::Core, "raw"),
            (Room::Core, "+raw"),
            (Room::Core, "+kit"),
            (Room::Container, "raw"),
            (Room::Container, "kit"),
            (Room::Container, "vmware"),
            (Room::Container, "ovf"),
            (Room::Packaging, "vmware"),
            (Room::Product, "vmware"),
            (Room::Author, "e2e"),
            (Room::Application, "author"),
            (Room::Product, "cli"),
            (Room::AllFormats, "cli"),
            (Room::Application, "kit"),
            (Room::Application, "e2e"),
            (Room::Conformance, "raw"),
            (Room::Core, "oracle"),
            (Room::Container, "oracle"),
            (Room::Product, "oracle"),
            (Room::Application, "oracle"),
            (Room::Conformance, "oracle"),
            (Room::Conformance, "+oracle"),
            (Room::Author, "+oracle"),
            (Room::Oracle, "raw"),
            (Room::Application, "hostile"),
            (Room::Container, "+hostile"),
            (Room::Hostile, "core"),
            (Room::Oracle, "e2e"),
            (Room::Proof, "xtask"),
            (Room::Task, "core"),
        ];
        for (room, to) in cases {
            let complaints = forbidden(&[
                member("subject", room, &[to]),
                member("core", Room::Core, &[]),
                member("raw", Room::Container, &[]),
                member("ovf", Room::Packaging, &[]),
                member("vmware", Room::Product, &[]),
                member("author", Room::Author, &[]),
                member("cli", Room::Application, &[]),
                member("kit", Room::Conformance, &[]),
                member("oracle", Room::Oracle, &[]),
                member("hostile", Room::Hostile, &[]),
                member("e2e", Room::Proof, &[]),
                member("xtask", Room::Task, &[]),
            ]);
            assert_eq!(complaints.len(), 1, "{room:?} on {to}: {complaints:?}");
        }
    }

    #[test]
    fn runtime_and_deflate_backend_are_found_in_the_graph() {
        let graph = serde_json::json!({"resolve": {"nodes": [
            {"id": "path+file:///core#diskwright-core@0.1.0", "features": [], "deps": [
                {"pkg": "r#flate2@1.1.0", "dep_kinds": [{"kind": null}]},
                {"pkg": "r#smol@2.0.0", "dep_kinds": [{"kind": "dev"}]}]},
            {"id": "r#flate2@1.1.0", "features": ["zlib-rs", "zlib-ng"], "deps": [
                {"pkg": "r#tokio@1.0.0", "dep_kinds": [{"kind": null}]}]},
            {"id": "r#tokio@1.0.0", "features": [], "deps": []},
            {"id": "r#smol@2.0.0", "features": [], "deps": []}]}});
        let mut core = member("diskwright-core", Room::Core, &[]);
        core.id = "path+file:///core#diskwright-core@0.1.0".to_owned();
        let complaints = forbidden_foreign(&graph, &[core]).unwrap();
        assert_eq!(complaints.len(), 2, "{complaints:?}");
        assert!(complaints[0].contains("tokio") && complaints[1].contains("zlib-ng"), "{complaints:?}");
    }

    /// A crate whose dependencies are for tests where a plus sign says so.
    fn member(name: &str, room: Room, dependencies: &[&str]) -> Crate {
        let dependency = |named: &&str| Dependency {
            name: named.trim_start_matches('+').to_owned(),
            for_tests: named.starts_with('+'),
        };
        let dependencies = dependencies.iter().map(dependency).collect();
        Crate { id: name.to_owned(), name: name.to_owned(), room, dependencies }
    }
}
