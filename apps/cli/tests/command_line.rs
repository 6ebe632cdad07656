//! The program from outside: exit codes, messages, what goes to which stream.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use assert_cmd::assert::Assert;
use tempfile::TempDir;

/// A scan of two files and a place for outputs.
struct Room {
    directory: TempDir,
}

impl Room {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory.path().join("web/etc")).unwrap();
        fs::write(directory.path().join("web/etc/hostname"), "web\n").unwrap();
        fs::write(directory.path().join("web/data"), vec![7; 100_000]).unwrap();
        Self { directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// `diskwright COMMAND --scan web --boot none --seed s --timestamp 1 MORE`.
    fn command(&self, command: &str, more: &[&str]) -> Command {
        let mut process = Command::new(PROGRAM);
        process.env_remove("SOURCE_DATE_EPOCH").current_dir(self.directory.path());
        process.args([command, "--scan", "web", "--boot", "none", "--seed", "s"]).args(more);
        process
    }

    fn generate(&self, more: &[&str]) -> Assert {
        let mut command = self.command("generate", &["--output", "out", "--timestamp", "1"]);
        command.args(more);
        assert_cmd::Command::from_std(command).assert()
    }

    fn report(&self) -> serde_json::Value {
        serde_json::from_slice(&fs::read(self.path("out/report.json")).unwrap()).unwrap()
    }
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_diskwright");

fn diskwright(arguments: &[&str]) -> Assert {
    assert_cmd::Command::new(PROGRAM).args(arguments).assert()
}

fn stdout(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

fn stderr(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

#[test]
fn usage_errors_end_with_2_and_say_what_is_wrong() {
    let room = Room::new();
    for (arguments, word) in [
        (&["--format", "raw", "--colour", "red"][..], "--colour"),
        (&["--format", "raw", "--disk-size", "10"], "unit"),
        (&["--format", "raw", "--disk-size", "10GB"], "two readings"),
        (&["--format", "raw", "--memory", "1G"], "MiB"),
        (&["--format", "raw", "--cpus", "0"], "--cpus"),
        (&["--format", "raw", "--firmware", "openboot"], "openboot"),
        (&["--format", "raw", "--sector-size", "1024"], "1024"),
        (&["--format", "raw", "--threads", "0"], "--threads"),
        (&["--format", "raw", "--threads", "257"], "--threads"),
        (&["--format", "raw", "--name", "a/b"], "--name"),
        (&["--format", "raw", "--kernel-parameter", "a b"], "--kernel-parameter"),
        (&["--format", "raw", "--progress", "loud"], "loud"),
        (&["--format", "no-such-format"], "no-such-format"),
        (&["--format", "raw", "--format", "RAW"], "twice"),
        (&[], "--format"),
        (&["--format", "raw", "-O", "level"], "KEY=VALUE"),
        (&["--format", "raw", "-O", "colour=red"], "colour"),
        (&["--format", "raw", "-O", "raw.colour=red"], "colour"),
        (&["--format", "raw", "-O", "other.level=1"], "other"),
        (&["--format", "raw", "-O", "level=1000"], "level"),
    ] {
        let assert = room.generate(arguments).code(2);
        assert!(stderr(&assert).contains(word), "{arguments:?}: {}", stderr(&assert));
        assert!(stdout(&assert).is_empty());
    }
    assert!(!room.path("out").exists());
    diskwright(&[]).code(2);
    diskwright(&["generate", "--output", "x", "--format", "raw"]).code(2);
    diskwright(&["man", "no-such-command"]).code(2);
}

#[test]
fn several_problems_of_the_flags_are_told_at_once() {
    let room = Room::new();
    let assert = room.generate(&["--format", "raw", "--cpus", "0", "--disk-size", "1M", "--hostname", "a_b"]);
    let message = stderr(&assert.code(2));
    for flag in ["--cpus", "--disk-size", "--hostname"] {
        assert!(message.contains(flag), "{flag}: {message}");
    }
}

#[test]
fn what_cannot_be_read_ends_with_1_and_its_name() {
    let room = Room::new();
    room.file("bad.json", r#"{"memory": 5, "colour": "red"}"#);
    room.file(
        "bad.xml",
        "<image><installProfile><timezoneCity>London</timezoneCity></installProfile></image>",
    );
    for (arguments, words) in [
        (&["--profile", "absent.json"][..], &["absent.json"][..]),
        (&["--profile", "bad.json"], &["bad.json", "memory", "colour"]),
        (&["--request", "bad.xml"], &["bad.xml", "installProfile.timezoneCity"]),
        (&["--machine", "bad.xml"], &["bad.xml"]),
        (&["--boot-files", "absent"], &["absent"]),
        (&["--scan", "absent.tar"], &["absent.tar"]),
    ] {
        let assert = room.generate(&[&["--format", "raw"][..], arguments].concat()).code(1);
        let message = stderr(&assert);
        assert!(words.iter().all(|word| message.contains(word)), "{arguments:?}: {message}");
    }
    assert!(!room.path("out").exists());
}

#[test]
fn outputs_are_named_on_standard_output_the_report_last() {
    let room = Room::new();
    let assert = room.generate(&["--format", "raw", "--disk-size", "64M"]).success();
    assert_eq!(stdout(&assert), "out/web.raw\nout/report.json\n");
    assert_eq!(fs::metadata(room.path("out/web.raw")).unwrap().len(), 64 << 20);
    let report = room.report();
    assert_eq!(report["seed"], "s");
    assert_eq!(report["timestamp"], 1);
    assert_eq!(report["profile"]["disk_size"], serde_json::json!({"value": "64M", "origin": "flag"}));
}

#[test]
fn files_that_stand_there_are_replaced_only_by_force_and_a_seed_gives_the_same_bytes() {
    let room = Room::new();
    let arguments = ["--format", "raw", "--disk-size", "64M"];
    room.generate(&arguments).success();
    let first = fs::read(room.path("out/web.raw")).unwrap();
    let refused = room.generate(&arguments).code(1);
    assert!(stderr(&refused).contains("--force"), "{}", stderr(&refused));
    fs::remove_file(room.path("out/report.json")).unwrap();
    let refused = room.generate(&arguments).code(1);
    assert!(stderr(&refused).contains("web.raw"), "{}", stderr(&refused));
    room.generate(&[&arguments[..], &["--force", "--threads", "3"]].concat()).success();
    assert!(fs::read(room.path("out/web.raw")).unwrap() == first, "other bytes");
}

#[test]
fn flags_come_before_the_request_and_the_request_before_the_profile() {
    let room = Room::new();
    room.file(
        "request.xml",
        "<ns0:image><targetFormat><name>Raw</name></targetFormat><installProfile><memorySize>512</memorySize>\
         <diskSize>64</diskSize></installProfile><mood>good</mood></ns0:image>",
    );
    room.file("profile.json", r#"{"memory": "2G", "cpus": 3, "disk_size": "96M", "name": "db"}"#);
    let layers = ["--request", "request.xml", "--profile", "profile.json", "--memory", "768"];
    let assert = room.generate(&layers).success();
    assert_eq!(stdout(&assert), "out/db.raw\nout/report.json\n");
    assert!(stderr(&assert).contains("mood"), "{}", stderr(&assert));
    let profile = &room.report()["profile"];
    assert_eq!(profile["memory"], serde_json::json!({"value": "768M", "origin": "flag"}));
    assert_eq!(profile["disk_size"], serde_json::json!({"value": "64M", "origin": "request"}));
    assert_eq!(profile["cpus"], serde_json::json!({"value": 3, "origin": "profile"}));
}

#[test]
fn a_request_asks_for_compression_and_a_hardware_type_needs_a_format_that_has_one() {
    let room = Room::new();
    let head = "<image><compress>true</compress><targetFormat><name>raw virtual disk</name></targetFormat>";
    room.file("plain.xml", &format!("{head}</image>"));
    room.file("hardware.xml", &format!("{head}<installProfile><hwType>9</hwType></installProfile></image>"));
    let refused = room.generate(&["--request", "hardware.xml"]).code(1);
    assert!(stderr(&refused).contains("hwType"), "{}", stderr(&refused));
    let assert = room.generate(&["--request", "plain.xml", "--disk-size", "64M"]).success();
    assert_eq!(stdout(&assert), "out/web.raw.gz\nout/report.json\n");
}

#[test]
fn a_request_for_a_product_gives_a_package_with_its_memory_and_hardware() {
    let room = Room::new();
    let request = |name: &str, profile: &str| {
        let head =
            format!("<ns0:image><compress>true</compress><targetFormat><name>{name}</name></targetFormat>");
        room.file("request.xml", &format!("{head}<installProfile>{profile}</installProfile></ns0:image>"));
    };
    let arguments = ["--request", "request.xml", "--disk-size", "64M"];
    request("VMware vCenter", "<memorySize>1026</memorySize>");
    let refused = room.generate(&arguments).code(1);
    assert!(stderr(&refused).contains("memorySize: "), "{}", stderr(&refused));
    // A flag goes before the request, and is named as it was given.
    let flag = room.generate(&[&arguments[..], &["--memory", "1030"]].concat()).code(2);
    assert!(stderr(&flag).contains("--memory: "), "{}", stderr(&flag));
    let products = [
        ("VirtualBox", "<memorySize>1026</memorySize>", "vmx-13", "1026 MB"),
        ("vmware server", "<memorySize>1028</memorySize><hwType>15</hwType>", "vmx-15", "1028 MB"),
    ];
    for (name, profile, family, memory) in products {
        request(name, profile);
        let assert = room.generate(&[&arguments[..], &["--force"]].concat()).success();
        assert_eq!(stdout(&assert), "out/web.ova\nout/report.json\n");
        let package = fs::read(room.path("out/web.ova")).unwrap();
        let package = String::from_utf8_lossy(&package);
        assert!(
            package.starts_with("web.ovf\0") && package.contains(family) && package.contains(memory),
            "{name}"
        );
    }
}

#[test]
fn the_timestamp_is_source_date_epoch_where_no_flag_says_otherwise() {
    let room = Room::new();
    let with_epoch = |epoch: &str| {
        let mut command = room.command("plan", &["--format", "raw", "--output", "json"]);
        command.env("SOURCE_DATE_EPOCH", epoch);
        assert_cmd::Command::from_std(command).assert()
    };
    let report: serde_json::Value = serde_json::from_str(&stdout(&with_epoch("86400").success())).unwrap();
    assert_eq!(report["timestamp"], 86400);
    let refused = with_epoch("yesterday").code(2);
    assert!(stderr(&refused).contains("SOURCE_DATE_EPOCH"));
}

#[test]
fn a_plan_tells_the_layout_and_writes_nothing() {
    let room = Room::new();
    let plan = |more: &[&str]| {
        let more = [&["--format", "raw", "--disk-size", "64M", "--timestamp", "1"], more].concat();
        stdout(&assert_cmd::Command::from_std(room.command("plan", &more)).assert().success())
    };
    let text = plan(&["--regions"]);
    for word in ["67108864 bytes", "ext4 at /", "web.raw", "ext4 superblock"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    let report: serde_json::Value = serde_json::from_str(&plan(&["--output", "json"])).unwrap();
    assert_eq!(report["outputs"][0]["path"], "web.raw");
    let names: Vec<_> =
        fs::read_dir(room.directory.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["web"]);
}

#[test]
fn progress_goes_to_standard_error_as_json_lines_that_end_at_100_percent() {
    let room = Room::new();
    let assert = room.generate(&["--format", "raw", "--disk-size", "64M", "--progress", "json"]).success();
    let lines: Vec<serde_json::Value> =
        stderr(&assert).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let percents: Vec<u64> = lines.iter().map(|line| line["percent"].as_u64().unwrap()).collect();
    assert!(percents.is_sorted(), "{percents:?}");
    let last = lines.last().unwrap();
    assert_eq!((last["phase"].as_str(), last["percent"].as_u64()), (Some("finished"), Some(100)));
    assert_eq!((last["done"].as_u64(), last["eta_s"].as_u64()), (last["total"].as_u64(), Some(0)));
    let quiet = room.generate(&["--format", "raw", "--disk-size", "64M", "--force"]).success();
    assert_eq!(stderr(&quiet), "", "no terminal, no bar");
}

#[test]
fn an_interrupt_ends_with_130_and_leaves_nothing() {
    let room = Room::new();
    // Enough to compress for many seconds: text of a simple generator.
    let mut state = 1_u32;
    let text: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b"abcdefghijklmnop"[(state >> 28) as usize]
    })
    .take(96 << 20)
    .collect();
    fs::write(room.path("web/data"), text).unwrap();
    let slow = ["--compress", "-O", "compression=zstd", "-O", "level=19", "--threads", "1"];
    let mut command = room.command("generate", &["--format", "raw", "--output", "out", "--progress", "json"]);
    let mut child = command.args(slow).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let writing = lines.by_ref().find(|line| line.as_ref().unwrap().contains("\"writing\""));
    assert!(writing.is_some(), "it was done before it could be cancelled");
    let interrupt = format!("kill -INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &interrupt]).status().unwrap().success());
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest:?}");
    assert!(!room.path("out").exists());
    assert!(rest.last().unwrap().contains("cancelled"), "{rest:?}");
}

#[test]
fn formats_are_listed_for_people_and_programs() {
    let text = stdout(&diskwright(&["formats"]).success());
    assert!(text.contains("raw") && text.contains("-O compression=gzip|zstd"), "{text}");
    let json: serde_json::Value =
        serde_json::from_str(&stdout(&diskwright(&["formats", "--output", "json"]).success())).unwrap();
    let formats = json["formats"].as_array().unwrap();
    assert!(formats.iter().any(|format| format["id"] == "raw" && format["options"][0]["key"].is_string()));
}

#[test]
fn completions_and_manual_pages_name_every_flag() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = stdout(&diskwright(&["completions", shell]).success());
        for flag in ["boot-files", "kernel-parameter", "partition-table", "sha256"] {
            assert!(script.contains(flag), "{shell}: {flag}");
        }
    }
    assert!(stdout(&diskwright(&["completions", "bash"])).contains("required optional none"));
    diskwright(&["completions", "no-such-shell"]).code(2);
    assert!(stdout(&diskwright(&["man"]).success()).contains(".TH diskwright 1"));
    let page = stdout(&diskwright(&["man", "generate"]).success());
    for flag in ["scan", "request", "disk\\-size", "boot\\-files", "progress"] {
        assert!(page.contains(&format!("\\-\\-{flag}")), "{flag}");
    }
}

#[test]
fn help_and_version_go_to_standard_output() {
    for arguments in [&["--help"][..], &["generate", "--help"], &["--version"]] {
        let assert = diskwright(arguments).success();
        assert!(!stdout(&assert).is_empty() && stderr(&assert).is_empty(), "{arguments:?}");
    }
}

#[test]
fn passwords_come_from_files_and_are_shown_nowhere() {
    let room = Room::new();
    let accounts = [
        ("passwd", "root:x:0:0:root:/root:/bin/sh\n"),
        ("shadow", "root:*:1::::::\n"),
        ("group", "root:x:0:\n"),
    ];
    for (name, text) in accounts {
        fs::write(room.path("web/etc").join(name), text).unwrap();
    }
    room.file("password", "secret one\nnot this line\n");
    let flags =
        ["--format", "raw", "--root-password-file", "password", "--user", "ann,password-file=password"];
    let told = room.generate(&flags).success();
    let report = fs::read_to_string(room.path("out/report.json")).unwrap();
    for secret in ["secret one", "$6$"] {
        assert!(!report.contains(secret) && !stderr(&told).contains(secret), "{secret}: {report}");
    }
    let report = room.report();
    assert_eq!(report["profile"]["users"]["value"][0]["name"], "ann");
    assert_eq!(report["profile"]["users"]["origin"], "flag");
    let edited = |path: &str| report["edits"].as_array().unwrap().iter().any(|edit| edit["path"] == path);
    assert!(edited("/etc/passwd") && edited("/etc/shadow") && edited("/home/ann"), "{report}");
    let plain = stderr(&room.generate(&["--format", "raw", "--force", "--user", "ann,password=x"]).code(2));
    assert!(plain.contains("passwords come from files"), "{plain}");
    let wrong = ["--format", "raw", "--force", "--timezone", "Mars/Base", "--nic", "address=10.0.0.1"];
    let wrong = stderr(&room.generate(&wrong).code(2));
    assert!(wrong.contains("--nic [0] addresses"), "{wrong}");
    let wrong = stderr(&room.generate(&["--format", "raw", "--force", "--timezone", "Mars/Base"]).code(2));
    assert!(wrong.contains("--timezone: the tree has no time zone"), "{wrong}");
}
