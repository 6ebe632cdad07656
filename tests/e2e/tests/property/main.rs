//! Random trees become ext4 volumes in which e2fsck finds nothing and the kernel shows every attribute.
//!
//! Each tree follows from its seed, which a failure names. `DISKWRIGHT_PROPERTY_SEED` is the first seed (0) and
//! `DISKWRIGHT_PROPERTY_TREES` the number of trees (200), to look at one again or at others.

mod expected;
mod place;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, bail, ensure};
use diskwright::filesystem::ext4::{Ext4Features, Ext4Options, Ext4Plan};
use diskwright::layout::{DiskLayout, LayoutBuilder};
use diskwright::scan::{DirectorySource, OneFileSystem, ScanSource};
use diskwright::tree::{Findings, NodeId, TreeBuilder, TreeView, Whiteouts};
use diskwright::{Files, Seed, Timestamp};
use diskwright_conformance::corpus::{Shape, Tree};
use diskwright_e2e::attributes::{self, Difference, Snapshot};
use diskwright_e2e::{Mounted, Tool, disk, is_root};
use place::Placed;
use sha2::{Digest, Sha256};

#[test]
fn every_random_tree_is_shown_by_the_kernel_as_it_was_scanned() {
    let Some(e2fsck) = Tool::find("e2fsck") else { return };
    if !is_root() {
        return;
    }
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    let first: u64 = number("DISKWRIGHT_PROPERTY_SEED").unwrap_or(0);
    let end = first + number("DISKWRIGHT_PROPERTY_TREES").unwrap_or(200);
    let next = AtomicU64::new(first);
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        break;
                    }
                    if let Err(error) = check(seed, &e2fsck) {
                        failures.lock().unwrap().push(format!("seed {seed}: {error:#}"));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} of {} trees:\n{}", failures.len(), end - first, failures.join("\n"));
}

/// The whole way of one tree. Every second one is real on this host first, where that is possible.
fn check(seed: u64, e2fsck: &Tool) -> Result<()> {
    let shape = if seed.is_multiple_of(2) { Shape::Host } else { Shape::Any };
    let tree = Tree::random(seed, shape);
    let expected = expected::snapshot(&tree)?;
    let layout = lay_out(Arc::new(tree.clone()), seed)?;
    if shape == Shape::Host
        && let Some(placed) = Placed::new(&tree)?
    {
        same(&expected, &attributes::snapshot(placed.root())?).context("made on this host")?;
        let source = DirectorySource::new(placed.root(), OneFileSystem::Stay, Files::default())?;
        let scanned = lay_out(Arc::new(source), seed)?;
        ensure!(digest(&scanned)? == digest(&layout)?, "scanned from a directory the volume is another");
    }
    let directory = tempfile::tempdir()?;
    let image = directory.path().join("volume");
    write(&layout, &image)?;
    disk::check_ext4(e2fsck, &image)?;
    let mounted = Mounted::ext4(&image, "ro")?.context("cannot mount")?;
    same(&expected, &attributes::snapshot(mounted.path())?).context("mounted")?;
    expected::check_flags(&tree, mounted.path())?;
    mounted.unmount()?;
    let root_is_free = tree.entries().first().is_some_and(|root| root.attributes.flags == 0);
    if room(seed) >= 16 << 20 && root_is_free {
        use_it(&image)?;
        disk::check_ext4(e2fsck, &image).context("after it was written to")?;
    }
    Ok(())
}

/// The volume of a tree, of a size and with features that follow from the seed.
fn lay_out(source: Arc<dyn ScanSource>, seed: u64) -> Result<DiskLayout> {
    let mut builder = TreeBuilder::new(Findings::default());
    builder.add_source(source, Whiteouts::Plain)?;
    let tree = Arc::new(builder.finish()?.0);
    let view = TreeView::new(Arc::clone(&tree), NodeId::ROOT, &[]);
    let ids = Seed::from_text(seed.to_string());
    let created = Timestamp::from_seconds(1_700_000_000);
    let features = if seed.is_multiple_of(3) { Ext4Features::Legacy } else { Ext4Features::Modern };
    let options = Ext4Options::new(ids.uuid("volume"), ids.uuid("hash"), created).with_features(features);
    let least = Ext4Plan::minimum_size(&view, &options, 0)?;
    let size = Ext4Plan::minimum_size(&view, &options, room(seed))?;
    ensure!(least <= size, "with less room the volume is larger");
    let mut layout = LayoutBuilder::new(tree);
    Ext4Plan::new(view, options, size)?.append(&mut layout)?;
    Ok(layout.finish(size)?)
}

/// Bytes that the volume has free.
fn room(seed: u64) -> u64 {
    match seed % 5 {
        0 => 0,
        1 => 4096 * (seed % 1000),
        2 | 3 => 16 << 20,
        // Several groups, and groups of groups.
        _ => (3 << 30) + 4096 * (seed % 10_000),
    }
}

fn same(expected: &Snapshot, actual: &Snapshot) -> Result<()> {
    let mut differences = attributes::differences(expected, actual);
    differences.retain(|one: &Difference| one.path != "lost+found");
    if differences.is_empty() {
        return Ok(());
    }
    let count = differences.len();
    differences.truncate(10);
    bail!("{count} differences, the first: {differences:#?}")
}

fn write(layout: &DiskLayout, path: &Path) -> Result<()> {
    let image = File::create(path)?;
    image.set_len(layout.size())?;
    for_each_piece(layout, |offset, bytes| Ok(image.write_all_at(bytes, offset)?))
}

fn digest(layout: &DiskLayout) -> Result<[u8; 32]> {
    let mut hash = Sha256::new();
    for_each_piece(layout, |offset, bytes| {
        hash.update(offset.to_le_bytes());
        hash.update(bytes);
        Ok(())
    })?;
    Ok(hash.finalize().into())
}

/// Gives all that is not known to be zero, in order.
fn for_each_piece(layout: &DiskLayout, mut each: impl FnMut(u64, &[u8]) -> Result<()>) -> Result<()> {
    let mut reader = layout.reader();
    let mut buffer = vec![0; 1 << 20];
    for region in layout.regions().filter(|region| !region.is_zero) {
        let end = region.start + region.len;
        let mut offset = region.start;
        while offset < end {
            let len = usize::try_from(end - offset)?.min(buffer.len());
            let piece = buffer.get_mut(..len).context("a piece larger than the buffer")?;
            reader.read_exact_at(offset, piece)?;
            each(offset, piece)?;
            offset += u64::try_from(len)?;
        }
    }
    Ok(())
}

/// Lives with the volume for a while: the kernel allocates from what we said is free.
fn use_it(image: &Path) -> Result<()> {
    let mounted = Mounted::ext4(image, "rw")?.context("cannot mount")?;
    let made = |number: u32| mounted.path().join(format!("made on the volume {number}"));
    for number in 0..150 {
        std::fs::create_dir(made(number))?;
        std::fs::write(made(number).join("file"), vec![1; 5000])?;
    }
    for number in (0..150).step_by(3) {
        std::fs::remove_dir_all(made(number))?;
    }
    mounted.unmount()
}
