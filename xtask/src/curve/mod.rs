//! Size against time of every level of every codec: what the default levels were chosen by.
//!
//! Images are without what boots, so that those of QEMU beside them have the same content.

mod plot;

use anyhow::Result;
use serde_json::{Value, json};

use crate::compare::{Options, Programs, Spread, Stage, Tree};
use crate::oracles;
use crate::workspace::Workspace;

/// One codec of one format.
struct Codec {
    /// What `--only` names it.
    key: &'static str,
    name: &'static str,
    /// Our options.
    format: &'static str,
    /// Our output, below `o`.
    output: &'static str,
    most: u8,
    /// What QEMU is told for the same, if it has it.
    qemu: Option<&'static str>,
}

/// What one level took and gave; of none, the default's.
struct Point {
    level: Option<u8>,
    seconds: f64,
    cpu: f64,
    bytes: u64,
}

/// All levels of one codec.
struct Curve {
    codec: &'static Codec,
    points: Vec<Point>,
    /// The level that is taken where none is given.
    default: u8,
    qemu: Option<Point>,
}

const CODECS: &[Codec] = &[
    Codec {
        key: "qcow2-deflate",
        name: "QCOW2 deflate",
        format: "--format qcow2 --compress",
        output: "o/m.qcow2",
        most: 9,
        qemu: Some("-O qcow2 -c -m 8 -W"),
    },
    Codec {
        key: "vmdk",
        name: "VMDK zlib",
        format: "--format vmdk --compress",
        output: "o/m.vmdk",
        most: 12,
        qemu: Some("-O vmdk -m 8 -W -o subformat=streamOptimized"),
    },
    Codec {
        key: "qcow2-zstd",
        name: "QCOW2 zstd",
        format: "--format qcow2 --compress -O compression=zstd",
        output: "o/m.qcow2",
        most: 19,
        qemu: Some("-O qcow2 -c -m 8 -W -o compression_type=zstd"),
    },
    Codec {
        key: "raw-gzip",
        name: "raw.gz",
        format: "--format raw --compress -O compression=gzip",
        output: "o/m.raw.gz",
        most: 12,
        qemu: None,
    },
    Codec {
        key: "raw-zstd",
        name: "raw.zst",
        format: "--format raw --compress -O compression=zstd",
        output: "o/m.raw.zst",
        most: 19,
        qemu: None,
    },
];

/// Measures on the Debian tree, each level once, or as `words` say: `--tree TREE`, `--runs N`, `--only CODEC`.
pub(crate) fn run(workspace: &Workspace, words: &[&str]) -> Result<()> {
    let mut options = Options::parse(words, 1)?;
    options.check(&CODECS.iter().map(|codec| codec.key).collect::<Vec<_>>())?;
    if options.trees.is_empty() {
        options.trees.push("debian".to_owned());
    }
    oracles::install_for_comparison()?;
    let programs = Programs::build(workspace)?;
    let results = workspace.target.join("curve");
    std::fs::create_dir_all(&results)?;
    for tree in Tree::all(&options.trees, workspace)? {
        let stage = programs.stage(workspace, "curve", &tree);
        let mut curves = Vec::new();
        for codec in CODECS.iter().filter(|codec| options.wants(codec.key)) {
            println!("{} …", codec.name);
            tree.warm(&stage.directory)?;
            curves.push(measure(&stage, codec, options.runs)?);
        }
        let text = markdown(&tree.name, programs.threads, &curves);
        println!("\n{text}");
        let write = |suffix: &str, text: String| {
            std::fs::write(results.join(format!("{}.{suffix}", tree.name)), text)
        };
        write("md", text)?;
        write("json", format!("{:#}\n", curves.iter().map(Curve::to_json).collect::<Value>()))?;
        write("svg", plot::plot(&tree.name, programs.threads, &curves))?;
    }
    println!("written to {}", results.display());
    Ok(())
}

fn measure(stage: &Stage, codec: &'static Codec, runs: usize) -> Result<Curve> {
    let boot = [("BOOT", "--boot none".to_owned())];
    let point = |level: Option<u8>, script: &str, output: &str| -> Result<Point> {
        let figures = (0..runs).map(|_| stage.run(script, &boot, &[output])).collect::<Result<Vec<_>>>()?;
        Ok(Point {
            level,
            seconds: Spread::over(&figures, |run| run.wall).median,
            cpu: Spread::over(&figures, |run| run.cpu).median,
            bytes: figures.first().map_or(0, |run| run.output),
        })
    };
    let ours = |option: &str| {
        format!(
            "\"$DISKWRIGHT\" $ORDER $BOOT --scan \"$TREE\" --threads \"$THREADS\" {}{option}",
            codec.format
        )
    };
    let mut points = Vec::new();
    for level in 1..=codec.most {
        points.push(point(Some(level), &ours(&format!(" -O level={level}")), codec.output)?);
    }
    // The level that gives the same is the default's, whatever a document says.
    let plain = point(None, &ours(""), codec.output)?;
    let same = points.iter().find(|point| point.bytes == plain.bytes);
    let qemu = codec.qemu.map(|options| {
        let convert = format!(
            "truncate -s \"$DISK\" disk.raw; mke2fs -q -t ext4 -d \"$TREE\" disk.raw; \
             qemu-img convert -f raw {options} disk.raw out; sync out"
        );
        point(None, &convert, "out")
    });
    let default = same.and_then(|point| point.level).unwrap_or_default();
    Ok(Curve { codec, points, default, qemu: qemu.transpose()? })
}

impl Curve {
    fn to_json(&self) -> Value {
        let point = |point: &Point| json!({"level": point.level, "seconds": point.seconds, "cpu": point.cpu, "bytes": point.bytes});
        json!({
            "codec": self.codec.key, "default": self.default, "points": self.points.iter().map(point).collect::<Vec<_>>(),
            "qemu": self.qemu.as_ref().map(point),
        })
    }
}

fn markdown(tree: &str, threads: usize, curves: &[Curve]) -> String {
    let mut text = format!("Levels on the tree {tree}, {threads} threads; the default in bold.\n\n");
    text += "| codec | level | time | CPU | size |\n|---|---|---|---|---|\n";
    for curve in curves {
        let mut line = |level: &str, point: &Point| {
            text += &format!(
                "| {} | {level} | {:.2} s | {:.2} s | {:.1} MiB |\n",
                curve.codec.name,
                point.seconds,
                point.cpu,
                mebibytes(point.bytes)
            );
        };
        for point in &curve.points {
            let level = point.level.unwrap_or_default();
            let bold = if level == curve.default { "**" } else { "" };
            line(&format!("{bold}{level}{bold}"), point);
        }
        if let Some(qemu) = &curve.qemu {
            line("mke2fs + qemu-img", qemu);
        }
    }
    text
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
