//! `diskwright lint` from outside.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::assert::Assert;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_diskwright");

/// A descriptor of a flat disk and its extent.
struct Room(TempDir);

impl Room {
    fn new() -> Self {
        let room = Self(tempfile::tempdir().unwrap());
        room.file("good.vmdk", DESCRIPTOR);
        room.file("odd.vmdk", &DESCRIPTOR.replace("lsilogic", "pvscsi"));
        room.file("bad.vmdk", &DESCRIPTOR.replace("1a2b3c4d", "ffffffff"));
        fs::write(room.path("flat"), [0; 2048]).unwrap();
        room
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).unwrap();
    }

    fn lint(&self, arguments: &[&str]) -> Assert {
        lint(self.0.path(), arguments)
    }
}

fn lint(directory: &Path, arguments: &[&str]) -> Assert {
    assert_cmd::Command::new(PROGRAM).current_dir(directory).arg("lint").args(arguments).assert()
}

fn stdout(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

fn stderr(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

#[test]
fn a_clean_file_prints_nothing_and_exits_with_0() {
    let done = Room::new().lint(&["good.vmdk"]).code(0);
    assert_eq!(stdout(&done), "");
}

#[test]
fn an_error_is_one_line_and_exits_with_1() {
    let done = Room::new().lint(&["good.vmdk", "bad.vmdk"]).code(1);
    assert_eq!(
        stdout(&done),
        "error vmdk-content-id bad.vmdk line 3: the CID is \"ffffffff\" — protects VMware, VirtualBox\n"
    );
    assert_eq!(stderr(&done), "");
}

#[test]
fn a_warning_fails_only_where_strict() {
    let room = Room::new();
    assert!(stdout(&room.lint(&["odd.vmdk"]).code(0)).starts_with("warning vmdk-adapter-type odd.vmdk"));
    room.lint(&["--strict", "odd.vmdk"]).code(1);
}

#[test]
fn json_is_one_document_for_all_files() {
    let done = Room::new().lint(&["--output", "json", "good.vmdk", "bad.vmdk"]).code(1);
    let document: serde_json::Value = serde_json::from_str(&stdout(&done)).unwrap();
    assert_eq!(document["schema"], "diskwright-lint/1");
    assert_eq!(document["files"][0]["findings"], serde_json::json!([]));
    let bad = &document["files"][1];
    assert_eq!((bad["path"].as_str(), bad["kind"].as_str()), (Some("bad.vmdk"), Some("VMDK")));
    assert_eq!(bad["findings"][0]["rule"], "vmdk-content-id");
    assert_eq!(bad["findings"][0]["line"], 3);
}

#[test]
fn a_file_of_no_known_kind_and_a_missing_one_fail() {
    let room = Room::new();
    room.file("text", "hello");
    assert!(stderr(&room.lint(&["text"]).code(1)).contains("text that begins with \"hello\""));
    assert!(stderr(&room.lint(&["lost"]).code(1)).contains("lost"));
    let done = room.lint(&["--output", "json", "lost", "bad.vmdk"]).code(1);
    let document: serde_json::Value = serde_json::from_str(&stdout(&done)).unwrap();
    assert!(document["files"][0]["error"].as_str().is_some_and(|error| error.contains("lost")));
    assert_eq!(document["files"][1]["findings"][0]["rule"], "vmdk-content-id");
}

#[test]
fn no_file_and_rules_with_files_are_usage_errors() {
    let room = Room::new();
    room.lint(&[]).code(2);
    room.lint(&["--rules", "good.vmdk"]).code(2);
}

#[test]
fn rules_are_listed_without_a_file() {
    let room = Room::new();
    let text = stdout(&room.lint(&["--rules"]).code(0));
    assert!(text.lines().any(|line| line.starts_with("error ova-ovf-first (VMware): ")), "{text}");
    let listed = stdout(&room.lint(&["--rules", "--output", "json"]).code(0));
    let document: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(document["rules"].as_array().unwrap().len(), text.lines().count());
}

const DESCRIPTOR: &str = "# Disk DescriptorFile\nversion=1\nCID=1a2b3c4d\nparentCID=ffffffff\n\
createType=\"monolithicFlat\"\n\n# Extent description\nRW 4 FLAT \"flat\" 0\n\n# The Disk Data Base\n#DDB\n\n\
ddb.adapterType = \"lsilogic\"\n";
