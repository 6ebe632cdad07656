//! Tree to finished image, by us and by others, side by side.
//!
//! Every side syncs its output inside the measured time and starts with a warm cache; runs alternate, ratios are made pair
//! by pair, and the median counts. The peer's raw disk between its two steps is not synced.

mod jobs;
mod measure;
mod row;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use jobs::{JOBS, Job, PAIRS, Pair};
use measure::Figures;
use row::{Cost, Limit, PairRow, Row};
use serde_json::{Value, json};

use crate::workspace::Workspace;
use crate::{command, made};

/// Compares on the Debian tree in five rounds, or as `options` say: `--tree DIRECTORY`, `--runs N`; `false` when a ratio
/// is above its target.
pub(crate) fn run(workspace: &Workspace, options: &[&str]) -> Result<bool> {
    let (mut tree, mut runs) = (None, 5_usize);
    for option in options.chunks(2) {
        match option {
            ["--tree", directory] => tree = Some(*directory),
            ["--runs", number] => runs = number.parse().context("--runs takes a number")?,
            other => bail!("compare does not know {other:?}"),
        }
    }
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
            alone.push(Cost { wall: first.wall + second.wall, cpu: first.cpu + second.cpu });
            together.push(Cost { wall: both.wall, cpu: both.cpu });
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
        text += "\n| one order | together | each alone, added | bound | CPU together / added |\n|---|---|---|---|---|\n";
        for pair in pairs {
            let _ = writeln!(text, "{}", pair.to_markdown());
        }
        text
    }
}

const DISK: &str = "4G";
