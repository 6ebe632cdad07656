//! `diskwright check`: exit codes and both forms of the answer.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;

/// A machine with a kernel whose drivers are built in, according to its configuration, and GRUB's directory.
fn machine(folder: &Path, config: Option<&str>) {
    for directory in ["scan/boot", "scan/etc"] {
        fs::create_dir_all(folder.join(directory)).unwrap();
    }
    fs::write(folder.join("scan/boot/vmlinuz-6.1"), b"kernel").unwrap();
    fs::write(folder.join("scan/etc/hostname"), b"machine\n").unwrap();
    if let Some(config) = config {
        fs::write(folder.join("scan/boot/config-6.1"), config).unwrap();
    }
}

fn check(folder: &Path, more: &[&str]) -> assert_cmd::assert::Assert {
    let mut command = Command::cargo_bin("diskwright").unwrap();
    command.env_remove("SOURCE_DATE_EPOCH").current_dir(folder);
    command.args(["check", "--scan", "scan", "--seed", "s", "--timestamp", "1"]).args(more).assert()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_machine_that_does_not_boot_is_an_answer_and_names_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    machine(folder.path(), Some("CONFIG_EXT4_FS=y\n"));
    let checked = check(folder.path(), &["--format", "vmware"]).code(1);
    let out = text(&checked.get_output().stdout);
    assert!(
        out.starts_with("kernel /boot/vmlinuz-6.1\nvmware on lsi-logic under BIOS: does not boot\n"),
        "{out}"
    );
    assert!(
        out.contains("blocking: no-loader: the disk does not boot under BIOS: there are no files of GRUB"),
        "{out}"
    );
    let driver = "blocking: storage-driver (vmware, lsi-logic): the tree has no driver of LSI Logic parallel SCSI (53C1030)";
    assert!(out.contains(driver), "{out}");
}

#[test]
fn programs_get_the_answer_as_json() {
    let folder = tempfile::tempdir().unwrap();
    machine(folder.path(), Some("CONFIG_EXT4_FS=y\nCONFIG_VIRTIO_PCI=y\nCONFIG_VIRTIO_BLK=y\n"));
    let checked = check(folder.path(), &["--format", "qcow2", "--json"]).code(1);
    let answer: Value = serde_json::from_slice(&checked.get_output().stdout).unwrap();
    assert_eq!(answer["schema"], "diskwright-check/1");
    assert_eq!(answer["verdict"], "does-not-boot");
    assert_eq!(answer["predictions"].as_array().unwrap().len(), 4);
    let findings = answer["findings"].as_array().unwrap();
    let about = |controller: &str| findings.iter().any(|one| one["controller"] == controller);
    assert!(!about("virtio-block") && about("virtio-scsi"), "{findings:#?}");
    check(folder.path(), &["--format", "qcow2", "--json", "--output", "json"]).code(2);
}

#[test]
fn a_disk_for_data_only_leaves_the_question_open() {
    let folder = tempfile::tempdir().unwrap();
    machine(folder.path(), None);
    let checked = check(folder.path(), &["--format", "raw", "--boot", "none"]).code(3);
    assert_eq!(text(&checked.get_output().stdout), "");
}

#[test]
fn usage_errors_are_2() {
    let folder = tempfile::tempdir().unwrap();
    machine(folder.path(), None);
    check(folder.path(), &["--format", "nothing"]).code(2);
    check(folder.path(), &[]).code(2);
}
