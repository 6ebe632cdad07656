//! The same seed gives the same bytes wherever and however it is used, and no seed gives identifiers that nobody has.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use diskwright::engine::{Engine, Order};
use diskwright::profile::IdentityPolicy;
use diskwright::scan::{
    DirectorySource, Entry, OneFileSystem, ScanSource, ScanSummary, ScanVisitor, SourceContent,
};
use diskwright::sink::MemorySink;
use diskwright::{Files, Monitor, ReadAt, Seed};
use diskwright_conformance::corpus::{Shape, Tree};
use diskwright_e2e::{Tool, generate_in};
use diskwright_oracle::{figure, is_full};
use serde_json::Value;

use crate::build::{FORMS, Form, order};

type Outputs = BTreeMap<String, Vec<u8>>;
/// Of the environment: names and values.
type Variables = &'static [(&'static str, &'static str)];

#[test]
fn threads_and_the_order_of_entries_change_no_byte() -> Result<()> {
    let trees = if is_full() { 20 } else { 2 };
    let threads: &[usize] = if is_full() { &[1, 2, 4, 16] } else { &[1, 4] };
    for seed in 0..trees {
        let tree = Tree::random(1000 + seed, Shape::Any);
        for form in FORMS {
            let expected = outputs(Arc::new(tree.clone()), form, 2)?;
            for count in threads {
                let found = outputs(Arc::new(Shuffled { tree: tree.clone(), turn: *count }), form, *count)?;
                ensure!(found == expected, "{form:?}, tree {seed}, {count} threads: other bytes");
            }
        }
    }
    Ok(())
}

/// All outputs but the report, which tells how the run went.
fn outputs(scan: Arc<dyn ScanSource>, form: Form, threads: usize) -> Result<Outputs> {
    let mut order = order(scan, &[form], Seed::from_text("repeat"))?;
    order.profile.disk_size = None;
    order.profile.spare = Some(diskwright::profile::ByteSize::from_bytes(1 << 20));
    let sink = MemorySink::new();
    let made = sink.outputs();
    Engine::new().with_threads(threads).run(&order, Box::new(sink), &Monitor::new())?;
    let mut made = std::mem::take(&mut *made.lock().unwrap());
    made.remove("report.json");
    Ok(made)
}

/// A tree whose entries come in another order.
struct Shuffled {
    tree: Tree,
    turn: usize,
}

impl ScanSource for Shuffled {
    fn scan(&self, visitor: &mut dyn ScanVisitor) -> diskwright::Result<ScanSummary> {
        let mut entries: Vec<Entry> = Vec::new();
        let summary = self.tree.scan(&mut |entry: Entry| {
            entries.push(entry);
            Ok(())
        })?;
        entries.reverse();
        let middle = self.turn % entries.len().max(1);
        entries.rotate_left(middle);
        entries.into_iter().try_for_each(|entry| visitor.entry(entry))?;
        Ok(summary)
    }

    fn open(&self, content: SourceContent) -> diskwright::Result<Arc<dyn ReadAt>> {
        self.tree.open(content)
    }
}

#[test]
fn the_host_and_the_kind_of_scan_change_no_byte() -> Result<()> {
    let Some(tar) = Tool::find("tar") else { return Ok(()) };
    let place = tempfile::tempdir()?;
    let unpacked = place.path().join("tree");
    std::fs::create_dir(&unpacked)?;
    let scan = small_scan();
    let flags =
        ["--extract", "--same-permissions", "--numeric-owner", "--xattrs", "--xattrs-include=*", "--file"];
    let arguments = flags.iter().map(AsRef::as_ref).chain([
        scan.as_os_str(),
        "--directory".as_ref(),
        unpacked.as_os_str(),
    ]);
    tar.run(&arguments.collect::<Vec<_>>())?;
    let hosts: [(&str, &Path, Variables, &str); 6] = [
        ("plain", &scan, &[], "022"),
        ("zone", &scan, &[("TZ", "Pacific/Kiritimati")], "022"),
        ("locale", &scan, &[("LC_ALL", "tr_TR.UTF-8"), ("LANG", "tr_TR.UTF-8")], "022"),
        ("umask", &scan, &[("HOME", "/nonexistent"), ("USER", "nobody")], "000"),
        ("mask-of-all", &scan, &[], "077"),
        ("directory", &unpacked, &[("TZ", "America/St_Johns")], "022"),
    ];
    let mut expected = None;
    for (name, scan, environment, umask) in hosts {
        let output = place.path().join(name);
        let formats = ["raw", "qcow2", "vdi", "vmdk"];
        let made = generate_in(
            scan,
            &formats,
            &output,
            &["--boot", "none", "--disk-size", "64M", "--name", "machine"],
            environment,
            umask,
        )?;
        let found: Vec<Value> = made.report["outputs"].as_array().context("no outputs")?.clone();
        std::fs::remove_dir_all(output)?;
        let expected = expected.get_or_insert_with(|| found.clone());
        ensure!(found == *expected, "{name}: {found:?} is not {expected:?}");
    }
    Ok(())
}

#[test]
fn builds_without_a_seed_have_no_identifier_in_common() -> Result<()> {
    let builds = if is_full() { 1000 } else { 60 };
    let scan = tempfile::tempdir()?;
    crate::build::populate(scan.path())?;
    let mut seen = BTreeSet::new();
    for build in 0..builds {
        let source = DirectorySource::new(scan.path(), OneFileSystem::Stay, Files::default())?;
        let forms =
            [("qcow2", false), ("vdi", false), ("vmdk", false), ("virtualbox", false), ("vmware", false)];
        let mut order: Order = order(Arc::new(source), &forms, Seed::random())?;
        order.profile.identity = Some(IdentityPolicy::New);
        let sink = MemorySink::new();
        let made = sink.outputs();
        let report = Engine::new().with_threads(1).run(&order, Box::new(sink), &Monitor::new())?;
        let made = std::mem::take(&mut *made.lock().unwrap());
        let mut own = BTreeSet::new();
        for disk in &report.disks {
            own.insert(format!("disk {}", disk.id));
            own.extend(disk.partitions.iter().map(|partition| format!("partition {}", partition.id)));
            let systems = disk.partitions.iter().filter_map(|partition| partition.file_system.as_ref());
            own.extend(systems.map(|system| format!("file system {}", system.uuid)));
        }
        for (name, bytes) in &made {
            own.extend(identifiers(name, bytes));
        }
        ensure!(own.len() >= 8, "only {own:?}");
        for one in own {
            ensure!(seen.insert(one.clone()), "build {build} has {one} again");
        }
    }
    figure(
        "Builds without a seed",
        "identifiers of disks, partitions, file systems, VMDK, VDI, VirtualBox and VMware",
        format_args!("{builds} builds, {} identifiers, none twice", seen.len()),
        "none twice in 1000 builds",
        builds >= 1000,
    );
    Ok(())
}

/// The identifiers that a file of a format has of its own.
fn identifiers(name: &str, bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(64 << 10)]);
    let after = |start: &str, len: usize| {
        let found = text.split(start).skip(1).filter_map(|rest| rest.get(..len)).map(str::to_owned);
        found.collect::<BTreeSet<_>>()
    };
    let tell = |what: &str, found: BTreeSet<String>| -> Vec<String> {
        found.into_iter().map(|one| format!("{what} {one}")).collect()
    };
    match name.rsplit('.').next() {
        // Virtual Disk Image, header of version 1.1: uuidCreate at 392.
        Some("vdi") => vec![format!("vdi {name} {:02x?}", &bytes[392..408])],
        Some("vmdk") => tell("cid", after("\nCID=", 8)),
        Some("vbox") => tell("machine", after("<Machine uuid=\"{", 36)),
        Some("vmx") => tell("bios", after("uuid.bios = \"", 47)),
        _ => Vec::new(),
    }
}

fn small_scan() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/valid/small-machine.tar")
}
