//! `diskwright capture` from outside: what it prints, what it refuses, and that its archive is a scan.

use std::fs;
use std::path::Path;

use assert_cmd::assert::Assert;

fn diskwright(folder: &Path, arguments: &[&str]) -> Assert {
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_diskwright"));
    command.current_dir(folder).args(arguments).assert()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A folder with a tree called `web`.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("web/etc")).unwrap();
    fs::write(folder.path().join("web/etc/hostname"), "web\n").unwrap();
    fs::write(folder.path().join("web/etc/.hostname.swp"), "half").unwrap();
    folder
}

#[test]
fn a_capture_is_a_scan_whose_machine_report_gives_the_memory() {
    let folder = folder();
    let at = folder.path();
    let captured =
        diskwright(at, &["capture", "--root", "web", "-o", "web.tar.zst", "--progress", "json"]).success();
    assert_eq!(text(&captured.get_output().stdout), "web.tar.zst\n");
    let errors = text(&captured.get_output().stderr);
    assert!(errors.contains(r#""phase":"finished""#), "{errors}");
    assert!(errors.contains("entries with"), "{errors}");
    let flags =
        ["--format", "raw", "--boot", "none", "--disk-size", "64M", "--seed", "s", "--timestamp", "1"];
    diskwright(at, &[&["generate", "--scan", "web.tar.zst", "--output", "out"], &flags[..]].concat())
        .success();
    let report: serde_json::Value =
        serde_json::from_slice(&fs::read(at.join("out/report.json")).unwrap()).unwrap();
    let memory = report.pointer("/profile/memory").unwrap();
    assert_eq!(memory.get("origin").and_then(|origin| origin.as_str()), Some("machine"), "{memory}");
    diskwright(at, &["verify", "out/web.raw", "--scan", "web.tar.zst"]).success();
}

#[test]
fn names_that_say_nothing_patterns_of_nothing_and_taken_names_are_refused() {
    let folder = folder();
    let at = folder.path();
    for (arguments, code, word) in [
        (&["-o", "web.zip"][..], 2, ".tar.zst"),
        (&["-o", "web.tar", "--exclude", "/"], 2, "excludes nothing"),
        (&["-o", "missing/web.tar"], 1, "missing/web.tar"),
        (&["-o", "taken.tar"], 1, "already a file"),
    ] {
        fs::write(at.join("taken.tar"), "").unwrap();
        let refused =
            diskwright(at, &[&["capture", "--root", "web"], arguments].concat()).failure().code(code);
        let errors = text(&refused.get_output().stderr);
        assert!(errors.contains(word), "{arguments:?}: {errors}");
    }
    assert_eq!(fs::read_dir(at).unwrap().count(), 2);
    diskwright(at, &["capture", "--root", "web", "-o", "taken.tar", "--force", "--exclude", "*.swp"])
        .success();
    let archive = fs::read(at.join("taken.tar")).unwrap();
    let has = |name: &[u8]| archive.windows(name.len()).any(|window| window == name);
    assert!(has(b"etc/hostname") && has(b".diskwright/machine.json") && !has(b".swp"));
}

#[test]
fn a_root_that_is_missing_or_the_kernels_is_refused_with_its_path() {
    let folder = folder();
    for (root, word) in [("nowhere", "nowhere"), ("/proc", "pseudo file system")] {
        let refused =
            diskwright(folder.path(), &["capture", "--root", root, "-o", "web.tar"]).failure().code(1);
        let errors = text(&refused.get_output().stderr);
        assert!(errors.contains(word), "{errors}");
        assert!(!folder.path().join("web.tar").exists());
    }
}
