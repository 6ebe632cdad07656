use std::fmt::Write;

use crate::point::{Figures, Measured, Point};

/// Three tables: by threads, by entries, by the disk's size.
pub(crate) fn markdown(measured: &[Measured]) -> String {
    let mut text = String::new();
    by_threads(measured, &mut text);
    by_entries(measured, &mut text);
    by_size(measured, &mut text);
    text
}

fn by_threads(measured: &[Measured], text: &mut String) {
    text.push_str("| threads | time | CPU | against one thread | peak memory |\n|---|---|---|---|---|\n");
    let mut one = None;
    for Measured { point, figures } in measured {
        if let Point::Threads { threads } = point {
            let ratio = *one.get_or_insert(figures.wall) / figures.wall;
            row(text, &format!("| {threads} | {} | {ratio:.2} × | {} |", times(figures), memory(figures)));
        }
    }
}

fn by_entries(measured: &[Measured], text: &mut String) {
    text.push_str("\n| entries | | time | CPU | time for each entry | peak memory | promised |\n|---|---|---|---|---|---|---|\n");
    for one @ Measured { point, figures } in measured {
        let (what, entries) = match point {
            Point::Plan { entries } => ("plan", entries),
            Point::Write { entries } => ("write", entries),
            _ => continue,
        };
        let each = figures.wall / *entries as f64 * 1e6;
        let promised = if one.is_within_memory() { "kept" } else { "BROKEN" };
        let allowed = point.promised_memory() >> 20;
        row(
            text,
            &format!(
                "| {entries} | {what} | {} | {each:.2} µs | {} | {allowed} MiB, {promised} |",
                times(figures),
                memory(figures)
            ),
        );
    }
}

fn by_size(measured: &[Measured], text: &mut String) {
    text.push_str("\n| format | disk | time | CPU | peak memory |\n|---|---|---|---|---|\n");
    for Measured { point, figures } in measured {
        if let Point::Disk { format, size } = point {
            row(
                text,
                &format!("| {format} | {} GiB | {} | {} |", size >> 30, times(figures), memory(figures)),
            );
        }
    }
}

fn row(text: &mut String, row: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "{row}");
}

fn times(figures: &Figures) -> String {
    format!("{:.3} s | {:.3} s", figures.wall, figures.cpu)
}

fn memory(figures: &Figures) -> String {
    format!("{:.1} MiB", figures.memory as f64 / f64::from(1 << 20))
}
