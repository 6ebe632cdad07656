//! Machines with two disks and two network adapters, in every format.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;

fn diskwright() -> Command {
    let mut command = Command::cargo_bin("diskwright").unwrap();
    command.env_remove("SOURCE_DATE_EPOCH");
    command
}

/// A tree whose network ifupdown configures, with a home that goes onto the second disk.
fn tree(folder: &Path) -> PathBuf {
    let tree = folder.join("tree");
    let files = [
        ("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n"),
        ("etc/fstab", "/dev/sda1 / ext4 defaults 0 1\n"),
        ("usr/bin/hello", "hello"),
        ("usr/sbin/ifup", "ifup"),
        ("usr/lib/systemd/systemd-udevd", "udevd"),
        ("home/ann/notes", "on the second disk"),
    ];
    for (path, text) in files {
        let path = tree.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    tree
}

fn generate(tree: &Path, out: &Path, threads: &str, more: &[&str]) -> Command {
    let mut command = diskwright();
    command.args([
        "generate",
        "--boot",
        "none",
        "--progress",
        "none",
        "--seed",
        "s",
        "--timestamp",
        "1700000000",
    ]);
    command.args([
        "--name",
        "m",
        "--disk-size",
        "24M",
        "--further-disk",
        "size=16M,table=mbr,partition=/home",
    ]);
    command.args(["--threads", threads]).args(more).arg("--scan").arg(tree).arg("--output").arg(out);
    command
}

const NICS: [&str; 4] =
    ["--nic", "address=192.0.2.10/24,gateway=192.0.2.1", "--nic", "name=lan0,address=10.0.0.1/24"];

/// Format, more flags, and the files that are made.
const FORMATS: [(&[&str], &[&str]); 14] = [
    (&["raw"], &["m.raw", "m-disk2.raw"]),
    (&["raw", "--compress"], &["m.raw.gz", "m-disk2.raw.gz"]),
    (&["qcow2"], &["m.qcow2", "m-disk2.qcow2"]),
    (&["qcow2", "--compress"], &["m.qcow2", "m-disk2.qcow2"]),
    (&["vdi"], &["m.vdi", "m-disk2.vdi"]),
    (&["vmdk"], &["m.vmdk", "m-disk2.vmdk"]),
    (&["vmdk", "--compress"], &["m.vmdk", "m-disk2.vmdk"]),
    (&["vhd"], &["m.vhd", "m-disk2.vhd"]),
    (&["vhdx"], &["m.vhdx", "m-disk2.vhdx"]),
    (&["virtualbox"], &["m.vdi", "m-disk2.vdi", "m.vbox"]),
    (&["virtualbox", "--compress"], &["m.ova"]),
    (&["vmware"], &["m.vmdk", "m-disk2.vmdk", "m.vmx"]),
    (&["vmware", "--compress"], &["m.ova"]),
    (&["vmware", "--compress", "--option", "vmware.nic=vmxnet3"], &["m.ova"]),
];

#[test]
fn every_format_holds_both_disks_whatever_the_threads_and_is_accepted_by_linter_and_verifier() {
    let folder = tempfile::tempdir().unwrap();
    let tree = tree(folder.path());
    for (number, (format, expected)) in FORMATS.into_iter().enumerate() {
        let more = [&["--format"], format, &NICS].concat();
        let outs = ["1", "8"].map(|threads| {
            let out = folder.path().join(format!("{number}-{threads}"));
            generate(&tree, &out, threads, &more).assert().success();
            out
        });
        let report: Value = serde_json::from_slice(&fs::read(outs[0].join("report.json")).unwrap()).unwrap();
        let outputs = report["outputs"].as_array().unwrap();
        let mut names: Vec<&str> = outputs.iter().map(|output| output["path"].as_str().unwrap()).collect();
        names.sort_unstable();
        let mut sorted = expected.to_vec();
        sorted.sort_unstable();
        assert_eq!(names, sorted, "{format:?}");
        assert_eq!(report["machine"]["network_adapters"], 2);
        assert_eq!(report["disks"].as_array().unwrap().len(), 2);
        for name in expected {
            let [one, eight] = [0, 1].map(|at| fs::read(outs[at].join(name)).unwrap());
            assert!(one == eight, "{format:?} {name} depends on the threads");
        }
        let of_kind = |kinds: &[&str]| -> Vec<PathBuf> {
            let is_one = |name: &&&str| kinds.iter().any(|kind| name.ends_with(kind));
            expected.iter().filter(is_one).map(|name| outs[0].join(name)).collect()
        };
        let linted = of_kind(&[".qcow2", ".vdi", ".vmdk", ".vbox", ".vmx", ".ova"]);
        if !linted.is_empty() {
            diskwright().arg("lint").args(linted).assert().success();
        }
        let images = of_kind(&[".raw", ".gz", ".qcow2", ".vdi", ".vmdk", ".vhd", ".vhdx", ".ova"]);
        let mut verify = diskwright();
        verify.arg("verify").args(images).arg("--report").arg(outs[0].join("report.json"));
        verify.arg("--scan").arg(&tree).assert().success().stdout("");
    }
}

#[test]
fn what_a_box_cannot_have_is_refused_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let tree = tree(folder.path());
    let refused = |more: &[&str]| {
        let out = folder.path().join("refused");
        let assert =
            generate(&tree, &out, "2", &[&["--format", "vagrant"], more].concat()).assert().failure();
        assert!(!out.exists());
        String::from_utf8(assert.get_output().stderr.clone()).unwrap()
    };
    assert!(refused(&["--option", "vagrant.provider=libvirt"]).contains("holds one disk"));
    let told = refused(&NICS);
    assert!(told.contains("one network adapter") && told.contains("nic"), "{told}");
    let out = folder.path().join("box");
    generate(&tree, &out, "2", &["--format", "vagrant"]).assert().success();
    diskwright().arg("verify").arg(out.join("m.box")).arg("--scan").arg(&tree).assert().success().stdout("");
}
