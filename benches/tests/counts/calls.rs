//! System calls of a whole generation by one thread, from files to files, as strace counts them.

use std::collections::BTreeMap;
use std::path::Path;

use diskwright_benches::{Corpus, Origin, Place};
use diskwright_oracle::{path, run, tool};

/// What one mebibyte of a file of that size takes: opening it twice, to scan and to read, 2 reads as it stands across items, the looks
/// that make sure that it is what was scanned, a write and what surrounds it. An archive is open once.
#[test]
fn a_mebibyte_of_large_files_takes_few_calls() {
    let Some(strace) = tool("strace") else { return };
    let place = Place::new(Corpus::Programs).unwrap();
    let nothing = tempfile::tempdir().unwrap();
    for (format, form) in [("raw", "plain"), ("qcow2", "compressed"), ("vmdk", "compressed")] {
        let of_nothing = total(&count(&strace, format, form, nothing.path()));
        for (origin, most) in [(Origin::Directory, 17.0), (Origin::Archive, 10.0)] {
            let calls = count(&strace, format, form, &place.path(origin));
            let each = (total(&calls) - of_nothing) / (Corpus::Programs.size() >> 20) as f64;
            println!("{format} {form}, {origin:?}: {each:.2} calls for a mebibyte");
            assert!(each <= most, "{format} {form}, {origin:?}: {each} calls for a mebibyte: {calls:?}");
        }
    }
}

/// The scan looks at each name, opens it, looks again, asks for its holes and its extended attributes; the writer opens it, looks, reads,
/// looks again: eleven with the two that close it.
#[test]
fn a_small_file_takes_eleven_calls() {
    let Some(strace) = tool("strace") else { return };
    let place = Place::new(Corpus::ManySmall).unwrap();
    let nothing = tempfile::tempdir().unwrap();
    let of_nothing = total(&count(&strace, "raw", "plain", nothing.path()));
    let calls = count(&strace, "raw", "plain", &place.path(Origin::Directory).join("d007"));
    let each = (total(&calls) - of_nothing) / 100.0;
    println!("{each:.2} calls for a file");
    assert!(each <= 11.5, "{each} calls for a file: {calls:?}");
}

/// Calls by name.
fn count(strace: &Path, format: &str, form: &str, source: &Path) -> BTreeMap<String, u64> {
    let room = tempfile::tempdir().unwrap();
    let (summary, outputs) = (room.path().join("summary"), room.path().join("out"));
    let once = env!("CARGO_BIN_EXE_once");
    let watched = [once, format, form, path(source), path(&outputs), "1"];
    let watch =
        ["--follow-forks", "--summary-only", "--summary-columns=calls,name", "--output", path(&summary)];
    run(strace, &[&watch[..], &watched[..]].concat());
    let summary = std::fs::read_to_string(&summary).unwrap();
    let rows = summary.lines().filter_map(|line| {
        let (calls, name) = line.trim().split_once(' ')?;
        Some((name.trim().to_owned(), calls.parse().ok()?))
    });
    let mut calls: BTreeMap<String, u64> = rows.collect();
    calls.remove("total").unwrap();
    // A debug build looks whether what it closes is open.
    calls.remove("fcntl");
    calls
}

fn total(calls: &BTreeMap<String, u64>) -> f64 {
    calls.values().sum::<u64>() as f64
}
