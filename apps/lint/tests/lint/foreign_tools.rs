//! Files made by other programs.

use std::path::{Path, PathBuf};
use std::process::Command;

use diskwright_lint::{Severity, lint};
use diskwright_oracle::tool;
use tempfile::TempDir;

use crate::support::{broken, data, ova, qcow2, vagrant};

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

#[test]
fn qemus_vhds_break_the_rules_of_azure_alone_where_they_do() {
    let Some(room) = Room::new() else { return };
    // A size of 10 MiB is rounded up to what a geometry holds, unless that is turned off.
    assert_eq!(room.converted("vpc", "", &[]), ["vhd-azure-type"]);
    assert_eq!(room.converted("vpc", "force_size=on", &[]), ["vhd-azure-type"]);
    assert_eq!(room.converted("vpc", "subformat=fixed", &[]), ["vhd-azure-alignment", "vhd-azure-minimum"]);
    assert_eq!(room.converted("vpc", "subformat=fixed,force_size=on", &[]), ["vhd-azure-minimum"]);
    for (size, rules) in [("64M", vec!["vhd-azure-alignment"]), ("127G", vec!["vhd-azure-alignment"])] {
        room.run(&["create", "-f", "vpc", "-o", "subformat=fixed", "empty", size]);
        assert_eq!(room.broken("empty"), rules, "{size}");
        room.run(&["create", "-f", "vpc", "-o", "subformat=fixed,force_size=on", "exact", size]);
        assert_eq!(room.broken("exact"), [""; 0], "{size}");
        room.run(&["create", "-f", "vpc", "dynamic", size]);
        assert_eq!(room.broken("dynamic"), ["vhd-azure-type"], "{size}");
    }
}

#[test]
fn qemus_vhdx_are_clean_in_every_shape() {
    let Some(room) = Room::new() else { return };
    let clean: [&str; 0] = [];
    for options in
        ["", "subformat=fixed", "block_size=1M", "block_size=256M", "log_size=3M", "block_state_zero=off"]
    {
        assert_eq!(room.converted("vhdx", options, &[]), clean, "{options}");
    }
    for size in ["1M", "10000K", "65G"] {
        room.run(&["create", "-f", "vhdx", "empty", size]);
        assert_eq!(room.broken("empty"), clean, "{size}");
    }
    // Whole sectors, but no whole pages of 4096 bytes.
    room.run(&["create", "-f", "vhdx", "uneven", "10241536"]);
    assert_eq!(room.broken("uneven"), ["vhdx-disk-pages"]);
}

/// Files packed by a tar with those arguments.
fn archived(tar: &Path, arguments: &[&str], files: &[(&str, &[u8])]) -> Vec<&'static str> {
    let directory = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let file = std::fs::File::create(directory.path().join(name)).unwrap();
        // What is zero is a hole.
        for (at, piece) in
            bytes.chunks(4096).enumerate().filter(|(_, piece)| piece.iter().any(|byte| *byte != 0))
        {
            std::os::unix::fs::FileExt::write_all_at(&file, piece, at as u64 * 4096).unwrap();
        }
        file.set_len(bytes.len() as u64).unwrap();
    }
    let mut command = Command::new(tar);
    command.args(arguments).arg("-f").arg("archive").args(files.iter().map(|(name, _)| *name));
    run(command.current_dir(directory.path()));
    broken(&lint(&directory.path().join("archive")).unwrap())
}

#[test]
fn boxes_of_any_tar_are_clean() {
    let (Some(tar), Some(bsdtar)) = (tool("tar"), tool("bsdtar")) else { return };
    let clean: [&str; 0] = [];
    let long = "n".repeat(150);
    // A disk with holes among its clusters.
    let image = [&qcow2::deflate().files["disk.qcow2"][..], &[0; 1 << 20]].concat();
    for members in [vagrant::virtualbox(), vagrant::libvirt()] {
        let mut files: Vec<(&str, &[u8])> =
            members.iter().map(|member| (member.name.as_str(), member.bytes.as_slice())).collect();
        if let [_, ("box.img", bytes)] = &mut files[..] {
            *bytes = &image;
        }
        files.insert(0, (&long, b"text"));
        for format in ["ustar", "gnu", "oldgnu", "pax"] {
            // A name of 150 bytes and no slash does not go into a header of ustar.
            let files = if format == "ustar" { &files[1..] } else { &files[..] };
            let format = format!("--format={format}");
            assert_eq!(archived(&tar, &["-c", &format], files), clean, "{format}");
            assert_eq!(archived(&tar, &["-c", "-z", &format], files), clean, "{format} with gzip");
            if format != "--format=ustar" {
                assert_eq!(archived(&tar, &["-c", "-S", "-z", &format], files), clean, "{format} with holes");
            }
        }
        assert_eq!(archived(&bsdtar, &["-c", "-z"], &files), clean);
    }
}

#[test]
fn archives_for_compute_engine_are_clean_if_they_are_of_the_old_gnu_kind() {
    let Some(tar) = tool("tar") else { return };
    let mut disk = vec![0; 1 << 30];
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    disk[(1 << 29) + 5] = 1;
    let files: [(&str, &[u8]); 1] = [("disk.raw", &disk)];
    assert_eq!(archived(&tar, &["-c", "-S", "-z", "--format=oldgnu"], &files), [""; 0]);
    assert_eq!(archived(&tar, &["-c", "-z", "--format=oldgnu"], &files), [""; 0]);
    assert_eq!(archived(&tar, &["-c", "-S", "--format=gnu"], &files), ["gce-gzip"]);
    assert_eq!(archived(&tar, &["-c", "-S", "-z", "--format=pax"], &files), ["gce-tar-format"]);
    let small: [(&str, &[u8]); 1] = [("disk.raw", &disk[..1 << 20])];
    assert_eq!(archived(&tar, &["-c", "-z", "--format=ustar"], &small), ["gce-disk-size", "gce-tar-format"]);
}

#[test]
fn disks_packed_by_gzip_and_zstd_are_clean() {
    let (Some(gzip), Some(zstd)) = (tool("gzip"), tool("zstd")) else { return };
    let Some(room) = Room::new() else { return };
    let at = room.directory.path();
    run(Command::new(gzip).args(["-k", "disk.raw"]).current_dir(at));
    run(Command::new(zstd).args(["-q", "-k", "disk.raw"]).current_dir(at));
    assert_eq!((room.broken("disk.raw.gz"), room.broken("disk.raw.zst")), (vec![], vec![]));
}
