use super::measure::{Figures, Spread};
use super::row::Row;
use crate::svg::{Anchor, COLOURS, DARK, GREY, Svg};

/// Horizontal bars for each job: the peer that decides, ours and the limit, as parts of the peer's time; a mark where ours
/// must end.
pub(super) fn plot(title: &str, rows: &[Row]) -> String {
    let height = TOP + rows.len() as f64 * JOB + 46.0;
    let mut svg = Svg::new(WIDTH, height, &format!("{title}: time of each job as a part of the peer's"));
    svg.text((LEFT, 24.0), 16.0, Anchor::Start, title);
    let lines = TOP + rows.len() as f64 * JOB - 8.0;
    let longest = rows.iter().flat_map(bars).map(|bar| bar.part).fold(1.0, f64::max);
    let x = |part: f64| LEFT + part / longest * (RIGHT - LEFT);
    for quarter in 0..=(longest * 4.0) as u32 {
        let part = f64::from(quarter) / 4.0;
        svg.line(&[(x(part), TOP - 8.0), (x(part), lines)], "#dddddd", 1.0);
        svg.text((x(part), lines + 16.0), 11.0, Anchor::Middle, &format!("{part}"));
    }
    svg.text(
        (LEFT, lines + 34.0),
        11.0,
        Anchor::Start,
        "part of the peer's time; the dark mark is the most that ours may take",
    );
    for (at, row) in rows.iter().enumerate() {
        let top = TOP + at as f64 * JOB;
        svg.text((LEFT - 10.0, top + 26.0), 13.0, Anchor::End, row.job.name);
        for (line, bar) in bars(row).iter().enumerate() {
            let y = top + line as f64 * BAR;
            svg.rectangle((LEFT, y), ((x(bar.part) - LEFT).max(1.0), BAR - 3.0), bar.colour);
            svg.text(
                (x(bar.part) + 6.0, y + 11.0),
                11.0,
                Anchor::Start,
                &format!("{} {:.2} s", bar.name, bar.seconds),
            );
        }
        if let Some(wanted) = row.beside.first().and_then(|beside| beside.peer.wanted) {
            let at = x(wanted.ratio);
            svg.line(&[(at, top - 3.0), (at, top + 3.0 * BAR)], DARK, 2.0);
        }
    }
    svg.finish()
}

struct Bar<'a> {
    name: &'a str,
    colour: &'static str,
    seconds: f64,
    part: f64,
}

/// Of the limit's time where there is no peer.
fn bars(row: &Row) -> Vec<Bar<'_>> {
    let wall = |runs: &[Figures]| Spread::over(runs, |figures| figures.wall).median;
    let limit = Spread::of(row.limits.iter().map(|limit| limit.seconds())).median;
    let mut all = Vec::new();
    if let Some(beside) = row.beside.first().filter(|beside| !beside.runs.is_empty()) {
        all.push((beside.peer.name, GREY, wall(&beside.runs)));
    }
    all.push(("Diskwright", COLOURS[0], wall(&row.ours)));
    all.push(("the limit", COLOURS[4], limit));
    let whole = all[0].2;
    let bar = |(name, colour, seconds)| Bar { name, colour, seconds, part: seconds / whole };
    all.into_iter().map(bar).collect()
}

const WIDTH: f64 = 860.0;
const LEFT: f64 = 170.0;
/// What is right of the longest bar is its text's.
const RIGHT: f64 = 690.0;
const TOP: f64 = 52.0;
const BAR: f64 = 15.0;
const JOB: f64 = 58.0;
