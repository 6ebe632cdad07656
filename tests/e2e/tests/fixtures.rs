//! The committed fixtures: each is listed, used and as it was made, and the small scan becomes a disk.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use diskwright_e2e::{Mounted, Tool, attributes, disk, generate};
use sha2::{Digest, Sha256};
use toml::{Table, Value};

#[test]
fn manifest_lists_every_file_as_it_is_and_who_reads_it() -> Result<()> {
    let root = fixtures();
    let manifest: Table = fs::read_to_string(root.join("MANIFEST.toml"))?.parse()?;
    let entries = manifest.get("file").and_then(Value::as_array).context("the manifest lists no file")?;
    let mut listed = BTreeSet::from([PathBuf::from("MANIFEST.toml")]);
    let mut total = 0;
    for entry in entries {
        let path = text(entry, "path")?;
        for field in ["producer", "date", "licence", "purpose"] {
            text(entry, field)?;
        }
        let content = fs::read(root.join(path)).with_context(|| path.to_owned())?;
        assert!(content.len() <= 64 << 10, "{path} is larger than 64 KiB");
        total += content.len();
        let digest: [u8; 32] = Sha256::digest(&content).into();
        assert_eq!(hexadecimal(&digest), text(entry, "sha256")?, "{path} is not what was listed");
        let name =
            Path::new(path).file_name().and_then(|name| name.to_str()).context("a path without a name")?;
        let reader = text(entry, "read_by")?;
        let source = fs::read_to_string(root.join("..").join(reader)).with_context(|| reader.to_owned())?;
        assert!(source.contains(name), "{reader} does not read {name}");
        assert!(listed.insert(PathBuf::from(path)), "{path} is listed twice");
    }
    assert!(total <= 2 << 20, "the fixtures are larger than 2 MiB together");
    assert_eq!(files_under(&root)?, listed, "files there, and files listed");
    Ok(())
}

#[test]
fn recipe_makes_the_small_scan_again() -> Result<()> {
    let Some(python) = Tool::find("python3") else { return Ok(()) };
    let directory = tempfile::tempdir()?;
    let made = directory.path().join("small-machine.tar");
    python.run(&[fixtures().join("recipes/small-machine.py"), made.clone()])?;
    assert!(fs::read(made)? == fs::read(small_scan())?, "the recipe makes another archive");
    Ok(())
}

#[test]
fn small_scan_becomes_a_disk_that_shows_it() -> Result<()> {
    let (Some(tar), Some(e2fsck), Some(sfdisk)) =
        (Tool::find("tar"), Tool::find("e2fsck"), Tool::find("sfdisk"))
    else {
        return Ok(());
    };
    let directory = tempfile::tempdir()?;
    let generated = generate(&small_scan(), &["raw"], &directory.path().join("out"), &["--boot", "none"])?;
    let partitions = disk::partitions(&sfdisk, generated.disk()?)?;
    let [partition] = partitions.as_slice() else { anyhow::bail!("not one partition: {partitions:?}") };
    let root = directory.path().join("root");
    disk::extract(generated.disk()?, partition, &root)?;
    disk::check_ext4(&e2fsck, &root)?;

    let Some(mounted) = Mounted::ext4(&root, "ro")? else { return Ok(()) };
    let unpacked = directory.path().join("unpacked");
    fs::create_dir(&unpacked)?;
    let scan = small_scan();
    let arguments =
        ["--extract", "--numeric-owner", "--same-permissions", "--xattrs", "--xattrs-include=*", "--file"];
    let arguments = arguments.iter().map(AsRef::as_ref).chain([
        scan.as_os_str(),
        "--directory".as_ref(),
        unpacked.as_os_str(),
    ]);
    tar.run(&arguments.collect::<Vec<_>>())?;
    let differences =
        attributes::differences(&attributes::snapshot(&unpacked)?, &attributes::snapshot(mounted.path())?);
    mounted.unmount()?;
    let edited = generated.edited_paths()?;
    let unreported = differences.iter().filter(|one| {
        one.path != "lost+found" && !edited.iter().any(|path| Path::new(&one.path).starts_with(path))
    });
    assert_eq!(unreported.collect::<Vec<_>>(), Vec::<&attributes::Difference>::new());
    Ok(())
}

/// A custom list on an MBR disk: six partitions, the later ones logical, each with its part of the tree.
#[test]
fn a_partition_list_splits_the_tree_by_mount_points() -> Result<()> {
    let (Some(e2fsck), Some(sfdisk)) = (Tool::find("e2fsck"), Tool::find("sfdisk")) else { return Ok(()) };
    let directory = tempfile::tempdir()?;
    let profile = directory.path().join("profile.json");
    let list = r#"{"partition_table": "mbr", "boot": "none", "disk_size": "512M", "partitions": [
        {"mount_point": "/home", "file_system": "ext2", "size": "32M", "label": "home"},
        {"file_system": "swap", "size": "16M"},
        {"mount_point": "/usr", "file_system": "ext3", "size": "64M"},
        {"mount_point": "/srv/new", "size": "16M"},
        {"mount_point": "/home/operator1", "file_system": "fat32", "size": "40M"},
        {"mount_point": "/", "grow": true}]}"#;
    fs::write(&profile, list)?;
    let generated = generate(
        &small_scan(),
        &["raw"],
        &directory.path().join("out"),
        &["--profile".as_ref(), profile.as_os_str()],
    )?;
    let partitions = disk::partitions(&sfdisk, generated.disk()?)?;
    let warnings = generated.report.get("warnings").map(ToString::to_string).unwrap_or_default();
    assert!(warnings.contains("home/operator1"), "what FAT cannot carry is not told: {warnings}");
    // Three primary, the extended one, three logical.
    assert_eq!(partitions.len(), 7, "{partitions:?}");
    let entries = generated
        .report
        .pointer("/disks/0/partitions")
        .and_then(serde_json::Value::as_array)
        .context("no disk")?;
    for (mount_point, kind, inside, outside) in [
        ("/home", "ext2", "operator1", "home"),
        ("/usr", "ext3", "bin", "usr"),
        ("/srv/new", "ext4", "lost+found", "etc"),
        ("/", "ext4", "etc/fstab", "operator1"),
    ] {
        let is_it = |entry: &&serde_json::Value| {
            entry.pointer("/file_system/mount_point").and_then(serde_json::Value::as_str) == Some(mount_point)
        };
        let entry = entries.iter().find(is_it).with_context(|| format!("{mount_point} is not reported"))?;
        assert_eq!(entry.pointer("/file_system/type").and_then(serde_json::Value::as_str), Some(kind));
        let start = entry.get("start").and_then(serde_json::Value::as_u64).context("no start")?;
        let partition =
            partitions.iter().find(|partition| partition.start == start).context("not on the disk")?;
        let volume = directory.path().join("volume");
        disk::extract(generated.disk()?, partition, &volume)?;
        disk::check_ext4(&e2fsck, &volume)?;
        let Some(mounted) = Mounted::ext4(&volume, "ro")? else { return Ok(()) };
        let has = |path: &str| mounted.path().join(path).symlink_metadata().is_ok();
        assert!(has(inside) && !has(outside), "{mount_point} has other content");
        if mount_point == "/" {
            for empty in ["home", "usr", "srv/new"] {
                let mut listed = mounted.path().join(empty).read_dir()?;
                assert!(listed.next().is_none(), "/{empty} is not empty under the other file system");
            }
        }
        mounted.unmount()?;
    }
    Ok(())
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures")
}

fn small_scan() -> PathBuf {
    fixtures().join("valid/small-machine.tar")
}

/// The files under `root`, relative to it.
fn files_under(root: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![root.to_path_buf()];
    while let Some(directory) = waiting.pop() {
        for entry in directory.read_dir()? {
            let path = entry?.path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                found.insert(path.strip_prefix(root)?.to_path_buf());
            }
        }
    }
    Ok(found)
}

fn text<'a>(entry: &'a Value, field: &str) -> Result<&'a str> {
    let text = entry.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
    text.with_context(|| format!("no {field} in {entry}"))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
