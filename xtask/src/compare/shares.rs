//! Where the processor's time of our generations goes: `perf` looks two thousand times a second.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail, ensure};

use super::jobs::{JOBS, Job};
use super::{Options, Programs, Tree};
use crate::workspace::Workspace;
use crate::{command, oracles};

/// Prints a table of the jobs of a comparison, and writes it into the target directory, of both trees and of one run each, or as
/// `words` say: `--tree TREE`, `--runs N`, `--only JOB`.
pub(crate) fn run(workspace: &Workspace, words: &[&str]) -> Result<()> {
    let options = Options::parse(words, 1)?;
    options.check(&JOBS.iter().map(|job| job.key).collect::<Vec<_>>())?;
    if command::program("perf").is_none() {
        bail!("perf is missing: apt-get install linux-perf");
    }
    oracles::install_for_comparison()?;
    let trees = Tree::all(&options.trees, workspace)?;
    let programs = Programs::build(workspace)?;
    let mut text = HEAD.to_owned();
    for tree in &trees {
        let stage = programs.stage(workspace, "shares", tree);
        let record = stage.directory.with_extension("perf");
        tree.warm(&stage.directory)?;
        for job in JOBS.iter().filter(|job| options.wants(job.key)) {
            println!("{}, {} …", tree.name, job.name);
            let watched = [("SCRIPT", job.script()), ("RECORD", record.display().to_string())];
            let mut shares = Shares::default();
            for _ in 0..options.runs {
                stage.run(WATCHED, &watched, &[&format!("o/{}", job.output)])?;
                shares.add(&samples(&record)?, &mut |file| std::fs::read(file).unwrap_or_default());
            }
            text += &row(tree, job, &shares)?;
        }
    }
    println!("\n{text}");
    let results = workspace.target.join("shares.md");
    std::fs::write(&results, &text)?;
    println!("written to {}", results.display());
    Ok(())
}

/// What `perf` has seen: mappings of programs, and places in them.
fn samples(record: &Path) -> Result<String> {
    let mut script = Command::new("perf");
    script.arg("script").arg("--input").arg(record).args(["--show-mmap-events", "--fields", "pid,ip,sym"]);
    command::output(&mut script)
}

/// Samples by who was at work.
#[derive(Debug, Default, PartialEq)]
struct Shares {
    codec: u64,
    kernel: u64,
    hash: u64,
    rest: u64,
}

impl Shares {
    /// Counts what `perf script` says; `code` gives the bytes of a file, none of what is no file.
    fn add(&mut self, said: &str, code: &mut dyn FnMut(&str) -> Vec<u8>) {
        let mut mappings: Vec<Mapping> = Vec::new();
        let mut files: HashMap<String, Vec<u8>> = HashMap::new();
        for line in said.lines() {
            if let Some((_, mapping)) = line.split_once("PERF_RECORD_MMAP") {
                mappings.extend(Mapping::of(mapping));
                continue;
            }
            let Some(sample) = Sample::of(line) else { continue };
            let mut comes_from_the_kernel = || {
                let mapping = mappings.iter().rev().find(|mapping| mapping.has(&sample));
                let Some(mapping) = mapping else { return false };
                let bytes = files.entry(mapping.file.clone()).or_insert_with(|| code(&mapping.file));
                let at = (sample.address - mapping.start + mapping.offset) as usize;
                at.checked_sub(SYSCALL.len()).and_then(|from| bytes.get(from..at)) == Some(SYSCALL)
            };
            let is_one_of = |parts: &[&str]| parts.iter().any(|part| sample.symbol.contains(part));
            let count = if sample.address >= KERNEL {
                &mut self.kernel
            } else if CODEC_STARTS.iter().any(|start| sample.symbol.starts_with(start)) || is_one_of(CODECS) {
                &mut self.codec
            } else if is_one_of(HASHES) {
                &mut self.hash
            } else if comes_from_the_kernel() {
                &mut self.kernel
            } else {
                &mut self.rest
            };
            *count += 1;
        }
    }
}

/// A part of a file in the memory of a program.
struct Mapping {
    process: String,
    start: u64,
    len: u64,
    /// Of the part in the file.
    offset: u64,
    file: String,
}

impl Mapping {
    /// From ` PID/TID: [0xSTART(0xLEN) @ 0xOFFSET …]: PROTECTION FILE`, with a `2` before or not.
    fn of(text: &str) -> Option<Self> {
        let (process, place) = text.trim_start_matches('2').split_once("/")?;
        let (place, file) = place.split_once('[')?.1.split_once("]: ")?;
        let mut words = place.split_whitespace();
        let (start, len) = words.next()?.strip_suffix(')')?.split_once('(')?;
        let offset = words.nth(1)?;
        let number = |digits: &str| u64::from_str_radix(digits.trim_start_matches("0x"), 16).ok();
        Some(Self {
            process: process.trim().to_owned(),
            start: number(start)?,
            len: number(len)?,
            offset: number(offset)?,
            file: file.split_once(' ')?.1.to_owned(),
        })
    }

    fn has(&self, sample: &Sample<'_>) -> bool {
        let inside = sample.address.checked_sub(self.start).is_some_and(|inside| inside < self.len);
        inside && self.process == sample.process
    }
}

struct Sample<'a> {
    process: &'a str,
    address: u64,
    symbol: &'a str,
}

impl<'a> Sample<'a> {
    /// From `PID ADDRESS SYMBOL`.
    fn of(line: &'a str) -> Option<Self> {
        let (process, place) = line.trim().split_once(' ')?;
        let (address, symbol) = place.trim_start().split_once(' ')?;
        Some(Self { process, address: u64::from_str_radix(address, 16).ok()?, symbol })
    }
}

fn row(tree: &Tree, job: &Job, shares: &Shares) -> Result<String> {
    let Shares { codec, kernel, hash, rest } = shares;
    let all = codec + kernel + hash + rest;
    ensure!(all > 0, "perf has seen nothing of {}", job.name);
    let part = |count: u64| format!("{:.1} %", 100.0 * count as f64 / all as f64);
    let (name, both) = (&tree.name, part(codec + kernel));
    let cells = [part(*codec), part(*kernel), both, part(*hash), part(*rest)].join(" | ");
    Ok(format!("| {name}, {} | {cells} | {all} |\n", job.name))
}

const HEAD: &str =
    "| tree, job | codec | kernel | both | hashes | rest | samples |\n|---|---|---|---|---|---|---|\n";
const WATCHED: &str = "perf record --quiet --freq 2000 --output \"$RECORD\" -- sh -euc \"$SCRIPT\"";
/// The instruction of x86-64 behind which a program goes on after the kernel. Where a clock tells `perf` when to look, the kernel's
/// way back, on which the clock waits, is put down to what comes after it.
const SYSCALL: &[u8] = &[0x0f, 0x05];
/// How functions of zstd and libdeflate begin.
const CODEC_STARTS: &[&str] = &["ZSTD_", "HUF_", "FSE_", "HIST_", "libdeflate_", "deflate_"];
/// Codecs in Rust, one of them our own.
const CODECS: &[&str] = &["pipeline::deflate", "zlib_rs", "lz4_flex", "lzma_rust2", "bz2"];
/// Where the kernel's half of all addresses begins.
const KERNEL: u64 = 1 << 63;
const HASHES: &[&str] = &["blake3", "sha2::", "sha1::"];

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "\
          sh PERF_RECORD_MMAP2 7/7: [0x1000(0x100) @ 0x200 fe:00 6185076 1173413800]: r-xp /bin/a program
          sh PERF_RECORD_MMAP2 7/7: [0x9000(0x100) @ 0 00:00 0 0]: r-xp [vdso]
           c PERF_RECORD_MMAP 8/8: [0x1000(0x100) @ 0 fe:00 1 1]: r-xp /bin/another
     7 ffffffff815b9915 vm_mmap_pgoff
     7 ffffffffc0a01234 ext4_file_read_iter
     7             1002 core::scan::stat
     7             1003 core::scan::stat
     7             1004 ZSTD_compressBlock_doubleFast
     7             1005 diskwright_core::pipeline::deflate::lazy
     7             1005 zlib_rs::deflate::medium
     7             1006 <sha2::sha256::x86_sha::State as core::ops::Fn<(A, B)>>::compress
    12             5000 nobody knows
";

    #[test]
    fn samples_are_counted_by_who_was_at_work() {
        let mut bytes = vec![0; 0x200];
        bytes.extend([0x0f, 0x05, 0x90, 0x90]);
        let mut asked = Vec::new();
        let mut shares = Shares::default();
        shares.add(SAID, &mut |file| {
            asked.push(file.to_owned());
            bytes.clone()
        });
        assert_eq!(shares, Shares { codec: 3, kernel: 3, hash: 1, rest: 2 });
        assert_eq!(asked, ["/bin/a program"]);
    }
}
