//! `diskwright verify` on images of the small machine.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;

const SCAN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/valid/small-machine.tar");

fn diskwright() -> Command {
    let mut command = Command::cargo_bin("diskwright").unwrap();
    command.env_remove("SOURCE_DATE_EPOCH");
    command
}

/// A raw disk, its report and its list of digests.
fn generate(folder: &Path) {
    let mut command = diskwright();
    command.args([
        "generate",
        "--boot",
        "none",
        "--format",
        "raw",
        "--progress",
        "none",
        "--hostname",
        "renamed",
    ]);
    command.args(["--disk-size", "32M", "--scan", SCAN, "--name", "small", "--file-digests"]);
    command.arg(folder.join("files.jsonl")).arg("--output").arg(folder.join("out")).assert().success();
}

#[test]
fn a_fresh_image_is_clean_and_a_changed_one_is_named_in_text_and_json() {
    let folder = tempfile::tempdir().unwrap();
    generate(folder.path());
    let image = folder.path().join("out/small.raw");
    let list = folder.path().join("files.jsonl");
    let verify = |more: &[&str]| {
        let mut command = diskwright();
        command.arg("verify").arg(&image).args(more);
        command
    };
    let list = list.to_str().unwrap();
    for more in [&[][..], &["--scan", SCAN], &["--digests", list], &["--scan", SCAN, "--digests", list]] {
        verify(more).assert().success().stdout("").stderr("");
    }
    let mut bytes = fs::read(&image).unwrap();
    let at = bytes.windows(14).position(|window| window == b"root:x:0:0:roo").unwrap();
    bytes[at] = b'R';
    fs::write(&image, bytes).unwrap();
    let found = verify(&["--scan", SCAN, "--skip-own-digests"]).assert().code(1).get_output().stdout.clone();
    let found = String::from_utf8(found).unwrap();
    assert!(found.starts_with("small.raw partition 1 /etc/passwd: content: expected 726f"), "{found}");
    let json = verify(&["--digests", list, "--output", "json"]).assert().code(1).get_output().stdout.clone();
    let json: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["schema"], "diskwright-verify/1");
    let findings = json["images"][0]["findings"].as_array().unwrap();
    let codes: Vec<&str> = findings.iter().filter_map(|finding| finding["code"].as_str()).collect();
    assert_eq!(codes, ["output", "content"]);
    assert_eq!(findings[1]["path"], "/etc/passwd");
}

#[test]
fn what_cannot_be_read_exits_with_2() {
    let folder = tempfile::tempdir().unwrap();
    generate(folder.path());
    let out = folder.path().join("out");
    diskwright().arg("verify").arg(out.join("absent.raw")).assert().code(2);
    let report = fs::read(out.join("report.json")).unwrap();
    let mut report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    report["outputs"][0].as_object_mut().unwrap().remove("tree_digest").unwrap();
    fs::write(out.join("report.json"), report.to_string()).unwrap();
    let refused = diskwright().arg("verify").arg(out.join("small.raw")).assert().code(2);
    let said = String::from_utf8(refused.get_output().stderr.clone()).unwrap();
    assert!(said.contains("no digest of small.raw"), "{said}");
    report["outputs"][0]["tree_digest"] = "0".repeat(64).into();
    fs::write(out.join("report.json"), report.to_string()).unwrap();
    let refused = diskwright().arg("verify").arg(out.join("small.raw")).assert().code(2);
    let said = String::from_utf8(refused.get_output().stderr.clone()).unwrap();
    assert!(said.contains("the tree digest of small.raw is not one of BLAKE3"), "{said}");
    // Without digests it need not be known.
    diskwright().args(["verify", "--skip-own-digests"]).arg(out.join("small.raw")).assert().code(0);
    fs::write(out.join("report.json"), "{}").unwrap();
    diskwright().arg("verify").arg(out.join("small.raw")).assert().code(2);
}

#[test]
fn a_list_stands_only_beside_images_and_replaces_nothing_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("files.jsonl");
    let order = |output: &str, more: &[&str]| {
        let mut command = diskwright();
        command.args(["generate", "--boot", "none", "--format", "raw", "--progress", "none", "--scan", SCAN]);
        command.args(["--disk-size", "32M", "--file-digests"]).arg(&list).arg("--output");
        command.arg(folder.path().join(output)).args(more);
        command
    };
    let names = || {
        let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    };
    fs::write(&list, "another").unwrap();
    let refused = order("out", &[]).assert().failure();
    assert!(String::from_utf8_lossy(&refused.get_output().stderr).contains("--force replaces it"));
    assert_eq!(fs::read_to_string(&list).unwrap(), "another");
    assert_eq!(names(), ["files.jsonl"]);

    fs::remove_file(&list).unwrap();
    // The list can be written, and the output directory is a file.
    fs::write(folder.path().join("file"), "").unwrap();
    order("file", &[]).assert().failure();
    assert_eq!(names(), ["file"]);

    order("out", &[]).assert().success();
    assert_eq!(names(), ["file", "files.jsonl", "out"]);
    order("out", &["--force"]).assert().success();
    assert!(fs::read_to_string(&list).unwrap().starts_with("{\"schema\":\"diskwright-files/1\"}\n"));
}
