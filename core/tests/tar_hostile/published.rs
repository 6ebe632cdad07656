//! Archives after the descriptions of published faults of other readers, named by them.

use crate::corpus::{Either, Hostile, Read, Refused, hostile, nested};
use crate::tar_support::{Archive, GNU, Head, USTAR, base256};

pub(crate) fn push(all: &mut Vec<Hostile>) {
    sizes(all);
    links(all);
    limits(all);
}

fn sizes(all: &mut Vec<Hostile>) {
    let body = nested();
    let len = body.len().to_string();
    let size = [("size", len.as_bytes())];
    for (name, in_header) in
        [("CVE-2025-62518-zero", 0), ("CVE-2025-62518-block", 512), ("CVE-2026-33055", 1536)]
    {
        let outer = Archive::default().pax(b'x', &size).head(Head::new(b'0', "outer").size(in_header));
        all.push(hostile(format!("published/{name}"), outer.data(&body).file("last", "").end(), Read));
    }
    let long = |flag, kind| {
        let archive = Archive::default().pax(b'x', &size).long(flag, "n".repeat(150));
        archive.head(Head::new(kind, "short").magic(GNU).link("x"))
    };
    let named = long(b'L', b'0').data(&body).file("last", "").end();
    all.push(hostile("published/GHSA-3cv2-h65g-fgmm", named, Read));
    all.push(hostile("published/GHSA-3pv8-6f4r-ffg2", long(b'K', b'2').data(&body).end(), Refused));
    let directory = Archive::default().pax(b'x', &size).dir("d/").data(&body).end();
    all.push(hostile("published/size-of-a-directory", directory, Refused));
    // After an error in a long name a reader lost step and went on.
    let lost = Archive::default().long(b'L', "a\0b").file("short", "").file("last", "").end();
    all.push(hostile("published/tar-rs-434", lost, Refused));
    let lost = Archive::default().head(Head::new(b'L', "x").magic(GNU).size(600)).data(vec![b'n'; 600]);
    all.push(hostile("published/tar-rs-434-without-nul", lost.file("short", "").end(), Either));
}

fn links(all: &mut Vec<Hostile>) {
    let chmod = Archive::default()
        .symlink("x", "/etc")
        .head(Head { mode: b"0000777\0".to_vec(), ..Head::new(b'5', "x") });
    all.push(hostile("published/CVE-2026-33056", chmod.end(), Either));
    let first = Archive::default().symlink("x", "../../..").end();
    let second = Archive::default().file("x/authorized_keys", "key").end();
    all.push(hostile("published/CVE-2025-45582-at-once", Archive([first.0, second.0].concat()), Refused));
    let planted = Archive::default().symlink("x", "../../..").file("x/authorized_keys", "key").end();
    all.push(hostile("published/RUSTSEC-2021-0080", planted, Refused));
    let over =
        Archive::default().symlink("f", "/etc/passwd").hard_link("g", "f").file("g", "root::0:0").end();
    all.push(hostile("published/RUSTSEC-2018-0002", over, Read));
    let step = ["d".repeat(247), "a".to_owned(), "..".to_owned()].join("/");
    let long = Archive::default().symlink("a/b", step.repeat(16)).file("a/b/x", "1").end();
    all.push(hostile("published/CVE-2025-4517", long, Refused));
    let out = Archive::default().symlink("x", "d/../../..").hard_link("y", "x/../etc/passwd").end();
    all.push(hostile("published/CVE-2025-4330", out, Refused));
    let self_link = Archive::default().file("a", "1").hard_link("a", "a").end();
    all.push(hostile("published/libarchive-449", self_link, Either));
    let alone = Archive::default().hard_link("a", "a").end();
    all.push(hostile("published/libarchive-449-alone", alone, Refused));
    let later = Archive::default().hard_link("a", "b").file("b", "1").end();
    all.push(hostile("published/genext2fs-21", later, Read));
}

fn limits(all: &mut Vec<Hostile>) {
    let negative = Head { size: base256(-1024, 12), ..Head::new(b'0', "a").magic(GNU) };
    all.push(hostile("published/CVE-2025-8194", Archive::default().head(negative).end(), Refused));
    let negative = Head { size: base256(-512, 12), ..Head::new(b'x', "a").magic(USTAR) };
    all.push(hostile(
        "published/CVE-2019-20907",
        Archive::default().head(negative).file("a", "").end(),
        Refused,
    ));
    // A record of length 0 is read for ever.
    let endless = Archive::default().pax_body(b'x', b"0 path=x\n").file("a", "").end();
    all.push(hostile("published/CVE-2019-20907-record", endless, Refused));
    let cut = Archive::default().head(Head::new(b'K', "x").magic(GNU).size(70_000)).data("only this");
    all.push(hostile("published/CVE-2024-57970", cut, Refused));
    let map = "1000000000\n".to_owned() + &"0\n1\n".repeat(100);
    let records = [
        ("GNU.sparse.major", &b"1"[..]),
        ("GNU.sparse.minor", b"0"),
        ("GNU.sparse.name", b"s"),
        ("GNU.sparse.realsize", b"99999999999"),
    ];
    let sparse = Archive::default().pax(b'x', &records).file("s", map).end();
    all.push(hostile("published/CVE-2025-58183", sparse, Refused));
    for (name, flag) in [("records", b'x'), ("globals", b'g'), ("long-name", b'L'), ("long-link", b'K')] {
        let head = Head { size: base256(1 << 40, 12), ..Head::new(flag, "x").magic(GNU) };
        all.push(hostile(
            format!("published/claims-a-tebibyte-of-{name}"),
            Archive::default().head(head).end(),
            Refused,
        ));
    }
}
