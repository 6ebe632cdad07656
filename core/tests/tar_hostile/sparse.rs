//! Maps of sparse files that do not add up, in the four forms that there are.

use crate::corpus::{Hostile, Read, Refused, hostile};
use crate::tar_support::{Archive, GNU, Head, octal};

pub(crate) fn push(all: &mut Vec<Hostile>) {
    let most = u64::MAX;
    let signed = i64::MAX as u64;
    // Name, size of the file, ranges of data; 512 bytes of data are there.
    let cases: Vec<(&str, u64, Ranges)> = vec![
        ("overlap", 1024, vec![(0, 512), (0, 512)]),
        ("overlap-by-one", 1023, vec![(0, 512), (511, 512)]),
        ("backwards", 1024, vec![(512, 256), (0, 256)]),
        ("past-the-end", 512, vec![(512, 512)]),
        ("past-the-end-by-one", 511, vec![(0, 512)]),
        ("offset-overflows", most, vec![(most, 512)]),
        ("offset-is-signed", signed, vec![(signed, 512)]),
        ("sum-overflows", 1024, vec![(most - 100, 512)]),
        ("length-overflows", 1024, vec![(0, most)]),
        ("more-than-stored", 1 << 20, vec![(0, 1 << 20)]),
        ("less-than-stored", 512, vec![(0, 1), (512, 0)]),
        ("no-data-but-stored", 1 << 40, vec![]),
    ];
    for (name, size, ranges) in &cases {
        for (form, archive) in forms(*size, ranges) {
            all.push(hostile(format!("sparse/{name}-{form}"), archive, Refused));
        }
    }
    for (form, archive) in forms(2048, &[(512, 512), (2048, 0)]) {
        all.push(hostile(format!("sparse/sound-{form}"), archive, Read));
    }
    texts(all);
}

/// The same file in every form.
fn forms(size: u64, ranges: &[(u64, u64)]) -> Vec<(&'static str, Archive)> {
    let data = vec![b's'; 512];
    let text = |value: u64| value.to_string().into_bytes();
    let list: Vec<String> = ranges.iter().map(|(offset, len)| format!("{offset},{len}")).collect();
    let (size_text, count, list) = (text(size), text(ranges.len() as u64), list.join(",").into_bytes());
    let mut repeated: Vec<(&str, Vec<u8>)> =
        vec![("GNU.sparse.size", size_text.clone()), ("GNU.sparse.numblocks", count.clone())];
    for (offset, len) in ranges {
        repeated.push(("GNU.sparse.offset", text(*offset)));
        repeated.push(("GNU.sparse.numbytes", text(*len)));
    }
    let of = |records: &[(&str, Vec<u8>)]| -> Archive {
        let records: Vec<(&str, &[u8])> = records.iter().map(|(key, value)| (*key, &value[..])).collect();
        Archive::default().pax(b'x', &records)
    };
    let listed = [
        ("GNU.sparse.size", size_text.clone()),
        ("GNU.sparse.numblocks", count.clone()),
        ("GNU.sparse.name", b"s".to_vec()),
        ("GNU.sparse.map", list),
    ];
    let stored = [
        ("GNU.sparse.major", b"1".to_vec()),
        ("GNU.sparse.minor", b"0".to_vec()),
        ("GNU.sparse.name", b"s".to_vec()),
        ("GNU.sparse.realsize", size_text),
    ];
    let lines: String = ranges.iter().map(|(offset, len)| format!("{offset}\n{len}\n")).collect();
    let mut body = [&count[..], b"\n", lines.as_bytes()].concat();
    body.resize(body.len().next_multiple_of(512), 0);
    body.extend(&data);
    let number = |value: u64| match value < 1 << 33 {
        true => octal(value, 12),
        false => [&[0x80, 0, 0, 0][..], &value.to_be_bytes()].concat(),
    };
    let map: Vec<u8> =
        ranges.iter().flat_map(|(offset, len)| [number(*offset), number(*len)].concat()).collect();
    let old = Head::new(b'S', "s").magic(GNU).size(512).patch(386, map).patch(483, number(size));
    vec![
        ("0.0", of(&repeated).file("s", &data).end()),
        ("0.1", of(&listed).file("GNUSparseFile.1/s", &data).end()),
        ("1.0", of(&stored).file("GNUSparseFile.1/s", &body).end()),
        ("old", Archive::default().head(old).data(&data).end()),
    ]
}

/// Maps that are no numbers, or claim more than is there.
fn texts(all: &mut Vec<Hostile>) {
    for (name, map) in [
        ("empty", ""),
        ("words", "many\n"),
        ("negative", "1\n-1\n512\n"),
        ("no-end", "1\n0\n512"),
        ("claims-a-milliard", "1000000000\n0\n512\n"),
        ("claims-2-to-64", "18446744073709551616\n"),
        ("long-number", "000000000000000000000000000000000000000000001\n0\n512\n"),
        ("carriage-returns", "1\r\n0\r\n512\r\n"),
        ("spaces", " 1\n 0\n 512\n"),
        ("only-zeros-digits", "0000"),
    ] {
        let records = [
            ("GNU.sparse.major", &b"1"[..]),
            ("GNU.sparse.minor", b"0"),
            ("GNU.sparse.name", b"s"),
            ("GNU.sparse.realsize", b"512"),
        ];
        let mut body = map.as_bytes().to_vec();
        body.resize(512, 0);
        body.resize(1024, b's');
        let archive = Archive::default().pax(b'x', &records).file("GNUSparseFile.1/s", &body).end();
        all.push(hostile(format!("sparse/text-{name}"), archive, Refused));
    }
}

/// Offsets and lengths of data.
type Ranges = Vec<(u64, u64)>;
