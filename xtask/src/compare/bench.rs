use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::jobs::{Job, Pair, Peer, READING};
use super::measure::{Figures, Stage};
use super::pairs::{Cost, PairRow};
use super::row::{Beside, Limit, Row, Scaling};
use super::tools::Tools;
use super::trees::Tree;
use crate::command;
use crate::workspace::Workspace;

/// The programs that are measured, built.
pub(crate) struct Programs {
    ours: PathBuf,
    limit: PathBuf,
    pub(crate) threads: usize,
}

impl Programs {
    pub(crate) fn build(workspace: &Workspace) -> Result<Self> {
        for (package, program) in [("diskwright-cli", "diskwright"), ("diskwright-benches", "limit")] {
            let build = ["build", "--locked", "--release", "--package", package, "--bin", program];
            command::run(&mut workspace.cargo(&build))?;
        }
        let built = |name: &str| workspace.target.join("release").join(name);
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self { ours: built("diskwright"), limit: built("limit"), threads })
    }

    /// Where orders for images of `tree` are run: `name` in the target directory.
    pub(crate) fn stage(&self, workspace: &Workspace, name: &str, tree: &Tree) -> Stage {
        let order = format!(
            "generate --disk-size {} --name m --seed compare --timestamp 1700000000 --progress none --output o",
            tree.disk
        );
        let environment = vec![
            ("DISKWRIGHT", self.ours.display().to_string()),
            ("ORDER", order),
            ("BOOT", tree.boot.to_owned()),
            ("THREADS", self.threads.to_string()),
            ("TREE", tree.root.display().to_string()),
            ("TAR", tree.tar.display().to_string()),
            ("DISK", tree.disk.clone()),
        ];
        Stage { directory: workspace.target.join(name).join("run"), environment }
    }
}

/// One tree, and all that images of it are made with.
pub(super) struct Bench<'a> {
    programs: &'a Programs,
    tools: &'a Tools,
    tree: &'a Tree,
    stage: Stage,
    /// The raw disk whose chunks the limit encodes.
    raw: PathBuf,
    runs: usize,
}

impl<'a> Bench<'a> {
    pub(super) fn prepare(
        workspace: &Workspace,
        programs: &'a Programs,
        tools: &'a Tools,
        tree: &'a Tree,
        runs: usize,
    ) -> Result<Self> {
        let mut stage = programs.stage(workspace, "compare", tree);
        stage.environment.extend(tools.environment.iter().cloned());
        let raw = stage.directory.with_extension("raw");
        let bench = Self { programs, tools, tree, stage, raw, runs };
        let keep = format!(
            "\"$DISKWRIGHT\" $ORDER $BOOT --scan \"$TREE\" --format raw; mv o/m.raw {}",
            bench.raw.display()
        );
        bench.stage.run(&keep, &[], &[]).context("the raw disk of the limit")?;
        tree.pack_for_size(&bench.whole_seconds())?;
        Ok(bench)
    }

    pub(super) fn compare(&self, job: &'static Job) -> Result<Row> {
        self.tree.warm(&self.stage.directory)?;
        let mut row = Row {
            job,
            size: self.size(job)?,
            ours: Vec::new(),
            beside: Vec::new(),
            limits: Vec::new(),
            scaling: Vec::new(),
        };
        for peer in job.peers {
            let failure = self.tools.missing(peer.tools);
            row.beside.push(Beside { peer, runs: Vec::new(), failure });
        }
        for round in 0..self.runs {
            row.ours.push(self.ours(job, self.programs.threads)?);
            for beside in &mut row.beside {
                self.beside(beside, round)?;
            }
            let limit = self.limit(job, 1, row.ours[round].output)?;
            if job.scales {
                let (one, two) = (self.ours(job, 1)?.wall, self.ours(job, 2)?.wall);
                let ceiling = limit.encode_clock / self.limit(job, 2, row.ours[round].output)?.encode_clock;
                row.scaling.push(Scaling { one, two, ceiling });
            }
            row.limits.push(limit);
        }
        Ok(row)
    }

    fn ours(&self, job: &Job, threads: usize) -> Result<Figures> {
        let output = format!("o/{}", job.output);
        self.stage.run(&job.script(), &[("THREADS", threads.to_string())], &[&output])
    }

    /// Bytes of our output without what the peer's disk does not hold: what boots, and fractions of seconds, which mke2fs 1.47
    /// drops.
    fn size(&self, job: &Job) -> Result<u64> {
        let output = format!("o/{}", job.output);
        let tar = self.whole_seconds().display().to_string();
        let less = [("BOOT", "--boot none".to_owned()), ("TREE", tar.clone()), ("TAR", tar)];
        Ok(self.stage.run(&job.script(), &less, &[&output])?.output)
    }

    /// The tree as an archive whose times are whole seconds.
    fn whole_seconds(&self) -> PathBuf {
        self.stage.directory.with_extension("whole-seconds.tar")
    }

    /// One run of a peer, unless it has failed, or has been shown often enough.
    fn beside(&self, beside: &mut Beside, round: usize) -> Result<()> {
        let Peer { name, script, output, wanted, .. } = beside.peer;
        if beside.failure.is_some() || wanted.is_none() && round >= SHOWN_RUNS {
            return Ok(());
        }
        match self.stage.run(script, &[], &[output]) {
            Ok(figures) => beside.runs.push(figures),
            Err(error) if wanted.is_some() => bail!("{name}: {error:#}"),
            Err(error) => beside.failure = Some(format!("{error:#}")),
        }
        Ok(())
    }

    /// What reading, encoding on `threads` threads, and writing `len` bytes takes.
    fn limit(&self, job: &Job, threads: usize, len: u64) -> Result<Limit> {
        let mut limit = Command::new(&self.programs.limit);
        limit.arg(if job.scan == "TAR" { &self.tree.tar } else { &self.tree.root }).arg(&self.raw);
        limit.arg(self.stage.directory.with_extension("limit")).arg(len.to_string()).arg(threads.to_string());
        limit.arg(job.format).args(job.compress.then_some("compress")).args(job.options);
        let told: Value = serde_json::from_str(&command::output(&mut limit)?)?;
        let part = |name: &str| told.get(name).and_then(Value::as_f64).context("the limit lacks a part");
        let text =
            |name: &str| told.get(name).map(|value| value.to_string().replace('"', "")).unwrap_or_default();
        Ok(Limit {
            threads: self.programs.threads as f64,
            read: part("read")?,
            encode: part("encode")?,
            write: part("write")?,
            encode_clock: part("encode_clock")?,
            codec: format!("{} of {}", text("codec"), text("granularity")),
        })
    }

    pub(super) fn compare_pair(&self, pair: &'static Pair) -> Result<PairRow> {
        let [one, other] = pair.formats;
        let mut row = PairRow { pair, alone: Vec::new(), together: Vec::new(), reads: Vec::new() };
        let order = |formats: &str, outputs: &[&str]| {
            let outputs: Vec<String> = outputs.iter().map(|name| format!("o/{name}")).collect();
            let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
            let compress = if pair.compress { " --compress" } else { "" };
            let script = format!(
                "\"$DISKWRIGHT\" $ORDER $BOOT --scan \"$TREE\" --threads \"$THREADS\" {formats}{compress}"
            );
            self.stage.run(&script, &[], &outputs)
        };
        for _ in 0..self.runs {
            let first = order(&format!("--format {one}"), &pair.outputs[..1])?;
            let second = order(&format!("--format {other}"), &pair.outputs[1..])?;
            let both = order(&format!("--format {one} --format {other}"), &pair.together)?;
            row.alone.push(Cost { wall: first.wall + second.wall, cpu: first.cpu + second.cpu });
            row.together.push(Cost { wall: both.wall, cpu: both.cpu });
            row.reads.push(self.limit(&READING, 1, 0)?.read / self.programs.threads as f64);
        }
        Ok(row)
    }
}

/// How often a peer is run whose figures decide nothing.
const SHOWN_RUNS: usize = 1;
