//! Tree to finished image, by us and by others, side by side.
//!
//! Every side syncs its output inside the measured time and starts with a warm cache; runs alternate, ratios are made pair
//! by pair, and the median counts. The peer's raw disk between its two steps is not synced.

mod measure;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use measure::{Figures, median};
use serde_json::{Value, json};

use crate::workspace::Workspace;
use crate::{command, made};

/// Compares on the Debian tree, or on `tree`, in `runs` rounds; `false` when a ratio is above its target.
pub(crate) fn run(workspace: &Workspace, tree: Option<&str>, runs: usize) -> Result<bool> {
    let bench = Bench::prepare(workspace, tree)?;
    let mut rows = Vec::new();
    for job in JOBS {
        println!("{} …", job.name);
        rows.push(bench.compare(job, runs)?);
    }
    let mut pairs = Vec::new();
    for pair in PAIRS {
        println!("{} …", pair.name);
        pairs.push(bench.compare_pair(pair, runs)?);
    }
    let text = bench.markdown(&rows, &pairs, runs);
    println!("\n{text}");
    let results = workspace.target.join("compare");
    std::fs::create_dir_all(&results)?;
    std::fs::write(results.join("compare.md"), &text)?;
    let json = json!({
        "jobs": rows.iter().map(Row::to_json).collect::<Vec<_>>(),
        "pairs": pairs.iter().map(PairRow::to_json).collect::<Vec<_>>(),
    });
    std::fs::write(results.join("compare.json"), format!("{json:#}\n"))?;
    println!("written to {}", results.display());
    Ok(rows.iter().all(Row::is_reached) && pairs.iter().all(PairRow::is_reached))
}

/// One format, ours against a peer's.
struct Job {
    name: &'static str,
    /// Our options after `generate`.
    ours: &'static str,
    /// Our output.
    output: &'static str,
    /// What the peer does with the raw disk `disk.raw` to get `out`; nothing when the raw disk is the result.
    convert: &'static str,
    /// Codec and level of the limit.
    limit: (&'static str, u8),
    /// The most of the peer's time that ours may take.
    target: f64,
}

const JOBS: &[Job] = &[
    Job {
        name: "raw",
        ours: "--format raw",
        output: "m.raw",
        convert: "",
        limit: ("stored", 1),
        target: 0.60,
    },
    Job {
        name: "VDI",
        ours: "--format vdi",
        output: "m.vdi",
        convert: "qemu-img convert -f raw -O vdi disk.raw out",
        limit: ("stored", 1),
        target: 0.40,
    },
    Job {
        name: "QCOW2 deflate",
        ours: "--format qcow2 --compress",
        output: "m.qcow2",
        convert: "qemu-img convert -f raw -O qcow2 -c -m 8 -W disk.raw out",
        limit: ("deflate", 5),
        target: 0.25,
    },
    Job {
        name: "QCOW2 zstd",
        ours: "--format qcow2 --compress -O compression=zstd",
        output: "m.qcow2",
        convert: "qemu-img convert -f raw -O qcow2 -c -m 8 -W -o compression_type=zstd disk.raw out",
        limit: ("zstd", 3),
        target: 0.35,
    },
    Job {
        name: "VMDK stream-optimised",
        ours: "--format vmdk --compress",
        output: "m.vmdk",
        convert: "qemu-img convert -f raw -O vmdk -o subformat=streamOptimized disk.raw out",
        limit: ("zlib", 3),
        target: 0.13,
    },
];

/// Two formats from one order against each alone.
struct Pair {
    name: &'static str,
    formats: [&'static str; 2],
    flags: &'static str,
    /// Files of each alone.
    outputs: [&'static str; 2],
    /// Files of both together.
    together: [&'static str; 2],
    bound: Bound,
}

/// The most that both together may take.
#[derive(Clone, Copy)]
enum Bound {
    /// The sum of both alone, less this part of one pass that reads and tests for zero.
    LessReading(f64),
    /// This part of the sum of both alone.
    Part(f64),
}

const PAIRS: &[Pair] = &[
    Pair {
        name: "QCOW2 deflate + VMDK stream-optimised",
        formats: ["qcow2", "vmdk"],
        flags: "--compress",
        outputs: ["m.qcow2", "m.vmdk"],
        together: ["m.qcow2", "m.vmdk"],
        bound: Bound::LessReading(0.8),
    },
    Pair {
        name: "raw + VDI",
        formats: ["raw", "vdi"],
        flags: "",
        outputs: ["m.raw", "m.vdi"],
        together: ["m.raw", "m.vdi"],
        bound: Bound::LessReading(0.8),
    },
    Pair {
        name: "VirtualBox OVA + VMware OVA",
        formats: ["virtualbox", "vmware"],
        flags: "--compress",
        outputs: ["m.ova", "m.ova"],
        together: ["m-virtualbox.ova", "m-vmware.ova"],
        bound: Bound::Part(0.62),
    },
];

/// Where and with what is measured.
struct Bench {
    ours: PathBuf,
    limit: PathBuf,
    tree: PathBuf,
    directory: PathBuf,
    raw: PathBuf,
    threads: usize,
}

impl Bench {
    fn prepare(workspace: &Workspace, tree: Option<&str>) -> Result<Self> {
        let build = ["build", "--locked", "--release", "--package", "diskwright-cli", "--bin", "diskwright"];
        command::run(&mut workspace.cargo(&build))?;
        let build = ["build", "--locked", "--release", "--package", "diskwright-benches", "--bin", "limit"];
        command::run(&mut workspace.cargo(&build))?;
        let tree = match tree {
            Some(tree) => PathBuf::from(tree).canonicalize().context(tree.to_owned())?,
            None => made::TREE.make(workspace)?.join("root"),
        };
        let base = workspace.target.join("compare");
        let bench = Self {
            ours: workspace.target.join("release/diskwright"),
            limit: workspace.target.join("release/limit"),
            tree,
            directory: base.join("run"),
            raw: base.join("raw"),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
        };
        std::fs::create_dir_all(&bench.raw)?;
        // The chunks of the limit, and a warm cache.
        let script = format!("{} --force", bench.generate("--format raw", &bench.raw));
        command::run(Command::new("sh").args(["-euc", &script]).stdout(std::process::Stdio::null()))?;
        Ok(bench)
    }

    fn generate(&self, format: &str, output: &Path) -> String {
        format!(
            "{} generate --scan {} {format} --boot none --disk-size {DISK} --name m --seed compare --timestamp 1700000000 \
             --progress none --output {}",
            self.ours.display(),
            self.tree.display(),
            output.display()
        )
    }

    fn ours(&self, format: &str, outputs: &[&str]) -> Result<Figures> {
        let names: Vec<String> = outputs.iter().map(|name| format!("o/{name}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        measure::run(&self.generate(format, Path::new("o")), &self.directory, &names)
    }

    fn compare(&self, job: &'static Job, runs: usize) -> Result<Row> {
        let tree = self.tree.display();
        let make = format!("truncate -s {DISK} disk.raw; mke2fs -q -t ext4 -d {tree} disk.raw");
        let (peer, output) = match job.convert {
            "" => (format!("{make}; sync disk.raw"), "disk.raw"),
            convert => (format!("{make}; {convert}; sync out"), "out"),
        };
        let (mut ours, mut theirs, mut limits) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..runs {
            ours.push(self.ours(job.ours, &[job.output])?);
            theirs.push(measure::run(&peer, &self.directory, &[output])?);
            limits.push(self.limit(job.limit)?);
        }
        Ok(Row { job, ours, theirs, limits })
    }

    /// Seconds that the limit takes on all processors.
    fn limit(&self, (codec, level): (&str, u8)) -> Result<Limit> {
        let mut limit = Command::new(&self.limit);
        let scratch = self.directory.with_extension("limit");
        limit.arg(&self.tree).arg(self.raw.join("m.raw")).arg(codec);
        limit.arg(level.to_string()).arg("65536").arg(scratch);
        let told: Value = serde_json::from_str(&command::output(&mut limit)?)?;
        let part = |name: &str| told.get(name).and_then(Value::as_f64).context("the limit lacks a part");
        let threads = self.threads as f64;
        let total = part("read")? + part("encode")? + part("write")?;
        Ok(Limit { seconds: total / threads, read: part("read")? / threads })
    }

    fn compare_pair(&self, pair: &'static Pair, runs: usize) -> Result<PairRow> {
        let [one, other] = pair.formats;
        let (mut alone, mut together, mut reads) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..runs {
            let order = |formats: &str| format!("{formats} {}", pair.flags);
            let first = self.ours(&order(&format!("--format {one}")), &[pair.outputs[0]])?;
            let second = self.ours(&order(&format!("--format {other}")), &[pair.outputs[1]])?;
            let both = self.ours(&order(&format!("--format {one} --format {other}")), &pair.together)?;
            alone.push(first.wall + second.wall);
            together.push(both.wall);
            reads.push(self.limit(("stored", 1))?.read);
        }
        Ok(PairRow { pair, alone, together, reads })
    }

    fn markdown(&self, rows: &[Row], pairs: &[PairRow], runs: usize) -> String {
        let mut text = String::new();
        let version = |program: &str| {
            let said = Command::new(program).arg("--version").output().ok();
            let said = said.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
            said.and_then(|said| said.lines().next().map(str::to_owned)).unwrap_or_default()
        };
        let mke2fs = Command::new("mke2fs").arg("-V").output().ok();
        let mke2fs = mke2fs.map(|output| String::from_utf8_lossy(&output.stderr).into_owned());
        let mke2fs = mke2fs.as_deref().and_then(|said| said.lines().next()).unwrap_or_default().to_owned();
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "{} processors, {runs} alternating runs, medians, ratios pair by pair; {}; {mke2fs}; warm cache, outputs synced.\n",
            self.threads,
            version("qemu-img"),
        );
        text += "| job | ours | peer | ratio | target | limit | ours / limit | CPU ours / peer | memory ours / peer | size ours / peer | temporary ours / peer |\n";
        text += "|---|---|---|---|---|---|---|---|---|---|---|\n";
        for row in rows {
            let _ = writeln!(text, "{}", row.to_markdown());
        }
        text += "\n| one order | together | each alone, added | bound | |\n|---|---|---|---|---|\n";
        for pair in pairs {
            let _ = writeln!(text, "{}", pair.to_markdown());
        }
        text
    }
}

/// What the limit takes, in seconds on all processors.
struct Limit {
    seconds: f64,
    read: f64,
}

struct Row {
    job: &'static Job,
    ours: Vec<Figures>,
    theirs: Vec<Figures>,
    limits: Vec<Limit>,
}

impl Row {
    /// The median of our time over the peer's, run by run.
    fn ratio(&self) -> f64 {
        median(self.ours.iter().zip(&self.theirs).map(|(ours, theirs)| ours.wall / theirs.wall))
    }

    fn over_limit(&self) -> f64 {
        median(self.ours.iter().zip(&self.limits).map(|(ours, limit)| ours.wall / limit.seconds))
    }

    /// Output bytes, ours over the peer's.
    fn size(&self) -> f64 {
        Figures::median(&self.ours).output as f64 / Figures::median(&self.theirs).output as f64
    }

    fn is_reached(&self) -> bool {
        self.ratio() <= self.job.target && self.size() <= MAX_SIZE
    }

    fn to_markdown(&self) -> String {
        let (ours, theirs) = (Figures::median(&self.ours), Figures::median(&self.theirs));
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        format!(
            "| {} | {:.2} s | {:.2} s | **{:.3}** | {:.2} | {:.2} s | {:.2} | {:.2} / {:.2} s | {:.0} / {:.0} MiB | {:.1} / {:.1} MiB | {:.0} / {:.0} MiB |",
            self.job.name,
            ours.wall,
            theirs.wall,
            self.ratio(),
            self.job.target,
            median(self.limits.iter().map(|limit| limit.seconds)),
            self.over_limit(),
            ours.cpu,
            theirs.cpu,
            mib(ours.memory),
            mib(theirs.memory),
            mib(ours.output),
            mib(theirs.output),
            mib(ours.temporary),
            mib(theirs.temporary),
        )
    }

    fn to_json(&self) -> Value {
        let figures = |runs: &[Figures]| {
            let median = Figures::median(runs);
            json!({"wall": median.wall, "cpu": median.cpu, "memory": median.memory, "output": median.output,
                   "temporary": median.temporary})
        };
        json!({
            "job": self.job.name, "ours": figures(&self.ours), "peer": figures(&self.theirs), "ratio": self.ratio(),
            "target": self.job.target, "over_limit": self.over_limit(), "size": self.size(), "reached": self.is_reached(),
        })
    }
}

struct PairRow {
    pair: &'static Pair,
    /// Seconds of both alone, added.
    alone: Vec<f64>,
    together: Vec<f64>,
    /// Seconds of a pass that reads and tests for zero.
    reads: Vec<f64>,
}

impl PairRow {
    fn bound(&self) -> f64 {
        let alone = median(self.alone.iter().copied());
        match self.pair.bound {
            Bound::LessReading(part) => alone - part * median(self.reads.iter().copied()),
            Bound::Part(part) => alone * part,
        }
    }

    fn is_reached(&self) -> bool {
        median(self.together.iter().copied()) <= self.bound()
    }

    fn to_markdown(&self) -> String {
        let together = median(self.together.iter().copied());
        let alone = median(self.alone.iter().copied());
        let verdict = if self.is_reached() { "reached" } else { "missed" };
        let name = self.pair.name;
        format!("| {name} | {together:.2} s | {alone:.2} s | {:.2} s | {verdict} |", self.bound())
    }

    fn to_json(&self) -> Value {
        json!({
            "pair": self.pair.name, "together": median(self.together.iter().copied()),
            "alone": median(self.alone.iter().copied()), "bound": self.bound(), "reached": self.is_reached(),
        })
    }
}

const DISK: &str = "4G";
/// An output may be this much of the peer's.
const MAX_SIZE: f64 = 1.02;
