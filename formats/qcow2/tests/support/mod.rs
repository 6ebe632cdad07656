//! Disks to write and QEMU's tools to judge them: shared by the containers' tests.
#![allow(dead_code, unreachable_pub, reason = "tests are crates of their own, and use what they need")]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use diskwright_core::engine::{Engine, OutputEntry};
use diskwright_core::format::{Machine, TargetFormat};
use diskwright_core::layout::{DiskLayout, LayoutBuilder};
use diskwright_core::sink::{DirectorySink, Overwrite};
use diskwright_core::tree::{Findings, TreeBuilder};
use diskwright_core::{Files, Monitor, Result, Seed, Timestamp};

#[path = "../../../../core/tests/oracle/mod.rs"]
pub mod oracle;

/// A disk that is zero but for its parts, which ascend.
#[derive(Clone)]
pub struct Disk {
    pub size: u64,
    pub parts: Vec<(u64, Vec<u8>)>,
}

impl Disk {
    pub fn layout(&self) -> DiskLayout {
        let (tree, _) = TreeBuilder::new(Findings::default()).finish().unwrap();
        let mut builder = LayoutBuilder::new(Arc::new(tree));
        for (start, bytes) in &self.parts {
            builder.zeros_to(*start, "gap").unwrap();
            builder.bytes(bytes.clone(), "data").unwrap();
        }
        builder.finish(self.size).unwrap()
    }

    /// The bytes that the disk has at `start..start+len`.
    pub fn bytes(&self, start: u64, len: u64) -> Vec<u8> {
        let mut all = vec![0; len as usize];
        for (at, part) in &self.parts {
            let (from, to) = (start.max(*at), (start + len).min(at + part.len() as u64));
            if from < to {
                let (source, target) = ((from - at) as usize, (from - start) as usize);
                let len = (to - from) as usize;
                all[target..target + len].copy_from_slice(&part[source..source + len]);
            }
        }
        all
    }

    /// Everything that a container meets, up to `size`: text, noise, constants, zeros that only reading shows, a tail.
    pub fn mixed(size: u64) -> Self {
        let mut bytes = Vec::new();
        let mut kind = 0;
        while (bytes.len() as u64) < size {
            let len = [70_000, 4096, 300_000, 65_536, 1 << 20, 9_000, 3 << 20][kind % 7];
            match kind % 5 {
                0 => bytes.extend(text(len)),
                1 => bytes.extend(noise(len, kind as u32 + 1)),
                2 => bytes.resize(bytes.len() + len, 0),
                3 => bytes.resize(bytes.len() + len, 0xA5),
                _ => bytes.extend(text(len / 3).into_iter().chain(noise(len / 2, 77))),
            }
            kind += 1;
        }
        bytes.truncate(size as usize);
        Self { size, parts: vec![(0, bytes)] }
    }
}

pub fn text(len: usize) -> Vec<u8> {
    let mut line = 0_u32;
    let mut out = Vec::with_capacity(len + 80);
    while out.len() < len {
        line = line.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        out.extend(format!("{:08x} /usr/share/doc/package-{}/changelog.gz\n", line, line >> 22).bytes());
    }
    out.truncate(len);
    out
}

pub fn noise(len: usize, seed: u32) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    };
    (0..len).map(|_| next() as u8).collect()
}

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
