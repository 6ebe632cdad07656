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

/// What `perf` has seen: places in programs, each with those that it was called from, in paragraphs.
fn samples(record: &Path) -> Result<String> {
    let mut script = Command::new("perf");
    script.arg("script").arg("--input").arg(record);
    script.args(["--no-inline", "--fields", "ip,sym,dso"]);
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
        let mut files: HashMap<String, Vec<u8>> = HashMap::new();
        for sample in said.split("\n\n") {
            let mut places = sample.lines().filter_map(Place::of).peekable();
            let Some(innermost) = places.peek().copied() else { continue };
            // What is copied for somebody is theirs.
            let place = places.find(|place| !place.is_memory()).unwrap_or(innermost);
            let mut comes_from_the_kernel = || {
                let bytes = files.entry(place.file.to_owned()).or_insert_with(|| code(place.file));
                let before = (place.address as usize).checked_sub(SYSCALL.len());
                before.and_then(|from| bytes.get(from..place.address as usize)) == Some(SYSCALL)
            };
            let is_one_of = |parts: &[&str]| parts.iter().any(|part| place.symbol.contains(part));
            let count = if place.address >= KERNEL {
                &mut self.kernel
            } else if CODEC_STARTS.iter().any(|start| place.symbol.starts_with(start)) || is_one_of(CODECS) {
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

/// Where somebody was at work, or from where it was called.
#[derive(Clone, Copy)]
struct Place<'a> {
    /// In the file; in memory, where the kernel is.
    address: u64,
    symbol: &'a str,
    file: &'a str,
}

impl<'a> Place<'a> {
    /// From `ADDRESS SYMBOL (FILE)`.
    fn of(line: &'a str) -> Option<Self> {
        let (address, rest) = line.trim().split_once(' ')?;
        let (symbol, file) = rest.rsplit_once(" (")?;
        let address = u64::from_str_radix(address, 16).ok().filter(|address| *address != UNKNOWN)?;
        Some(Self { address, symbol, file: file.trim_end_matches(')') })
    }

    /// Whether it is a function of the C library that copies, fills or compares memory.
    fn is_memory(&self) -> bool {
        ["__mem", "mem"].iter().any(|start| self.symbol.starts_with(start)) && self.file.contains("libc")
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
const WATCHED: &str =
    "perf record --quiet --freq 2000 --call-graph dwarf,256 --output \"$RECORD\" -- sh -euc \"$SCRIPT\"";
/// The instruction of x86-64 behind which a program goes on after the kernel. Where a clock tells `perf` when to look, the kernel's
/// way back, on which the clock waits, is put down to what comes after it.
const SYSCALL: &[u8] = &[0x0f, 0x05];
/// How functions of zstd and libdeflate begin.
const CODEC_STARTS: &[&str] = &["ZSTD_", "HUF_", "FSE_", "HIST_", "libdeflate_", "deflate_"];
/// Codecs in Rust, one of them our own.
const CODECS: &[&str] = &["pipeline::deflate", "zlib_rs", "lz4_flex", "lzma_rust2", "bz2"];
/// Where the kernel's half of all addresses begins.
const KERNEL: u64 = 1 << 63;
/// What stands where `perf` does not know who called.
const UNKNOWN: u64 = u64::MAX;
const HASHES: &[&str] = &["blake3", "sha2::", "sha1::"];

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "\
\tffffffff815b9915 vm_mmap_pgoff ([kernel.kallsyms])
\tffffffff815f0cb8 ksys_mmap_pgoff ([kernel.kallsyms])

\t        202 core::scan::stat (/bin/a program)
\t        300 core::scan (/bin/a program)

\t        203 core::scan::stat (/bin/a program)

\t        204 ZSTD_compressBlock_doubleFast (/bin/a program)

\t        205 diskwright_core::pipeline::deflate::lazy (/bin/a program)

\t        205 zlib_rs::deflate::medium (/bin/a program)

\t        206 <sha2::sha256::x86_sha::State as core::ops::Fn<(A, B)>>::compress (/bin/a program)

\t     16db75 __memmove_avx512_unaligned_erms (/usr/lib/libc.so.6)
\t        204 ZSTD_decompressStream (/bin/a program)
\tffffffffffffffff [unknown] ([unknown])

\t     16db75 __memset_avx512_unaligned_erms (/usr/lib/libc.so.6)
\t        207 core::scan::stat (/bin/a program)

\t     5000 nobody knows ([unknown])

\t     16db75 __memmove_avx512_unaligned_erms (/usr/lib/libc.so.6)
\tffffffffffffffff [unknown] ([unknown])

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
        assert_eq!(shares, Shares { codec: 4, kernel: 2, hash: 1, rest: 4 });
        assert_eq!(asked, ["/bin/a program", "[unknown]", "/usr/lib/libc.so.6"]);
    }
}
