//! The examples do what they say, on the small machine of the fixtures.

use std::path::{Path, PathBuf};
use std::process::Command;

const SCAN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/valid/small-machine.tar");

/// Runs an example, which cargo builds together with the tests, and gives what it prints.
fn run(name: &str, arguments: &[&Path]) -> String {
    let test = std::env::current_exe().unwrap();
    let program = test.ancestors().nth(2).unwrap().join("examples").join(name);
    let output = Command::new(&program).args(arguments).output().unwrap_or_else(|error| {
        panic!("{}: {error}; `cargo test -p diskwright` builds the examples", program.display())
    });
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn names(directory: &Path) -> Vec<String> {
    let entries =
        directory.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = entries.collect();
    names.sort();
    names
}

/// A directory, and a path in it for outputs.
fn room() -> (tempfile::TempDir, PathBuf) {
    let room = tempfile::tempdir().unwrap();
    let out = room.path().join("out");
    (room, out)
}

#[test]
fn smallest() {
    let (_room, out) = room();
    let printed = run("smallest", &[Path::new(SCAN), &out]);
    assert!(printed.contains("\"schema\": \"diskwright-report/1\""), "{printed}");
    assert_eq!(names(&out), ["disk.raw", "report.json"]);
}

#[test]
fn several_formats() {
    let (_room, out) = room();
    let printed = run("several_formats", &[Path::new(SCAN), &out]);
    // The two packages would have one name: all formats of the order are told apart.
    let files = ["machine-qcow2.qcow2", "machine-virtualbox.ova", "machine-vmware.ova", "report.json"];
    assert_eq!(names(&out), files, "{printed}");
    assert_eq!(printed.lines().count(), 3, "{printed}");
}

#[test]
fn own_sink() {
    let printed = run("own_sink", &[Path::new(SCAN)]);
    let disk = printed.lines().find(|line| line.starts_with("disk.raw: ")).unwrap();
    let numbers: Vec<u64> = disk.split(' ').filter_map(|word| word.parse().ok()).collect();
    // The disk is larger than what is on it.
    assert!(numbers.len() == 3 && numbers[0] >= 1 << 30 && numbers[1] < 64 << 20 && numbers[2] > 1, "{disk}");
    assert!(printed.contains("report.json: "), "{printed}");
}

#[test]
fn own_source() {
    let (_room, out) = room();
    let printed = run("own_source", &[&out]);
    assert!(printed.starts_with("memory.qcow2 "), "{printed}");
    assert_eq!(names(&out), ["memory.qcow2", "report.json"]);
    let (_other_room, again) = room();
    assert_eq!(run("own_source", &[&again]), printed);
}

#[test]
fn progress_and_cancel() {
    let (_room, out) = room();
    let printed = run("progress_and_cancel", &[Path::new(SCAN), &out]);
    assert_eq!(printed, "1 first: first.raw.gz\n2 second: cancelled\n3 third: third.raw.gz\n");
    // Nothing is left of the second, nor its directory.
    assert_eq!(names(&out), ["first", "third"]);
    assert_eq!(names(&out.join("third")), ["report.json", "third.raw.gz"]);
}
