use serde_json::{Value, json};

use super::jobs::Peer;
use super::measure::{Figures, Spread};
use super::pairs::{PairRow, cpu, wall};
use super::row::{Beside, LEAST_SPEEDUP, Row};

/// All tables of one tree.
pub(super) fn markdown(rows: &[Row], pairs: &[PairRow]) -> String {
    let mut text = String::new();
    let mut table = |head: &[&str], lines: Vec<String>| {
        if !lines.is_empty() {
            let rule = "|---".repeat(head.len());
            text += &format!("| {} |\n{rule}|\n{}\n\n", head.join(" | "), lines.join("\n"));
        }
    };
    let head = [
        "job",
        "against",
        "ours",
        "theirs",
        "ratio",
        "at most",
        "size",
        "CPU",
        "memory",
        "temporary",
        "written",
    ];
    table(
        &head,
        rows.iter().flat_map(|row| row.beside.iter().map(|beside| line_beside(row, beside))).collect(),
    );
    let head = ["job", "ours", "limit", "ratio", "at most", "reading, encoding, writing (CPU)", "encoding"];
    table(&head, rows.iter().map(line_of_limit).collect());
    let head = [
        "job",
        "1 thread",
        "2 threads",
        "faster",
        "at least",
        "the codec alone",
        "codec's part of the limit",
    ];
    table(&head, rows.iter().filter(|row| !row.scaling.is_empty()).map(line_of_scaling).collect());
    let head = ["one order", "together", "each alone, added", "at most", "CPU together / added"];
    table(&head, pairs.iter().map(line_of_pair).collect());
    text
}

/// All figures of one tree.
pub(super) fn to_json(rows: &[Row], pairs: &[PairRow]) -> Value {
    let job = |row: &Row| {
        let beside = |beside: &Beside| {
            let Peer { name, script, wanted, .. } = beside.peer;
            json!({
                "name": name, "script": script, "runs": figures(&beside.runs), "failure": beside.failure,
                "ratio": spread(beside.ratio(&row.ours)), "at_most": wanted.map(|wanted| wanted.ratio),
            })
        };
        let limits: Vec<Value> = row
            .limits
            .iter()
            .map(|limit| json!({"read": limit.read, "encode": limit.encode, "write": limit.write, "threads": limit.threads}))
            .collect();
        json!({
            "job": row.job.key, "script": row.job.script(), "size_without_boot": row.size, "ours": figures(&row.ours),
            "beside": row.beside.iter().map(beside).collect::<Vec<_>>(),
            "limits": limits, "over_limit": spread(row.over_limit()), "speedup": spread(row.speedup()),
            "misses": row.misses(),
        })
    };
    let pair = |row: &PairRow| {
        json!({
            "pair": row.pair.key, "together": spread(wall(&row.together)), "alone": spread(wall(&row.alone)),
            "at_most": row.bound(), "reached": row.is_reached(),
        })
    };
    json!({"jobs": rows.iter().map(job).collect::<Vec<_>>(), "pairs": pairs.iter().map(pair).collect::<Vec<_>>()})
}

fn line_beside(row: &Row, beside: &Beside) -> String {
    let job = row.job.name;
    let name = beside.peer.name;
    let seconds = |runs: &[Figures]| format!("{:.2} s", Spread::over(runs, |figures| figures.wall).median);
    if let Some(failure) = &beside.failure {
        let failure: String = failure.replace('|', "/").replace('\n', " ").chars().take(MESSAGE).collect();
        return format!("| {job} | {name} | {} | {failure} | | | | | | | |", seconds(&row.ours));
    }
    let both = |figure: fn(&Figures) -> f64, digits: usize, unit: &str| {
        let of = |runs: &[Figures]| Spread::over(runs, figure).median;
        format!("{:.digits$} / {:.digits$} {unit}", of(&row.ours), of(&beside.runs))
    };
    let ratio = beside.ratio(&row.ours);
    let wanted = beside.peer.wanted;
    let most = wanted.map_or_else(String::new, |wanted| wanted.ratio.to_string());
    let output = |runs: &[Figures]| Spread::over(runs, |figures| mebibytes(figures.output)).median;
    let (ours, alike, theirs) = (output(&row.ours), mebibytes(row.size), output(&beside.runs));
    let size = format!("{ours:.1} ({alike:.1}) / {theirs:.1} MiB");
    format!(
        "| {job} | {name} | {} | {} | {} | {most} | {} | {} | {} | {} | {} |",
        seconds(&row.ours),
        seconds(&beside.runs),
        judged(ratio, wanted.is_some()),
        size,
        both(|figures| figures.cpu, 2, "s"),
        both(|figures| mebibytes(figures.memory), 0, "MiB"),
        both(|figures| mebibytes(figures.temporary), 0, "MiB"),
        both(|figures| mebibytes(figures.written), 0, "MiB"),
    )
}

fn line_of_limit(row: &Row) -> String {
    let over = row.over_limit();
    let limit = |part: fn(&super::row::Limit) -> f64| Spread::of(row.limits.iter().map(part)).median;
    format!(
        "| {} | {:.2} s | {:.2} s | {} | {} | {:.2} + {:.2} + {:.2} s | {} |",
        row.job.name,
        Spread::over(&row.ours, |figures| figures.wall).median,
        limit(|limit| limit.seconds()),
        judged(over, row.job.limit.is_some()),
        row.job.limit.map_or_else(String::new, |most| most.to_string()),
        limit(|limit| limit.read),
        limit(|limit| limit.encode),
        limit(|limit| limit.write),
        row.limits.first().map_or("", |limit| &limit.codec),
    )
}

fn line_of_scaling(row: &Row) -> String {
    let speedup = row.speedup();
    let seconds = |of: fn(&super::row::Scaling) -> f64| Spread::of(row.scaling.iter().map(of)).median;
    let least = if row.must_scale() { LEAST_SPEEDUP.to_string() } else { String::new() };
    format!(
        "| {} | {:.2} s | {:.2} s | {} | {least} | {:.3} | {:.0} % |",
        row.job.name,
        seconds(|scaling| scaling.one),
        seconds(|scaling| scaling.two),
        judged(speedup, row.must_scale()),
        seconds(|scaling| scaling.ceiling),
        row.codec_part() * 100.0,
    )
}

fn line_of_pair(row: &PairRow) -> String {
    let verdict = if row.is_reached() { "reached" } else { "missed" };
    format!(
        "| {} | {:.2} s | {:.2} s | {:.2} s, {verdict} | {:.2} / {:.2} s |",
        row.pair.name,
        wall(&row.together).median,
        wall(&row.alone).median,
        row.bound(),
        cpu(&row.together).median,
        cpu(&row.alone).median,
    )
}

fn figures(runs: &[Figures]) -> Value {
    let run = |run: &Figures| {
        json!({"wall": run.wall, "cpu": run.cpu, "memory": run.memory, "output": run.output, "temporary": run.temporary,
               "written": run.written})
    };
    runs.iter().map(run).collect()
}

/// Nothing where there is no number: JSON has no other.
fn spread(spread: Spread) -> Value {
    json!({"median": spread.median, "least": spread.least, "most": spread.most})
}

/// A ratio with its spread, bold where it decides.
fn judged(ratio: Spread, decides: bool) -> String {
    let bold = if decides { "**" } else { "" };
    format!("{bold}{:.3}{bold} ({:.3}–{:.3})", ratio.median, ratio.least, ratio.most)
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Characters of a failure that a table shows.
const MESSAGE: usize = 200;
