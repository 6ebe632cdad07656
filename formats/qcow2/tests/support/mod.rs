//! QEMU's tools, which judge what is written: shared by the containers' tests.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "tests are crates of their own, and use what they need"
)]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

pub use diskwright_conformance::corpus::{Disk, noise, text};
use diskwright_core::engine::{Engine, OutputEntry};
use diskwright_core::format::{Machine, TargetFormat};
use diskwright_core::layout::DiskLayout;
use diskwright_core::sink::{DirectorySink, Overwrite};
use diskwright_core::{Files, Monitor, Result, Seed, Timestamp};

#[path = "../../../../core/tests/oracle/mod.rs"]
pub mod oracle;

/// Writes `disks` to files of `directory`, whose name is the machine's.
pub fn write(
    format: &dyn TargetFormat,
    disks: &[DiskLayout],
    directory: &Path,
    threads: usize,
) -> Result<Vec<OutputEntry>> {
    let sink = DirectorySink::create(Files::default(), directory, Overwrite::Refuse)?;
    let machine = Machine::new("disk", Seed::from_text("conformance"), Timestamp::from_seconds(0));
    Engine::new().with_threads(threads).write_disks(disks, format, &machine, Box::new(sink), &Monitor::new())
}

/// What `tool` prints; it must succeed.
pub fn run(tool: &Path, arguments: &[&str]) -> String {
    let output = Command::new(tool).args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{tool:?} {arguments:?}: {out}{errors}");
    out
}

/// `qemu-img check` finds nothing.
pub fn check(qemu_img: &Path, kind: &str, image: &str) {
    let out = run(qemu_img, &["check", "-f", kind, "--output=json", image]);
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    for (key, value) in report.as_object().unwrap() {
        if ["check-errors", "corruptions", "leaks"].contains(&key.as_str()) {
            assert_eq!(value, 0, "{image}: {out}");
        }
    }
}

/// `qemu-img info` as JSON.
pub fn info(qemu_img: &Path, image: &str) -> serde_json::Value {
    serde_json::from_str(&run(qemu_img, &["info", "--output=json", image])).unwrap()
}

/// Converted to raw, the image has the disk's bytes; what lies between its parts is zero.
pub fn assert_converts_back(qemu_img: &Path, kind: &str, image: &Path, disk: &Disk) {
    let raw: PathBuf = image.with_extension("converted");
    run(qemu_img, &["convert", "-f", kind, "-O", "raw", path(image), path(&raw)]);
    let file = File::open(&raw).unwrap();
    assert_eq!(file.metadata().unwrap().len(), disk.size);
    let mut windows: Vec<(u64, u64)> = vec![(0, disk.size.min(1 << 20))];
    for (start, bytes) in &disk.parts {
        let from = start.saturating_sub(1 << 20);
        windows.push((from, (start + bytes.len() as u64 + (1 << 20)).min(disk.size)));
    }
    for (start, end) in windows {
        let mut bytes = vec![0; (end - start) as usize];
        file.read_exact_at(&mut bytes, start).unwrap();
        let expected = disk.bytes(start, end - start);
        if let Some(at) = bytes.iter().zip(&expected).position(|(a, b)| a != b) {
            panic!("{}: byte {:#x} differs", image.display(), start + at as u64);
        }
    }
    // Elsewhere qemu-img saw only zeros: the raw file is sparse there.
    let data: u64 = disk.parts.iter().map(|(_, bytes)| bytes.len() as u64 + (4 << 20)).sum();
    let blocks = std::os::unix::fs::MetadataExt::blocks(&file.metadata().unwrap());
    assert!(blocks * 512 <= data + (4 << 20), "{}: {blocks} blocks", image.display());
    std::fs::remove_file(raw).unwrap();
}

pub fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
