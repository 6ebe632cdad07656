use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use diskwright_conformance::corpus::Disk;
use serde_json::Value;

use crate::tool::{path, run};

/// `qemu-img check -f KIND` finds nothing.
///
/// # Panics
/// If it finds something.
pub fn check(qemu_img: &Path, kind: &str, image: &str) {
    let out = run(qemu_img, &["check", "-f", kind, "--output=json", image]);
    let report: Value = serde_json::from_str(&out).unwrap();
    for (key, value) in report.as_object().unwrap() {
        if ["check-errors", "corruptions", "leaks"].contains(&key.as_str()) {
            assert_eq!(value, 0, "{image}: {out}");
        }
    }
}

/// `qemu-img info` as JSON.
///
/// # Panics
/// If the image cannot be opened.
pub fn info(qemu_img: &Path, image: &str) -> Value {
    serde_json::from_str(&run(qemu_img, &["info", "--output=json", image])).unwrap()
}

/// Converted to raw, the image has the disk's bytes; what lies between its parts is zero.
///
/// # Panics
/// With the first byte that differs.
pub fn assert_converts_back(qemu_img: &Path, kind: &str, image: &Path, disk: &Disk) {
    let raw = image.with_extension("converted");
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
    let blocks = file.metadata().unwrap().blocks();
    assert!(blocks * 512 <= data + (4 << 20), "{}: {blocks} blocks", image.display());
    std::fs::remove_file(raw).unwrap();
}
