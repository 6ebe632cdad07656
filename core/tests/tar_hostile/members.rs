//! Names and targets that lead elsewhere, and what comes twice.

use crate::corpus::{Either, Hostile, Read, Refused, hostile};
use crate::tar_support::{Archive, GNU, Head};

pub(crate) fn push(all: &mut Vec<Hostile>) {
    names(all);
    links(all);
    twice(all);
}

/// Each name in a header, as a long name, and as a record.
fn names(all: &mut Vec<Hostile>) {
    let long = |count: usize| vec![b'n'; count];
    let names: Vec<(&str, Vec<u8>, crate::corpus::Verdict)> = vec![
        ("up", b"../x".to_vec(), Refused),
        ("up-inside", b"a/../../x".to_vec(), Refused),
        ("up-last", b"a/..".to_vec(), Refused),
        ("only-up", b"..".to_vec(), Refused),
        ("absolute-up", b"/../etc/passwd".to_vec(), Refused),
        ("absolute", b"/etc/passwd".to_vec(), Either),
        ("many-slashes", b"//etc///passwd".to_vec(), Either),
        ("dots", b"./././x".to_vec(), Either),
        ("dot", b".".to_vec(), Refused),
        ("slash", b"/".to_vec(), Refused),
        ("three-dots", b"...".to_vec(), Read),
        ("newline", b"a\nb".to_vec(), Read),
        ("escape", b"\x1b[31m".to_vec(), Either),
        ("bell", b"\x07\x7f".to_vec(), Either),
        ("not-utf8", b"\xff\xfe".to_vec(), Either),
        ("surrogate", b"\xed\xa0\x80".to_vec(), Either),
        ("backslashes", b"..\\..\\x".to_vec(), Either),
        ("drive", b"C:\\x".to_vec(), Either),
        ("spaces", b"   ".to_vec(), Read),
        ("option", b"--checkpoint-action=exec=sh".to_vec(), Read),
        ("whiteout", b".wh..wh..opq".to_vec(), Read),
        ("below-the-report", b".diskwright/machine.json/x".to_vec(), Either),
        ("percent", b"%2e%2e/x".to_vec(), Read),
    ];
    for (case, name, verdict) in names {
        let header = Archive::default().file(&name, "1").end();
        all.push(hostile(format!("name/{case}-header"), header, verdict));
        let by_long = Archive::default().long(b'L', &name);
        let by_long = by_long.head(Head::new(b'0', "short").magic(GNU).size(1)).data("1").end();
        all.push(hostile(format!("name/{case}-long"), by_long, verdict));
        let by_record = Archive::default().pax(b'x', &[("path", &name)]).file("short", "1").end();
        all.push(hostile(format!("name/{case}-record"), by_record, verdict));
    }
    for (case, len, verdict) in [("255", 255, Read), ("256", 256, Refused), ("4096", 4096, Refused)] {
        let archive = Archive::default().pax(b'x', &[("path", &long(len))]).file("short", "1").end();
        all.push(hostile(format!("name/length-{case}"), archive, verdict));
    }
    let deep = |levels: usize| [b"d/".repeat(levels), b"f".to_vec()].concat();
    for (levels, verdict) in [(100, Read), (5000, Refused), (100_000, Refused)] {
        let archive = Archive::default().pax(b'x', &[("path", &deep(levels))]).file("short", "1").end();
        all.push(hostile(format!("name/depth-{levels}"), archive, verdict));
    }
    for (case, name) in [("nul-record", &b"a\0b"[..]), ("empty-record", b""), ("nul-only", b"\0")] {
        let archive = Archive::default().pax(b'x', &[("path", name)]).file("short", "1").end();
        all.push(hostile(format!("name/{case}"), archive, Refused));
    }
}

/// Links of both kinds to places outside and to themselves, and what is written through them.
fn links(all: &mut Vec<Hostile>) {
    for (case, target, hard) in [
        ("up", "../../etc/passwd", Refused),
        ("absolute", "/etc/passwd", Refused),
        ("missing", "nowhere", Refused),
        ("itself", "a", Refused),
        ("directory", "d", Refused),
        ("up-inside", "d/../f", Refused),
        ("dots", "./f", Either),
        ("slashes", "d//..//f", Refused),
        ("root", "/", Refused),
        ("empty", "", Refused),
    ] {
        let base = || Archive::default().dir("d/").file("d/inside", "1").file("f", "1");
        all.push(hostile(format!("link/hard-{case}"), base().hard_link("a", target).end(), hard));
        let record = base().pax(b'x', &[("linkpath", target.as_bytes())]).hard_link("a", "f").end();
        all.push(hostile(format!("link/hard-record-{case}"), record, hard));
        // A symbolic link may lead anywhere: only the guest follows it. But nothing is below it.
        let symbolic = if target.is_empty() { Refused } else { Either };
        all.push(hostile(format!("link/symbolic-{case}"), base().symlink("a", target).end(), symbolic));
        let below = base().symlink("a", target).file("a/x", "1").end();
        all.push(hostile(format!("link/below-{case}"), below, Refused));
        let through = base().symlink("a", target).hard_link("b", "a/x").end();
        all.push(hostile(format!("link/through-{case}"), through, Refused));
    }
    let chain = Archive::default().symlink("a", "b").symlink("b", "c").symlink("c", "a").file("a/x", "1");
    all.push(hostile("link/below-a-ring", chain.end(), Refused));
    let deep = Archive::default().symlink("a", ".").symlink("a/a", "..").file("a/a/a/x", "1");
    all.push(hostile("link/step-by-step", deep.end(), Refused));
    let late = Archive::default().file("d/x", "1").symlink("d", "/etc");
    all.push(hostile("link/in-place-of-a-directory", late.end(), Refused));
}

/// Two members of one name, of any two kinds, then one below it.
fn twice(all: &mut Vec<Hostile>) {
    let kinds = ["file", "directory", "symbolic", "hard", "fifo", "device"];
    let put = |archive: Archive, kind: &str| match kind {
        "file" => archive.file("a", "1"),
        "directory" => archive.dir("a/"),
        "symbolic" => archive.symlink("a", "/etc"),
        "hard" => archive.hard_link("a", "f"),
        "fifo" => archive.head(Head::new(b'6', "a")),
        _ => archive.head(Head::new(b'3', "a")),
    };
    for first in kinds {
        for second in kinds {
            let both = || put(put(Archive::default().file("f", "1"), first), second);
            all.push(hostile(format!("twice/{first}-{second}"), both().end(), Either));
            let below = if second == "directory" { Either } else { Refused };
            let name = format!("twice/{first}-{second}-below");
            all.push(hostile(name, both().file("a/x", "1").end(), below));
        }
    }
}
