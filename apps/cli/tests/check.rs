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
fn a_controller_that_no_machine_of_the_format_has_is_foretold_when_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    machine(folder.path(), Some("CONFIG_EXT4_FS=y\nCONFIG_VIRTIO_PCI=y\nCONFIG_VIRTIO_BLK=y\n"));
    let asked = ["--format", "qcow2", "--controller", "lsi-sas", "--controller", "virtio-block"];
    let checked = check(folder.path(), &[&asked[..], &["--json"]].concat()).code(1);
    let answer: Value = serde_json::from_slice(&checked.get_output().stdout).unwrap();
    let foretold = answer["predictions"].as_array().unwrap().iter().map(|one| &one["controller"]);
    // Under BIOS and UEFI each; one that the format's machines have is not told twice.
    let foretold: Vec<&Value> = foretold.step_by(2).collect();
    assert_eq!(foretold, ["virtio-block", "virtio-scsi", "lsi-sas"]);
    let lacks_driver = |one: &Value| one["controller"] == "lsi-sas" && one["id"] == "storage-driver";
    assert!(answer["findings"].as_array().unwrap().iter().any(lacks_driver), "{answer:#}");
}

#[test]
fn a_controller_of_no_such_name_is_a_usage_error_that_lists_those_there_are() {
    let folder = tempfile::tempdir().unwrap();
    machine(folder.path(), None);
    let refused = check(folder.path(), &["--format", "raw", "--controller", "floppy"]).code(2);
    let said = text(&refused.get_output().stderr);
    assert!(said.contains("floppy") && said.contains("lsi-sas") && said.contains("nvme"), "{said}");
}

#[test]
fn usage_errors_are_2() {
    let folder = tempfile::tempdir().unwrap();
    machine(folder.path(), None);
    check(folder.path(), &["--format", "nothing"]).code(2);
    check(folder.path(), &[]).code(2);
}
