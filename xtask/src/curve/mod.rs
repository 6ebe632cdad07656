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

/// Measures on the Debian tree, each level once, or as `words` say: `--tree TREE`, `--runs N`, `--only CODEC`. Codecs that are
/// left out keep what was measured before.
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
        let json = results.join(format!("{}.json", tree.name));
        let before = std::fs::read(&json).ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok());
        let mut curves = Vec::new();
        for codec in CODECS {
            if options.wants(codec.key) {
                println!("{} …", codec.name);
                tree.warm(&stage.directory)?;
                curves.push(measure(&stage, codec, options.runs)?);
            } else {
                curves.extend(before.as_ref().and_then(|before| Curve::from_json(codec, before)));
            }
        }
        let text = markdown(&tree.name, programs.threads, &curves);
        println!("\n{text}");
        let write = |suffix: &str, text: String| {
            std::fs::write(results.join(format!("{}.{suffix}", tree.name)), text)
        };
        write("md", text)?;
        std::fs::write(&json, format!("{:#}\n", curves.iter().map(Curve::to_json).collect::<Value>()))?;
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
    /// The curve of `codec` among those that [`Curve::to_json`] wrote.
    fn from_json(codec: &'static Codec, curves: &Value) -> Option<Self> {
        let point = |point: &Value| {
            Some(Point {
                level: point.get("level")?.as_u64().and_then(|level| u8::try_from(level).ok()),
                seconds: point.get("seconds")?.as_f64()?,
                cpu: point.get("cpu")?.as_f64()?,
                bytes: point.get("bytes")?.as_u64()?,
            })
        };
        let of_codec = |curve: &&Value| curve.get("codec").is_some_and(|key| key == codec.key);
        let curve = curves.as_array()?.iter().find(of_codec)?;
        Some(Self {
            codec,
            points: curve.get("points")?.as_array()?.iter().map(point).collect::<Option<_>>()?,
            default: u8::try_from(curve.get("default")?.as_u64()?).ok()?,
            qemu: curve.get("qemu").and_then(point),
        })
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(codec: &'static Codec) -> Curve {
        let point = |level, seconds, bytes| Point { level, seconds, cpu: 2.0 * seconds, bytes };
        Curve {
            codec,
            points: vec![point(Some(1), 1.0, 300 << 20), point(Some(2), 10.0, 250 << 20)],
            default: 2,
            qemu: codec.qemu.map(|_| point(None, 20.0, 260 << 20)),
        }
    }

    #[test]
    fn curves_come_back_from_their_file() {
        let written: Value = CODECS.iter().map(|codec| curve(codec).to_json()).collect();
        for codec in CODECS {
            let read = Curve::from_json(codec, &written).unwrap();
            assert_eq!(read.to_json(), curve(codec).to_json());
        }
        assert!(Curve::from_json(&CODECS[1], &json!([curve(&CODECS[0]).to_json()])).is_none());
    }

    #[test]
    fn the_table_has_every_level_and_the_default_in_bold() {
        let text = markdown("t", 2, &[curve(&CODECS[0])]);
        assert!(text.contains("| QCOW2 deflate | 1 | 1.00 s | 2.00 s | 300.0 MiB |"), "{text}");
        assert!(text.contains("| QCOW2 deflate | **2** | 10.00 s | 20.00 s | 250.0 MiB |"), "{text}");
        assert!(
            text.contains("| QCOW2 deflate | mke2fs + qemu-img | 20.00 s | 40.00 s | 260.0 MiB |"),
            "{text}"
        );
    }

    #[test]
    fn the_plot_marks_the_default_and_lies_within_the_sheet() {
        let svg = plot::plot("t", 2, &[curve(&CODECS[0]), curve(&CODECS[3])]);
        assert_eq!(svg.matches("r=\"6\" fill=\"#ffffff\"").count(), 3, "two defaults and the legend");
        let circles = svg.lines().filter(|line| line.starts_with("<circle"));
        let number = |line: &str, name: &str| -> f64 {
            line.split_once(name).and_then(|(_, rest)| rest.split_once('"')).unwrap().0.parse().unwrap()
        };
        for line in circles {
            let (x, y) = (number(line, "cx=\""), number(line, "cy=\""));
            assert!((0.0..860.0).contains(&x) && (0.0..460.0).contains(&y), "{line}");
        }
    }
}
