//! Sizes that contradict each other, and numbers in every form that a field may have.

use crate::corpus::{Either, Hostile, Read, Refused, hostile, nested, of_head};
use crate::tar_support::{Archive, GNU, Head, USTAR, base256, octal};

pub(crate) fn push(all: &mut Vec<Hostile>) {
    sizes(all);
    numbers(all);
    times_and_owners(all);
}

/// The size of a record, of the header, and of what stands there, with other extensions between them.
fn sizes(all: &mut Vec<Hostile>) {
    let body = nested();
    let len = body.len();
    for by_record in [0, 1, 511, 512, len, len + 512] {
        for by_header in [0, 512, len] {
            let record = by_record.to_string();
            let size = [("size", record.as_bytes())];
            let file = |name: &str| Head::new(b'0', name).size(by_header as u64);
            // The content is as long as the record says, filled with what is there.
            let content = [&body[..], &body[..]].concat()[..by_record].to_vec();
            let name = |carrier: &str| format!("size/{carrier}-{by_record}-{by_header}");
            let plain = Archive::default().pax(b'x', &size).head(file("a")).data(&content);
            all.push(hostile(name("record"), plain.file("last", "").end(), Read));
            let long = Archive::default().pax(b'x', &size).long(b'L', "l".repeat(120));
            let long = long.head(file("a").magic(GNU)).data(&content).file("last", "").end();
            all.push(hostile(name("record-then-long"), long, Read));
            let long = Archive::default().long(b'L', "l".repeat(120)).pax(b'x', &size);
            let long = long.head(file("a").magic(GNU)).data(&content).file("last", "").end();
            all.push(hostile(name("long-then-record"), long, Read));
            let global = Archive::default().pax(b'g', &size).head(file("a")).data(&content);
            all.push(hostile(name("global"), global.file("last", "").end(), Refused));
        }
    }
    for flag in *b"123456gxLK" {
        let head = Head::new(flag, "a").link("b").size(len as u64);
        let archive = Archive::default().head(head).data(&body).file("last", "").end();
        all.push(hostile(format!("size/body-of-{}", char::from(flag)), archive, Either));
    }
}

/// Every number of a header, written in ways that readers take differently.
fn numbers(all: &mut Vec<Hostile>) {
    let forms: [Form; 16] = [
        ("empty", |width| vec![0; width]),
        ("spaces", |width| vec![b' '; width]),
        ("space-first", |width| format!(" {:>1$}\0", "1", width - 2).into_bytes()),
        ("space-last", |width| format!("{:0>1$} ", "1", width - 1).into_bytes()),
        ("full", |width| format!("{:0>1$}", "1", width).into_bytes()),
        ("nul-inside", |width| [&b"1\0"[..], &vec![b'7'; width - 3], b"\0"].concat()),
        ("eight", |width| format!("{:0>1$}\0", "8", width - 1).into_bytes()),
        ("letter", |width| format!("{:0>1$}\0", "x1", width - 1).into_bytes()),
        ("hexadecimal", |width| format!("{:<1$}\0", "0x1", width - 1).into_bytes()),
        ("plus", |width| format!("{:<1$}\0", "+1", width - 1).into_bytes()),
        ("minus", |width| format!("{:<1$}\0", "-1", width - 1).into_bytes()),
        ("base256-one", |width| base256(1, width)),
        ("base256-minus-one", |width| base256(-1, width)),
        ("base256-most", |width| base256(i64::MAX >> if width == 8 { 8 } else { 0 }, width)),
        ("base256-least", |width| [&[0xff][..], &vec![0; width - 1]].concat()),
        ("base256-all-bits", |width| vec![0xff; width]),
    ];
    for (form, bytes) in forms {
        for magic in [USTAR, GNU] {
            let kind = if magic == GNU { "gnu" } else { "ustar" };
            let head = Head::new(b'0', "a").magic(magic);
            let fields: [(&str, Head); 7] = [
                ("size", Head { size: bytes(12), ..head.clone() }),
                ("mode", Head { mode: bytes(8), ..head.clone() }),
                ("uid", Head { uid: bytes(8), ..head.clone() }),
                ("gid", Head { gid: bytes(8), ..head.clone() }),
                ("mtime", Head { mtime: bytes(12), ..head.clone() }),
                ("major", Head { major: bytes(8), flag: b'3', ..head.clone() }),
                ("minor", Head { minor: bytes(8), flag: b'4', ..head }),
            ];
            for (field, head) in fields {
                let archive = Archive::default().head(head).file("last", "").end();
                all.push(hostile(format!("number/{kind}-{field}-{form}"), archive, Either));
            }
        }
    }
    let mut sum = of_head(Head::new(b'0', "a"));
    for (form, bytes) in
        [("zero", [b'0'; 8]), ("empty", [0; 8]), ("spaces", [b' '; 8]), ("text", *b"checksum")]
    {
        sum.0[148..156].copy_from_slice(&bytes);
        all.push(hostile(format!("number/checksum-{form}"), sum.clone(), Refused));
    }
}

fn times_and_owners(all: &mut Vec<Hostile>) {
    let mut with = |name: &str, keyword: &str, value: &str, verdict| {
        let archive = Archive::default().pax(b'x', &[(keyword, value.as_bytes())]).file("a", "1").end();
        all.push(hostile(format!("time/{keyword}-{name}"), archive, verdict));
    };
    for (name, value) in [
        ("nan", "NaN"),
        ("infinite", "inf"),
        ("exponent", "1e9"),
        ("hexadecimal", "0x10"),
        ("empty", ""),
        ("space", " 1"),
        ("plus", "+1"),
        ("two-points", "1.2.3"),
        ("comma", "1,5"),
        ("point", "."),
        ("thirty-digits", "123456789012345678901234567890"),
        ("past-64-bits", "18446744073709551616"),
    ] {
        with(name, "mtime", value, Refused);
    }
    for (name, value) in [
        ("negative", "-1"),
        ("half", "0.5"),
        ("many-decimals", "1.0000000000000000000000001"),
        ("far", "99999999999"),
    ] {
        with(name, "mtime", value, Either);
    }
    for keyword in ["uid", "gid"] {
        for (name, value) in [
            ("negative", "-1"),
            ("decimal", "1.5"),
            ("none", "4294967295"),
            ("past-32-bits", "4294967296"),
            ("past-64-bits", "18446744073709551616"),
            ("text", "root"),
            ("empty", ""),
        ] {
            with(name, keyword, value, Refused);
        }
        with("most", keyword, "4294967294", Read);
        with("zeros", keyword, "00000000000000000000000001", Either);
    }
    let octal_time = Head { mtime: octal(0o77_777_777_777, 12), ..Head::new(b'0', "a") };
    all.push(hostile("time/header-most", of_head(octal_time), Read));
}

/// A way to write a number in a field of so many bytes, with its name.
type Form = (&'static str, fn(usize) -> Vec<u8>);
