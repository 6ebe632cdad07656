//! Files made by other programs.

use std::path::{Path, PathBuf};
use std::process::Command;

use diskwright_lint::{Severity, lint};
use diskwright_oracle::tool;
use tempfile::TempDir;

use crate::support::{broken, data, ova};

/// A disk of 10 MiB, of which the first 3 and the last are not zero, and a place for images of it.
struct Room {
    directory: TempDir,
    qemu: PathBuf,
}

impl Room {
    fn new() -> Option<Self> {
        let qemu = tool("qemu-img")?;
        let directory = tempfile::tempdir().unwrap();
        let mut disk = vec![0; 10 << 20];
        disk[..3 << 20].copy_from_slice(&data(3 << 20, 9));
        disk[9 << 20..].copy_from_slice(&data(1 << 20, 10));
        std::fs::write(directory.path().join("disk.raw"), disk).unwrap();
        Some(Self { directory, qemu })
    }

    fn run(&self, arguments: &[&str]) {
        run(Command::new(&self.qemu).args(arguments).current_dir(self.directory.path()));
    }

    /// Converts the disk and gives the rules that the image breaks.
    fn converted(&self, format: &str, options: &str, flags: &[&str]) -> Vec<&'static str> {
        let mut arguments = vec!["convert", "-f", "raw", "-O", format];
        if !options.is_empty() {
            arguments.extend(["-o", options]);
        }
        arguments.extend(flags);
        arguments.extend(["disk.raw", "image"]);
        self.run(&arguments);
        self.broken("image")
    }

    fn broken(&self, name: &str) -> Vec<&'static str> {
        broken(&lint(&self.directory.path().join(name)).unwrap())
    }
}

fn run(command: &mut Command) {
    let output = command.env("LC_ALL", "C").output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn qemus_stream_optimised_disks_are_flagged() {
    let Some(room) = Room::new() else { return };
    assert_eq!(room.converted("vmdk", "subformat=streamOptimized", &[]), ["vmdk-trailing-bytes"]);
    room.run(&["create", "-f", "vmdk", "-o", "subformat=streamOptimized", "empty", "10M"]);
    assert_eq!(room.broken("empty"), ["vmdk-end-of-stream"]);
    room.run(&["create", "-f", "vmdk", "-o", "subformat=streamOptimized", "odd", "10000K"]);
    assert_eq!(room.broken("odd"), ["vmdk-capacity", "vmdk-end-of-stream"]);
}

#[test]
fn qemus_disks_for_use_are_clean() {
    let Some(room) = Room::new() else { return };
    let clean: [&str; 0] = [];
    assert_eq!(room.converted("vmdk", "subformat=monolithicSparse", &[]), clean);
    assert_eq!(room.converted("vmdk", "subformat=monolithicFlat", &[]), clean);
    assert_eq!(room.converted("vdi", "", &[]), clean);
    assert_eq!(room.converted("vdi", "static=on", &[]), clean);
}

#[test]
fn qemus_own_images_are_clean_in_every_shape() {
    let Some(room) = Room::new() else { return };
    let clean: [&str; 0] = [];
    for options in
        ["", "compat=0.10", "cluster_size=512", "cluster_size=2M", "refcount_bits=1", "refcount_bits=64"]
    {
        assert_eq!(room.converted("qcow2", options, &[]), clean, "{options}");
        // Compressed clusters share those of the file, which a refcount of one bit cannot count.
        if options != "refcount_bits=1" {
            assert_eq!(room.converted("qcow2", options, &["-c"]), clean, "{options}");
        }
    }
    assert_eq!(room.converted("qcow2", "compression_type=zstd", &["-c"]), ["qcow2-zstd"]);
    assert_eq!(room.converted("qcow2", "extended_l2=on", &["-c"]), ["qcow2-unusual-features"]);
}

#[test]
fn what_qemu_adds_to_an_image_is_told() {
    let Some(room) = Room::new() else { return };
    room.converted("qcow2", "", &[]);
    room.run(&["snapshot", "-c", "first", "image"]);
    assert!(room.broken("image").contains(&"qcow2-snapshots"));
    room.run(&["create", "-f", "qcow2", "-b", "disk.raw", "-F", "raw", "overlay"]);
    assert_eq!(room.broken("overlay"), ["qcow2-backing-file"]);
    room.run(&["create", "-f", "qcow2", "marked", "10M"]);
    room.run(&["bitmap", "--add", "marked", "changes"]);
    assert_eq!(room.broken("marked"), [""; 0]);
}

/// The members as files, packed by a tar of that flavour.
fn packed(tar: &Path, flavour: &str) -> Vec<&'static str> {
    let directory = tempfile::tempdir().unwrap();
    let members = ova::members();
    for member in &members {
        std::fs::write(directory.path().join(&member.name), &member.bytes).unwrap();
    }
    let names = members.iter().map(|member| member.name.as_str());
    let mut command = Command::new(tar);
    command.arg(format!("--format={flavour}")).args(["-cf", "img.ova"]).args(names);
    run(command.current_dir(directory.path()));
    let report = lint(&directory.path().join("img.ova")).unwrap();
    assert!(report.findings.iter().all(|finding| finding.rule.severity == Severity::Error));
    broken(&report)
}

#[test]
fn archives_of_gnu_tar_are_clean_but_with_pax_headers() {
    let Some(tar) = tool("tar") else { return };
    for flavour in ["ustar", "gnu", "v7"] {
        assert_eq!(packed(&tar, flavour), [""; 0], "{flavour}");
    }
    assert_eq!(packed(&tar, "pax"), ["ova-pax-header"]);
}
